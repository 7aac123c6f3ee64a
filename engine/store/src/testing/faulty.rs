//! A disk that fails as disks do: writes and syncs that fail, syncs that take their time, no space, power cuts.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use super::Rng;
use crate::{Disk, DiskError, FileId, SyncId, convert::index};

const SECTOR: usize = 512;

/// How often things go wrong: once in so many times, 0 for never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// A write fails, having written nothing or a part.
    pub write: u64,
    /// A sync fails; of what it covered chance decides, and no later sync makes it durable.
    pub sync: u64,
    /// There is no space from now on, until [`FaultyDisk::free`].
    pub full: u64,
    /// A sync completes at a later poll.
    pub slow_sync: u64,
}

/// See the module documentation. Clones are handles of the same disk.
#[derive(Clone, Debug)]
pub struct FaultyDisk(Rc<RefCell<State>>);

#[derive(Debug)]
struct State {
    rng: Rng,
    faults: Faults,
    /// Operations until the power is cut; the machine does nothing more then.
    operations_left: Option<u64>,
    full: bool,
    fail_next_sync: bool,
    fail_next_write: bool,
    /// What the directory shows, and what of it is durable.
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    files: Vec<File>,
    syncs: BTreeMap<u64, Sync>,
    next_sync: u64,
}

#[derive(Debug, Default)]
struct File {
    /// What reads show.
    shown: Vec<u8>,
    durable: Vec<u8>,
    /// Neither durable nor being synced.
    unsynced: Vec<Write>,
    /// Covered by a sync that failed: no later sync makes it durable, and chance may.
    doubtful: Vec<Write>,
}

#[derive(Clone, Debug)]
struct Write {
    offset: usize,
    bytes: Vec<u8>,
}

#[derive(Debug)]
struct Sync {
    polls_left: u64,
    what: Covered,
    fails: bool,
}

#[derive(Debug)]
enum Covered {
    Writes(usize, Vec<Write>),
    Names(BTreeMap<String, usize>),
}

impl FaultyDisk {
    /// An empty disk on which nothing goes wrong yet.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Rc::new(RefCell::new(State {
            rng: Rng::new(seed),
            faults: Faults::default(),
            operations_left: None,
            full: false,
            fail_next_sync: false,
            fail_next_write: false,
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            files: Vec::new(),
            syncs: BTreeMap::new(),
            next_sync: 0,
        })))
    }

    /// How often things go wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.0.borrow_mut().faults = faults;
    }

    /// Lets the machine stop after so many more operations that change the disk.
    pub fn cut_after(&self, operations: u64) {
        self.0.borrow_mut().operations_left = Some(operations);
    }

    /// Whether the machine has stopped.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.0.borrow().operations_left == Some(0)
    }

    /// Lets the next sync fail.
    pub fn fail_next_sync(&self) {
        self.0.borrow_mut().fail_next_sync = true;
    }

    /// Lets the next write fail.
    pub fn fail_next_write(&self) {
        self.0.borrow_mut().fail_next_write = true;
    }

    /// No space from now on.
    pub fn fill(&self) {
        self.0.borrow_mut().full = true;
    }

    /// Space again.
    pub fn free(&self) {
        self.0.borrow_mut().full = false;
    }

    /// The power fails and comes back. Of what was not durable, chance decides what survives. Says whether anything
    /// was lost, and whether a write survived in part.
    pub fn power_cut(&self) -> (bool, bool) {
        self.0.borrow_mut().power_cut()
    }

    /// The process ends, and the operating system goes on: syncs that were under way are as good as never begun.
    pub fn process_crash(&self) {
        let mut state = self.0.borrow_mut();
        state.operations_left = None;
        state.abandon_syncs();
    }
}

