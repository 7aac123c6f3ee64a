//! Frames: what a group is made of. A frame is a length, a checksum and a payload, which is a batch or an epoch.
//!
//! A batch's entries stand one after the other; an entry names its execution and run only if they are not those of
//! the entry before it. Events are stored as the bytes they are, so that a history is read without decoding; other
//! records in postcard. Events and rows of visibility are told apart without decoding: an index is made of them.

use std::sync::LazyLock;

use bytes::Bytes;
use steadfast_core::{
    Batch, Entry, Epoch, ExecutionKey, Namespace, Record, RunId, ShardId, Timestamp, WorkflowId,
};

use crate::convert::length;

/// Length and checksum.
pub(crate) const FRAME_HEADER: usize = 8;

const BATCH: u8 = 1;
const EPOCH: u8 = 2;
const NAMES: u8 = 1;
const EVENT: u8 = 2;
const ROW: u8 = 4;

/// Appends an epoch's frame.
pub(crate) fn put_epoch(out: &mut Vec<u8>, shard: ShardId, epoch: Epoch) {
    let start = begin(out, EPOCH);
    put_varint(out, shard.0.into());
    put_varint(out, epoch.0);
    end(out, start);
}

/// Appends a batch's frame, and notes where in `out` each entry's record starts.
pub(crate) fn put_batch(out: &mut Vec<u8>, batch: &Batch, records: &mut Vec<usize>) {
    let start = begin(out, BATCH);
    put_varint(out, batch.shard.0.into());
    put_varint(out, batch.epoch.0);
    out.extend_from_slice(&batch.high.as_nanos().to_le_bytes());
    put_varint(out, batch.entries.len() as u64);
    let mut last: Option<&Entry> = None;
    for entry in &batch.entries {
        let named = last.is_some_and(|l| l.run_id == entry.run_id && l.key == entry.key);
        let kind = match entry.record {
            Record::Event(_) => EVENT,
            Record::Row(_) => ROW,
            _ => 0,
        };
        out.push(if named { 0 } else { NAMES } | kind);
        if !named {
            put_str(out, entry.key.namespace.as_str());
            put_str(out, entry.key.workflow_id.as_str());
            put_str(out, entry.run_id.as_str());
        }
        records.push(put_record(out, &entry.record));
        last = Some(entry);
    }
    end(out, start);
}

fn put_record(out: &mut Vec<u8>, record: &Record) -> usize {
    let length_at = out.len();
    out.extend_from_slice(&[0; 4]);
    let at = out.len();
    match record {
        Record::Event(bytes) => out.extend_from_slice(bytes),
        _ => {
            postcard::serialize_with_flavor(record, Appender(out))
                .expect("records have no unserialisable parts");
        }
    }
    let bytes = length(out.len() - at);
    out[length_at..at].copy_from_slice(&bytes.to_le_bytes());
    at
}

/// Room for length and checksum, then the kind.
fn begin(out: &mut Vec<u8>, kind: u8) -> usize {
    out.extend_from_slice(&[0; FRAME_HEADER]);
    out.push(kind);
    out.len() - 1
}

fn end(out: &mut [u8], start: usize) {
    let bytes = length(out.len() - start);
    let crc = crc32fast::hash(&out[start..]);
    out[start - 8..start - 4].copy_from_slice(&bytes.to_le_bytes());
    out[start - 4..start].copy_from_slice(&crc.to_le_bytes());
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

fn put_str(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Lets postcard write at the end of a buffer.
struct Appender<'a>(&'a mut Vec<u8>);

impl postcard::ser_flavors::Flavor for Appender<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// A frame in the bytes of a group's body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawFrame<'a> {
    /// Where the payload starts, from the start of those bytes.
    pub(crate) at: usize,
    pub(crate) crc: u32,
    pub(crate) payload: &'a [u8],
}

impl RawFrame<'_> {
    /// Appends the same frame.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&length(self.payload.len()).to_le_bytes());
        out.extend_from_slice(&self.crc.to_le_bytes());
        out.extend_from_slice(self.payload);
    }
}

/// Takes the frames of a group's body one by one; the end mark is not part of `body`.
pub(crate) fn frames(body: &[u8]) -> impl Iterator<Item = Result<RawFrame<'_>, String>> {
    let mut input = Input::new(body);
    std::iter::from_fn(move || (!input.is_empty()).then(|| input.frame()))
}

/// What a frame says.
pub(crate) enum Frame<'a> {
    /// A new owner.
    Epoch(ShardId, Epoch),
    /// A step.
    Batch(BatchFrame<'a>),
}

/// A step; its entries are read one after the other.
pub(crate) struct BatchFrame<'a> {
    pub(crate) shard: ShardId,
    pub(crate) epoch: Epoch,
    pub(crate) high: Timestamp,
    left: u64,
    input: Input<'a>,
    names: Option<Names<'a>>,
}

/// Of which run of which execution an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Names<'a> {
    namespace: &'a str,
    workflow_id: &'a str,
    run_id: &'a str,
}

