//! The smallest server: it turns a run's commands into events, and checks after every task that a replay from the start
//! gives what the cached run gave.

use std::collections::BTreeMap;

use prost_types::Any;
use steadfast_proto::temporal::api::{
    command::v1::{Command, command::Attributes as C},
    common::v1::Payloads,
    enums::v1::WorkflowTaskFailedCause,
    history::v1::{history_event::Attributes as A, *},
    protocol::v1::Message,
    query::v1::{WorkflowQuery, WorkflowQueryResult},
    update::v1::{Acceptance, Response},
};
use steadfast_replay::{
    CachedRun, Completion, NonDeterminism, Registry, ReplayReport, RunInit, Task, TaskOutcome,
    replay_history,
};

use crate::history::{Events, QUEUE, RUN_ID};

pub(crate) struct Server {
    pub(crate) registry: Registry,
    pub(crate) events: Events,
    pub(crate) run: CachedRun,
    /// The last task's completion, before it became events.
    pub(crate) last: Completion,
    previous_started: i64,
    seen: usize,
}

pub(crate) fn init(workflow_type: &str) -> RunInit {
    RunInit {
        namespace: "default".to_owned(),
        workflow_id: "wf".to_owned(),
        run_id: RUN_ID.to_owned(),
        workflow_type: workflow_type.to_owned(),
        task_queue: QUEUE.to_owned(),
        ..Default::default()
    }
}

impl Server {
    pub(crate) fn new(registry: &Registry, workflow_type: &str, input: Option<Payloads>) -> Self {
        Self {
            registry: registry.clone(),
            events: Events::start(workflow_type, input),
            run: CachedRun::new(registry, init(workflow_type)).expect("registered"),
            last: Completion::default(),
            previous_started: 0,
            seen: 0,
        }
    }

    /// Runs a workflow task on the cached run, compares with a replay, and applies the commands.
    pub(crate) fn task(&mut self) -> Vec<Command> {
        self.task_with(Vec::new(), BTreeMap::new())
    }

    pub(crate) fn task_with(
        &mut self,
        messages: Vec<Message>,
        queries: BTreeMap<String, WorkflowQuery>,
    ) -> Vec<Command> {
        let started = self.events.start_task();
        let outcome = self.offer(messages, queries, started);
        let TaskOutcome::Completed(completion) = outcome else {
            panic!("the task should complete, but {outcome:?}")
        };
        self.last = completion.clone();
        self.events.complete_task(completion.sdk_metadata.clone());
        self.apply(&completion.commands, &completion.messages);
        self.previous_started = started;
        completion.commands
    }

    /// Runs a workflow task that is expected to fail.
    pub(crate) fn failing_task(
        &mut self,
    ) -> (WorkflowTaskFailedCause, String, Option<Box<NonDeterminism>>) {
        let started = self.events.start_task();
        match self.offer(Vec::new(), BTreeMap::new(), started) {
            TaskOutcome::Failed {
                cause,
                failure,
                nondeterminism,
            } => (cause, failure.message, nondeterminism),
            other => panic!("the task should fail, but {other:?}"),
        }
    }

    fn offer(
        &mut self,
        messages: Vec<Message>,
        queries: BTreeMap<String, WorkflowQuery>,
        started_event_id: i64,
    ) -> TaskOutcome {
        let task = Task {
            previous_started_event_id: self.previous_started,
            started_event_id,
            attempt: 1,
            messages,
            queries,
            ..Default::default()
        };
        let cached = self.run.task(Task {
            events: &self.events.list[self.seen..],
            ..task.clone()
        });
        self.seen = self.events.list.len();
        if let TaskOutcome::Completed(from_cache) = &cached {
            let mut fresh = CachedRun::new(&self.registry, self.run.init().clone()).expect("known");
            match fresh.task(Task {
                events: &self.events.list,
                ..task
            }) {
                TaskOutcome::Completed(replayed) => {
                    assert_eq!(replayed.commands, from_cache.commands, "commands differ");
                    assert_eq!(replayed.messages, from_cache.messages, "messages differ");
                    assert_eq!(replayed.query_results, from_cache.query_results);
                }
                other => panic!("the cached run completes, but a replay {other:?}"),
            }
            assert_eq!(fresh.digest(), self.run.digest(), "digests differ");
        }
        cached
    }

    /// A direct query, on the cached run and on a replay.
    pub(crate) fn query(&mut self, query_type: &str) -> WorkflowQueryResult {
        let query = WorkflowQuery {
            query_type: query_type.to_owned(),
            ..Default::default()
        };
        let task = Task {
            previous_started_event_id: self.previous_started,
            query: Some(query),
            ..Default::default()
        };
        let cached = self.run.task(Task {
            events: &self.events.list[self.seen..],
            ..task.clone()
        });
        self.seen = self.events.list.len();
        let mut fresh = CachedRun::new(&self.registry, self.run.init().clone()).expect("known");
        let replayed = fresh.task(Task {
            events: &self.events.list,
            ..task
        });
        let answer = |outcome| match outcome {
            TaskOutcome::Completed(completion) => completion.query.expect("an answer"),
            other => panic!("the query should be answered, but {other:?}"),
        };
        let (cached, replayed) = (answer(cached), answer(replayed));
        assert_eq!(cached, replayed);
        cached
    }

