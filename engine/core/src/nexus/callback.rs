//! Who is told when a chain of runs ends: the callbacks that a start, or a later one that was attached, left.
//!
//! A callback to the server itself ends the Nexus operation that made it; it goes through the outbox, so that it is
//! delivered at least once, and a second delivery finds the operation over.
// temporal: components/callbacks, service/history/workflow/mutable_state_impl.go GetNexusCompletion.

use serde::{Deserialize, Serialize};
use steadfast_proto::temporal::api::{
    common::v1::{Payload, callback},
    enums::v1::CallbackState,
    failure::v1::{CanceledFailureInfo, Failure},
    workflow::v1::{CallbackInfo, callback_info},
};

use super::decode_token;
use crate::{
    execution::Run,
    ids::{EventId, RequestId, RunId, RunKey},
    message::{ChildOutcome, OutboxWork},
    record::Proto,
    time::Timestamp,
    tx::Tx,
};

/// The address that means this server.
pub(super) const SYSTEM_CALLBACK: &str = "temporal://system";
/// The header that a handler gives back with the callback.
pub(super) const TOKEN_HEADER: &str = "temporal-callback-token";

/// Names the operation that a callback is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct CallbackToken {
    pub(super) run: RunKey,
    pub(super) scheduled: EventId,
    pub(super) request_id: RequestId,
}

impl CallbackToken {
    pub(super) fn encode(&self) -> String {
        use base64::Engine as _;
        let bytes = postcard::to_stdvec(self).expect("tokens have no unserialisable parts");
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
    }
}

/// What an operation's handler did has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NexusClosed {
    /// The caller's run that asked for it.
    pub run_id: RunId,
    /// Its `NexusOperationScheduled`.
    pub scheduled: EventId,
    /// The operation's request id.
    pub request_id: RequestId,
    /// How it ended.
    pub end: NexusEnd,
}

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum NexusEnd {
    /// With a result.
    Completed(Option<Proto<Payload>>),
    /// In vain.
    Failed(Box<Proto<Failure>>),
    /// Canceled.
    Canceled(Box<Proto<Failure>>),
}

impl Tx<'_> {
    /// The chain of the run in hand has ended: tell those who asked to be told.
    pub(crate) fn call_back(&mut self, outcome: &ChildOutcome) {
        let callbacks = self.run.history.callbacks.clone();
        for attached in callbacks {
            let Some(token) = token_of(attached.callback.variant.as_ref()) else {
                continue;
            };
            let closed = NexusClosed {
                run_id: token.run.run_id,
                scheduled: token.scheduled,
                request_id: token.request_id,
                end: end_of(outcome),
            };
            self.send_work(
                token.run.execution,
                OutboxWork::NexusClosed(Box::new(closed)),
            );
        }
    }
}

/// The operation that a callback is for, if it is one of this server's.
fn token_of(variant: Option<&callback::Variant>) -> Option<CallbackToken> {
    let Some(callback::Variant::Nexus(nexus)) = variant else {
        return None;
    };
    let header = nexus
        .header
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(TOKEN_HEADER));
    (nexus.url == SYSTEM_CALLBACK)
        .then(|| decode_token(header?.1))
        .flatten()
}

fn end_of(outcome: &ChildOutcome) -> NexusEnd {
    let failed = |failure| NexusEnd::Failed(Box::new(Proto(failure)));
    match outcome {
        ChildOutcome::Completed(result) => {
            let first = result.as_ref().and_then(|r| r.0.payloads.first());
            NexusEnd::Completed(first.cloned().map(Proto))
        }
        ChildOutcome::Failed(failure, _) => {
            failed(failure.as_ref().map(|f| f.0.clone()).unwrap_or_default())
        }
        ChildOutcome::Canceled(details) => {
            let info = CanceledFailureInfo {
                details: details.as_ref().map(|d| d.0.clone()),
                ..CanceledFailureInfo::default()
            };
            NexusEnd::Canceled(Box::new(Proto(Failure::of("operation canceled", info))))
        }
        ChildOutcome::TimedOut(_) => failed(Failure::non_retryable(
            "operation exceeded internal timeout",
            "",
        )),
        ChildOutcome::Terminated => failed(Failure::non_retryable("operation terminated", "")),
    }
}

/// A run's callbacks, for people.
pub(crate) fn callback_infos(run: &Run) -> Vec<CallbackInfo> {
    let callbacks = run.history.callbacks.iter().map(|attached| {
        let ours = token_of(attached.callback.variant.as_ref()).is_some();
        let state = match (run.is_open(), ours) {
            (true, _) => CallbackState::Standby,
            (false, false) => CallbackState::Blocked,
            (false, true) if run.outbox.is_empty() => CallbackState::Succeeded,
            (false, true) => CallbackState::Scheduled,
        };
        CallbackInfo {
            callback: Some(attached.callback.clone()),
            trigger: Some(callback_info::Trigger {
                variant: Some(callback_info::trigger::Variant::WorkflowClosed(
                    callback_info::WorkflowClosed::default(),
                )),
            }),
            registration_time: Some(Timestamp::to_proto(attached.time)),
            state: state.into(),
            blocked_reason: if state == CallbackState::Blocked {
                "only callbacks of this server's own Nexus operations are delivered".to_owned()
            } else {
                String::new()
            },
            ..CallbackInfo::default()
        }
    });
    callbacks.collect()
}
