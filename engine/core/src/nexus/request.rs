//! What handlers are asked, and what their answers mean, in Nexus's own words.
// temporal: components/nexusoperations/executors.go, common/nexus/failure.go.

use std::{collections::BTreeMap, time::Duration};

use steadfast_proto::{
    json,
    temporal::api::{
        common::v1::{Payload, Payloads},
        enums::v1::{EventType, NexusHandlerErrorRetryBehavior as RetryBehavior},
        failure::v1::{
            ApplicationFailureInfo, CanceledFailureInfo, Failure, NexusHandlerFailureInfo,
            NexusOperationFailureInfo, failure::FailureInfo,
        },
        nexus::v1::{
            CancelOperationRequest, Failure as NexusFailure, HandlerError, Request, Response,
            StartOperationRequest, UnsuccessfulOperationError, request, response,
            start_operation_response,
        },
    },
};

use super::{
    NexusAsk, NexusCall, NexusOutcome, NexusState, REQUEST_TIMEOUT,
    callback::{CallbackToken, SYSTEM_CALLBACK, TOKEN_HEADER},
    link,
};
use crate::{
    history::PendingNexus,
    ids::{EventId, RequestId, RunKey},
    time::Timestamp,
};

/// A failure in a Nexus failure's details is one of these.
const TEMPORAL_FAILURE: &str = "temporal.api.failure.v1.Failure";

/// What a handler is asked.
pub(super) fn request(
    run: &RunKey,
    scheduled: EventId,
    pending: &PendingNexus,
    state: &NexusState,
    ask: NexusAsk,
    now: Timestamp,
) -> Request {
    let a = &pending.attributes;
    let call = state.call(ask).expect("it is asked for");
    let variant = match ask {
        NexusAsk::Start => {
            let token = CallbackToken {
                run: run.clone(),
                scheduled,
                request_id: RequestId::new(a.request_id.as_str()),
            };
            request::Variant::StartOperation(StartOperationRequest {
                service: a.service.clone(),
                operation: a.operation.clone(),
                request_id: a.request_id.clone(),
                callback: SYSTEM_CALLBACK.to_owned(),
                // Nothing is an empty payload. temporal: the request that goes over HTTP has a body.
                payload: Some(a.input.clone().unwrap_or_default()),
                callback_header: BTreeMap::from([(TOKEN_HEADER.to_owned(), token.encode())]),
                links: vec![link::to_event(
                    run,
                    scheduled,
                    EventType::NexusOperationScheduled,
                )],
            })
        }
        NexusAsk::Cancel => request::Variant::CancelOperation(CancelOperationRequest {
            service: a.service.clone(),
            operation: a.operation.clone(),
            operation_token: state
                .token
                .as_ref()
                .map(|(t, _)| t.clone())
                .unwrap_or_default(),
            ..CancelOperationRequest::default()
        }),
    };
    Request {
        header: header(pending, state, now),
        scheduled_time: Some(call.due.to_proto()),
        capabilities: Some(request::Capabilities {
            temporal_failure_responses: true,
        }),
        endpoint: a.endpoint.clone(),
        variant: Some(variant),
    }
}

/// What the workflow sends along, and how long the handler has.
fn header(pending: &PendingNexus, state: &NexusState, now: Timestamp) -> BTreeMap<String, String> {
    let mut header = pending.attributes.nexus_header.clone();
    let left = state.out_of_time(pending).map(|(end, _)| end.since(now));
    let timeout = left.map_or(REQUEST_TIMEOUT, |left| left.min(REQUEST_TIMEOUT));
    header.insert("request-timeout".to_owned(), milliseconds(timeout));
    if let Some(left) = left {
        header.insert("operation-timeout".to_owned(), milliseconds(left));
    }
    header
}

/// A duration as Nexus headers have it.
fn milliseconds(duration: Duration) -> String {
    format!("{}ms", duration.as_millis())
}

/// What a handler's response means; `None` if it is no answer to what it was asked.
#[must_use]
pub(crate) fn outcome(response: Response, ask: NexusAsk) -> Option<NexusOutcome> {
    use start_operation_response::Variant;
    match (response.variant?, ask) {
        (response::Variant::CancelOperation(_), NexusAsk::Cancel) => {
            Some(NexusOutcome::CancelTaken)
        }
        (response::Variant::StartOperation(start), NexusAsk::Start) => {
            Some(match start.variant? {
                Variant::SyncSuccess(sync) => {
                    NexusOutcome::Completed(sync.payload, link::from_nexus(&sync.links))
                }
                Variant::AsyncSuccess(later) => {
                    #[expect(deprecated, reason = "old workers still send it")]
                    let old = later.operation_id;
                    let token = if later.operation_token.is_empty() {
                        old
                    } else {
                        later.operation_token
                    };
                    NexusOutcome::Started(token, link::from_nexus(&later.links))
                }
                #[expect(deprecated, reason = "old workers still send it")]
                Variant::OperationError(error) => unsuccessful(error),
                Variant::Failure(failure) if is_canceled(&failure) => {
                    NexusOutcome::Canceled(Box::new(failure))
                }
                Variant::Failure(failure) => NexusOutcome::Failed(Box::new(failure)),
            })
        }
        (response::Variant::CancelOperation(_), NexusAsk::Start)
        | (response::Variant::StartOperation(_), NexusAsk::Cancel) => None,
    }
}

