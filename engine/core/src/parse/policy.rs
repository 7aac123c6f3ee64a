//! Retry policies and id policies.

use std::time::Duration;

use steadfast_proto::temporal::api::common::v1 as common;

use crate::{
    policy::RetryPolicy,
    time::{duration_from_proto, duration_to_proto},
};

/// Parses a retry policy and fills what it leaves open.
///
/// # Errors
/// With Temporal's words for what is wrong.
// temporal: common/retrypolicy/retry_policy.go Validate and EnsureDefaults.
pub fn retry_policy(policy: &common::RetryPolicy) -> Result<RetryPolicy, String> {
    let defaults = RetryPolicy::default();
    let initial = duration(policy.initial_interval.as_ref(), "InitialInterval")?;
    let initial = if initial.is_zero() {
        defaults.initial_interval
    } else {
        initial
    };
    let coefficient_ppm = coefficient(policy.backoff_coefficient)?;
    let maximum = duration(policy.maximum_interval.as_ref(), "MaximumInterval")?;
    if !maximum.is_zero() && maximum < initial {
        return Err(
            "MaximumInterval cannot be less than InitialInterval on retry policy.".to_owned(),
        );
    }
    let maximum_interval = if maximum.is_zero() {
        initial.saturating_mul(100)
    } else {
        maximum
    };
    let maximum_attempts = u32::try_from(policy.maximum_attempts)
        .map_err(|_| "MaximumAttempts cannot be negative on retry policy.".to_owned())?;
    for name in &policy.non_retryable_error_types {
        let known = ["TemporalTimeout:StartToClose", "TemporalTimeout:Heartbeat"];
        if name.starts_with("TemporalTimeout:") && !known.contains(&name.as_str()) {
            return Err(format!("Invalid timeout type value: {name}."));
        }
    }
    Ok(RetryPolicy {
        initial_interval: initial,
        coefficient_ppm,
        maximum_interval,
        maximum_attempts,
        non_retryable_types: policy.non_retryable_error_types.clone(),
    })
}

fn duration(value: Option<&prost_types::Duration>, field: &str) -> Result<Duration, String> {
    duration_from_proto(value).ok_or_else(|| format!("{field} cannot be negative on retry policy."))
}

/// The wire has a double; from here on it is a whole number of millionths.
fn coefficient(value: f64) -> Result<u64, String> {
    if value == 0.0 {
        return Ok(RetryPolicy::default().coefficient_ppm);
    }
    if value.is_nan() || value < 1.0 {
        return Err("BackoffCoefficient cannot be less than 1 on retry policy.".to_owned());
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at least one, and a cast from float saturates"
    )]
    let ppm = (value.min(1e9) * 1e6).round() as u64;
    Ok(ppm)
}

/// A retry policy as the wire has it.
#[must_use]
pub fn retry_policy_to_proto(policy: &RetryPolicy) -> common::RetryPolicy {
    #[expect(clippy::cast_precision_loss, reason = "below 2^53: the parser caps it")]
    let backoff_coefficient = policy.coefficient_ppm as f64 / 1e6;
    common::RetryPolicy {
        initial_interval: Some(duration_to_proto(policy.initial_interval)),
        backoff_coefficient,
        maximum_interval: Some(duration_to_proto(policy.maximum_interval)),
        maximum_attempts: i32::try_from(policy.maximum_attempts).unwrap_or(i32::MAX),
        non_retryable_error_types: policy.non_retryable_types.clone(),
    }
}
