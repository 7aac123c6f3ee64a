//! The server's virtual time: skips ahead when nothing is outstanding.
//!
//! | locks | timers pending | the clock |
//! |---|---|---|
//! | some | any | runs with the steady clock |
//! | none | none | runs with the steady clock |
//! | none | some | jumps to the next one |
//!
//! Locks are counted: the test service holds one from the start, and each outstanding task holds one.
// temporal: sdk-java temporal-test-server SelfAdvancingTimerImpl.

use crate::{
    effect::Rejection,
    time::{Monotonic, Timestamp},
};

/// See the module documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Virtual time when it was last set, and the steady clock then.
    set: (Timestamp, Monotonic),
    locks: u64,
}

impl Clock {
    /// A clock that shows `start` at `now`, with this many locks held.
    #[must_use]
    pub fn new(start: Timestamp, now: Monotonic, locks: u64) -> Self {
        Self {
            set: (start, now),
            locks,
        }
    }

    /// Virtual time.
    #[must_use]
    pub fn time(&self, now: Monotonic) -> Timestamp {
        self.set.0.plus(now.since(self.set.1))
    }

    /// How many locks are held.
    #[must_use]
    pub fn locks(&self) -> u64 {
        self.locks
    }

    /// Holds time to the pace of the steady clock.
    pub fn lock(&mut self) {
        self.locks += 1;
    }

    /// Takes one lock back.
    ///
    /// # Errors
    /// If none is held.
    pub fn unlock(&mut self) -> Result<(), Rejection> {
        let unbalanced =
            || Rejection::FailedPrecondition("Unbalanced lock and unlock calls".to_owned());
        self.locks = self.locks.checked_sub(1).ok_or_else(unbalanced)?;
        Ok(())
    }

    /// Jumps to `next` if nothing holds time back and it lies ahead; returns whether it did.
    pub fn skip_to(&mut self, next: Option<Timestamp>, now: Monotonic) -> bool {
        match next {
            Some(next) if self.locks == 0 && next > self.time(now) => {
                self.set = (next, now);
                true
            }
            Some(_) | None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn time_skips_only_when_nothing_is_outstanding() {
        let zero = Monotonic(0);
        let later = Timestamp::from_secs(3_600);
        let mut clock = Clock::new(Timestamp::EPOCH, zero, 1);
        assert!(!clock.skip_to(Some(later), zero));
        clock.unlock().unwrap();
        assert!(!clock.skip_to(None, zero));
        assert!(clock.skip_to(Some(later), zero));
        assert_eq!(clock.time(zero), later);
        assert!(!clock.skip_to(Some(Timestamp::EPOCH), zero), "never back");
        assert!(clock.unlock().is_err());
        clock.lock();
        let second = zero.plus(Duration::from_secs(1));
        assert_eq!(clock.time(second), Timestamp::from_secs(3_601));
    }
}
