//! The volatile machine: pairs tasks and queries with pollers. Losing it loses nothing, because shards own what
//! waits and offer it again.
//!
//! | task | event | next | said |
//! |---|---|---|---|
//! | – | offered | queued | `OfferTaken` |
//! | queued, claimed | offered again | as it was | `OfferTaken` |
//! | queued | a poller is there | claimed by it | `Claim` to the shard |
//! | queued in a sticky queue | nobody polled it for a while | queued in the normal one | – |
//! | queued in a sticky queue | its worker shut down | queued in the normal one | – |
//! | queued | withdrawn | gone | – |
//! | claimed | no answer for a while | claimed | `Claim` again |
//! | claimed | started | gone; the shard has answered the poller | – |
//! | claimed | refused | gone; the poll ends empty, because an answer that was lost may have ended it before | – |
//!
//! Which version of the workers a task is for, if they have versions, is the affair of `routing`.
//!
//! A query is handed to a poller at once and waits for the worker's answer, its caller's end, or its own. The worker that
//! has the run in its cache is asked first; when its sticky queue's schedule-to-start timeout passes without an answer,
//! any worker is asked, and what the first one says then is not found.
// temporal: service/matching/{matching_engine,physical_task_queue_manager}.go;
// temporal: service/history/api/queryworkflow/api.go queryDirectlyThroughMatching, the sticky worker's answer is awaited for
// the sticky schedule-to-start timeout, then the normal queue is asked.

mod routing;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use steadfast_proto::temporal::api::query::v1::WorkflowQueryResult;

use crate::{
    deployment::Routing,
    effect::{Effect, EventRange, Exhausted, QueryTaskReply, Rejection, Reply, ReplyTo},
    ids::{Epoch, EventId, Namespace, RequestId, ShardId},
    limits::{
        ENDED_WORKER_MEMORY, MAX_ENDED_WORKERS, MAX_POLLERS, QUERY_TIMEOUT, RESEND_INTERVAL,
        STICKY_LIVENESS,
    },
    message::{Address, Claim, ClaimId, Envelope, Message, Offer, QueryOffer, QueueKey, TaskRef},
    time::Monotonic,
    versioning::Route,
    workflow_task::query_answer,
};

/// What matching is told.
#[derive(Clone, Debug, PartialEq)]
pub enum MatchingInput {
    /// Somebody polls a queue and waits this long.
    Poll {
        /// Where the poller waits.
        reply_to: ReplyTo,
        /// The queue.
        queue: QueueKey,
        /// Who polls.
        identity: String,
        /// The worker that polls, as it names itself; may be empty.
        worker: String,
        /// How long it waits.
        patience: Duration,
    },
    /// The caller behind `reply_to`, a poller or one who queries, is gone.
    Abandoned(ReplyTo),
    /// A worker answers a query.
    QueryAnswered {
        /// Where the worker waits.
        reply_to: ReplyTo,
        /// What the query task carried.
        token: QueryToken,
        /// What the workflow code said.
        result: Box<WorkflowQueryResult>,
    },
    /// A worker ends in good order and will not poll again.
    ShutdownWorker {
        /// Where the worker waits.
        reply_to: ReplyTo,
        /// Its namespace.
        namespace: Namespace,
        /// As its polls name it; may be empty.
        worker: String,
        /// The queue that only it polled.
        sticky: Option<QueueKey>,
    },
    /// A shard says something.
    Message(Box<Envelope>),
    /// [`Matching::next_deadline`] has come.
    Tick,
}

/// Names a query that a worker has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct QueryToken {
    /// Which incarnation of matching gave it out.
    pub incarnation: u64,
    /// Counts its queries.
    pub number: u64,
}

impl QueryToken {
    /// The bytes that go to the worker.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("tokens have no unserialisable parts")
    }

    /// Reads what came back from a worker.
    ///
    /// # Errors
    /// If it is no such token.
    pub fn decode(bytes: &[u8]) -> Result<Self, Rejection> {
        postcard::from_bytes(bytes)
            .map_err(|_| Rejection::InvalidArgument("error deserializing task token".to_owned()))
    }
}

