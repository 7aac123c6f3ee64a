//! What an event tells: of which kind it is, what it is about, which events it follows, and what it carries.
//!
//! Everything is borrowed from the event; reading it is cheap enough to be done for each row that is drawn.

use steadfast_proto::temporal::api::{
    common::v1::{Payload, Payloads},
    enums::v1::{EventType, TimeoutType, WorkflowTaskFailedCause},
    failure::v1::{Failure, failure::FailureInfo},
    history::v1::{HistoryEvent, history_event::Attributes as A},
    update::v1::{Request, outcome},
};

use super::time;

/// What part of a workflow an event belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Category {
    /// The beginning and the end of the run, and what is done to it as a whole.
    Workflow,
    /// Steps of the workflow's code.
    Task,
    /// Activities.
    Activity,
    /// Activities that ran within a workflow task.
    LocalActivity,
    /// Timers.
    Timer,
    /// Child workflows.
    Child,
    /// Signals, received and sent.
    Signal,
    /// Updates.
    Update,
    /// Nexus operations.
    Nexus,
    /// Markers.
    Marker,
    /// Everything else, also what is newer than this program.
    Other,
}

impl Category {
    /// All of them, as facets list them.
    pub const ALL: [Self; 11] = [
        Self::Workflow,
        Self::Task,
        Self::Activity,
        Self::LocalActivity,
        Self::Timer,
        Self::Child,
        Self::Signal,
        Self::Update,
        Self::Nexus,
        Self::Marker,
        Self::Other,
    ];

    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Workflow => "Workflow",
            Self::Task => "Task",
            Self::Activity => "Activity",
            Self::LocalActivity => "Local",
            Self::Timer => "Timer",
            Self::Child => "Child",
            Self::Signal => "Signal",
            Self::Update => "Update",
            Self::Nexus => "Nexus",
            Self::Marker => "Marker",
            Self::Other => "Other",
        }
    }

    /// Its glyph, and the same in ASCII.
    pub const fn glyphs(self) -> (&'static str, &'static str) {
        match self {
            Self::Workflow => ("▶", ">"),
            Self::Task => ("·", "."),
            Self::Activity => ("▪", "a"),
            Self::LocalActivity => ("▫", "l"),
            Self::Timer => ("⧗", "t"),
            Self::Child => ("▦", "c"),
            Self::Signal => ("◆", "s"),
            Self::Update => ("◇", "u"),
            Self::Nexus => ("◈", "n"),
            Self::Marker => ("▣", "m"),
            Self::Other => ("?", "?"),
        }
    }
}

/// What an event says about its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// It was asked for.
    Scheduled,
    /// It began.
    Started,
    /// It ended well.
    Completed,
    /// A timer is over.
    Fired,
    /// It arrived.
    Received,
    /// It was written down, and there is no more to it.
    Recorded,
    /// An update was taken on.
    Accepted,
    /// Somebody wants it to end.
    CancelRequested,
    /// It was canceled.
    Canceled,
    /// It failed.
    Failed,
    /// It took too long.
    TimedOut,
    /// It was ended from outside.
    Terminated,
    /// It goes on in another run.
    ContinuedAsNew,
}

impl Class {
    /// Whether something is wrong.
    pub const fn is_problem(self) -> bool {
        matches!(self, Self::Failed | Self::TimedOut | Self::Terminated)
    }

    /// Whether no more is to be expected.
    pub const fn is_end(self) -> bool {
        !matches!(
            self,
            Self::Scheduled | Self::Started | Self::Accepted | Self::CancelRequested
        )
    }
}

/// By what an event finds the group that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join<'a> {
    /// It is the first of its group.
    Head,
    /// The first event of the group.
    Event(i64),
    /// An update, by its id; the first to name it is the head.
    Update(&'a str),
}

