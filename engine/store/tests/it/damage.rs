//! What was durable and is not what was written any more is an error that says where; what a crash left unfinished
//! is not.

use steadfast_core::{EventId, RunKey, ShardId, effect::EventRange};
use steadfast_store::{
    Damage, Embedded, MemDisk, Options, Store, StoreError,
    conformance::settle,
    testing::{Model, Rng, Workload},
};

const SHARD: ShardId = ShardId(0);
const SECTOR: usize = 512;

/// A disk with some groups in one or more segments, and what is in them.
struct Written {
    disk: MemDisk,
    model: Model,
    /// Where the last group starts, in the last file.
    last_group: usize,
}

fn write(groups: usize, segment_bytes: u64) -> Written {
    let options = Options {
        shards: 1,
        segment_bytes,
    };
    let mut store = Embedded::open(MemDisk::default(), &options).expect("it opens");
    let epoch = store.open_shard(SHARD).expect("it opens").epoch;
    let mut workload = Workload::new(SHARD, 1, 3);
    let mut rng = Rng::new(17);
    let mut model = Model::new(1);
    let mut last_group = 0;
    for _ in 0..groups {
        last_group = last_file(store.disk()).1.len();
        let batch = workload.batch(&mut rng, epoch, model.next_high());
        let node = model.submitted(batch.clone());
        store.submit(batch);
        settle(&mut store);
        model.durable(node);
    }
    Written {
        disk: store.into_disk(),
        model,
        last_group,
    }
}

fn last_file(disk: &MemDisk) -> (&str, &[u8]) {
    let name = disk.names().last();
    name.map_or(("", &[]), |name| {
        (name, disk.content(name).expect("it is there"))
    })
}

fn open(disk: MemDisk) -> Result<Embedded<MemDisk>, StoreError> {
    Embedded::open(disk, &Options::default())
}

/// The file, the place and the kind of the damage that a store reports.
fn damage(disk: MemDisk) -> (String, u64, Damage) {
    match open(disk) {
        Err(StoreError::Damaged {
            file,
            offset,
            damage,
        }) => (file, offset, damage),
        other => panic!("not damaged: {other:?}"),
    }
}

#[test]
fn every_flipped_bit_is_reported() {
    let written = write(12, 3_000);
    let names: Vec<_> = written.disk.names().map(str::to_owned).collect();
    assert!(names.len() > 2, "there are older segments: {names:?}");
    for name in names {
        let length = written.disk.content(&name).expect("it is there").len();
        for at in 0..length {
            let mut disk = written.disk.clone();
            disk.content_mut(&name).expect("it is there")[at] ^= 1 << (at % 8);
            let (file, offset, _) = damage(disk);
            assert_eq!(file, name);
            assert!(offset <= at as u64, "{offset} after {at}");
        }
    }
}

#[test]
fn an_unfinished_group_is_dropped_wherever_it_ends() {
    let mut written = write(6, 1 << 20);
    let (name, content) = last_file(&written.disk);
    let (name, length) = (name.to_owned(), content.len());
    assert!(written.last_group > SECTOR, "the group is not the first");
    for end in written.last_group..length {
        let mut disk = written.disk.clone();
        disk.content_mut(&name).expect("it is there").truncate(end);
        let mut store = open(disk).expect("a torn tail is no damage");
        assert_eq!(lost(&mut written.model, &mut store), 1, "cut at {end}");
    }
}

/// How many batches are gone. Panics if any other than the last one is.
fn lost(model: &mut Model, store: &mut Embedded<MemDisk>) -> usize {
    let recovered = store.open_shard(SHARD).expect("it opens");
    let count = model.current(SHARD).count();
    let found = usize::try_from(recovered.high.as_nanos()).expect("small");
    let mut shorter = Model::new(1);
    for batch in model.current(SHARD).take(found) {
        shorter.submitted(batch.clone());
    }
    shorter.check(store, SHARD).expect("what is left is whole");
    count - found
}

#[test]
fn an_unfinished_group_is_dropped_whichever_sectors_are_missing() {
    let mut sectors_seen = 0;
    for groups in 2..40 {
        let mut written = write(groups, 1 << 20);
        let (name, content) = last_file(&written.disk);
        let (name, sectors) = (
            name.to_owned(),
            (content.len() - written.last_group) / SECTOR,
        );
        sectors_seen = sectors.max(sectors_seen);
        let before = content.to_vec();
        for missing in 1_u32..1 << sectors.min(8) {
            let mut disk = written.disk.clone();
            let content = disk.content_mut(&name).expect("it is there");
            for sector in (0..sectors).filter(|n| *n < 8 && missing & 1 << n != 0) {
                let start = written.last_group + sector * SECTOR;
                content[start..start + SECTOR].fill(0);
            }
            // A sector of zeros that is lost is not lost.
            let expected = usize::from(*content != before);
            let mut store = open(disk).expect("a torn tail is no damage");
            assert_eq!(
                lost(&mut written.model, &mut store),
                expected,
                "sectors {missing:b}"
            );
        }
    }
    assert!(sectors_seen > 3, "groups of several sectors were seen");
}

