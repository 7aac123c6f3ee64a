//! Child workflows, from the parent's side and from the child's.
//!
//! | parent's state | event | next | written in the parent |
//! |---|---|---|---|
//! | – | start command | initiated, `StartChild` in the outbox | `StartChild…Initiated` |
//! | initiated | id taken | over | `StartChild…Failed` |
//! | initiated | child created | started; the child may begin | `ChildWorkflowExecutionStarted` |
//! | initiated | child already closed | over | `…Started`, then the end |
//! | started | child's chain closed | over | `ChildWorkflowExecution{Completed,Failed,Canceled,TimedOut,Terminated}` |
//! | initiated | parent closes | `StartChild` is withdrawn | – |
//! | started | parent closes | by policy: `ParentClosed` in the outbox | – |
//!
//! | child's state | event | next |
//! |---|---|---|
//! | – | `StartChild` | created, `ChildCreated` in its outbox until the parent answers |
//! | created | the parent recorded the start | begun: its first workflow task is scheduled |
//! | created | the parent is gone | by policy: terminated, asked to cancel, or begun |
//!
//! A child does not begin before its parent has recorded the start, so no parent hears of an end before it heard
//! of the start. A child whose creation outran its parent's end asks, and learns it.
// temporal: service/history/transfer_queue_active_task_executor.go processStartChildExecution,
// api/recordchildworkflowcompleted.

use std::{collections::BTreeMap, time::Duration};

use steadfast_proto::temporal::api::{
    common::v1::{WorkflowExecution, WorkflowType},
    enums::v1::{
        ParentClosePolicy as WirePolicy, StartChildWorkflowExecutionFailedCause,
        WorkflowIdReusePolicy, WorkflowTaskFailedCause as Cause,
    },
    history::v1::{
        ChildWorkflowExecutionCanceledEventAttributes,
        ChildWorkflowExecutionCompletedEventAttributes,
        ChildWorkflowExecutionFailedEventAttributes, ChildWorkflowExecutionStartedEventAttributes,
        ChildWorkflowExecutionTerminatedEventAttributes,
        ChildWorkflowExecutionTimedOutEventAttributes,
        StartChildWorkflowExecutionFailedEventAttributes,
        StartChildWorkflowExecutionInitiatedEventAttributes,
        WorkflowExecutionStartedEventAttributes, history_event::Attributes,
    },
    sdk::v1::UserMetadata,
};

use crate::{
    activity::merge_priority,
    chain::{Ending, given, normal},
    command::StartChild,
    commands::bad,
    history::{PendingChild, proto_duration},
    ids::{EventId, ExecutionKey, Namespace, RequestId, RunId, RunKey, WorkflowId},
    limits::{DEFAULT_WORKFLOW_TASK_TIMEOUT, MAX_PENDING},
    message::{ChildClosed, ChildOutcome, OutboxResult, OutboxWork},
    parse::{retry_policy, retry_policy_to_proto},
    policy::{IdConflictPolicy, IdReusePolicy, ParentClosePolicy},
    record::{Proto, Record},
    request::{CommandError, StartRequest},
    time::duration_to_proto,
    tx::{Trimmings, Tx},
};

/// Who acts when a parent's end ends its children.
const HISTORY_SERVICE: &str = "history-service";
const BY_PARENT_CLOSE: &str = "by parent close policy";

