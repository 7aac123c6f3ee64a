//! The workflow instances that a worker keeps between tasks, least recently used out first.

use std::collections::BTreeMap;

use steadfast_replay::CachedRun;

/// A run, as the wire names it: workflow id, run id.
pub(super) type RunId = (String, String);

#[derive(Debug)]
struct Kept {
    run: Box<CachedRun>,
    used: u64,
}

/// See the module documentation.
#[derive(Debug)]
pub(super) struct Cache {
    runs: BTreeMap<RunId, Kept>,
    capacity: usize,
    uses: u64,
}

impl Cache {
    /// Keeps so many runs at most.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            runs: BTreeMap::new(),
            capacity,
            uses: 0,
        }
    }

    /// Takes a run out to work on it.
    pub(super) fn take(&mut self, id: &RunId) -> Option<Box<CachedRun>> {
        self.runs.remove(id).map(|kept| kept.run)
    }

    /// Keeps a run, at the expense of the one that was not used for longest.
    pub(super) fn keep(&mut self, id: RunId, run: Box<CachedRun>) {
        if self.capacity == 0 {
            return;
        }
        self.uses += 1;
        let used = self.uses;
        self.runs.insert(id, Kept { run, used });
        if self.runs.len() > self.capacity {
            let oldest = self.runs.iter().min_by_key(|(_, kept)| kept.used);
            if let Some(id) = oldest.map(|(id, _)| id.clone()) {
                self.runs.remove(&id);
            }
        }
    }

    /// The engine has dropped the task that this run has just answered: it goes back to the one before.
    pub(super) fn rewind(&mut self, id: &RunId, started: i64) {
        if let Some(kept) = self.runs.get_mut(id) {
            kept.run.task_dropped(started);
        }
    }

    /// Forgets a run.
    pub(super) fn remove(&mut self, id: &RunId) {
        self.runs.remove(id);
    }
}
