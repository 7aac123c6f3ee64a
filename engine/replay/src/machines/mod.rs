//! One machine per operation that workflow code can begin. A machine turns the code's wishes into commands, recognises
//! their events in history, and turns outcomes into jobs.

use std::collections::VecDeque;

use prost_types::Timestamp;
use steadfast_proto::temporal::api::{
    command::v1::{Command, command::Attributes as Cmd},
    enums::v1::CommandType,
    history::v1::HistoryEvent,
    protocol::v1::Message,
};

use crate::{
    error::{Result, Trouble},
    event,
    language::{Job, Notes},
    markers,
    nondeterminism::{Mismatch, NonDeterminismKind},
};

pub(crate) mod activity;
pub(crate) mod check;
pub(crate) mod child;
pub(crate) mod external;
pub(crate) mod local;
pub(crate) mod timer;
pub(crate) mod update;

/// The kinds of operation that the code numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Op {
    Timer,
    Activity,
    LocalActivity,
    Child,
    SignalExternal,
    CancelExternal,
    Update,
    /// What the code gives no number: markers, upserts, the end of the run, cancel requests to children.
    Unnumbered,
}

impl Op {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Timer => "timer",
            Self::Activity => "activity",
            Self::LocalActivity => "local activity",
            Self::Child => "child workflow",
            Self::SignalExternal => "signal to another workflow",
            Self::CancelExternal => "cancel request to another workflow",
            Self::Update => "update",
            Self::Unnumbered => "command",
        }
    }
}

/// Names an operation for the whole life of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(Op, u32);

impl Key {
    pub(crate) fn new(op: Op, seq: u32) -> Self {
        Self(op, seq)
    }
}

/// A command on its way to the server, or to its event in history.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) key: Key,
    /// Boxed: commands are large, and queues move them.
    pub(crate) command: Box<Command>,
    /// Counted in the digest: the task that issued it has been completed.
    pub(crate) sealed: bool,
    /// Replayed local activity results: history has the marker already, the command only keeps its place.
    pub(crate) phantom: bool,
}

/// What machines ask for while they work.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    pub(crate) jobs: Vec<Job>,
    /// Commands of the current activation, in order.
    pub(crate) fresh: VecDeque<Queued>,
    pub(crate) messages: Vec<Message>,
    /// The workflow time at which a local activity ended.
    pub(crate) move_time: Option<Timestamp>,
}

impl Effects {
    pub(crate) fn job(&mut self, job: Job) {
        self.jobs.push(job);
    }

    pub(crate) fn issue(&mut self, key: Key, attributes: Cmd, notes: Notes) {
        let command = command(attributes, notes);
        self.fresh.push_back(Queued {
            key,
            command,
            sealed: false,
            phantom: false,
        });
    }
}

/// A machine of any kind.
#[derive(Debug)]
pub(crate) enum Machine {
    Timer(timer::Timer),
    Activity(Box<activity::Activity>),
    Local(Box<local::Local>),
    Child(Box<child::Child>),
    Signal(external::Signal),
    Cancel(external::Cancel),
    Update(Box<update::Update>),
}

impl Machine {
    /// The code took the operation back before the server could learn of it.
    pub(crate) fn is_unsent(&self) -> bool {
        match self {
            Self::Timer(timer) => timer.state == timer::State::Unsent,
            Self::Activity(activity) => activity.state == activity::State::Unsent,
            Self::Child(child) => child.state == child::State::Unsent,
            Self::Signal(signal) => signal.state == external::State::Unsent,
            // A local activity that is taken back leaves a marker all the same.
            Self::Local(_) | Self::Cancel(_) | Self::Update(_) => false,
        }
    }

    /// Nothing can happen to it any more.
    pub(crate) fn is_done(&self) -> bool {
        match self {
            Self::Timer(timer) => timer.state == timer::State::Done,
            Self::Activity(activity) => activity.state == activity::State::Done,
            Self::Local(local) => local.state == local::State::Recorded,
            Self::Child(child) => child.state == child::State::Done,
            Self::Signal(signal) => signal.state == external::State::Done,
            Self::Cancel(cancel) => cancel.state == external::State::Done,
            Self::Update(update) => update.state == update::State::Done,
        }
    }

