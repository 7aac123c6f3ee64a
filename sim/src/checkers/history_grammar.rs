//! History grammar: ids are dense, references lead to events of the right type, order is Temporal's, and exactly one
//! close event is the last.

use std::collections::{BTreeMap, BTreeSet};

use steadfast_core::{RunKey, Timestamp};
use steadfast_proto::temporal::api::{
    enums::v1::EventType,
    history::v1::{HistoryEvent, history_event::Attributes},
};

use super::{
    facts::closes,
    tally::{Tally, named},
};
use crate::kernel::Time;

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct HistoryGrammar {
    /// Its count and findings.
    pub(crate) tally: Tally,
    runs: BTreeMap<RunKey, Sentence>,
}

impl Default for HistoryGrammar {
    fn default() -> Self {
        Self {
            tally: Tally::new("history-grammar"),
            runs: BTreeMap::new(),
        }
    }
}

/// What has been read of one history.
#[derive(Debug, Default)]
struct Sentence {
    types: Vec<EventType>,
    last_time: Timestamp,
    /// When the newest workflow task was started.
    task_started: Timestamp,
    closed: bool,
    /// The started event of the workflow task that a worker has now.
    open_task: Option<i64>,
    /// Scheduled, initiated and timer-started events whose end has not come.
    pending: BTreeSet<i64>,
}

impl Sentence {
    fn is(&self, id: i64, kind: EventType) -> bool {
        let place = usize::try_from(id - 1).unwrap_or(usize::MAX);
        self.types.get(place) == Some(&kind)
    }

    /// What is wrong with the next event, if anything.
    fn read(&mut self, event: &HistoryEvent) -> Result<(), String> {
        let expected = self.types.len() as i64 + 1;
        let kind = event.event_type();
        require(event.event_id == expected, || {
            format!("event {} where {expected} was due", event.event_id)
        })?;
        require(!self.closed, || {
            format!("{} after the close event", kind.as_str_name())
        })?;
        require(
            (kind == EventType::WorkflowExecutionStarted) == (expected == 1),
            || format!("{} as event {expected}", kind.as_str_name()),
        )?;
        self.types.push(kind);
        self.read_time(event, kind)?;
        let Some(attributes) = &event.attributes else {
            return Err(format!("{} without attributes", kind.as_str_name()));
        };
        self.closed = closes(attributes).is_some();
        self.read_order(kind)?;
        self.read_references(event.event_id, attributes)
    }

    /// Time never runs back, except that starts which are written late carry the time at which they happened, and so
    /// do events that had to wait while a worker had the workflow task: those came after it was started.
    fn read_time(&mut self, event: &HistoryEvent, kind: EventType) -> Result<(), String> {
        let Some(time) = &event.event_time else {
            return Err(format!("{} without a time", kind.as_str_name()));
        };
        let time = Timestamp::from_proto(time);
        let earliest = match kind {
            EventType::WorkflowTaskScheduled
            | EventType::WorkflowTaskStarted
            | EventType::ActivityTaskStarted => Timestamp::EPOCH,
            kind if may_wait(kind) => self.task_started,
            _ => self.last_time,
        };
        require(time >= earliest, || {
            format!("{} at {time}, before {earliest}", kind.as_str_name())
        })?;
        if kind == EventType::WorkflowTaskStarted {
            self.task_started = time;
        }
        self.last_time = self.last_time.max(time);
        Ok(())
    }

    /// While a worker has a task, only its end or the run's may be written.
    fn read_order(&mut self, kind: EventType) -> Result<(), String> {
        let ends_task = matches!(
            kind,
            EventType::WorkflowTaskCompleted
                | EventType::WorkflowTaskFailed
                | EventType::WorkflowTaskTimedOut
        );
        require(self.open_task.is_none() || ends_task || self.closed, || {
            format!("{} while a workflow task is started", kind.as_str_name())
        })
    }

