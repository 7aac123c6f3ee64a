//! Frames from anywhere, with checksums that are right.

use bytes::Bytes;
use proptest::{collection::vec, prelude::*};
use steadfast_core::{Batch, Entry, Epoch, Execution, Record, ShardId, Timestamp};

use super::{
    Embedded, Options, apply_frame,
    frame::{FRAME_HEADER, Frame, frames, put_batch, put_epoch},
    index::ShardIndex,
    index_body,
    log::segment_number,
};
use crate::{
    MemDisk, Store, StoreError,
    conformance::settle,
    testing::{Rng, Workload},
};

fn batches(seed: u64) -> Vec<Batch> {
    let mut rng = Rng::new(seed);
    let mut workload = Workload::new(ShardId(0), 1, 3);
    let high = Timestamp::from_nanos(-5);
    (0..8)
        .map(|_| workload.batch(&mut rng, Epoch(300), high))
        .collect()
}

fn payload(batch: &Batch) -> Bytes {
    let mut out = Vec::new();
    put_batch(&mut out, batch, &mut Vec::new());
    Bytes::from(out).slice(FRAME_HEADER..)
}

/// Reads a batch to its end.
fn decode(payload: &Bytes) -> Result<Batch, String> {
    let Frame::Batch(mut frame) = Frame::decode(payload)? else {
        return Err("an epoch".to_owned());
    };
    let (shard, epoch, high) = (frame.shard, frame.epoch, frame.high);
    let mut entries = Vec::new();
    while let Some(raw) = frame.next_entry()? {
        entries.push(Entry {
            key: raw.names.key(),
            run_id: raw.names.run_id(),
            record: raw.record(payload)?,
        });
    }
    Ok(Batch {
        shard,
        epoch,
        high,
        entries,
    })
}

#[test]
fn batches_are_read_as_they_were_written() {
    for batch in (0..50).flat_map(batches) {
        assert_eq!(decode(&payload(&batch)).as_ref(), Ok(&batch));
    }
}

#[test]
fn truncated_batches_are_errors() {
    for batch in batches(1) {
        let payload = payload(&batch);
        for end in 0..payload.len() {
            decode(&payload.slice(..end)).expect_err("something is missing");
        }
    }
}

#[test]
fn records_of_a_run_that_was_never_created_are_an_error() {
    let batches = batches(1);
    let mut entries = batches.iter().flat_map(|b| &b.entries);
    let entry = entries.find(|e| !matches!(e.record, Record::Created(_)));
    let entry = entry.expect("there is one");
    let orphan = Batch {
        entries: vec![entry.clone()],
        ..batches[0].clone()
    };
    let mut execution = Execution::default();
    let applied = apply_frame(&mut execution, &mut None, &entry.key, &payload(&orphan));
    let error = applied.expect_err("it has no run");
    assert!(error.ends_with("was never created"), "{error}");
}

#[test]
fn only_our_files_are_segments() {
    assert_eq!(segment_number("0000000017.log"), Some(17));
    for other in [
        "17.log",
        "0000000000.log",
        "4294967295.log",
        "+000000017.log",
        "0000000017",
    ] {
        assert_eq!(segment_number(other), None, "{other}");
    }
}

/// A log whose checksums are right and whose only frame is this.
fn disk_with(payload: &[u8]) -> MemDisk {
    let mut store = Embedded::open(MemDisk::default(), &Options::default()).expect("it opens");
    store.log.append(|out| {
        out.extend_from_slice(&u32::try_from(payload.len()).expect("short").to_le_bytes());
        out.extend_from_slice(&crc32fast::hash(payload).to_le_bytes());
        out.extend_from_slice(payload);
    });
    store.open_shard(ShardId(0)).expect("it opens");
    settle_all(&mut store);
    store.into_disk()
}

fn settle_all(store: &mut Embedded<MemDisk>) {
    store.poll_durable(&mut Vec::new());
    settle(store);
}

/// Opening either works or says where the frame is.
fn open(disk: MemDisk) -> Result<(), TestCaseError> {
    match Embedded::open(disk, &Options::default()) {
        Ok(_) => Ok(()),
        Err(StoreError::Damaged { file, .. }) => {
            prop_assert_eq!(file, "0000000001.log");
            Ok(())
        }
        Err(other) => Err(TestCaseError::fail(other.to_string())),
    }
}

proptest! {
    #[test]
    fn any_bytes_as_a_payload(bytes in vec(any::<u8>(), 0..300), kind in 0_u8..4) {
        let mut payload = vec![kind];
        payload.extend(bytes);
        decode(&Bytes::from(payload.clone())).ok();
        open(disk_with(&payload))?;
    }

    #[test]
    fn edited_payloads(
        seed in 0_u64..50,
        edits in vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        for batch in batches(seed) {
            let mut bytes = payload(&batch).to_vec();
            for (at, byte) in &edits {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            decode(&Bytes::from(bytes.clone())).ok();
            open(disk_with(&bytes))?;
        }
    }

    #[test]
    fn any_bytes_as_a_body(bytes in vec(any::<u8>(), 0..300)) {
        let mut shards = vec![ShardIndex::default()];
        let result = index_body(&mut shards, &mut Vec::new(), 3, 560, &bytes);
        prop_assert_eq!(result.is_ok(), frames(&bytes).count() == 0);
    }

    #[test]
    fn epochs_are_read_as_they_were_written(shard: u32, epoch: u64) {
        let mut out = Vec::new();
        put_epoch(&mut out, ShardId(shard), Epoch(epoch));
        let frame = Frame::decode(&out[FRAME_HEADER..]);
        let same = matches!(frame, Ok(Frame::Epoch(s, e)) if (s.0, e.0) == (shard, epoch));
        prop_assert!(same, "not what was written");
    }
}
