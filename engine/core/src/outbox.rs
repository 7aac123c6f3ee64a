//! Work between executions: what a receiver does with it, and what a sender does with the answer.
//!
//! The sender keeps a piece of work until it is answered and sends it again and again; so each kind has its own
//! rule that makes a second delivery harmless:
//!
//! | work | a second delivery | answer |
//! |---|---|---|
//! | `StartChild` | finds the run that its request id made | done, or it is refused |
//! | `ChildCreated` | finds the start recorded | begin, or the parent is gone |
//! | `ParentClosed` | finds the run closed or cancel requested | done |
//! | `ChildClosed` | finds the child not pending, or its end buffered | done |
//! | `SignalExternal` | finds the request id taken | done, not found, too many |
//! | `CancelExternal` | finds cancel requested | done, not found |
//! | `NexusClosed` | finds the operation over | done |
//! | `StartScheduled` | finds the run that its request id made | started, or the id is taken |
//! | `AskScheduled` | finds the run closed or cancel requested | done |
//! | `Batch` | see [`crate::batch`] | done, or it could not be |
//! | `ScheduledClosed` | finds the workflow not running | done |

use steadfast_proto::temporal::api::enums::v1::StartChildWorkflowExecutionFailedCause as Cause;

use crate::{
    chain::{Ending, Origin, Parent},
    effect::Rejection,
    execution::Run,
    ids::{EventId, RequestId, RunId, RunKey},
    message::{
        ChildClosed, ChildOutcome, OutboxItem, OutboxResult, OutboxWork, ScheduledClosed,
        StartScheduled,
    },
    policy::{IdConflictPolicy, ParentClosePolicy},
    record::Record,
    request::StartRequest,
    schedule::{Asked, ScheduledBy},
    shard::{Loaded, Step},
    signal::Signal,
    start::{Verdict, judge},
    tx::Tx,
    versioning::is_valid,
};