    /// Another worker, with an empty cache, takes over; it gets the full history.
    pub(crate) fn replace_worker(&mut self) {
        self.run = CachedRun::new(&self.registry, self.run.init().clone()).expect("registered");
        self.seen = 0;
    }

    /// The last task never was: the history is again as it was `before` it.
    pub(crate) fn drop_task(&mut self, before: Events, previous_started_event_id: i64) {
        self.events = before;
        self.previous_started = previous_started_event_id;
        self.seen = self.events.list.len();
        self.run.task_dropped(previous_started_event_id);
    }

    /// Replays all of it as an exported history.
    pub(crate) fn replay(&self) -> ReplayReport {
        replay_history(&self.registry, &self.events.history()).unwrap_or_else(|e| panic!("{e}"))
    }

    fn apply(&mut self, commands: &[Command], messages: &[Message]) {
        for command in commands {
            let attributes = command.attributes.clone().expect("attributes");
            let event = self.event_of(attributes, messages);
            self.events.add(event);
        }
    }

    #[expect(deprecated, reason = "the fields that commands and events still carry")]
    fn event_of(&self, attributes: C, messages: &[Message]) -> A {
        match attributes {
            C::StartTimerCommandAttributes(c) => {
                A::TimerStartedEventAttributes(TimerStartedEventAttributes {
                    timer_id: c.timer_id,
                    start_to_fire_timeout: c.start_to_fire_timeout,
                    ..Default::default()
                })
            }
            C::CancelTimerCommandAttributes(c) => {
                let started_event_id = self.find(
                    |a| matches!(a, A::TimerStartedEventAttributes(t) if t.timer_id == c.timer_id),
                );
                A::TimerCanceledEventAttributes(TimerCanceledEventAttributes {
                    timer_id: c.timer_id,
                    started_event_id,
                    ..Default::default()
                })
            }
            C::ScheduleActivityTaskCommandAttributes(c) => {
                A::ActivityTaskScheduledEventAttributes(ActivityTaskScheduledEventAttributes {
                    activity_id: c.activity_id,
                    activity_type: c.activity_type,
                    input: c.input,
                    ..Default::default()
                })
            }
            C::RequestCancelActivityTaskCommandAttributes(c) => {
                A::ActivityTaskCancelRequestedEventAttributes(
                    ActivityTaskCancelRequestedEventAttributes {
                        scheduled_event_id: c.scheduled_event_id,
                        ..Default::default()
                    },
                )
            }
            C::RecordMarkerCommandAttributes(c) => {
                A::MarkerRecordedEventAttributes(MarkerRecordedEventAttributes {
                    marker_name: c.marker_name,
                    details: c.details,
                    failure: c.failure,
                    ..Default::default()
                })
            }
            C::StartChildWorkflowExecutionCommandAttributes(c) => {
                A::StartChildWorkflowExecutionInitiatedEventAttributes(
                    StartChildWorkflowExecutionInitiatedEventAttributes {
                        namespace: c.namespace,
                        workflow_id: c.workflow_id,
                        workflow_type: c.workflow_type,
                        input: c.input,
                        ..Default::default()
                    },
                )
            }
            C::SignalExternalWorkflowExecutionCommandAttributes(c) => {
                A::SignalExternalWorkflowExecutionInitiatedEventAttributes(
                    SignalExternalWorkflowExecutionInitiatedEventAttributes {
                        namespace: c.namespace,
                        workflow_execution: c.execution,
                        signal_name: c.signal_name,
                        input: c.input,
                        child_workflow_only: c.child_workflow_only,
                        ..Default::default()
                    },
                )
            }
            C::RequestCancelExternalWorkflowExecutionCommandAttributes(c) => {
                A::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(
                    RequestCancelExternalWorkflowExecutionInitiatedEventAttributes {
                        namespace: c.namespace,
                        workflow_execution: crate::history::execution(&c.workflow_id, &c.run_id),
                        child_workflow_only: c.child_workflow_only,
                        reason: c.reason,
                        ..Default::default()
                    },
                )
            }
            C::UpsertWorkflowSearchAttributesCommandAttributes(c) => {
                A::UpsertWorkflowSearchAttributesEventAttributes(
                    UpsertWorkflowSearchAttributesEventAttributes {
                        search_attributes: c.search_attributes,
                        ..Default::default()
                    },
                )
            }
            C::ModifyWorkflowPropertiesCommandAttributes(c) => {
                A::WorkflowPropertiesModifiedEventAttributes(
                    WorkflowPropertiesModifiedEventAttributes {
                        upserted_memo: c.upserted_memo,
                        ..Default::default()
                    },
                )
            }
            C::ProtocolMessageCommandAttributes(c) => self.update_event(&c.message_id, messages),
            C::CompleteWorkflowExecutionCommandAttributes(c) => {
                A::WorkflowExecutionCompletedEventAttributes(
                    WorkflowExecutionCompletedEventAttributes {
                        result: c.result,
                        ..Default::default()
                    },
                )
            }
            C::FailWorkflowExecutionCommandAttributes(c) => {
                A::WorkflowExecutionFailedEventAttributes(WorkflowExecutionFailedEventAttributes {
                    failure: c.failure,
                    ..Default::default()
                })
            }
            C::CancelWorkflowExecutionCommandAttributes(c) => {
                A::WorkflowExecutionCanceledEventAttributes(
                    WorkflowExecutionCanceledEventAttributes {
                        details: c.details,
                        ..Default::default()
                    },
                )
            }
            C::ContinueAsNewWorkflowExecutionCommandAttributes(c) => {
                A::WorkflowExecutionContinuedAsNewEventAttributes(
                    WorkflowExecutionContinuedAsNewEventAttributes {
                        workflow_type: c.workflow_type,
                        input: c.input,
                        memo: c.memo,
                        search_attributes: c.search_attributes,
                        ..Default::default()
                    },
                )
            }
            other => panic!("the test server knows no {other:?}"),
        }
    }

