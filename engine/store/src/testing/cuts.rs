//! Power cuts by the thousand: random batches on a faulty disk, a crash anywhere, and a look at what is left.

use std::{collections::BTreeMap, fmt};

use steadfast_core::{Epoch, ShardId};

use super::{Faults, FaultyDisk, Model, Node, Rng, Workload};
use crate::{Commit, CommitError, Embedded, Options, Store, Ticket, convert::length};

/// A disk is used for so many crashes, then comes a new one.
const CUTS_PER_WORLD: u64 = 8;

/// What happened in many power cuts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cuts {
    /// Crashes: the machine's, or, for a quarter of them, only the process's.
    pub cuts: u64,
    /// Those in which writes were lost, as a whole or in part.
    pub lost_writes: u64,
    /// Those in which a write survived in part.
    pub torn_writes: u64,
    /// Unfinished groups that were found at opening and dropped.
    pub torn_tails: u64,
    /// Batches submitted.
    pub submitted: u64,
    /// Batches reported durable. Each was there after every later cut.
    pub durable: u64,
    /// Batches that were not reported durable and were lost.
    pub lost: u64,
    /// Batches reported failed.
    pub failed: u64,
    /// Batches of old owners that were refused.
    pub fenced: u64,
}

/// A store that broke its word.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("seed {seed}: {why}")]
pub struct CutFailure {
    /// What repeats it, as the seed of eight cuts.
    pub seed: u64,
    /// What is wrong.
    pub why: String,
}

impl fmt::Display for Cuts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>9} crashes", self.cuts)?;
        writeln!(f, "{:>9} of them lost writes", self.lost_writes)?;
        writeln!(f, "{:>9} of them tore one", self.torn_writes)?;
        writeln!(f, "{:>9} torn tails found and dropped", self.torn_tails)?;
        writeln!(f, "{:>9} batches submitted", self.submitted)?;
        writeln!(f, "{:>9} reported durable, none lost", self.durable)?;
        writeln!(f, "{:>9} not reported durable, and lost", self.lost)?;
        writeln!(f, "{:>9} reported failed", self.failed)?;
        write!(f, "{:>9} refused: an old epoch", self.fenced)
    }
}

impl Cuts {
    fn add(&mut self, other: &Self) {
        self.cuts += other.cuts;
        self.lost_writes += other.lost_writes;
        self.torn_writes += other.torn_writes;
        self.torn_tails += other.torn_tails;
        self.submitted += other.submitted;
        self.durable += other.durable;
        self.lost += other.lost;
        self.failed += other.failed;
        self.fenced += other.fenced;
    }
}

/// Runs so many power cuts, in worlds with seeds from `seed` on.
///
/// # Errors
/// At the first store that lost something durable, shows something torn, or brings back what is gone.
pub fn power_cuts(seed: u64, cuts: u64) -> Result<Cuts, CutFailure> {
    let mut total = Cuts::default();
    for world in 0..cuts.div_ceil(CUTS_PER_WORLD) {
        let seed = seed.wrapping_add(world);
        let mut world = World::new(seed);
        let lives = CUTS_PER_WORLD.min(cuts - total.cuts);
        let result = world.run(lives);
        result.map_err(|why| CutFailure { seed, why })?;
        total.add(&world.counts);
    }
    Ok(total)
}

/// A disk, and what must be on it.
struct World {
    rng: Rng,
    disk: FaultyDisk,
    options: Options,
    model: Model,
    workloads: Vec<Workload>,
    counts: Cuts,
}

