//! What a store must hold: a tree of batches per shard, of which everything reported durable is on one path.

use std::collections::BTreeMap;

use bytes::Bytes;
use steadfast_core::{
    Batch, EventId, Execution, ExecutionKey, Record, RunId, RunKey, ShardId, Timestamp,
    effect::EventRange,
};

use crate::{Recovered, Store};

/// A batch in the tree, by its number. A batch's `high` is its number, so that a recovered shard says where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node(pub usize);

/// See the module documentation. The tree grows a branch when a shard goes on after a failed commit.
#[derive(Clone, Debug)]
pub struct Model {
    /// `batches[n - 1]` is number `n`, with the number of the one before it in its shard.
    batches: Vec<(Batch, Node)>,
    /// By shard: the newest one submitted, and the newest one reported durable.
    tips: Vec<(Node, Node)>,
    /// Batches that were reported failed and may yet turn up; nothing was reported durable since.
    uncertain: Vec<Node>,
    /// Batches that were reported failed and must never turn up.
    gone: Vec<Node>,
}

impl Model {
    /// A model of an empty store.
    #[must_use]
    pub fn new(shards: u32) -> Self {
        Self {
            batches: Vec::new(),
            tips: vec![(Node(0), Node(0)); shards as usize],
            uncertain: Vec::new(),
            gone: Vec::new(),
        }
    }

    /// The `high` that the next batch must have.
    #[must_use]
    pub fn next_high(&self) -> Timestamp {
        let number = i64::try_from(self.batches.len() + 1).expect("fewer batches than that");
        Timestamp::from_nanos(number)
    }

    /// A batch was submitted.
    pub fn submitted(&mut self, batch: Batch) -> Node {
        let shard = batch.shard.0 as usize;
        let (before, _) = self.tips[shard];
        self.batches.push((batch, before));
        let node = Node(self.batches.len());
        self.tips[shard].0 = node;
        node
    }

    /// It was reported durable.
    pub fn durable(&mut self, node: Node) {
        let shard = self.batches[node.0 - 1].0.shard.0 as usize;
        self.tips[shard].1 = node;
        self.gone.append(&mut self.uncertain);
    }

    /// It was reported failed.
    pub fn failed(&mut self, node: Node) {
        self.uncertain.push(node);
    }

    /// The batches that make the shard's current state, oldest first.
    pub fn current(&self, shard: ShardId) -> impl Iterator<Item = &Batch> {
        let path = self.path(self.tips[shard.0 as usize].0);
        path.into_iter().map(|node| &self.batches[node.0 - 1].0)
    }

    fn path(&self, tip: Node) -> Vec<Node> {
        let mut path = Vec::new();
        let mut at = tip;
        while at != Node(0) {
            path.push(at);
            at = self.batches[at.0 - 1].1;
        }
        path.reverse();
        path
    }

    /// A store was opened anew: checks that what it holds of a shard is allowed, takes it for the truth from now on,
    /// and says how many undurable batches were lost.
    ///
    /// # Errors
    /// With what is wrong.
    pub fn reopened(
        &mut self,
        store: &dyn Store,
        shard: ShardId,
        recovered: Recovered,
    ) -> Result<usize, String> {
        let found = Node(
            usize::try_from(recovered.high.as_nanos())
                .ok()
                .filter(|number| *number <= self.batches.len())
                .ok_or_else(|| format!("high {} was never submitted", recovered.high))?,
        );
        let (tip, durable) = self.tips[shard.0 as usize];
        let path = self.path(found);
        if durable != Node(0) && !path.contains(&durable) {
            return Err(format!(
                "shard {}: batch {} was durable, and the store ends with {}",
                shard.0, durable.0, found.0
            ));
        }
        if let Some(gone) = path.iter().find(|node| self.gone.contains(node)) {
            return Err(format!(
                "shard {}: batch {} failed, others were durable since, and it is back",
                shard.0, gone.0
            ));
        }
        self.uncertain.retain(|node| !path.contains(node));
        let lost = self.path(tip).iter().filter(|n| !path.contains(n)).count();
        self.tips[shard.0 as usize] = (found, durable);
        self.check(store, shard)?;
        Ok(lost)
    }

    /// Compares what a store holds of a shard with what was submitted to it.
    ///
    /// # Errors
    /// With what differs.
    pub fn check(&self, store: &dyn Store, shard: ShardId) -> Result<(), String> {
        let mut wanted: BTreeMap<ExecutionKey, Vec<_>> = BTreeMap::new();
        for entry in self.current(shard).flat_map(|batch| &batch.entries) {
            wanted.entry(entry.key.clone()).or_default().push(entry);
        }
        let mut seen = 0;
        let mut wrong = None;
        let mut visit = |key: &ExecutionKey, execution: Execution| {
            seen += 1;
            let expected = wanted.get(key).map(|e| Execution::fold(e.iter().copied()));
            if expected.as_ref() != Some(&execution) && wrong.is_none() {
                wrong = Some(format!("{key} is {execution:?}\nand not {expected:?}"));
            }
        };
        store.scan(shard, &mut visit).map_err(|e| e.to_string())?;
        if let Some(wrong) = wrong {
            return Err(wrong);
        }
        if seen != wanted.len() {
            return Err(format!("{seen} executions, and not {}", wanted.len()));
        }
        for (key, entries) in &wanted {
            let mut runs: BTreeMap<&RunId, Vec<&Bytes>> = BTreeMap::new();
            for entry in entries {
                let events = runs.entry(&entry.run_id).or_default();
                if let Record::Event(bytes) = &entry.record {
                    events.push(bytes);
                }
            }
            for (run, events) in runs {
                check_history(store, key, run, &events)?;
            }
        }
        Ok(())
    }
}

fn check_history(
    store: &dyn Store,
    key: &ExecutionKey,
    run: &RunId,
    events: &[&Bytes],
) -> Result<(), String> {
    let run = RunKey {
        execution: key.clone(),
        run_id: run.clone(),
    };
    let last = i64::from(crate::convert::length(events.len()));
    let range = EventRange {
        first: EventId::FIRST,
        last: EventId(last),
    };
    let found = store.history(&run, range).map_err(|e| e.to_string())?;
    if found.iter().eq(events.iter().copied()) {
        Ok(())
    } else {
        Err(format!("the history of {} in {key} differs", run.run_id))
    }
}
