//! The invariants, one file each. Each counts how often it had something to check.
//!
//! Checkers hear [`Observation`]s and read [`Facts`], their own fold of what became durable, and the effect ledger.
//! They look at the engine's own state only to compare it with the fold of its log.

mod acknowledged;
mod conservation;
mod convergence;
mod facts;
mod folds;
mod history_grammar;
mod one_open_run;
mod queries;
mod replay_equivalence;
mod resets;
mod retries;
mod saga;
mod schedules;
mod stale_tokens;
mod tally;
mod timers;
mod undurable;
mod updates;
mod visibility;

use std::{collections::BTreeMap, rc::Rc};

use steadfast_core::{RunKey, Timestamp, schedule::SCHEDULE_PREFIX, visibility::Listed};
use steadfast_replay::Registry;

pub use conservation::Accounts;
pub(crate) use facts::closes;
pub use facts::{ActivityFacts, Facts, RunFacts, UpdateFacts};
pub use saga::{Closing, Judge, Outcome, Pair, SagaRules};
pub use tally::{Tally, Violation};
pub(crate) use visibility::question;

use self::{
    acknowledged::Acknowledged,
    conservation::Conservation,
    convergence::Convergence,
    facts::Fact,
    folds::Folds,
    history_grammar::HistoryGrammar,
    one_open_run::OneOpenRun,
    queries::Queries,
    replay_equivalence::{ReplayEquivalence, TaskDone},
    resets::Resets,
    retries::Retries,
    saga::Saga,
    schedules::Schedules,
    stale_tokens::StaleTokens,
    timers::Timers,
    undurable::Undurable,
    updates::Updates,
    visibility::Visibility,
};
use crate::{
    cluster::{ledger::Ledger, observe::Observation},
    kernel::Time,
};

/// All checkers of one run.
#[derive(Debug)]
pub struct Checkers {
    facts: Facts,
    folded: Folded,
    replay_equivalence: ReplayEquivalence,
    folds: Folds,
    acknowledged: Acknowledged,
    undurable: Undurable,
    stale_tokens: StaleTokens,
    queries: Queries,
    visibility: Visibility,
    updates: Updates,
    resets: Resets,
    saga: Saga,
    conservation: Conservation,
    convergence: Convergence,
    /// How many findings know at which event they were found.
    marked: usize,
}

/// The checkers that read every record as it becomes durable.
#[derive(Debug)]
struct Folded {
    grammar: HistoryGrammar,
    one_open_run: OneOpenRun,
    timers: Timers,
    retries: Retries,
    schedules: Schedules,
}

impl Folded {
    fn fact(&mut self, at: Time, run: &RunKey, high: Timestamp, fact: &Fact<'_>) {
        match fact {
            Fact::Event(event) => {
                self.grammar.event(at, run, event);
                self.one_open_run.event(run, event);
                self.timers.event(at, run, event);
                self.retries.event(run, event);
                self.schedules.event(at, run, event);
            }
            Fact::Record(record) => {
                self.retries.record(at, run, high, record);
                self.schedules.record(at, run, high, record);
            }
        }
    }
}

/// How the run ended, as the harness sees it.
#[derive(Debug, Default)]
pub struct Ending {
    /// How many workflows and operations there were.
    pub begun: u64,
    /// What has not ended.
    pub unfinished: Vec<String>,
    /// The accounts of every service.
    pub accounts: Vec<Accounts>,
    /// The namespace of all workflows.
    pub namespace: String,
    /// The rows of every store.
    pub rows: Vec<Listed>,
}

impl Checkers {
    /// For a cluster with so many shards, whose workers run these builds.
    #[must_use]
    pub fn new(shard_count: u32, builds: Vec<Rc<Registry>>, rules: SagaRules) -> Self {
        Self {
            facts: Facts::new(shard_count),
            folded: Folded {
                grammar: HistoryGrammar::default(),
                one_open_run: OneOpenRun::default(),
                timers: Timers::new(shard_count),
                retries: Retries::default(),
                schedules: Schedules::new(shard_count),
            },
            replay_equivalence: ReplayEquivalence::new(builds),
            folds: Folds::default(),
            acknowledged: Acknowledged::new(shard_count),
            undurable: Undurable::default(),
            stale_tokens: StaleTokens::default(),
            queries: Queries::default(),
            visibility: Visibility::default(),
            updates: Updates::new(shard_count),
            resets: Resets::default(),
            saga: Saga::new(rules),
            conservation: Conservation::default(),
            convergence: Convergence::default(),
            marked: 0,
        }
    }

