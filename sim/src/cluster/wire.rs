//! What nodes say to each other: Temporal's own requests and answers, unencoded, the machines' envelopes, and calls
//! of the outside world.
//!
//! A message may be lost, doubled, late or overtaken. So a request carries the number its caller gave it, and an
//! answer that no call waits for is dropped.

use std::{collections::BTreeMap, fmt, rc::Rc, time::Duration};

use prost::Message as _;
use steadfast_core::{Rejection, ReplyTo, message::Envelope};
use steadfast_proto::temporal::api::workflowservice::v1 as service;

use super::describe;
use crate::kernel::{Digest, Digester, Message};

/// Names a call among all calls of its node: the node's incarnation, and a count in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId {
    /// Which life of the caller.
    pub incarnation: u32,
    /// Counts its calls.
    pub number: u32,
}

macro_rules! rpcs {
    ($($(#[$doc:meta])* $name:ident($request:ident) -> $answer:ident;)*) => {
        /// A request to the engine.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Rpc {
            $($(#[$doc])* $name(service::$request),)*
        }

        /// The engine's answer to the [`Rpc`] of the same name.
        #[derive(Clone, Debug, PartialEq)]
        #[expect(clippy::large_enum_variant, reason = "one per call, in a box on the wire")]
        pub enum Answer {
            $($(#[$doc])* $name(service::$answer),)*
        }

        impl Rpc {
            /// The name of the call.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => stringify!($name),)*
                }
            }

            fn encoded_len(&self) -> usize {
                match self {
                    $(Self::$name(body) => body.encoded_len(),)*
                }
            }
        }

        impl Answer {
            /// The name of the call.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => stringify!($name),)*
                }
            }

            fn encoded_len(&self) -> usize {
                match self {
                    $(Self::$name(body) => body.encoded_len(),)*
                }
            }
        }
    };
}

rpcs! {
    /// Start a run.
    Start(StartWorkflowExecutionRequest) -> StartWorkflowExecutionResponse;
    /// Signal a run, which is started if need be.
    SignalWithStart(SignalWithStartWorkflowExecutionRequest) -> SignalWithStartWorkflowExecutionResponse;
    /// Signal a run.
    Signal(SignalWorkflowExecutionRequest) -> SignalWorkflowExecutionResponse;
    /// Ask a run to cancel.
    Cancel(RequestCancelWorkflowExecutionRequest) -> RequestCancelWorkflowExecutionResponse;
    /// End a run.
    Terminate(TerminateWorkflowExecutionRequest) -> TerminateWorkflowExecutionResponse;
    /// Go on from an earlier point of a run's history.
    Reset(ResetWorkflowExecutionRequest) -> ResetWorkflowExecutionResponse;
    /// Have a run's code do something.
    Update(UpdateWorkflowExecutionRequest) -> UpdateWorkflowExecutionResponse;
    /// Ask how far an update is.
    PollUpdate(PollWorkflowExecutionUpdateRequest) -> PollWorkflowExecutionUpdateResponse;
    /// Have a run's code do something; the run is started if need be.
    UpdateWithStart(ExecuteMultiOperationRequest) -> ExecuteMultiOperationResponse;
    /// Ask the workflow's code.
    Query(QueryWorkflowRequest) -> QueryWorkflowResponse;
    /// Read a run's state.
    Describe(DescribeWorkflowExecutionRequest) -> DescribeWorkflowExecutionResponse;
    /// Find runs.
    List(ListWorkflowExecutionsRequest) -> ListWorkflowExecutionsResponse;
    /// Make a schedule.
    CreateSchedule(CreateScheduleRequest) -> CreateScheduleResponse;
    /// Read a schedule's state.
    DescribeSchedule(DescribeScheduleRequest) -> DescribeScheduleResponse;
    /// Replace what a schedule does.
    UpdateSchedule(UpdateScheduleRequest) -> UpdateScheduleResponse;
    /// Pause, trigger or backfill a schedule.
    PatchSchedule(PatchScheduleRequest) -> PatchScheduleResponse;
    /// Remove a schedule.
    DeleteSchedule(DeleteScheduleRequest) -> DeleteScheduleResponse;
    /// Read a run's history.
    History(GetWorkflowExecutionHistoryRequest) -> GetWorkflowExecutionHistoryResponse;
    /// Wait for a workflow task.
    PollWorkflowTask(PollWorkflowTaskQueueRequest) -> PollWorkflowTaskQueueResponse;
    /// Wait for an activity task.
    PollActivityTask(PollActivityTaskQueueRequest) -> PollActivityTaskQueueResponse;
    /// Answer a workflow task.
    CompleteWorkflowTask(RespondWorkflowTaskCompletedRequest) -> RespondWorkflowTaskCompletedResponse;
    /// Give a workflow task up.
    FailWorkflowTask(RespondWorkflowTaskFailedRequest) -> RespondWorkflowTaskFailedResponse;
    /// Answer a query task.
    CompleteQueryTask(RespondQueryTaskCompletedRequest) -> RespondQueryTaskCompletedResponse;
    /// An activity's result.
    CompleteActivity(RespondActivityTaskCompletedRequest) -> RespondActivityTaskCompletedResponse;
    /// An activity's failure.
    FailActivity(RespondActivityTaskFailedRequest) -> RespondActivityTaskFailedResponse;
    /// An activity has stopped because it was asked to.
    CancelActivity(RespondActivityTaskCanceledRequest) -> RespondActivityTaskCanceledResponse;
    /// An activity is alive.
    Heartbeat(RecordActivityTaskHeartbeatRequest) -> RecordActivityTaskHeartbeatResponse;
}

impl Rpc {
    /// Whether its answer tells how far an update is.
    #[must_use]
    pub fn is_update(&self) -> bool {
        matches!(
            self,
            Self::Update(_) | Self::PollUpdate(_) | Self::UpdateWithStart(_)
        )
    }
}

/// A call of a service of the outside world, made by activity code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceCall {
    /// What to do.
    pub operation: String,
    /// Makes a repeated call harmless, if the service's author cares.
    pub key: String,
    /// On behalf of which workflow.
    pub workflow: String,
    /// By which attempt of the activity.
    pub attempt: u32,
    /// The request as JSON.
    pub body: Vec<u8>,
}

