//! Writing the log: frames gather in a group, a group is one write and one sync.

use std::collections::BTreeMap;

use super::{
    format::{END, GROUP_HEADER, GroupHeader, Mark, SECTOR, SegmentHeader, zero_sectors},
    frame::FRAME_HEADER,
    index::Position,
    recovery::{Carried, ReadLog},
};
use crate::{
    Damage, Disk, DiskError, FileId, StoreError, SyncId,
    convert::{index, length},
    error::damaged,
};

/// Before the first group.
pub(crate) const FIRST: Mark = Mark {
    segment: 0,
    end: 0,
    sequence: 1,
    chain: 0,
};

/// Numbers that are greater were not made by a log.
const MAX_SEGMENTS: u32 = 4_000_000_000;

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct Log<D> {
    disk: D,
    shards: u32,
    /// A segment that is this long is continued in a new one.
    segment_bytes: u64,
    files: BTreeMap<u32, FileId>,
    next_segment: u32,
    /// After the last durable group.
    durable: Mark,
    /// After the last group that was written.
    tail: Mark,
    /// The next group begins a segment: what follows `tail` in its own is unknown.
    restart: bool,
    in_flight: Option<InFlight>,
    /// The next group, with room for its headers.
    pending: Vec<u8>,
    /// Where it will be.
    place: (u32, u64),
    /// What is written again before anything else, and kept until that is done.
    carried: Carried,
    /// Segments that are to be removed once something durable follows them.
    dead: Vec<u32>,
}

/// A group that is written and may be durable or not.
#[derive(Debug)]
struct InFlight {
    file_sync: Option<SyncId>,
    dir_sync: Option<SyncId>,
    after: Mark,
}

/// How far the disk is.
pub(crate) enum Progress {
    /// There is nothing to write.
    Idle,
    /// A group is being synced.
    Syncing,
    /// A group became durable.
    Durable,
    /// A group did not. All that was not durable must be dropped by [`Log::drop_undurable`].
    Failed(DiskError),
}

impl<D: Disk> Log<D> {
    pub(crate) fn new(disk: D, read: ReadLog, shards: u32, segment_bytes: u64) -> Self {
        Self {
            disk,
            shards,
            segment_bytes,
            files: read.files,
            next_segment: read.next_segment,
            durable: read.durable,
            tail: read.durable,
            restart: true,
            in_flight: None,
            pending: Vec::new(),
            place: (0, 0),
            carried: read.carried,
            dead: read.dead,
        }
    }

    pub(crate) fn shards(&self) -> u32 {
        self.shards
    }

    pub(crate) fn disk(&self) -> &D {
        &self.disk
    }

    pub(crate) fn disk_mut(&mut self) -> &mut D {
        &mut self.disk
    }

    pub(crate) fn into_disk(self) -> D {
        self.disk
    }

    /// The place from which on nothing is durable.
    pub(crate) fn undurable_from(&self) -> (u32, u64) {
        (self.durable.segment, self.durable.end)
    }

    /// The frames that must be written again before anything else.
    pub(crate) fn carried(&self) -> &Carried {
        &self.carried
    }

    /// Adds a frame to the next group. Offsets that `put` finds in the buffer become places in the log by adding
    /// what is returned with the frame's position.
    pub(crate) fn append(&mut self, put: impl FnOnce(&mut Vec<u8>)) -> (Position, u64) {
        if self.pending.is_empty() {
            self.begin_group();
        }
        let start = self.pending.len();
        put(&mut self.pending);
        let crc = self.pending[start + 4..start + FRAME_HEADER].try_into();
        let (segment, base) = self.place;
        let position = Position {
            segment,
            offset: base + (start + FRAME_HEADER) as u64,
            length: length(self.pending.len() - start - FRAME_HEADER),
            crc: u32::from_le_bytes(crc.expect("four bytes")),
        };
        (position, base)
    }

    fn begin_group(&mut self) {
        if self.restart || self.tail.end >= self.segment_bytes {
            self.place = (self.next_segment, 0);
            self.next_segment += 1;
            self.pending.resize(SECTOR + GROUP_HEADER, 0);
        } else {
            self.place = (self.tail.segment, self.tail.end);
            self.pending.resize(GROUP_HEADER, 0);
        }
    }

    /// Writes the next group unless one is being synced, and asks how that goes.
    pub(crate) fn advance(&mut self) -> Progress {
        if self.in_flight.is_none() {
            if self.pending.is_empty() {
                return Progress::Idle;
            }
            if let Err(error) = self.write_group() {
                return Progress::Failed(error);
            }
        }
        self.poll_syncs()
    }

