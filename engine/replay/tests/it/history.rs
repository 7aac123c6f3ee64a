//! Builds histories event by event.

use prost_types::{Duration, Timestamp};
use serde::Serialize;
use steadfast_proto::temporal::api::{
    common::v1::{ActivityType, Payload, Payloads, WorkflowExecution, WorkflowType},
    enums::v1::EventType,
    failure::v1::{ApplicationFailureInfo, Failure, failure::FailureInfo},
    history::v1::{history_event::Attributes as A, *},
    sdk::v1::WorkflowTaskCompletedMetadata,
    taskqueue::v1::TaskQueue,
};

pub(crate) const RUN_ID: &str = "5d3f0a56-3b7e-4d0e-9a55-0f6d2c9a1111";
pub(crate) const QUEUE: &str = "queue";

/// A JSON payload as the SDKs make it.
pub(crate) fn json(value: impl Serialize) -> Payload {
    let metadata = [("encoding".to_owned(), "json/plain".into())];
    Payload {
        metadata: metadata.into(),
        data: serde_json::to_vec(&value)
            .expect("test values serialise")
            .into(),
        ..Default::default()
    }
}

pub(crate) fn payloads(value: impl Serialize) -> Option<Payloads> {
    Some(Payloads {
        payloads: vec![json(value)],
    })
}

pub(crate) fn application_failure(message: &str) -> Failure {
    Failure {
        message: message.to_owned(),
        failure_info: Some(FailureInfo::ApplicationFailureInfo(
            ApplicationFailureInfo {
                r#type: "Test".to_owned(),
                ..Default::default()
            },
        )),
        ..Default::default()
    }
}

/// The list of events, and the clock that stamps them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Events {
    pub(crate) list: Vec<HistoryEvent>,
    /// Milliseconds since 2026-01-01.
    pub(crate) now: i64,
}

impl Events {
    /// A history with its start event.
    pub(crate) fn start(workflow_type: &str, input: Option<Payloads>) -> Self {
        let mut events = Self::default();
        events.add(A::WorkflowExecutionStartedEventAttributes(
            WorkflowExecutionStartedEventAttributes {
                workflow_type: Some(WorkflowType {
                    name: workflow_type.to_owned(),
                }),
                workflow_id: "wf".to_owned(),
                task_queue: Some(TaskQueue {
                    name: QUEUE.to_owned(),
                    ..Default::default()
                }),
                input,
                workflow_task_timeout: Some(Duration {
                    seconds: 10,
                    nanos: 0,
                }),
                original_execution_run_id: RUN_ID.to_owned(),
                first_execution_run_id: RUN_ID.to_owned(),
                attempt: 1,
                ..Default::default()
            },
        ));
        events
    }

    /// Appends an event and returns its id.
    pub(crate) fn add(&mut self, attributes: A) -> i64 {
        self.now += 10;
        let event_id = self.list.len() as i64 + 1;
        self.list.push(HistoryEvent {
            event_id,
            event_type: event_type(&attributes).into(),
            event_time: Some(self.time()),
            attributes: Some(attributes),
            ..Default::default()
        });
        event_id
    }

    pub(crate) fn time(&self) -> Timestamp {
        Timestamp {
            seconds: 1_767_225_600 + self.now / 1000,
            nanos: i32::try_from(self.now % 1000).expect("small") * 1_000_000,
        }
    }

    pub(crate) fn last_id(&self) -> i64 {
        self.list.len() as i64
    }

    pub(crate) fn schedule_task(&mut self) -> i64 {
        self.add(A::WorkflowTaskScheduledEventAttributes(
            WorkflowTaskScheduledEventAttributes {
                attempt: 1,
                ..Default::default()
            },
        ))
    }

    /// Schedules and starts a workflow task.
    pub(crate) fn start_task(&mut self) -> i64 {
        let scheduled_event_id = self.schedule_task();
        self.add(A::WorkflowTaskStartedEventAttributes(
            WorkflowTaskStartedEventAttributes {
                scheduled_event_id,
                history_size_bytes: 100 * self.last_id(),
                ..Default::default()
            },
        ))
    }

