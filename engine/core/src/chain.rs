//! Runs and chains of runs: how a run begins, ends, and is followed by another.
//!
//! | how it ends | successor | close event |
//! |---|---|---|
//! | completed | cron: the next tick | `WorkflowExecutionCompleted` |
//! | failed | retry policy, else cron | `…Failed` with the retry state |
//! | run timeout | retry policy, else cron | `…TimedOut` with the retry state |
//! | execution timeout | – | `…TimedOut`, `TIMEOUT` |
//! | continued as new | always | `…ContinuedAsNew` |
//! | canceled, terminated | – | `…Canceled`, `…Terminated` |
//! | reset | the fork, see [`crate::reset`] | `…Terminated` |
//!
//! A run that has a successor does not report to its parent; its pending children meet their parent close policy
//! all the same. Closing and beginning are one transaction.
// temporal: service/history/workflow/retry.go, mutable_state_impl.go AddContinueAsNewEvent.

use std::{sync::Arc, time::Duration};

use steadfast_proto::temporal::api::{
    common::v1::{Payloads, WorkflowExecution, WorkflowType},
    enums::v1::{ContinueAsNewInitiator as Initiator, RetryState, TaskQueueKind, TimeoutType},
    failure::v1::Failure,
    history::v1::{
        WorkflowExecutionCanceledEventAttributes, WorkflowExecutionCompletedEventAttributes,
        WorkflowExecutionContinuedAsNewEventAttributes, WorkflowExecutionFailedEventAttributes,
        WorkflowExecutionStartedEventAttributes, WorkflowExecutionTerminatedEventAttributes,
        WorkflowExecutionTimedOutEventAttributes,
    },
    taskqueue::v1::TaskQueue,
};

use crate::{
    command::ContinueAsNew,
    cron,
    execution::Run,
    history::proto_duration,
    ids::{EventId, RequestId, RunId, RunKey},
    limits::MIN_RUN_SPACING,
    message::{ChildOutcome, OutboxWork},
    parse::{retry_policy, retry_policy_to_proto},
    policy::{ParentClosePolicy, RetryDecision, RetryQuestion},
    record::{Created, Proto, Record},
    request::StartRequest,
    schedule::{Last, ScheduledBy},
    time::{Timestamp, duration_to_proto},
    tx::{Trimmings, Tx},
    versioning::Version,
};

/// How a run ends.
pub(crate) enum Ending {
    Completed(Option<Payloads>),
    Failed(Box<Failure>),
    Canceled(Option<Payloads>),
    ContinuedAsNew(Box<ContinueAsNew>),
    TimedOut {
        whole_chain: bool,
    },
    Terminated {
        reason: String,
        details: Option<Payloads>,
        identity: String,
    },
    /// A reset goes on with another run: nobody else hears of this one's end.
    Reset {
        reason: String,
    },
}

/// The parent of a new run.
pub(crate) struct Parent {
    pub(crate) run: RunKey,
    pub(crate) initiated: EventId,
    pub(crate) root: RunKey,
    pub(crate) policy: ParentClosePolicy,
    /// The version that the parent stays on.
    pub(crate) version: Option<Version>,
}

/// Where a chain comes from.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one at a time, while a run is made"
)]
pub(crate) enum Origin {
    /// A client asked for it.
    Client,
    /// Another workflow.
    Parent(Parent),
    /// A schedule, and what the run is told of the last one.
    Schedule(ScheduledBy, Last),
}

/// The run that goes on.
struct Successor {
    /// Temporal's `ContinueAsNewVersioningBehavior` number.
    initially: i32,
    run_id: RunId,
    start: WorkflowExecutionStartedEventAttributes,
}