    fn read_references(&mut self, id: i64, attributes: &Attributes) -> Result<(), String> {
        use Attributes as A;
        use EventType as E;
        match attributes {
            A::WorkflowTaskStartedEventAttributes(a) => {
                self.refers(a.scheduled_event_id, E::WorkflowTaskScheduled)?;
                self.open_task = Some(id);
                Ok(())
            }
            A::WorkflowTaskCompletedEventAttributes(a) => {
                self.refers(a.scheduled_event_id, E::WorkflowTaskScheduled)?;
                self.ends_task(a.started_event_id)
            }
            A::WorkflowTaskFailedEventAttributes(a) => {
                self.refers(a.scheduled_event_id, E::WorkflowTaskScheduled)?;
                self.ends_task(a.started_event_id)
            }
            A::WorkflowTaskTimedOutEventAttributes(a) => {
                self.refers(a.scheduled_event_id, E::WorkflowTaskScheduled)?;
                if a.started_event_id == 0 {
                    return Ok(());
                }
                self.ends_task(a.started_event_id)
            }
            A::ActivityTaskScheduledEventAttributes(a) => {
                self.pending.insert(id);
                self.decided(a.workflow_task_completed_event_id)
            }
            A::TimerStartedEventAttributes(a) => {
                self.pending.insert(id);
                self.decided(a.workflow_task_completed_event_id)
            }
            A::StartChildWorkflowExecutionInitiatedEventAttributes(a) => {
                self.pending.insert(id);
                self.decided(a.workflow_task_completed_event_id)
            }
            A::SignalExternalWorkflowExecutionInitiatedEventAttributes(a) => {
                self.pending.insert(id);
                self.decided(a.workflow_task_completed_event_id)
            }
            A::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(a) => {
                self.pending.insert(id);
                self.decided(a.workflow_task_completed_event_id)
            }
            A::ActivityTaskCancelRequestedEventAttributes(a) => {
                self.refers(a.scheduled_event_id, E::ActivityTaskScheduled)?;
                self.decided(a.workflow_task_completed_event_id)
            }
            A::MarkerRecordedEventAttributes(a) => self.decided(a.workflow_task_completed_event_id),
            A::UpsertWorkflowSearchAttributesEventAttributes(a) => {
                self.decided(a.workflow_task_completed_event_id)
            }
            A::WorkflowPropertiesModifiedEventAttributes(a) => {
                self.decided(a.workflow_task_completed_event_id)
            }
            A::WorkflowExecutionCompletedEventAttributes(a) => {
                self.decided(a.workflow_task_completed_event_id)
            }
            A::WorkflowExecutionFailedEventAttributes(a) => {
                self.decided(a.workflow_task_completed_event_id)
            }
            A::WorkflowExecutionCanceledEventAttributes(a) => {
                self.decided(a.workflow_task_completed_event_id)
            }
            A::WorkflowExecutionContinuedAsNewEventAttributes(a) => {
                self.decided(a.workflow_task_completed_event_id)
            }
            A::ActivityTaskStartedEventAttributes(a) => {
                self.refers(a.scheduled_event_id, E::ActivityTaskScheduled)
            }
            A::ActivityTaskCompletedEventAttributes(a) => {
                self.refers(a.started_event_id, E::ActivityTaskStarted)?;
                self.ends(a.scheduled_event_id, E::ActivityTaskScheduled)
            }
            A::ActivityTaskFailedEventAttributes(a) => {
                self.refers(a.started_event_id, E::ActivityTaskStarted)?;
                self.ends(a.scheduled_event_id, E::ActivityTaskScheduled)
            }
            A::ActivityTaskTimedOutEventAttributes(a) => {
                self.may_refer(a.started_event_id, E::ActivityTaskStarted)?;
                self.ends(a.scheduled_event_id, E::ActivityTaskScheduled)
            }
            A::ActivityTaskCanceledEventAttributes(a) => {
                self.may_refer(a.started_event_id, E::ActivityTaskStarted)?;
                self.ends(a.scheduled_event_id, E::ActivityTaskScheduled)
            }
            A::WorkflowExecutionUpdateAcceptedEventAttributes(a) => {
                let answered = self.types.contains(&E::WorkflowTaskCompleted);
                require(answered, || {
                    format!(
                        "update {} is accepted before any workflow task",
                        a.protocol_instance_id
                    )
                })?;
                self.pending.insert(id);
                Ok(())
            }
            A::WorkflowExecutionUpdateCompletedEventAttributes(a) => {
                self.ends(a.accepted_event_id, E::WorkflowExecutionUpdateAccepted)
            }
            A::TimerFiredEventAttributes(a) => self.ends(a.started_event_id, E::TimerStarted),
            A::TimerCanceledEventAttributes(a) => {
                self.decided(a.workflow_task_completed_event_id)?;
                self.ends(a.started_event_id, E::TimerStarted)
            }
            A::ChildWorkflowExecutionStartedEventAttributes(a) => self.refers(
                a.initiated_event_id,
                E::StartChildWorkflowExecutionInitiated,
            ),
            A::StartChildWorkflowExecutionFailedEventAttributes(a) => self.ends(
                a.initiated_event_id,
                E::StartChildWorkflowExecutionInitiated,
            ),
            A::ChildWorkflowExecutionCompletedEventAttributes(a) => {
                self.ends_child(a.initiated_event_id, a.started_event_id)
            }
            A::ChildWorkflowExecutionFailedEventAttributes(a) => {
                self.ends_child(a.initiated_event_id, a.started_event_id)
            }
            A::ChildWorkflowExecutionCanceledEventAttributes(a) => {
                self.ends_child(a.initiated_event_id, a.started_event_id)
            }
            A::ChildWorkflowExecutionTimedOutEventAttributes(a) => {
                self.ends_child(a.initiated_event_id, a.started_event_id)
            }
            A::ChildWorkflowExecutionTerminatedEventAttributes(a) => {
                self.ends_child(a.initiated_event_id, a.started_event_id)
            }
            A::SignalExternalWorkflowExecutionFailedEventAttributes(a) => self.ends(
                a.initiated_event_id,
                E::SignalExternalWorkflowExecutionInitiated,
            ),
            A::ExternalWorkflowExecutionSignaledEventAttributes(a) => self.ends(
                a.initiated_event_id,
                E::SignalExternalWorkflowExecutionInitiated,
            ),
            A::RequestCancelExternalWorkflowExecutionFailedEventAttributes(a) => self.ends(
                a.initiated_event_id,
                E::RequestCancelExternalWorkflowExecutionInitiated,
            ),
            A::ExternalWorkflowExecutionCancelRequestedEventAttributes(a) => self.ends(
                a.initiated_event_id,
                E::RequestCancelExternalWorkflowExecutionInitiated,
            ),
            _ => Ok(()),
        }
    }