    pub(crate) fn complete_task(&mut self, metadata: Option<WorkflowTaskCompletedMetadata>) -> i64 {
        let started_event_id = self.last_id();
        self.add(A::WorkflowTaskCompletedEventAttributes(
            WorkflowTaskCompletedEventAttributes {
                scheduled_event_id: started_event_id - 1,
                started_event_id,
                sdk_metadata: metadata,
                ..Default::default()
            },
        ))
    }

    /// A completed workflow task of an SDK that knows all flags.
    pub(crate) fn task(&mut self) -> i64 {
        self.start_task();
        self.complete_task(Some(WorkflowTaskCompletedMetadata {
            core_used_flags: vec![1, 2, 3],
            ..Default::default()
        }))
    }

    pub(crate) fn signal(&mut self, name: &str, input: impl Serialize) -> i64 {
        self.add(A::WorkflowExecutionSignaledEventAttributes(
            WorkflowExecutionSignaledEventAttributes {
                signal_name: name.to_owned(),
                input: payloads(input),
                ..Default::default()
            },
        ))
    }

    pub(crate) fn timer_started(&mut self, id: &str) -> i64 {
        self.add(A::TimerStartedEventAttributes(
            TimerStartedEventAttributes {
                timer_id: id.to_owned(),
                start_to_fire_timeout: Some(Duration {
                    seconds: 1,
                    nanos: 0,
                }),
                ..Default::default()
            },
        ))
    }

    pub(crate) fn timer_fired(&mut self, id: &str, started_event_id: i64) -> i64 {
        self.now += 1000;
        self.add(A::TimerFiredEventAttributes(TimerFiredEventAttributes {
            timer_id: id.to_owned(),
            started_event_id,
        }))
    }

    pub(crate) fn activity_scheduled(&mut self, id: &str, kind: &str) -> i64 {
        self.add(A::ActivityTaskScheduledEventAttributes(
            ActivityTaskScheduledEventAttributes {
                activity_id: id.to_owned(),
                activity_type: Some(ActivityType {
                    name: kind.to_owned(),
                }),
                ..Default::default()
            },
        ))
    }

    pub(crate) fn activity_started(&mut self, scheduled_event_id: i64) -> i64 {
        self.add(A::ActivityTaskStartedEventAttributes(
            ActivityTaskStartedEventAttributes {
                scheduled_event_id,
                attempt: 1,
                ..Default::default()
            },
        ))
    }

    /// Starts and completes an activity.
    pub(crate) fn activity_completed(
        &mut self,
        scheduled_event_id: i64,
        result: impl Serialize,
    ) -> i64 {
        let started_event_id = self.activity_started(scheduled_event_id);
        self.add(A::ActivityTaskCompletedEventAttributes(
            ActivityTaskCompletedEventAttributes {
                scheduled_event_id,
                started_event_id,
                result: payloads(result),
                ..Default::default()
            },
        ))
    }

    pub(crate) fn completed(&mut self, result: impl Serialize) -> i64 {
        self.add(A::WorkflowExecutionCompletedEventAttributes(
            WorkflowExecutionCompletedEventAttributes {
                result: payloads(result),
                ..Default::default()
            },
        ))
    }

    pub(crate) fn history(&self) -> History {
        History {
            events: self.list.clone(),
        }
    }
}

pub(crate) fn execution(workflow_id: &str, run_id: &str) -> Option<WorkflowExecution> {
    Some(WorkflowExecution {
        workflow_id: workflow_id.to_owned(),
        run_id: run_id.to_owned(),
    })
}

