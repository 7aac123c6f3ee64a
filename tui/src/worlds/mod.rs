//! A simulated run as it is looked at: its trace and journal with indices, so that what was so at any event is found by
//! searching, not by going through what came before.

use std::collections::{BTreeMap, BTreeSet};

use steadfast_proto::temporal::api::history::v1::History as Exported;
use steadfast_sim::kernel::{NodeClock, NodeId, NodeState, Time, TraceEvent, TraceKind};
use steadfast_sim::report::{Failure, RunReport};
use steadfast_sim::scenario::EntryView;

use crate::history::Event;

/// How many parts the picture of the whole run has at most.
pub const PARTS: usize = 512;

/// A history as it grew.
#[derive(Clone, Debug)]
pub struct Grown {
    /// The workflow's id.
    pub workflow_id: String,
    /// The run's id.
    pub run_id: String,
    /// After which event it had how many events.
    lengths: Vec<(u64, usize)>,
    /// All of it.
    events: Exported,
}

/// A simulated run.
#[derive(Clone, Debug)]
pub struct World {
    /// What was run: a repro file, or a scenario and a seed.
    pub what: String,
    report: RunReport,
    /// The places of faults, in order.
    faults: Vec<usize>,
    /// The places of findings, in order; those made at the end are at the last event.
    findings: Vec<usize>,
    histories: Vec<Grown>,
    clocks: Vec<Vec<(u64, NodeClock)>>,
    states: Vec<Vec<(u64, NodeState)>>,
    /// How much happened in each part of the run, of eight.
    density: Vec<u8>,
    /// Nodes that did nothing but run.
    idle: BTreeSet<usize>,
}

impl World {
    /// Makes the indices of a run.
    pub fn new(what: impl Into<String>, report: RunReport) -> Self {
        let events = &report.trace;
        let faults = (0..events.len())
            .filter(|place| is_fault(&events[*place]))
            .collect();
        let last = events.len().saturating_sub(1);
        let place_of = |seq: u64| events.partition_point(|event| event.seq < seq).min(last);
        let found = report.failures.iter().map(|failure| {
            if failure.seq == 0 {
                last
            } else {
                place_of(failure.seq)
            }
        });
        let mut findings: Vec<usize> = found.collect();
        findings.sort_unstable();
        findings.dedup();
        let nodes = report.nodes.len();
        let mut clocks = vec![Vec::new(); nodes];
        for (seq, node, clock) in &report.journal.clocks {
            if let Some(of) = clocks.get_mut(node.0 as usize) {
                of.push((*seq, *clock));
            }
        }
        let mut states = vec![Vec::new(); nodes];
        for (seq, node, state) in &report.journal.nodes {
            if let Some(of) = states.get_mut(node.0 as usize) {
                of.push((*seq, *state));
            }
        }
        let histories = grown(&report);
        let density = density(events);
        let idle = idle(&report);
        Self {
            what: what.into(),
            faults,
            findings,
            histories,
            clocks,
            states,
            density,
            idle,
            report,
        }
    }

    /// What the run came to.
    pub const fn report(&self) -> &RunReport {
        &self.report
    }

    /// The trace.
    pub fn events(&self) -> &[TraceEvent] {
        &self.report.trace
    }

    /// The place of an event by its number, or of the next one that there is.
    pub fn place_of(&self, seq: u64) -> usize {
        let events = self.events();
        events
            .partition_point(|event| event.seq < seq)
            .min(events.len().saturating_sub(1))
    }

    /// The place of the event that brought one about.
    pub fn cause(&self, place: usize) -> Option<usize> {
        let cause = self.events().get(place)?.cause;
        let found = self.place_of(cause);
        (cause > 0 && self.events().get(found)?.seq == cause).then_some(found)
    }

    /// Events that led to one, nearest first, at most so many.
    pub fn causes(&self, place: usize, most: usize) -> Vec<usize> {
        let mut all = Vec::new();
        let mut at = place;
        while all.len() < most
            && let Some(cause) = self.cause(at)
            && cause < at
        {
            all.push(cause);
            at = cause;
        }
        all
    }

    /// The places of faults.
    pub fn faults(&self) -> &[usize] {
        &self.faults
    }

