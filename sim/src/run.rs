//! One run: a world from a scenario and choices, a storm, a calm, and what came of it.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use steadfast_core::Timestamp;
use steadfast_proto::temporal::api::history::v1::History;

use crate::{
    certify,
    checkers::{Accounts, Checkers, Ending, Facts},
    cluster::{
        build::{self, Cluster, MESSAGE_FAULTS},
        view,
        wire::Wire,
    },
    journal::{Journal, Keeper},
    kernel::{Chance, FaultClass, FaultPlan, Swarm, Time, TraceBuffer, World, WorldConfig},
    report::{Choices, Counts, Coverage, Failure, Options, RunReport},
    scenario::{FaultsView, Scenario, TimeView, View, judge},
    suite::{Findings, Suite},
};

/// How long a run goes on after everything has converged, so that late effects of the storm come to light.
const AFTERMATH: Duration = Duration::from_secs(60);

/// A run that takes more events than this does not converge, however little time it takes.
const MOST_EVENTS: u64 = 2_000_000;

/// Runs a scenario. The same suite, scenario and choices give the same report, hash included.
pub fn run(suite: &Suite, scenario: &Scenario, choices: Choices, options: Options) -> RunReport {
    let seed = choices.seed();
    let chance = match choices {
        Choices::Seed(seed) => Chance::seeded(seed),
        Choices::Recorded(log) => Chance::playback(log),
        Choices::Overridden(log) => Chance::overridden(log),
    };
    if options.record {
        chance.record();
    }
    let plan = draw_plan(&chance, scenario);
    let rates = MESSAGE_FAULTS.map(|class| plan.rate(class));
    let weather = build::draw_weather(&chance, &scenario.faults, &rates);
    let mut world = World::new(WorldConfig {
        points: options.points,
        ..WorldConfig::new(chance.clone(), plan)
    });
    let trace = options.trace.then(TraceBuffer::full);
    if let Some(trace) = &trace {
        world.trace_into(trace.clone());
    }
    if let Some(clock) = suite.clock() {
        world.follow(clock());
    }
    let report = match Cluster::build(&mut world, suite, scenario, weather, options.bug) {
        Ok(cluster) => weather_out(suite, scenario, &mut world, &cluster, options),
        Err(why) => RunReport::broken(scenario, why),
    };
    RunReport {
        seed,
        trace: trace.map_or_else(Vec::new, |trace| trace.events()),
        nodes: world
            .nodes()
            .map(|node| world.name(node).to_owned())
            .collect(),
        choices: options.record.then(|| chance.log()),
        points: certify::passed(&world),
        drift: chance.drift(),
        ..report
    }
}

fn draw_plan(chance: &Chance, scenario: &Scenario) -> FaultPlan {
    let most = scenario.faults.plan.clone();
    if scenario.faults.swarm {
        Swarm::up_to(most).draw(chance)
    } else {
        most
    }
}

/// The storm, then the calm; then everything is judged.
fn weather_out(
    suite: &Suite,
    scenario: &Scenario,
    world: &mut World<Wire>,
    cluster: &Cluster,
    options: Options,
) -> RunReport {
    cluster.weather.set_storm(true);
    world.storm();
    let mut keeper = options.trace.then(Keeper::default);
    go_on(
        world,
        cluster,
        Time::ZERO + scenario.world.storm,
        &mut keeper,
    );
    let storm_end = world.now();
    cluster.weather.set_storm(false);
    world.calm();
    go_on(world, cluster, storm_end + scenario.world.calm, &mut keeper);
    let converged = world.now();
    go_through(world, cluster, converged + AFTERMATH, &mut keeper);

    let accounts = cluster.accounts();
    let ending = Ending {
        begun: cluster.progress.begun(),
        unfinished: cluster.progress.unfinished(),
        accounts: accounts.clone(),
        namespace: cluster.namespace.clone(),
        rows: cluster.rows(),
    };
    let at = world.now();
    let time = TimeView {
        elapsed: converged.since(Time::ZERO).as_secs_f64(),
        storm: storm_end.since(Time::ZERO).as_secs_f64(),
        calm: converged.since(storm_end).as_secs_f64(),
    };
    cluster.watch.with(|checkers| {
        checkers.finish(at, &cluster.ledger, &ending);
        let start = Timestamp::from_nanos(scenario.world.start.saturating_mul(1_000_000));
        let view = see(checkers, cluster, &accounts, start, time, world);
        let seq = world.ladder().events();
        let journal = keeper.map(|keeper| keeper.finish(seq, checkers));
        RunReport {
            journal: journal.unwrap_or_default(),
            ..report(suite, scenario, world, cluster, checkers, &view, options)
        }
    })
}

