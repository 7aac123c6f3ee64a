//! A node's disk: files in memory that lose, tear and refuse as real ones do.
//!
//! A write is seen at once and durable once a sync that began after it has completed. A process
//! that crashes leaves its writes to the operating system: they are all still there. A power cut
//! keeps what is durable and, of the rest, whatever chance decides. Names are like contents: a new,
//! renamed or removed file is durable after [`Disk::sync_dir`].
//!
//! A failed sync is as bad as on Linux: what it covered is still seen, is clean as far as anyone
//! can tell, and will not survive, even if the next sync succeeds.

mod file;
mod state;

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use super::chance::Chance;
use super::faults::{ClassSet, FaultPlan, Strikes};
use super::process::NodeId;
use super::world::CrashKind;
use state::State;

/// An open file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u32);

/// A sync that was asked for. Its completion comes as an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

impl Ticket {
    pub(crate) const fn raw(self) -> u64 {
        self.0
    }
}

/// Why a disk did not do something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiskError {
    /// There is no such file.
    #[error("no file {name:?}")]
    NotFound {
        /// The name asked for.
        name: String,
    },
    /// The disk is full; a part may have been written.
    #[error("no space left on the disk")]
    NoSpace,
    /// The device failed; of a write, a part may have been written.
    #[error("the disk failed to {operation}")]
    Io {
        /// What it failed to do.
        operation: &'static str,
    },
    /// The process that holds the handle has crashed.
    #[error("the process is dead")]
    Dead,
}

/// How often a disk did what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskCounts {
    /// Writes and appends that were asked for.
    pub writes: u64,
    /// Writes that failed, or found no room.
    pub failed_writes: u64,
    /// Syncs that succeeded.
    pub syncs: u64,
}

type Syncs = Vec<(Ticket, Duration)>;
type Faults = Vec<(&'static str, u64)>;

/// The handle to a node's disk; clones share it.
#[derive(Clone)]
pub struct Disk(Rc<RefCell<State>>);

impl Disk {
    pub(crate) fn new(node: NodeId, chance: Chance, plan: &FaultPlan, immune: ClassSet) -> Self {
        Self(Rc::new(RefCell::new(State::new(
            node, chance, plan, immune,
        ))))
    }

    /// Opens a file, making it if there is none.
    pub fn open(&self, name: &str) -> Result<FileId, DiskError> {
        self.0.borrow_mut().open(name)
    }

    /// Opens a file that exists.
    pub fn open_existing(&self, name: &str) -> Result<FileId, DiskError> {
        self.0.borrow().find(name)
    }

    /// The names of all files, sorted.
    pub fn list(&self) -> Vec<String> {
        self.0.borrow().list()
    }

    /// Renames a file, replacing another of that name.
    pub fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        self.0.borrow_mut().rename(from, to)
    }

    /// Removes a file.
    pub fn remove(&self, name: &str) -> Result<(), DiskError> {
        self.0.borrow_mut().remove(name)
    }

    /// Makes names durable, at once.
    pub fn sync_dir(&self) -> Result<(), DiskError> {
        self.0.borrow_mut().sync_dir()
    }

    /// How long a file is.
    pub fn len(&self, file: FileId) -> u64 {
        self.0.borrow().seen(file).len() as u64
    }

    /// Writes at the end; gives the offset.
    pub fn append(&self, file: FileId, data: &[u8]) -> Result<u64, DiskError> {
        let mut state = self.0.borrow_mut();
        let offset = state.seen(file).len() as u64;
        state.write(file, offset, data).map(|()| offset)
    }

    /// Writes at an offset; a gap before it reads as zeros.
    pub fn write_at(&self, file: FileId, offset: u64, data: &[u8]) -> Result<(), DiskError> {
        self.0.borrow_mut().write(file, offset, data)
    }

    /// Cuts a file short, or fills it up with zeros.
    pub fn truncate(&self, file: FileId, len: u64) -> Result<(), DiskError> {
        self.0.borrow_mut().truncate(file, len)
    }

    /// Reads from an offset; gives how many bytes there were.
    pub fn read_at(&self, file: FileId, offset: u64, into: &mut [u8]) -> Result<usize, DiskError> {
        self.0.borrow().read(file, offset, into)
    }

    /// Everything in a file.
    pub fn read(&self, file: FileId) -> Result<Vec<u8>, DiskError> {
        let state = self.0.borrow();
        state.alive().map(|()| state.seen(file).to_vec())
    }

    /// Begins to make a file's content durable. Completion comes to
    /// [`Process::on_synced`](super::Process::on_synced).
    pub fn sync(&self, file: FileId) -> Result<Ticket, DiskError> {
        self.0.borrow_mut().sync(file)
    }

    /// Makes a file's content durable before it returns, in no virtual time.
    pub fn sync_now(&self, file: FileId) -> Result<(), DiskError> {
        self.0.borrow_mut().sync_now(file)
    }

    /// Limits how many bytes all files together may hold.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.0.borrow_mut().set_capacity(bytes);
    }

    /// How often it did what, since the world began.
    pub fn counts(&self) -> DiskCounts {
        self.0.borrow().counts
    }

    /// Flips one bit of what is durable, and of what is seen.
    pub fn flip_bit(&self, name: &str, offset: u64, bit: u8) -> Result<(), DiskError> {
        self.0.borrow_mut().flip_bit(name, offset, bit)
    }

    pub(crate) fn strikes(&self) -> Strikes {
        self.0.borrow().strikes
    }

    pub(crate) fn set_full(&self, full: bool) {
        self.0.borrow_mut().full = full;
    }

    pub(crate) fn set_plan(&self, plan: &FaultPlan, immune: ClassSet) {
        self.0.borrow_mut().set_plan(plan, immune);
    }

    pub(crate) fn halt(&self) {
        self.0.borrow_mut().dead = true;
    }

    pub(crate) fn crash(&self, kind: CrashKind) {
        self.0.borrow_mut().crash(kind);
    }

    pub(crate) fn complete(&self, ticket: Ticket) -> Option<Result<(), DiskError>> {
        self.0.borrow_mut().complete(ticket)
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.0.borrow().is_quiet()
    }

    pub(crate) fn drain(&self) -> (Syncs, Faults) {
        self.0.borrow_mut().drain()
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk")
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}
