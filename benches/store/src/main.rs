//! The embedded store beside redb: commits a second, with one and with a hundred batches to a commit.
//!
//! `cargo run --release --manifest-path benches/store/Cargo.toml -- [DIRECTORY]`
//!
//! Both get the same batches. redb is measured twice: as a log (one row a batch, which leaves loads and histories
//! without an index) and with a row for each record and each event, which is what answers our queries.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use redb::{Database, TableDefinition, backends::InMemoryBackend};
use steadfast_core::{Batch, Epoch, EventId, Record, RunKey, ShardId, Timestamp, effect::EventRange};
use steadfast_store::{
    Disk, Embedded, MemDisk, Options, RealDisk, Store,
    testing::{Rng, Workload},
};

const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");
const RECORDS: TableDefinition<'_, (&str, u64, u32), &[u8]> = TableDefinition::new("records");
const EVENTS: TableDefinition<'_, (&str, u64), &[u8]> = TableDefinition::new("events");

/// How long each figure is measured.
const TIME: Duration = Duration::from_secs(3);

fn main() {
    let directory = std::env::args().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let directory = directory.join("steadfast-bench-store");
    std::fs::remove_dir_all(&directory).ok();
    std::fs::create_dir_all(&directory).expect("the directory can be made");
    let batches = batches(20_000);
    let bytes: usize = batches.iter().map(|batch| batch.encode().len()).sum();
    println!("{} bytes a batch on average\n", bytes / batches.len());
    println!("| commits, batches a second | 1 a commit | 100 a commit |\n|---|---|---|");
    on_disk(&directory, &batches);
    in_memory(&batches);
    println!();
    opening();
    reading(&batches);
    std::fs::remove_dir_all(&directory).expect("it was made here");
}

/// One shard's work: the same in each run.
fn batches(count: u64) -> Vec<Batch> {
    let mut rng = Rng::new(1);
    let mut workload = Workload::new(ShardId(0), 1, 500);
    (1..=count)
        .map(|n| workload.batch(&mut rng, Epoch(1), Timestamp::from_nanos(n.cast_signed())))
        .collect()
}

fn on_disk(directory: &Path, batches: &[Batch]) {
    let mut made = 0;
    let mut ours = || {
        made += 1;
        let disk = RealDisk::open(directory.join(format!("ours-{made}")));
        open(disk.expect("the directory can be made"))
    };
    row("ours, disk", |group| commits(&mut ours(), batches, group));
    let mut made = 0;
    let mut redb = || {
        made += 1;
        Database::create(directory.join(format!("redb-{made}"))).expect("it can be made")
    };
    row("redb as a log, disk", |group| redb_log(&redb(), batches, group));
    row("redb with rows, disk", |group| redb_rows(&redb(), batches, group));
}

fn in_memory(batches: &[Batch]) {
    let redb = || {
        let backend = InMemoryBackend::new();
        Database::builder().create_with_backend(backend).expect("it can be made")
    };
    row("ours, memory", |group| commits(&mut open(MemDisk::default()), batches, group));
    row("redb as a log, memory", |group| redb_log(&redb(), batches, group));
    row("redb with rows, memory", |group| redb_rows(&redb(), batches, group));
}

fn row(name: &str, mut measure: impl FnMut(usize) -> f64) {
    let (one, hundred) = (measure(1), measure(100));
    println!("| {name} | {one:.0} | {hundred:.0} |");
}

fn open<D: Disk>(disk: D) -> Embedded<D> {
    let mut store = Embedded::open(disk, &Options::default()).expect("it opens");
    store.open_shard(ShardId(0)).expect("it opens");
    store
}

/// Calls `commit` with groups of batches, over and over, for a while. Returns batches a second.
fn rate(batches: &[Batch], group: usize, mut commit: impl FnMut(u64, &[Batch])) -> f64 {
    let start = Instant::now();
    let mut done = 0;
    // One pass at most: the batches are a history, which cannot be told twice.
    for group in batches.chunks(group) {
        commit(done, group);
        done += group.len() as u64;
        if start.elapsed() > TIME {
            break;
        }
    }
    done as f64 / start.elapsed().as_secs_f64()
}

