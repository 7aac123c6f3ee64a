//! The clocks of this process, and chance: the only place of the server that reads them.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rand_chacha::{
    ChaCha12Rng,
    rand_core::{Rng as _, SeedableRng as _},
};
use steadfast_core::{Clock, Monotonic, Now, Timestamp, input::Entropy};

use crate::config::TimeMode;

/// The clocks: the machine's, and in front of it the one that tests skip.
#[derive(Debug)]
pub(super) struct Clocks {
    started: Instant,
    /// The clock that tests skip.
    pub(super) skipping: Option<Clock>,
}

impl Clocks {
    pub(super) fn new(mode: TimeMode) -> Self {
        let skipping = match mode {
            TimeMode::Real => None,
            TimeMode::Skipping { unlocked } => {
                Some(Clock::new(wall(), Monotonic(0), u64::from(!unlocked)))
            }
        };
        Self {
            started: Instant::now(),
            skipping,
        }
    }

    pub(super) fn mono(&self) -> Monotonic {
        let nanos = self.started.elapsed().as_nanos();
        Monotonic(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    pub(super) fn now(&self) -> Now {
        let mono = self.mono();
        let wall = match &self.skipping {
            Some(clock) => clock.time(mono),
            None => wall(),
        };
        Now { wall, mono }
    }
}

fn wall() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    Timestamp::EPOCH.plus(since)
}

/// Where the machines' ids come from: a stream from one draw of the operating system's randomness.
#[derive(Debug)]
pub(super) struct Chance(ChaCha12Rng);

impl Chance {
    pub(super) fn new() -> Result<Self, getrandom::Error> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)?;
        Ok(Self(ChaCha12Rng::from_seed(seed)))
    }

    pub(super) fn entropy(&mut self) -> Entropy {
        let mut bytes = [0; 16];
        self.0.fill_bytes(&mut bytes);
        Entropy(bytes)
    }

    /// A number that no other life of the server has used.
    pub(super) fn incarnation(&mut self) -> u64 {
        self.0.next_u64()
    }
}
