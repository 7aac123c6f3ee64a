//! A store without a disk: for speed, for tests, and as the plainest statement of what a store does.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use steadfast_core::{
    Batch, Entry, Epoch, Execution, ExecutionKey, Record, RunId, RunKey, ShardId, Timestamp,
    effect::EventRange, record::Proto, visibility::GroupBy,
};
use steadfast_proto::temporal::api::common::v1::Memo;

use crate::{
    Commit, CommitError, Count, Page, Query, Recovered, Store, StoreError, Ticket,
    error::{check_shard, event_slice},
    rows::{RowWrite, Rows},
};

/// See the module documentation.
#[derive(Clone, Debug)]
pub struct Memory {
    shards: Vec<Shard>,
    waiting: VecDeque<Waiting>,
    next_ticket: u64,
    /// How many of `waiting`, from the front, are durable.
    synced: usize,
    mode: Mode,
    fail_next: bool,
    rows: Rows<Proto<Memo>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// What was submitted is durable when it is asked for.
    Automatic,
    /// It is after [`Memory::sync`].
    Manual,
}

#[derive(Clone, Debug, Default)]
struct Shard {
    epoch: Epoch,
    high: Timestamp,
    durable_high: Timestamp,
    poisoned: bool,
    executions: BTreeMap<ExecutionKey, Kept>,
}

/// The records of one execution, and its events again by run.
#[derive(Clone, Debug, Default)]
struct Kept {
    entries: Vec<Entry>,
    events: BTreeMap<RunId, Vec<Bytes>>,
}

#[derive(Clone, Debug)]
struct Waiting {
    ticket: Ticket,
    shard: ShardId,
    high: Timestamp,
    refused: Option<CommitError>,
    /// What to take back if the commit fails.
    keys: Vec<ExecutionKey>,
    /// What to list if it does not.
    rows: Vec<RowWrite<Proto<Memo>>>,
}

impl Memory {
    /// An empty store in which whatever was submitted is durable at the next [`Store::poll_durable`].
    ///
    /// # Panics
    /// If `shards` is zero.
    #[must_use]
    pub fn new(shards: u32) -> Self {
        assert!(shards > 0, "a store has at least one shard");
        Self {
            shards: (0..shards).map(|_| Shard::default()).collect(),
            waiting: VecDeque::new(),
            next_ticket: 0,
            synced: 0,
            mode: Mode::Automatic,
            fail_next: false,
            rows: Rows::default(),
        }
    }

    /// An empty store in which nothing is durable before [`Self::sync`].
    ///
    /// # Panics
    /// If `shards` is zero.
    #[must_use]
    pub fn manual(shards: u32) -> Self {
        let mut store = Self::new(shards);
        store.mode = Mode::Manual;
        store
    }

    /// Makes all that was submitted durable.
    pub fn sync(&mut self) {
        self.synced = self.waiting.len();
    }

    /// Lets the next commit fail.
    pub fn fail_next(&mut self) {
        self.fail_next = true;
    }

    /// What a power cut leaves: a store with the durable batches, and no tickets.
    pub fn power_cut(&mut self) {
        for waiting in self.waiting.drain(..self.synced) {
            let shard = &mut self.shards[waiting.shard.0 as usize];
            shard.durable_high = shard.durable_high.max(waiting.high);
            waiting
                .rows
                .into_iter()
                .for_each(|row| self.rows.apply(row));
        }
        self.synced = 0;
        while let Some(waiting) = self.waiting.pop_back() {
            self.take_back(&waiting);
        }
        for shard in &mut self.shards {
            shard.high = shard.durable_high;
            shard.poisoned = false;
        }
    }

    fn shard_of(&self, key: &ExecutionKey) -> Result<&Shard, StoreError> {
        let shards = self.shards();
        self.healthy(key.shard(shards))
    }