/// Lets the world go on until everything is done, or the time is over.
fn go_on(world: &mut World<Wire>, cluster: &Cluster, until: Time, keeper: &mut Option<Keeper>) {
    while !cluster.progress.is_done() && world.ladder().events() < MOST_EVENTS {
        match world.step_by(until) {
            Some(stepped) => stepped_on(world, cluster, stepped.seq, keeper),
            None => return world.run_until(until),
        }
    }
}

/// Lets the world go on until the time is over.
fn go_through(
    world: &mut World<Wire>,
    cluster: &Cluster,
    until: Time,
    keeper: &mut Option<Keeper>,
) {
    while let Some(stepped) = world.step_by(until) {
        stepped_on(world, cluster, stepped.seq, keeper);
    }
    world.run_until(until);
}

/// The world has taken a step, up to this event.
fn stepped_on(world: &World<Wire>, cluster: &Cluster, seq: u64, keeper: &mut Option<Keeper>) {
    cluster.watch.with(|checkers| {
        checkers.mark(seq);
        if let Some(keeper) = keeper {
            keeper.look(seq, world, cluster, checkers);
        }
    });
}

fn see(
    checkers: &Checkers,
    cluster: &Cluster,
    accounts: &[Accounts],
    start: Timestamp,
    time: TimeView,
    world: &World<Wire>,
) -> View {
    let faults = faults(cluster, world);
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    View {
        runs: view::runs(checkers.facts(), start),
        ledger: view::ledger(&cluster.ledger, accounts),
        time,
        faults: FaultsView {
            total: count(faults.values().sum()),
            by_class: faults
                .iter()
                .map(|(name, n)| (name.to_string(), count(*n)))
                .collect(),
        },
    }
}

/// How often each fault struck: those that this run has switched on, and those that were set for a point.
fn faults(cluster: &Cluster, world: &World<Wire>) -> Counts {
    let mut all: Counts = BTreeMap::new();
    let strikes = world.strikes();
    for class in world.plan().classes() {
        all.insert(Cow::Borrowed(class.name()), strikes.of(class));
    }
    // What was set for a point strikes without being on.
    for class in FaultClass::ALL
        .iter()
        .filter(|class| strikes.of(**class) > 0)
    {
        all.insert(Cow::Borrowed(class.name()), strikes.of(*class));
    }
    for (fault, count) in build::struck(&cluster.weather) {
        all.insert(Cow::Borrowed(fault.name()), count);
    }
    all
}

