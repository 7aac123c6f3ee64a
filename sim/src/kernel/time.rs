//! Virtual time: a plain number of nanoseconds.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

/// Nanoseconds on some clock of the simulation.
///
/// The world's own clock starts at zero and never runs back; a node's wall clock is the same type
/// but may start anywhere and jump.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i64);

impl Time {
    /// The beginning of every world.
    pub const ZERO: Self = Self(0);
    /// Later than everything that can be scheduled.
    pub const MAX: Self = Self(i64::MAX);

    /// The instant that many nanoseconds after zero.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// The instant that many milliseconds after zero.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// The instant that many seconds after zero.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds since zero.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// How long after `earlier` this is; zero when it is not later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0).max(0).unsigned_abs())
    }
}

/// A duration as nanoseconds, clamped to what [`Time`] can hold (292 years).
pub(crate) fn nanos(duration: Duration) -> i64 {
    const SECOND: u64 = 1_000_000_000;
    let nanos = duration.as_secs().saturating_mul(SECOND);
    i64::try_from(nanos.saturating_add(u64::from(duration.subsec_nanos()))).unwrap_or(i64::MAX)
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(nanos(rhs)))
    }
}

impl AddAssign<Duration> for Time {
    fn add_assign(&mut self, rhs: Duration) {
        *self = *self + rhs;
    }
}

impl Sub<Duration> for Time {
    type Output = Self;

    fn sub(self, rhs: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(rhs)))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let nanos = self.0.unsigned_abs();
        let (secs, rest) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
        match rest {
            rest if rest % 1_000_000 == 0 => write!(f, "{sign}{secs}.{:03}s", rest / 1_000_000),
            rest if rest % 1_000 == 0 => write!(f, "{sign}{secs}.{:06}s", rest / 1_000),
            rest => write!(f, "{sign}{secs}.{rest:09}s"),
        }
    }
}
