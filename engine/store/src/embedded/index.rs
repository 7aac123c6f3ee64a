//! Where everything is: kept in memory, made anew from the log at every opening.

use std::collections::BTreeMap;

use steadfast_core::{Epoch, ExecutionKey, RunId, Timestamp};

/// Some bytes of the log. Ordered as they were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) segment: u32,
    pub(crate) offset: u64,
    pub(crate) length: u32,
    pub(crate) crc: u32,
}

impl Position {
    pub(crate) fn end(&self) -> u64 {
        self.offset + u64::from(self.length)
    }
}

/// What is known of a shard without reading.
#[derive(Clone, Debug, Default)]
pub(crate) struct ShardIndex {
    /// The newest epoch given out.
    pub(crate) epoch: Epoch,
    /// After the last submitted batch.
    pub(crate) high: Timestamp,
    /// After the last durable one.
    pub(crate) durable_high: Timestamp,
    /// A commit failed, and nobody has opened the shard since.
    pub(crate) poisoned: bool,
    pub(crate) executions: BTreeMap<ExecutionKey, ExecutionIndex>,
}

/// Where an execution is.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExecutionIndex {
    /// The frames that hold records of it.
    pub(crate) frames: Vec<Position>,
    /// The events of its runs. There are few runs, and the last one is the one that is asked for.
    pub(crate) runs: Vec<(RunId, Vec<Position>)>,
}

impl ExecutionIndex {
    pub(crate) fn events(&self, run: &RunId) -> &[Position] {
        let found = self.runs.iter().rev().find(|(id, _)| id == run);
        found.map_or(&[], |(_, events)| events)
    }

    /// Notes that a frame holds records of this execution.
    pub(crate) fn add_frame(&mut self, frame: Position) {
        if self.frames.last() != Some(&frame) {
            self.frames.push(frame);
        }
    }

    /// Notes the next event of a run.
    pub(crate) fn add_event(&mut self, run: &RunId, event: Position) {
        match self.runs.iter_mut().rev().find(|(id, _)| id == run) {
            Some((_, events)) => events.push(event),
            None => self.runs.push((run.clone(), vec![event])),
        }
    }

    /// Forgets a run; says whether another one is left.
    fn forget(&mut self, run: &RunId) -> bool {
        self.runs.retain(|(id, _)| id != run);
        !self.runs.is_empty()
    }

    /// Forgets what is at or after a place; says whether anything is left.
    fn cut(&mut self, from: (u32, u64)) -> bool {
        cut(&mut self.frames, from);
        for (_, events) in &mut self.runs {
            cut(events, from);
        }
        self.runs.retain(|(_, events)| !events.is_empty());
        !self.frames.is_empty()
    }
}

fn cut(positions: &mut Vec<Position>, from: (u32, u64)) {
    let keep = positions.partition_point(|p| (p.segment, p.offset) < from);
    positions.truncate(keep);
}

impl ShardIndex {
    /// The execution's place, which the caller is about to fill.
    pub(crate) fn execution(&mut self, key: &ExecutionKey) -> &mut ExecutionIndex {
        if !self.executions.contains_key(key) {
            self.executions
                .insert(key.clone(), ExecutionIndex::default());
        }
        self.executions.get_mut(key).expect("it is there now")
    }

    /// Forgets a run that is durably gone, and with the last one its execution.
    pub(crate) fn forget(&mut self, key: &ExecutionKey, run: &RunId) {
        let execution = self.executions.get_mut(key);
        if execution.is_some_and(|execution| !execution.forget(run)) {
            self.executions.remove(key);
        }
    }

    /// Forgets what is at or after a place.
    pub(crate) fn cut(&mut self, from: (u32, u64)) {
        self.executions.retain(|_, execution| execution.cut(from));
        self.high = self.durable_high;
    }
}
