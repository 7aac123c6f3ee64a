//! The default store: one append-only log of checksummed groups for all shards of a node.
//!
//! # What is on the disk
//!
//! Segments `0000000001.log`, `0000000002.log`, … A segment is a sector with its header and then groups, each of
//! them starting at a sector:
//!
//! ```text
//!   segment: magic, version, shard count, number, the place in an older segment that it continues, checksum, END.
//!   group:   magic, segment, offset, sequence, chain, length, checksum of the rest, zero sectors, checksum, END.
//!            frames…, END., zeros up to the next sector
//!   frame:   length, checksum, payload: a batch of records, or a newly given out epoch
//! ```
//!
//! A group is what one write and one sync make durable; many batches share it. A header says where it belongs, and
//! `chain` is the header checksum of the group before, so a stale, misplaced or foreign group never fits.
//!
//! Three rules make the rest possible:
//!
//! 1. *One group at a time.* A group is written only when the one before it is durable. So a group at X proves that
//!    everything before X was durable.
//! 2. *Nothing is written twice.* No byte of a segment is overwritten, truncated or reused. So a sector of a group
//!    that a power cut lost reads as zeros, or lies beyond the end of the file.
//! 3. *After doubt comes a new segment.* After a failed write, a failed sync, and every opening, the next group
//!    begins a new segment, whose header names the place in an older one that it continues. What the older one has
//!    beyond that place is dead, whatever it is and whenever it turns up. It was never reported durable.
//!
//! The last group found at opening may be durable, or only in the operating system's cache after a sync that failed
//! or never ran. Nobody can tell, so it is neither believed nor dropped: its frames are written once more, at the
//! start of the new segment, before anything else.
//!
//! # Torn or damaged
//!
//! A crash may leave the last group unfinished, and that is dropped. Damage to durable bytes must be an error. What
//! tells them apart is rule 2: what a crash lost is *zeros*, and the format has zeros where they cannot be
//! otherwise. Each header and each group ends with the bytes `END.`, and each group knows how many of its sectors
//! were nothing but zeros when they were written. `X` is the place where a group should begin.
//!
//! | in the last segment, at X | then | because |
//! |---|---|---|
//! | the end of the file, or only zeros | the log ends | nothing was written |
//! | a header without its `END.` | dropped | the write did not get that far |
//! | a valid header, the file ends within the group | dropped | the same |
//! | a valid header, wrong body, more zero sectors than written or no `END.` | dropped | sectors were lost |
//! | a valid header, wrong body, every sector there | **error** | a crash loses sectors, it does not change them |
//! | a whole header with a wrong checksum | **error** | the same |
//! | a valid header of another place, or one that does not continue the chain | **error** | misdirected or stale |
//! | any of the above, and a valid group header further on | **error** | rule 1: X was durable |
//! | a valid group | taken | if it is the last one, it is written again |
//!
//! | elsewhere | then |
//! |---|---|
//! | the last segment has no finished header, or no whole group | the segment before it is the last one |
//! | an older segment, before the place where it was left: anything but valid groups | **error** |
//! | an older segment, after that place: a group of another place | **error**: misdirected |
//! | a segment that no later one continues | dead; removed once something durable follows |
//!
//! The boundary of this: hardware that changes the other bytes of a sector, or leaves neither old nor new content in
//! it, when power fails in the middle of writing it, makes an unfinished group look damaged, which is reported and
//! not mended. And loss of exactly the last group by whole zeroed sectors looks like a crash before it was written.

mod format;
mod frame;
mod index;
mod log;
mod recovery;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use bytes::Bytes;
use steadfast_core::{
    Batch, Entry, Epoch, Execution, ExecutionKey, Record, RunId, RunKey, ShardId, Timestamp,
    effect::EventRange,
    record::Proto,
    visibility::{GroupBy, RowChange},
};
use steadfast_proto::temporal::api::common::v1::Memo;