/// What an event tells.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The part of the workflow.
    pub category: Category,
    /// What it says about its group.
    pub class: Class,
    /// What the group is called: an activity type, the name of a signal.
    pub name: &'a str,
    /// The id by which the workflow knows it: of an activity, a timer, a child.
    pub id: &'a str,
    /// How it finds its group.
    pub join: Join<'a>,
    /// The events that it follows; 0 where there is none.
    pub causes: [i64; 3],
    /// What it was given.
    pub input: &'a [Payload],
    /// What it gave.
    pub output: &'a [Payload],
    /// What went wrong.
    pub failure: Option<&'a Failure>,
    /// Which attempt, from 1; 0 where there are none.
    pub attempt: i32,
    /// A short word: a duration, a reason, a cause.
    pub note: String,
}

fn payloads(payloads: Option<&Payloads>) -> &[Payload] {
    payloads.map_or(&[], |payloads| &payloads.payloads)
}

fn request(request: Option<&Request>) -> (&str, &[Payload]) {
    let input = request.and_then(|request| request.input.as_ref());
    let name = input.map_or("", |input| input.name.as_str());
    (name, payloads(input.and_then(|input| input.args.as_ref())))
}

impl<'a> Facts<'a> {
    const fn of(category: Category, class: Class) -> Self {
        Self {
            category,
            class,
            name: "",
            id: "",
            join: Join::Head,
            causes: [0; 3],
            input: &[],
            output: &[],
            failure: None,
            attempt: 0,
            note: String::new(),
        }
    }

    fn named(self, name: &'a str, id: &'a str) -> Self {
        Self { name, id, ..self }
    }

    fn joins(self, event: i64) -> Self {
        Self {
            join: Join::Event(event),
            ..self
        }
    }

    fn after(self, causes: [i64; 3]) -> Self {
        Self { causes, ..self }
    }

    fn input(self, input: Option<&'a Payloads>) -> Self {
        Self {
            input: payloads(input),
            ..self
        }
    }

    fn output(self, output: Option<&'a Payloads>) -> Self {
        Self {
            output: payloads(output),
            ..self
        }
    }

    fn failed(self, failure: Option<&'a Failure>) -> Self {
        Self { failure, ..self }
    }

    fn attempt(self, attempt: i32) -> Self {
        Self { attempt, ..self }
    }

    fn note(self, note: impl Into<String>) -> Self {
        Self {
            note: note.into(),
            ..self
        }
    }