/// Why a service did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {message}")]
pub struct ServiceError {
    /// The failure's type, as retry policies name it.
    pub kind: String,
    /// For people.
    pub message: String,
    /// Whether it is no use to ask again.
    pub fatal: bool,
}

/// A message between nodes.
#[derive(Clone, Debug)]
pub enum Wire {
    /// The sender has (re)started: whatever it knew of open calls is gone, as when a connection breaks.
    Hello,
    /// A call of the engine, and for how long a long poll may be held.
    Request(CallId, Duration, Rc<Rpc>),
    /// Its answer.
    Answer(CallId, Rc<Result<Answer, Rejection>>),
    /// A machine of the engine to another.
    Machine(Rc<Envelope>),
    /// What a caller of the receiver is to be answered by the sender's shard: the receiver knows who it is.
    Relay(ReplyTo, Rc<Result<Answer, Rejection>>),
    /// A call of a service.
    Call(CallId, Rc<ServiceCall>),
    /// Its answer: JSON, or why not.
    Result(CallId, Rc<Result<Vec<u8>, ServiceError>>),
}

impl Wire {
    /// What kind of message this is, for traces.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Hello => "hello",
            Self::Request(_, _, rpc) => rpc.name(),
            Self::Answer(_, answer) => match &**answer {
                Ok(answer) => answer.name(),
                Err(_) => "rejection",
            },
            Self::Machine(_) => "machine",
            Self::Relay(..) => "relay",
            Self::Call(..) => "call",
            Self::Result(..) => "result",
        }
    }
}

impl Message for Wire {
    fn label(&self) -> &'static str {
        self.name()
    }

    fn describe(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        describe::message(self, out)
    }
}

impl Digest for CallId {
    fn feed(&self, digester: &mut Digester) {
        digester.word(u64::from(self.incarnation) << 32 | u64::from(self.number));
    }
}

/// Names, numbers and sizes; the contents of histories are hashed where they become durable.
impl Digest for Wire {
    fn feed(&self, digester: &mut Digester) {
        match self {
            Self::Hello => digester.word(0),
            Self::Request(call, _, rpc) => {
                digester.word(1);
                call.feed(digester);
                rpc.name().feed(digester);
                rpc.encoded_len().feed(digester);
            }
            Self::Answer(call, answer) => {
                digester.word(2);
                call.feed(digester);
                match &**answer {
                    Ok(answer) => {
                        answer.name().feed(digester);
                        answer.encoded_len().feed(digester);
                    }
                    Err(rejection) => rejection.to_string().feed(digester),
                }
            }
            Self::Machine(envelope) => {
                digester.word(3);
                envelope.epoch.0.feed(digester);
                envelope.sequence.feed(digester);
            }
            Self::Relay(to, _) => {
                digester.word(6);
                to.0.feed(digester);
            }
            Self::Call(call, body) => {
                digester.word(4);
                call.feed(digester);
                body.key.feed(digester);
                digester.bytes(&body.body);
            }
            Self::Result(call, result) => {
                digester.word(5);
                call.feed(digester);
                match &**result {
                    Ok(body) => digester.bytes(body),
                    Err(error) => error.kind.feed(digester),
                }
            }
        }
    }
}

/// Calls that have no answer yet.
#[derive(Clone, Debug)]
pub struct OpenCalls<T> {
    incarnation: u32,
    next: u32,
    open: BTreeMap<u32, T>,
}

impl<T> OpenCalls<T> {
    /// No calls, in a new life of the caller.
    #[must_use]
    pub fn new(incarnation: u32) -> Self {
        Self {
            incarnation,
            next: 1,
            open: BTreeMap::new(),
        }
    }

    /// Names a new call, and keeps what the caller wants to know when it is answered.
    pub fn open(&mut self, about: T) -> CallId {
        let number = self.next;
        self.next += 1;
        self.open.insert(number, about);
        CallId {
            incarnation: self.incarnation,
            number,
        }
    }

    /// The call was answered, or is given up. `None` if it was before, or if an earlier life made it.
    pub fn close(&mut self, call: CallId) -> Option<T> {
        if call.incarnation != self.incarnation {
            return None;
        }
        self.open.remove(&call.number)
    }

    /// An open call.
    pub fn get_mut(&mut self, call: CallId) -> Option<&mut T> {
        if call.incarnation != self.incarnation {
            return None;
        }
        self.open.get_mut(&call.number)
    }

    /// The number that the next call gets.
    #[must_use]
    pub fn next_number(&self) -> u32 {
        self.next
    }

    /// The name of the call with this number.
    #[must_use]
    pub fn id(&self, number: u32) -> CallId {
        CallId {
            incarnation: self.incarnation,
            number,
        }
    }

    /// The numbers of the open calls that are wanted, oldest first.
    pub fn numbers_where(&self, wanted: impl Fn(&T) -> bool) -> Vec<u32> {
        let open = self.open.iter().filter(|(_, about)| wanted(about));
        open.map(|(number, _)| *number).collect()
    }

    /// All open calls, oldest first.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.open.values()
    }

    /// How many calls are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether no call is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }
}