use crate::{
    Commit, CommitError, Count, Damage, Disk, DiskError, Page, Query, Recovered, Store, StoreError,
    Ticket,
    convert::{count, index, length},
    error::{check_shard, damaged, event_slice},
    rows::{RowWrite, Rows},
};
use frame::Frame;
use index::{ExecutionIndex, Position, ShardIndex};
pub(crate) use log::segment_name;
use log::{Log, Progress};
pub use recovery::Recovery;

/// The most shards that a store may have.
const MAX_SHARDS: u32 = 1 << 14;
/// Events further apart than this are read one by one.
const GAP: u64 = 1 << 10;

/// How to open a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Into how many shards a *new* store divides executions, at most 16,384. An old one stays as it is.
    pub shards: u32,
    /// A segment is continued in a new file when it is this long.
    pub segment_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            shards: 1,
            segment_bytes: 64 << 20,
        }
    }
}

/// See the module documentation.
#[derive(Debug)]
pub struct Embedded<D> {
    log: Log<D>,
    shards: Vec<ShardIndex>,
    waiting: VecDeque<Waiting>,
    /// How many of `waiting`, from the front, end with the group that is being synced.
    in_flight: usize,
    /// How many of `waiting` have a ticket.
    outstanding: usize,
    next_ticket: u64,
    recovery: Recovery,
    /// Scratch: where records start.
    records: Vec<usize>,
    rows: Rows<Box<Position>>,
}

/// A change of a row; its memo stays in the log, in the frame at this place.
type RowChangeAt = RowWrite<Box<Position>>;

/// Something that ends when all before it is durable.
#[derive(Debug)]
struct Waiting {
    /// `None` for an epoch, and for what was carried over.
    ticket: Option<Ticket>,
    /// `None` for what was carried over.
    shard: Option<ShardId>,
    /// The shard's `high` then; `None` if nothing was written.
    high: Option<Timestamp>,
    refused: Option<CommitError>,
    /// What is listed then.
    rows: Vec<RowChangeAt>,
}

impl<D: Disk> Embedded<D> {
    /// Opens the store that is on a disk, or makes one.
    ///
    /// # Errors
    /// If the disk cannot be read, or what is on it is damaged.
    ///
    /// # Panics
    /// If `options` asks for no shards, or for too many.
    pub fn open(mut disk: D, options: &Options) -> Result<Self, StoreError> {
        assert!(
            (1..=MAX_SHARDS).contains(&options.shards),
            "a store has 1 to {MAX_SHARDS} shards"
        );
        let mut shards = Vec::new();
        let mut rows = Rows::default();
        let mut changes = Vec::new();
        let read = recovery::read_log(&mut disk, &mut |header, base, body| {
            shards.resize_with(header.shards as usize, ShardIndex::default);
            index_body(&mut shards, &mut changes, header.segment, base, body)?;
            changes.drain(..).for_each(|change| rows.apply(change));
            Ok(())
        })?;
        let count = read.shards.unwrap_or(options.shards);
        shards.resize_with(count as usize, ShardIndex::default);
        let recovery = read.report.clone();
        let mut store = Self {
            log: Log::new(disk, read, count, options.segment_bytes),
            shards,
            waiting: VecDeque::new(),
            in_flight: 0,
            outstanding: 0,
            next_ticket: 0,
            recovery,
            records: Vec::new(),
            rows,
        };
        store.carry_over()?;
        for shard in &mut store.shards {
            shard.durable_high = shard.high;
        }
        Ok(store)
    }

    /// What was found at opening.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// The disk.
    pub fn disk(&self) -> &D {
        self.log.disk()
    }

    /// The disk, to be changed behind the store's back.
    pub fn disk_mut(&mut self) -> &mut D {
        self.log.disk_mut()
    }

    /// Gives the disk back. What was not durable is lost.
    pub fn into_disk(self) -> D {
        self.log.into_disk()
    }

