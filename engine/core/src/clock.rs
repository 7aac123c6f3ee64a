//! The server's virtual time: skips ahead when nothing is outstanding.
//!
//! | locks | timers or sleepers pending | the clock |
//! |---|---|---|
//! | some | any | runs with the steady clock |
//! | none | none | runs with the steady clock |
//! | none | some | jumps to the next one |
//!
//! Locks are counted. Callers of the test service hold and release them; the owner does not let time jump at all
//! while a task, a query or a message between machines is outstanding ([`crate::Shard::is_busy`]). A sleeper is
//! woken when virtual time has come so far; one who sleeps with time unlocked locks it again as he wakes.
// temporal: sdk-java temporal-test-server SelfAdvancingTimerImpl.

use std::collections::BTreeMap;

use crate::{
    effect::{Rejection, ReplyTo},
    time::{Monotonic, Timestamp},
};

/// See the module documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Virtual time when it was last set, and the steady clock then.
    set: (Timestamp, Monotonic),
    locks: u64,
    /// Who sleeps until when, and whether he locks time again as he wakes.
    sleepers: BTreeMap<(Timestamp, ReplyTo), bool>,
}

impl Clock {
    /// A clock that shows `start` at `now`, with this many locks held.
    #[must_use]
    pub fn new(start: Timestamp, now: Monotonic, locks: u64) -> Self {
        Self {
            set: (start, now),
            locks,
            sleepers: BTreeMap::new(),
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

    /// Somebody sleeps until then.
    pub fn sleep_until(&mut self, at: Timestamp, who: ReplyTo, locks_again: bool) {
        self.sleepers.insert((at, who), locks_again);
    }

    /// When the next sleeper is to be woken.
    #[must_use]
    pub fn next_sleeper(&self) -> Option<Timestamp> {
        self.sleepers.first_key_value().map(|((at, _), _)| *at)
    }

    /// Those whose sleep is over, in the order of their times.
    pub fn wake(&mut self, now: Timestamp) -> Vec<ReplyTo> {
        let mut woken = Vec::new();
        while let Some(first) = self.sleepers.first_entry() {
            let (at, who) = *first.key();
            if at > now {
                break;
            }
            if first.remove() {
                self.lock();
            }
            woken.push(who);
        }
        woken
    }

    /// Jumps to the next timer of the machines, or to the next sleeper, if nothing holds time back; returns whether
    /// it did.
    pub fn skip(&mut self, next_timer: Option<Timestamp>, now: Monotonic) -> bool {
        let next = next_timer.into_iter().chain(self.next_sleeper()).min();
        self.skip_to(next, now)
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
        clock.sleep_until(Timestamp::from_secs(7_200), ReplyTo(1), true);
        assert!(clock.skip(Some(Timestamp::from_secs(9_000)), zero));
        assert_eq!(clock.wake(clock.time(zero)), [ReplyTo(1)]);
        assert_eq!((clock.locks(), clock.next_sleeper()), (1, None));
        clock.unlock().unwrap();
        assert!(clock.unlock().is_err());
        clock.lock();
        let second = zero.plus(Duration::from_secs(1));
        assert_eq!(clock.time(second), Timestamp::from_secs(7_201));
    }
}
