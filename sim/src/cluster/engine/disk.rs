//! The store's disk on the world's disk.

use std::{cell::RefCell, collections::BTreeMap, fmt, rc::Rc};

use steadfast_store::{DiskError as StoreError, FileId as StoreFile, SyncId};

use crate::kernel::{self, DiskError, Ticket};

/// Syncs that have ended and that the store has not asked about yet; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Syncs(Rc<RefCell<Table>>);

#[derive(Debug, Default)]
struct Table {
    next: u64,
    by_ticket: BTreeMap<Ticket, SyncId>,
    ended: BTreeMap<SyncId, Result<(), StoreError>>,
}

impl Syncs {
    fn begin(&self, ticket: Result<Ticket, DiskError>) -> SyncId {
        let mut table = self.0.borrow_mut();
        table.next += 1;
        let id = SyncId(table.next);
        match ticket {
            Ok(ticket) => {
                table.by_ticket.insert(ticket, id);
            }
            Err(error) => {
                table.ended.insert(id, Err(translate(&error)));
            }
        }
        id
    }

    fn at_once(&self, result: Result<(), DiskError>) -> SyncId {
        let mut table = self.0.borrow_mut();
        table.next += 1;
        let id = SyncId(table.next);
        table
            .ended
            .insert(id, result.map_err(|error| translate(&error)));
        id
    }

    /// A sync of the world's disk has ended.
    pub(super) fn ended(&self, ticket: Ticket, result: Result<(), DiskError>) {
        let mut table = self.0.borrow_mut();
        if let Some(id) = table.by_ticket.remove(&ticket) {
            table
                .ended
                .insert(id, result.map_err(|error| translate(&error)));
        }
    }

    fn take(&self, id: SyncId) -> Option<Result<(), StoreError>> {
        self.0.borrow_mut().ended.remove(&id)
    }
}

/// The disk of an engine's node, as its store sees it.
pub(super) struct SimDisk {
    disk: kernel::Disk,
    files: Vec<kernel::FileId>,
    syncs: Syncs,
    /// It says that it has synced, and has not: a planted bug.
    lies: bool,
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimDisk")
            .field("files", &self.files.len())
            .finish_non_exhaustive()
    }
}

impl SimDisk {
    pub(super) fn new(disk: kernel::Disk, syncs: Syncs, lies: bool) -> Self {
        Self {
            lies,
            disk,
            files: Vec::new(),
            syncs,
        }
    }

    fn file(&self, file: StoreFile) -> kernel::FileId {
        self.files[usize::try_from(file.0).unwrap_or(usize::MAX)]
    }

    fn opened(&mut self, file: kernel::FileId) -> StoreFile {
        self.files.push(file);
        StoreFile(self.files.len() as u64 - 1)
    }
}

impl steadfast_store::Disk for SimDisk {
    fn list(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.disk.list())
    }

    fn create(&mut self, name: &str) -> Result<StoreFile, StoreError> {
        let file = self.disk.open(name).map_err(|error| translate(&error))?;
        self.disk
            .truncate(file, 0)
            .map_err(|error| translate(&error))?;
        Ok(self.opened(file))
    }

    fn open(&mut self, name: &str) -> Result<StoreFile, StoreError> {
        let file = self
            .disk
            .open_existing(name)
            .map_err(|error| translate(&error))?;
        Ok(self.opened(file))
    }

    fn len(&self, file: StoreFile) -> Result<u64, StoreError> {
        Ok(self.disk.len(self.file(file)))
    }

    fn read_at(&self, file: StoreFile, offset: u64, buffer: &mut [u8]) -> Result<(), StoreError> {
        let wanted = buffer.len();
        let read = self.disk.read_at(self.file(file), offset, buffer);
        match read.map_err(|error| translate(&error))? {
            got if got == wanted => Ok(()),
            got => Err(StoreError::Failed(format!("{got} bytes of {wanted}"))),
        }
    }

    fn write_at(&mut self, file: StoreFile, offset: u64, bytes: &[u8]) -> Result<(), StoreError> {
        let file = self.file(file);
        self.disk
            .write_at(file, offset, bytes)
            .map_err(|error| translate(&error))
    }

    fn sync(&mut self, file: StoreFile) -> SyncId {
        if self.lies {
            return self.syncs.at_once(Ok(()));
        }
        let ticket = self.disk.sync(self.file(file));
        self.syncs.begin(ticket)
    }

    fn sync_dir(&mut self) -> SyncId {
        self.syncs.at_once(self.disk.sync_dir())
    }

    fn poll_sync(&mut self, sync: SyncId) -> Option<Result<(), StoreError>> {
        self.syncs.take(sync)
    }

    fn remove(&mut self, name: &str) -> Result<(), StoreError> {
        self.disk.remove(name).map_err(|error| translate(&error))
    }
}

fn translate(error: &DiskError) -> StoreError {
    match error {
        DiskError::NotFound { .. } => StoreError::NotFound,
        DiskError::NoSpace => StoreError::Full,
        DiskError::Io { .. } | DiskError::Dead => StoreError::Failed(error.to_string()),
    }
}