    /// Writes the frames again that were last in the log when it was opened.
    fn carry_over(&mut self) -> Result<(), StoreError> {
        let (segment, start) = (self.log.carried().segment, self.log.carried().offset);
        let carried = self.log.carried().frames.clone();
        let mut rows = Vec::new();
        let mut at = 0;
        for raw in frame::frames(&carried) {
            let malformed = |why| damaged(segment, start + at as u64, Damage::Malformed(why));
            let raw = raw.map_err(malformed)?;
            let (position, _) = self.log.append(|out| raw.write(out));
            index_frame(&mut self.shards, &mut rows, position, raw.payload).map_err(malformed)?;
            at = raw.at + raw.payload.len();
        }
        if !rows.is_empty() {
            self.wait(Waiting {
                ticket: None,
                shard: None,
                high: None,
                refused: None,
                rows,
            });
        }
        Ok(())
    }

    fn healthy(&self, shard: ShardId) -> Result<&ShardIndex, StoreError> {
        check_shard(shard, self.shards())?;
        let index = &self.shards[shard.0 as usize];
        if index.poisoned {
            return Err(StoreError::Poisoned { shard });
        }
        Ok(index)
    }

    fn find(&self, key: &ExecutionKey) -> Result<Option<&ExecutionIndex>, StoreError> {
        let shard = self.healthy(key.shard(self.shards()))?;
        Ok(shard.executions.get(key))
    }

    /// Why a batch cannot be taken.
    fn refuse(&self, batch: &Batch) -> Option<CommitError> {
        let Some(shard) = self.shards.get(batch.shard.0 as usize) else {
            return Some(CommitError::Failed("there is no such shard".to_owned()));
        };
        if shard.epoch != batch.epoch {
            return Some(CommitError::Fenced {
                stale: batch.epoch,
                newest: shard.epoch,
            });
        }
        shard
            .poisoned
            .then(|| CommitError::Failed("an earlier commit failed".to_owned()))
    }

    /// Puts a batch into the next group. The shard's `high` after it, if anything was written, and what it changes of
    /// rows.
    fn keep(&mut self, batch: &Batch) -> (Option<Timestamp>, Vec<RowChangeAt>) {
        let mut rows = Vec::new();
        if batch.entries.is_empty() {
            return (None, rows);
        }
        let mut records = std::mem::take(&mut self.records);
        records.clear();
        let (at, base) = self
            .log
            .append(|out| frame::put_batch(out, batch, &mut records));
        let count = self.shards();
        let shard = &mut self.shards[batch.shard.0 as usize];
        shard.high = shard.high.max(batch.high);
        let mut rest = &records[..];
        for of_one in batch.entries.chunk_by(|a, b| a.key == b.key) {
            let key = &of_one[0].key;
            assert_eq!(key.shard(count), batch.shard, "{key} is of another shard");
            let execution = shard.execution(key);
            execution.add_frame(at);
            for (entry, start) in of_one.iter().zip(rest) {
                if let Record::Event(bytes) = &entry.record {
                    let event = event_position(at.segment, base + *start as u64, bytes);
                    execution.add_event(&entry.run_id, event);
                }
                if let Record::Row(change) = &entry.record {
                    let change = (**change).clone();
                    rows.push(RowWrite::new(key, &entry.run_id, change, |_| Box::new(at)));
                }
            }
            rest = &rest[of_one.len()..];
        }
        self.records = records;
        (Some(batch.high), rows)
    }

    fn wait(&mut self, waiting: Waiting) {
        self.outstanding += usize::from(waiting.ticket.is_some());
        self.waiting.push_back(waiting);
    }

    /// Ends the first `count` of what waits.
    fn settle(&mut self, count: usize, ended: &mut Vec<Commit>) {
        for waiting in self.waiting.drain(..count) {
            if let (Some(high), Some(shard)) = (waiting.high, waiting.shard) {
                let shard = &mut self.shards[shard.0 as usize];
                shard.durable_high = shard.durable_high.max(high);
            }
            waiting
                .rows
                .into_iter()
                .for_each(|row| self.rows.apply(row));
            if let Some(ticket) = waiting.ticket {
                self.outstanding -= 1;
                ended.push((ticket, waiting.refused.map_or(Ok(()), Err)));
            }
        }
        self.in_flight = 0;
    }