    /// Reads an event.
    pub fn read(event: &'a HistoryEvent) -> Self {
        let Some(attributes) = &event.attributes else {
            return Self::of(Category::Other, Class::Recorded);
        };
        match attributes {
            A::WorkflowTaskScheduledEventAttributes(_)
            | A::WorkflowTaskStartedEventAttributes(_)
            | A::WorkflowTaskCompletedEventAttributes(_)
            | A::WorkflowTaskTimedOutEventAttributes(_)
            | A::WorkflowTaskFailedEventAttributes(_) => Self::task(attributes),
            A::ActivityTaskScheduledEventAttributes(_)
            | A::ActivityTaskStartedEventAttributes(_)
            | A::ActivityTaskCompletedEventAttributes(_)
            | A::ActivityTaskFailedEventAttributes(_)
            | A::ActivityTaskTimedOutEventAttributes(_)
            | A::ActivityTaskCancelRequestedEventAttributes(_)
            | A::ActivityTaskCanceledEventAttributes(_)
            | A::ActivityPropertiesModifiedExternallyEventAttributes(_) => {
                Self::activity(attributes)
            }
            A::TimerStartedEventAttributes(_)
            | A::TimerFiredEventAttributes(_)
            | A::TimerCanceledEventAttributes(_) => Self::timer(attributes),
            A::StartChildWorkflowExecutionInitiatedEventAttributes(_)
            | A::StartChildWorkflowExecutionFailedEventAttributes(_)
            | A::ChildWorkflowExecutionStartedEventAttributes(_)
            | A::ChildWorkflowExecutionCompletedEventAttributes(_)
            | A::ChildWorkflowExecutionFailedEventAttributes(_)
            | A::ChildWorkflowExecutionCanceledEventAttributes(_)
            | A::ChildWorkflowExecutionTimedOutEventAttributes(_)
            | A::ChildWorkflowExecutionTerminatedEventAttributes(_) => Self::child(attributes),
            A::NexusOperationScheduledEventAttributes(_)
            | A::NexusOperationStartedEventAttributes(_)
            | A::NexusOperationCompletedEventAttributes(_)
            | A::NexusOperationFailedEventAttributes(_)
            | A::NexusOperationTimedOutEventAttributes(_)
            | A::NexusOperationCanceledEventAttributes(_)
            | A::NexusOperationCancelRequestedEventAttributes(_)
            | A::NexusOperationCancelRequestCompletedEventAttributes(_)
            | A::NexusOperationCancelRequestFailedEventAttributes(_) => Self::nexus(attributes),
            A::WorkflowExecutionUpdateAcceptedEventAttributes(_)
            | A::WorkflowExecutionUpdateCompletedEventAttributes(_)
            | A::WorkflowExecutionUpdateRejectedEventAttributes(_)
            | A::WorkflowExecutionUpdateAdmittedEventAttributes(_) => Self::update(attributes),
            A::WorkflowExecutionSignaledEventAttributes(_)
            | A::SignalExternalWorkflowExecutionInitiatedEventAttributes(_)
            | A::SignalExternalWorkflowExecutionFailedEventAttributes(_)
            | A::ExternalWorkflowExecutionSignaledEventAttributes(_)
            | A::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(_)
            | A::RequestCancelExternalWorkflowExecutionFailedEventAttributes(_)
            | A::ExternalWorkflowExecutionCancelRequestedEventAttributes(_) => {
                Self::message(attributes)
            }
            A::MarkerRecordedEventAttributes(it) => {
                let local = it.marker_name == LOCAL_ACTIVITY;
                let category = if local {
                    Category::LocalActivity
                } else {
                    Category::Marker
                };
                let class = if it.failure.is_some() {
                    Class::Failed
                } else {
                    Class::Recorded
                };
                Self::of(category, class)
                    .named(&it.marker_name, "")
                    .after([it.workflow_task_completed_event_id, 0, 0])
                    .failed(it.failure.as_ref())
            }
            _ => Self::run(attributes, event.event_type()),
        }
    }

    fn task(attributes: &'a A) -> Self {
        let of = |class| Self::of(Category::Task, class);
        match attributes {
            A::WorkflowTaskScheduledEventAttributes(it) => of(Class::Scheduled).attempt(it.attempt),
            A::WorkflowTaskStartedEventAttributes(it) => of(Class::Started)
                .joins(it.scheduled_event_id)
                .after([it.scheduled_event_id, 0, 0])
                .named("", &it.identity),
            A::WorkflowTaskCompletedEventAttributes(it) => of(Class::Completed)
                .joins(it.scheduled_event_id)
                .after([it.started_event_id, it.scheduled_event_id, 0])
                .named("", &it.identity),
            A::WorkflowTaskTimedOutEventAttributes(it) => of(Class::TimedOut)
                .joins(it.scheduled_event_id)
                .after([it.started_event_id, it.scheduled_event_id, 0])
                .note(timeout(it.timeout_type)),
            A::WorkflowTaskFailedEventAttributes(it) => of(Class::Failed)
                .joins(it.scheduled_event_id)
                .after([it.started_event_id, it.scheduled_event_id, 0])
                .failed(it.failure.as_ref())
                .note(words(
                    WorkflowTaskFailedCause::try_from(it.cause)
                        .map_or("", |cause| cause.as_str_name()),
                    "WORKFLOW_TASK_FAILED_CAUSE_",
                )),
            _ => of(Class::Recorded),
        }
    }

