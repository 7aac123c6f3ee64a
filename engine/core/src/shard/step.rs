//! One piece of work on one execution that is in memory: who asks what, of which run.

use std::{mem, time::Duration};

use bytes::Bytes;

use super::{Loaded, outbox_message};
use crate::{
    chain::Origin,
    effect::{Effect, Effects, Rejection, Reply, ReplyTo},
    execution::Run,
    ids::{ExecutionKey, RequestId, RunId},
    message::{Address, Claim, Message, OutboxAnswer, OutboxItem, OutboxResult, TaskKind},
    read::describe,
    record::Created,
    request::{ActivityTarget, Request, Target},
    reset::Asker,
    start::{Verdict, judge},
    time::Timestamp,
    tx::{IdSource, Tx},
};

/// Something to do with one execution.
#[derive(Clone, Debug)]
pub(super) enum Work {
    Request(ReplyTo, Request),
    Claim(Box<Claim>),
    Outbox(Box<OutboxItem>),
    OutboxAnswer(Box<OutboxAnswer>),
    /// Time may have done something.
    Tick,
    /// A caller that waits for an update has waited for as long as it may.
    WaitEnded(ReplyTo),
    /// Events of a run that were asked for.
    Events(RunId, Vec<Bytes>),
    /// It has just been loaded: offer what waits, find the deadline. Nothing is decided.
    Adopt,
}

/// What work on one execution leaves for the shard to do.
pub(crate) struct Step<'a> {
    pub(crate) now: Timestamp,
    pub(super) shards: u32,
    /// How long closed runs are kept; `None` for ever.
    pub(crate) retention: Option<Duration>,
    pub(crate) key: &'a ExecutionKey,
    pub(crate) ids: IdSource,
    pub(crate) effects: &'a mut Effects,
    /// How many worker deployments the shard has.
    pub(crate) deployments: usize,
    /// Messages with their addressees.
    pub(crate) messages: Vec<(Address, Message)>,
}

