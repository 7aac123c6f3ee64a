//! A directory of the operating system.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use super::{Disk, DiskError, FileId, SyncId};

const LOCK: &str = "lock";

/// A directory, locked against other processes while this lives. Its syncs complete before they return, so a store
/// on it is best given a thread of its own.
#[derive(Debug)]
pub struct RealDisk {
    directory: PathBuf,
    files: BTreeMap<FileId, File>,
    next_file: u64,
    syncs: BTreeMap<SyncId, Result<(), DiskError>>,
    next_sync: u64,
    /// Held, never read: dropping it gives up the lock.
    _lock: File,
}

impl RealDisk {
    /// Opens a directory, and makes it if it is not there.
    ///
    /// # Errors
    /// If it cannot be made, or another process has it.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, DiskError> {
        let directory = directory.into();
        make_durably(&directory).map_err(|e| failed(&e))?;
        let lock = File::create(directory.join(LOCK)).map_err(|e| failed(&e))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => DiskError::Failed(format!(
                "{} is in use by another process",
                directory.display()
            )),
            TryLockError::Error(e) => failed(&e),
        })?;
        Ok(Self {
            directory,
            files: BTreeMap::new(),
            next_file: 0,
            syncs: BTreeMap::new(),
            next_sync: 0,
            _lock: lock,
        })
    }

    /// A handle of its own to an open file, for an owner who syncs on another thread.
    ///
    /// # Errors
    /// If there is no such file, or the operating system gives no handle.
    pub fn handle(&self, id: FileId) -> Result<File, DiskError> {
        self.file(id)?.try_clone().map_err(|e| failed(&e))
    }

    fn file(&self, id: FileId) -> Result<&File, DiskError> {
        self.files.get(&id).ok_or(DiskError::NotFound)
    }

    fn keep(&mut self, file: File) -> FileId {
        let id = FileId(self.next_file);
        self.next_file += 1;
        self.files.insert(id, file);
        id
    }

    fn synced(&mut self, result: Result<(), DiskError>) -> SyncId {
        let id = SyncId(self.next_sync);
        self.next_sync += 1;
        self.syncs.insert(id, result);
        id
    }
}

impl Disk for RealDisk {
    fn list(&self) -> Result<Vec<String>, DiskError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.directory).map_err(|e| failed(&e))? {
            let name = entry.map_err(|e| failed(&e))?.file_name();
            if name != LOCK
                && let Ok(name) = name.into_string()
            {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn create(&mut self, name: &str) -> Result<FileId, DiskError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        let file = options
            .open(self.directory.join(name))
            .map_err(|e| failed(&e))?;
        Ok(self.keep(file))
    }

    fn open(&mut self, name: &str) -> Result<FileId, DiskError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        let file = options
            .open(self.directory.join(name))
            .map_err(|e| failed(&e))?;
        Ok(self.keep(file))
    }

    fn len(&self, file: FileId) -> Result<u64, DiskError> {
        Ok(self.file(file)?.metadata().map_err(|e| failed(&e))?.len())
    }

    fn read_at(&self, file: FileId, offset: u64, buffer: &mut [u8]) -> Result<(), DiskError> {
        read_exact_at(self.file(file)?, buffer, offset).map_err(|e| failed(&e))
    }

    fn write_at(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        write_all_at(self.file(file)?, bytes, offset).map_err(|e| failed(&e))
    }

    fn sync(&mut self, file: FileId) -> SyncId {
        let result = self
            .file(file)
            .and_then(|file| file.sync_data().map_err(|e| failed(&e)));
        self.synced(result)
    }

    fn sync_dir(&mut self) -> SyncId {
        let result = sync_directory(&self.directory).map_err(|e| failed(&e));
        self.synced(result)
    }

    fn poll_sync(&mut self, sync: SyncId) -> Option<Result<(), DiskError>> {
        self.syncs.remove(&sync)
    }

    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        fs::remove_file(self.directory.join(name)).map_err(|e| failed(&e))
    }
}

/// Makes a directory and those above it, each entry synced in the one that holds it.
fn make_durably(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let parent = directory
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or_else(|| Path::new("."));
    make_durably(parent)?;
    fs::create_dir(directory)?;
    sync_directory(parent)
}

#[cfg(unix)]
fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Windows has no such thing: directory entries are the file system's own business there.
#[cfg(not(unix))]
fn sync_directory(_directory: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

#[cfg(unix)]
fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

#[cfg(not(unix))]
fn read_exact_at(mut file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    use std::io::{Read as _, Seek as _};
    file.seek(io::SeekFrom::Start(offset))?;
    file.read_exact(buffer)
}

#[cfg(not(unix))]
fn write_all_at(mut file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    use std::io::{Seek as _, Write as _};
    file.seek(io::SeekFrom::Start(offset))?;
    file.write_all(bytes)
}

fn failed(error: &io::Error) -> DiskError {
    match error.kind() {
        io::ErrorKind::NotFound => DiskError::NotFound,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => DiskError::Full,
        _ => DiskError::Failed(error.to_string()),
    }
}