    fn activity(attributes: &'a A) -> Self {
        let of = |class| Self::of(Category::Activity, class);
        match attributes {
            A::ActivityTaskScheduledEventAttributes(it) => of(Class::Scheduled)
                .named(
                    it.activity_type.as_ref().map_or("", |it| &it.name),
                    &it.activity_id,
                )
                .after([it.workflow_task_completed_event_id, 0, 0])
                .input(it.input.as_ref()),
            A::ActivityTaskStartedEventAttributes(it) => of(Class::Started)
                .joins(it.scheduled_event_id)
                .after([it.scheduled_event_id, 0, 0])
                .failed(it.last_failure.as_ref())
                .attempt(it.attempt),
            A::ActivityTaskCompletedEventAttributes(it) => of(Class::Completed)
                .joins(it.scheduled_event_id)
                .after([it.started_event_id, it.scheduled_event_id, 0])
                .output(it.result.as_ref()),
            A::ActivityTaskFailedEventAttributes(it) => of(Class::Failed)
                .joins(it.scheduled_event_id)
                .after([it.started_event_id, it.scheduled_event_id, 0])
                .failed(it.failure.as_ref()),
            A::ActivityTaskTimedOutEventAttributes(it) => of(Class::TimedOut)
                .joins(it.scheduled_event_id)
                .after([it.started_event_id, it.scheduled_event_id, 0])
                .failed(it.failure.as_ref()),
            A::ActivityTaskCancelRequestedEventAttributes(it) => of(Class::CancelRequested)
                .joins(it.scheduled_event_id)
                .after([
                    it.workflow_task_completed_event_id,
                    it.scheduled_event_id,
                    0,
                ]),
            A::ActivityTaskCanceledEventAttributes(it) => of(Class::Canceled)
                .joins(it.scheduled_event_id)
                .after([
                    it.latest_cancel_requested_event_id,
                    it.started_event_id,
                    it.scheduled_event_id,
                ])
                .output(it.details.as_ref()),
            A::ActivityPropertiesModifiedExternallyEventAttributes(it) => of(Class::Started)
                .joins(it.scheduled_event_id)
                .after([it.scheduled_event_id, 0, 0]),
            _ => of(Class::Recorded),
        }
    }

    fn timer(attributes: &'a A) -> Self {
        let of = |class| Self::of(Category::Timer, class);
        match attributes {
            A::TimerStartedEventAttributes(it) => of(Class::Started)
                .named(&it.timer_id, &it.timer_id)
                .after([it.workflow_task_completed_event_id, 0, 0])
                .note(time::span_of(it.start_to_fire_timeout.as_ref())),
            A::TimerFiredEventAttributes(it) => of(Class::Fired)
                .named(&it.timer_id, &it.timer_id)
                .joins(it.started_event_id)
                .after([it.started_event_id, 0, 0]),
            A::TimerCanceledEventAttributes(it) => of(Class::Canceled)
                .named(&it.timer_id, &it.timer_id)
                .joins(it.started_event_id)
                .after([it.workflow_task_completed_event_id, it.started_event_id, 0]),
            _ => of(Class::Recorded),
        }
    }