impl State {
    fn operate(&mut self) -> Result<(), DiskError> {
        match &mut self.operations_left {
            None => Ok(()),
            Some(0) => Err(DiskError::Failed("the power is off".to_owned())),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }

    fn file(&mut self, id: FileId) -> Result<&mut File, DiskError> {
        self.files.get_mut(index(id.0)).ok_or(DiskError::NotFound)
    }

    fn write(&mut self, id: FileId, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.operate()?;
        if self.rng.one_in(self.faults.full) {
            self.full = true;
        }
        let wanted = std::mem::take(&mut self.fail_next_write);
        let fails = wanted || self.full || self.rng.one_in(self.faults.write);
        let part = if fails {
            self.rng.index(bytes.len())
        } else {
            bytes.len()
        };
        let full = self.full;
        let offset = index(offset);
        let file = self.file(id)?;
        let write = Write {
            offset,
            bytes: bytes[..part].to_vec(),
        };
        write.apply(&mut file.shown, |_| true);
        file.unsynced.push(write);
        match (fails, full) {
            (false, _) => Ok(()),
            (true, true) => Err(DiskError::Full),
            (true, false) => Err(DiskError::Failed("the write failed".to_owned())),
        }
    }

    fn start(&mut self, what: Covered) -> SyncId {
        let fails = std::mem::take(&mut self.fail_next_sync)
            || self.rng.one_in(self.faults.sync)
            || self.operate().is_err();
        let polls_left = if self.rng.one_in(self.faults.slow_sync) {
            1 + self.rng.below(3)
        } else {
            0
        };
        let id = self.next_sync;
        self.next_sync += 1;
        let sync = Sync {
            polls_left,
            what,
            fails,
        };
        self.syncs.insert(id, sync);
        SyncId(id)
    }

    fn poll(&mut self, id: SyncId) -> Option<Result<(), DiskError>> {
        let sync = self.syncs.get_mut(&id.0)?;
        if self.operations_left == Some(0) {
            return Some(Err(DiskError::Failed("the power is off".to_owned())));
        }
        if sync.polls_left > 0 {
            sync.polls_left -= 1;
            return None;
        }
        let sync = self.syncs.remove(&id.0)?;
        if sync.fails {
            if let Covered::Writes(file, writes) = sync.what {
                self.files[file].doubtful.extend(writes);
            }
            return Some(Err(DiskError::Failed("the sync failed".to_owned())));
        }
        match sync.what {
            Covered::Names(names) => self.durable_names = names,
            Covered::Writes(file, writes) => {
                for write in writes {
                    write.apply(&mut self.files[file].durable, |_| true);
                }
            }
        }
        Some(Ok(()))
    }

    /// What a sync was about to make durable is again merely written.
    fn abandon_syncs(&mut self) {
        for sync in std::mem::take(&mut self.syncs).into_values() {
            if let Covered::Writes(file, mut writes) = sync.what {
                writes.append(&mut self.files[file].unsynced);
                self.files[file].unsynced = writes;
            }
        }
    }

    fn power_cut(&mut self) -> (bool, bool) {
        self.operations_left = None;
        self.abandon_syncs();
        let (mut lost, mut torn) = (false, false);
        for file in &mut self.files {
            let doubtful = std::mem::take(&mut file.doubtful);
            let unsynced = std::mem::take(&mut file.unsynced);
            for write in doubtful.into_iter().chain(unsynced) {
                let (kept, sectors) = write.survive(&mut file.durable, &mut self.rng);
                lost |= kept < sectors;
                torn |= kept > 0 && kept < sectors;
            }
            file.shown.clone_from(&file.durable);
        }
        self.cut_names();
        (lost, torn)
    }

    /// Each change of the directory that was not synced survives or not.
    fn cut_names(&mut self) {
        let shown = std::mem::take(&mut self.names);
        let mut kept = std::mem::take(&mut self.durable_names);
        for (name, file) in &shown {
            if kept.get(name) != Some(file) && self.rng.one_in(2) {
                kept.insert(name.clone(), *file);
            }
        }
        let rng = &mut self.rng;
        kept.retain(|name, _| shown.contains_key(name) || rng.one_in(2));
        self.names.clone_from(&kept);
        self.durable_names = kept;
    }
}

impl Write {
    /// Writes the sectors that are kept, the rest stays as it was.
    fn apply(&self, content: &mut Vec<u8>, mut keep: impl FnMut(usize) -> bool) {
        let mut at = self.offset;
        let end = self.offset + self.bytes.len();
        while at < end {
            let sector = at / SECTOR;
            let stop = end.min((sector + 1) * SECTOR);
            if keep(sector) {
                if content.len() < stop {
                    content.resize(stop, 0);
                }
                content[at..stop]
                    .copy_from_slice(&self.bytes[at - self.offset..stop - self.offset]);
            }
            at = stop;
        }
    }

    /// All, none, the first or any of the sectors. Says how many of how many.
    fn survive(&self, durable: &mut Vec<u8>, rng: &mut Rng) -> (usize, usize) {
        let first = self.offset / SECTOR;
        let sectors = (self.offset + self.bytes.len()).div_ceil(SECTOR) - first;
        let how = rng.below(4);
        let cut = rng.index(sectors + 1);
        let mut kept = 0;
        self.apply(durable, |sector| {
            let keep = match how {
                0 => true,
                1 => false,
                2 => sector - first < cut,
                _ => rng.one_in(2),
            };
            kept += usize::from(keep);
            keep
        });
        (kept, sectors)
    }
}

impl Disk for FaultyDisk {
    fn list(&self) -> Result<Vec<String>, DiskError> {
        Ok(self.0.borrow().names.keys().cloned().collect())
    }

    fn create(&mut self, name: &str) -> Result<FileId, DiskError> {
        let mut state = self.0.borrow_mut();
        state.operate()?;
        let id = state.files.len();
        state.files.push(File::default());
        state.names.insert(name.to_owned(), id);
        Ok(FileId(id as u64))
    }

    fn open(&mut self, name: &str) -> Result<FileId, DiskError> {
        let state = self.0.borrow();
        let id = state.names.get(name).ok_or(DiskError::NotFound)?;
        Ok(FileId(*id as u64))
    }

    fn len(&self, file: FileId) -> Result<u64, DiskError> {
        Ok(self.0.borrow_mut().file(file)?.shown.len() as u64)
    }

    fn read_at(&self, file: FileId, offset: u64, buffer: &mut [u8]) -> Result<(), DiskError> {
        let mut state = self.0.borrow_mut();
        let content = &state.file(file)?.shown;
        let start = index(offset);
        let bytes = content
            .get(start..start + buffer.len())
            .ok_or_else(|| DiskError::Failed("read past the end".to_owned()))?;
        buffer.copy_from_slice(bytes);
        Ok(())
    }

    fn write_at(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.0.borrow_mut().write(file, offset, bytes)
    }

    fn sync(&mut self, file: FileId) -> SyncId {
        let mut state = self.0.borrow_mut();
        let index = index(file.0);
        let writes = std::mem::take(&mut state.files[index].unsynced);
        state.start(Covered::Writes(index, writes))
    }

    fn sync_dir(&mut self) -> SyncId {
        let mut state = self.0.borrow_mut();
        let names = state.names.clone();
        state.start(Covered::Names(names))
    }

    fn poll_sync(&mut self, sync: SyncId) -> Option<Result<(), DiskError>> {
        self.0.borrow_mut().poll(sync)
    }

    fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        let mut state = self.0.borrow_mut();
        state.operate()?;
        state.names.remove(name).ok_or(DiskError::NotFound)?;
        Ok(())
    }
}