#[test]
fn a_missing_durable_group_is_reported() {
    let written = write(5, 1 << 20);
    let (name, _) = last_file(&written.disk);
    let name = name.to_owned();
    let mut disk = written.disk.clone();
    let content = disk.content_mut(&name).expect("it is there");
    content[SECTOR..written.last_group].fill(0);
    let (file, offset, damage) = damage(disk);
    assert_eq!((file, offset), (name, SECTOR as u64));
    let later = written.last_group as u64;
    assert_eq!(damage, Damage::Missing { later });
}

#[test]
fn a_missing_segment_is_reported() {
    let written = write(12, 3_000);
    let names: Vec<_> = written.disk.names().map(str::to_owned).collect();
    for name in &names[..names.len() - 1] {
        let others = names.iter().filter(|n| *n != name);
        let files = others.map(|n| (n.clone(), written.disk.content(n).expect("there").to_vec()));
        let found = damage(MemDisk::with_files(files));
        assert_eq!(found, (name.clone(), 0, Damage::NoSegment));
    }
}

#[test]
fn an_older_segment_that_is_too_short_is_reported() {
    let written = write(12, 3_000);
    let name = written.disk.names().next().expect("the first").to_owned();
    let length = written.disk.content(&name).expect("it is there").len();
    for end in SECTOR..length {
        let mut disk = written.disk.clone();
        disk.content_mut(&name).expect("it is there").truncate(end);
        let (file, offset, _) = damage(disk);
        assert_eq!((file, offset), (name.clone(), end as u64));
    }
}

#[test]
fn misdirected_groups_are_reported() {
    let written = write(5, 1 << 20);
    let (name, content) = last_file(&written.disk);
    let (name, group) = (name.to_owned(), content[written.last_group..].to_vec());
    // Over an older one: its own place is empty, as if it had never been written.
    let mut disk = written.disk.clone();
    let content = disk.content_mut(&name).expect("it is there");
    content.truncate(written.last_group);
    content[SECTOR..SECTOR + group.len()].copy_from_slice(&group);
    let (file, offset, found) = damage(disk);
    assert_eq!((file, offset), (name.clone(), SECTOR as u64));
    let misplaced = Damage::Misplaced {
        segment: 1,
        offset: written.last_group as u64,
    };
    assert_eq!(found, misplaced);
    // Beyond the end.
    let mut disk = written.disk.clone();
    let content = disk.content_mut(&name).expect("it is there");
    content.truncate(written.last_group);
    content.resize(written.last_group + 4 * SECTOR, 0);
    content.extend_from_slice(&group);
    let (_, offset, found) = damage(disk);
    assert_eq!(offset, written.last_group as u64);
    let later = (written.last_group + 4 * SECTOR) as u64;
    assert_eq!(found, Damage::Missing { later });
}

#[test]
fn foreign_and_newer_files_are_refused() {
    let file = |content: Vec<u8>| MemDisk::with_files([("0000000001.log".to_owned(), content)]);
    let (_, offset, found) = damage(file(vec![b'x'; 2000]));
    assert_eq!((offset, found), (0, Damage::NotALog));
    let mut content = last_file(&write(1, 1 << 20).disk).1.to_vec();
    content[8] = 9;
    let error = open(file(content)).expect_err("it is of another version");
    assert_eq!(
        error.to_string(),
        "0000000001.log is damaged at offset 0: format version 9, and this release reads version 2"
    );
}

#[test]
fn damage_under_a_running_store_is_reported_by_reads() {
    let written = write(6, 1 << 20);
    let batches: Vec<_> = written.model.current(SHARD).cloned().collect();
    let entry = &batches[1].entries[0];
    let run = RunKey {
        execution: entry.key.clone(),
        run_id: entry.run_id.clone(),
    };
    let first = EventRange {
        first: EventId(1),
        last: EventId(1),
    };
    let (name, length) = {
        let (name, content) = last_file(&written.disk);
        (name.to_owned(), content.len())
    };
    let (mut loads, mut histories) = (0, 0);
    for at in SECTOR..length {
        let mut store = open(written.disk.clone()).expect("it is whole");
        let disk = store.disk_mut();
        disk.content_mut(&name).expect("it is there")[at] ^= 0x10;
        let check = |error: StoreError| match error {
            StoreError::Damaged { file, offset, .. } => {
                assert_eq!(file, name);
                assert!(offset <= at as u64, "{offset} after {at}");
                1
            }
            other => panic!("{other}"),
        };
        loads += store.load(&entry.key).map_or_else(check, |_| 0);
        histories += store.history(&run, first).map_or_else(check, |_| 0);
    }
    assert!(
        loads > histories && histories > 5,
        "{loads} loads, {histories} histories"
    );
}