    /// The places of findings.
    pub fn findings(&self) -> &[usize] {
        &self.findings
    }

    /// What was found at an event.
    pub fn found_at(&self, place: usize) -> impl Iterator<Item = &Failure> {
        let last = place + 1 == self.events().len();
        let seq = self.events().get(place).map_or(0, |event| event.seq);
        self.report
            .failures
            .iter()
            .filter(move |it| it.seq == seq || (last && it.seq == 0))
    }

    /// The names of the nodes.
    pub fn nodes(&self) -> &[String] {
        &self.report.nodes
    }

    /// Nodes that did nothing but run: services that no workflow needed.
    pub const fn idle(&self) -> &BTreeSet<usize> {
        &self.idle
    }

    fn seq(&self, place: usize) -> u64 {
        self.events().get(place).map_or(0, |event| event.seq)
    }

    /// True time at an event.
    pub fn time(&self, place: usize) -> Time {
        self.events()
            .get(place)
            .map_or(Time::ZERO, |event| event.time)
    }

    /// Whether a node ran after an event.
    pub fn state(&self, place: usize, node: usize) -> NodeState {
        let known = self.states.get(node).map_or(&[][..], Vec::as_slice);
        latest(known, self.seq(place))
            .copied()
            .unwrap_or(NodeState::Down)
    }

    /// How far a node's wall clock was ahead after an event, in nanoseconds, and its drift in millionths.
    pub fn clock(&self, place: usize, node: usize) -> (i64, i32) {
        let known = self.clocks.get(node).map_or(&[][..], Vec::as_slice);
        let now = self.time(place);
        let clock = latest(known, self.seq(place)).copied().unwrap_or_default();
        (
            clock.wall(now).as_nanos().saturating_sub(now.as_nanos()),
            clock.drift_ppm(),
        )
    }

    /// The histories that there were after an event, each with its length then.
    pub fn histories(&self, place: usize) -> impl Iterator<Item = (&Grown, usize)> {
        let seq = self.seq(place);
        let then = self
            .histories
            .iter()
            .map(move |grown| (grown, grown.length(seq)));
        then.filter(|(_, length)| *length > 0)
    }

    /// What services had done after an event.
    pub fn ledger(&self, place: usize) -> &[(u64, EntryView)] {
        let all = &self.report.journal.ledger;
        let seq = self.seq(place);
        &all[..all.partition_point(|(of, _)| *of <= seq)]
    }

    /// How often each checker had had something to check after an event, and how often it had found something.
    pub fn checks(&self, place: usize) -> Vec<(&str, u64, usize)> {
        let seq = self.seq(place);
        let all = &self.report.journal.checks;
        let then = all.partition_point(|(of, _)| *of <= seq);
        let counted = then.checked_sub(1).and_then(|then| all.get(then));
        let names = all
            .last()
            .map(|(_, counts)| counts.keys().copied().collect::<Vec<_>>())
            .unwrap_or_default();
        let last = place + 1 >= self.events().len();
        let found = |name: &str| {
            let of = self
                .report
                .failures
                .iter()
                .filter(|failure| failure.checker == name);
            of.filter(|failure| {
                (failure.seq > 0 && failure.seq <= seq) || (last && failure.seq == 0)
            })
            .count()
        };
        let each = names.into_iter().map(|name| {
            let count = counted
                .and_then(|(_, counts)| counts.get(name))
                .copied()
                .unwrap_or(0);
            (name, count, found(name))
        });
        let mut each: Vec<_> = each.collect();
        // What suites and scenarios check themselves has no counts on the way.
        for failure in &self.report.failures {
            let name: &str = &failure.checker;
            if last && !each.iter().any(|(known, ..)| *known == name) {
                each.push((name, 0, found(name)));
            }
        }
        each.sort_by_key(|(_, _, found)| std::cmp::Reverse(*found));
        each
    }

    /// How much happened in each of so many parts of the run, of eight.
    pub fn density(&self, parts: usize) -> Vec<u8> {
        let known = self.density.len();
        let of = |part: usize| {
            let (from, to) = (
                part * known / parts.max(1),
                (part + 1) * known / parts.max(1),
            );
            let slice = &self.density[from.min(known)..to.max(from + 1).min(known)];
            slice.iter().copied().max().unwrap_or(0)
        };
        (0..parts).map(of).collect()
    }

