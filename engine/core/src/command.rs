//! What workflow code decides, parsed from the worker's answer.

use std::{collections::BTreeMap, time::Duration};

use steadfast_proto::temporal::api::{
    command::v1::RecordMarkerCommandAttributes,
    common::v1::{Header, Memo, Payload, Payloads, Priority, SearchAttributes},
    failure::v1::Failure,
    sdk::v1::{EventGroupMarker, UserMetadata},
    workflow::v1::VersioningOverride,
};

use crate::{
    ids::{ActivityId, EventId, ExecutionKey, RunId, TaskQueueName, TimerId},
    nexus::NexusTarget,
    policy::{IdReusePolicy, ParentClosePolicy, RetryPolicy},
};

/// One decision, with what people may read about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// The decision.
    pub kind: CommandKind,
    /// Summary and details, copied to the event.
    pub user_metadata: Option<UserMetadata>,
    /// Marks that group events, copied to the event.
    pub group_markers: Vec<EventGroupMarker>,
}

/// One decision.
#[derive(Clone, Debug, PartialEq)]
pub enum CommandKind {
    /// Run an activity.
    ScheduleActivity(Box<ScheduleActivity>),
    /// Ask an activity to stop.
    CancelActivity {
        /// Its scheduled event.
        scheduled: EventId,
    },
    /// Wait.
    StartTimer {
        /// Unique among the pending ones.
        id: TimerId,
        /// How long.
        after: Duration,
    },
    /// Wait no longer.
    CancelTimer {
        /// Which.
        id: TimerId,
    },
    /// Close with a result.
    Complete(Option<Payloads>),
    /// Close with a failure; a retry policy or cron may go on.
    Fail(Box<Failure>),
    /// Close as canceled.
    Cancel(Option<Payloads>),
    /// Close and go on in a new run.
    ContinueAsNew(Box<ContinueAsNew>),
    /// Start a child.
    StartChild(Box<StartChild>),
    /// Signal another execution.
    SignalExternal(Box<SignalExternal>),
    /// Ask another execution to cancel.
    CancelExternal(Box<CancelExternal>),
    /// Remember something at this place of the history.
    RecordMarker(Box<RecordMarkerCommandAttributes>),
    /// Change search attributes.
    UpsertSearchAttributes(SearchAttributes),
    /// Change the memo.
    ModifyMemo(Memo),
    /// Take this message of the completion here.
    ProtocolMessage {
        /// Its name in the completion.
        id: String,
    },
    /// Ask a service behind an endpoint.
    ScheduleNexus(Box<ScheduleNexus>),
    /// Ask it to stop.
    CancelNexus {
        /// The operation's scheduled event.
        scheduled: EventId,
    },
}

impl CommandKind {
    /// Whether the run is over after this.
    #[must_use]
    pub fn closes(&self) -> bool {
        matches!(
            self,
            Self::Complete(_) | Self::Fail(_) | Self::Cancel(_) | Self::ContinueAsNew(_)
        )
    }
}

/// The four bounds on an activity, as given; zero means not given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ActivityTimeouts {
    /// All attempts together.
    pub schedule_to_close: Duration,
    /// One attempt's wait for a worker.
    pub schedule_to_start: Duration,
    /// One attempt on a worker.
    pub start_to_close: Duration,
    /// The pause between two heartbeats.
    pub heartbeat: Duration,
}

impl ActivityTimeouts {
    /// Fills in what was not given, and bounds all by the run's timeout (zero: none).
    ///
    /// # Errors
    /// If neither schedule-to-close nor start-to-close was given.
    // temporal: service/history/api/command_attr_validator.go, validateActivityScheduleAttributes.
    pub fn resolve(self, run_timeout: Duration) -> Result<Self, String> {
        let or = |a: Duration, b: Duration| if a.is_zero() { b } else { a };
        let cap = |a: Duration, b: Duration| match (a.is_zero(), b.is_zero()) {
            (_, true) => a,
            (true, false) => b,
            (false, false) => a.min(b),
        };
        let mut all = self;
        if !all.schedule_to_close.is_zero() {
            all.schedule_to_start = cap(all.schedule_to_start, all.schedule_to_close);
            all.start_to_close = cap(all.start_to_close, all.schedule_to_close);
        } else if !all.start_to_close.is_zero() {
            all.schedule_to_close = run_timeout;
            all.schedule_to_start = or(all.schedule_to_start, run_timeout);
        } else {
            return Err(
                "A valid StartToClose or ScheduleToCloseTimeout is not set on command.".to_owned(),
            );
        }
        if !run_timeout.is_zero() {
            all.schedule_to_close = cap(all.schedule_to_close, run_timeout);
            all.schedule_to_start = cap(all.schedule_to_start, run_timeout);
            all.start_to_close = cap(all.start_to_close, run_timeout);
        }
        if !all.heartbeat.is_zero() {
            all.heartbeat = cap(all.heartbeat, all.start_to_close);
        }
        Ok(all)
    }
}

/// Run an activity.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduleActivity {
    /// Unique among the pending ones.
    pub id: ActivityId,
    /// The name of its code.
    pub activity_type: String,
    /// Where its tasks go.
    pub task_queue: TaskQueueName,
    /// Its arguments.
    pub input: Option<Payloads>,
    /// Headers for interceptors.
    pub header: Option<Header>,
    /// Its bounds, as given.
    pub timeouts: ActivityTimeouts,
    /// How it is tried again.
    pub retry: RetryPolicy,
    /// Priority and fairness.
    pub priority: Option<Priority>,
    /// Whether the worker would run it itself at once.
    pub eager: bool,
    /// Whether it is to run on the build that runs the workflow; only noted so far.
    pub use_workflow_build_id: bool,
}

