//! What a power cut, a crash and a failing device leave of a disk.

use crate::support::{Seen, Talk, talk};
use proptest::prelude::*;
use steadfast_sim::kernel::{
    Chance, CrashKind, Disk, DiskError, FaultClass, FaultPlan, FileId, NodeId, Rate, World,
    WorldConfig,
};

const NODE: NodeId = NodeId(1);
const SECTOR: usize = 512;

fn world(seed: u64, classes: &[FaultClass]) -> World<Talk> {
    let plan = classes.iter().fold(FaultPlan::calm(), |plan, class| {
        plan.with(*class, Rate::ALWAYS)
    });
    let mut world = talk(
        WorldConfig::new(Chance::seeded(seed), plan),
        &Seen::default(),
        0,
    );
    world.run();
    fresh(&world.disk(NODE), "f");
    world.storm();
    world
}

/// Crashes the node and gives what is left in a file.
fn after(world: &mut World<Talk>, kind: CrashKind, name: &str) -> Option<Vec<u8>> {
    world.crash(NODE, kind);
    world.start(NODE);
    let disk = world.disk(NODE);
    let file = disk.open_existing(name).ok()?;
    Some(disk.read(file).expect("a live disk"))
}

fn fresh(disk: &Disk, name: &str) -> FileId {
    let file = disk.open(name).expect("a live disk");
    disk.sync_dir().expect("a live disk");
    file
}

#[derive(Clone, Debug)]
enum Change {
    Append(u8, usize),
    Write(usize, u8, usize),
    Truncate(usize),
}

impl Change {
    fn ask(&self, disk: &Disk, file: FileId) {
        match self {
            Self::Append(byte, len) => drop(disk.append(file, &vec![*byte; *len])),
            Self::Write(at, byte, len) => {
                drop(disk.write_at(file, *at as u64, &vec![*byte; *len]));
            }
            Self::Truncate(len) => drop(disk.truncate(file, *len as u64)),
        }
    }

    /// Where it writes and what, once it is known how long the file is.
    fn fix(&self, seen: &[u8]) -> Fixed {
        match self {
            Self::Append(byte, len) => Fixed::Put(seen.len(), vec![*byte; *len]),
            Self::Write(at, byte, len) => Fixed::Put(*at, vec![*byte; *len]),
            Self::Truncate(len) => Fixed::SetLen(*len),
        }
    }
}

#[derive(Clone, Debug)]
enum Fixed {
    Put(usize, Vec<u8>),
    SetLen(usize),
}

impl Fixed {
    fn apply(&self, image: &mut Vec<u8>) {
        match self {
            Self::SetLen(len) => image.resize(*len, 0),
            Self::Put(_, data) if data.is_empty() => {}
            Self::Put(at, data) => {
                image.resize(image.len().max(at + data.len()), 0);
                image[*at..at + data.len()].copy_from_slice(data);
            }
        }
    }

    /// Its parts, of which a power cut that tears may keep any.
    fn parts(&self) -> Vec<Self> {
        let Self::Put(at, data) = self else {
            return vec![self.clone()];
        };
        let mut parts = Vec::new();
        let mut done = 0;
        while done < data.len() {
            let len = (SECTOR - (at + done) % SECTOR).min(data.len() - done);
            parts.push(Self::Put(at + done, data[done..done + len].to_vec()));
            done += len;
        }
        parts
    }
}

/// Whether some of the changes, in order, lead from one image to the other.
fn reachable(durable: &[u8], changes: &[Fixed], left: &[u8]) -> bool {
    assert!(changes.len() < 16, "too many to try all");
    (0..1_u32 << changes.len()).any(|kept| {
        let mut image = durable.to_vec();
        for (i, change) in changes.iter().enumerate() {
            if kept >> i & 1 == 1 {
                change.apply(&mut image);
            }
        }
        image == left
    })
}

fn changes(most: usize) -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        4 => (1..=255_u8, 0..900_usize).prop_map(|(byte, len)| Change::Append(byte, len)),
        3 => (0..1500_usize, 1..=255_u8, 0..900_usize)
            .prop_map(|(at, byte, len)| Change::Write(at, byte, len)),
        1 => (0..1500_usize).prop_map(Change::Truncate),
    ];
    prop::collection::vec(change, 0..=most)
}

struct Setting {
    world: World<Talk>,
    disk: Disk,
    file: FileId,
    seen: Vec<u8>,
}

impl Setting {
    fn new(seed: u64, classes: &[FaultClass]) -> Self {
        let mut world = world(seed, classes);
        let disk = world.disk(NODE);
        let file = disk.open_existing("f").expect("made before the storm");
        Self {
            world,
            disk,
            file,
            seen: Vec::new(),
        }
    }

    /// Makes changes; what programs see always follows them.
    fn make(&mut self, changes: &[Change]) -> Vec<Fixed> {
        let made = changes.iter().map(|change| {
            let fixed = change.fix(&self.seen);
            change.ask(&self.disk, self.file);
            fixed.apply(&mut self.seen);
            fixed
        });
        made.collect()
    }