    fn child(attributes: &'a A) -> Self {
        let of = |class| Self::of(Category::Child, class);
        let ended = |class, initiated: i64, started: i64| {
            of(class).joins(initiated).after([started, initiated, 0])
        };
        match attributes {
            A::StartChildWorkflowExecutionInitiatedEventAttributes(it) => of(Class::Scheduled)
                .named(
                    it.workflow_type.as_ref().map_or("", |it| &it.name),
                    &it.workflow_id,
                )
                .after([it.workflow_task_completed_event_id, 0, 0])
                .input(it.input.as_ref()),
            A::StartChildWorkflowExecutionFailedEventAttributes(it) => of(Class::Failed)
                .joins(it.initiated_event_id)
                .after([it.initiated_event_id, 0, 0])
                .note(words(
                    it.cause().as_str_name(),
                    "START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_",
                )),
            A::ChildWorkflowExecutionStartedEventAttributes(it) => of(Class::Started)
                .joins(it.initiated_event_id)
                .after([it.initiated_event_id, 0, 0])
                .named(
                    "",
                    it.workflow_execution.as_ref().map_or("", |it| &it.run_id),
                ),
            A::ChildWorkflowExecutionCompletedEventAttributes(it) => {
                ended(Class::Completed, it.initiated_event_id, it.started_event_id)
                    .output(it.result.as_ref())
            }
            A::ChildWorkflowExecutionFailedEventAttributes(it) => {
                ended(Class::Failed, it.initiated_event_id, it.started_event_id)
                    .failed(it.failure.as_ref())
            }
            A::ChildWorkflowExecutionCanceledEventAttributes(it) => {
                ended(Class::Canceled, it.initiated_event_id, it.started_event_id)
                    .output(it.details.as_ref())
            }
            A::ChildWorkflowExecutionTimedOutEventAttributes(it) => {
                ended(Class::TimedOut, it.initiated_event_id, it.started_event_id)
            }
            A::ChildWorkflowExecutionTerminatedEventAttributes(it) => ended(
                Class::Terminated,
                it.initiated_event_id,
                it.started_event_id,
            ),
            _ => of(Class::Recorded),
        }
    }

    fn nexus(attributes: &'a A) -> Self {
        let of = |class, scheduled: i64| {
            Self::of(Category::Nexus, class)
                .joins(scheduled)
                .after([scheduled, 0, 0])
        };
        match attributes {
            A::NexusOperationScheduledEventAttributes(it) => Self {
                input: it.input.as_slice(),
                ..Self::of(Category::Nexus, Class::Scheduled)
                    .named(&it.operation, &it.service)
                    .after([it.workflow_task_completed_event_id, 0, 0])
            },
            A::NexusOperationStartedEventAttributes(it) => {
                of(Class::Started, it.scheduled_event_id)
            }
            A::NexusOperationCompletedEventAttributes(it) => Self {
                output: it.result.as_slice(),
                ..of(Class::Completed, it.scheduled_event_id)
            },
            A::NexusOperationFailedEventAttributes(it) => {
                of(Class::Failed, it.scheduled_event_id).failed(it.failure.as_ref())
            }
            A::NexusOperationTimedOutEventAttributes(it) => {
                of(Class::TimedOut, it.scheduled_event_id).failed(it.failure.as_ref())
            }
            A::NexusOperationCanceledEventAttributes(it) => {
                of(Class::Canceled, it.scheduled_event_id).failed(it.failure.as_ref())
            }
            A::NexusOperationCancelRequestedEventAttributes(it) => {
                of(Class::CancelRequested, it.scheduled_event_id)
            }
            A::NexusOperationCancelRequestCompletedEventAttributes(it) => {
                of(Class::CancelRequested, it.scheduled_event_id).after([
                    it.requested_event_id,
                    0,
                    0,
                ])
            }
            A::NexusOperationCancelRequestFailedEventAttributes(it) => {
                of(Class::CancelRequested, it.scheduled_event_id)
                    .after([it.requested_event_id, 0, 0])
                    .failed(it.failure.as_ref())
            }
            _ => Self::of(Category::Nexus, Class::Recorded),
        }
    }