/// Ask a service behind an endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduleNexus {
    /// The endpoint's name.
    pub endpoint: String,
    /// Where it leads; `None` if there is no such endpoint.
    pub target: Option<NexusTarget>,
    /// The service.
    pub service: String,
    /// What it is to do.
    pub operation: String,
    /// With what.
    pub input: Option<Payload>,
    /// What is sent along; names are in lower case.
    pub header: BTreeMap<String, String>,
    /// Its bounds, as given.
    pub timeouts: NexusTimeouts,
}

/// The three bounds on a Nexus operation; zero means none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NexusTimeouts {
    /// All of it.
    pub schedule_to_close: Duration,
    /// Until the handler has taken it on.
    pub schedule_to_start: Duration,
    /// From then on.
    pub start_to_close: Duration,
}

impl NexusTimeouts {
    /// The bounds within a run's timeout (zero: none), and the smaller ones within the largest.
    // temporal: components/nexusoperations/workflow/commands.go.
    #[must_use]
    pub fn within(self, run_timeout: Duration) -> Self {
        let cap = |a: Duration, b: Duration| match (a.is_zero(), b.is_zero()) {
            (_, true) => a,
            (true, false) => b,
            (false, false) => a.min(b),
        };
        let inside = |a: Duration, all: Duration| if a.is_zero() { a } else { cap(a, all) };
        let all = cap(self.schedule_to_close, run_timeout);
        Self {
            schedule_to_close: all,
            schedule_to_start: inside(self.schedule_to_start, all),
            start_to_close: inside(self.start_to_close, all),
        }
    }
}

/// Close and go on in a new run.
#[derive(Clone, Debug, PartialEq)]
pub struct ContinueAsNew {
    /// The name of the code; empty means the same.
    pub workflow_type: String,
    /// Where its tasks go; empty means the same.
    pub task_queue: TaskQueueName,
    /// Its arguments.
    pub input: Option<Payloads>,
    /// Bound on the new run; zero means none given.
    pub run_timeout: Duration,
    /// Bound on its workflow tasks; zero means the same.
    pub task_timeout: Duration,
    /// Wait before its first workflow task.
    pub backoff: Duration,
    /// Its retry policy; not inherited.
    pub retry: Option<RetryPolicy>,
    /// Headers for interceptors.
    pub header: Option<Header>,
    /// Its memo; not inherited.
    pub memo: Option<Memo>,
    /// Its search attributes; not inherited.
    pub search_attributes: Option<SearchAttributes>,
    /// Its cron schedule.
    pub cron: String,
    /// Temporal's `ContinueAsNewInitiator` number; 0 means the workflow itself.
    pub initiator: i32,
    /// The failure that this run ended with, for the next one to see.
    pub failure: Option<Failure>,
    /// The result of the last run that completed, for the next one to see.
    pub last_result: Option<Payloads>,
    /// Whether the next run is to stay on this run's build; only noted so far.
    pub inherit_build_id: bool,
    /// Temporal's `ContinueAsNewVersioningBehavior` number for the next run.
    pub initially: i32,
}

/// Start a child.
#[derive(Clone, Debug, PartialEq)]
pub struct StartChild {
    /// The child.
    pub key: ExecutionKey,
    /// The name of its code.
    pub workflow_type: String,
    /// Where its tasks go; empty means as the parent's.
    pub task_queue: TaskQueueName,
    /// Its arguments.
    pub input: Option<Payloads>,
    /// Headers for interceptors.
    pub header: Option<Header>,
    /// Bound on the chain; zero means none.
    pub execution_timeout: Duration,
    /// Bound on each run; zero means none.
    pub run_timeout: Duration,
    /// Bound on each workflow task; zero means the default.
    pub task_timeout: Duration,
    /// Its fate when the parent closes.
    pub parent_close: ParentClosePolicy,
    /// Against the id's last closed run.
    pub reuse: IdReusePolicy,
    /// Whether and how a failed run is followed by another.
    pub retry: Option<RetryPolicy>,
    /// A cron expression, or empty.
    pub cron: String,
    /// Its memo.
    pub memo: Option<Memo>,
    /// Its search attributes.
    pub search_attributes: Option<SearchAttributes>,
    /// Opaque text for the parent, kept in the event.
    pub control: String,
    /// Priority and fairness.
    pub priority: Option<Priority>,
    /// Whether it is to run on its parent's build; only noted so far.
    pub inherit_build_id: bool,
    /// Which version it runs on, if not the one that its queue is routed to.
    pub versioning_override: Option<VersioningOverride>,
}

/// Signal another execution.
#[derive(Clone, Debug, PartialEq)]
pub struct SignalExternal {
    /// Whom.
    pub key: ExecutionKey,
    /// Its run; `None` means the current one.
    pub run_id: Option<RunId>,
    /// Only if it is a child of the sender.
    pub child_only: bool,
    /// The signal's name.
    pub name: String,
    /// Its arguments.
    pub input: Option<Payloads>,
    /// Headers for interceptors.
    pub header: Option<Header>,
    /// Opaque text for the sender, kept in the event.
    pub control: String,
}

/// Ask another execution to cancel.
#[derive(Clone, Debug, PartialEq)]
pub struct CancelExternal {
    /// Whom.
    pub key: ExecutionKey,
    /// Its namespace as the command has it, for the event: empty means the sender's own.
    pub namespace: String,
    /// Its run; `None` means the current one.
    pub run_id: Option<RunId>,
    /// Only if it is a child of the sender.
    pub child_only: bool,
    /// Why.
    pub reason: String,
    /// Opaque text for the sender, kept in the event.
    pub control: String,
}
