//! How callers reach the machines.

use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicU64, AtomicUsize, Ordering},
    mpsc::{self, Receiver, Sender},
};

use bytes::Bytes;
use steadfast_core::{
    ExecutionKey, MatchingInput, Registry, Rejection, Reply, ReplyTo, Request, Timestamp,
    batch::ListBatches,
    effect::Exhausted,
    namespace::SYSTEM_NAMESPACE,
    nexus::Endpoints,
    schedule::ListSchedules,
    visibility::{GroupBy, SearchAttributeTypes},
};
use steadfast_store::{Count, Page, Query};
use tokio::sync::oneshot;

/// Callers that may wait at the same time; one more is refused.
const MAX_CALLERS: usize = 100_000;

/// What a machine is asked.
#[derive(Debug)]
pub(crate) enum Ask {
    /// A shard.
    Shard(Request),
    /// The schedules of a shard, by its number.
    Schedules(u32, ListSchedules),
    /// The batch jobs of a shard, by its number.
    Batches(u32, ListBatches),
    /// Matching.
    Matching(MatchingInput),
    /// The clock that tests skip.
    Clock(ClockAsk),
}

/// What the clock that tests skip is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClockAsk {
    /// The time.
    Read,
    /// Hold time to the pace of the machine's clock.
    Lock,
    /// Take that back.
    Unlock,
    /// Answer when it is so late.
    SleepUntil(Timestamp),
    /// Answer when it is so much later.
    Sleep(std::time::Duration),
    /// Take one lock back for so long.
    UnlockFor(std::time::Duration),
}

/// An answer, with the piece of history that it names.
#[derive(Debug)]
pub(crate) struct Answer {
    /// What the machine said.
    pub(crate) reply: Reply,
    /// The first of the events that it names, encoded.
    pub(crate) events: Vec<Bytes>,
    /// A token for the rest of them; empty if there is none.
    pub(crate) more: Bytes,
}

pub(crate) type Outcome = Result<Answer, Rejection>;

/// What somebody looks for in the rows of the store, and where he waits for it.
#[derive(Debug)]
pub(crate) enum Look {
    /// Some of the rows.
    List(Query, oneshot::Sender<Result<Page, Rejection>>),
    /// How many of them there are.
    Count(
        Query,
        Option<GroupBy>,
        oneshot::Sender<Result<Count, Rejection>>,
    ),
}

/// What arrives at the machines' thread.
#[derive(Debug)]
pub(crate) enum Post {
    /// Somebody asks.
    Ask(ReplyTo, Ask, oneshot::Sender<Outcome>),
    /// He waits no longer.
    Gone(ReplyTo),
    /// Somebody looks at rows, which needs no machine.
    Look(Look),
    /// He has waited for an update of this execution for as long as he may, and is to be told how far it is.
    WaitEnded(ReplyTo, ExecutionKey),
    /// A sync has ended.
    Synced,
    /// No more long polls: those that wait are answered with nothing.
    Drain,
    /// The end, once everything that was taken is durable.
    Stop,
}

/// See the module documentation.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    posts: Sender<Post>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    next: AtomicU64,
    waiting: AtomicUsize,
    registry: RwLock<Arc<Registry>>,
    endpoints: RwLock<Arc<Endpoints>>,
    /// Whether any name is a namespace.
    any_namespace: bool,
}

/// Tells the machines when the caller goes away before he is answered.
struct Waiting<'a> {
    engine: &'a Engine,
    to: ReplyTo,
    answered: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.engine.shared.waiting.fetch_sub(1, Ordering::Relaxed);
        if !self.answered {
            self.engine.post(Post::Gone(self.to));
        }
    }
}

impl Engine {
    /// Callers are counted from a number by chance: request ids are made of these numbers, and must differ from those
    /// of the server's earlier lives, which are durable.
    pub(crate) fn new(any_namespace: bool) -> Result<(Self, Receiver<Post>), getrandom::Error> {
        let (posts, inbox) = mpsc::channel();
        let shared = Shared {
            next: AtomicU64::new(getrandom::u64()? >> 1),
            waiting: AtomicUsize::new(0),
            registry: RwLock::default(),
            endpoints: RwLock::default(),
            any_namespace,
        };
        let shared = Arc::new(shared);
        Ok((Self { posts, shared }, inbox))
    }

