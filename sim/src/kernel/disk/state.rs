//! The disk's insides: names, files, syncs in flight, and the faults that strike them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::file::{File, Kept, SECTOR, sectors};
use super::{DiskCounts, DiskError, Faults, FileId, Syncs, Ticket};
use crate::kernel::chance::{Chance, Rate};
use crate::kernel::faults::{
    ClassSet, DISK_CUT, DISK_KEPT, DISK_LATENCY, DISK_MISDIRECT, DISK_MISDIRECT_TO, DISK_PART,
    DISK_ROT, DISK_ROT_AT, DISK_STALL, DISK_SYNC, DISK_TORN, DISK_WRITE, FaultClass, FaultPlan,
    Shape, Strikes,
};
use crate::kernel::process::NodeId;
use crate::kernel::time::nanos;
use crate::kernel::world::CrashKind;

type Names = BTreeMap<String, FileId>;

#[derive(Clone, Debug)]
enum NameOp {
    Put(String, FileId),
    Rename(String, String),
    Remove(String),
}

#[derive(Clone, Copy, Debug, Default)]
struct Rates {
    latency: Rate,
    stall: Rate,
    write: Rate,
    sync: Rate,
    lost: Rate,
    torn: Rate,
    rot: Rate,
    misdirect: Rate,
}

/// A sync that runs.
#[derive(Clone, Copy, Debug)]
struct Running {
    file: FileId,
    /// What it covers: the changes numbered below this.
    end: u64,
    failure: Failure,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    None,
    KeepsPages,
    DropsPages,
}

pub(super) struct State {
    node: NodeId,
    chance: Chance,
    rates: Rates,
    shape: Shape,
    names: Names,
    durable_names: Names,
    pending_names: Vec<NameOp>,
    files: Vec<File>,
    capacity: Option<u64>,
    pub(super) full: bool,
    pub(super) dead: bool,
    next_ticket: u64,
    running: BTreeMap<Ticket, Running>,
    asked: Syncs,
    faults: Faults,
    pub(super) counts: DiskCounts,
    pub(super) strikes: Strikes,
}

impl State {
    pub(super) fn new(node: NodeId, chance: Chance, plan: &FaultPlan, immune: ClassSet) -> Self {
        let mut state = Self {
            node,
            chance,
            rates: Rates::default(),
            shape: plan.shape.clone(),
            names: Names::new(),
            durable_names: Names::new(),
            pending_names: Vec::new(),
            files: Vec::new(),
            capacity: None,
            full: false,
            dead: false,
            next_ticket: 0,
            running: BTreeMap::new(),
            asked: Vec::new(),
            faults: Vec::new(),
            counts: DiskCounts::default(),
            strikes: Strikes::default(),
        };
        state.set_plan(plan, immune);
        state
    }

    pub(super) fn set_plan(&mut self, plan: &FaultPlan, immune: ClassSet) {
        let rate = |class| plan.rate_for(class, immune);
        self.shape = plan.shape.clone();
        self.rates = Rates {
            latency: rate(FaultClass::DiskLatency),
            stall: rate(FaultClass::DiskStall),
            write: rate(FaultClass::WriteError),
            sync: rate(FaultClass::SyncError),
            lost: rate(FaultClass::LostWrites),
            torn: rate(FaultClass::TornWrites),
            rot: rate(FaultClass::BitRot),
            misdirect: rate(FaultClass::Misdirect),
        };
    }

    pub(super) fn set_capacity(&mut self, bytes: Option<u64>) {
        self.capacity = bytes;
    }

    pub(super) fn alive(&self) -> Result<(), DiskError> {
        if self.dead {
            Err(DiskError::Dead)
        } else {
            Ok(())
        }
    }

    // Names.

    pub(super) fn find(&self, name: &str) -> Result<FileId, DiskError> {
        self.alive()?;
        let found = self.names.get(name).copied();
        found.ok_or_else(|| DiskError::NotFound {
            name: name.to_owned(),
        })
    }

    pub(super) fn open(&mut self, name: &str) -> Result<FileId, DiskError> {
        self.alive()?;
        if let Some(file) = self.names.get(name) {
            return Ok(*file);
        }
        let file = FileId(u32::try_from(self.files.len()).map_err(|_| DiskError::NoSpace)?);
        self.files.push(File::default());
        self.change_names(NameOp::Put(name.to_owned(), file));
        Ok(file)
    }

