//! Nexus operations: what a service behind an endpoint does for a workflow.
//!
//! | state | event | next | written |
//! |---|---|---|---|
//! | – | schedule, the endpoint is known | to be asked, attempt 1 | `NexusOperationScheduled` |
//! | – | schedule, the endpoint is not known | – | the workflow task fails: `BAD_SCHEDULE_NEXUS_…` |
//! | to be asked | its time comes | offered to matching | – |
//! | to be asked | claimed by a poller | asked | – |
//! | asked | done at once | over | `…Completed`, `…Failed` or `…Canceled` |
//! | asked | takes its time | started | `…Started` |
//! | asked | a handler error that may pass, no answer in time | to be asked, attempt + 1 | – |
//! | asked | any other handler error | over | `…Failed` |
//! | to be asked, asked | the callback comes first | over | `…Started` and its end |
//! | started | the callback comes | over | `…Completed`, `…Failed` or `…Canceled` |
//! | any | out of time | over | `…TimedOut` |
//! | any | cancel command | cancel requested, to be delivered once started | `…CancelRequested` |
//! | cancel delivered | taken | no more to deliver | `…CancelRequestCompleted` |
//! | cancel delivered | refused for good | no more to deliver | `…CancelRequestFailed` |
//! | cancel delivered | may pass, no answer in time | to be delivered, attempt + 1 | – |
//!
//! Asking is durable and waits for a poller as activities do. The operation's request id makes a second asking
//! harmless to the handler.
// temporal: components/nexusoperations/{executors,statemachine,completion}.go, workflow/commands.go.

mod callback;
mod endpoint;
mod link;
mod operation;
mod request;

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use steadfast_proto::temporal::api::{
    common::v1::{Link, Payload},
    enums::v1::TimeoutType,
    failure::v1::Failure,
};

pub(crate) use callback::callback_infos;
pub use callback::{NexusClosed, NexusEnd};
pub use endpoint::{
    Endpoint, EndpointRequest, EndpointSpec, EndpointTarget, Endpoints, registry_key, target_of,
};
pub(crate) use operation::{NexusDeadline, next_nexus_deadline, pending_nexus_operations};
pub(crate) use request::{handler_error, outcome};

use crate::{
    command::CommandKind,
    history::{PendingNexus, proto_duration},
    ids::{Namespace, RequestId, TaskQueueName},
    policy::RetryPolicy,
    record::Proto,
    request::CompleteWorkflowTask,
    time::Timestamp,
    token::TaskToken,
};

/// How long a handler may take to answer. temporal: `component.nexusoperations.request.timeout`.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of the headers that a workflow may send along.
pub(crate) const MAX_HEADER_BYTES: usize = 8 * 1024;
/// Bytes of a token by which a handler knows an operation.
const MAX_OPERATION_TOKEN: usize = 4096;

/// Where an endpoint leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NexusTarget {
    /// The endpoint's id, which outlives a change of its name.
    pub endpoint_id: String,
    /// Whose workers handle it.
    pub namespace: Namespace,
    /// The queue that they poll.
    pub queue: TaskQueueName,
}

/// What is known of an operation beside its events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NexusState {
    /// Where it is asked for.
    pub target: NexusTarget,
    /// The asking; `None` once the handler has taken it on.
    pub start: Option<NexusCall>,
    /// The handler's name for it, and when it took it on.
    pub token: Option<(String, Timestamp)>,
    /// The cancellation on its way to the handler.
    pub cancel: Option<NexusCall>,
}

/// Something that a handler is asked again and again until it answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NexusCall {
    /// The current attempt, from 1.
    pub attempt: u32,
    /// When it is (or was) due.
    pub due: Timestamp,
    /// The poller that has it, and since when.
    pub asked: Option<(RequestId, Timestamp)>,
    /// When the last attempt ended.
    pub last_ended: Option<Timestamp>,
    /// How the last attempt failed.
    pub last_failure: Option<Box<Proto<Failure>>>,
}

/// Which of the two things a handler is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NexusAsk {
    /// To do the operation.
    Start,
    /// To stop doing it.
    Cancel,
}

/// A Nexus task for a poller.
#[derive(Clone, Debug, PartialEq)]
pub struct NexusTaskReply {
    /// To be given back with the answer.
    pub token: TaskToken,
    /// What the handler is asked.
    pub request: steadfast_proto::temporal::api::nexus::v1::Request,
}

/// What a handler answers.
#[derive(Clone, Debug, PartialEq)]
pub struct NexusAnswer {
    /// What the task carried.
    pub token: TaskToken,
    /// Its words.
    pub outcome: NexusOutcome,
}

/// What a handler answers.
#[derive(Clone, Debug, PartialEq)]
pub enum NexusOutcome {
    /// Done at once.
    Completed(Option<Payload>, Vec<Link>),
    /// It will call back.
    Started(String, Vec<Link>),
    /// Done at once, in vain.
    Failed(Box<Failure>),
    /// Canceled at once.
    Canceled(Box<Failure>),
    /// The cancellation has been taken.
    CancelTaken,
    /// The handler itself failed; the failure has a `NexusHandlerFailureInfo`.
    HandlerError(Box<Failure>),
}

