//! Starting a run: against nothing, against an open run, against a closed one.
//!
//! | current run | FAIL | USE_EXISTING | TERMINATE_EXISTING |
//! |---|---|---|---|
//! | none | start | start | start |
//! | any run made by this request | answer as before | answer as before | answer as before |
//! | open | refused | answer with it | terminate and start |
//! | closed, duplicates allowed | start | start | start |
//! | closed, only after failure | start unless it completed | = | = |
//! | closed, no duplicates | refused | = | = |
//!
//! A caller that has a worker may ask for the first workflow task in the answer; it gets it unless the first task is
//! delayed.
// temporal: service/history/api/workflow_id_dedup.go, startworkflow/api.go, signalwithstartworkflow.

use steadfast_proto::temporal::api::{
    common::v1::{Payload, Payloads},
    enums::v1::WorkflowExecutionStatus as Status,
    history::v1::WorkflowExecutionOptionsUpdatedEventAttributes,
};

use crate::{
    chain::{Ending, Origin},
    effect::{Rejection, Reply, ReplyTo, Started},
    execution::Execution,
    ids::{EventId, RunId},
    policy::{IdConflictPolicy, IdReusePolicy},
    record::Record,
    request::{OnConflict, SignalRequest, StartRequest},
    signal::Signal,
    tx::{Trimmings, Tx},
};

/// What a start comes to.
pub(crate) enum Verdict {
    /// A new run; the open one, if any, is terminated.
    Start,
    /// This request made that run, or was attached to it.
    Same(RunId),
    /// The open run serves.
    Existing,
    /// Refused.
    Refused(Rejection),
}

/// Decides about a start without changing anything.
pub(crate) fn judge(request: &StartRequest, execution: &Execution) -> Verdict {
    let same = execution.runs.values().find(|run| {
        !run.doomed
            && (run.created.request_id == request.request_id
                || run.attached_requests.contains(&request.request_id))
    });
    if let Some(run) = same {
        return Verdict::Same(run.run_id.clone());
    }
    if execution
        .schedule
        .as_ref()
        .is_some_and(|schedule| schedule.open)
    {
        return Verdict::Refused(Rejection::AlreadyStarted {
            message: "the id is that of a schedule".to_owned(),
            start_request_id: String::new(),
            run_id: RunId::new(""),
        });
    }
    if execution.batch.is_some() {
        return Verdict::Refused(Rejection::AlreadyStarted {
            message: "the id is that of a batch operation".to_owned(),
            start_request_id: String::new(),
            run_id: RunId::new(""),
        });
    }
    let Some(run) = execution.current_run() else {
        return Verdict::Start;
    };
    let (id, run_id) = (&request.key.workflow_id, &run.run_id);
    let refuse = |message: String| {
        Verdict::Refused(Rejection::AlreadyStarted {
            message,
            start_request_id: run.created.request_id.to_string(),
            run_id: run_id.clone(),
        })
    };
    if run.is_open() {
        return match request.conflict {
            IdConflictPolicy::Fail => refuse(format!(
                "Workflow execution is already running. WorkflowId: {id}, RunId: {run_id}."
            )),
            IdConflictPolicy::UseExisting => Verdict::Existing,
            IdConflictPolicy::TerminateExisting => Verdict::Start,
        };
    }
    match request.reuse {
        IdReusePolicy::AllowDuplicate => Verdict::Start,
        IdReusePolicy::AllowDuplicateFailedOnly if failed(run.history.status) => Verdict::Start,
        IdReusePolicy::AllowDuplicateFailedOnly => refuse(format!(
            "Workflow execution already finished successfully. WorkflowId: {id}, RunId: {run_id}. Workflow Id reuse policy: allow duplicate workflow Id if last run failed."
        )),
        IdReusePolicy::RejectDuplicate => refuse(format!(
            "Workflow execution already finished. WorkflowId: {id}, RunId: {run_id}. Workflow Id reuse policy: reject duplicate workflow Id."
        )),
    }
}

fn failed(status: Status) -> bool {
    matches!(
        status,
        Status::Failed | Status::Canceled | Status::Terminated | Status::TimedOut
    )
}

impl Tx<'_> {
    /// Starts a run, with the open one, if any, in hand; the new one is in hand afterwards.
    pub(crate) fn start_run(&mut self, request: &StartRequest, run_id: RunId, origin: Origin) {
        if self.run.is_open() && self.run.history.next_event > EventId::FIRST {
            self.terminate_for(&run_id);
        }
        self.begin_chain(request, run_id, origin);
    }

    fn terminate_for(&mut self, new_run: &RunId) {
        let details = Payload::json(&format!("terminated by new runID: {new_run}"))
            .expect("a string is JSON");
        self.close(
            Ending::Terminated {
                reason: "TerminateIfRunning WorkflowIdReusePolicy".to_owned(),
                details: Some(Payloads {
                    payloads: vec![details],
                }),
                identity: "history-service".to_owned(),
            },
            EventId::NONE,
        );
    }

    /// The run in hand, as the answer to a start.
    pub(crate) fn started_reply(&self, started: bool) -> Reply {
        Reply::Started(self.started(started))
    }

    /// The run in hand, as what a start came to.
    pub(crate) fn started(&self, started: bool) -> Started {
        Started {
            run_id: self.run.run_id.clone(),
            first_run: self.run.history.first_run(),
            started,
            status: self.run.history.status,
            eager: None,
        }
    }

    /// The answer to a start with the first workflow task in it, if the caller would run that one itself.
    // temporal: service/history/api/startworkflow/api.go. Asked again, the task is given again while it is out.
    pub(crate) fn eager_reply(&mut self, request: &StartRequest, started: bool) -> Reply {
        let mut reply = self.started_reply(started);
        let Reply::Started(answer) = &mut reply else {
            unreachable!("it answers a start")
        };
        if started && request.eager {
            self.settle();
            answer.eager = self.start_first_task(request).map(Box::new);
        }
        reply
    }

    /// A start found this open run and leaves on it what it was told to.
    pub(crate) fn attach(&mut self, request: &StartRequest) {
        let Some(OnConflict {
            attach_request_id,
            attach_callbacks,
            attach_links,
        }) = request.on_conflict
        else {
            return;
        };
        if attach_request_id {
            self.record(Record::AttachedRequest(request.request_id.clone()));
        }
        let callbacks = request.callbacks.iter().filter(|_| attach_callbacks);
        let links = request.links.iter().filter(|_| attach_links);
        let attributes = WorkflowExecutionOptionsUpdatedEventAttributes {
            attached_request_id: if attach_request_id {
                request.request_id.to_string()
            } else {
                String::new()
            },
            attached_completion_callbacks: callbacks.map(|c| c.0.clone()).collect(),
            identity: request.identity.clone(),
            ..WorkflowExecutionOptionsUpdatedEventAttributes::default()
        };
        let links = links.map(|link| link.0.clone()).collect();
        self.buffer_with(
            attributes,
            Trimmings {
                links,
                ..Trimmings::default()
            },
        );
    }

    /// Signals the run in hand, which a signal-with-start found or made.
    pub(crate) fn signal_with_start(
        &mut self,
        signal: SignalRequest,
        started: bool,
        reply_to: ReplyTo,
    ) {
        let mut signal = Signal::from(signal);
        if signal.request_id.is_empty() {
            signal.request_id = self.run.created.request_id.clone();
        }
        let reply = self.started_reply(started);
        let answer = self.signal(signal).map(|()| reply);
        self.wants_task_now = !started || self.wants_task_now;
        self.reply(reply_to, answer);
    }
}
