//! Stable 64-bit hashes: independent of process, platform and Rust release.

use std::hash::{Hash as _, Hasher as _};

use prost::Message as _;
use siphasher::sip::SipHasher13;
use steadfast_proto::temporal::api::command::v1::Command;

/// The seed of a run's randomness, as every Temporal SDK built on sdk-core computes it.
// temporal: sdk-core machines/workflow_machines.rs, SipHash-1-3 over the run id, forever.
pub(crate) fn randomness_seed(run_id: &str) -> u64 {
    let mut hasher = SipHasher13::new();
    run_id.hash(&mut hasher);
    hasher.finish()
}

/// A running hash over the commands of a run, in emission order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Digest {
    hasher: SipHasher13,
    scratch: Vec<u8>,
}

impl Digest {
    /// Adds a command by its encoded bytes; maps are ordered, so these are stable.
    pub(crate) fn command(&mut self, command: &Command) {
        self.scratch.clear();
        let encoded = command.encode(&mut self.scratch);
        debug_assert!(encoded.is_ok(), "a Vec grows");
        self.hasher.write_u64(self.scratch.len() as u64);
        self.hasher.write(&self.scratch);
    }

    /// Adds a local activity's result, of which a replay knows only the identity.
    pub(crate) fn local_activity(&mut self, seq: u32, activity_id: &str, activity_type: &str) {
        self.hasher.write(b"local activity");
        self.hasher.write_u32(seq);
        self.hasher.write_u64(activity_id.len() as u64);
        self.hasher.write(activity_id.as_bytes());
        self.hasher.write_u64(activity_type.len() as u64);
        self.hasher.write(activity_type.as_bytes());
    }

    pub(crate) fn value(&self) -> u64 {
        self.hasher.finish()
    }
}