/// One process.
struct Life {
    store: Embedded<FaultyDisk>,
    epochs: Vec<Epoch>,
    tickets: BTreeMap<Ticket, Node>,
    /// Tickets that must be refused.
    stale: BTreeMap<Ticket, Epoch>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let shards = 1 + u32::try_from(rng.below(3)).expect("small");
        Self {
            disk: FaultyDisk::new(rng.next_u64()),
            options: Options {
                shards,
                segment_bytes: 1 << (11 + rng.below(6)),
            },
            model: Model::new(shards),
            workloads: (0..shards)
                .map(|shard| Workload::new(ShardId(shard), shards, 4))
                .collect(),
            rng,
            counts: Cuts::default(),
        }
    }

    fn run(&mut self, lives: u64) -> Result<(), String> {
        for _ in 0..lives {
            self.set_faults();
            if let Some(life) = self.begin()? {
                self.live(life)?;
            }
            self.crash();
        }
        self.disk.set_faults(Faults::default());
        self.begin()?
            .map(|_| ())
            .ok_or_else(|| "the disk is in order, and the store is not".to_owned())
    }

    /// Half of the lives only end; the others have a bad disk as well.
    fn set_faults(&mut self) {
        let rng = &mut self.rng;
        let mut rate = |often| if rng.one_in(2) { often } else { 0 };
        let (slow_sync, write, sync, full) = (rate(2), rate(15), rate(10), rate(30));
        let calm = Faults {
            slow_sync,
            ..Faults::default()
        };
        let bad = Faults {
            write,
            sync,
            full,
            slow_sync,
        };
        self.disk.set_faults(if rng.one_in(2) { calm } else { bad });
        self.disk.cut_after(rng.below(60));
    }

    /// Opens the store and looks at all of it. `None` if the power went out before that.
    fn begin(&mut self) -> Result<Option<Life>, String> {
        let store = match Embedded::open(self.disk.clone(), &self.options) {
            Ok(store) => store,
            Err(_) if self.disk.is_cut() => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        self.counts.torn_tails += store.recovery().torn.len() as u64;
        let mut life = Life {
            store,
            epochs: vec![Epoch(0); self.options.shards as usize],
            tickets: BTreeMap::new(),
            stale: BTreeMap::new(),
        };
        for shard in 0..self.options.shards {
            self.own(&mut life, ShardId(shard))?;
        }
        Ok(Some(life))
    }

    /// Makes this process the shard's owner, anew.
    fn own(&mut self, life: &mut Life, shard: ShardId) -> Result<(), String> {
        let index = shard.0 as usize;
        let recovered = life.store.open_shard(shard).map_err(|e| e.to_string())?;
        if recovered.epoch <= life.epochs[index] {
            return Err(format!(
                "{:?} after {:?}",
                recovered.epoch, life.epochs[index]
            ));
        }
        life.epochs[index] = recovered.epoch;
        let lost = self.model.reopened(&life.store, shard, recovered)?;
        self.counts.lost += lost as u64;
        self.workloads[index].rewind(self.model.current(shard));
        Ok(())
    }

    fn live(&mut self, mut life: Life) -> Result<(), String> {
        for _ in 0..self.rng.below(60) {
            let shard = ShardId(length(self.rng.index(life.epochs.len())));
            match self.rng.below(20) {
                0 => self.own(&mut life, shard)?,
                1 => self.submit_stale(&mut life, shard),
                2 => self.model.check(&life.store, shard)?,
                3 => self.disk.free(),
                4..=11 => self.submit(&mut life, shard),
                _ => self.poll(&mut life)?,
            }
            if self.disk.is_cut() {
                break;
            }
        }
        // The last words of a machine without power are errors, and nobody hears them.
        self.poll(&mut life)
    }

    fn submit(&mut self, life: &mut Life, shard: ShardId) {
        let index = shard.0 as usize;
        let high = self.model.next_high();
        let batch = self.workloads[index].batch(&mut self.rng, life.epochs[index], high);
        let node = self.model.submitted(batch.clone());
        life.tickets.insert(life.store.submit(batch), node);
        self.counts.submitted += 1;
    }

    /// A former owner wakes up.
    fn submit_stale(&mut self, life: &mut Life, shard: ShardId) {
        let index = shard.0 as usize;
        let epoch = Epoch(self.rng.below(life.epochs[index].0));
        let mut workload = self.workloads[index].clone();
        let batch = workload.batch(&mut self.rng, epoch, self.model.next_high());
        life.stale.insert(life.store.submit(batch), epoch);
    }

    fn poll(&mut self, life: &mut Life) -> Result<(), String> {
        let mut ended = Vec::new();
        life.store.poll_durable(&mut ended);
        if !ended.is_sorted_by_key(|(ticket, _)| *ticket) {
            return Err(format!("tickets ended out of order: {ended:?}"));
        }
        let failed = self.counts.failed;
        for commit in ended {
            self.ended(life, commit)?;
        }
        let failed = self.counts.failed - failed;
        if life.store.outstanding() != life.tickets.len() + life.stale.len() {
            return Err("tickets are missing".to_owned());
        }
        if failed > 0 && !self.disk.is_cut() {
            self.recover(life, failed)?;
        }
        Ok(())
    }

    fn ended(&mut self, life: &mut Life, (ticket, result): Commit) -> Result<(), String> {
        if let Some(epoch) = life.stale.remove(&ticket) {
            self.counts.fenced += 1;
            return match result {
                Err(CommitError::Fenced { stale, .. }) if stale == epoch => Ok(()),
                other => Err(format!("a batch of an old epoch ended as {other:?}")),
            };
        }
        let node = life
            .tickets
            .remove(&ticket)
            .ok_or("an unknown ticket ended")?;
        match result {
            Ok(()) => {
                self.counts.durable += 1;
                self.model.durable(node);
                Ok(())
            }
            Err(CommitError::Failed(_)) => {
                self.counts.failed += 1;
                self.model.failed(node);
                Ok(())
            }
            Err(error) => Err(format!("a batch of the owner ended as {error:?}")),
        }
    }

    /// After a failed commit: exactly what failed must be gone.
    fn recover(&mut self, life: &mut Life, failed: u64) -> Result<(), String> {
        let lost = self.counts.lost;
        for shard in 0..self.options.shards {
            self.own(life, ShardId(shard))?;
        }
        let lost = self.counts.lost - lost;
        if lost == failed {
            Ok(())
        } else {
            Err(format!("{failed} batches failed, and {lost} are gone"))
        }
    }

    fn crash(&mut self) {
        self.counts.cuts += 1;
        self.disk.free();
        if self.rng.one_in(4) {
            self.disk.process_crash();
        } else {
            let (lost, torn) = self.disk.power_cut();
            self.counts.lost_writes += u64::from(lost);
            self.counts.torn_writes += u64::from(torn);
        }
    }
}
