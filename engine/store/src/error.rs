//! What can go wrong, in types.

use steadfast_core::{Epoch, EventId, RunKey, ShardId, effect::EventRange};

use crate::disk::DiskError;

/// Why a batch did not become durable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// Someone else owns the shard now. Stop.
    #[error("epoch {} is fenced off: the shard's newest is {}", .stale.0, .newest.0)]
    Fenced {
        /// The epoch of the batch.
        stale: Epoch,
        /// The newest one given out; 0 if the shard was never opened.
        newest: Epoch,
    },
    /// This batch, or an earlier one of its shard, could not be written. Drop the shard and open it again.
    #[error("commit failed: {0}")]
    Failed(String),
}

/// Why a store cannot answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk refuses.
    #[error("failed to {doing} {file}")]
    Disk {
        /// The file, or the directory.
        file: String,
        /// What was tried.
        doing: &'static str,
        /// What the disk said.
        #[source]
        source: DiskError,
    },
    /// What was durable is not what was written.
    #[error("{file} is damaged at offset {offset}: {damage}")]
    Damaged {
        /// The file.
        file: String,
        /// Where, in bytes from the start of the file.
        offset: u64,
        /// In which way.
        damage: Damage,
    },
    /// A commit of the shard failed: open it again.
    #[error("shard {} must be opened again: a commit failed", .shard.0)]
    Poisoned {
        /// Which one.
        shard: ShardId,
    },
    /// The store was just opened, and what it found last is being written once more: ask again.
    #[error("what was written last is not known to be durable yet")]
    NotYet,
    /// No such shard.
    #[error("there is no shard {}: the store has {shards}", .shard.0)]
    NoSuchShard {
        /// Which one.
        shard: ShardId,
        /// How many there are, from 0.
        shards: u32,
    },
    /// The run has fewer events, or is unknown.
    #[error("run {} of {} has {known} events, not {first} to {last}", .run.run_id, .run.execution)]
    NoSuchEvents {
        /// Whose.
        run: Box<RunKey>,
        /// The first one asked for.
        first: EventId,
        /// The last one asked for.
        last: EventId,
        /// How many there are.
        known: usize,
    },
}

/// In which way a file is damaged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The file is not one of ours.
    #[error("not a steadfast log")]
    NotALog,
    /// The file is of another release.
    #[error("format version {found}, and this release reads version {known}")]
    Version {
        /// What the file says.
        found: u32,
        /// What we read.
        known: u32,
    },
    /// Bytes do not have the checksum that was stored with them.
    #[error("the checksum does not match")]
    Checksum,
    /// Valid bytes that belong elsewhere.
    #[error("this belongs to segment {segment} at offset {offset}")]
    Misplaced {
        /// The segment that it was written for.
        segment: u64,
        /// The offset that it was written for.
        offset: u64,
    },
    /// The groups before and after do not fit.
    #[error("this does not continue what comes before it")]
    Chain,
    /// Something durable is not there, because something later is.
    #[error("a durable group is missing here: a later one is at offset {later}")]
    Missing {
        /// Where the later one is.
        later: u64,
    },
    /// The file ends too early.
    #[error("the file ends here, and {expected} bytes were durable")]
    Short {
        /// How long the file was.
        expected: u64,
    },
    /// Something durable is not there, and zeros are.
    #[error("what was durable here is gone")]
    Gone,
    /// A file of the chain is not there.
    #[error("the file is missing, and a later one continues it")]
    NoSegment,
    /// The checksum is right, and what it covers makes no sense.
    #[error("not a record: {0}")]
    Malformed(String),
}

/// Whether there is such a shard.
pub(crate) fn check_shard(shard: ShardId, shards: u32) -> Result<(), StoreError> {
    if shard.0 < shards {
        Ok(())
    } else {
        Err(StoreError::NoSuchShard { shard, shards })
    }
}

/// The part of a run's events that a range names; `events[0]` is event 1.
pub(crate) fn event_slice<'a, T>(
    events: &'a [T],
    run: &RunKey,
    range: EventRange,
) -> Result<&'a [T], StoreError> {
    if range.last < range.first {
        return Ok(&[]);
    }
    let bounds = usize::try_from(range.first.0 - 1)
        .ok()
        .zip(usize::try_from(range.last.0).ok());
    bounds
        .and_then(|(first, last)| events.get(first..last))
        .ok_or_else(|| StoreError::NoSuchEvents {
            run: Box::new(run.clone()),
            first: range.first,
            last: range.last,
            known: events.len(),
        })
}

pub(crate) fn damaged(segment: u32, offset: u64, damage: Damage) -> StoreError {
    StoreError::Damaged {
        file: crate::embedded::segment_name(segment),
        offset,
        damage,
    }
}
