//! The crash-point certificate: what becomes of a scenario when exactly one thing goes wrong, at each place in turn.
//!
//! One run without faults numbers the events of every node that can suffer: those that led to a commit, that ended one, or
//! that told somebody something. Then each gets a run of its own for each fault that can strike right after it, or in the
//! middle of it: a reply that is lost after what it answers took effect, a process that dies between a commit and what was
//! to follow. Nothing is left to chance, so what is safe at all of them is safe at every single crash, for this workload
//! and this order of events.

use std::collections::BTreeSet;

use crate::{
    cluster::wire::Wire,
    kernel::{ChoiceLog, FaultClass, NodeId, PointFault, Time, TraceEvent, TraceKind, World},
    report::{Options, Passed, RunReport},
};

/// A place at which something can go wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boundary {
    /// The event of the run without faults.
    pub seq: u64,
    /// When it is, by the true clock.
    pub at: Time,
    /// Where it is.
    pub node: String,
    /// What happens there.
    pub what: String,
}

/// One run of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// The place among the boundaries.
    pub boundary: usize,
    /// What goes wrong there: a name of [`FAULTS`].
    pub fault: &'static str,
    /// The choices that make it so.
    pub choices: ChoiceLog,
}

/// What is tried: all that has to be run for a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The places, in the order of the run.
    pub boundaries: Vec<Boundary>,
    /// The runs, by place and fault.
    pub trials: Vec<Trial>,
}

const REPLY_LOST: &str = "reply-lost";
const COMMIT_CRASH: &str = "commit-crash";
const CACHE_EVICTED: &str = "cache-evicted";

/// Every fault that a certificate tries.
pub const FAULTS: [&str; 8] = [
    name(PointFault::Crash),
    COMMIT_CRASH,
    name(PointFault::PowerCut),
    name(PointFault::Pause),
    name(PointFault::ClockForward),
    name(PointFault::ClockBack),
    REPLY_LOST,
    CACHE_EVICTED,
];

const fn name(fault: PointFault) -> &'static str {
    match fault {
        PointFault::Crash => "crash",
        PointFault::PowerCut => "power-cut",
        PointFault::Pause => "pause",
        PointFault::ClockForward => "clock-forward",
        PointFault::ClockBack => "clock-back",
    }
}

/// The text of a scenario in which nothing goes wrong by chance, and in which a power cut takes what was not synced.
///
/// # Errors
/// If the text is no TOML document.
pub fn calm(text: &str) -> Result<String, toml::de::Error> {
    let mut document: toml::Table = text.parse()?;
    let faults: [(&str, toml::Value); 3] = [
        ("profile", "none".into()),
        ("swarm", false.into()),
        (FaultClass::LostWrites.name(), 1.0.into()),
    ];
    let faults = faults.map(|(name, value)| (name.to_owned(), value));
    document.insert("faults".to_owned(), toml::Table::from_iter(faults).into());
    Ok(document.to_string())
}

/// How the run that numbers the points is made.
#[must_use]
pub fn numbering(options: Options) -> Options {
    Options {
        trace: true,
        points: true,
        ..options
    }
}

/// How the other runs are made.
#[must_use]
pub fn trying(options: Options) -> Options {
    Options {
        points: true,
        ..options
    }
}

/// What is to be tried, after the run that numbered the points.
#[must_use]
pub fn plan(report: &RunReport) -> Plan {
    let mut plan = Plan::default();
    let committed: BTreeSet<u64> = report
        .trace
        .iter()
        .filter(|event| event.kind == TraceKind::Note && event.label == "batch")
        .map(|event| event.cause)
        .collect();
    let mut points: Vec<&Passed> = report.points.iter().collect();
    points.sort_by_key(|passed| passed.point.seq);
    for Passed { point, faults } in points {
        if faults.is_empty() {
            continue;
        }
        let event = event(&report.trace, point.seq);
        let Some(event) = event.filter(|it| committed.contains(&it.seq) || matters(it)) else {
            continue;
        };
        if plan.boundaries.last().is_none_or(|it| it.seq != event.seq) {
            plan.boundaries.push(boundary(report, event));
        }
        for (fault, value) in faults {
            let mut choices = ChoiceLog {
                seed: report.seed,
                ..ChoiceLog::default()
            };
            choices.set(point.label, point.entity, point.ordinal, *value);
            plan.trials.push(Trial {
                boundary: plan.boundaries.len() - 1,
                fault,
                choices,
            });
        }
    }
    plan
}

/// The event of a number, which must be one that a node handles.
fn event(trace: &[TraceEvent], seq: u64) -> Option<&TraceEvent> {
    let place = trace.binary_search_by_key(&seq, |event| event.seq).ok()?;
    let event = &trace[place];
    let handled = matches!(
        event.kind,
        TraceKind::Deliver | TraceKind::Timer | TraceKind::Synced
    );
    handled.then_some(event)
}

/// Whether something depends on an event that no batch came of: a commit ended, or somebody was told something.
fn matters(event: &TraceEvent) -> bool {
    let text = event.text.as_str();
    let nothing_told = text.ends_with(" nothing") || !text.contains(' ');
    match event.kind {
        TraceKind::Synced => true,
        TraceKind::Deliver => !nothing_told && text != "has started",
        _ => false,
    }
}

fn boundary(report: &RunReport, event: &TraceEvent) -> Boundary {
    let node = event.node.and_then(|NodeId(node)| {
        let node = usize::try_from(node).ok()?;
        report.nodes.get(node).cloned()
    });
    let what = match event.kind {
        TraceKind::Synced => format!("commit after: {}", told(&report.trace, event)),
        _ if event.text.is_empty() => event.label.to_string(),
        _ => event.text.clone(),
    };
    Boundary {
        seq: event.seq,
        at: event.time,
        node: node.unwrap_or_default(),
        what,
    }
}

/// What brought an event about: the first of its causes that is more than the end of another commit.
fn told<'a>(trace: &'a [TraceEvent], event: &'a TraceEvent) -> &'a str {
    let mut cause = event;
    while cause.kind == TraceKind::Synced
        && let Ok(place) = trace.binary_search_by_key(&cause.cause, |it| it.seq)
    {
        cause = &trace[place];
    }
    if cause.text.is_empty() {
        &cause.label
    } else {
        &cause.text
    }
}

/// The points that a world has passed, each with what can happen there.
pub(crate) fn passed(world: &World<Wire>) -> Vec<Passed> {
    let points = world.points().into_iter();
    let with_faults = points.map(|point| {
        let faults = match point.label {
            "point.node" => {
                let node = NodeId(u32::try_from(point.entity.raw()).unwrap_or(u32::MAX));
                let strikes = |fault: &PointFault| !world.is_immune(node, fault.class());
                let faults = PointFault::ALL.into_iter().filter(strikes);
                faults.map(|fault| (name(fault), fault.value())).collect()
            }
            "point.reply" => vec![(REPLY_LOST, 1)],
            "point.commit" => vec![(COMMIT_CRASH, 1)],
            "point.task" => vec![(CACHE_EVICTED, 1)],
            _ => Vec::new(),
        };
        Passed { point, faults }
    });
    with_faults.collect()
}
