//! The embedded store beside redb: commits a second, with one and with a hundred batches to a commit.
//!
//! `cargo run --release --manifest-path benches/store/Cargo.toml -- [DIRECTORY]`
//!
//! Both get the same batches. redb is measured twice: as a log (one row a batch, which leaves loads and histories
//! without an index) and with a row for each record and each event, which is what answers our queries.
//!
//! Figures of disks are by the wall clock, all others by this process's CPU time, which a busy machine does not
//! change much. Linux only.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use redb::{Database, TableDefinition, backends::InMemoryBackend};
use steadfast_core::{
    Batch, Epoch, EventId, Execution, ExecutionKey, Record, RunId, RunKey, ShardId, Timestamp,
    effect::EventRange,
};
use steadfast_store::{
    Disk, Embedded, MemDisk, Options, RealDisk, Store,
    testing::{Rng, Workload},
};

const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");
const RECORDS: TableDefinition<'_, (&str, u64, u32), &[u8]> = TableDefinition::new("records");
const EVENTS: TableDefinition<'_, (&str, u64), &[u8]> = TableDefinition::new("events");

/// What a figure is measured by.
type Clock = fn() -> Duration;

/// The wall clock.
fn wall() -> Duration {
    std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .expect("it is after 1970")
}

/// What this process has used.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/schedstat").expect("this is Linux");
    let nanos = stat.split(' ').next().and_then(|n| n.parse().ok());
    Duration::from_nanos(nanos.expect("its first number"))
}

/// How long each figure is measured.
const TIME: Duration = Duration::from_secs(3);

fn main() {
    let directory = std::env::args()
        .nth(1)
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let directory = directory.join("steadfast-bench-store");
    std::fs::remove_dir_all(&directory).ok();
    std::fs::create_dir_all(&directory).expect("the directory can be made");
    let batches = batches(20_000);
    let bytes: usize = batches.iter().map(|batch| batch.encode().len()).sum();
    println!("{} bytes a batch on average\n", bytes / batches.len());
    println!("| commits, batches a second | 1 a commit | 100 a commit |\n|---|---|---|");
    on_disk(&directory, &batches);
    in_memory(&batches);
    println!("\n| embedded store in memory | CPU time |\n|---|---|");
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
    row("ours, disk", |group| {
        commits(wall, &mut ours(), batches, group)
    });
    let mut made = 0;
    let mut redb = || {
        made += 1;
        Database::create(directory.join(format!("redb-{made}"))).expect("it can be made")
    };
    row("redb as a log, disk", |group| {
        redb_log(wall, &redb(), batches, group)
    });
    row("redb with rows, disk", |group| {
        redb_rows(wall, &redb(), batches, group)
    });
}

fn in_memory(batches: &[Batch]) {
    let redb = || {
        let backend = InMemoryBackend::new();
        Database::builder()
            .create_with_backend(backend)
            .expect("it can be made")
    };
    row("ours, memory", |group| {
        commits(cpu, &mut open(MemDisk::default()), batches, group)
    });
    row("redb as a log, memory", |group| {
        redb_log(cpu, &redb(), batches, group)
    });
    row("redb with rows, memory", |group| {
        redb_rows(cpu, &redb(), batches, group)
    });
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
fn rate(
    clock: Clock,
    batches: &[Batch],
    group: usize,
    mut commit: impl FnMut(u64, &[Batch]),
) -> f64 {
    let start = clock();
    let mut done = 0;
    // One pass at most: the batches are a history, which cannot be told twice.
    for group in batches.chunks(group) {
        commit(done, group);
        done += group.len() as u64;
        if done % 64 == 0 && clock() - start > TIME {
            break;
        }
    }
    done as f64 / (clock() - start).as_secs_f64()
}

fn commits<D: Disk>(clock: Clock, store: &mut Embedded<D>, batches: &[Batch], group: usize) -> f64 {
    let mut ended = Vec::new();
    let owned = batches.to_vec();
    let mut owned = owned.into_iter();
    rate(clock, batches, group, |_, group| {
        for batch in owned.by_ref().take(group.len()) {
            store.submit(batch);
        }
        store.poll_durable(&mut ended);
        assert_eq!(store.outstanding(), 0, "this disk syncs at once");
        assert!(
            ended.drain(..).all(|(_, result)| result.is_ok()),
            "a commit failed"
        );
    })
}

fn redb_log(clock: Clock, database: &Database, batches: &[Batch], group: usize) -> f64 {
    rate(clock, batches, group, |done, group| {
        let transaction = database.begin_write().expect("it begins");
        {
            let mut table = transaction.open_table(LOG).expect("it opens");
            for (n, batch) in group.iter().enumerate() {
                let bytes = batch.encode();
                table
                    .insert(done + n as u64, &bytes[..])
                    .expect("it inserts");
            }
        }
        transaction.commit().expect("it commits");
    })
}

fn redb_rows(clock: Clock, database: &Database, batches: &[Batch], group: usize) -> f64 {
    let mut events_of = BTreeMap::new();
    rate(clock, batches, group, |done, group| {
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
                        records
                            .insert(key, &single.encode()[..])
                            .expect("it inserts");
                    }
                }
            }
        }
        transaction.commit().expect("it commits");
    })
}