    /// Fails all that waits, and goes back to what is durable.
    fn fail(&mut self, error: &DiskError, ended: &mut Vec<Commit>) {
        let mut opened = Vec::new();
        for waiting in self.waiting.drain(..) {
            let Some(ticket) = waiting.ticket else {
                opened.extend(waiting.shard);
                continue;
            };
            let shard = waiting.shard.map_or(usize::MAX, |it| it.0 as usize);
            if let Some(shard) = self.shards.get_mut(shard)
                && waiting.refused.is_none()
            {
                shard.poisoned = true;
            }
            let failed = || CommitError::Failed(error.to_string());
            ended.push((ticket, Err(waiting.refused.unwrap_or_else(failed))));
        }
        self.in_flight = 0;
        self.outstanding = 0;
        self.log.drop_undurable();
        let from = self.log.undurable_from();
        for shard in &mut self.shards {
            shard.cut(from);
        }
        self.carry_over()
            .expect("these frames were read before, at opening");
        self.write_epochs_again(opened);
    }

    /// An owner who has submitted nothing yet has lost nothing: his epoch is written with the next group.
    fn write_epochs_again(&mut self, mut opened: Vec<ShardId>) {
        opened.sort_unstable();
        opened.dedup();
        for shard in opened {
            let index = &self.shards[shard.0 as usize];
            if !index.poisoned {
                self.write_epoch(shard, index.epoch);
            }
        }
    }

    fn write_epoch(&mut self, shard: ShardId, epoch: Epoch) {
        self.log.append(|out| frame::put_epoch(out, shard, epoch));
        self.wait(Waiting {
            ticket: None,
            shard: Some(shard),
            high: None,
            refused: None,
            rows: Vec::new(),
        });
    }

    /// Reads a frame's payload.
    fn payload(&self, at: Position) -> Result<Bytes, StoreError> {
        let bytes = self.log.read(at)?;
        if crc32fast::hash(&bytes) == at.crc {
            Ok(Bytes::from(bytes))
        } else {
            Err(damaged(at.segment, at.offset, Damage::Checksum))
        }
    }

    fn fold(&self, key: &ExecutionKey, index: &ExecutionIndex) -> Result<Execution, StoreError> {
        let mut execution = Execution::default();
        let mut run = None;
        for at in &index.frames {
            let payload = self.payload(*at)?;
            apply_frame(&mut execution, &mut run, key, &payload)
                .map_err(|why| damaged(at.segment, at.offset, Damage::Malformed(why)))?;
        }
        Ok(execution)
    }

    /// Rows that were durable before the store was opened must not be missing from a list: it waits until those that
    /// may have been are durable again.
    fn rows_are_known(&self) -> Result<(), StoreError> {
        // What is carried over waits before anything else.
        if self.waiting.front().is_some_and(|it| it.shard.is_none()) {
            return Err(StoreError::NotYet);
        }
        Ok(())
    }

    /// The memo that a frame gives a run.
    fn memo(&self, run: &RunKey, at: &Position) -> Result<Proto<Memo>, StoreError> {
        let payload = self.payload(*at)?;
        memo_in(run, &payload).map_err(|why| damaged(at.segment, at.offset, Damage::Malformed(why)))
    }

    /// Reads events that lie close together at once.
    fn read_events(&self, events: &[Position], out: &mut Vec<Bytes>) -> Result<(), StoreError> {
        let near = |a: &Position, b: &Position| {
            self.log.adjoining(a, b) && b.offset.saturating_sub(a.end()) <= GAP
        };
        for close in events.chunk_by(near) {
            let (first, last) = (close[0], close[close.len() - 1]);
            let all = Position {
                length: length(index(last.end() - first.offset)),
                ..first
            };
            let bytes = Bytes::from(self.log.read(all)?);
            for at in close {
                let start = index(at.offset - first.offset);
                let event = bytes.slice(start..start + at.length as usize);
                if crc32fast::hash(&event) != at.crc {
                    return Err(damaged(at.segment, at.offset, Damage::Checksum));
                }
                out.push(event);
            }
        }
        Ok(())
    }
}