    fn update(attributes: &'a A) -> Self {
        let of = |class| Self::of(Category::Update, class);
        match attributes {
            A::WorkflowExecutionUpdateAdmittedEventAttributes(it) => {
                let (name, input) = request(it.request.as_ref());
                let meta = it.request.as_ref().and_then(|it| it.meta.as_ref());
                let id = meta.map_or("", |meta| meta.update_id.as_str());
                Self {
                    join: Join::Update(id),
                    input,
                    ..of(Class::Scheduled).named(name, id)
                }
            }
            A::WorkflowExecutionUpdateAcceptedEventAttributes(it) => {
                let (name, input) = request(it.accepted_request.as_ref());
                let id = it.protocol_instance_id.as_str();
                Self {
                    join: Join::Update(id),
                    input,
                    ..of(Class::Accepted).named(name, id)
                }
            }
            A::WorkflowExecutionUpdateRejectedEventAttributes(it) => {
                let (name, input) = request(it.rejected_request.as_ref());
                let id = it.protocol_instance_id.as_str();
                Self {
                    join: Join::Update(id),
                    input,
                    failure: it.failure.as_ref(),
                    ..of(Class::Failed).named(name, id)
                }
            }
            A::WorkflowExecutionUpdateCompletedEventAttributes(it) => {
                let value = it.outcome.as_ref().and_then(|it| it.value.as_ref());
                let id = it.meta.as_ref().map_or("", |meta| &meta.update_id);
                let facts = match value {
                    Some(outcome::Value::Failure(failure)) => {
                        of(Class::Failed).failed(Some(failure))
                    }
                    Some(outcome::Value::Success(result)) => {
                        of(Class::Completed).output(Some(result))
                    }
                    None => of(Class::Completed),
                };
                let facts = facts.named("", id).after([it.accepted_event_id, 0, 0]);
                if it.accepted_event_id > 0 {
                    facts.joins(it.accepted_event_id)
                } else {
                    Self {
                        join: Join::Update(id),
                        ..facts
                    }
                }
            }
            _ => of(Class::Recorded),
        }
    }

    /// Signals, and what this workflow sends to others.
    fn message(attributes: &'a A) -> Self {
        let of = |class| Self::of(Category::Signal, class);
        match attributes {
            A::WorkflowExecutionSignaledEventAttributes(it) => of(Class::Received)
                .named(
                    &it.signal_name,
                    it.external_workflow_execution
                        .as_ref()
                        .map_or("", |it| &it.workflow_id),
                )
                .input(it.input.as_ref()),
            A::SignalExternalWorkflowExecutionInitiatedEventAttributes(it) => of(Class::Scheduled)
                .named(
                    &it.signal_name,
                    it.workflow_execution
                        .as_ref()
                        .map_or("", |it| &it.workflow_id),
                )
                .after([it.workflow_task_completed_event_id, 0, 0])
                .input(it.input.as_ref()),
            A::SignalExternalWorkflowExecutionFailedEventAttributes(it) => of(Class::Failed)
                .joins(it.initiated_event_id)
                .after([it.initiated_event_id, 0, 0])
                .note(words(
                    it.cause().as_str_name(),
                    "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_",
                )),
            A::ExternalWorkflowExecutionSignaledEventAttributes(it) => of(Class::Completed)
                .joins(it.initiated_event_id)
                .after([it.initiated_event_id, 0, 0]),
            A::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(it) => {
                of(Class::Scheduled)
                    .named(
                        "cancel",
                        it.workflow_execution
                            .as_ref()
                            .map_or("", |it| &it.workflow_id),
                    )
                    .after([it.workflow_task_completed_event_id, 0, 0])
                    .note(it.reason.as_str())
            }
            A::RequestCancelExternalWorkflowExecutionFailedEventAttributes(it) => of(Class::Failed)
                .joins(it.initiated_event_id)
                .after([it.initiated_event_id, 0, 0])
                .note(words(
                    it.cause().as_str_name(),
                    "CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_",
                )),
            A::ExternalWorkflowExecutionCancelRequestedEventAttributes(it) => of(Class::Completed)
                .joins(it.initiated_event_id)
                .after([it.initiated_event_id, 0, 0]),
            _ => of(Class::Recorded),
        }
    }

