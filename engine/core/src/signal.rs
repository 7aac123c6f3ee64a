//! Signals, cancel requests and termination, from callers and from other executions.
//!
//! | run | signal | cancel request | terminate |
//! |---|---|---|---|
//! | open | `…Signaled`, a workflow task | `…CancelRequested`, a workflow task | `…Terminated` |
//! | open, same request id | taken already | taken already | – |
//! | open, cancel requested | `…Signaled` | taken already | `…Terminated` |
//! | open, a close command must win | refused as busy | `…CancelRequested` | `…Terminated` |
//! | closed, same request id | taken already | nothing to do | – |
//! | closed | not found | nothing to do | not found |
// temporal: service/history/api/{signalworkflow,requestcancelworkflow,terminateworkflow}/api.go.

use steadfast_proto::temporal::api::{
    common::v1::{Header, Link, Payloads},
    history::v1::{
        WorkflowExecutionCancelRequestedEventAttributes, WorkflowExecutionSignaledEventAttributes,
        history_event::Attributes,
    },
};

use crate::{
    chain::{Ending, execution},
    effect::{Rejection, Reply, ReplyTo},
    ids::{EventId, RequestId, RunId, RunKey},
    limits::{MAX_SIGNAL_REQUEST_IDS, MAX_SIGNALS},
    record::Record,
    request::{CancelRequest, SignalRequest, TerminateRequest},
    tx::{Trimmings, Tx},
    update::closing,
};

/// A signal, whoever sends it.
pub(crate) struct Signal {
    pub(crate) name: String,
    pub(crate) input: Option<Payloads>,
    pub(crate) header: Option<Header>,
    pub(crate) identity: String,
    pub(crate) request_id: RequestId,
    pub(crate) links: Vec<Link>,
    pub(crate) sender: Option<RunKey>,
}

impl From<SignalRequest> for Signal {
    fn from(request: SignalRequest) -> Self {
        Self {
            name: request.name,
            input: request.input,
            header: request.header,
            identity: request.identity,
            request_id: request.request_id,
            links: request.links,
            sender: None,
        }
    }
}

pub(crate) fn already_completed() -> Rejection {
    Rejection::NotFound("workflow execution already completed".to_owned())
}

impl Tx<'_> {
    pub(crate) fn signal_request(&mut self, request: SignalRequest, reply_to: ReplyTo) {
        let answer = self.signal(request.into()).map(|()| Reply::Done);
        self.reply(reply_to, answer);
    }

    /// Takes a signal, once per request id.
    pub(crate) fn signal(&mut self, signal: Signal) -> Result<(), Rejection> {
        if self.run.signal_requests.contains(&signal.request_id) {
            return Ok(());
        }
        if !self.run.is_open() {
            return Err(already_completed());
        }
        if self.run.closing_attempted && self.task_started() {
            return Err(closing());
        }
        if self.signal_count() >= MAX_SIGNALS {
            return Err(Rejection::InvalidArgument(
                "exceeded workflow execution limit for signal events".to_owned(),
            ));
        }
        let known = self.run.signal_requests.len() < MAX_SIGNAL_REQUEST_IDS;
        if !signal.request_id.is_empty() && known {
            self.record(Record::SignalRequest(signal.request_id.clone()));
        }
        let attributes = WorkflowExecutionSignaledEventAttributes {
            signal_name: signal.name,
            input: signal.input,
            identity: signal.identity,
            header: signal.header,
            external_workflow_execution: signal.sender.as_ref().map(execution),
            request_id: signal.request_id.into(),
            ..WorkflowExecutionSignaledEventAttributes::default()
        };
        let trimmings = Trimmings {
            links: signal.links,
            ..Trimmings::default()
        };
        self.buffer_with(attributes, trimmings);
        self.wants_task = true;
        Ok(())
    }

    fn signal_count(&self) -> u64 {
        let waiting = self.run.buffered.iter().filter(|b| {
            matches!(
                b.event.attributes,
                Some(Attributes::WorkflowExecutionSignaledEventAttributes(_))
            )
        });
        self.run.history.signals + waiting.count() as u64
    }

    pub(crate) fn cancel_request(&mut self, request: CancelRequest, reply_to: ReplyTo) {
        if let Err(rejection) = self.check_chain(request.first_run.as_ref()) {
            return self.reply(reply_to, Err(rejection));
        }
        self.request_cancel(request.reason, request.identity, None);
        self.reply(reply_to, Ok(Reply::Done));
    }

    /// The first request to cancel is recorded; all others have nothing to do.
    pub(crate) fn request_cancel(
        &mut self,
        reason: String,
        identity: String,
        sender: Option<(RunKey, EventId)>,
    ) {
        let requested = self.run.history.cancel_requested
            || self.has_buffered(|a| {
                matches!(
                    a,
                    Attributes::WorkflowExecutionCancelRequestedEventAttributes(_)
                )
            });
        if !self.run.is_open() || requested {
            return;
        }
        let (external, initiated) = match sender {
            Some((run, initiated)) => (Some(execution(&run)), initiated),
            None => (None, EventId::NONE),
        };
        self.buffer(WorkflowExecutionCancelRequestedEventAttributes {
            cause: reason,
            external_initiated_event_id: initiated.0,
            external_workflow_execution: external,
            identity,
        });
        self.wants_task_now = true;
    }

    pub(crate) fn terminate_request(&mut self, request: TerminateRequest, reply_to: ReplyTo) {
        let checked = self.check_chain(request.first_run.as_ref()).and_then(|()| {
            if self.run.is_open() {
                Ok(())
            } else {
                Err(already_completed())
            }
        });
        if let Err(rejection) = checked {
            return self.reply(reply_to, Err(rejection));
        }
        let or = |given: String, default: &str| {
            if given.is_empty() {
                default.to_owned()
            } else {
                given
            }
        };
        let ending = Ending::Terminated {
            reason: or(request.reason, "terminated by user via frontend"),
            details: request.details,
            identity: or(request.identity, "frontend-service"),
        };
        self.close(ending, EventId::NONE);
        self.reply(reply_to, Ok(Reply::Done));
    }

    /// A caller that names a chain means no other.
    pub(crate) fn check_chain(&self, first_run: Option<&RunId>) -> Result<(), Rejection> {
        match first_run {
            Some(first) if *first != self.run.history.first_run() => Err(Rejection::NotFound(
                "workflow execution not found".to_owned(),
            )),
            Some(_) | None => Ok(()),
        }
    }
}