impl Tx<'_> {
    pub(crate) fn start_child(
        &mut self,
        child: StartChild,
        completed: EventId,
        trimmings: Trimmings,
    ) -> Result<(), CommandError> {
        if self.run.history.children.len() >= MAX_PENDING {
            return bad(
                Cause::PendingChildWorkflowsLimitExceeded,
                format!(
                    "the number of pending child workflow executions, {MAX_PENDING}, has reached the limit"
                ),
            );
        }
        let request = self.child_request(&child);
        let policy = child.parent_close;
        let metadata = trimmings.user_metadata.clone();
        let attributes = initiated_attributes(child, &request, completed);
        let initiated = self.write_with(attributes, trimmings);
        let start = StartRequest {
            request_id: start_request_id(&self.run.run_id, initiated),
            user_metadata: metadata.map(Proto),
            ..request
        };
        self.send_child_start(start, initiated, policy);
        Ok(())
    }

    /// The workflow at the top of the tree.
    fn root(&self) -> RunKey {
        match &self.run.history.start.root_workflow_execution {
            Some(root) => RunKey {
                execution: ExecutionKey {
                    namespace: self.key.namespace.clone(),
                    workflow_id: root.workflow_id.as_str().into(),
                },
                run_id: root.run_id.as_str().into(),
            },
            None => self.run_key(),
        }
    }

    fn child_request(&self, child: &StartChild) -> StartRequest {
        let queue = if child.task_queue.is_empty() {
            self.normal_queue().into()
        } else {
            child.task_queue.clone()
        };
        let execution = child.execution_timeout;
        let run_timeout = match (child.run_timeout.is_zero(), execution.is_zero()) {
            (true, _) => execution,
            (false, true) => child.run_timeout,
            (false, false) => child.run_timeout.min(execution),
        };
        let task = if child.task_timeout.is_zero() {
            DEFAULT_WORKFLOW_TASK_TIMEOUT
        } else {
            child.task_timeout
        };
        StartRequest {
            key: child.key.clone(),
            workflow_type: child.workflow_type.clone(),
            task_queue: queue,
            input: child.input.clone().map(Proto),
            header: child.header.clone().map(Proto),
            memo: child.memo.clone().map(Proto),
            search_attributes: child.search_attributes.clone().map(Proto),
            execution_timeout: execution,
            run_timeout,
            task_timeout: if run_timeout.is_zero() {
                task
            } else {
                task.min(run_timeout)
            },
            retry: child.retry.clone(),
            cron: child.cron.clone(),
            start_delay: Duration::ZERO,
            reuse: child.reuse,
            conflict: if self.replaces_child(&child.key.workflow_id) {
                IdConflictPolicy::TerminateExisting
            } else {
                IdConflictPolicy::Fail
            },
            request_id: RequestId::new(""),
            identity: String::new(),
            user_metadata: None,
            links: Vec::new(),
            callbacks: Vec::new(),
            priority: merge_priority(
                self.run.history.start.priority.as_ref(),
                child.priority.as_ref(),
            )
            .map(Proto),
            versioning_override: child
                .versioning_override
                .clone()
                .or_else(|| self.run.kept_override())
                .map(Proto),
            eager: false,
            on_conflict: None,
        }
    }

    /// The child cannot be started: its id is taken, or its versioning override says nothing.
    pub(crate) fn child_refused(
        &mut self,
        initiated: EventId,
        cause: StartChildWorkflowExecutionFailedCause,
    ) {
        let Some(pending) = self.run.history.children.get(&initiated).cloned() else {
            return;
        };
        if self.run.is_open() && pending.started.is_none() && !self.child_start_buffered(initiated)
        {
            self.record_child_failed(initiated, &pending, cause);
        }
    }

    /// The child's run exists and asks whether it may begin.
    pub(crate) fn child_created(
        &mut self,
        initiated: EventId,
        child: &ExecutionKey,
        run_id: &RunId,
    ) -> OutboxResult {
        if !self.run.is_open() {
            return OutboxResult::ParentGone;
        }
        if let Some(known) = self.buffered_child_start(initiated) {
            return if known == *run_id {
                OutboxResult::Begin
            } else {
                OutboxResult::ParentGone
            };
        }
        let Some(pending) = self.run.history.children.get(&initiated).cloned() else {
            return OutboxResult::ParentGone;
        };
        match &pending.started {
            Some((_, known)) if known == run_id => OutboxResult::Begin,
            Some(_) => OutboxResult::ParentGone,
            None if pending.attributes.workflow_id != child.workflow_id.as_str() => {
                OutboxResult::ParentGone
            }
            None => {
                self.record_child_start(initiated, &pending, run_id);
                self.forget_start_work(initiated);
                OutboxResult::Begin
            }
        }
    }

    /// The run whose start is recorded but still waits to become history.
    fn buffered_child_start(&self, initiated: EventId) -> Option<RunId> {
        self.run
            .buffered
            .iter()
            .find_map(|b| match &b.event.attributes {
                Some(Attributes::ChildWorkflowExecutionStartedEventAttributes(c))
                    if c.initiated_event_id == initiated.0 =>
                {
                    Some(c.workflow_execution.as_ref()?.run_id.as_str().into())
                }
                Some(_) | None => None,
            })
    }

    pub(crate) fn child_start_buffered(&self, initiated: EventId) -> bool {
        self.has_buffered(|a| {
            matches!(a, Attributes::ChildWorkflowExecutionStartedEventAttributes(c) if c.initiated_event_id == initiated.0)
                || matches!(a, Attributes::StartChildWorkflowExecutionFailedEventAttributes(c) if c.initiated_event_id == initiated.0)
        })
    }

    fn record_child_start(&mut self, initiated: EventId, pending: &PendingChild, run_id: &RunId) {
        let a = &pending.attributes;
        self.buffer(ChildWorkflowExecutionStartedEventAttributes {
            namespace: a.namespace.clone(),
            namespace_id: a.namespace_id.clone(),
            initiated_event_id: initiated.0,
            workflow_execution: Some(WorkflowExecution {
                workflow_id: a.workflow_id.clone(),
                run_id: run_id.to_string(),
            }),
            workflow_type: a.workflow_type.clone(),
            header: a.header.clone(),
        });
    }

    fn record_child_failed(
        &mut self,
        initiated: EventId,
        pending: &PendingChild,
        cause: StartChildWorkflowExecutionFailedCause,
    ) {
        let a = &pending.attributes;
        self.buffer(StartChildWorkflowExecutionFailedEventAttributes {
            namespace: a.namespace.clone(),
            namespace_id: a.namespace_id.clone(),
            workflow_id: a.workflow_id.clone(),
            workflow_type: a.workflow_type.clone(),
            cause: cause.into(),
            #[expect(deprecated, reason = "deprecated for users, not for SDKs")]
            control: a.control.clone(),
            initiated_event_id: initiated.0,
            // temporal: left empty, as in the failures of external signals and cancellations.
            workflow_task_completed_event_id: 0,
        });
    }

    /// A child's chain ended; said any number of times, recorded once.
    pub(crate) fn child_closed(&mut self, closed: &ChildClosed, child: &ExecutionKey) {
        if !self.run.is_open() || self.child_end_buffered(closed.initiated) {
            return;
        }
        let Some(pending) = self.run.history.children.get(&closed.initiated).cloned() else {
            return;
        };
        if pending.attributes.workflow_id != child.workflow_id.as_str() {
            return;
        }
        if pending.started.is_none() && !self.child_start_buffered(closed.initiated) {
            self.record_child_start(closed.initiated, &pending, &closed.first_run);
            self.forget_start_work(closed.initiated);
        }
        let started = pending
            .started
            .as_ref()
            .map_or(EventId::NONE, |(id, _)| *id);
        self.buffer(end_attributes(closed, child, started));
    }

    fn child_end_buffered(&self, initiated: EventId) -> bool {
        use Attributes as A;
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the other events end no child"
        )]
        self.has_buffered(|a| {
            let ended = match a {
                A::ChildWorkflowExecutionCompletedEventAttributes(c) => c.initiated_event_id,
                A::ChildWorkflowExecutionFailedEventAttributes(c) => c.initiated_event_id,
                A::ChildWorkflowExecutionCanceledEventAttributes(c) => c.initiated_event_id,
                A::ChildWorkflowExecutionTimedOutEventAttributes(c) => c.initiated_event_id,
                A::ChildWorkflowExecutionTerminatedEventAttributes(c) => c.initiated_event_id,
                _ => return false,
            };
            ended == initiated.0
        })
    }

    /// The child is known by other means, or not wanted any more: its start is not asked for again.
    fn forget_start_work(&mut self, initiated: EventId) {
        let number = self.run.outbox.iter().find_map(|(number, put)| {
            let same =
                matches!(&put.work, OutboxWork::StartChild { initiated: i, .. } if *i == initiated);
            same.then_some(*number)
        });
        if let Some(number) = number {
            self.record(Record::OutboxDone(number));
        }
    }

    /// Asks once more for a child that the history of the run in hand has initiated, in the name of the run that did.
    pub(crate) fn ask_for_child(
        &mut self,
        initiated: EventId,
        attributes: &StartChildWorkflowExecutionInitiatedEventAttributes,
        asked_by: &RunId,
        user_metadata: Option<UserMetadata>,
    ) {
        let start = StartRequest {
            request_id: start_request_id(asked_by, initiated),
            user_metadata: user_metadata.map(Proto),
            ..self.initiated_request(attributes)
        };
        let policy = close_policy(attributes.parent_close_policy);
        self.send_child_start(start, initiated, policy);
    }

    fn send_child_start(
        &mut self,
        start: StartRequest,
        initiated: EventId,
        policy: ParentClosePolicy,
    ) {
        let root = self.root();
        self.send_work(
            start.key.clone(),
            OutboxWork::StartChild {
                start: Box::new(start),
                initiated,
                root,
                policy,
                version: self.run.history.versioning.pinned(),
            },
        );
    }

    /// The start that an initiated event asks for.
    fn initiated_request(
        &self,
        a: &StartChildWorkflowExecutionInitiatedEventAttributes,
    ) -> StartRequest {
        let priority = self.run.history.start.priority.as_ref();
        StartRequest {
            key: child_key(a, &self.key.namespace),
            workflow_type: a.workflow_type.clone().unwrap_or_default().name,
            task_queue: a.task_queue.clone().unwrap_or_default().name.into(),
            input: a.input.clone().map(Proto),
            header: a.header.clone().map(Proto),
            memo: a.memo.clone().map(Proto),
            search_attributes: a.search_attributes.clone().map(Proto),
            execution_timeout: proto_duration(a.workflow_execution_timeout.as_ref()),
            run_timeout: proto_duration(a.workflow_run_timeout.as_ref()),
            task_timeout: proto_duration(a.workflow_task_timeout.as_ref()),
            retry: a.retry_policy.as_ref().and_then(|p| retry_policy(p).ok()),
            cron: a.cron_schedule.clone(),
            start_delay: Duration::ZERO,
            reuse: match a.workflow_id_reuse_policy() {
                WorkflowIdReusePolicy::AllowDuplicateFailedOnly => {
                    IdReusePolicy::AllowDuplicateFailedOnly
                }
                WorkflowIdReusePolicy::RejectDuplicate => IdReusePolicy::RejectDuplicate,
                #[expect(deprecated, reason = "deprecated for users, not for histories")]
                WorkflowIdReusePolicy::Unspecified
                | WorkflowIdReusePolicy::AllowDuplicate
                | WorkflowIdReusePolicy::TerminateIfRunning => IdReusePolicy::AllowDuplicate,
            },
            conflict: IdConflictPolicy::Fail,
            request_id: RequestId::new(""),
            identity: String::new(),
            user_metadata: None,
            links: Vec::new(),
            callbacks: Vec::new(),
            priority: merge_priority(priority, a.priority.as_ref()).map(Proto),
            eager: false,
            on_conflict: None,
            versioning_override: a.versioning_override.clone().map(Proto),
        }
    }

    /// The run in hand has just been ended by a reset: its children go on, their starts are asked for by the new run.
    pub(crate) fn forget_starts(&mut self, children: &BTreeMap<EventId, PendingChild>) {
        for (initiated, child) in children {
            if child.started.is_none() {
                self.forget_start_work(*initiated);
            }
        }
    }

    /// Whether a reset has left a child of this id behind, which makes room for the new run's.
    // temporal: transfer_queue_active_task_executor.go, ChildrenInitializedPostResetPoint.
    fn replaces_child(&self, id: &WorkflowId) -> bool {
        let forked = self.run.forked.as_deref();
        forked.is_some_and(|forked| forked.children.contains(id))
    }

    /// The run in hand has just closed: its children's fate.
    pub(crate) fn apply_parent_close_policies(
        &mut self,
        children: &BTreeMap<EventId, PendingChild>,
    ) {
        for (initiated, child) in children {
            let policy = close_policy(child.attributes.parent_close_policy);
            let to = child_key(&child.attributes, &self.key.namespace);
            match &child.started {
                Some((_, first_run)) if policy != ParentClosePolicy::Abandon => {
                    let first_run = first_run.clone();
                    self.send_work(to, OutboxWork::ParentClosed { first_run, policy });
                }
                Some(_) => {}
                None => self.forget_start_work(*initiated),
            }
        }
    }

    /// The chain of the run in hand has ended: its parent hears of it.
    pub(crate) fn tell_parent(
        &mut self,
        start: &WorkflowExecutionStartedEventAttributes,
        outcome: ChildOutcome,
    ) {
        let Some(parent) = &start.parent_workflow_execution else {
            return;
        };
        let to = ExecutionKey {
            namespace: Namespace::new(start.parent_workflow_namespace.as_str()),
            workflow_id: WorkflowId::new(parent.workflow_id.as_str()),
        };
        let closed = ChildClosed {
            parent_run: RunId::new(parent.run_id.as_str()),
            initiated: EventId(start.parent_initiated_event_id),
            run_id: self.run.run_id.clone(),
            first_run: RunId::new(start.first_execution_run_id.as_str()),
            workflow_type: start.workflow_type.clone().unwrap_or_default().name,
            outcome,
        };
        self.send_work(to, OutboxWork::ChildClosed(Box::new(closed)));
    }

    /// The parent has recorded this child's start.
    pub(crate) fn begin_child(&mut self) {
        if !self.run.begun {
            self.record(Record::ChildBegun(true));
            self.wants_task = true;
        }
    }

    /// This child's parent closed.
    pub(crate) fn parent_closed(&mut self, policy: ParentClosePolicy) {
        if !self.run.is_open() {
            return;
        }
        match policy {
            ParentClosePolicy::Abandon => self.begin_child(),
            ParentClosePolicy::Terminate => self.close(
                Ending::Terminated {
                    reason: BY_PARENT_CLOSE.to_owned(),
                    details: None,
                    identity: HISTORY_SERVICE.to_owned(),
                },
                EventId::NONE,
            ),
            ParentClosePolicy::RequestCancel => {
                self.begin_child();
                self.request_cancel(BY_PARENT_CLOSE.to_owned(), HISTORY_SERVICE.to_owned(), None);
            }
        }
    }
}

