//! A perfect disk in memory: every write is durable at once.

use std::collections::BTreeMap;

use super::{Disk, DiskError, FileId, SyncId};

/// See the module documentation. A clone is a copy of all files.
#[derive(Clone, Debug, Default)]
pub struct MemDisk {
    names: BTreeMap<String, FileId>,
    files: Vec<Vec<u8>>,
}

impl MemDisk {
    /// A disk with these files.
    pub fn with_files(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let mut disk = Self::default();
        for (name, content) in files {
            let id = disk.new_file(content);
            disk.names.insert(name, id);
        }
        disk
    }

    /// The content of a file.
    #[must_use]
    pub fn content(&self, name: &str) -> Option<&[u8]> {
        let id = self.names.get(name)?;
        self.file(*id).ok().map(Vec::as_slice)
    }

    /// The content of a file, to be changed behind a store's back.
    pub fn content_mut(&mut self, name: &str) -> Option<&mut Vec<u8>> {
        let id = *self.names.get(name)?;
        self.file_mut(id).ok()
    }

    /// The names of all files, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    fn new_file(&mut self, content: Vec<u8>) -> FileId {
        self.files.push(content);
        FileId(self.files.len() as u64 - 1)
    }

    fn file(&self, id: FileId) -> Result<&Vec<u8>, DiskError> {
        let index = usize::try_from(id.0).map_err(|_| DiskError::NotFound)?;
        self.files.get(index).ok_or(DiskError::NotFound)
    }

    fn file_mut(&mut self, id: FileId) -> Result<&mut Vec<u8>, DiskError> {
        let index = usize::try_from(id.0).map_err(|_| DiskError::NotFound)?;
        self.files.get_mut(index).ok_or(DiskError::NotFound)
    }
}

impl Disk for MemDisk {
    fn list(&self) -> Result<Vec<String>, DiskError> {
        Ok(self.names.keys().cloned().collect())
    }

    fn create(&mut self, name: &str) -> Result<FileId, DiskError> {
        let id = self.new_file(Vec::new());
        self.names.insert(name.to_owned(), id);
        Ok(id)
    }

    fn open(&mut self, name: &str) -> Result<FileId, DiskError> {
        self.names.get(name).copied().ok_or(DiskError::NotFound)
    }

    fn len(&self, file: FileId) -> Result<u64, DiskError> {
        Ok(self.file(file)?.len() as u64)
    }

    fn read_at(&self, file: FileId, offset: u64, buffer: &mut [u8]) -> Result<(), DiskError> {
        let past_end = || DiskError::Failed("read past the end".to_owned());
        let start = usize::try_from(offset).map_err(|_| past_end())?;
        let end = start.checked_add(buffer.len()).ok_or_else(past_end)?;
        let bytes = self.file(file)?.get(start..end).ok_or_else(past_end)?;
        buffer.copy_from_slice(bytes);
        Ok(())
    }

    fn write_at(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        let content = self.file_mut(file)?;
        let start = usize::try_from(offset).map_err(|_| DiskError::Full)?;
        let end = start.checked_add(bytes.len()).ok_or(DiskError::Full)?;
        if start == content.len() {
            content.extend_from_slice(bytes);
        } else {
            content.resize(content.len().max(end), 0);
            content[start..end].copy_from_slice(bytes);
        }
        Ok(())
    }

    fn sync(&mut self, _file: FileId) -> SyncId {
        SyncId(0)
    }

    fn sync_dir(&mut self) -> SyncId {
        SyncId(0)
    }

    fn poll_sync(&mut self, _sync: SyncId) -> Option<Result<(), DiskError>> {
        Some(Ok(()))
    }

    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        let id = self.names.remove(name).ok_or(DiskError::NotFound)?;
        self.file_mut(id)?.clear();
        Ok(())
    }
}
