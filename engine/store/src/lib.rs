//! Makes core's batches durable. Runtime-free: nothing here waits, spawns or reads a clock.
//!
//! The owner of a shard opens it, submits the batch of every step in order, and asks now and then what has become
//! durable:
//!
//! ```text
//!   open_shard(shard) ─▶ Recovered { epoch, high }      scan(shard) ─▶ every execution, folded
//!   submit(batch)     ─▶ Ticket                         in order; one with an old epoch is refused
//!   poll_durable()    ─▶ [(Ticket, Ok | CommitError)]   also what drives the writing: call it after submits,
//!                                                       and again when a sync may have completed
//!   load(key), history(run, range)                      what the log says, durable or submitted
//!   list(query), count(query)                           what is durable, by what is known of runs unloaded
//! ```
//!
//! # What a store promises
//!
//! * A batch is there as a whole or not at all, and batches of a shard become durable in the order of submission.
//! * `Ok` for a ticket means that the batch *and all earlier ones of the shard* survive a power cut. That also holds
//!   for a batch without entries, of which nothing is written.
//! * Every [`Store::open_shard`] gives out a new [`Epoch`]. Batches of an older one are refused from then on, and no
//!   ticket of the new one completes before the epoch itself is durable.
//! * [`CommitError::Failed`] poisons the shard: every ticket of it fails until it is opened again. What failed is
//!   then gone for the store that reported it. A power cut before the next commit of the store may still bring it
//!   back; by the promise above nobody has seen anything that contradicts it.
//! * Reads show submitted batches before they are durable, because whoever reads holds back what comes of it until
//!   his own next ticket completes.
//! * Rows of visibility are listed when they are durable, not before: whoever lists has nothing to hold back.
//! * Damage is an error that names file and offset. It is never silently used, and never silently dropped.

pub mod conformance;
mod convert;
mod disk;
mod embedded;
mod error;
mod memory;
mod rows;
pub mod testing;

use bytes::Bytes;
use steadfast_core::{
    Batch, Epoch, Execution, ExecutionKey, RunKey, ShardId, Timestamp, effect::EventRange,
    visibility::GroupBy,
};

pub use disk::{Disk, DiskError, FileId, MemDisk, RealDisk, SyncId};
pub use embedded::{Embedded, Options, Recovery};
pub use error::{CommitError, Damage, StoreError};
pub use memory::Memory;
pub use rows::{Count, Page, Query};

/// Names one submitted batch. Tickets of a store grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// The end of one submitted batch.
pub type Commit = (Ticket, Result<(), CommitError>);

/// What a new owner of a shard starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// His epoch; newer than every earlier one.
    pub epoch: Epoch,
    /// The shard's `high`; [`Timestamp::EPOCH`] for a new shard.
    pub high: Timestamp,
}

/// See the crate documentation.
pub trait Store {
    /// Into how many shards executions are divided. It never changes in the life of a store.
    fn shards(&self) -> u32;

    /// Makes the caller the shard's owner: gives out a new epoch and heals a poisoned shard.
    ///
    /// # Errors
    /// If there is no such shard, or what is stored cannot be read.
    fn open_shard(&mut self, shard: ShardId) -> Result<Recovered, StoreError>;

    /// Takes a batch. Its end comes from [`Self::poll_durable`].
    fn submit(&mut self, batch: Batch) -> Ticket;

    /// Writes what was submitted (many batches as one) and appends the tickets that ended to `ended`, oldest first.
    ///
    /// A store that is still syncing says nothing about what it syncs: ask again.
    fn poll_durable(&mut self, ended: &mut Vec<Commit>);

    /// How many tickets have not ended.
    fn outstanding(&self) -> usize;

    /// An execution, as the fold of its records; `None` if there are none.
    ///
    /// # Errors
    /// If its shard is poisoned, or what is stored is damaged.
    fn load(&self, key: &ExecutionKey) -> Result<Option<Execution>, StoreError>;

    /// Events of a run, encoded, in order.
    ///
    /// # Errors
    /// If the run has not all of these events, its shard is poisoned, or what is stored is damaged.
    fn history(&self, run: &RunKey, range: EventRange) -> Result<Vec<Bytes>, StoreError>;

    /// Visits every execution of a shard, in the order of keys.
    ///
    /// # Errors
    /// If the shard is poisoned, or what is stored is damaged.
    fn scan(
        &self,
        shard: ShardId,
        visit: &mut dyn FnMut(&ExecutionKey, Execution),
    ) -> Result<(), StoreError>;

    /// Rows of a namespace, of all shards, that are durable: the open ones first and then those that closed last.
    ///
    /// # Errors
    /// [`StoreError::NotYet`] just after opening, until [`Self::poll_durable`] has written again what was found last;
    /// or if what is stored is damaged.
    fn list(&self, query: &Query) -> Result<Page, StoreError>;

    /// How many rows of a namespace there are, in all or by the value of a group.
    ///
    /// # Errors
    /// As [`Self::list`].
    fn count(&self, query: &Query, group_by: Option<GroupBy>) -> Result<Count, StoreError>;

    /// How many rows, of all namespaces, are of runs that have not closed.
    fn open_runs(&self) -> u64;
}
