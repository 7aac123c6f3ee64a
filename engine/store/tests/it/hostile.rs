//! Bytes from anywhere: never a panic, always an error that names the file.

use proptest::{collection::vec, prelude::*};
use steadfast_core::{Batch, Epoch, ShardId, Timestamp};
use steadfast_store::{
    Embedded, MemDisk, Options, Store, StoreError,
    conformance::settle,
    testing::{Rng, Workload},
};

fn batches(seed: u64, count: usize) -> Vec<Batch> {
    let mut rng = Rng::new(seed);
    let mut workload = Workload::new(ShardId(0), 1, 3);
    let high = Timestamp::from_secs(1);
    (0..count)
        .map(|_| workload.batch(&mut rng, Epoch(1), high))
        .collect()
}

fn valid_disk(seed: u64, groups: usize) -> MemDisk {
    let options = Options {
        shards: 1,
        segment_bytes: 4_000,
    };
    let mut store = Embedded::open(MemDisk::default(), &options).expect("it opens");
    store.open_shard(ShardId(0)).expect("it opens");
    for batch in batches(seed, groups) {
        store.submit(batch);
        settle(&mut store);
    }
    store.into_disk()
}

/// Opens and reads everything. Whatever goes wrong must say where.
fn read(disk: MemDisk) -> Result<(), TestCaseError> {
    let names: Vec<_> = disk.names().map(str::to_owned).collect();
    let all = Embedded::open(disk, &Options::default())
        .and_then(|store| store.scan(ShardId(0), &mut |_, _| {}));
    match all {
        Ok(()) => Ok(()),
        Err(StoreError::Damaged { file, .. }) => {
            // A missing segment's name is not among the files.
            prop_assert!(names.contains(&file) || file.ends_with(".log"), "{file}");
            Ok(())
        }
        Err(other) => Err(TestCaseError::fail(other.to_string())),
    }
}

/// A change of a file.
#[derive(Clone, Debug)]
enum Edit {
    Overwrite(Vec<u8>),
    Insert(Vec<u8>),
    Remove(usize),
    Truncate,
    CopyFrom(prop::sample::Index, usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        vec(any::<u8>(), 1..40).prop_map(Edit::Overwrite),
        vec(any::<u8>(), 1..600).prop_map(Edit::Insert),
        (1_usize..1_200).prop_map(Edit::Remove),
        Just(Edit::Truncate),
        (any::<prop::sample::Index>(), 1_usize..1_500).prop_map(|(i, n)| Edit::CopyFrom(i, n)),
    ]
}

impl Edit {
    fn apply(&self, at: usize, content: &mut Vec<u8>) {
        let rest = content.len() - at;
        match self {
            Self::Overwrite(bytes) => {
                let length = bytes.len().min(rest);
                content[at..at + length].copy_from_slice(&bytes[..length]);
            }
            Self::Insert(bytes) => drop(content.splice(at..at, bytes.iter().copied())),
            Self::Remove(length) => drop(content.drain(at..at + rest.min(*length))),
            Self::Truncate => content.truncate(at),
            Self::CopyFrom(from, length) => {
                let from = from.index(content.len()) / 512 * 512;
                let length = (*length).min(rest).min(content.len() - from);
                content.copy_within(from..from + length, at);
            }
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_as_segments(files in vec((1_u32..5, vec(any::<u8>(), 0..2_000)), 0..3)) {
        let files = files.into_iter().map(|(n, bytes)| (format!("{n:010}.log"), bytes));
        read(MemDisk::with_files(files))?;
    }

    #[test]
    fn edited_segments(
        seed in 0_u64..20,
        edits in vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<bool>(), edit()), 1..4),
    ) {
        let mut disk = valid_disk(seed, 12);
        for (file, at, aligned, edit) in edits {
            let names: Vec<_> = disk.names().map(str::to_owned).collect();
            let content = disk.content_mut(&names[file.index(names.len())]).expect("it is there");
            if content.is_empty() {
                continue;
            }
            let at = at.index(content.len());
            edit.apply(if aligned { at / 512 * 512 } else { at }, content);
        }
        read(disk)?;
    }

    #[test]
    fn swapped_and_doubled_segments(seed in 0_u64..20, order in vec(1_u32..8, 1..8)) {
        let disk = valid_disk(seed, 20);
        let names: Vec<_> = disk.names().map(str::to_owned).collect();
        let files = names.iter().zip(order).map(|(name, number)| {
            (format!("{number:010}.log"), disk.content(name).expect("it is there").to_vec())
        });
        read(MemDisk::with_files(files))?;
    }

    #[test]
    fn any_bytes_as_a_batch(bytes in vec(any::<u8>(), 0..400)) {
        if let Err(error) = Batch::decode(&bytes) {
            prop_assert!(error.to_string().starts_with("not a batch of records"), "{error}");
        }
    }

    #[test]
    fn edited_batches(
        seed in 0_u64..50,
        edits in vec((any::<prop::sample::Index>(), edit()), 1..4),
    ) {
        for batch in batches(seed, 8) {
            let mut bytes = batch.encode();
            prop_assert_eq!(&Batch::decode(&bytes).expect("we encoded it"), &batch);
            for (at, edit) in &edits {
                if !bytes.is_empty() {
                    edit.apply(at.index(bytes.len()), &mut bytes);
                }
            }
            // Whatever it is now, reading it ends, and a batch that is read can be written.
            if let Ok(decoded) = Batch::decode(&bytes) {
                prop_assert_eq!(&Batch::decode(&decoded.encode()).expect("we encoded it"), &decoded);
            }
        }
    }
}
