//! The one suite, for every store.

use std::{fs, path::PathBuf};

use steadfast_store::{
    Disk, Embedded, MemDisk, Memory, Options, RealDisk, Store,
    conformance::{Subject, check},
    testing::{Faults, FaultyDisk},
};

struct InMemory(Memory);

impl Subject for InMemory {
    fn store(&mut self) -> &mut dyn Store {
        &mut self.0
    }

    fn restart(&mut self) {
        self.0.power_cut();
    }

    fn fail_next_commit(&mut self) -> bool {
        self.0.fail_next();
        true
    }
}

/// An embedded store, and how to get its disk again.
struct OnDisk<D, R, F> {
    store: Option<Embedded<D>>,
    options: Options,
    reopen: R,
    fail: F,
}

impl<D: Disk, R: FnMut(D) -> D, F: FnMut(&D) -> bool> OnDisk<D, R, F> {
    fn new(disk: D, options: Options, reopen: R, fail: F) -> Box<Self> {
        let store = Embedded::open(disk, &options).expect("it opens");
        Box::new(Self {
            store: Some(store),
            options,
            reopen,
            fail,
        })
    }
}

impl<D: Disk, R: FnMut(D) -> D, F: FnMut(&D) -> bool> Subject for OnDisk<D, R, F> {
    fn store(&mut self) -> &mut dyn Store {
        self.store.as_mut().expect("it is open")
    }

    fn restart(&mut self) {
        let disk = self.store.take().expect("it is open").into_disk();
        let disk = (self.reopen)(disk);
        // What a store is asked for at opening counts for new ones only.
        let options = Options {
            shards: 99,
            ..self.options
        };
        self.store = Some(Embedded::open(disk, &options).expect("it opens"));
    }

    fn fail_next_commit(&mut self) -> bool {
        (self.fail)(self.store.as_ref().expect("it is open").disk())
    }
}

/// Segments of different lengths: one that is never full, and ones that are full all the time.
fn options(shards: u32, segment_bytes: u64) -> Options {
    Options {
        shards,
        segment_bytes,
    }
}

#[test]
fn memory() {
    check(&mut |shards| Box::new(InMemory(Memory::new(shards))));
}

#[test]
fn embedded_in_memory() {
    for segment_bytes in [1 << 30, 2_000, 0] {
        check(&mut |shards| {
            let options = options(shards, segment_bytes);
            OnDisk::new(MemDisk::default(), options, |disk| disk, |_| false)
        });
    }
}

#[test]
fn embedded_on_a_disk_with_slow_and_failing_syncs() {
    for segment_bytes in [1 << 30, 2_000] {
        check(&mut |shards| {
            let disk = FaultyDisk::new(segment_bytes);
            disk.set_faults(Faults {
                slow_sync: 2,
                ..Faults::default()
            });
            let restart = |disk: FaultyDisk| {
                disk.power_cut();
                disk
            };
            let fail = |disk: &FaultyDisk| {
                disk.fail_next_sync();
                true
            };
            OnDisk::new(disk, options(shards, segment_bytes), restart, fail)
        });
    }
}

#[test]
fn embedded_on_a_disk_with_failing_writes() {
    check(&mut |shards| {
        let disk = FaultyDisk::new(1);
        let restart = |disk: FaultyDisk| {
            disk.process_crash();
            disk
        };
        let fail = |disk: &FaultyDisk| {
            disk.fail_next_write();
            true
        };
        OnDisk::new(disk, options(shards, 5_000), restart, fail)
    });
}

#[test]
fn embedded_on_the_real_disk() {
    let root = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("conformance");
    let mut made = 0;
    fs::remove_dir_all(&root).ok();
    check(&mut |shards| {
        made += 1;
        let directory = root.join(made.to_string());
        let open = {
            let directory = directory.clone();
            move || RealDisk::open(&directory).expect("it can be made")
        };
        let restart = move |disk| {
            drop(disk);
            RealDisk::open(&directory).expect("the lock was given up")
        };
        OnDisk::new(open(), options(shards, 20_000), restart, |_| false)
    });
    fs::remove_dir_all(&root).expect("it was made here");
}

#[test]
fn real_directory_has_one_owner() {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("lock");
    let first = RealDisk::open(&directory).expect("it is free");
    let second = RealDisk::open(&directory).expect_err("it is taken");
    assert!(
        second.to_string().contains("in use by another process"),
        "{second}"
    );
    drop(first);
    RealDisk::open(&directory).expect("it is free again");
    fs::remove_dir_all(&directory).expect("it was made here");
}