    /// Takes one observation.
    pub fn see(&mut self, at: Time, observation: &Observation<'_>) {
        match *observation {
            Observation::Stepped { shard, wall } => {
                self.folded.timers.stepped(shard, wall);
                self.folded.schedules.stepped(shard, wall);
            }
            Observation::Submitted { shard, batch } => self.facts.submitted(shard, batch),
            Observation::Durable { shard } => {
                let folded = &mut self.folded;
                let tell = |_: &mut Facts, run: &RunKey, high, fact: Fact<'_>| {
                    folded.fact(at, run, high, &fact);
                };
                self.facts.durable(shard, tell);
                self.folded.one_open_run.batch_ended(at);
                self.folded.schedules.batch_ended(at);
            }
            Observation::Recovered {
                shard, executions, ..
            } => {
                let explained = self.facts.recovered(shard, executions);
                self.folds.recovered(at, &self.facts, executions, explained);
                self.acknowledged.recovered(at, shard, executions);
                self.updates.recovered(at, shard, executions);
            }
            Observation::Live { key, execution } => {
                self.folds.live(at, &self.facts, key, execution);
            }
            Observation::Replied { rpc, reply } => {
                self.undurable.replied(at, &self.facts, rpc, reply);
                self.stale_tokens.replied(at, &self.facts, rpc, reply);
                self.updates.replied(at, &self.facts, rpc, reply);
            }
            Observation::Acknowledged { rpc, answer } => {
                self.acknowledged.acknowledged(rpc, answer);
                self.queries.acknowledged(rpc, answer);
                self.visibility.acknowledged(at, &self.facts, rpc, answer);
                self.updates.acknowledged(at, &self.facts, rpc, answer);
            }
            Observation::TaskDone {
                run,
                started,
                digest,
                build,
                messages,
            } => {
                let done = TaskDone {
                    started,
                    digest,
                    build,
                    messages,
                };
                self.replay_equivalence
                    .task_done(at, &self.facts, run, &done);
            }
            Observation::Nondeterminism { run, what } => {
                self.replay_equivalence.nondeterminism(at, run, what);
            }
            Observation::QueryAsked { id, key } => self.queries.asked(id, key),
            Observation::QuerySeen { id, run, upto } => self.queries.seen(id, run, upto),
            Observation::QueryAnswered { id } => self.queries.answered(at, &self.facts, id),
        }
    }

    /// What has been found since the last event was found at this event of the trace.
    pub fn mark(&mut self, seq: u64) {
        let found = |tally: &&Tally| tally.violations().len();
        let found = self.tallies().iter().map(found).sum();
        if found == self.marked {
            return;
        }
        self.marked = found;
        for tally in self.tallies_mut() {
            tally.mark(seq);
        }
    }

    /// The run is over.
    pub fn finish(&mut self, at: Time, ledger: &Ledger, ending: &Ending) {
        self.acknowledged.finish(at, &self.facts);
        let (schedules, runs): (Vec<_>, Vec<_>) = ending
            .rows
            .iter()
            .partition(|row| row.workflow_id.as_str().starts_with(SCHEDULE_PREFIX));
        self.visibility
            .finish(at, &self.facts, &ending.namespace, &runs);
        self.folded
            .schedules
            .listed(at, &ending.namespace, &schedules);
        self.updates.finish(at, &self.facts);
        self.resets.finish(at, &self.facts);
        self.replay_equivalence.finish(at, &self.facts);
        self.folded.schedules.finish(at);
        self.saga.finish(at, &self.facts, ledger);
        self.conservation.finish(at, ledger, &ending.accounts);
        self.convergence
            .finish(at, ending.begun, &ending.unfinished);
    }

    /// What is durable, by the checkers' own fold.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    fn tallies(&self) -> [&Tally; 17] {
        [
            &self.folded.grammar.tally,
            &self.replay_equivalence.tally,
            &self.folds.tally,
            &self.acknowledged.tally,
            &self.undurable.tally,
            &self.folded.one_open_run.tally,
            &self.folded.timers.tally,
            &self.folded.retries.tally,
            &self.folded.schedules.tally,
            &self.stale_tokens.tally,
            &self.queries.tally,
            &self.visibility.tally,
            &self.updates.tally,
            &self.resets.tally,
            &self.saga.tally,
            &self.conservation.tally,
            &self.convergence.tally,
        ]
    }

    fn tallies_mut(&mut self) -> [&mut Tally; 15] {
        [
            &mut self.folded.grammar.tally,
            &mut self.replay_equivalence.tally,
            &mut self.folds.tally,
            &mut self.acknowledged.tally,
            &mut self.undurable.tally,
            &mut self.folded.one_open_run.tally,
            &mut self.folded.timers.tally,
            &mut self.folded.retries.tally,
            &mut self.folded.schedules.tally,
            &mut self.stale_tokens.tally,
            &mut self.queries.tally,
            &mut self.resets.tally,
            &mut self.saga.tally,
            &mut self.conservation.tally,
            &mut self.convergence.tally,
        ]
    }

    /// How often each checker had something to check.
    #[must_use]
    pub fn checked(&self) -> BTreeMap<&'static str, u64> {
        self.tallies()
            .iter()
            .map(|tally| (tally.name(), tally.checked()))
            .collect()
    }

    /// Everything that does not hold, in the order of time.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        let all = self.tallies().into_iter().flat_map(Tally::violations);
        let mut all: Vec<Violation> = all.cloned().collect();
        all.sort_by_key(|violation| violation.at);
        all
    }
}