impl Names<'_> {
    pub(crate) fn key(&self) -> ExecutionKey {
        ExecutionKey::new(
            Namespace::from(self.namespace),
            WorkflowId::from(self.workflow_id),
        )
    }

    pub(crate) fn run_id(&self) -> RunId {
        RunId::from(self.run_id)
    }

    pub(crate) fn is_run(&self, run: &RunId) -> bool {
        self.run_id == run.as_str()
    }

    pub(crate) fn is_of(&self, key: &ExecutionKey) -> bool {
        self.workflow_id == key.workflow_id.as_str() && self.namespace == key.namespace.as_str()
    }
}

/// An entry, undecoded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawEntry<'a> {
    pub(crate) names: Names<'a>,
    pub(crate) is_event: bool,
    pub(crate) is_row: bool,
    /// Where the record starts, from the start of the payload.
    pub(crate) at: usize,
    pub(crate) record: &'a [u8],
}

impl RawEntry<'_> {
    /// The record; `payload` is what the entry was read from.
    pub(crate) fn record(&self, payload: &Bytes) -> Result<Record, String> {
        if self.is_event {
            let bytes = payload.slice(self.at..self.at + self.record.len());
            return Ok(Record::Event(bytes));
        }
        match postcard::take_from_bytes(self.record) {
            Ok((Record::Event(_), _)) => Err("an event in the place of another record".to_owned()),
            Ok((record, [])) if matches!(record, Record::Row(_)) == self.is_row => Ok(record),
            Ok((_, [])) => {
                Err("a row in the place of another record, or another for a row".to_owned())
            }
            Ok(_) => Err("a record is followed by more".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Whether the bytes of a record that is no event say that a run is gone.
pub(crate) fn is_deletion(record: &[u8]) -> bool {
    static DELETED: LazyLock<Vec<u8>> = LazyLock::new(|| {
        postcard::to_stdvec(&Record::Deleted).expect("it has no unserialisable parts")
    });
    record == *DELETED
}

impl<'a> Frame<'a> {
    /// Reads a payload.
    pub(crate) fn decode(payload: &'a [u8]) -> Result<Self, String> {
        let mut input = Input::new(payload);
        match input.byte()? {
            EPOCH => {
                let frame = Self::Epoch(input.shard()?, Epoch(input.varint()?));
                if input.is_empty() {
                    Ok(frame)
                } else {
                    Err("an epoch is followed by more".to_owned())
                }
            }
            BATCH => Ok(Self::Batch(BatchFrame {
                shard: input.shard()?,
                epoch: Epoch(input.varint()?),
                high: Timestamp::from_nanos(input.long()?),
                left: input.varint()?,
                input,
                names: None,
            })),
            kind => Err(format!("a frame of unknown kind {kind}")),
        }
    }
}

impl<'a> BatchFrame<'a> {
    /// The next entry.
    pub(crate) fn next_entry(&mut self) -> Result<Option<RawEntry<'a>>, String> {
        if self.left == 0 {
            return if self.input.is_empty() {
                Ok(None)
            } else {
                Err("a batch is followed by more".to_owned())
            };
        }
        self.left -= 1;
        let tag = self.input.byte()?;
        if tag & !(NAMES | EVENT | ROW) != 0 || tag & (EVENT | ROW) == EVENT | ROW {
            return Err(format!("an entry of unknown kind {tag}"));
        }
        if tag & NAMES != 0 {
            self.names = Some(Names {
                namespace: self.input.str()?,
                workflow_id: self.input.str()?,
                run_id: self.input.str()?,
            });
        }
        let names = self.names.ok_or("the first entry names no run")?;
        let length = self.input.int()?;
        let at = self.input.at;
        Ok(Some(RawEntry {
            names,
            is_event: tag & EVENT != 0,
            is_row: tag & ROW != 0,
            at,
            record: self.input.take(length as usize)?,
        }))
    }
}

/// A cursor that never reads past the end.
struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let end = self.at.checked_add(length);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or_else(|| format!("{length} bytes wanted past the end"))?;
        self.at += length;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, String> {
        Ok(self.take(1)?[0])
    }

    fn int(&mut self) -> Result<u32, String> {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(self.take(4)?);
        Ok(u32::from_le_bytes(bytes))
    }

    fn long(&mut self) -> Result<i64, String> {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(self.take(8)?);
        Ok(i64::from_le_bytes(bytes))
    }

    fn varint(&mut self) -> Result<u64, String> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if part << shift >> shift != part {
                break;
            }
            value |= part << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err("a number is too long".to_owned())
    }

    fn shard(&mut self) -> Result<ShardId, String> {
        let number = self.varint()?;
        u32::try_from(number)
            .map(ShardId)
            .map_err(|_| format!("there is no shard {number}"))
    }

    fn str(&mut self) -> Result<&'a str, String> {
        let length = usize::try_from(self.varint()?).map_err(|_| "a name is too long")?;
        std::str::from_utf8(self.take(length)?).map_err(|_| "a name is not UTF-8".to_owned())
    }

    fn frame(&mut self) -> Result<RawFrame<'a>, String> {
        let result = self.try_frame();
        if result.is_err() {
            self.at = self.bytes.len();
        }
        result
    }

    fn try_frame(&mut self) -> Result<RawFrame<'a>, String> {
        let length = self.int()? as usize;
        let crc = self.int()?;
        let at = self.at;
        let payload = self.take(length)?;
        if crc32fast::hash(payload) != crc {
            return Err("a frame's checksum does not match".to_owned());
        }
        Ok(RawFrame { at, crc, payload })
    }
}