impl Tx<'_> {
    /// Ends the run in hand. If it has a successor, that one is in hand afterwards.
    pub(crate) fn close(&mut self, ending: Ending, completed: EventId) {
        let reset = matches!(ending, Ending::Reset { .. });
        if reset || matches!(ending, Ending::TimedOut { .. } | Ending::Terminated { .. }) {
            self.abort_task_for_close();
        }
        let start = Arc::clone(&self.run.history.start);
        let children = std::mem::take(&mut self.run.history.children);
        let (successor, retry_state) = self.successor(&ending, &start);
        let next = successor
            .as_ref()
            .map(|s| s.run_id.to_string())
            .unwrap_or_default();
        let outcome = self.write_close(ending, completed, next, retry_state, successor.as_ref());
        if reset {
            self.forget_starts(&children);
        } else {
            self.apply_parent_close_policies(&children);
        }
        self.end_updates(reset || successor.is_some());
        match successor {
            Some(successor) => self.begin_successor(successor),
            None if reset => {}
            None => {
                self.call_back(&outcome);
                self.tell_schedule(&outcome);
                self.tell_parent(&start, outcome);
            }
        }
    }

    fn write_close(
        &mut self,
        ending: Ending,
        completed: EventId,
        next: String,
        retry_state: RetryState,
        successor: Option<&Successor>,
    ) -> ChildOutcome {
        match ending {
            Ending::Completed(result) => {
                self.write(WorkflowExecutionCompletedEventAttributes {
                    result: result.clone(),
                    workflow_task_completed_event_id: completed.0,
                    new_execution_run_id: next,
                });
                ChildOutcome::Completed(result.map(Proto))
            }
            Ending::Failed(failure) => {
                self.write(WorkflowExecutionFailedEventAttributes {
                    failure: Some((*failure).clone()),
                    retry_state: retry_state.into(),
                    workflow_task_completed_event_id: completed.0,
                    new_execution_run_id: next,
                });
                ChildOutcome::Failed(Some(Proto(*failure)), retry_state.into())
            }
            Ending::Canceled(details) => {
                self.write(WorkflowExecutionCanceledEventAttributes {
                    workflow_task_completed_event_id: completed.0,
                    details: details.clone(),
                });
                ChildOutcome::Canceled(details.map(Proto))
            }
            Ending::TimedOut { .. } => {
                self.write(WorkflowExecutionTimedOutEventAttributes {
                    retry_state: retry_state.into(),
                    new_execution_run_id: next,
                });
                ChildOutcome::TimedOut(retry_state.into())
            }
            Ending::Terminated {
                reason,
                details,
                identity,
            } => {
                self.write(WorkflowExecutionTerminatedEventAttributes {
                    reason,
                    details,
                    identity,
                });
                ChildOutcome::Terminated
            }
            Ending::Reset { reason } => {
                self.write(WorkflowExecutionTerminatedEventAttributes {
                    reason,
                    details: None,
                    identity: "history-resetter".to_owned(),
                });
                ChildOutcome::Terminated
            }
            Ending::ContinuedAsNew(command) => {
                let start = &successor.expect("always has one").start;
                self.write(continued_attributes(*command, start, completed, next));
                ChildOutcome::Terminated
            }
        }
    }

    /// The run that follows, if any, and Temporal's word for why or why not.
    fn successor(
        &mut self,
        ending: &Ending,
        start: &WorkflowExecutionStartedEventAttributes,
    ) -> (Option<Successor>, RetryState) {
        match ending {
            Ending::Canceled(_) | Ending::Terminated { .. } | Ending::Reset { .. } => {
                (None, RetryState::Unspecified)
            }
            Ending::TimedOut { whole_chain: true } => (None, RetryState::Timeout),
            Ending::Completed(result) => (
                self.cron_run(start, result.clone(), None),
                RetryState::Unspecified,
            ),
            Ending::ContinuedAsNew(command) => (
                Some(self.continued_run(start, command)),
                RetryState::Unspecified,
            ),
            Ending::Failed(failure) => self.retry_or_cron(start, failure),
            Ending::TimedOut { whole_chain: false } => {
                let failure = Failure::timeout("workflow timeout", TimeoutType::StartToClose);
                self.retry_or_cron(start, &failure)
            }
        }
    }

    fn retry_or_cron(
        &mut self,
        start: &WorkflowExecutionStartedEventAttributes,
        failure: &Failure,
    ) -> (Option<Successor>, RetryState) {
        let policy = start
            .retry_policy
            .as_ref()
            .and_then(|p| retry_policy(p).ok());
        let decision = policy.map_or(
            RetryDecision::GiveUp(RetryState::RetryPolicyNotSet),
            |policy| {
                policy.decide(RetryQuestion {
                    attempt: u32::try_from(start.attempt).unwrap_or(1),
                    failure: Some(failure),
                    now: self.now,
                    expiration: self.run.history.chain_expires(),
                    delay_beats_maximum: false,
                })
            },
        );
        match decision {
            RetryDecision::After(pause) => {
                let mut next = self.follow(start, Initiator::Retry, self.spaced(pause));
                next.start.attempt = start.attempt + 1;
                next.start.continued_failure = Some(failure.clone());
                (Some(next), RetryState::InProgress)
            }
            RetryDecision::GiveUp(why) => {
                let last = start.last_completion_result.clone();
                (self.cron_run(start, last, Some(failure.clone())), why)
            }
        }
    }

    /// The run at the next tick, if the chain has a schedule with another tick before it expires.
    fn cron_run(
        &mut self,
        start: &WorkflowExecutionStartedEventAttributes,
        last_result: Option<Payloads>,
        failure: Option<Failure>,
    ) -> Option<Successor> {
        let schedule = cron::Schedule::parse(&start.cron_schedule).ok().flatten()?;
        let pause = schedule.pause_after(self.run.history.execution_time(), self.now)?;
        let pause = self.spaced(pause);
        let expires = self.run.history.chain_expires();
        if expires.is_some_and(|end| self.now.plus(pause) > end) {
            return None;
        }
        let mut next = self.follow(start, Initiator::CronSchedule, pause);
        next.start.last_completion_result = last_result;
        next.start.continued_failure = failure;
        Some(next)
    }

    /// A run that goes on with the same start attributes.
    fn follow(
        &mut self,
        start: &WorkflowExecutionStartedEventAttributes,
        initiator: Initiator,
        pause: Duration,
    ) -> Successor {
        let run_id = self.ids.uuid();
        let start = WorkflowExecutionStartedEventAttributes {
            continued_execution_run_id: self.run.run_id.to_string(),
            original_execution_run_id: run_id.clone(),
            initiator: initiator.into(),
            first_workflow_task_backoff: Some(duration_to_proto(pause)),
            attempt: 1,
            identity: String::new(),
            continued_failure: None,
            eager_execution_accepted: false,
            versioning_override: self.run.kept_override(),
            inherited_pinned_version: self.run.passed_on(),
            workflow_execution_expiration_time: self
                .run
                .history
                .chain_expires()
                .map(Timestamp::to_proto),
            completion_callbacks: self
                .run
                .history
                .callbacks
                .iter()
                .map(|attached| attached.callback.clone())
                .collect(),
            ..start.clone()
        };
        Successor {
            initially: 0,
            run_id: run_id.into(),
            start,
        }
    }

    fn continued_run(
        &mut self,
        old: &WorkflowExecutionStartedEventAttributes,
        command: &ContinueAsNew,
    ) -> Successor {
        let initiator = Initiator::try_from(command.initiator).unwrap_or(Initiator::Unspecified);
        let initiator = if initiator == Initiator::Unspecified {
            Initiator::Workflow
        } else {
            initiator
        };
        let mut next = self.follow(old, initiator, self.spaced(command.backoff));
        next.initially = command.initially;
        let start = &mut next.start;
        if command.initially != 0 {
            start.inherited_pinned_version = None;
        }
        if !command.workflow_type.is_empty() {
            start.workflow_type = Some(WorkflowType {
                name: command.workflow_type.clone(),
            });
        }
        if !command.task_queue.is_empty() {
            start.task_queue = Some(normal(command.task_queue.to_string()));
        }
        if !command.run_timeout.is_zero() {
            start.workflow_run_timeout = Some(duration_to_proto(command.run_timeout));
        }
        start.workflow_run_timeout.get_or_insert_default();
        if !command.task_timeout.is_zero() {
            start.workflow_task_timeout = Some(duration_to_proto(command.task_timeout));
        }
        start.input.clone_from(&command.input);
        start.header.clone_from(&command.header);
        start.memo.clone_from(&command.memo);
        start
            .search_attributes
            .clone_from(&command.search_attributes);
        start.retry_policy = command.retry.as_ref().map(retry_policy_to_proto);
        start.cron_schedule.clone_from(&command.cron);
        start.continued_failure.clone_from(&command.failure);
        start
            .last_completion_result
            .clone_from(&command.last_result);
        next
    }

    /// Runs of a chain begin at least a second apart.
    fn spaced(&self, pause: Duration) -> Duration {
        let lived = self.now.since(self.run.history.execution_time());
        if lived.saturating_add(pause) < MIN_RUN_SPACING {
            MIN_RUN_SPACING.saturating_sub(lived)
        } else {
            pause
        }
    }

    fn begin_successor(&mut self, mut next: Successor) {
        let left = self
            .run
            .history
            .chain_expires()
            .map(|end| end.since(self.now));
        if let Some(left) = left {
            let run = proto_duration(next.start.workflow_run_timeout.as_ref());
            let capped = if run.is_zero() { left } else { run.min(left) };
            next.start.workflow_run_timeout = Some(duration_to_proto(capped));
        }
        let created = Created {
            request_id: RequestId::new(self.ids.uuid()),
            awaits_parent: false,
        };
        let scheduled = self.run.scheduled.clone();
        self.switch_to(Run::new(next.run_id, created));
        if let Some(by) = scheduled {
            self.record(Record::Scheduled(by));
        }
        if next.initially != 0 {
            self.record(Record::Initially(next.initially));
        }
        self.write(next.start);
        self.wants_task = true;
    }

    /// Begins the first run of a chain.
    pub(crate) fn begin_chain(&mut self, request: &StartRequest, run_id: RunId, origin: Origin) {
        let (parent, schedule) = match origin {
            Origin::Client => (None, None),
            Origin::Parent(parent) => (Some(parent), None),
            Origin::Schedule(by, last) => (None, Some((by, last))),
        };
        let created = Created {
            request_id: request.request_id.clone(),
            awaits_parent: parent.is_some(),
        };
        self.switch_to(Run::new(run_id, created));
        let last = schedule.map(|(by, last)| {
            self.record(Record::Scheduled(Box::new(by)));
            last
        });
        self.write_start(request, parent.as_ref(), last);
        self.wants_task = true;
        if let Some(Parent {
            run,
            initiated,
            policy,
            ..
        }) = parent
        {
            let parent_run = run.run_id;
            self.send_work(
                run.execution,
                OutboxWork::ChildCreated {
                    parent_run,
                    initiated,
                    policy,
                },
            );
        }
    }

    /// Writes the first event of a chain.
    pub(crate) fn write_start(
        &mut self,
        request: &StartRequest,
        parent: Option<&Parent>,
        last: Option<Last>,
    ) {
        let mut attributes = self.start_attributes(request, parent);
        if let Some(last) = last {
            attributes.last_completion_result = last.result.map(|result| result.0);
            attributes.continued_failure = last.failure.map(|failure| failure.0);
        }
        let trimmings = Trimmings {
            user_metadata: request.user_metadata.as_ref().map(|m| m.0.clone()),
            links: request.links.iter().map(|link| link.0.clone()).collect(),
            ..Trimmings::default()
        };
        self.write_with(attributes, trimmings);
    }

    fn start_attributes(
        &self,
        request: &StartRequest,
        parent: Option<&Parent>,
    ) -> WorkflowExecutionStartedEventAttributes {
        let run_id = self.run.run_id.to_string();
        let schedule = cron::Schedule::parse(&request.cron).ok().flatten();
        let backoff = match &schedule {
            Some(schedule) => schedule.pause_after(self.now, self.now).unwrap_or_default(),
            None => request.start_delay,
        };
        let expires = (!request.execution_timeout.is_zero())
            .then(|| self.now.plus(request.execution_timeout).plus(backoff));
        let mut attributes = WorkflowExecutionStartedEventAttributes {
            workflow_type: Some(WorkflowType {
                name: request.workflow_type.clone(),
            }),
            workflow_id: self.key.workflow_id.to_string(),
            task_queue: Some(normal(request.task_queue.to_string())),
            input: request.input.as_ref().map(|p| p.0.clone()),
            header: request.header.as_ref().map(|p| p.0.clone()),
            memo: request.memo.as_ref().map(|p| p.0.clone()),
            search_attributes: request.search_attributes.as_ref().map(|p| p.0.clone()),
            workflow_execution_timeout: given(request.execution_timeout),
            workflow_run_timeout: given(request.run_timeout),
            workflow_task_timeout: Some(duration_to_proto(request.task_timeout)),
            first_execution_run_id: run_id.clone(),
            original_execution_run_id: run_id,
            initiator: schedule
                .map_or(Initiator::Unspecified, |_| Initiator::CronSchedule)
                .into(),
            identity: request.identity.clone(),
            attempt: 1,
            workflow_execution_expiration_time: expires.map(Timestamp::to_proto),
            retry_policy: request.retry.as_ref().map(retry_policy_to_proto),
            cron_schedule: request.cron.clone(),
            first_workflow_task_backoff: Some(duration_to_proto(backoff)),
            completion_callbacks: request.callbacks.iter().map(|c| c.0.clone()).collect(),
            priority: request.priority.as_ref().map(|p| p.0.clone()),
            versioning_override: request.versioning_override.as_ref().map(|o| o.0.clone()),
            inherited_pinned_version: parent
                .and_then(|parent| parent.version.as_ref())
                .map(Version::to_proto),
            eager_execution_accepted: request.eager && backoff.is_zero() && parent.is_none(),
            ..WorkflowExecutionStartedEventAttributes::default()
        };
        if let Some(parent) = parent {
            // A child's start event says what a client's leaves out.
            attributes.workflow_run_timeout = Some(duration_to_proto(request.run_timeout));
            attributes.priority.get_or_insert_default();
            attributes.parent_workflow_namespace = parent.run.execution.namespace.to_string();
            attributes.parent_workflow_namespace_id = parent.run.execution.namespace.to_string();
            attributes.parent_initiated_event_id = parent.initiated.0;
            attributes.parent_workflow_execution = Some(execution(&parent.run));
            attributes.root_workflow_execution = Some(execution(&parent.root));
        }
        attributes
    }
}