/// Fills in where the endpoints lead that a completion's commands name. Without it, no endpoint is known.
pub fn resolve_endpoints(
    completion: &mut CompleteWorkflowTask,
    endpoint: impl Fn(&str) -> Option<NexusTarget>,
) {
    for command in completion.commands.iter_mut().flatten() {
        if let CommandKind::ScheduleNexus(schedule) = &mut command.kind {
            schedule.target = endpoint(&schedule.endpoint);
        }
    }
}

impl NexusAsk {
    /// As task references and tokens tell the two apart.
    pub(crate) fn stamp(self) -> u32 {
        match self {
            Self::Start => 0,
            Self::Cancel => 1,
        }
    }

    /// A cancellation's token names the event that asked for it.
    pub(crate) fn of_token(token: &TaskToken) -> Self {
        if token.started.is_some() {
            Self::Cancel
        } else {
            Self::Start
        }
    }

    pub(crate) fn of_stamp(stamp: u32) -> Self {
        if stamp == 0 {
            Self::Start
        } else {
            Self::Cancel
        }
    }
}

impl NexusState {
    /// The same for a run that takes the operation over: what a handler was asked it is asked again.
    pub(crate) fn asked_again(&self, now: Timestamp) -> Self {
        let again = |call: &Option<NexusCall>| call.as_ref().map(|_| NexusCall::new(now));
        Self {
            start: again(&self.start),
            cancel: again(&self.cancel),
            ..self.clone()
        }
    }
}

impl NexusCall {
    fn new(due: Timestamp) -> Self {
        Self {
            attempt: 1,
            due,
            asked: None,
            last_ended: None,
            last_failure: None,
        }
    }

    /// The next attempt, after a pause that grows.
    // temporal: `component.nexusoperations.retryPolicy`, 1 s doubling to an hour.
    fn again(&mut self, now: Timestamp, failure: Option<Failure>) {
        let policy = RetryPolicy {
            maximum_interval: Duration::from_secs(3600),
            ..RetryPolicy::default()
        };
        self.due = now.plus(policy.interval_after(self.attempt));
        self.attempt = self.attempt.saturating_add(1);
        self.asked = None;
        self.last_ended = Some(now);
        self.last_failure = failure.map(|f| Box::new(Proto(f)));
    }
}

impl NexusState {
    pub(crate) fn call(&self, ask: NexusAsk) -> Option<&NexusCall> {
        match ask {
            NexusAsk::Start => self.start.as_ref(),
            // A handler that has not taken it on cannot be asked to stop.
            NexusAsk::Cancel if self.start.is_some() => None,
            NexusAsk::Cancel => self.cancel.as_ref(),
        }
    }

    fn call_mut(&mut self, ask: NexusAsk) -> Option<&mut NexusCall> {
        match ask {
            NexusAsk::Start => self.start.as_mut(),
            NexusAsk::Cancel => self.cancel.as_mut(),
        }
    }

    /// When the operation is out of time, and by which bound.
    pub(crate) fn out_of_time(&self, pending: &PendingNexus) -> Option<(Timestamp, TimeoutType)> {
        let a = &pending.attributes;
        let bound = |from: Timestamp, bound: Option<&prost_types::Duration>, kind| {
            let bound = proto_duration(bound);
            (!bound.is_zero()).then(|| (from.plus(bound), kind))
        };
        let close = bound(
            pending.time,
            a.schedule_to_close_timeout.as_ref(),
            TimeoutType::ScheduleToClose,
        );
        let attempt = match &self.token {
            None => bound(
                pending.time,
                a.schedule_to_start_timeout.as_ref(),
                TimeoutType::ScheduleToStart,
            ),
            Some((_, since)) => bound(
                *since,
                a.start_to_close_timeout.as_ref(),
                TimeoutType::StartToClose,
            ),
        };
        close.into_iter().chain(attempt).min_by_key(|(at, _)| *at)
    }

    /// When the handler that has been asked is given up.
    pub(crate) fn answer_due(&self, ask: NexusAsk) -> Option<Timestamp> {
        let (_, since) = self.call(ask)?.asked.as_ref()?;
        Some(since.plus(REQUEST_TIMEOUT))
    }

    /// What waits for a poller, and when.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = (NexusAsk, &NexusCall)> {
        [NexusAsk::Start, NexusAsk::Cancel]
            .into_iter()
            .filter_map(|ask| Some((ask, self.call(ask)?)))
            .filter(|(_, call)| call.asked.is_none())
    }
}

/// Reads a callback's token.
fn decode_token(text: &str) -> Option<callback::CallbackToken> {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(text)
        .ok()?;
    postcard::from_bytes(&Bytes::from(bytes)).ok()
}