pub(crate) fn event_type(attributes: &A) -> EventType {
    use EventType as E;
    match attributes {
        A::WorkflowExecutionStartedEventAttributes(_) => E::WorkflowExecutionStarted,
        A::WorkflowExecutionCompletedEventAttributes(_) => E::WorkflowExecutionCompleted,
        A::WorkflowExecutionFailedEventAttributes(_) => E::WorkflowExecutionFailed,
        A::WorkflowExecutionTimedOutEventAttributes(_) => E::WorkflowExecutionTimedOut,
        A::WorkflowExecutionTerminatedEventAttributes(_) => E::WorkflowExecutionTerminated,
        A::WorkflowExecutionCanceledEventAttributes(_) => E::WorkflowExecutionCanceled,
        A::WorkflowExecutionContinuedAsNewEventAttributes(_) => E::WorkflowExecutionContinuedAsNew,
        A::WorkflowExecutionSignaledEventAttributes(_) => E::WorkflowExecutionSignaled,
        A::WorkflowExecutionCancelRequestedEventAttributes(_) => {
            E::WorkflowExecutionCancelRequested
        }
        A::WorkflowExecutionUpdateAcceptedEventAttributes(_) => E::WorkflowExecutionUpdateAccepted,
        A::WorkflowExecutionUpdateCompletedEventAttributes(_) => {
            E::WorkflowExecutionUpdateCompleted
        }
        A::WorkflowTaskScheduledEventAttributes(_) => E::WorkflowTaskScheduled,
        A::WorkflowTaskStartedEventAttributes(_) => E::WorkflowTaskStarted,
        A::WorkflowTaskCompletedEventAttributes(_) => E::WorkflowTaskCompleted,
        A::WorkflowTaskTimedOutEventAttributes(_) => E::WorkflowTaskTimedOut,
        A::WorkflowTaskFailedEventAttributes(_) => E::WorkflowTaskFailed,
        A::ActivityTaskScheduledEventAttributes(_) => E::ActivityTaskScheduled,
        A::ActivityTaskStartedEventAttributes(_) => E::ActivityTaskStarted,
        A::ActivityTaskCompletedEventAttributes(_) => E::ActivityTaskCompleted,
        A::ActivityTaskFailedEventAttributes(_) => E::ActivityTaskFailed,
        A::ActivityTaskTimedOutEventAttributes(_) => E::ActivityTaskTimedOut,
        A::ActivityTaskCancelRequestedEventAttributes(_) => E::ActivityTaskCancelRequested,
        A::ActivityTaskCanceledEventAttributes(_) => E::ActivityTaskCanceled,
        A::TimerStartedEventAttributes(_) => E::TimerStarted,
        A::TimerFiredEventAttributes(_) => E::TimerFired,
        A::TimerCanceledEventAttributes(_) => E::TimerCanceled,
        A::MarkerRecordedEventAttributes(_) => E::MarkerRecorded,
        A::StartChildWorkflowExecutionInitiatedEventAttributes(_) => {
            E::StartChildWorkflowExecutionInitiated
        }
        A::StartChildWorkflowExecutionFailedEventAttributes(_) => {
            E::StartChildWorkflowExecutionFailed
        }
        A::ChildWorkflowExecutionStartedEventAttributes(_) => E::ChildWorkflowExecutionStarted,
        A::ChildWorkflowExecutionCompletedEventAttributes(_) => E::ChildWorkflowExecutionCompleted,
        A::ChildWorkflowExecutionFailedEventAttributes(_) => E::ChildWorkflowExecutionFailed,
        A::ChildWorkflowExecutionCanceledEventAttributes(_) => E::ChildWorkflowExecutionCanceled,
        A::ChildWorkflowExecutionTimedOutEventAttributes(_) => E::ChildWorkflowExecutionTimedOut,
        A::ChildWorkflowExecutionTerminatedEventAttributes(_) => {
            E::ChildWorkflowExecutionTerminated
        }
        A::SignalExternalWorkflowExecutionInitiatedEventAttributes(_) => {
            E::SignalExternalWorkflowExecutionInitiated
        }
        A::SignalExternalWorkflowExecutionFailedEventAttributes(_) => {
            E::SignalExternalWorkflowExecutionFailed
        }
        A::ExternalWorkflowExecutionSignaledEventAttributes(_) => {
            E::ExternalWorkflowExecutionSignaled
        }
        A::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(_) => {
            E::RequestCancelExternalWorkflowExecutionInitiated
        }
        A::RequestCancelExternalWorkflowExecutionFailedEventAttributes(_) => {
            E::RequestCancelExternalWorkflowExecutionFailed
        }
        A::ExternalWorkflowExecutionCancelRequestedEventAttributes(_) => {
            E::ExternalWorkflowExecutionCancelRequested
        }
        A::UpsertWorkflowSearchAttributesEventAttributes(_) => E::UpsertWorkflowSearchAttributes,
        A::WorkflowPropertiesModifiedEventAttributes(_) => E::WorkflowPropertiesModified,
        other => panic!("the builder knows no {other:?}"),
    }
}