impl Step<'_> {
    /// Does a piece of another execution's work. `None`: not now; the sender asks again.
    pub(crate) fn receive(
        &mut self,
        loaded: &mut Loaded,
        item: &OutboxItem,
    ) -> Option<OutboxResult> {
        Some(match &item.work {
            OutboxWork::StartChild {
                start,
                initiated,
                root,
                policy,
                version,
            } => {
                let parent = Parent {
                    run: item.from.clone(),
                    initiated: *initiated,
                    root: root.clone(),
                    policy: *policy,
                    version: version.clone(),
                };
                self.create_child(loaded, start, parent)
            }
            OutboxWork::ChildCreated {
                parent_run,
                initiated,
                ..
            } => self.answer_child(loaded, parent_run, *initiated, &item.from),
            OutboxWork::ParentClosed { first_run, policy } => {
                self.close_child(loaded, first_run, *policy)
            }
            OutboxWork::ChildClosed(closed) => self.end_child(loaded, closed, &item.from),
            OutboxWork::NexusClosed(closed) => {
                let run_id = loaded.execution.heir(&closed.run_id, closed.scheduled);
                if loaded.execution.runs.contains_key(&run_id) {
                    let mut tx = self.open(loaded, &run_id);
                    tx.nexus_closed(closed);
                    tx.finish();
                }
                OutboxResult::Done
            }
            OutboxWork::SignalExternal {
                run_id,
                child_only,
                name,
                input,
                header,
                request_id,
                initiated: _,
            } => {
                let signal = Signal {
                    name: name.clone(),
                    input: input.as_ref().map(|i| i.0.clone()),
                    header: header.as_ref().map(|h| h.0.clone()),
                    identity: "history-service".to_owned(),
                    request_id: request_id.clone(),
                    links: Vec::new(),
                    sender: Some(item.from.clone()),
                };
                return self.deliver_signal(
                    loaded,
                    &item.from,
                    run_id.as_ref(),
                    *child_only,
                    signal,
                );
            }
            OutboxWork::CancelExternal {
                run_id,
                child_only,
                reason,
                initiated,
                ..
            } => self.deliver_cancel(
                loaded,
                run_id.as_ref(),
                *child_only,
                reason,
                &item.from,
                *initiated,
            ),
            OutboxWork::StartScheduled(work) => {
                let by = ScheduledBy {
                    schedule: item.from.clone(),
                    number: item.number,
                };
                self.start_scheduled(loaded, work, by)
            }
            OutboxWork::AskScheduled {
                first_run,
                ask,
                identity,
            } => self.ask_scheduled(loaded, first_run, *ask, identity),
            OutboxWork::ScheduledClosed(closed) => self.end_scheduled(loaded, closed),
            OutboxWork::Batch(work) => return self.batch_work(loaded, item, work),
        })
    }

    fn start_scheduled(
        &mut self,
        loaded: &mut Loaded,
        work: &StartScheduled,
        by: ScheduledBy,
    ) -> OutboxResult {
        let tx = match judge(&work.start, &loaded.execution) {
            Verdict::Existing | Verdict::Refused(_) => return OutboxResult::Refused,
            Verdict::Same(run_id) => self.open(loaded, &run_id),
            Verdict::Start => {
                let run_id = RunId::new(self.ids.uuid());
                let mut tx = self.current_or_none(loaded);
                let origin = Origin::Schedule(by, work.last.clone());
                tx.start_run(&work.start, run_id, origin);
                tx
            }
        };
        let result = OutboxResult::Started {
            first_run: tx.run.history.first_run(),
            at: tx.run.history.start_time,
        };
        tx.finish();
        result
    }

    // temporal: service/worker/scheduler/activities.go, only a run of the chain that the schedule started.
    fn ask_scheduled(
        &mut self,
        loaded: &mut Loaded,
        first_run: &RunId,
        ask: Asked,
        identity: &str,
    ) -> OutboxResult {
        if let Some(mut tx) = self.current(loaded) {
            let meant = tx.run.is_open() && tx.run.history.first_run() == *first_run;
            match ask {
                _ if !meant => {}
                Asked::Cancel => tx.request_cancel(
                    "cancelled by schedule overlap policy".to_owned(),
                    identity.to_owned(),
                    None,
                ),
                Asked::Terminate => tx.close(
                    Ending::Terminated {
                        reason: "terminated by schedule overlap policy".to_owned(),
                        details: None,
                        identity: identity.to_owned(),
                    },
                    EventId::NONE,
                ),
            }
            tx.finish();
        }
        OutboxResult::Done
    }

    fn create_child(
        &mut self,
        loaded: &mut Loaded,
        start: &StartRequest,
        parent: Parent,
    ) -> OutboxResult {
        let given = start.versioning_override.as_ref();
        // A reset parent replaces its own child, and nobody else's workflow.
        let open = loaded.execution.current_run().filter(|run| run.is_open());
        let replaces = start.conflict == IdConflictPolicy::TerminateExisting;
        let foreign = open.is_some_and(|run| !is_child_of(run, &parent.run, true));
        match judge(start, &loaded.execution) {
            // temporal: transfer_queue_active_task_executor.go, the start of such a child is refused as invalid.
            Verdict::Start if given.is_some_and(|given| !is_valid(&given.0)) => {
                OutboxResult::BadOverride
            }
            Verdict::Same(_) => OutboxResult::Done,
            Verdict::Start if replaces && foreign => OutboxResult::ChildExists,
            Verdict::Existing | Verdict::Refused(_) => OutboxResult::ChildExists,
            Verdict::Start => {
                let run_id = RunId::new(self.ids.uuid());
                let mut tx = self.current_or_none(loaded);
                tx.start_run(start, run_id, Origin::Parent(parent));
                tx.finish();
                OutboxResult::Done
            }
        }
    }

    fn answer_child(
        &mut self,
        loaded: &mut Loaded,
        parent_run: &RunId,
        initiated: EventId,
        child: &RunKey,
    ) -> OutboxResult {
        let parent_run = loaded.execution.heir(parent_run, initiated);
        if !loaded.execution.runs.contains_key(&parent_run) {
            return OutboxResult::ParentGone;
        }
        let mut tx = self.open(loaded, &parent_run);
        let result = tx.child_created(initiated, &child.execution, &child.run_id);
        tx.finish();
        result
    }

    fn close_child(
        &mut self,
        loaded: &mut Loaded,
        first_run: &RunId,
        policy: ParentClosePolicy,
    ) -> OutboxResult {
        if let Some(mut tx) = self.current(loaded) {
            if tx.run.history.first_run() == *first_run {
                tx.parent_closed(policy);
            }
            tx.finish();
        }
        OutboxResult::Done
    }

    fn end_child(
        &mut self,
        loaded: &mut Loaded,
        closed: &ChildClosed,
        child: &RunKey,
    ) -> OutboxResult {
        let parent_run = loaded.execution.heir(&closed.parent_run, closed.initiated);
        if loaded.execution.runs.contains_key(&parent_run) {
            let mut tx = self.open(loaded, &parent_run);
            tx.child_closed(closed, &child.execution);
            tx.finish();
        }
        OutboxResult::Done
    }

    fn deliver_signal(
        &mut self,
        loaded: &mut Loaded,
        sender: &RunKey,
        run_id: Option<&RunId>,
        child_only: bool,
        signal: Signal,
    ) -> Option<OutboxResult> {
        if taken_before(loaded, &signal.request_id) {
            return Some(OutboxResult::Done);
        }
        let Some(target) = self.target(loaded, run_id, child_only, sender) else {
            return Some(OutboxResult::NotFound);
        };
        let mut tx = self.open(loaded, &target);
        let result = match tx.signal(signal) {
            Ok(()) => Some(OutboxResult::Done),
            Err(Rejection::InvalidArgument(_)) => Some(OutboxResult::TooManySignals),
            Err(Rejection::ResourceExhausted(..)) => None,
            Err(
                Rejection::NotFound(_)
                | Rejection::AlreadyStarted { .. }
                | Rejection::ActivityAlreadyStarted { .. }
                | Rejection::FailedPrecondition(_)
                | Rejection::NotReady(_)
                | Rejection::NamespaceNotFound(_)
                | Rejection::NamespaceExists(_)
                | Rejection::Exists(_)
                | Rejection::PagesLost
                | Rejection::Unavailable(_)
                | Rejection::QueryFailed { .. }
                | Rejection::PermissionDenied(_)
                | Rejection::Aborted(_)
                | Rejection::MultiOperation { .. },
            ) => Some(OutboxResult::NotFound),
        };
        tx.finish();
        result
    }

    fn deliver_cancel(
        &mut self,
        loaded: &mut Loaded,
        run_id: Option<&RunId>,
        child_only: bool,
        reason: &str,
        sender: &RunKey,
        initiated: EventId,
    ) -> OutboxResult {
        let Some(target) = self.target(loaded, run_id, child_only, sender) else {
            return OutboxResult::NotFound;
        };
        let mut tx = self.open(loaded, &target);
        let by = Some((sender.clone(), initiated));
        tx.request_cancel(reason.to_owned(), "history-service".to_owned(), by);
        tx.finish();
        OutboxResult::Done
    }

    /// The run that a sender means; never its own execution.
    // temporal: transfer_queue_active_task_executor.go, a workflow cannot signal or cancel itself.
    fn target(
        &self,
        loaded: &Loaded,
        run_id: Option<&RunId>,
        child_only: bool,
        sender: &RunKey,
    ) -> Option<RunId> {
        let execution = &loaded.execution;
        let run = match run_id {
            Some(run_id) => execution.runs.get(run_id).filter(|run| !run.doomed)?,
            None => execution.current_run()?,
        };
        let itself = sender.execution == *self.key;
        let wrong_parent = child_only && !is_child_of(run, sender, false);
        (!itself && !wrong_parent).then(|| run.run_id.clone())
    }
}

