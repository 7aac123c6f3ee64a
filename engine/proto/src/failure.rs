//! Constructors of failures: the plain ones of each kind; fields that a case needs beside them are
//! set by the caller.

use crate::temporal::api::{
    enums::v1::TimeoutType,
    failure::v1::{
        ActivityFailureInfo, ApplicationFailureInfo, CanceledFailureInfo,
        ChildWorkflowExecutionFailureInfo, Failure, ServerFailureInfo, TerminatedFailureInfo,
        TimeoutFailureInfo, failure::FailureInfo,
    },
};

/// `source` of failures that the server makes.
pub const SERVER_SOURCE: &str = "Server";

impl Failure {
    /// A failure with a message and what kind it is.
    pub fn of(message: impl Into<String>, info: impl Into<FailureInfo>) -> Self {
        Self {
            message: message.into(),
            failure_info: Some(info.into()),
            ..Self::default()
        }
    }

    /// A failure of user code. `kind` is what retry policies name to refuse a retry.
    pub fn application(message: impl Into<String>, kind: impl Into<String>) -> Self {
        let info = ApplicationFailureInfo {
            r#type: kind.into(),
            ..Default::default()
        };
        Self::of(message, info)
    }

    /// The same, never to be retried.
    pub fn non_retryable(message: impl Into<String>, kind: impl Into<String>) -> Self {
        let info = ApplicationFailureInfo {
            r#type: kind.into(),
            non_retryable: true,
            ..Default::default()
        };
        Self::of(message, info)
    }

    /// A timeout that the server observed.
    pub fn timeout(message: impl Into<String>, timeout_type: TimeoutType) -> Self {
        let info = TimeoutFailureInfo {
            timeout_type: timeout_type.into(),
            ..Default::default()
        };
        Self::of(message, info).made_by_server()
    }

    /// A failure of the server itself.
    pub fn server(message: impl Into<String>, non_retryable: bool) -> Self {
        Self::of(message, ServerFailureInfo { non_retryable }).made_by_server()
    }

    /// A cancellation that user code let through.
    pub fn canceled(message: impl Into<String>) -> Self {
        Self::of(message, CanceledFailureInfo::default())
    }

    /// A termination.
    pub fn terminated(message: impl Into<String>) -> Self {
        Self::of(message, TerminatedFailureInfo::default())
    }

    /// The same failure, caused by `cause`.
    #[must_use]
    pub fn with_cause(self, cause: Self) -> Self {
        Self {
            cause: Some(Box::new(cause)),
            ..self
        }
    }

    fn made_by_server(self) -> Self {
        Self {
            source: SERVER_SOURCE.to_owned(),
            ..self
        }
    }
}

macro_rules! info_from {
    ($($info:ident),+ $(,)?) => { $(
        impl From<$info> for FailureInfo {
            fn from(info: $info) -> Self {
                Self::$info(info)
            }
        }
    )+ };
}
info_from!(
    ActivityFailureInfo,
    ApplicationFailureInfo,
    CanceledFailureInfo,
    ChildWorkflowExecutionFailureInfo,
    ServerFailureInfo,
    TerminatedFailureInfo,
    TimeoutFailureInfo,
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_activity_timeout_as_the_server_writes_it() {
        let timeout = Failure::timeout("activity StartToClose timeout", TimeoutType::StartToClose);
        let failure = Failure::of("activity error", ActivityFailureInfo::default())
            .with_cause(timeout.clone());
        assert_eq!(timeout.source, SERVER_SOURCE);
        assert_eq!(failure.source, "");
        assert_eq!(failure.cause.as_deref(), Some(&timeout));
    }
}