fn report(
    suite: &Suite,
    scenario: &Scenario,
    world: &World<Wire>,
    cluster: &Cluster,
    checkers: &Checkers,
    view: &View,
    options: Options,
) -> RunReport {
    let at = world.now();
    let failure = |checker: &str, message: String, at: Time, seq: u64| Failure {
        checker: Cow::Owned(checker.to_owned()),
        workflow_id: workflow_in(&message, checkers.facts()),
        message,
        at,
        seq,
    };
    let found = checkers.violations().into_iter();
    let mut failures: Vec<Failure> = found
        .map(|it| failure(it.checker, it.message, it.at, it.seq))
        .collect();
    let mut checks: Counts = BTreeMap::new();
    for (name, count) in checkers.checked() {
        checks.insert(Cow::Borrowed(name), count);
    }
    for name in &scenario.invariants {
        let Some(invariant) = suite.invariants().get(name) else {
            continue;
        };
        let mut findings = Findings::default();
        (invariant.check)(view, &mut findings);
        checks.insert(Cow::Owned(name.clone()), findings.checked);
        let wrong = findings.wrong.into_iter();
        failures.extend(wrong.map(|message| failure(name, message, at, 0)));
    }
    for judged in judge(&scenario.expect, view) {
        let count = checks.entry(Cow::Owned(judged.name.clone())).or_default();
        *count += u64::from(judged.applied);
        let wrong = judged.wrong;
        failures.extend(wrong.map(|message| failure(&judged.name, message, at, 0)));
    }
    let mut coverage = Coverage {
        events: world.ladder().events(),
        simulated: at.since(Time::ZERO),
        checks,
        faults: faults(cluster, world),
        ..Coverage::default()
    };
    for (name, count) in &cluster.operations {
        coverage.operations.insert(Cow::Owned(name.clone()), *count);
    }
    for (name, count) in cluster.handled() {
        coverage.services.insert(Cow::Owned(name), count);
    }
    for run in &view.runs {
        *coverage
            .runs
            .entry(Cow::Owned(run.status.clone()))
            .or_default() += 1;
        for (kind, count) in &run.counts {
            let count = u64::try_from(*count).unwrap_or(0);
            *coverage
                .history
                .entry(Cow::Owned(kind.clone()))
                .or_default() += count;
        }
    }
    RunReport {
        hash: world.hash(),
        failures,
        coverage,
        ladder: world.ladder().clone(),
        histories: if options.histories {
            histories(checkers)
        } else {
            BTreeMap::new()
        },
        ..RunReport::empty(scenario)
    }
}

/// The workflow that a message is about: the longest id that it names.
fn workflow_in(message: &str, facts: &Facts) -> Option<String> {
    let ids = facts.executions.keys().map(|key| key.workflow_id.as_str());
    let named = ids.filter(|id| names(message, id));
    named.max_by_key(|id| id.len()).map(str::to_owned)
}

/// Whether a text has this id in it, and not only as a part of another.
fn names(text: &str, id: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    text.match_indices(id).any(|(place, _)| {
        let before = text[..place].chars().next_back();
        let after = text[place + id.len()..].chars().next();
        !before.is_some_and(inside) && !after.is_some_and(inside)
    })
}

fn histories(checkers: &Checkers) -> BTreeMap<(String, String), History> {
    let runs = checkers.facts().runs.iter();
    let named = runs.map(|(run, known)| {
        let ids = (
            run.execution.workflow_id.to_string(),
            run.run_id.to_string(),
        );
        let events = known.events.clone();
        (ids, History { events })
    });
    named.collect()
}

impl RunReport {
    fn empty(scenario: &Scenario) -> Self {
        let world: World<Wire> = World::new(WorldConfig::seeded(0));
        Self {
            scenario: scenario.name.clone(),
            seed: 0,
            hash: 0,
            failures: Vec::new(),
            coverage: Coverage::default(),
            ladder: world.ladder().clone(),
            trace: Vec::new(),
            journal: Journal::default(),
            nodes: Vec::new(),
            choices: None,
            drift: None,
            points: Vec::new(),
            histories: BTreeMap::new(),
        }
    }

    /// The report of a run that could not begin.
    fn broken(scenario: &Scenario, why: String) -> Self {
        let failure = Failure {
            checker: Cow::Borrowed("scenario"),
            message: why,
            at: Time::ZERO,
            seq: 0,
            workflow_id: None,
        };
        Self {
            failures: vec![failure],
            ..Self::empty(scenario)
        }
    }
}