/// Makes a repeated start of a child harmless.
fn start_request_id(asked_by: &RunId, initiated: EventId) -> RequestId {
    RequestId::new(format!("{asked_by}:{initiated}:0"))
}

/// The child as a key; an absent namespace is the parent's.
fn child_key(
    attributes: &StartChildWorkflowExecutionInitiatedEventAttributes,
    own: &Namespace,
) -> ExecutionKey {
    let namespace = if attributes.namespace.is_empty() {
        own.clone()
    } else {
        Namespace::new(attributes.namespace.as_str())
    };
    ExecutionKey {
        namespace,
        workflow_id: attributes.workflow_id.as_str().into(),
    }
}

fn close_policy(wire: i32) -> ParentClosePolicy {
    match WirePolicy::try_from(wire).unwrap_or(WirePolicy::Unspecified) {
        WirePolicy::Abandon => ParentClosePolicy::Abandon,
        WirePolicy::RequestCancel => ParentClosePolicy::RequestCancel,
        WirePolicy::Terminate | WirePolicy::Unspecified => ParentClosePolicy::Terminate,
    }
}

fn initiated_attributes(
    child: StartChild,
    request: &StartRequest,
    completed: EventId,
) -> StartChildWorkflowExecutionInitiatedEventAttributes {
    StartChildWorkflowExecutionInitiatedEventAttributes {
        namespace: child.key.namespace.to_string(),
        namespace_id: child.key.namespace.to_string(),
        workflow_id: child.key.workflow_id.to_string(),
        workflow_type: Some(WorkflowType {
            name: child.workflow_type,
        }),
        task_queue: Some(normal(request.task_queue.to_string())),
        input: child.input,
        workflow_execution_timeout: given(request.execution_timeout),
        workflow_run_timeout: Some(duration_to_proto(request.run_timeout)),
        workflow_task_timeout: Some(duration_to_proto(request.task_timeout)),
        parent_close_policy: match child.parent_close {
            ParentClosePolicy::Terminate => WirePolicy::Terminate,
            ParentClosePolicy::Abandon => WirePolicy::Abandon,
            ParentClosePolicy::RequestCancel => WirePolicy::RequestCancel,
        }
        .into(),
        #[expect(deprecated, reason = "deprecated for users, not for SDKs")]
        control: child.control,
        workflow_task_completed_event_id: completed.0,
        workflow_id_reuse_policy: match child.reuse {
            IdReusePolicy::AllowDuplicate => WorkflowIdReusePolicy::AllowDuplicate,
            IdReusePolicy::AllowDuplicateFailedOnly => {
                WorkflowIdReusePolicy::AllowDuplicateFailedOnly
            }
            IdReusePolicy::RejectDuplicate => WorkflowIdReusePolicy::RejectDuplicate,
        }
        .into(),
        retry_policy: child.retry.as_ref().map(retry_policy_to_proto),
        cron_schedule: child.cron,
        header: child.header,
        memo: child.memo,
        search_attributes: child.search_attributes,
        priority: child.priority,
        versioning_override: child.versioning_override,
        #[expect(deprecated, reason = "deprecated for users, not for SDKs")]
        inherit_build_id: child.inherit_build_id,
        ..StartChildWorkflowExecutionInitiatedEventAttributes::default()
    }
}