    pub(super) fn list(&self) -> Vec<String> {
        self.names.keys().cloned().collect()
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        self.find(from)?;
        self.change_names(NameOp::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    pub(super) fn remove(&mut self, name: &str) -> Result<(), DiskError> {
        self.find(name)?;
        self.change_names(NameOp::Remove(name.to_owned()));
        Ok(())
    }

    fn change_names(&mut self, op: NameOp) {
        op.apply(&mut self.names);
        self.pending_names.push(op);
    }

    pub(super) fn sync_dir(&mut self) -> Result<(), DiskError> {
        self.alive()?;
        if self.roll_failure() != Failure::None {
            self.strikes.count(FaultClass::SyncError);
            self.faults.push(("directory sync failed", 0));
            return Err(DiskError::Io {
                operation: "sync the directory",
            });
        }
        for op in std::mem::take(&mut self.pending_names) {
            op.apply(&mut self.durable_names);
        }
        self.free_unnamed();
        Ok(())
    }

    /// Frees the content of files that no name leads to any more.
    fn free_unnamed(&mut self) {
        let named = |file: FileId| {
            let mut all = self.names.values().chain(self.durable_names.values());
            all.any(|named| *named == file)
        };
        let ids = (0..).map(FileId).take(self.files.len());
        let unnamed: Vec<FileId> = ids.filter(|file| !named(*file)).collect();
        for file in unnamed {
            *self.file(file) = File::default();
        }
    }

    // Contents.

    fn file(&mut self, file: FileId) -> &mut File {
        &mut self.files[file.0 as usize]
    }

    pub(super) fn seen(&self, file: FileId) -> &[u8] {
        self.files[file.0 as usize].seen()
    }

    pub(super) fn read(
        &self,
        file: FileId,
        offset: u64,
        into: &mut [u8],
    ) -> Result<usize, DiskError> {
        self.alive()?;
        let seen = usize::try_from(offset)
            .ok()
            .and_then(|offset| self.seen(file).get(offset..));
        let seen = seen.unwrap_or(&[]);
        let len = seen.len().min(into.len());
        into[..len].copy_from_slice(&seen[..len]);
        Ok(len)
    }

    pub(super) fn write(&mut self, file: FileId, at: u64, data: &[u8]) -> Result<(), DiskError> {
        self.alive()?;
        let offset = usize::try_from(at).map_err(|_| DiskError::NoSpace)?;
        self.counts.writes += 1;
        let room = self.room(file, offset, data.len());
        let broken = self.chance.roll(DISK_WRITE, self.node, self.rates.write);
        if room < data.len() || broken {
            let room = if broken { data.len() } else { room };
            let part = self
                .chance
                .choose_range(DISK_PART, self.node, 0..room as u64 + 1);
            let part = usize::try_from(part)
                .unwrap_or(0)
                .min(data.len().saturating_sub(1));
            self.put(file, offset, &data[..part]);
            self.counts.failed_writes += 1;
            if broken {
                self.strikes.count(FaultClass::WriteError);
            }
            let label = if broken { "write failed" } else { "no space" };
            self.faults.push((label, part as u64));
            let failed = DiskError::Io { operation: "write" };
            return Err(if broken { failed } else { DiskError::NoSpace });
        }
        self.put(file, offset, data);
        Ok(())
    }

    fn put(&mut self, file: FileId, offset: usize, data: &[u8]) {
        if data.is_empty() {
            return;
        }
        let to = self.place(file, offset);
        self.file(file).write(offset, data, to);
    }

    /// Where a write really goes: nearly always where it should.
    fn place(&mut self, file: FileId, offset: usize) -> usize {
        if !self
            .chance
            .roll(DISK_MISDIRECT, self.node, self.rates.misdirect)
        {
            return offset;
        }
        let sectors = self.seen(file).len() / SECTOR + 1;
        let sector = self
            .chance
            .choose_range(DISK_MISDIRECT_TO, self.node, 0..sectors as u64);
        self.strikes.count(FaultClass::Misdirect);
        self.faults.push(("misdirected write", sector));
        usize::try_from(sector).unwrap_or(0) * SECTOR + offset % SECTOR
    }

    /// How many of the bytes there is room for.
    fn room(&self, file: FileId, offset: usize, len: usize) -> usize {
        if self.full {
            return 0;
        }
        let Some(capacity) = self.capacity else {
            return len;
        };
        let used: u64 = self.files.iter().map(|file| file.seen().len() as u64).sum();
        let free = usize::try_from(capacity.saturating_sub(used)).unwrap_or(usize::MAX);
        let inside = self.seen(file).len().saturating_sub(offset);
        let gap = offset.saturating_sub(self.seen(file).len());
        free.saturating_add(inside).saturating_sub(gap).min(len)
    }

    pub(super) fn truncate(&mut self, file: FileId, len: u64) -> Result<(), DiskError> {
        self.alive()?;
        let len = usize::try_from(len).map_err(|_| DiskError::NoSpace)?;
        let more = len.saturating_sub(self.seen(file).len());
        if more > 0 && self.room(file, self.seen(file).len(), more) < more {
            return Err(DiskError::NoSpace);
        }
        self.file(file).set_len(len);
        Ok(())
    }

    pub(super) fn flip_bit(&mut self, name: &str, at: u64, bit: u8) -> Result<(), DiskError> {
        let file = self.find(name)?;
        let state = self.file(file);
        state.sync(state.end());
        let place = usize::try_from(at)
            .ok()
            .and_then(|at| state.durable_mut().get_mut(at));
        let place = place.ok_or(DiskError::Io {
            operation: "flip a bit beyond the end",
        })?;
        *place ^= 1 << (bit % 8);
        state.reload();
        Ok(())
    }

    // Syncs.

    pub(super) fn sync(&mut self, file: FileId) -> Result<Ticket, DiskError> {
        self.alive()?;
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        let end = self.file(file).end();
        let failure = self.roll_failure();
        self.running.insert(ticket, Running { file, end, failure });
        let delay = self.sync_delay();
        self.asked.push((ticket, delay));
        Ok(ticket)
    }

    pub(super) fn sync_now(&mut self, file: FileId) -> Result<(), DiskError> {
        self.alive()?;
        let end = self.file(file).end();
        let failure = self.roll_failure();
        self.finish(Running { file, end, failure })
    }

    pub(super) fn complete(&mut self, ticket: Ticket) -> Option<Result<(), DiskError>> {
        let running = self.running.remove(&ticket)?;
        Some(self.finish(running))
    }

    fn finish(&mut self, running: Running) -> Result<(), DiskError> {
        let Running { file, end, failure } = running;
        if failure == Failure::None {
            self.file(file).sync(end);
            self.counts.syncs += 1;
            return Ok(());
        }
        self.file(file)
            .fail_sync(end, failure == Failure::DropsPages);
        self.strikes.count(FaultClass::SyncError);
        self.faults.push(("sync failed", end));
        Err(DiskError::Io { operation: "sync" })
    }

    fn roll_failure(&self) -> Failure {
        let rate = self.rates.sync.as_per_million();
        let weights = [(Rate::UNIT - rate) * 2, rate, rate];
        match self.chance.choose(DISK_SYNC, self.node, &weights) {
            0 => Failure::None,
            1 => Failure::KeepsPages,
            _ => Failure::DropsPages,
        }
    }

    fn sync_delay(&mut self) -> Duration {
        let Self {
            chance,
            node,
            rates,
            shape,
            ..
        } = self;
        if chance.roll(DISK_STALL, *node, rates.stall) {
            self.strikes.count(FaultClass::DiskStall);
            self.faults.push(("stall", 0));
            return chance.choose_scaled(DISK_STALL, *node, shape.sync_max..shape.stall_max);
        }
        if !chance.roll(DISK_LATENCY, *node, rates.latency) {
            return shape.sync;
        }
        self.strikes.count(FaultClass::DiskLatency);
        let spread = nanos(shape.sync_max)
            .saturating_sub(nanos(shape.sync))
            .max(0);
        let spread = chance.choose_range(DISK_LATENCY, *node, 0..spread.unsigned_abs() + 1);
        shape.sync + Duration::from_nanos(spread)
    }

    // Crashes.

    pub(super) fn crash(&mut self, kind: CrashKind) {
        self.running.clear();
        self.asked.clear();
        self.dead = false;
        self.full = false;
        if kind == CrashKind::Power {
            self.power_cut();
        }
    }

    fn power_cut(&mut self) {
        for file in 0..self.files.len() {
            self.cut_file(file);
        }
        let kept = self.kept(self.pending_names.len());
        let ops = std::mem::take(&mut self.pending_names);
        for (op, kept) in ops.into_iter().zip(kept.prefix()) {
            match kept {
                true => op.apply(&mut self.durable_names),
                false => self.strikes.count(FaultClass::LostWrites),
            }
        }
        self.names.clone_from(&self.durable_names);
        self.free_unnamed();
        self.rot();
    }

    fn cut_file(&mut self, file: usize) {
        let pending = self.files[file].pending();
        if pending == 0 {
            return self.files[file].power_cut(|_, _| Kept::Whole);
        }
        let kept = self.kept(pending).0;
        let (chance, node, torn) = (&self.chance, self.node, self.rates.torn);
        let strikes = &mut self.strikes;
        self.files[file].power_cut(|i, op| {
            if !kept[i] {
                strikes.count(FaultClass::LostWrites);
                return Kept::Lost;
            }
            let sectors = sectors(op);
            if sectors == 0 || !chance.roll(DISK_TORN, node, torn) {
                return Kept::Whole;
            }
            strikes.count(FaultClass::TornWrites);
            Kept::Sectors(tear(chance, node, sectors))
        });
        let lost = kept.iter().filter(|kept| !**kept).count();
        if lost > 0 {
            self.faults.push(("lost writes", lost as u64));
        }
    }

    /// Which of so many unsynced changes survive: all, none, the first few, or any.
    fn kept(&self, pending: usize) -> Survivors {
        let Self {
            chance,
            node,
            rates,
            ..
        } = self;
        let rate = rates.lost.as_per_million();
        if pending == 0 {
            return Survivors(Vec::new());
        }
        let weights = [(Rate::UNIT - rate) * 3, rate, rate, rate];
        Survivors(match chance.choose(DISK_CUT, *node, &weights) {
            0 => vec![true; pending],
            1 => vec![false; pending],
            2 => {
                let lost = chance.choose_range(DISK_KEPT, *node, 0..pending as u64 + 1);
                let kept = pending - usize::try_from(lost).unwrap_or(0);
                (0..pending).map(|i| i < kept).collect()
            }
            _ => (0..pending)
                .map(|_| chance.choose(DISK_KEPT, *node, &[1, 1]) == 0)
                .collect(),
        })
    }

    fn rot(&mut self) {
        if !self.chance.roll(DISK_ROT, self.node, self.rates.rot) {
            return;
        }
        let total: usize = self.files.iter().map(|file| file.seen().len()).sum();
        let at = self
            .chance
            .choose_range(DISK_ROT_AT, self.node, 0..total as u64 * 8);
        let mut byte = usize::try_from(at / 8).unwrap_or(0);
        for file in &mut self.files {
            if let Some(place) = file.durable_mut().get_mut(byte) {
                *place ^= 1 << (at % 8);
                file.reload();
                self.strikes.count(FaultClass::BitRot);
                return self.faults.push(("bit rot", at));
            }
            byte -= file.seen().len();
        }
    }

    // For the kernel.

    pub(super) fn is_quiet(&self) -> bool {
        self.asked.is_empty() && self.faults.is_empty()
    }

    pub(super) fn drain(&mut self) -> (Syncs, Faults) {
        (
            std::mem::take(&mut self.asked),
            std::mem::take(&mut self.faults),
        )
    }
}

struct Survivors(Vec<bool>);

impl Survivors {
    /// Names are kept in order: once one is lost, so are those after it.
    fn prefix(self) -> impl Iterator<Item = bool> {
        let mut lost = false;
        self.0.into_iter().map(move |kept| {
            lost |= !kept;
            !lost
        })
    }
}

impl NameOp {
    fn apply(&self, names: &mut Names) {
        match self {
            Self::Put(name, file) => drop(names.insert(name.clone(), *file)),
            Self::Rename(from, to) => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
            Self::Remove(name) => drop(names.remove(name)),
        }
    }
}

/// Which sectors of a torn write reached the platter: the first few, or any.
fn tear(chance: &Chance, node: NodeId, sectors: usize) -> Vec<bool> {
    if chance.choose(DISK_TORN, node, &[1, 1]) == 0 {
        let lost = chance.choose_range(DISK_TORN, node, 0..sectors as u64 + 1);
        let kept = sectors - usize::try_from(lost).unwrap_or(0);
        return (0..sectors).map(|i| i < kept).collect();
    }
    (0..sectors)
        .map(|_| chance.choose(DISK_TORN, node, &[1, 1]) == 0)
        .collect()
}
