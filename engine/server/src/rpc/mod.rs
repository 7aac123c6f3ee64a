//! Every call that the server answers. A call that is not in one of the tables here is answered UNIMPLEMENTED, by
//! its name.
//!
//! | file | calls of |
//! |---|---|
//! | `clients` | those who start, signal, query, read and end workflows |
//! | `visibility` | those who look for workflows |
//! | `updates` | those who update workflows |
//! | `workers` | those who run workflow and activity code |
//! | `activities` | those who start activities that no workflow has scheduled |
//! | `nexus` | those who look after Nexus endpoints, and those who handle what is asked of them |
//! | `deployments` | those who decide which version of the workers new work goes to |
//! | `heartbeats` | those who say, or want to know, who works |
//! | `schedules` | those who look after schedules |
//! | `operators` | those who pause, reset and change what is at work |
//! | `batches` | those who do one thing to many workflows |
//! | `namespaces` | those who look after namespaces and their search attributes |
//! | `system` | everybody who connects |
//! | `clock` | tests that skip time |
#![expect(clippy::unused_async, reason = "the table awaits every call alike")]

mod activities;
mod batches;
mod clients;
mod clock;
mod deployments;
mod heartbeats;
mod namespaces;
mod nexus;
mod operators;
mod schedules;
mod system;
mod table;
mod updates;
mod visibility;
mod workers;

use steadfast_core::{
    MatchingInput, Rejection, ReplyTo, Request,
    ids::RequestId,
    visibility::{admit, carries_attributes},
};
use tonic::Status;

use crate::{
    access,
    engine::{Answer, Ask, Engine},
    metrics::Metrics,
    status::status,
};

pub(crate) use deployments::Polled;
pub(crate) use heartbeats::Heartbeats;
pub(crate) use nexus::read_endpoints;
pub(crate) use table::MAX_MESSAGE_BYTES;

/// Answers calls.
#[derive(Clone, Debug)]
pub(crate) struct Frontend {
    pub(crate) engine: Engine,
    /// A UUID that this server is known by.
    pub(crate) cluster_id: String,
    pub(crate) shards: u32,
    /// How long a poll waits for a task.
    pub(crate) long_poll: std::time::Duration,
    /// What workers say about themselves.
    pub(crate) workers: Heartbeats,
    /// The versions whose polls their deployments know of.
    pub(crate) polled: Polled,
    pub(crate) metrics: Metrics,
}

/// What a call comes to.
pub(crate) type Called<T> = Result<T, Status>;

impl Frontend {
    /// Asks the shard that a request is for.
    async fn ask(&self, request: Result<Request, Rejection>) -> Called<Answer> {
        self.ask_as(self.engine.reply_to(), request).await
    }

    /// The same for a caller who has a number already.
    async fn ask_as(&self, to: ReplyTo, request: Result<Request, Rejection>) -> Called<Answer> {
        let mut request = request.map_err(status)?;
        let namespace = request.key().namespace.clone();
        access::check(namespace.as_str()).map_err(status)?;
        if carries_attributes(&request)
            && let Some(types) = self.engine.attribute_types(namespace.as_str())
        {
            admit(&mut request, &types).map_err(status)?;
        }
        self.engine
            .ask(to, Ask::Shard(request))
            .await
            .map_err(status)
    }

    /// Asks matching.
    async fn ask_matching(
        &self,
        input: impl FnOnce(ReplyTo) -> Result<MatchingInput, Rejection>,
    ) -> Called<Answer> {
        let to = self.engine.reply_to();
        let input = input(to).map_err(status)?;
        self.tell_matching(to, input).await
    }

    async fn tell_matching(&self, to: ReplyTo, input: MatchingInput) -> Called<Answer> {
        self.engine
            .ask(to, Ask::Matching(input))
            .await
            .map_err(status)
    }

    fn namespace(&self, name: &str) -> Called<()> {
        access::check(name).map_err(status)?;
        self.engine.check_namespace(name).map_err(status)
    }

    /// A request that brings a token may leave its namespace out.
    fn namespace_if_given(&self, name: &str) -> Called<()> {
        if name.is_empty() {
            return Ok(());
        }
        self.namespace(name)
    }
}

/// A request id for those who bring none: no other caller has this number, in this life of the server or another.
fn fresh(to: ReplyTo) -> RequestId {
    RequestId::new(format!("request-{:x}", to.0))
}

/// A machine said something that was not asked: our bug, and the caller learns no more than that.
fn unexpected() -> Status {
    tracing::error!("a machine answered another question than was asked");
    Status::internal("the answer does not fit the question; this is a bug of Steadfast")
}