    /// What concerns the run as a whole.
    fn run(attributes: &'a A, kind: EventType) -> Self {
        let of = |class| Self::of(Category::Workflow, class);
        match attributes {
            A::WorkflowExecutionStartedEventAttributes(it) => of(Class::Started)
                .named(
                    it.workflow_type.as_ref().map_or("", |it| &it.name),
                    &it.workflow_id,
                )
                .input(it.input.as_ref())
                .attempt(it.attempt),
            A::WorkflowExecutionCompletedEventAttributes(it) => of(Class::Completed)
                .after([it.workflow_task_completed_event_id, 0, 0])
                .output(it.result.as_ref()),
            A::WorkflowExecutionFailedEventAttributes(it) => of(Class::Failed)
                .after([it.workflow_task_completed_event_id, 0, 0])
                .failed(it.failure.as_ref()),
            A::WorkflowExecutionTimedOutEventAttributes(_) => of(Class::TimedOut),
            A::WorkflowExecutionCanceledEventAttributes(it) => of(Class::Canceled)
                .after([it.workflow_task_completed_event_id, 0, 0])
                .output(it.details.as_ref()),
            A::WorkflowExecutionTerminatedEventAttributes(it) => of(Class::Terminated)
                .output(it.details.as_ref())
                .note(it.reason.as_str()),
            A::WorkflowExecutionContinuedAsNewEventAttributes(it) => of(Class::ContinuedAsNew)
                .named(
                    it.workflow_type.as_ref().map_or("", |it| &it.name),
                    &it.new_execution_run_id,
                )
                .after([it.workflow_task_completed_event_id, 0, 0])
                .input(it.input.as_ref()),
            A::WorkflowExecutionCancelRequestedEventAttributes(it) => {
                of(Class::CancelRequested).note(it.cause.as_str())
            }
            A::UpsertWorkflowSearchAttributesEventAttributes(it) => of(Class::Recorded)
                .named("search attributes", "")
                .after([it.workflow_task_completed_event_id, 0, 0]),
            A::WorkflowPropertiesModifiedEventAttributes(it) => of(Class::Recorded)
                .named("memo", "")
                .after([it.workflow_task_completed_event_id, 0, 0]),
            A::WorkflowExecutionPausedEventAttributes(it) => {
                of(Class::Recorded).note(it.reason.as_str())
            }
            A::WorkflowExecutionUnpausedEventAttributes(it) => {
                of(Class::Recorded).note(it.reason.as_str())
            }
            _ if kind == EventType::Unspecified => Self::of(Category::Other, Class::Recorded),
            _ => of(Class::Recorded),
        }
    }
}

/// The marker under which SDKs record local activities.
const LOCAL_ACTIVITY: &str = "core_local_activity";

/// Which of its times was over.
fn timeout(kind: i32) -> String {
    let kind = TimeoutType::try_from(kind).unwrap_or_default();
    words(kind.as_str_name(), "TIMEOUT_TYPE_")
}

/// The name of a value of an enum for people: `SCHEDULE_TO_START` as `schedule to start`.
pub fn words(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix)
        .unwrap_or(name)
        .replace('_', " ")
        .to_lowercase()
}

/// What went wrong at first, and of which kind it was: failures wrap their causes.
pub fn innermost(failure: &Failure) -> (&str, String) {
    let mut inner = failure;
    while let Some(cause) = &inner.cause {
        inner = cause;
    }
    let kind = match &inner.failure_info {
        Some(FailureInfo::ApplicationFailureInfo(info)) => info.r#type.clone(),
        Some(FailureInfo::TimeoutFailureInfo(info)) => {
            format!("timeout {}", timeout(info.timeout_type))
        }
        Some(FailureInfo::CanceledFailureInfo(_)) => "canceled".to_owned(),
        Some(FailureInfo::TerminatedFailureInfo(_)) => "terminated".to_owned(),
        Some(FailureInfo::ServerFailureInfo(_)) => "server".to_owned(),
        _ => String::new(),
    };
    (&inner.message, kind)
}