impl<D: Disk> Store for Embedded<D> {
    fn shards(&self) -> u32 {
        self.log.shards()
    }

    fn open_shard(&mut self, shard: ShardId) -> Result<Recovered, StoreError> {
        check_shard(shard, self.shards())?;
        let index = &mut self.shards[shard.0 as usize];
        let epoch = Epoch(index.epoch.0 + 1);
        index.epoch = epoch;
        index.poisoned = false;
        let high = index.high;
        self.write_epoch(shard, epoch);
        Ok(Recovered { epoch, high })
    }

    fn submit(&mut self, batch: Batch) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        let refused = self.refuse(&batch);
        let (high, rows) = match refused {
            None => self.keep(&batch),
            Some(_) => (None, Vec::new()),
        };
        self.wait(Waiting {
            ticket: Some(ticket),
            shard: Some(batch.shard),
            high,
            refused,
            rows,
        });
        ticket
    }

    fn poll_durable(&mut self, ended: &mut Vec<Commit>) {
        while !self.waiting.is_empty() {
            if self.in_flight == 0 {
                self.in_flight = self.waiting.len();
            }
            match self.log.advance() {
                Progress::Idle | Progress::Durable => self.settle(self.in_flight, ended),
                Progress::Syncing => return,
                Progress::Failed(error) => return self.fail(&error, ended),
            }
        }
    }

    fn outstanding(&self) -> usize {
        self.outstanding
    }

    fn load(&self, key: &ExecutionKey) -> Result<Option<Execution>, StoreError> {
        let index = self.find(key)?;
        index.map(|index| self.fold(key, index)).transpose()
    }

    fn history(&self, run: &RunKey, range: EventRange) -> Result<Vec<Bytes>, StoreError> {
        let index = self.find(&run.execution)?;
        let events = index.map_or(&[][..], |index| index.events(&run.run_id));
        let events = event_slice(events, run, range)?;
        let mut out = Vec::with_capacity(events.len());
        self.read_events(events, &mut out)?;
        Ok(out)
    }

    fn scan(
        &self,
        shard: ShardId,
        visit: &mut dyn FnMut(&ExecutionKey, Execution),
    ) -> Result<(), StoreError> {
        for (key, index) in &self.healthy(shard)?.executions {
            visit(key, self.fold(key, index)?);
        }
        Ok(())
    }

    fn list(&self, query: &Query) -> Result<Page, StoreError> {
        self.rows_are_known()?;
        self.rows.list(query, |run, at| self.memo(run, at))
    }

    fn count(&self, query: &Query, group_by: Option<GroupBy>) -> Result<Count, StoreError> {
        self.rows_are_known()?;
        Ok(self.rows.count(query, group_by))
    }

    fn open_runs(&self) -> u64 {
        self.rows.open()
    }
}

/// Notes everything in a durable group.
fn index_body(
    shards: &mut [ShardIndex],
    rows: &mut Vec<RowChangeAt>,
    segment: u32,
    base: u64,
    body: &[u8],
) -> Result<(), StoreError> {
    let mut end = 0;
    for raw in frame::frames(body) {
        let malformed = |why| damaged(segment, base + end as u64, Damage::Malformed(why));
        let raw = raw.map_err(malformed)?;
        let at = Position {
            segment,
            offset: base + raw.at as u64,
            length: length(raw.payload.len()),
            crc: raw.crc,
        };
        index_frame(shards, rows, at, raw.payload).map_err(malformed)?;
        end = raw.at + raw.payload.len();
    }
    Ok(())
}