fn commits<D: Disk>(store: &mut Embedded<D>, batches: &[Batch], group: usize) -> f64 {
    let mut ended = Vec::new();
    let owned = batches.to_vec();
    let mut owned = owned.into_iter();
    rate(batches, group, |_, group| {
        for batch in owned.by_ref().take(group.len()) {
            store.submit(batch);
        }
        store.poll_durable(&mut ended);
        assert_eq!(store.outstanding(), 0, "this disk syncs at once");
        assert!(ended.drain(..).all(|(_, result)| result.is_ok()), "a commit failed");
    })
}

fn redb_log(database: &Database, batches: &[Batch], group: usize) -> f64 {
    rate(batches, group, |done, group| {
        let transaction = database.begin_write().expect("it begins");
        {
            let mut table = transaction.open_table(LOG).expect("it opens");
            for (n, batch) in group.iter().enumerate() {
                let bytes = batch.encode();
                table.insert(done + n as u64, &bytes[..]).expect("it inserts");
            }
        }
        transaction.commit().expect("it commits");
    })
}

fn redb_rows(database: &Database, batches: &[Batch], group: usize) -> f64 {
    let mut events_of = std::collections::BTreeMap::new();
    rate(batches, group, |done, group| {
        let transaction = database.begin_write().expect("it begins");
        {
            let mut records = transaction.open_table(RECORDS).expect("it opens");
            let mut events = transaction.open_table(EVENTS).expect("it opens");
            for (n, batch) in group.iter().enumerate() {
                for (m, entry) in (0..).zip(&batch.entries) {
                    if let Record::Event(bytes) = &entry.record {
                        let run = entry.run_id.as_str();
                        let next = events_of.entry(entry.run_id.clone()).or_insert(0);
                        *next += 1;
                        events.insert((run, *next), &bytes[..]).expect("it inserts");
                    } else {
                        let single = Batch {
                            entries: vec![entry.clone()],
                            ..*batch
                        };
                        let key = (entry.key.workflow_id.as_str(), done + n as u64, m);
                        records.insert(key, &single.encode()[..]).expect("it inserts");
                    }
                }
            }
        }
        transaction.commit().expect("it commits");
    })
}

fn opening() {
    let times = 100_000;
    let start = Instant::now();
    for _ in 0..times {
        let mut store = open(MemDisk::default());
        store.poll_durable(&mut Vec::new());
    }
    let each = start.elapsed() / times;
    println!("opening an empty store in memory, its first epoch durable: {each:?}");
}

fn reading(batches: &[Batch]) {
    let mut store = open(MemDisk::default());
    for batch in batches {
        store.submit(batch.clone());
        store.poll_durable(&mut Vec::new());
    }
    let last = &batches[batches.len() - 1].entries[0];
    let (mut executions, start) = (0, Instant::now());
    store
        .scan(ShardId(0), &mut |_, _| executions += 1)
        .expect("it scans");
    let each = start.elapsed() / executions;
    let records: usize = batches.iter().map(|batch| batch.entries.len()).sum();
    println!("loading: {each:?} an execution of {} records", records / executions as usize);
    let run = RunKey {
        execution: last.key.clone(),
        run_id: last.run_id.clone(),
    };
    let count = (1..)
        .take_while(|n| store.history(&run, range(1, *n)).is_ok())
        .count();
    let times = 10_000;
    let start = Instant::now();
    for _ in 0..times {
        store.history(&run, range(1, count as i64)).expect("it is there");
    }
    println!("a history of {count} events: {:?}", start.elapsed() / times);
    let disk = store.into_disk();
    let bytes: usize = disk.names().filter_map(|n| disk.content(n)).map(<[u8]>::len).sum();
    let start = Instant::now();
    let reopened = Embedded::open(disk, &Options::default()).expect("it opens");
    println!(
        "recovery of {} groups, {} MB: {:?}",
        reopened.recovery().groups,
        bytes / 1_000_000,
        start.elapsed()
    );
}

fn range(first: i64, last: i64) -> EventRange {
    EventRange {
        first: EventId(first),
        last: EventId(last),
    }
}