/// The parent's event for how a child ended.
fn end_attributes(closed: &ChildClosed, child: &ExecutionKey, started: EventId) -> Attributes {
    let namespace = child.namespace.to_string();
    let namespace_id = namespace.clone();
    let workflow_execution = Some(WorkflowExecution {
        workflow_id: child.workflow_id.to_string(),
        run_id: closed.run_id.to_string(),
    });
    let workflow_type = Some(WorkflowType {
        name: closed.workflow_type.clone(),
    });
    let initiated_event_id = closed.initiated.0;
    let started_event_id = started.0;
    match &closed.outcome {
        ChildOutcome::Completed(result) => ChildWorkflowExecutionCompletedEventAttributes {
            result: result.as_ref().map(|r| r.0.clone()),
            namespace,
            namespace_id,
            workflow_execution,
            workflow_type,
            initiated_event_id,
            started_event_id,
        }
        .into(),
        ChildOutcome::Failed(failure, retry_state) => ChildWorkflowExecutionFailedEventAttributes {
            failure: failure.as_ref().map(|f| f.0.clone()),
            namespace,
            namespace_id,
            workflow_execution,
            workflow_type,
            initiated_event_id,
            started_event_id,
            retry_state: *retry_state,
        }
        .into(),
        ChildOutcome::Canceled(details) => ChildWorkflowExecutionCanceledEventAttributes {
            details: details.as_ref().map(|d| d.0.clone()),
            namespace,
            namespace_id,
            workflow_execution,
            workflow_type,
            initiated_event_id,
            started_event_id,
        }
        .into(),
        ChildOutcome::TimedOut(retry_state) => ChildWorkflowExecutionTimedOutEventAttributes {
            namespace,
            namespace_id,
            workflow_execution,
            workflow_type,
            initiated_event_id,
            started_event_id,
            retry_state: *retry_state,
        }
        .into(),
        ChildOutcome::Terminated => ChildWorkflowExecutionTerminatedEventAttributes {
            namespace,
            namespace_id,
            workflow_execution,
            workflow_type,
            initiated_event_id,
            started_event_id,
        }
        .into(),
    }
}