/// Notes what a frame says.
fn index_frame(
    shards: &mut [ShardIndex],
    rows: &mut Vec<RowChangeAt>,
    at: Position,
    payload: &[u8],
) -> Result<(), String> {
    let count = count(shards.len());
    let (id, epoch) = match &Frame::decode(payload)? {
        Frame::Epoch(shard, epoch) => (*shard, *epoch),
        Frame::Batch(batch) => (batch.shard, batch.epoch),
    };
    let shard = shards.get_mut(id.0 as usize);
    let shard = shard.ok_or_else(|| format!("there is no shard {}", id.0))?;
    shard.epoch = shard.epoch.max(epoch);
    let Frame::Batch(mut batch) = Frame::decode(payload)? else {
        return Ok(());
    };
    shard.high = shard.high.max(batch.high);
    let mut known: Option<(frame::Names<'_>, ExecutionKey, RunId)> = None;
    while let Some(entry) = batch.next_entry()? {
        if known
            .as_ref()
            .is_none_or(|(names, ..)| *names != entry.names)
        {
            let (key, run) = (entry.names.key(), entry.names.run_id());
            if key.shard(count) != id {
                return Err(format!("{key} is not of shard {}", id.0));
            }
            shard.execution(&key).add_frame(at);
            known = Some((entry.names, key, run));
        }
        let (_, key, run) = known.as_ref().expect("it was just set");
        if entry.is_event {
            let event = event_position(at.segment, at.offset + entry.at as u64, entry.record);
            shard.execution(key).add_event(run, event);
        }
        if entry.is_row {
            let change = row_change(entry.record)?;
            rows.push(RowWrite::new(key, run, change, |_| Box::new(at)));
        }
    }
    Ok(())
}

/// The last memo that a frame gives a run.
fn memo_in(run: &RunKey, payload: &[u8]) -> Result<Proto<Memo>, String> {
    let Frame::Batch(mut batch) = Frame::decode(payload)? else {
        return Err("an epoch in the place of a batch".to_owned());
    };
    let mut found = None;
    while let Some(entry) = batch.next_entry()? {
        let names = entry.names;
        if entry.is_row && names.is_of(&run.execution) && names.is_run(&run.run_id) {
            found = match row_change(entry.record)? {
                RowChange::Started(row) => row.memo,
                RowChange::Changed(update) => update.memo.or(found),
                RowChange::Removed => found,
            };
        }
    }
    found.ok_or_else(|| format!("no memo of run {} is here", run.run_id))
}

fn row_change(record: &[u8]) -> Result<RowChange, String> {
    match postcard::from_bytes(record) {
        Ok(Record::Row(change)) => Ok(*change),
        Ok(_) => Err("another record in the place of a row".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn event_position(segment: u32, offset: u64, bytes: &[u8]) -> Position {
    Position {
        segment,
        offset,
        length: length(bytes.len()),
        crc: crc32fast::hash(bytes),
    }
}

/// Applies the records of one execution that are in a frame. `run` is the id of the run of the last one, so that it
/// is not made anew for each.
fn apply_frame(
    execution: &mut Execution,
    run: &mut Option<RunId>,
    key: &ExecutionKey,
    payload: &Bytes,
) -> Result<(), String> {
    let Frame::Batch(mut batch) = Frame::decode(payload)? else {
        return Err("an epoch in the place of a batch".to_owned());
    };
    while let Some(raw) = batch.next_entry()? {
        if !raw.names.is_of(key) {
            continue;
        }
        let run_id = match run {
            Some(id) if raw.names.is_run(id) => id.clone(),
            _ => run.insert(raw.names.run_id()).clone(),
        };
        let record = raw.record(payload)?;
        if !execution.knows(&run_id, &record) {
            return Err(format!("run {run_id} of {key} was never created"));
        }
        execution.apply(&Entry {
            key: key.clone(),
            run_id,
            record,
        });
    }
    Ok(())
}
