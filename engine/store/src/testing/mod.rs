//! What the store's own tests are made of: chance from a seed, batches that a shard could have made, a disk that
//! lies as disks do, and a model of what a store must hold.

mod cuts;
mod faulty;
mod model;
pub(crate) mod rows;
mod workload;

pub use cuts::{CutFailure, Cuts, power_cuts};
pub use faulty::{Faults, FaultyDisk};
pub use model::{Model, Node};
pub use workload::Workload;

/// Chance from a seed (SplitMix64): small, and the same everywhere.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The sequence of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    ///
    /// # Panics
    /// If `bound` is zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "there is no number below zero");
        self.next_u64() % bound
    }

    /// An index into something of this length.
    ///
    /// # Panics
    /// If it is empty.
    pub fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).expect("below a usize")
    }

    /// Whether something happens that happens once in `often` times; never if that is zero.
    pub fn one_in(&mut self, often: u64) -> bool {
        often > 0 && self.below(often) == 0
    }
}