    fn update_event(&self, message_id: &str, messages: &[Message]) -> A {
        let message = messages
            .iter()
            .find(|m| m.id == message_id)
            .expect("the message is there");
        let body = message.body.clone().expect("a body");
        if body.type_url.ends_with("Acceptance") {
            let accepted: Acceptance = unpack(&body);
            return A::WorkflowExecutionUpdateAcceptedEventAttributes(
                WorkflowExecutionUpdateAcceptedEventAttributes {
                    protocol_instance_id: message.protocol_instance_id.clone(),
                    accepted_request_message_id: accepted.accepted_request_message_id,
                    accepted_request_sequencing_event_id: accepted
                        .accepted_request_sequencing_event_id,
                    accepted_request: accepted.accepted_request,
                },
            );
        }
        let response: Response = unpack(&body);
        let accepted_event_id = self.find(|a| {
            matches!(a, A::WorkflowExecutionUpdateAcceptedEventAttributes(u)
                if u.protocol_instance_id == message.protocol_instance_id)
        });
        A::WorkflowExecutionUpdateCompletedEventAttributes(
            WorkflowExecutionUpdateCompletedEventAttributes {
                meta: response.meta,
                accepted_event_id,
                outcome: response.outcome,
            },
        )
    }

    /// The id of the last event that matches.
    pub(crate) fn find(&self, matches: impl Fn(&A) -> bool) -> i64 {
        let found = self
            .events
            .list
            .iter()
            .rev()
            .find(|event| event.attributes.as_ref().is_some_and(&matches));
        found.expect("such an event exists").event_id
    }

    pub(crate) fn activity(&self, id: &str) -> i64 {
        self.find(
            |a| matches!(a, A::ActivityTaskScheduledEventAttributes(s) if s.activity_id == id),
        )
    }

    pub(crate) fn timer(&self, id: &str) -> i64 {
        self.find(|a| matches!(a, A::TimerStartedEventAttributes(t) if t.timer_id == id))
    }

    pub(crate) fn fire(&mut self, id: &str) {
        let started = self.timer(id);
        self.events.timer_fired(id, started);
    }

    pub(crate) fn complete(&mut self, activity_id: &str, result: impl serde::Serialize) {
        let scheduled = self.activity(activity_id);
        self.events.activity_completed(scheduled, result);
    }

    pub(crate) fn request_cancel(&mut self, cause: &str) {
        self.events
            .add(A::WorkflowExecutionCancelRequestedEventAttributes(
                WorkflowExecutionCancelRequestedEventAttributes {
                    cause: cause.to_owned(),
                    ..Default::default()
                },
            ));
    }
}

fn unpack<M: prost::Message + Default>(any: &Any) -> M {
    M::decode(any.value.as_slice()).expect("decodes")
}

/// The event of a command that refers to no other event.
pub(crate) fn plain_event(command: &Command) -> A {
    match command.attributes.clone().expect("attributes") {
        C::StartTimerCommandAttributes(c) => {
            A::TimerStartedEventAttributes(TimerStartedEventAttributes {
                timer_id: c.timer_id,
                ..Default::default()
            })
        }
        C::RecordMarkerCommandAttributes(c) => {
            A::MarkerRecordedEventAttributes(MarkerRecordedEventAttributes {
                marker_name: c.marker_name,
                details: c.details,
                failure: c.failure,
                ..Default::default()
            })
        }
        C::CompleteWorkflowExecutionCommandAttributes(c) => {
            A::WorkflowExecutionCompletedEventAttributes(
                WorkflowExecutionCompletedEventAttributes {
                    result: c.result,
                    ..Default::default()
                },
            )
        }
        other => panic!("not a plain command: {other:?}"),
    }
}

/// The names of commands, for short assertions.
pub(crate) fn names(commands: &[Command]) -> Vec<&'static str> {
    commands
        .iter()
        .map(|command| {
            command
                .command_type()
                .as_str_name()
                .trim_start_matches("COMMAND_TYPE_")
        })
        .collect()
}
