//! What a recorded run was like at each event of its trace, beside the trace: what was durable, what services had done,
//! what clocks showed, which nodes ran, and how much had been checked.
//!
//! Everything is a change with the number of the event after which it held; a state is the changes up to an event. The
//! journal is kept only where a trace is, and looks from outside: a run is the same with and without it.

use std::collections::BTreeMap;

use steadfast_core::RunKey;

use crate::{
    checkers::Checkers,
    cluster::{build::Cluster, view, wire::Wire},
    kernel::{NodeClock, NodeId, NodeState, World},
    scenario::EntryView,
};

/// How often the checks are counted, in events.
const COUNT_EVERY: u64 = 64;

/// A history has grown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Growth {
    /// The event after which it had.
    pub seq: u64,
    /// The workflow's id.
    pub workflow_id: String,
    /// The run's id.
    pub run_id: String,
    /// How many events it has now.
    pub events: usize,
}

/// The changes of a run, each list in the order of events.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    /// Histories as they became durable.
    pub histories: Vec<Growth>,
    /// What services did.
    pub ledger: Vec<(u64, EntryView)>,
    /// Clocks that jumped or changed their speed, each as it is from then on.
    pub clocks: Vec<(u64, NodeId, NodeClock)>,
    /// Nodes that started, stopped, or paused.
    pub nodes: Vec<(u64, NodeId, NodeState)>,
    /// How often each checker had had something to check, every so many events and at the end.
    pub checks: Vec<(u64, BTreeMap<&'static str, u64>)>,
}

/// Keeps the journal of a run.
#[derive(Debug, Default)]
pub(crate) struct Keeper {
    journal: Journal,
    lengths: BTreeMap<RunKey, usize>,
    clocks: Vec<NodeClock>,
    states: Vec<NodeState>,
    counted: u64,
}

impl Keeper {
    /// Writes down what an event has changed.
    pub(crate) fn look(
        &mut self,
        seq: u64,
        world: &World<Wire>,
        cluster: &Cluster,
        checkers: &Checkers,
    ) {
        for (run, known) in &checkers.facts().runs {
            let length = known.events.len();
            if self.lengths.get(run) != Some(&length) {
                self.lengths.insert(run.clone(), length);
                self.journal.histories.push(Growth {
                    seq,
                    workflow_id: run.execution.workflow_id.to_string(),
                    run_id: run.run_id.to_string(),
                    events: length,
                });
            }
        }
        let known = self.journal.ledger.len();
        if cluster.ledger.len() > known {
            let entries = cluster
                .ledger
                .read(|all| all[known..].iter().map(view::entry).collect::<Vec<_>>());
            let entries = entries.into_iter().map(|entry| (seq, entry));
            self.journal.ledger.extend(entries);
        }
        for node in world.nodes() {
            let (clock, state) = (*world.clock(node), world.state(node));
            let index = node.0 as usize;
            if self.clocks.get(index) != Some(&clock) {
                self.clocks
                    .resize(self.clocks.len().max(index + 1), NodeClock::default());
                self.clocks[index] = clock;
                self.journal.clocks.push((seq, node, clock));
            }
            if self.states.get(index) != Some(&state) {
                self.states
                    .resize(self.states.len().max(index + 1), NodeState::Down);
                self.states[index] = state;
                self.journal.nodes.push((seq, node, state));
            }
        }
        if seq >= self.counted + COUNT_EVERY {
            self.counted = seq;
            self.journal.checks.push((seq, checkers.checked()));
        }
    }

    /// The run is over.
    pub(crate) fn finish(mut self, seq: u64, checkers: &Checkers) -> Journal {
        self.journal.checks.push((seq, checkers.checked()));
        self.journal
    }
}