    fn refers(&self, id: i64, kind: EventType) -> Result<(), String> {
        require(self.is(id, kind), || {
            format!(
                "event {id} is referred to as {} and is none",
                kind.as_str_name()
            )
        })
    }

    fn may_refer(&self, id: i64, kind: EventType) -> Result<(), String> {
        if id == 0 {
            Ok(())
        } else {
            self.refers(id, kind)
        }
    }

    /// The event was decided by the newest workflow task.
    fn decided(&self, completed: i64) -> Result<(), String> {
        self.refers(completed, EventType::WorkflowTaskCompleted)
    }

    fn ends_task(&mut self, started: i64) -> Result<(), String> {
        let open = self.open_task.take();
        require(open == Some(started), || {
            format!("the workflow task started by {started} ends, the open one is {open:?}")
        })
    }

    fn ends(&mut self, begun: i64, kind: EventType) -> Result<(), String> {
        self.refers(begun, kind)?;
        let was_pending = self.pending.remove(&begun);
        require(was_pending, || {
            format!("what event {begun} began ends twice")
        })
    }

    fn ends_child(&mut self, initiated: i64, started: i64) -> Result<(), String> {
        self.refers(started, EventType::ChildWorkflowExecutionStarted)?;
        self.ends(initiated, EventType::StartChildWorkflowExecutionInitiated)
    }
}

/// Whether events of this type wait while a worker has the workflow task.
fn may_wait(kind: EventType) -> bool {
    use EventType as E;
    matches!(
        kind,
        E::ActivityTaskCompleted
            | E::ActivityTaskFailed
            | E::ActivityTaskTimedOut
            | E::ActivityTaskCanceled
            | E::TimerFired
            | E::WorkflowExecutionCancelRequested
            | E::WorkflowExecutionSignaled
            | E::StartChildWorkflowExecutionFailed
            | E::ChildWorkflowExecutionStarted
            | E::ChildWorkflowExecutionCompleted
            | E::ChildWorkflowExecutionFailed
            | E::ChildWorkflowExecutionCanceled
            | E::ChildWorkflowExecutionTimedOut
            | E::ChildWorkflowExecutionTerminated
            | E::SignalExternalWorkflowExecutionFailed
            | E::ExternalWorkflowExecutionSignaled
            | E::RequestCancelExternalWorkflowExecutionFailed
            | E::ExternalWorkflowExecutionCancelRequested
    )
}

fn require(holds: bool, say: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(say()) }
}

impl HistoryGrammar {
    /// The history of a run has grown.
    pub(crate) fn event(&mut self, at: Time, run: &RunKey, event: &HistoryEvent) {
        let Self { tally, runs } = self;
        if !runs.contains_key(run) {
            runs.insert(run.clone(), Sentence::default());
        }
        let read = runs
            .get_mut(run)
            .map_or(Ok(()), |sentence| sentence.read(event));
        tally.check(at, read.is_ok(), || {
            let what = read.err().unwrap_or_default();
            format!("{} event {}: {what}", named(run), event.event_id)
        });
    }
}