impl Step<'_> {
    pub(super) fn perform(&mut self, loaded: &mut Loaded, work: Work) {
        match work {
            Work::Request(reply_to, request) => self.request(loaded, reply_to, request),
            Work::Claim(claim) => self.claim(loaded, &claim),
            Work::Outbox(item) => {
                if let Some(result) = self.receive(loaded, &item) {
                    self.answer_work(*item, result);
                }
            }
            Work::OutboxAnswer(answer) => self.outbox_answer(loaded, &answer),
            Work::WaitEnded(reply_to) => {
                if let Some(mut tx) = self.current(loaded) {
                    tx.end_update_wait(reply_to);
                    tx.finish();
                }
            }
            Work::Events(run_id, events) => self.events_read(loaded, &run_id, &events),
            Work::Adopt => {
                self.tell_routing(loaded);
                if let Some(tx) = self.current(loaded) {
                    tx.finish();
                }
                self.adopt_schedule(loaded);
                self.adopt_batch(loaded);
            }
            Work::Tick => {
                if let Some(mut tx) = self.current(loaded) {
                    tx.fire_due();
                    tx.finish();
                }
                self.schedule_tick(loaded);
                self.batch_tick(loaded);
                self.expire(loaded);
            }
        }
        for again in mem::take(&mut loaded.volatile.again) {
            self.ask_again(loaded, again);
        }
        self.keep_house(loaded);
    }

    /// Tells another execution what came of its work.
    pub(crate) fn answer_work(&mut self, item: OutboxItem, result: OutboxResult) {
        let answer = OutboxAnswer {
            from: item.from,
            number: item.number,
            result,
        };
        let to = Address::Shard(answer.from.execution.shard(self.shards));
        self.messages
            .push((to, Message::OutboxAnswer(Box::new(answer))));
    }

    /// What the work left to be sent.
    pub(super) fn collect(mut self, loaded: &mut Loaded) -> Vec<(Address, Message)> {
        for message in loaded.volatile.new_messages.drain(..) {
            self.messages.push((Address::Matching, message));
        }
        for (run_id, number) in mem::take(&mut loaded.volatile.new_work) {
            let execution = &loaded.execution;
            let message = outbox_message(self.key, execution, &run_id, number, self.shards);
            self.messages.extend(message);
        }
        self.messages
    }

    pub(crate) fn open<'t>(&'t mut self, loaded: &'t mut Loaded, run_id: &RunId) -> Tx<'t> {
        Tx::open(
            self.now,
            self.key,
            run_id,
            &mut loaded.execution,
            &mut loaded.volatile,
            &mut self.ids,
            self.effects,
        )
    }

    pub(crate) fn current<'t>(&'t mut self, loaded: &'t mut Loaded) -> Option<Tx<'t>> {
        let run_id = loaded.execution.current.clone()?;
        Some(self.open(loaded, &run_id))
    }

    /// The current run, or nothing in its place.
    pub(crate) fn current_or_none<'t>(&'t mut self, loaded: &'t mut Loaded) -> Tx<'t> {
        match loaded.execution.current.clone() {
            Some(run_id) => self.open(loaded, &run_id),
            None => Tx::with(
                self.now,
                self.key,
                Run::new(
                    RunId::new(""),
                    Created {
                        request_id: RequestId::new(""),
                        awaits_parent: false,
                    },
                ),
                &mut loaded.execution,
                &mut loaded.volatile,
                &mut self.ids,
                self.effects,
            ),
        }
    }

    /// The run that a caller means.
    pub(crate) fn find(&self, loaded: &Loaded, run_id: Option<&RunId>) -> Result<RunId, Rejection> {
        match run_id {
            Some(run_id) if loaded.execution.has_run(run_id) => Ok(run_id.clone()),
            Some(run_id) => Err(Rejection::NotFound(format!(
                "workflow execution not found for workflow ID \"{}\" and run ID \"{run_id}\"",
                self.key.workflow_id
            ))),
            None => loaded.execution.current.clone().ok_or_else(|| {
                Rejection::NotFound(format!(
                    "workflow not found for ID: {}",
                    self.key.workflow_id
                ))
            }),
        }
    }

    pub(crate) fn reply(&mut self, to: ReplyTo, reply: Result<Reply, Rejection>) {
        self.effects.effects.push(Effect::Reply(to, reply));
    }

    pub(crate) fn request(&mut self, loaded: &mut Loaded, reply_to: ReplyTo, request: Request) {
        match request {
            Request::Start(_) | Request::SignalWithStart(..) => {
                self.start(loaded, reply_to, request);
            }
            Request::Schedule(request) => {
                self.schedule_request(loaded, reply_to, request.action);
            }
            Request::Namespace(request) => self.namespace_request(loaded, reply_to, request),
            Request::UpdateWithStart(start, update) => {
                self.update_with_start(loaded, reply_to, start, update, false);
            }
            Request::Reset(request) => self.reset(loaded, Asker::Caller(reply_to), *request),
            Request::Batch(request) => self.batch_request(loaded, reply_to, request.action),
            Request::Delete(target) => self.delete(loaded, reply_to, &target),
            Request::Endpoint(request) => self.endpoint_request(loaded, reply_to, request),
            Request::Deployment(request) => self.deployment_request(loaded, reply_to, *request),
            Request::StartActivity(start) => self.start_standalone(loaded, reply_to, *start),
            Request::Describe(target) => {
                let answer = self.find(loaded, target.run_id.as_ref()).map(|run_id| {
                    let run = &loaded.execution.runs[&run_id];
                    let task = loaded.volatile.task_of(run);
                    Reply::Describe(Box::new(describe(self.key, run, task)))
                });
                self.reply(reply_to, answer);
            }
            Request::Signal(_)
            | Request::Cancel(_)
            | Request::Terminate(_)
            | Request::Query(_)
            | Request::History(_)
            | Request::CompleteWorkflowTask(_)
            | Request::FailWorkflowTask(_)
            | Request::Activity(_)
            | Request::NexusAnswer(_)
            | Request::Standalone(_)
            | Request::ResetStickiness(_)
            | Request::Update(_)
            | Request::ControlActivities(_)
            | Request::Pause(_)
            | Request::PollUpdate(_) => {
                let wanted = wanted_run(&request);
                match self.find(loaded, wanted.as_ref()) {
                    Ok(run_id) => self.run_request(loaded, &run_id, reply_to, request),
                    Err(rejection) => self.reply(reply_to, Err(rejection)),
                }
            }
        }
    }

    fn run_request(
        &mut self,
        loaded: &mut Loaded,
        run_id: &RunId,
        reply_to: ReplyTo,
        request: Request,
    ) {
        let mut tx = self.open(loaded, run_id);
        match request {
            Request::Signal(signal) => tx.signal_request(*signal, reply_to),
            Request::Cancel(cancel) => tx.cancel_request(cancel, reply_to),
            Request::Terminate(terminate) => tx.terminate_request(terminate, reply_to),
            Request::Query(query) => tx.query(*query, reply_to),
            Request::History(history) => tx.read_history(&history, reply_to),
            Request::CompleteWorkflowTask(complete) => tx.complete_task(*complete, reply_to),
            Request::FailWorkflowTask(fail) => tx.fail_task(&fail, reply_to),
            Request::Activity(activity) => tx.activity_request(*activity, reply_to),
            Request::NexusAnswer(answer) => tx.nexus_answered(*answer, reply_to),
            Request::Standalone(request) => tx.standalone_request(request.action, reply_to),
            Request::ResetStickiness(_) => {
                tx.reset_stickiness();
                tx.reply(reply_to, Ok(Reply::Done));
            }
            Request::Update(update) => tx.update_request(*update, reply_to),
            Request::PollUpdate(poll) => tx.poll_update(poll, reply_to),
            Request::ControlActivities(control) => tx.control_activities(*control, reply_to),
            Request::Pause(pause) => tx.pause_request(*pause, reply_to),
            Request::Start(_)
            | Request::SignalWithStart(..)
            | Request::Describe(_)
            | Request::Namespace(_)
            | Request::Schedule(_)
            | Request::Endpoint(_)
            | Request::Deployment(_)
            | Request::StartActivity(_)
            | Request::Reset(_)
            | Request::Delete(_)
            | Request::Batch(_)
            | Request::UpdateWithStart(..) => unreachable!("not for one run"),
        }
        tx.finish();
    }

    fn start(&mut self, loaded: &mut Loaded, reply_to: ReplyTo, request: Request) {
        let (start, signal) = match request {
            Request::Start(start) => (start, None),
            Request::SignalWithStart(start, signal) => (start, Some(signal)),
            Request::Signal(_)
            | Request::Cancel(_)
            | Request::Terminate(_)
            | Request::Query(_)
            | Request::Describe(_)
            | Request::History(_)
            | Request::CompleteWorkflowTask(_)
            | Request::FailWorkflowTask(_)
            | Request::Activity(_)
            | Request::ResetStickiness(_)
            | Request::Namespace(_)
            | Request::Schedule(_)
            | Request::Update(_)
            | Request::PollUpdate(_)
            | Request::UpdateWithStart(..)
            | Request::Endpoint(_)
            | Request::Deployment(_)
            | Request::NexusAnswer(_)
            | Request::StartActivity(_)
            | Request::Reset(_)
            | Request::Delete(_)
            | Request::Batch(_)
            | Request::ControlActivities(_)
            | Request::Pause(_)
            | Request::Standalone(_) => unreachable!("not a plain start"),
        };
        let verdict = judge(&start, &loaded.execution);
        if let Verdict::Refused(rejection) = verdict {
            return self.reply(reply_to, Err(rejection));
        }
        let run_id = RunId::new(self.ids.uuid());
        let mut tx = match &verdict {
            Verdict::Same(run_id) => self.open(loaded, run_id),
            Verdict::Start | Verdict::Existing | Verdict::Refused(_) => {
                self.current_or_none(loaded)
            }
        };
        let started = match verdict {
            Verdict::Start => {
                tx.start_run(&start, run_id, Origin::Client);
                true
            }
            Verdict::Same(_) => tx.run.created.request_id == start.request_id,
            Verdict::Existing | Verdict::Refused(_) => {
                tx.attach(&start);
                false
            }
        };
        match signal {
            Some(signal) => tx.signal_with_start(*signal, started, reply_to),
            None => {
                let reply = tx.eager_reply(&start, started);
                tx.reply(reply_to, Ok(reply));
            }
        }
        tx.finish();
    }

    fn claim(&mut self, loaded: &mut Loaded, claim: &Claim) {
        let run_id = &claim.task.run.run_id;
        let mut reply = None;
        if loaded.execution.runs.contains_key(run_id) {
            let mut tx = self.open(loaded, run_id);
            reply = match claim.task.kind {
                TaskKind::Workflow => tx
                    .start_task(claim)
                    .map(|task| Reply::WorkflowTask(Box::new(task))),
                TaskKind::Activity => tx
                    .start_activity(claim)
                    .map(|task| Reply::ActivityTask(Box::new(task))),
                TaskKind::Nexus => tx
                    .ask_nexus(claim)
                    .map(|task| Reply::NexusTask(Box::new(task))),
            };
            tx.finish();
        }
        let started = reply.is_some();
        if let Some(reply) = reply {
            self.reply(claim.reply_to, Ok(reply));
        }
        let answer = Message::ClaimAnswer {
            claim: claim.claim,
            task: claim.task.clone(),
            started,
        };
        self.messages.push((Address::Matching, answer));
    }

    fn outbox_answer(&mut self, loaded: &mut Loaded, answer: &OutboxAnswer) {
        let run_id = &answer.from.run_id;
        if loaded.execution.runs.contains_key(run_id) {
            let mut tx = self.open(loaded, run_id);
            tx.work_done(answer.number, &answer.result);
            tx.finish();
        } else if loaded
            .execution
            .schedule
            .as_ref()
            .is_some_and(|s| s.id == *run_id)
        {
            self.schedule_answered(loaded, answer.number, &answer.result);
        } else if loaded
            .execution
            .batch
            .as_ref()
            .is_some_and(|job| job.id == *run_id)
        {
            self.batch_answered(loaded, answer.number, &answer.result);
        }
    }
}