    /// Its command has become `event`; the two have been compared.
    pub(crate) fn recorded(&mut self, event: &HistoryEvent, ids_and_types: bool) -> Result<()> {
        match self {
            Self::Timer(timer) => timer.recorded(),
            Self::Activity(activity) => activity.recorded(event),
            Self::Child(child) => child.recorded(event),
            Self::Signal(signal) => signal.state = external::State::Sent,
            Self::Cancel(cancel) => cancel.state = external::State::Sent,
            Self::Update(update) => update.recorded(event)?,
            Self::Local(local) => {
                let marker = markers::local_activity_marker(event)
                    .ok_or_else(|| unexpected(event, "a local activity"))?;
                local.recorded(event, marker, ids_and_types)?;
            }
        }
        Ok(())
    }

    /// History tells what became of the operation.
    pub(crate) fn outcome(&mut self, event: &HistoryEvent, effects: &mut Effects) -> Result<()> {
        match self {
            Self::Timer(timer) => timer.outcome(event, effects),
            Self::Activity(activity) => activity.outcome(event, effects),
            Self::Child(child) => child.outcome(event, effects),
            Self::Signal(signal) => signal.outcome(event, effects),
            Self::Cancel(cancel) => cancel.outcome(event, effects),
            Self::Local(_) => Err(unexpected(event, "a local activity")),
            Self::Update(_) => Err(unexpected(event, "an update")),
        }
    }
}

pub(crate) fn command(attributes: Cmd, notes: Notes) -> Box<Command> {
    Box::new(Command {
        command_type: command_type(&attributes).into(),
        user_metadata: notes.metadata,
        event_group_markers: notes.groups,
        attributes: Some(attributes),
    })
}

fn command_type(attributes: &Cmd) -> CommandType {
    match attributes {
        Cmd::ScheduleActivityTaskCommandAttributes(_) => CommandType::ScheduleActivityTask,
        Cmd::StartTimerCommandAttributes(_) => CommandType::StartTimer,
        Cmd::CompleteWorkflowExecutionCommandAttributes(_) => {
            CommandType::CompleteWorkflowExecution
        }
        Cmd::FailWorkflowExecutionCommandAttributes(_) => CommandType::FailWorkflowExecution,
        Cmd::RequestCancelActivityTaskCommandAttributes(_) => {
            CommandType::RequestCancelActivityTask
        }
        Cmd::CancelTimerCommandAttributes(_) => CommandType::CancelTimer,
        Cmd::CancelWorkflowExecutionCommandAttributes(_) => CommandType::CancelWorkflowExecution,
        Cmd::RequestCancelExternalWorkflowExecutionCommandAttributes(_) => {
            CommandType::RequestCancelExternalWorkflowExecution
        }
        Cmd::RecordMarkerCommandAttributes(_) => CommandType::RecordMarker,
        Cmd::ContinueAsNewWorkflowExecutionCommandAttributes(_) => {
            CommandType::ContinueAsNewWorkflowExecution
        }
        Cmd::StartChildWorkflowExecutionCommandAttributes(_) => {
            CommandType::StartChildWorkflowExecution
        }
        Cmd::SignalExternalWorkflowExecutionCommandAttributes(_) => {
            CommandType::SignalExternalWorkflowExecution
        }
        Cmd::UpsertWorkflowSearchAttributesCommandAttributes(_) => {
            CommandType::UpsertWorkflowSearchAttributes
        }
        Cmd::ProtocolMessageCommandAttributes(_) => CommandType::ProtocolMessage,
        Cmd::ModifyWorkflowPropertiesCommandAttributes(_) => CommandType::ModifyWorkflowProperties,
        Cmd::ScheduleNexusOperationCommandAttributes(_) => CommandType::ScheduleNexusOperation,
        Cmd::RequestCancelNexusOperationCommandAttributes(_) => {
            CommandType::RequestCancelNexusOperation
        }
    }
}

/// An event that refers to an operation of another kind.
fn unexpected(event: &HistoryEvent, kind: &str) -> Trouble {
    let name = event::type_name(event);
    Trouble::invalid(event.event_id, format!("{name} refers to {kind}"))
}

/// An outcome that the operation, as the code left it, cannot have.
fn impossible(event: &HistoryEvent, code: String, why: impl Into<String>) -> Mismatch {
    Mismatch {
        kind: NonDeterminismKind::ImpossibleOutcome,
        event_id: event.event_id,
        history: event::describe(event),
        code,
        message: why.into(),
    }
}
