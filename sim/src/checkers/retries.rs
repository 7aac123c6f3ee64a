//! Attempts and backoff obey the retry policy, computed here once more and in another way.
//!
//! What is known of attempts is beside the history: one record per change. From record to record, an attempt grows by
//! one at most, only if the policy allows another, and its time is the failure's plus the policy's pause.

use std::{collections::BTreeMap, time::Duration};

use steadfast_core::{EventId, Record, RunKey, Timestamp, activity::ActivityState};
use steadfast_proto::temporal::api::{
    common::v1::RetryPolicy,
    failure::v1::{ApplicationFailureInfo, Failure, failure::FailureInfo},
    history::v1::{HistoryEvent, history_event::Attributes},
};

use super::tally::{Tally, named};
use crate::kernel::Time;

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct Retries {
    /// Its count and findings.
    pub(crate) tally: Tally,
    activities: BTreeMap<(RunKey, EventId), Attempts>,
}

#[derive(Debug)]
struct Attempts {
    policy: RetryPolicy,
    current: Option<ActivityState>,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            tally: Tally::new("retries"),
            activities: BTreeMap::new(),
        }
    }
}

/// Half a microsecond: the reference computes in floating point.
const TOLERANCE: Duration = Duration::from_nanos(500);

impl Retries {
    /// The history of a run has grown.
    pub(crate) fn event(&mut self, run: &RunKey, event: &HistoryEvent) {
        let id = EventId(event.event_id);
        if let Some(Attributes::ActivityTaskScheduledEventAttributes(scheduled)) = &event.attributes
        {
            let attempts = Attempts {
                policy: scheduled.retry_policy.clone().unwrap_or_default(),
                current: None,
            };
            self.activities.insert((run.clone(), id), attempts);
        }
    }

    /// Something beside the history has changed.
    pub(crate) fn record(&mut self, at: Time, run: &RunKey, high: Timestamp, record: &Record) {
        let Record::Activity(scheduled, state) = record else {
            return;
        };
        let key = (run.clone(), *scheduled);
        let Some(state) = state else {
            self.activities.remove(&key);
            return;
        };
        let Some(attempts) = self.activities.get_mut(&key) else {
            return;
        };
        let Attempts { policy, current } = attempts;
        if let Some(before) = current
            .as_ref()
            .filter(|before| before.attempt != state.attempt)
        {
            let allowed = next_attempt(policy, before, state, high);
            self.tally.check(at, allowed.is_ok(), || {
                let what = allowed.err().unwrap_or_default();
                format!("{} activity {scheduled}: {what}", named(run))
            });
        } else if let Some(start) = &state.started {
            self.tally.check(at, start.time >= state.scheduled, || {
                format!(
                    "{} activity {scheduled}: attempt {} starts at {}, due {}",
                    named(run),
                    state.attempt,
                    start.time,
                    state.scheduled
                )
            });
        }
        *current = Some((**state).clone());
    }
}

/// Judges the step from one attempt to the next.
fn next_attempt(
    policy: &RetryPolicy,
    before: &ActivityState,
    after: &ActivityState,
    high: Timestamp,
) -> Result<(), String> {
    let attempt = before.attempt;
    if after.attempt != attempt + 1 {
        return Err(format!(
            "attempt {} follows attempt {attempt}",
            after.attempt
        ));
    }
    let most = u32::try_from(policy.maximum_attempts).unwrap_or(0);
    if most != 0 && attempt >= most {
        return Err(format!("attempt {} of {most}", after.attempt));
    }
    let failure = after.last_failure.as_ref().map(|failure| &failure.0);
    let application = failure.and_then(application);
    if let Some(info) = application
        && (info.non_retryable || policy.non_retryable_error_types.contains(&info.r#type))
    {
        return Err(format!("{} is tried again", info.r#type));
    }
    let asked = application.and_then(|info| info.next_retry_delay.as_ref());
    let pause = match asked {
        Some(asked) => steadfast_core::time::duration_from_proto(Some(asked)).unwrap_or_default(),
        None => pause_after(policy, attempt),
    };
    let due = high.plus(pause);
    let early = due.since(after.scheduled);
    let late = after.scheduled.since(due);
    if early > TOLERANCE || late > TOLERANCE {
        return Err(format!(
            "attempt {} is due at {}, by the policy at {due}",
            after.attempt, after.scheduled
        ));
    }
    Ok(())
}

fn application(failure: &Failure) -> Option<&ApplicationFailureInfo> {
    match failure.failure_info.as_ref()? {
        FailureInfo::ApplicationFailureInfo(info) => Some(info),
        _ => None,
    }
}

/// The pause after an attempt: initial x coefficient ^ (attempt - 1), at most the maximum.
fn pause_after(policy: &RetryPolicy, attempt: u32) -> Duration {
    let seconds = |duration: Option<&prost_types::Duration>| {
        steadfast_core::time::duration_from_proto(duration)
            .unwrap_or_default()
            .as_secs_f64()
    };
    let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
    let grown =
        seconds(policy.initial_interval.as_ref()) * policy.backoff_coefficient.powi(exponent);
    let most = seconds(policy.maximum_interval.as_ref());
    let pause = if most > 0.0 { grown.min(most) } else { grown };
    Duration::try_from_secs_f64(pause).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_its_maximum() {
        let seconds = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
        let policy = RetryPolicy {
            initial_interval: seconds(1),
            backoff_coefficient: 2.0,
            maximum_interval: seconds(5),
            ..RetryPolicy::default()
        };
        let pauses: Vec<u64> = (1..=5).map(|n| pause_after(&policy, n).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 5, 5]);
    }
}