    fn read(&self) -> Vec<u8> {
        self.disk.read(self.file).expect("a live disk")
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// A killed process loses nothing that it wrote, whatever can go wrong with power.
    #[test]
    fn a_process_crash_keeps_all(seed: u64, all in changes(8)) {
        let mut setting = Setting::new(seed, &[FaultClass::LostWrites, FaultClass::TornWrites]);
        setting.make(&all);
        prop_assert_eq!(setting.read(), setting.seen.clone());
        prop_assert_eq!(after(&mut setting.world, CrashKind::Process, "f"), Some(setting.seen));
    }

    /// With those classes off, a power cut does the same.
    #[test]
    fn a_kind_power_cut_keeps_all(seed: u64, all in changes(8)) {
        let mut setting = Setting::new(seed, &[]);
        setting.make(&all);
        prop_assert_eq!(after(&mut setting.world, CrashKind::Power, "f"), Some(setting.seen));
    }

    /// What was synced is there; of the rest, each change is there or not.
    #[test]
    fn a_power_cut_keeps_what_was_synced(seed: u64, first in changes(6), then in changes(6)) {
        let mut setting = Setting::new(seed, &[FaultClass::LostWrites]);
        setting.make(&first);
        setting.disk.sync_now(setting.file).expect("syncs do not fail here");
        let durable = setting.seen.clone();
        let pending = setting.make(&then);
        let left = after(&mut setting.world, CrashKind::Power, "f").expect("a durable name");
        prop_assert!(reachable(&durable, &pending, &left));
    }

    /// A torn write is there by whole sectors.
    #[test]
    fn writes_tear_at_sectors(seed: u64, first in changes(3), then in changes(3)) {
        let mut setting = Setting::new(seed, &[FaultClass::TornWrites]);
        setting.make(&first);
        setting.disk.sync_now(setting.file).expect("syncs do not fail here");
        let durable = setting.seen.clone();
        let pending: Vec<_> = setting.make(&then).iter().flat_map(Fixed::parts).collect();
        let left = after(&mut setting.world, CrashKind::Power, "f").expect("a durable name");
        prop_assert!(reachable(&durable, &pending, &left));
    }

    /// After a failed sync nothing that it covered survives; what came later can.
    #[test]
    fn a_failed_sync_loses_what_it_covered(seed: u64, first in changes(4), then in changes(4)) {
        let mut setting = Setting::new(seed, &[FaultClass::SyncError]);
        setting.make(&first);
        let failed = setting.disk.sync_now(setting.file);
        prop_assert_eq!(failed, Err(DiskError::Io { operation: "sync" }));
        setting.seen = setting.read();
        let later = setting.make(&then);
        prop_assert_eq!(setting.read(), setting.seen.clone());
        setting.world.calm();
        setting.disk.sync_now(setting.file).expect("syncs do not fail in the calm");
        let mut expected = Vec::new();
        later.iter().for_each(|change| change.apply(&mut expected));
        prop_assert_eq!(after(&mut setting.world, CrashKind::Power, "f"), Some(expected));
    }
}

#[test]
fn unsynced_writes_are_lost_kept_and_torn_over_seeds() {
    let lens = |classes: &[FaultClass]| {
        let left = (0..200).map(|seed| {
            let mut setting = Setting::new(seed, classes);
            setting.make(&[Change::Append(1, 600), Change::Append(2, 600)]);
            after(&mut setting.world, CrashKind::Power, "f").expect("a durable name")
        });
        left.collect::<std::collections::BTreeSet<_>>()
    };
    // None, the first, both, and the second after a hole.
    assert_eq!(lens(&[FaultClass::LostWrites]).len(), 4);
    assert_eq!(lens(&[]).len(), 1);
    assert!(lens(&[FaultClass::TornWrites]).len() > 4);
}

/// Replaces a file as careful programs do: write beside, sync, rename, sync the directory.
fn replace(disk: &Disk, careful: bool) {
    let file = disk.open("new").expect("a live disk");
    disk.append(file, b"new content").expect("a working disk");
    if careful {
        disk.sync_now(file).expect("a working disk");
    }
    disk.rename("new", "f").expect("the file exists");
}

#[test]
fn replacing_a_file_is_atomic_only_with_care() {
    let mut broken = 0;
    for careful in [true, false] {
        for seed in 0..200 {
            let mut world = world(seed, &[FaultClass::LostWrites, FaultClass::TornWrites]);
            let disk = world.disk(NODE);
            let file = fresh(&disk, "f");
            disk.append(file, b"old content").expect("a working disk");
            disk.sync_now(file).expect("a working disk");
            replace(&disk, careful);
            let left = after(&mut world, CrashKind::Power, "f");
            let whole =
                left.as_deref() == Some(b"old content") || left.as_deref() == Some(b"new content");
            assert!(whole || !careful, "seed {seed}: {left:?}");
            broken += u32::from(!whole);
        }
    }
    assert!(broken > 0, "carelessness goes unpunished");
}

#[test]
fn names_are_durable_after_sync_dir() {
    for seed in 0..50 {
        let mut world = world(seed, &[FaultClass::LostWrites]);
        let disk = world.disk(NODE);
        fresh(&disk, "kept");
        disk.open("perhaps").expect("a live disk");
        world.crash(NODE, CrashKind::Power);
        world.start(NODE);
        assert!(disk.list().contains(&"kept".to_owned()));
    }
}

#[test]
fn a_full_disk_refuses_and_says_so() {
    let mut world = world(1, &[]);
    let disk = world.disk(NODE);
    let file = fresh(&disk, "f");
    disk.set_capacity(Some(10));
    assert_eq!(disk.append(file, b"12345678"), Ok(0));
    assert_eq!(disk.append(file, b"abcdef"), Err(DiskError::NoSpace));
    assert!(disk.len(file) <= 10);
    assert_eq!(
        disk.write_at(file, 0, b"87654321"),
        Ok(()),
        "overwriting needs no room"
    );
    disk.remove("f").expect("it exists");
    assert_eq!(
        disk.open_existing("f"),
        Err(DiskError::NotFound {
            name: "f".to_owned()
        })
    );
}