    fn healthy(&self, shard: ShardId) -> Result<&Shard, StoreError> {
        check_shard(shard, self.shards())?;
        let kept = &self.shards[shard.0 as usize];
        if kept.poisoned {
            return Err(StoreError::Poisoned { shard });
        }
        Ok(kept)
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

    fn keep(&mut self, batch: Batch) -> Vec<ExecutionKey> {
        if batch.entries.is_empty() {
            return Vec::new();
        }
        let shard = &mut self.shards[batch.shard.0 as usize];
        shard.high = shard.high.max(batch.high);
        let keys = batch.entries.iter().map(|e| e.key.clone()).collect();
        for entry in batch.entries {
            let kept = shard.executions.entry(entry.key.clone()).or_default();
            if let Record::Event(bytes) = &entry.record {
                let events = kept.events.entry(entry.run_id.clone()).or_default();
                events.push(bytes.clone());
            }
            kept.entries.push(entry);
        }
        keys
    }

    /// Undoes the newest batch.
    fn take_back(&mut self, waiting: &Waiting) {
        let Some(shard) = self.shards.get_mut(waiting.shard.0 as usize) else {
            return;
        };
        for key in waiting.keys.iter().rev() {
            let kept = shard.executions.get_mut(key).expect("it was put there");
            let entry = kept.entries.pop().expect("it was put there");
            if let Record::Event(_) = entry.record {
                kept.events.get_mut(&entry.run_id).and_then(Vec::pop);
            }
            if kept.entries.is_empty() {
                shard.executions.remove(key);
            }
        }
    }

    /// Fails all that waits.
    fn fail(&mut self, ended: &mut Vec<Commit>) {
        let mut failed = BTreeSet::new();
        while let Some(waiting) = self.waiting.pop_back() {
            self.take_back(&waiting);
            let error = waiting.refused.unwrap_or_else(|| {
                failed.insert(waiting.shard);
                CommitError::Failed("the test wanted it".to_owned())
            });
            ended.push((waiting.ticket, Err(error)));
        }
        ended.sort_by_key(|(ticket, _)| *ticket);
        for id in failed {
            let shard = &mut self.shards[id.0 as usize];
            shard.poisoned = true;
            shard.high = shard.durable_high;
        }
    }
}

impl Store for Memory {
    fn shards(&self) -> u32 {
        u32::try_from(self.shards.len()).expect("made from a u32")
    }

    fn open_shard(&mut self, shard: ShardId) -> Result<Recovered, StoreError> {
        check_shard(shard, self.shards())?;
        let kept = &mut self.shards[shard.0 as usize];
        kept.epoch = Epoch(kept.epoch.0 + 1);
        kept.poisoned = false;
        Ok(Recovered {
            epoch: kept.epoch,
            high: kept.high,
        })
    }

    fn submit(&mut self, batch: Batch) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        let refused = self.refuse(&batch);
        let (shard, high) = (batch.shard, batch.high);
        let (keys, rows) = match refused {
            None => {
                let rows = row_writes(&batch);
                (self.keep(batch), rows)
            }
            Some(_) => (Vec::new(), Vec::new()),
        };
        self.waiting.push_back(Waiting {
            ticket,
            shard,
            high,
            refused,
            keys,
            rows,
        });
        ticket
    }

    fn poll_durable(&mut self, ended: &mut Vec<Commit>) {
        if self.fail_next && !self.waiting.is_empty() {
            self.fail_next = false;
            self.synced = 0;
            return self.fail(ended);
        }
        if self.mode == Mode::Automatic {
            self.sync();
        }
        for waiting in self.waiting.drain(..self.synced) {
            if waiting.refused.is_none() && !waiting.keys.is_empty() {
                let shard = &mut self.shards[waiting.shard.0 as usize];
                shard.durable_high = shard.durable_high.max(waiting.high);
            }
            waiting
                .rows
                .into_iter()
                .for_each(|row| self.rows.apply(row));
            ended.push((waiting.ticket, waiting.refused.map_or(Ok(()), Err)));
        }
        self.synced = 0;
    }

    fn outstanding(&self) -> usize {
        self.waiting.len()
    }

    fn load(&self, key: &ExecutionKey) -> Result<Option<Execution>, StoreError> {
        let kept = self.shard_of(key)?.executions.get(key);
        Ok(kept.map(|kept| Execution::fold(&kept.entries)))
    }

    fn history(&self, run: &RunKey, range: EventRange) -> Result<Vec<Bytes>, StoreError> {
        let shard = self.shard_of(&run.execution)?;
        let kept = shard.executions.get(&run.execution);
        let events = kept
            .and_then(|kept| kept.events.get(&run.run_id))
            .map_or(&[][..], Vec::as_slice);
        Ok(event_slice(events, run, range)?.to_vec())
    }

    fn scan(
        &self,
        shard: ShardId,
        visit: &mut dyn FnMut(&ExecutionKey, Execution),
    ) -> Result<(), StoreError> {
        for (key, kept) in &self.healthy(shard)?.executions {
            visit(key, Execution::fold(&kept.entries));
        }
        Ok(())
    }

    fn list(&self, query: &Query) -> Result<Page, StoreError> {
        self.rows.list(query, |_, memo| Ok(memo.clone()))
    }

    fn count(&self, query: &Query, group_by: Option<GroupBy>) -> Result<Count, StoreError> {
        Ok(self.rows.count(query, group_by))
    }

    fn open_runs(&self) -> u64 {
        self.rows.open()
    }
}

/// What a batch changes of rows.
fn row_writes(batch: &Batch) -> Vec<RowWrite<Proto<Memo>>> {
    let mut writes = Vec::new();
    for entry in &batch.entries {
        if let Record::Row(change) = &entry.record {
            let change = (**change).clone();
            writes.push(RowWrite::new(&entry.key, &entry.run_id, change, |memo| {
                memo
            }));
        }
    }
    writes
}