/// A timeout that may be absent.
pub(crate) fn given(timeout: Duration) -> Option<prost_types::Duration> {
    (!timeout.is_zero()).then(|| duration_to_proto(timeout))
}

fn continued_attributes(
    command: ContinueAsNew,
    next: &WorkflowExecutionStartedEventAttributes,
    completed: EventId,
    run_id: String,
) -> WorkflowExecutionContinuedAsNewEventAttributes {
    WorkflowExecutionContinuedAsNewEventAttributes {
        new_execution_run_id: run_id,
        workflow_type: next.workflow_type.clone(),
        task_queue: next.task_queue.clone(),
        input: command.input,
        workflow_run_timeout: next.workflow_run_timeout,
        workflow_task_timeout: next.workflow_task_timeout,
        workflow_task_completed_event_id: completed.0,
        backoff_start_interval: next.first_workflow_task_backoff,
        // Only the next run knows better than the command.
        initiator: command.initiator,
        initial_versioning_behavior: command.initially,
        #[expect(deprecated, reason = "deprecated for users, not for SDKs")]
        failure: command.failure,
        last_completion_result: command.last_result,
        header: command.header,
        memo: command.memo,
        search_attributes: command.search_attributes,
        #[expect(deprecated, reason = "deprecated for users, not for SDKs")]
        inherit_build_id: command.inherit_build_id,
    }
}

/// A normal queue as the wire has it.
pub(crate) fn normal(name: String) -> TaskQueue {
    TaskQueue {
        name,
        kind: TaskQueueKind::Normal.into(),
        ..TaskQueue::default()
    }
}

/// A run as the wire has it.
pub(crate) fn execution(run: &RunKey) -> WorkflowExecution {
    WorkflowExecution {
        workflow_id: run.execution.workflow_id.to_string(),
        run_id: run.run_id.to_string(),
    }
}