    /// A number by which the machines know one who waits.
    pub(crate) fn reply_to(&self) -> ReplyTo {
        ReplyTo(self.shared.next.fetch_add(1, Ordering::Relaxed))
    }

    /// Asks, and waits for the answer. Whoever drops this future waits no longer.
    pub(crate) async fn ask(&self, to: ReplyTo, ask: Ask) -> Outcome {
        let busy = self.shared.waiting.fetch_add(1, Ordering::Relaxed) >= MAX_CALLERS;
        let mut waiting = Waiting {
            engine: self,
            to,
            answered: busy,
        };
        if busy {
            return Err(Rejection::ResourceExhausted(
                Exhausted::Server,
                "too many calls wait for an answer".to_owned(),
            ));
        }
        let (sender, answer) = oneshot::channel();
        self.post(Post::Ask(to, ask, sender));
        let answer = answer.await;
        waiting.answered = true;
        answer.unwrap_or_else(|_| Err(Rejection::Unavailable("the server stops".to_owned())))
    }

    /// Looks at some rows.
    pub(crate) async fn list(&self, query: Query) -> Result<Page, Rejection> {
        let (sender, answer) = oneshot::channel();
        self.look(Look::List(query, sender), answer).await
    }

    /// Counts some rows.
    pub(crate) async fn count(
        &self,
        query: Query,
        group_by: Option<GroupBy>,
    ) -> Result<Count, Rejection> {
        let (sender, answer) = oneshot::channel();
        self.look(Look::Count(query, group_by, sender), answer)
            .await
    }

    async fn look<T>(
        &self,
        look: Look,
        answer: oneshot::Receiver<Result<T, Rejection>>,
    ) -> Result<T, Rejection> {
        let waiting = &self.shared.waiting;
        let busy = waiting.fetch_add(1, Ordering::Relaxed) >= MAX_CALLERS;
        let outcome = if busy {
            Err(Rejection::ResourceExhausted(
                Exhausted::Server,
                "too many calls wait for an answer".to_owned(),
            ))
        } else {
            self.post(Post::Look(look));
            let stopped = || Err(Rejection::Unavailable("the server stops".to_owned()));
            answer.await.unwrap_or_else(|_| stopped())
        };
        waiting.fetch_sub(1, Ordering::Relaxed);
        outcome
    }

    /// The search attributes of a namespace; `None` if nobody registered it, which only matters where any name is one.
    pub(crate) fn attribute_types(&self, namespace: &str) -> Option<SearchAttributeTypes> {
        let registry = self.registry();
        let info = registry.get(&namespace.into())?;
        Some(info.attribute_types())
    }

    /// Tells the machines' thread something. If that has ended, nobody is left to be told.
    pub(crate) fn post(&self, post: Post) {
        self.posts.send(post).unwrap_or_default();
    }

    /// The namespaces, as of the last change that is durable.
    pub(crate) fn registry(&self) -> Arc<Registry> {
        let registry = self.shared.registry.read();
        Arc::clone(&registry.unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes note of a change.
    pub(crate) fn registry_is(&self, registry: Registry) {
        let mut current = self
            .shared
            .registry
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(registry);
    }

    /// The Nexus endpoints, as of the last change that is durable.
    pub(crate) fn endpoints(&self) -> Arc<Endpoints> {
        let endpoints = self.shared.endpoints.read();
        Arc::clone(&endpoints.unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes note of a change.
    pub(crate) fn endpoints_are(&self, endpoints: Endpoints) {
        let mut current = self
            .shared
            .endpoints
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(endpoints);
    }

    /// Refuses what names no namespace that a caller may use.
    // temporal: common/rpc/interceptor/namespace_validator.go.
    pub(crate) fn check_namespace(&self, name: &str) -> Result<(), Rejection> {
        if name.is_empty() {
            return Err(Rejection::InvalidArgument(
                "Namespace not set on request.".to_owned(),
            ));
        }
        let known = self.shared.any_namespace && name != SYSTEM_NAMESPACE
            || self.registry().contains_key(&name.into());
        if known {
            Ok(())
        } else {
            Err(Rejection::NamespaceNotFound(name.into()))
        }
    }
}
