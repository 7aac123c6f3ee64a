//! The choices that callers make: retries, id reuse, parent close. Parsed once, then exhaustive.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use steadfast_proto::temporal::api::{
    enums::v1::{RetryState, TimeoutType},
    failure::v1::{Failure, failure::FailureInfo},
};

use crate::{limits::MAX_DURATION, time::Timestamp};

/// How often and how long something is tried. All fields are resolved; nothing is "unset".
///
/// The coefficient is kept in parts per million, so that no decision depends on floating point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// The pause after the first attempt.
    pub initial_interval: Duration,
    /// Growth of the pause from attempt to attempt, in millionths; at least 1,000,000.
    pub coefficient_ppm: u64,
    /// The longest pause.
    pub maximum_interval: Duration,
    /// Attempts in all; 0 means no bound.
    pub maximum_attempts: u32,
    /// Failure types that are never tried again.
    pub non_retryable_types: Vec<String>,
}

impl Default for RetryPolicy {
    /// temporal: `history.defaultActivityRetryPolicy`, 1 s doubling to 100 s, no bound on attempts.
    fn default() -> Self {
        Self {
            initial_interval: Duration::from_secs(1),
            coefficient_ppm: 2_000_000,
            maximum_interval: Duration::from_secs(100),
            maximum_attempts: 0,
            non_retryable_types: Vec::new(),
        }
    }
}

/// What a retry decision looks at besides the policy.
#[derive(Clone, Copy, Debug)]
pub struct RetryQuestion<'a> {
    /// The attempt that ended, from 1.
    pub attempt: u32,
    /// How it ended; `None` counts as retryable.
    pub failure: Option<&'a Failure>,
    /// Now, in history time.
    pub now: Timestamp,
    /// No attempt may start after this.
    pub expiration: Option<Timestamp>,
    /// Whether the failure's `next_retry_delay` may exceed the longest pause.
    pub delay_beats_maximum: bool,
}

/// Whether to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryDecision {
    /// Try again after this pause.
    After(Duration),
    /// Give up, for this reason.
    GiveUp(RetryState),
}

impl RetryPolicy {
    /// The pause after `attempt` (from 1), without regard to what the failure asks for.
    #[must_use]
    pub fn interval_after(&self, attempt: u32) -> Duration {
        let cap = self.maximum_interval.min(MAX_DURATION).as_nanos();
        let mut nanos = self.initial_interval.as_nanos();
        for _ in 1..attempt {
            nanos = nanos.saturating_mul(u128::from(self.coefficient_ppm)) / 1_000_000;
            if nanos >= cap {
                break;
            }
        }
        let nanos = if nanos == 0 { cap } else { nanos.min(cap) };
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Decides whether an attempt is followed by another; the first rule that matches wins.
    // temporal: service/history/workflow/retry.go, the order of checks in getBackoffInterval.
    #[must_use]
    pub fn decide(&self, question: RetryQuestion<'_>) -> RetryDecision {
        if question
            .failure
            .is_some_and(|failure| !self.retryable(failure))
        {
            return RetryDecision::GiveUp(RetryState::NonRetryableFailure);
        }
        if self.maximum_attempts > 0 && question.attempt >= self.maximum_attempts {
            return RetryDecision::GiveUp(RetryState::MaximumAttemptsReached);
        }
        let interval = self.interval(question);
        match question.expiration {
            Some(end) if question.now.plus(interval) > end => {
                RetryDecision::GiveUp(RetryState::Timeout)
            }
            Some(_) | None => RetryDecision::After(interval),
        }
    }

    fn interval(&self, question: RetryQuestion<'_>) -> Duration {
        match question.failure.and_then(next_retry_delay) {
            Some(delay) if question.delay_beats_maximum => delay,
            Some(delay) => delay.min(self.maximum_interval),
            None => self.interval_after(question.attempt),
        }
    }

    /// Whether a failure may be tried again under this policy.
    // temporal: service/history/workflow/retry.go isRetryable.
    #[must_use]
    pub fn retryable(&self, failure: &Failure) -> bool {
        let listed = |name: &str| self.non_retryable_types.iter().any(|t| t == name);
        match &failure.failure_info {
            Some(FailureInfo::TerminatedFailureInfo(_) | FailureInfo::CanceledFailureInfo(_)) => {
                false
            }
            Some(FailureInfo::ApplicationFailureInfo(info)) => {
                !info.non_retryable && !listed(&info.r#type)
            }
            Some(FailureInfo::ServerFailureInfo(info)) => !info.non_retryable,
            Some(FailureInfo::TimeoutFailureInfo(info)) => match info.timeout_type() {
                TimeoutType::StartToClose => !listed("TemporalTimeout:StartToClose"),
                TimeoutType::Heartbeat => !listed("TemporalTimeout:Heartbeat"),
                TimeoutType::Unspecified
                | TimeoutType::ScheduleToStart
                | TimeoutType::ScheduleToClose => false,
            },
            Some(
                FailureInfo::ResetWorkflowFailureInfo(_)
                | FailureInfo::ActivityFailureInfo(_)
                | FailureInfo::ChildWorkflowExecutionFailureInfo(_)
                | FailureInfo::NexusOperationExecutionFailureInfo(_)
                | FailureInfo::NexusHandlerFailureInfo(_),
            )
            | None => true,
        }
    }
}

fn next_retry_delay(failure: &Failure) -> Option<Duration> {
    let Some(FailureInfo::ApplicationFailureInfo(info)) = &failure.failure_info else {
        return None;
    };
    crate::time::duration_from_proto(Some(info.next_retry_delay.as_ref()?))
}

/// What a start does when the id's last run is closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum IdReusePolicy {
    /// Start a new run.
    #[default]
    AllowDuplicate,
    /// Start a new run only if the last one did not complete.
    AllowDuplicateFailedOnly,
    /// Refuse.
    RejectDuplicate,
}

/// What a start does when the id has an open run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum IdConflictPolicy {
    /// Refuse.
    #[default]
    Fail,
    /// Answer with the open run.
    UseExisting,
    /// Terminate the open run and start a new one, in one transaction.
    TerminateExisting,
}

/// What happens to a child when its parent's run closes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ParentClosePolicy {
    /// The child is terminated.
    #[default]
    Terminate,
    /// The child goes on.
    Abandon,
    /// The child is asked to cancel.
    RequestCancel,
}