fn opening() {
    let times = 100_000;
    let start = cpu();
    for _ in 0..times {
        let mut store = open(MemDisk::default());
        store.poll_durable(&mut Vec::new());
    }
    println!(
        "| opening an empty store, its first epoch durable | {:?} |",
        (cpu() - start) / times
    );
}

fn reading(batches: &[Batch]) {
    let mut store = open(MemDisk::default());
    for batch in batches {
        store.submit(batch.clone());
        store.poll_durable(&mut Vec::new());
    }
    let records: usize = batches.iter().map(|batch| batch.entries.len()).sum();
    let (mut executions, start) = (0, cpu());
    store
        .scan(ShardId(0), &mut |_, _| executions += 1)
        .expect("it scans");
    let each = (cpu() - start) / executions;
    let records = records / executions as usize;
    println!("| loading an execution of {records} records | {each:?} |");
    let start = cpu();
    fold_in_memory(batches);
    println!(
        "| of that, core's fold of them | {:?} |",
        (cpu() - start) / executions
    );
    histories(&store, batches);
    recovery(store);
}

/// The same executions without a store.
fn fold_in_memory(batches: &[Batch]) {
    let mut executions: BTreeMap<&ExecutionKey, Execution> = BTreeMap::new();
    for entry in batches.iter().flat_map(|batch| &batch.entries) {
        executions.entry(&entry.key).or_default().apply(entry);
    }
}

/// The longest history there is.
fn histories(store: &Embedded<MemDisk>, batches: &[Batch]) {
    let mut counts: BTreeMap<(&ExecutionKey, &RunId), i64> = BTreeMap::new();
    for entry in batches.iter().flat_map(|batch| &batch.entries) {
        if let Record::Event(_) = entry.record {
            *counts.entry((&entry.key, &entry.run_id)).or_default() += 1;
        }
    }
    let longest = counts.iter().max_by_key(|(_, count)| **count);
    let ((key, run_id), count) = longest.expect("there are events");
    let run = RunKey {
        execution: (*key).clone(),
        run_id: (*run_id).clone(),
    };
    let range = EventRange {
        first: EventId::FIRST,
        last: EventId(*count),
    };
    let (times, start) = (10_000, cpu());
    for _ in 0..times {
        store.history(&run, range).expect("it is there");
    }
    println!(
        "| a history of {count} scattered events | {:?} |",
        (cpu() - start) / times
    );
}

fn recovery(store: Embedded<MemDisk>) {
    let disk = store.into_disk();
    let bytes: usize = disk
        .names()
        .filter_map(|n| disk.content(n))
        .map(<[u8]>::len)
        .sum();
    let start = cpu();
    let reopened = Embedded::open(disk, &Options::default()).expect("it opens");
    println!(
        "| recovery of {} groups, {} MB | {:?} |",
        reopened.recovery().groups,
        bytes / 1_000_000,
        cpu() - start
    );
}
