//! Timers are never early by the shard's `high`, and never fire twice.
//!
//! The checker keeps its own `high`: the highest that the wall clocks of the shard's owners have really shown when
//! they took an input. Whatever a shard believes, it may not be ahead of that.

use std::{collections::BTreeMap, time::Duration};

use steadfast_core::{RunKey, ShardId, Timestamp};
use steadfast_proto::temporal::api::history::v1::{HistoryEvent, history_event::Attributes};

use super::tally::{Tally, named};
use crate::kernel::Time;

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct Timers {
    /// Its count and findings.
    pub(crate) tally: Tally,
    shard_count: u32,
    high: BTreeMap<ShardId, Timestamp>,
    pending: BTreeMap<RunKey, BTreeMap<i64, Timestamp>>,
}

impl Timers {
    /// For a cluster with so many shards.
    #[must_use]
    pub(crate) fn new(shard_count: u32) -> Self {
        Self {
            tally: Tally::new("timers"),
            shard_count,
            high: BTreeMap::new(),
            pending: BTreeMap::new(),
        }
    }

    /// The wall clock of the shard's node shows this.
    pub(crate) fn stepped(&mut self, shard: ShardId, wall: Timestamp) {
        let high = self.high.entry(shard).or_insert(wall);
        *high = wall.max(*high);
    }

    /// The history of a run has grown.
    pub(crate) fn event(&mut self, at: Time, run: &RunKey, event: &HistoryEvent) {
        use Attributes as A;
        let time = event
            .event_time
            .as_ref()
            .map(Timestamp::from_proto)
            .unwrap_or_default();
        match &event.attributes {
            Some(A::TimerStartedEventAttributes(timer)) => {
                let after = duration(timer.start_to_fire_timeout.as_ref());
                let timers = self.pending.entry(run.clone()).or_default();
                timers.insert(event.event_id, time.plus(after));
            }
            Some(A::TimerFiredEventAttributes(timer)) => {
                self.fired(at, run, timer.started_event_id, time);
            }
            Some(A::TimerCanceledEventAttributes(timer)) => {
                if let Some(timers) = self.pending.get_mut(run) {
                    timers.remove(&timer.started_event_id);
                }
            }
            _ => {}
        }
    }

    fn fired(&mut self, at: Time, run: &RunKey, started: i64, time: Timestamp) {
        let pending = self
            .pending
            .get_mut(run)
            .and_then(|timers| timers.remove(&started));
        self.tally.check(at, pending.is_some(), || {
            format!(
                "{}: the timer of event {started} fires a second time",
                named(run)
            )
        });
        let due = pending.unwrap_or_default();
        self.tally.check(at, time >= due, || {
            format!(
                "{}: the timer of event {started} fires at {time}, due {due}",
                named(run)
            )
        });
        let shard = run.execution.shard(self.shard_count);
        let high = self.high.get(&shard).copied().unwrap_or_default();
        self.tally.check(at, high >= due, || {
            format!(
                "{}: the timer of event {started}, due {due}, fires when no clock of its shard has shown more than {high}",
                named(run)
            )
        });
    }
}

fn duration(value: Option<&prost_types::Duration>) -> Duration {
    steadfast_core::time::duration_from_proto(value).unwrap_or_default()
}