    fn poll_syncs(&mut self) -> Progress {
        let Some(in_flight) = &mut self.in_flight else {
            return Progress::Idle;
        };
        for waiting in [&mut in_flight.file_sync, &mut in_flight.dir_sync] {
            match waiting.map(|sync| self.disk.poll_sync(sync)) {
                None => {}
                Some(None) => return Progress::Syncing,
                Some(Some(Ok(()))) => *waiting = None,
                Some(Some(Err(error))) => return Progress::Failed(error),
            }
        }
        self.durable = in_flight.after;
        self.in_flight = None;
        self.carried = Carried::default();
        for number in std::mem::take(&mut self.dead) {
            // What cannot be removed now is found again at the next opening.
            self.disk.remove(&segment_name(number)).ok();
        }
        Progress::Durable
    }

    fn write_group(&mut self) -> Result<(), DiskError> {
        let after = self.seal();
        let (number, offset) = self.place;
        let new = offset == 0;
        let file = if new {
            let file = self.disk.create(&segment_name(number))?;
            self.files.insert(number, file);
            file
        } else {
            self.files[&number]
        };
        self.disk.write_at(file, offset, &self.pending)?;
        self.pending.clear();
        self.tail = after;
        self.restart = false;
        self.in_flight = Some(InFlight {
            file_sync: Some(self.disk.sync(file)),
            dir_sync: new.then(|| self.disk.sync_dir()),
            after,
        });
        Ok(())
    }

    /// Completes the bytes of the next group.
    fn seal(&mut self) -> Mark {
        let (segment, offset) = self.place;
        let start = if offset == 0 { SECTOR } else { 0 };
        self.pending.extend_from_slice(&END);
        let body = self.pending.len() - start - GROUP_HEADER;
        let padded = self.pending.len().next_multiple_of(SECTOR);
        self.pending.resize(padded, 0);
        if offset == 0 {
            let header = SegmentHeader {
                shards: self.shards,
                segment,
                after: self.tail,
            };
            header.encode(&mut self.pending[..SECTOR]);
        }
        let group = &mut self.pending[start..];
        let header = GroupHeader {
            segment,
            offset: offset + start as u64,
            sequence: self.tail.sequence,
            chain: self.tail.chain,
            body: length(body),
            body_crc: crc32fast::hash(&group[GROUP_HEADER..]),
            zero_sectors: length(zero_sectors(&group[SECTOR..])),
        };
        Mark {
            segment,
            end: offset + padded as u64,
            sequence: self.tail.sequence + 1,
            chain: header.encode(group),
        }
    }

    /// Forgets all that is not durable. Its place in the segment is left for good: nothing may be assumed of what a
    /// failed write or sync left there, so the next group begins a new one.
    pub(crate) fn drop_undurable(&mut self) {
        self.pending.clear();
        self.in_flight = None;
        self.restart = true;
        self.tail = self.durable;
        for number in self
            .files
            .split_off(&(self.durable.segment + 1))
            .into_keys()
        {
            // Nothing in it was ever reported durable, so it does not matter whether this succeeds.
            self.disk.remove(&segment_name(number)).ok();
        }
    }

    /// The bytes at a place, written or not.
    pub(crate) fn read(&self, at: Position) -> Result<Vec<u8>, StoreError> {
        let (segment, base) = self.place;
        if at.segment == segment && at.offset >= base && !self.pending.is_empty() {
            let start = index(at.offset - base);
            return Ok(self.pending[start..start + at.length as usize].to_vec());
        }
        let mut bytes = vec![0; at.length as usize];
        let file = self.files.get(&at.segment).copied();
        let file = file.ok_or_else(|| damaged(at.segment, 0, Damage::NoSegment))?;
        self.disk
            .read_at(file, at.offset, &mut bytes)
            .map_err(|error| disk_error(&segment_name(at.segment), "read", error))?;
        Ok(bytes)
    }

    /// Whether both places are in the same medium, so that what lies between can be read with them.
    pub(crate) fn adjoining(&self, a: &Position, b: &Position) -> bool {
        let (segment, base) = self.place;
        let buffered =
            |p: &Position| !self.pending.is_empty() && p.segment == segment && p.offset >= base;
        a.segment == b.segment && buffered(a) == buffered(b)
    }
}

/// The file of a segment.
pub(crate) fn segment_name(number: u32) -> String {
    format!("{number:010}.log")
}

/// The segment of a file, if it is one.
pub(crate) fn segment_number(name: &str) -> Option<u32> {
    let number = name.strip_suffix(".log")?.parse().ok()?;
    let ours = (1..MAX_SEGMENTS).contains(&number) && segment_name(number) == name;
    ours.then_some(number)
}

pub(crate) fn disk_error(file: &str, doing: &'static str, source: DiskError) -> StoreError {
    StoreError::Disk {
        file: file.to_owned(),
        doing,
        source,
    }
}
