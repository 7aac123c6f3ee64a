//! What a caller is told instead of an answer: one gRPC status for each rejection, with Temporal's details.
// temporal: api-go serviceerror, and `temporal.api.errordetails.v1`.

use bytes::Bytes;
use prost::{Message, Name};
use prost_types::Any;
use steadfast_core::{Rejection, effect::Exhausted, render::multi_operation_failure};
use steadfast_proto::temporal::api::enums::v1::{ResourceExhaustedCause, ResourceExhaustedScope};
use steadfast_proto::{
    google::rpc,
    temporal::api::errordetails::v1::{
        ActivityExecutionAlreadyStartedFailure, NamespaceAlreadyExistsFailure,
        NamespaceNotFoundFailure, NotFoundFailure, PermissionDeniedFailure, QueryFailedFailure,
        ResourceExhaustedFailure, WorkflowExecutionAlreadyStartedFailure, WorkflowNotReadyFailure,
        WorkflowTaskCompletionBufferLostFailure,
    },
};
use tonic::{Code, Status};

/// The status that a rejection is on the wire.
pub(crate) fn status(rejection: Rejection) -> Status {
    let message = rejection.to_string();
    match rejection {
        Rejection::InvalidArgument(_) => Status::invalid_argument(message),
        Rejection::NotFound(_) => with(Code::NotFound, message, &NotFoundFailure::default()),
        Rejection::AlreadyStarted {
            start_request_id,
            run_id,
            ..
        } => with(
            Code::AlreadyExists,
            message,
            &WorkflowExecutionAlreadyStartedFailure {
                start_request_id,
                run_id: run_id.into(),
                ..WorkflowExecutionAlreadyStartedFailure::default()
            },
        ),
        Rejection::ActivityAlreadyStarted {
            start_request_id,
            run_id,
        } => with(
            Code::AlreadyExists,
            message,
            &ActivityExecutionAlreadyStartedFailure {
                start_request_id,
                run_id: run_id.into(),
            },
        ),
        Rejection::PagesLost => with(
            Code::Aborted,
            message,
            &WorkflowTaskCompletionBufferLostFailure::default(),
        ),
        Rejection::Exists(_) => Status::already_exists(message),
        Rejection::FailedPrecondition(_) => Status::failed_precondition(message),
        Rejection::NotReady(_) => with(
            Code::FailedPrecondition,
            message,
            &WorkflowNotReadyFailure::default(),
        ),
        Rejection::ResourceExhausted(what, _) => {
            with(Code::ResourceExhausted, message, &exhausted(what))
        }
        Rejection::Unavailable(_) => Status::unavailable(message),
        Rejection::NamespaceNotFound(name) => with(
            Code::NotFound,
            message,
            &NamespaceNotFoundFailure {
                namespace: name.into(),
            },
        ),
        Rejection::NamespaceExists(_) => with(
            Code::AlreadyExists,
            message,
            &NamespaceAlreadyExistsFailure::default(),
        ),
        Rejection::PermissionDenied(_) => with(
            Code::PermissionDenied,
            message,
            &PermissionDeniedFailure::default(),
        ),
        Rejection::Aborted(_) => Status::aborted(message),
        Rejection::MultiOperation {
            ref start,
            ref update,
        } => {
            let first = rejection.first_failure();
            let code = match first {
                Rejection::MultiOperation { .. } => Code::Aborted,
                other => status(other.clone()).code(),
            };
            let detail = multi_operation_failure(start, update, by_itself);
            with(code, message, &detail)
        }
        Rejection::QueryFailed { failure, .. } => with(
            Code::InvalidArgument,
            message,
            &QueryFailedFailure {
                failure: failure.map(|f| *f),
            },
        ),
    }
}

fn exhausted(what: Exhausted) -> ResourceExhaustedFailure {
    use ResourceExhaustedCause as Cause;
    let (cause, scope) = match what {
        Exhausted::Workflow => (Cause::BusyWorkflow, ResourceExhaustedScope::Namespace),
        Exhausted::Callers => (Cause::ConcurrentLimit, ResourceExhaustedScope::Namespace),
        Exhausted::Versions => {
            let cause = Cause::WorkerDeploymentLimits;
            (cause, ResourceExhaustedScope::Namespace)
        }
        Exhausted::Entries => {
            let cause = Cause::PersistenceStorageLimit;
            (cause, ResourceExhaustedScope::System)
        }
        Exhausted::Server => (Cause::SystemOverloaded, ResourceExhaustedScope::System),
    };
    ResourceExhaustedFailure {
        cause: cause.into(),
        scope: scope.into(),
    }
}

/// The code and the details of one rejection among several.
fn by_itself(rejection: &Rejection) -> (i32, Vec<Any>) {
    let status = status(rejection.clone());
    let details = rpc::Status::decode(status.details()).unwrap_or_default();
    (status.code().into(), details.details)
}

fn with<M: Message + Name>(code: Code, message: String, detail: &M) -> Status {
    let details = rpc::Status {
        code: code.into(),
        message: message.clone(),
        details: vec![Any {
            type_url: format!("type.googleapis.com/{}", M::full_name()),
            value: detail.encode_to_vec(),
        }],
    };
    Status::with_details(code, message, Bytes::from(details.encode_to_vec()))
}