fn is_canceled(failure: &Failure) -> bool {
    matches!(
        failure.failure_info,
        Some(FailureInfo::CanceledFailureInfo(_))
    )
}

fn unsuccessful(error: UnsuccessfulOperationError) -> NexusOutcome {
    let failure = from_nexus(error.failure.unwrap_or_default());
    if error.operation_state == "canceled" {
        let canceled = if is_canceled(&failure) {
            failure
        } else {
            Failure::of("operation canceled", CanceledFailureInfo::default()).with_cause(failure)
        };
        NexusOutcome::Canceled(Box::new(canceled))
    } else {
        NexusOutcome::Failed(Box::new(failure))
    }
}

/// A handler's own failure, as the caller's history has it.
#[must_use]
pub(crate) fn handler_error(error: HandlerError) -> Failure {
    let info = NexusHandlerFailureInfo {
        r#type: error.error_type,
        retry_behavior: error.retry_behavior,
    };
    let cause = error.failure.map(from_nexus);
    let message = cause
        .as_ref()
        .map_or_else(|| "handler error".to_owned(), |c| c.message.clone());
    let failure = Failure::of(message, FailureInfo::NexusHandlerFailureInfo(info));
    match cause {
        Some(cause) => failure.with_cause(cause),
        None => failure,
    }
}

/// A failure of Nexus as one of Temporal.
// temporal: common/nexus/failure.go NexusFailureToTemporalFailure.
fn from_nexus(failure: NexusFailure) -> Failure {
    let cause = failure.cause.map(|cause| Box::new(from_nexus(*cause)));
    let text = String::from_utf8_lossy(&failure.details);
    if failure
        .metadata
        .get("type")
        .is_some_and(|t| t == TEMPORAL_FAILURE)
        && let Ok(inner) = json::from_json::<Failure>(&text)
    {
        return Failure {
            message: failure.message,
            stack_trace: failure.stack_trace,
            cause: cause.or(inner.cause),
            ..inner
        };
    }
    let details = (!failure.details.is_empty()).then(|| Payloads {
        payloads: vec![Payload::encoded("json/plain", failure.details.clone())],
    });
    let info = ApplicationFailureInfo {
        r#type: "NexusFailure".to_owned(),
        non_retryable: true,
        details,
        ..ApplicationFailureInfo::default()
    };
    Failure {
        stack_trace: failure.stack_trace,
        cause,
        ..Failure::of(failure.message, info)
    }
}

/// Whether a handler's own failure may pass.
// temporal: nexus-rpc sdk-go HandlerError.Retryable.
pub(super) fn may_pass(failure: &Failure) -> bool {
    let Some(FailureInfo::NexusHandlerFailureInfo(info)) = &failure.failure_info else {
        return true;
    };
    match info.retry_behavior() {
        RetryBehavior::Retryable => true,
        RetryBehavior::NonRetryable => false,
        RetryBehavior::Unspecified => !matches!(
            info.r#type.as_str(),
            "BAD_REQUEST"
                | "UNAUTHENTICATED"
                | "UNAUTHORIZED"
                | "NOT_FOUND"
                | "CONFLICT"
                | "NOT_IMPLEMENTED"
        ),
    }
}

/// What a handler says that says nothing in time.
pub(super) fn no_answer() -> Failure {
    let info = NexusHandlerFailureInfo {
        r#type: "UPSTREAM_TIMEOUT".to_owned(),
        ..NexusHandlerFailureInfo::default()
    };
    Failure::of(
        "handler did not answer in time",
        FailureInfo::NexusHandlerFailureInfo(info),
    )
}

/// What the workflow is told of an operation that did not succeed.
pub(super) fn operation_failure(
    scheduled: EventId,
    pending: &PendingNexus,
    token: &str,
    cause: Failure,
) -> Failure {
    let info = NexusOperationFailureInfo {
        scheduled_event_id: scheduled.0,
        endpoint: pending.attributes.endpoint.clone(),
        service: pending.attributes.service.clone(),
        operation: pending.attributes.operation.clone(),
        operation_token: token.to_owned(),
        ..NexusOperationFailureInfo::default()
    };
    Failure::of(
        "nexus operation completed unsuccessfully",
        FailureInfo::NexusOperationExecutionFailureInfo(info),
    )
    .with_cause(cause)
}

/// How a call stands, for people: attempts so far, and the last one's end.
pub(super) fn attempts(call: &NexusCall) -> (i32, Option<prost_types::Timestamp>, Option<Failure>) {
    (
        i32::try_from(call.attempt).unwrap_or(i32::MAX),
        call.last_ended.map(Timestamp::to_proto),
        call.last_failure.as_ref().map(|f| f.0.clone()),
    )
}