/// See the module documentation.
#[derive(Clone, Debug)]
pub struct Matching {
    incarnation: u64,
    shards: u32,
    sequence: u64,
    queues: BTreeMap<QueueKey, Queue>,
    /// Where each queued or claimed task is.
    tasks: BTreeMap<TaskRef, Place>,
    claims: BTreeMap<ClaimId, PendingClaim>,
    queries: BTreeMap<QueryToken, OpenQuery>,
    /// How the queues of worker deployments are routed.
    routing: BTreeMap<QueueKey, BTreeMap<Arc<str>, Routing>>,
    /// How new that is.
    revisions: BTreeMap<(Namespace, Arc<str>), u64>,
    /// Workers that have ended, as their polls name them, and until when that is remembered.
    ended: BTreeMap<(Namespace, String), Monotonic>,
    next_number: u64,
}

#[derive(Clone, Debug, Default)]
struct Queue {
    tasks: VecDeque<Offer>,
    queries: VecDeque<QueuedQuery>,
    pollers: VecDeque<Poller>,
    polled: Option<Monotonic>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Queued(QueueKey),
    Claimed,
}

#[derive(Clone, Debug)]
struct Poller {
    reply_to: ReplyTo,
    identity: String,
    worker: String,
    expires: Monotonic,
}

#[derive(Clone, Debug)]
struct PendingClaim {
    claim: Claim,
    poller: Option<Poller>,
    again: Monotonic,
}

#[derive(Clone, Debug)]
struct QueuedQuery {
    offer: QueryOffer,
    /// In a sticky queue: when the normal one is tried.
    falls_back: Option<Monotonic>,
}

/// A worker has it.
#[derive(Clone, Debug)]
struct OpenQuery {
    caller: ReplyTo,
    expires: Monotonic,
    /// What any worker is asked when this one, which has the run in its cache, lets the time pass.
    fallback: Option<Box<QueryOffer>>,
}

impl Queue {
    fn is_live(&self, now: Monotonic) -> bool {
        !self.pollers.is_empty()
            || self
                .polled
                .is_some_and(|at| now.since(at) < STICKY_LIVENESS)
    }
}

impl Matching {
    /// A matching machine with empty queues; it asks the shards for their tasks. `incarnation` must never have been
    /// used before.
    pub fn start(incarnation: u64, shards: u32, effects: &mut Vec<Effect>) -> Self {
        let mut matching = Self {
            incarnation,
            shards,
            sequence: 0,
            queues: BTreeMap::new(),
            tasks: BTreeMap::new(),
            claims: BTreeMap::new(),
            queries: BTreeMap::new(),
            routing: BTreeMap::new(),
            revisions: BTreeMap::new(),
            ended: BTreeMap::new(),
            next_number: 0,
        };
        for shard in 0..shards {
            matching.send(
                Address::Shard(ShardId(shard)),
                Message::MatchingStarted,
                effects,
            );
        }
        matching
    }

    /// Whether a query waits for a worker or its answer.
    #[must_use]
    pub fn has_queries(&self) -> bool {
        !self.queries.is_empty() || self.queues.values().any(|q| !q.queries.is_empty())
    }

