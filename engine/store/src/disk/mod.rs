//! The seam between the log and whatever keeps it: a directory of append-only files.

mod mem;
mod real;

pub use mem::MemDisk;
pub use real::RealDisk;

/// An open file. Valid until its file is removed or the disk is opened anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u64);

/// A sync that was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SyncId(pub u64);

/// Why a disk refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiskError {
    /// There is no such file.
    #[error("no such file")]
    NotFound,
    /// There is no space. Nothing, or a part, was written.
    #[error("the disk is full")]
    Full,
    /// Any other failure. Of a write, nothing or a part happened; of a sync, nothing may be assumed.
    #[error("{0}")]
    Failed(String),
}

/// A directory of files.
///
/// What the store relies on, and what a simulated disk must not break unless it means to break the store:
///
/// * A write that was synced (and whose file's creation was, by [`Self::sync_dir`]) survives a power cut.
/// * Of a write that was not, any set of 512-byte sectors survives; a sector that does not has its former content,
///   which for one never written is zeros or lies beyond the end of the file.
/// * After a failed sync nothing may be assumed of what it covered, whatever later syncs say.
/// * A read shows what was written, synced or not.
pub trait Disk {
    /// The names of all files, in any order.
    ///
    /// # Errors
    /// If the directory cannot be read.
    fn list(&self) -> Result<Vec<String>, DiskError>;

    /// Makes an empty file, in place of one of that name if there is one, and opens it.
    ///
    /// # Errors
    /// If it cannot be made.
    fn create(&mut self, name: &str) -> Result<FileId, DiskError>;

    /// Opens a file.
    ///
    /// # Errors
    /// If it is not there.
    fn open(&mut self, name: &str) -> Result<FileId, DiskError>;

    /// How long a file is.
    ///
    /// # Errors
    /// If it cannot be known.
    fn len(&self, file: FileId) -> Result<u64, DiskError>;

    /// Fills `buffer` from `offset` on.
    ///
    /// # Errors
    /// If the file cannot be read, or ends before the buffer is full.
    fn read_at(&self, file: FileId, offset: u64, buffer: &mut [u8]) -> Result<(), DiskError>;

    /// Writes all of `bytes` at `offset`, which is the end of the file, or beyond it after a failed write.
    ///
    /// # Errors
    /// If not all was written.
    fn write_at(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<(), DiskError>;

    /// Begins to make durable what was written to a file.
    fn sync(&mut self, file: FileId) -> SyncId;

    /// Begins to make durable which files there are.
    fn sync_dir(&mut self) -> SyncId;

    /// Whether a sync has completed, and how. Once it has said so, the sync is forgotten.
    fn poll_sync(&mut self, sync: SyncId) -> Option<Result<(), DiskError>>;

    /// Removes a file.
    ///
    /// # Errors
    /// If it is not there, or cannot be removed.
    fn remove(&mut self, name: &str) -> Result<(), DiskError>;
}