    /// The next event, or the one before, that names a text.
    pub fn naming(&self, from: usize, text: &str, forward: bool) -> Option<usize> {
        let events = self.events();
        let names = |place: &usize| events[*place].text.contains(text);
        if forward {
            (from + 1..events.len()).find(names)
        } else {
            (0..from.min(events.len())).rev().find(names)
        }
    }
}

impl Grown {
    fn length(&self, seq: u64) -> usize {
        latest(&self.lengths, seq).copied().unwrap_or(0)
    }

    /// How many events it had after one of the run.
    pub fn length_at(&self, world: &World, place: usize) -> usize {
        self.length(world.seq(place))
    }

    /// Its first events.
    pub fn events(&self, length: usize) -> Vec<Event> {
        self.events
            .events
            .iter()
            .take(length)
            .map(|event| Event::from(event.clone()))
            .collect()
    }
}

/// The latest of some changes that held after an event.
fn latest<T>(changes: &[(u64, T)], seq: u64) -> Option<&T> {
    let then = changes.partition_point(|(of, _)| *of <= seq);
    then.checked_sub(1)
        .and_then(|then| changes.get(then))
        .map(|(_, value)| value)
}

fn grown(report: &RunReport) -> Vec<Grown> {
    let mut lengths: BTreeMap<(&str, &str), Vec<(u64, usize)>> = BTreeMap::new();
    for growth in &report.journal.histories {
        let run = (growth.workflow_id.as_str(), growth.run_id.as_str());
        lengths
            .entry(run)
            .or_default()
            .push((growth.seq, growth.events));
    }
    let each = lengths.into_iter().map(|((workflow, run), lengths)| Grown {
        workflow_id: workflow.to_owned(),
        run_id: run.to_owned(),
        lengths,
        events: report
            .histories
            .get(&(workflow.to_owned(), run.to_owned()))
            .cloned()
            .unwrap_or_default(),
    });
    each.collect()
}

fn idle(report: &RunReport) -> BTreeSet<usize> {
    let mut idle: BTreeSet<usize> = (0..report.nodes.len()).collect();
    for event in &report.trace {
        let busy =
            !matches!(event.kind, TraceKind::Start | TraceKind::Clock) && event.label != GREETING;
        if busy {
            for node in event.node.into_iter().chain(event.peer) {
                idle.remove(&(node.0 as usize));
            }
        }
    }
    idle
}

/// With this message a process tells all others that it has started.
const GREETING: &str = "hello";

/// Whether an event is something that went wrong in the world, by the world's own doing.
pub fn is_fault(event: &TraceEvent) -> bool {
    matches!(
        event.kind,
        TraceKind::Crash
            | TraceKind::Pause
            | TraceKind::Lost
            | TraceKind::Duplicate
            | TraceKind::DiskFault
            | TraceKind::Clock
            | TraceKind::Network
    )
}

fn density(events: &[TraceEvent]) -> Vec<u8> {
    let Some(end) = events.last().map(|event| event.time.as_nanos().max(1)) else {
        return Vec::new();
    };
    let mut counts = vec![0_u64; PARTS];
    let parts = i128::try_from(PARTS).unwrap_or(1);
    for event in events {
        let part = i128::from(event.time.as_nanos().max(0)) * parts / i128::from(end);
        let part = usize::try_from(part).unwrap_or(0).min(PARTS - 1);
        counts[part] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or(1).max(1);
    // By powers: few events must be seen beside very many.
    let level = |count: u64| match count {
        0 => 0,
        count => {
            u8::try_from(8 * (64 - count.leading_zeros()) / (64 - most.leading_zeros()).max(1))
                .unwrap_or(8)
                .clamp(1, 8)
        }
    };
    counts.into_iter().map(level).collect()
}

/// The node that an event's picture begins at, if it is a message.
pub fn sender(event: &TraceEvent) -> Option<NodeId> {
    match event.kind {
        TraceKind::Deliver | TraceKind::Lost | TraceKind::Duplicate => event.peer,
        _ => None,
    }
}