/// The run that a request names; the token's for a worker's answer.
fn wanted_run(request: &Request) -> Option<RunId> {
    let of = |target: &Target| target.run_id.clone();
    match request {
        Request::Signal(signal) => of(&signal.target),
        Request::Cancel(cancel) => of(&cancel.target),
        Request::Terminate(terminate) => of(&terminate.target),
        Request::Query(query) => of(&query.target),
        Request::History(history) => of(&history.target),
        Request::Describe(target) | Request::ResetStickiness(target) => of(target),
        Request::CompleteWorkflowTask(complete) => Some(complete.token.run.run_id.clone()),
        Request::FailWorkflowTask(fail) => Some(fail.token.run.run_id.clone()),
        Request::NexusAnswer(answer) => Some(answer.token.run.run_id.clone()),
        Request::Standalone(request) => of(&request.target),
        Request::Activity(activity) => match &activity.target {
            ActivityTarget::Token(token) => Some(token.run.run_id.clone()),
            ActivityTarget::ById(target, _) => of(target),
        },
        Request::Update(update) => of(&update.target),
        Request::PollUpdate(poll) => of(&poll.target),
        Request::ControlActivities(control) => of(&control.target),
        Request::Pause(pause) => of(&pause.target),
        Request::Start(_)
        | Request::SignalWithStart(..)
        | Request::Namespace(_)
        | Request::Endpoint(_)
        | Request::Deployment(_)
        | Request::StartActivity(_)
        | Request::Schedule(_)
        | Request::Reset(_)
        | Request::Delete(_)
        | Request::Batch(_)
        | Request::UpdateWithStart(..) => None,
    }
}
