//! A node's clocks: a wall clock that is offset, drifts and jumps, and a monotonic one that drifts.

use super::time::Time;

const MILLION: i64 = 1_000_000;

/// How a node's time relates to the world's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeClock {
    since: Time,
    wall: Time,
    monotonic: Time,
    drift_ppm: i32,
}

/// Which of a node's clocks a timer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Face {
    Wall,
    Monotonic,
}

impl Default for NodeClock {
    fn default() -> Self {
        Self {
            since: Time::ZERO,
            wall: Time::ZERO,
            monotonic: Time::ZERO,
            drift_ppm: 0,
        }
    }
}

impl NodeClock {
    /// The wall clock at a moment of true time.
    pub fn wall(&self, now: Time) -> Time {
        Time(self.wall.0.saturating_add(self.elapsed(now)))
    }

    /// The monotonic clock at a moment of true time.
    pub fn monotonic(&self, now: Time) -> Time {
        Time(self.monotonic.0.saturating_add(self.elapsed(now)))
    }

    /// How many millionths faster than true time it runs.
    pub const fn drift_ppm(&self) -> i32 {
        self.drift_ppm
    }

    /// Moves the wall clock, forward or back.
    pub(crate) fn jump(&mut self, now: Time, by: i64) {
        self.rebase(now);
        self.wall = Time(self.wall.0.saturating_add(by));
    }

    /// Changes the speed of both clocks. More than half a second per second is not a clock.
    pub(crate) fn set_drift(&mut self, now: Time, ppm: i32) {
        self.rebase(now);
        self.drift_ppm = ppm.clamp(-500_000, 500_000);
    }

    /// The first moment of true time at which a clock shows at least `reading`.
    pub(crate) fn when(&self, face: Face, reading: Time) -> Time {
        let base = match face {
            Face::Wall => self.wall,
            Face::Monotonic => self.monotonic,
        };
        let local = reading.0.saturating_sub(base.0);
        if self.drift_ppm == 0 || local <= 0 {
            return Time(self.since.0.saturating_add(local));
        }
        let speed = MILLION + i64::from(self.drift_ppm);
        let whole = (local / speed).saturating_mul(MILLION);
        let part = local % speed * MILLION;
        let part = part / speed + i64::from(part % speed > 0);
        Time(self.since.0.saturating_add(whole).saturating_add(part))
    }

    fn rebase(&mut self, now: Time) {
        (self.wall, self.monotonic) = (self.wall(now), self.monotonic(now));
        self.since = now;
    }

    fn elapsed(&self, now: Time) -> i64 {
        let elapsed = now.0.saturating_sub(self.since.0);
        if self.drift_ppm == 0 {
            return elapsed;
        }
        let drift = i64::from(self.drift_ppm);
        let whole = elapsed / MILLION * drift;
        let part = (elapsed % MILLION * drift).div_euclid(MILLION);
        elapsed.saturating_add(whole).saturating_add(part)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A timer fires at the first nanosecond at which its clock shows the time, never before.
        #[test]
        fn when_is_the_least_inverse(
            drift in -500_000..=500_000_i32,
            jump in -1_000_000_000_000..1_000_000_000_000_i64,
            start in 0..1_000_000_000_000_i64,
            ahead in 1..100_000_000_000_000_i64,
        ) {
            let mut clock = NodeClock::default();
            let start = Time(start);
            clock.jump(start, jump);
            clock.set_drift(start, drift);
            for face in [Face::Wall, Face::Monotonic] {
                let read = |at| match face {
                    Face::Wall => clock.wall(at),
                    Face::Monotonic => clock.monotonic(at),
                };
                let target = Time(read(start).0 + ahead);
                let at = clock.when(face, target);
                prop_assert!(read(at) >= target);
                prop_assert!(read(Time(at.0 - 1)) < target);
            }
        }
    }

    #[test]
    fn a_jump_moves_only_the_wall_clock() {
        let mut clock = NodeClock::default();
        clock.jump(Time::from_secs(10), -3_000_000_000);
        assert_eq!(clock.wall(Time::from_secs(11)), Time::from_secs(8));
        assert_eq!(clock.monotonic(Time::from_secs(11)), Time::from_secs(11));
    }

    #[test]
    fn a_fast_clock_gains() {
        let mut clock = NodeClock::default();
        clock.set_drift(Time::ZERO, 100);
        assert_eq!(clock.wall(Time::from_secs(10_000)), Time::from_secs(10_001));
    }
}