/// Whether a run of the execution has taken this signal.
pub(crate) fn taken_before(loaded: &Loaded, request_id: &RequestId) -> bool {
    loaded
        .execution
        .runs
        .values()
        .any(|run| run.signal_requests.contains(request_id))
}

/// Whether a run is a child of another one, or of any run of the same workflow.
fn is_child_of(run: &Run, parent: &RunKey, any_run: bool) -> bool {
    let start = &run.history.start;
    start.parent_workflow_execution.as_ref().is_some_and(|p| {
        p.workflow_id == parent.execution.workflow_id.as_str()
            && (any_run || p.run_id == parent.run_id.as_str())
    })
}

impl Tx<'_> {
    /// The chain of the run in hand has ended: the schedule that started it hears of it.
    pub(crate) fn tell_schedule(&mut self, outcome: &ChildOutcome) {
        let Some(by) = self.run.scheduled.clone() else {
            return;
        };
        let ScheduledBy { schedule, number } = *by;
        let closed = ScheduledClosed {
            schedule: schedule.run_id,
            number,
            first_run: self.run.history.first_run(),
            started: self.run.history.start_time,
            outcome: outcome.clone(),
        };
        let work = OutboxWork::ScheduledClosed(Box::new(closed));
        self.send_work(schedule.execution, work);
    }

    /// A piece of this run's own work has been answered.
    pub(crate) fn work_done(&mut self, number: u64, result: &OutboxResult) {
        let Some(put) = self.run.outbox.get(&number).cloned() else {
            return;
        };
        self.record(Record::OutboxDone(number));
        match put.work {
            OutboxWork::StartChild { initiated, .. } => {
                if *result == OutboxResult::ChildExists {
                    self.child_refused(initiated, Cause::WorkflowAlreadyExists);
                } else if *result == OutboxResult::BadOverride {
                    self.child_refused(initiated, Cause::InvalidVersioningOverride);
                }
            }
            OutboxWork::ChildCreated { policy, .. } => {
                if *result == OutboxResult::Begin {
                    self.begin_child();
                } else {
                    self.parent_closed(policy);
                }
            }
            OutboxWork::SignalExternal { initiated, .. } => self.signal_answered(initiated, result),
            OutboxWork::CancelExternal { initiated, .. } => self.cancel_answered(initiated, result),
            OutboxWork::ParentClosed { .. }
            | OutboxWork::ChildClosed(_)
            | OutboxWork::NexusClosed(_)
            | OutboxWork::ScheduledClosed(_) => {}
            OutboxWork::StartScheduled(_)
            | OutboxWork::AskScheduled { .. }
            | OutboxWork::Batch(_) => {
                unreachable!("only schedules and batch jobs ask this")
            }
        }
    }
}