    /// When [`MatchingInput::Tick`] is wanted next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Monotonic> {
        let pollers = self
            .queues
            .values()
            .flat_map(|q| q.pollers.iter().map(|p| p.expires));
        let claims = self.claims.values().map(|claim| claim.again);
        let queries = self.queries.values().map(|query| query.expires);
        let queued = self
            .queues
            .values()
            .flat_map(|q| q.queries.iter().filter_map(|query| query.falls_back));
        let sticky = self
            .queues
            .values()
            .filter(|q| q.waits_for_lapse())
            .filter_map(|q| q.polled.map(|at| at.plus(STICKY_LIVENESS)));
        pollers
            .chain(claims)
            .chain(queries)
            .chain(queued)
            .chain(sticky)
            .min()
    }

    /// Takes one input. Nothing here is durable, so effects need not be held back.
    pub fn step(&mut self, now: Monotonic, input: MatchingInput, effects: &mut Vec<Effect>) {
        match input {
            MatchingInput::Poll {
                reply_to,
                queue,
                identity,
                worker,
                patience,
            } => {
                let poller = Poller {
                    reply_to,
                    identity,
                    worker,
                    expires: now.plus(patience),
                };
                self.poll(now, queue, poller, effects);
            }
            MatchingInput::Abandoned(reply_to) => self.abandoned(reply_to),
            MatchingInput::QueryAnswered {
                reply_to,
                token,
                result,
            } => {
                self.query_answered(reply_to, token, &result, effects);
            }
            MatchingInput::ShutdownWorker {
                reply_to,
                namespace,
                worker,
                sticky,
            } => {
                self.end_polls_of(now, &namespace, &worker, effects);
                if let Some(sticky) = sticky {
                    self.shut_down(now, &sticky, effects);
                }
                effects.push(Effect::Reply(reply_to, Ok(Reply::Done)));
            }
            MatchingInput::Message(envelope) => self.message(now, *envelope, effects),
            MatchingInput::Tick => self.tick(now, effects),
        }
    }

    fn send(&mut self, to: Address, message: Message, effects: &mut Vec<Effect>) {
        self.sequence += 1;
        effects.push(Effect::Send(Box::new(Envelope {
            from: Address::Matching,
            to,
            epoch: Epoch(self.incarnation),
            sequence: self.sequence,
            message,
        })));
    }

    fn poll(&mut self, now: Monotonic, key: QueueKey, poller: Poller, effects: &mut Vec<Effect>) {
        let worker = (key.namespace.clone(), poller.worker.clone());
        if self.ended.get(&worker).is_some_and(|until| *until > now) {
            effects.push(Effect::Reply(poller.reply_to, Ok(Reply::NoTask)));
            return;
        }
        let queue = self.queues.entry(key.clone()).or_default();
        queue.polled = Some(now);
        if queue.pollers.len() >= MAX_POLLERS {
            let busy = Rejection::ResourceExhausted(
                Exhausted::Callers,
                "too many pollers on this queue".to_owned(),
            );
            effects.push(Effect::Reply(poller.reply_to, Err(busy)));
            return;
        }
        queue.pollers.push_back(poller);
        self.pair(now, &key, effects);
    }

    fn abandoned(&mut self, reply_to: ReplyTo) {
        for queue in self.queues.values_mut() {
            queue.pollers.retain(|p| p.reply_to != reply_to);
            queue.queries.retain(|q| q.offer.reply_to != reply_to);
        }
        for claim in self.claims.values_mut() {
            if claim
                .poller
                .as_ref()
                .is_some_and(|p| p.reply_to == reply_to)
            {
                claim.poller = None;
            }
        }
        self.queries.retain(|_, query| query.caller != reply_to);
    }

    fn message(&mut self, now: Monotonic, envelope: Envelope, effects: &mut Vec<Effect>) {
        match envelope.message {
            Message::Offer(offer) => self.offer(now, *offer, envelope.from, effects),
            Message::Withdraw(task) => self.withdraw(&task),
            Message::ClaimAnswer { claim, started, .. } => {
                self.claim_answered(claim, started, effects);
            }
            Message::Query(query) => self.query(now, *query, effects),
            Message::Routing(update) => {
                let taken = Message::RoutingTaken(update.key(), update.revision);
                self.send(envelope.from, taken, effects);
                self.route(now, *update, effects);
            }
            Message::OfferTaken(_)
            | Message::RoutingTaken(..)
            | Message::MatchingStarted
            | Message::Claim(_)
            | Message::Outbox(_)
            | Message::OutboxAnswer(_) => {
                unreachable!("these are for shards; the owner routes by address")
            }
        }
    }

    fn offer(&mut self, now: Monotonic, offer: Offer, from: Address, effects: &mut Vec<Effect>) {
        self.send(from, Message::OfferTaken(offer.task.clone()), effects);
        if self.tasks.contains_key(&offer.task) {
            return;
        }
        self.enqueue(now, offer, effects);
    }

    /// Puts a task where it waits for a poller of the version that it is for.
    fn enqueue(&mut self, now: Monotonic, mut offer: Offer, effects: &mut Vec<Effect>) {
        let normal = offer.fallback.as_ref().unwrap_or(&offer.queue);
        let version = self.target(normal, &offer.route);
        if let Some(fallback) = &mut offer.fallback {
            fallback.version.clone_from(&version);
        }
        offer.queue.version = version;
        if !self.is_live(now, &offer.queue) {
            fall_back(&mut offer);
        }
        let key = offer.queue.clone();
        self.tasks
            .insert(offer.task.clone(), Place::Queued(key.clone()));
        self.queues
            .entry(key.clone())
            .or_default()
            .tasks
            .push_back(offer);
        self.pair(now, &key, effects);
    }

    fn is_live(&self, now: Monotonic, key: &QueueKey) -> bool {
        self.queues.get(key).is_some_and(|queue| queue.is_live(now))
    }

    fn withdraw(&mut self, task: &TaskRef) {
        if let Some(Place::Queued(key)) = self.tasks.get(task) {
            if let Some(queue) = self.queues.get_mut(key) {
                queue.tasks.retain(|offer| offer.task != *task);
            }
            self.tasks.remove(task);
        }
    }

    /// Brings pollers together with what waits: queries first, then tasks in order.
    fn pair(&mut self, now: Monotonic, key: &QueueKey, effects: &mut Vec<Effect>) {
        while let Some(queue) = self.queues.get_mut(key) {
            if queue.pollers.is_empty() || queue.queries.is_empty() && queue.tasks.is_empty() {
                break;
            }
            let poller = queue.pollers.pop_front().expect("just looked");
            if let Some(query) = queue.queries.pop_front() {
                self.hand_out_query(now, query, &poller, effects);
            } else if let Some(offer) = queue.tasks.pop_front() {
                self.claim(now, key, offer, poller, effects);
            }
        }
    }

    fn claim(
        &mut self,
        now: Monotonic,
        key: &QueueKey,
        offer: Offer,
        poller: Poller,
        effects: &mut Vec<Effect>,
    ) {
        self.next_number += 1;
        let id = ClaimId {
            incarnation: self.incarnation,
            number: self.next_number,
        };
        let claim = Claim {
            claim: id,
            task: offer.task.clone(),
            queue: key.clone(),
            reply_to: poller.reply_to,
            request_id: RequestId::new(format!("poll-{}-{}", id.incarnation, id.number)),
            identity: poller.identity.clone(),
            target: self.target(
                offer.fallback.as_ref().unwrap_or(&offer.queue),
                &Route {
                    pinned: None,
                    ..offer.route
                },
            ),
        };
        self.tasks.insert(offer.task, Place::Claimed);
        let pending = PendingClaim {
            claim: claim.clone(),
            poller: Some(poller),
            again: now.plus(RESEND_INTERVAL),
        };
        self.claims.insert(id, pending);
        self.send_claim(claim, effects);
    }

    fn send_claim(&mut self, claim: Claim, effects: &mut Vec<Effect>) {
        let to = Address::Shard(claim.task.run.execution.shard(self.shards));
        self.send(to, Message::Claim(Box::new(claim)), effects);
    }

    fn claim_answered(&mut self, id: ClaimId, started: bool, effects: &mut Vec<Effect>) {
        let Some(pending) = self.claims.remove(&id) else {
            return;
        };
        self.tasks.remove(&pending.claim.task);
        if let (false, Some(poller)) = (started, pending.poller) {
            effects.push(Effect::Reply(poller.reply_to, Ok(Reply::NoTask)));
        }
    }

    fn query(&mut self, now: Monotonic, mut offer: QueryOffer, effects: &mut Vec<Effect>) {
        offer.queue.version = self.target(&offer.queue, &offer.route);
        if let Some(sticky) = &mut offer.sticky {
            sticky.queue.version.clone_from(&offer.queue.version);
        }
        offer.sticky = offer
            .sticky
            .filter(|sticky| self.is_live(now, &sticky.queue));
        let key = offer
            .sticky
            .as_ref()
            .map_or(&offer.queue, |sticky| &sticky.queue)
            .clone();
        let falls_back = offer.sticky.as_ref().map(|s| now.plus(s.patience));
        self.queues
            .entry(key.clone())
            .or_default()
            .queries
            .push_back(QueuedQuery { offer, falls_back });
        self.pair(now, &key, effects);
    }

    fn hand_out_query(
        &mut self,
        now: Monotonic,
        query: QueuedQuery,
        poller: &Poller,
        effects: &mut Vec<Effect>,
    ) {
        self.next_number += 1;
        let token = QueryToken {
            incarnation: self.incarnation,
            number: self.next_number,
        };
        let QueuedQuery {
            offer: query,
            falls_back,
        } = query;
        let open = OpenQuery {
            caller: query.reply_to,
            expires: falls_back.unwrap_or_else(|| now.plus(QUERY_TIMEOUT)),
            fallback: falls_back.map(|_| Box::new(query.clone())),
        };
        self.queries.insert(token, open);
        // temporal: matching_engine.go getHistoryForQueryTask, a sticky worker has the history already.
        let first = if falls_back.is_some() {
            query.last_event.next()
        } else {
            EventId::FIRST
        };
        let task = QueryTaskReply {
            token: token.encode().into(),
            run: query.run,
            workflow_type: query.workflow_type,
            task_queue: query.queue.name,
            previous_started: query.previous_started,
            history: EventRange {
                first,
                last: query.last_event,
            },
            query: query.query,
        };
        effects.push(Effect::Reply(
            poller.reply_to,
            Ok(Reply::QueryTask(Box::new(task))),
        ));
    }

    fn query_answered(
        &mut self,
        reply_to: ReplyTo,
        token: QueryToken,
        result: &WorkflowQueryResult,
        effects: &mut Vec<Effect>,
    ) {
        let answer = match self.queries.remove(&token) {
            Some(open) => {
                effects.push(Effect::Reply(open.caller, query_answer(result)));
                Ok(Reply::Done)
            }
            None => Err(Rejection::NotFound(
                "query task not found, or already expired".to_owned(),
            )),
        };
        effects.push(Effect::Reply(reply_to, answer));
    }

    fn tick(&mut self, now: Monotonic, effects: &mut Vec<Effect>) {
        self.end_polls(now, effects);
        self.end_queries(now, effects);
        let late: Vec<_> = self
            .claims
            .iter()
            .filter(|(_, c)| c.again <= now)
            .map(|(id, _)| *id)
            .collect();
        for id in late {
            let pending = self.claims.get_mut(&id).expect("just listed");
            pending.again = now.plus(RESEND_INTERVAL);
            let claim = pending.claim.clone();
            self.send_claim(claim, effects);
        }
        self.leave_dead_sticky_queues(now, effects);
    }

    /// A worker that ends has its polls answered, those included that are still on their way: none of them may take a
    /// task with it.
    // temporal: service/matching/matching_engine.go CancelOutstandingWorkerPolls, and the cache of workers that shut down.
    fn end_polls_of(
        &mut self,
        now: Monotonic,
        namespace: &Namespace,
        worker: &str,
        effects: &mut Vec<Effect>,
    ) {
        if worker.is_empty() {
            return;
        }
        self.ended.retain(|_, until| *until > now);
        if self.ended.len() < MAX_ENDED_WORKERS {
            let until = now.plus(ENDED_WORKER_MEMORY);
            self.ended
                .insert((namespace.clone(), worker.to_owned()), until);
        }
        let queues = self.queues.iter_mut();
        for (_, queue) in queues.filter(|(key, _)| key.namespace == *namespace) {
            queue.pollers.retain(|poller| {
                let ends = poller.worker == worker;
                if ends {
                    effects.push(Effect::Reply(poller.reply_to, Ok(Reply::NoTask)));
                }
                !ends
            });
        }
    }

    fn end_polls(&mut self, now: Monotonic, effects: &mut Vec<Effect>) {
        for queue in self.queues.values_mut() {
            queue.pollers.retain(|poller| {
                let waits = poller.expires > now;
                if !waits {
                    effects.push(Effect::Reply(poller.reply_to, Ok(Reply::NoTask)));
                }
                waits
            });
        }
        self.queues.retain(|_, queue| !queue.is_forgotten(now));
    }

    fn end_queries(&mut self, now: Monotonic, effects: &mut Vec<Effect>) {
        let mut fallbacks = Vec::new();
        self.queries.retain(|_, query| {
            let waits = query.expires > now;
            if !waits && let Some(offer) = query.fallback.take() {
                fallbacks.push(*offer);
            } else if !waits {
                let late =
                    Rejection::Unavailable("no worker answered the query in time".to_owned());
                effects.push(Effect::Reply(query.caller, Err(late)));
            }
            waits
        });
        for queue in self.queues.values_mut() {
            let (late, waiting) = std::mem::take(&mut queue.queries)
                .into_iter()
                .partition(|query| query.falls_back.is_some_and(|at| at <= now));
            queue.queries = waiting;
            fallbacks.extend(VecDeque::into_iter(late).map(|query| query.offer));
        }
        for offer in fallbacks {
            self.ask_any_worker(now, offer, effects);
        }
    }

    fn ask_any_worker(&mut self, now: Monotonic, offer: QueryOffer, effects: &mut Vec<Effect>) {
        let offer = QueryOffer {
            sticky: None,
            ..offer
        };
        self.query(now, offer, effects);
    }

    /// Tasks and queries that wait for a worker that no longer polls go to any worker.
    fn leave_dead_sticky_queues(&mut self, now: Monotonic, effects: &mut Vec<Effect>) {
        let dead: Vec<_> = self
            .queues
            .iter()
            .filter(|(_, queue)| queue.waits_for_lapse() && !queue.is_live(now))
            .map(|(key, _)| key.clone())
            .collect();
        for key in dead {
            self.leave(now, &key, effects);
        }
    }

    /// What waits in a sticky queue goes to the normal one.
    fn leave(&mut self, now: Monotonic, key: &QueueKey, effects: &mut Vec<Effect>) {
        let Some(queue) = self.queues.remove(key) else {
            return;
        };
        for mut offer in queue.tasks {
            fall_back(&mut offer);
            let to = offer.queue.clone();
            self.tasks
                .insert(offer.task.clone(), Place::Queued(to.clone()));
            self.queues
                .entry(to.clone())
                .or_default()
                .tasks
                .push_back(offer);
            self.pair(now, &to, effects);
        }
        for query in queue.queries {
            self.ask_any_worker(now, query.offer, effects);
        }
    }

    /// Nobody will poll this sticky queue again: its polls end and whatever comes for it is passed on at once.
    // temporal: service/frontend/workflow_handler.go ShutdownWorker, matching_engine.go ForceUnloadTaskQueuePartition.
    fn shut_down(&mut self, now: Monotonic, sticky: &QueueKey, effects: &mut Vec<Effect>) {
        let mut left = Vec::new();
        for (key, queue) in self.versions_of_mut(sticky) {
            for poller in queue.pollers.drain(..) {
                effects.push(Effect::Reply(poller.reply_to, Ok(Reply::NoTask)));
            }
            left.push(key.clone());
        }
        for key in left {
            self.leave(now, &key, effects);
        }
    }
}

/// Moves an offer to the normal queue for good: from there it has nowhere to fall back to.
fn fall_back(offer: &mut Offer) {
    if let Some(normal) = offer.fallback.take() {
        offer.queue = normal;
    }
}

impl Queue {
    /// Whether something waits here only because a worker is believed to be alive.
    fn waits_for_lapse(&self) -> bool {
        self.pollers.is_empty()
            && (self.tasks.iter().any(|offer| offer.fallback.is_some())
                || self.queries.iter().any(|query| query.falls_back.is_some()))
            && self.polled.is_some()
    }

    /// Whether nothing is lost by forgetting this queue.
    fn is_forgotten(&self, now: Monotonic) -> bool {
        self.tasks.is_empty() && self.queries.is_empty() && !self.is_live(now)
    }
}
