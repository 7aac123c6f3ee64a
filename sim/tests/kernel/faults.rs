//! Every fault class strikes when it is on and never when it is off; removing choices is harmless;
//! the calm heals.

use std::time::Duration;

use crate::support::{Pinger, Seen, Talk, chatter, storm_world, talk};
use proptest::prelude::*;
use steadfast_sim::kernel::{
    Chance, ChoiceLog, DriftKind, Entity, FaultClass, FaultPlan, NodeId, NodeSpec, NodeState,
    Phase, Rate, Swarm, Time, TraceBuffer, TraceKind, World, WorldConfig,
};

/// What must be on beside a class for it to have anything to strike.
fn companions(class: FaultClass) -> &'static [FaultClass] {
    match class {
        FaultClass::LostWrites | FaultClass::TornWrites | FaultClass::BitRot => {
            &[FaultClass::PowerCut]
        }
        FaultClass::SlowStart => &[FaultClass::Crash],
        _ => &[],
    }
}

fn rate(class: FaultClass) -> Rate {
    match class {
        FaultClass::ClockOffset | FaultClass::ClockDrift | FaultClass::SlowStart => {
            Rate::percent(50)
        }
        _ => Rate::percent(2),
    }
}

fn run(chance: Chance, plan: FaultPlan) -> World<Talk> {
    let mut world = chatter(WorldConfig::new(chance, plan), &Seen::default(), 1_000);
    world.storm();
    world.run_until(Time::from_secs(60));
    world
}

#[test]
fn each_class_strikes_when_on_and_only_then() {
    for class in FaultClass::ALL {
        let on = [&[*class], companions(*class)].concat();
        let plan = on.iter().fold(FaultPlan::calm(), |plan, class| {
            plan.with(*class, rate(*class))
        });
        let mut strikes = 0;
        for seed in 0..20 {
            let world = run(Chance::seeded(seed), plan.clone());
            let all = world.strikes();
            strikes += all.of(*class);
            for other in FaultClass::ALL.iter().filter(|other| !on.contains(other)) {
                assert_eq!(
                    all.of(*other),
                    0,
                    "{} struck beside {}",
                    other.name(),
                    class.name()
                );
            }
        }
        assert!(strikes > 0, "{} never struck", class.name());
    }
}

#[test]
fn nothing_is_drawn_for_what_is_off() {
    let chance = Chance::seeded(3);
    chance.record();
    let world = run(chance.clone(), FaultPlan::calm());
    assert_eq!(world.strikes().faults(), 0);
    assert_eq!(
        chance.log(),
        ChoiceLog {
            seed: 3,
            ..ChoiceLog::default()
        }
    );
}

#[test]
fn an_immune_node_is_spared() {
    let plan = FaultPlan::calm()
        .with(FaultClass::Crash, Rate::percent(5))
        .with(FaultClass::Loss, Rate::percent(5));
    for seed in 0..10 {
        let trace = TraceBuffer::full();
        let mut world = talk(
            WorldConfig::new(Chance::seeded(seed), plan.clone()),
            &Seen::default(),
            0,
        );
        let safe = NodeSpec::new("safe").immune_to_all();
        let id = world.add_node(safe, |_| Pinger::to(NodeId(1), 500));
        world.trace_into(trace.clone());
        world.storm();
        world.run_until(Time::from_secs(60));
        let events = trace.events();
        assert!(
            !events
                .iter()
                .any(|e| e.kind == TraceKind::Crash && e.node == Some(id))
        );
        assert!(
            !events.iter().any(|e| e.label == "lost"),
            "a link with an immune end loses nothing"
        );
    }
}

#[test]
fn a_bystander_changes_nobody_elses_choices() {
    let plan = FaultPlan::calm()
        .with(FaultClass::Latency, Rate::ALWAYS)
        .with(FaultClass::Loss, Rate::percent(5))
        .with(FaultClass::Crash, Rate::percent(1));
    let run = |bystander: bool| {
        let chance = Chance::seeded(5);
        chance.record();
        let config = WorldConfig::new(chance.clone(), plan.clone());
        let mut world = chatter(config, &Seen::default(), 500);
        if bystander {
            world.add_node("bystander", |_| Pinger::to(NodeId(1), 0));
        }
        world.storm();
        world.run_until(Time::from_secs(60));
        chance.log().series
    };
    assert_eq!(run(false), run(true));
}

/// What arrives, of a hundred messages sent at once over a link with drawn latencies.
fn arrivals(reorder: Rate) -> Vec<u64> {
    let plan = FaultPlan::calm()
        .with(FaultClass::Latency, Rate::ALWAYS)
        .with(FaultClass::Reorder, reorder);
    let mut world = talk(
        WorldConfig::new(Chance::seeded(1), plan),
        &Seen::default(),
        0,
    );
    let trace = TraceBuffer::full();
    world.run();
    world.storm();
    world.trace_into(trace.clone());
    world.with(NodeId(0), |_: &mut Pinger, ctx| {
        (0..100).for_each(|number| ctx.send(NodeId(1), Talk::Ping(number)));
    });
    world.run();
    let events = trace.events().into_iter();
    let pings = events.filter(|event| event.label == "ping");
    let number = |text: &str| {
        text["Ping(".len()..text.len() - 1]
            .parse()
            .expect("a number")
    };
    pings.map(|event| number(&event.text)).collect()
}

#[test]
fn links_keep_their_order_unless_told_otherwise() {
    let in_order: Vec<u64> = (0..100).collect();
    assert_eq!(arrivals(Rate::OFF), in_order);
    let mut shuffled = arrivals(Rate::ALWAYS);
    assert_ne!(shuffled, in_order);
    shuffled.sort_unstable();
    assert_eq!(shuffled, in_order);
}

#[test]
fn the_calm_heals_everything() {
    let plan = FaultClass::ALL
        .iter()
        .filter(|class| !matches!(class, FaultClass::ClockDrift))
        .fold(FaultPlan::calm(), |plan, class| {
            plan.with(*class, Rate::percent(3))
        });
    for seed in 0..30 {
        let seen = Seen::default();
        let config = WorldConfig::new(Chance::seeded(seed), plan.clone());
        let mut world = chatter(config, &seen, u64::MAX);
        world.storm();
        world.run_until(Time::from_secs(30));
        assert!(world.strikes().faults() > 5);
        world.calm();
        assert_eq!(world.phase(), Phase::Calm);
        assert!(world.nodes().all(|node| world.state(node) == NodeState::Up));
        // What was under way when the storm ended may still arrive late.
        world.run_until(world.now() + Duration::from_secs(15));
        let (before, answers) = (world.strikes(), seen.pongs.get());
        world.run_until(world.now() + Duration::from_secs(10));
        assert_eq!(world.strikes(), before, "seed {seed}");
        assert_eq!(
            seen.pongs.get() - answers,
            200,
            "seed {seed}: one answer every 50 ms"
        );
    }
}

#[test]
fn an_override_strikes_where_it_is_told_and_leaves_the_rest() {
    let plan = FaultPlan::calm()
        .with(FaultClass::Latency, Rate::ALWAYS)
        .with(FaultClass::Loss, Rate::per_million(1));
    let run = |log: ChoiceLog| {
        let chance = Chance::overridden(log);
        chance.record();
        let world = run(chance.clone(), plan.clone());
        (world.strikes().of(FaultClass::Loss), chance.log())
    };
    let (none, plain) = run(ChoiceLog {
        seed: 9,
        ..ChoiceLog::default()
    });
    let mut edited = ChoiceLog {
        seed: 9,
        ..ChoiceLog::default()
    };
    edited.set("net.loss", Entity::link(NodeId(0), NodeId(1)), 7, 1);
    let (one, log) = run(edited);
    assert_eq!((none, one), (0, 1));
    let key = ("net.latency".to_owned(), Entity::link(NodeId(0), NodeId(1)));
    let values = |log: &ChoiceLog| {
        log.series[&key]
            .choices
            .iter()
            .map(|choice| choice.value)
            .collect::<Vec<_>>()
    };
    let (plain, lossy) = (values(&plain), values(&log));
    assert_eq!(lossy[..], plain[..lossy.len()]);
}

steadfast_sim::labels! { 60_000;
    POINT = "test.point";
}

#[test]
fn points_are_numbered_by_one_run_and_tried_one_by_one() {
    let run = |log: ChoiceLog| {
        let chance = Chance::overridden(log);
        chance.record();
        let hits = (0..5).filter(|_| chance.point(POINT, 0, 3) == 2).count();
        (hits, chance.log())
    };
    let (hits, log) = run(ChoiceLog::default());
    assert_eq!(hits, 0);
    let points = log.series[&("test.point".to_owned(), Entity::WORLD)].draws;
    assert_eq!(points, 5);
    for point in 0..points {
        let mut log = ChoiceLog::default();
        log.set("test.point", Entity::WORLD, point, 2);
        assert_eq!(run(log).0, 1);
    }
}

#[test]
fn drift_says_where_playback_left_the_recording() {
    let chance = Chance::seeded(4);
    chance.record();
    let plan = FaultPlan::calm().with(FaultClass::Latency, Rate::ALWAYS);
    run(chance.clone(), plan.clone());
    let log = chance.log();
    let play = |log: ChoiceLog, plan: &FaultPlan| {
        let chance = Chance::playback(log);
        run(chance.clone(), plan.clone());
        chance.drift()
    };
    assert_eq!(play(log.clone(), &plan), None);
    let unasked = play(log.clone(), &FaultPlan::calm()).expect("no latency is asked for");
    assert!(matches!(unasked.kind, DriftKind::Unasked { .. }));
    let mut edited = log.clone();
    edited.set(
        "net.latency",
        Entity::link(NodeId(0), NodeId(1)),
        0,
        u64::MAX,
    );
    let impossible = play(edited, &plan).expect("no latency is that long");
    assert_eq!(
        (impossible.ordinal, impossible.kind),
        (0, DriftKind::Impossible { value: u64::MAX })
    );
    let mut edited = log;
    edited.set("net.latency", Entity::link(NodeId(0), NodeId(1)), 0, 0);
    let moved = play(edited, &plan).expect("the answer comes sooner");
    assert!(matches!(moved.kind, DriftKind::Moved { .. }), "{moved}");
}

#[test]
fn runs_are_compared_down_to_the_first_event_that_differs() {
    let run = |lose: Option<u64>| {
        let mut config = WorldConfig::seeded(1);
        config.ladder_every = 16;
        let trace = TraceBuffer::full();
        let mut world = talk(config, &Seen::default(), 200);
        world.trace_into(trace.clone());
        let mut sent = 0;
        world.intercept(move |_, _| {
            sent += 1;
            if Some(sent) == lose {
                return steadfast_sim::kernel::Verdict::Delay(Duration::from_nanos(1));
            }
            steadfast_sim::kernel::Verdict::Pass
        });
        world.run();
        (world.ladder().clone(), trace.events())
    };
    let (plain, events) = run(None);
    assert_eq!(plain.first_difference(&run(None).0), None);
    let (other, others) = run(Some(150));
    let window = plain
        .first_difference(&other)
        .expect("one message came later");
    let first = events
        .iter()
        .zip(&others)
        .position(|(a, b)| a != b)
        .expect("they differ");
    assert!(
        window.contains(&events[first].seq),
        "{window:?} {}",
        events[first]
    );
    assert!(window.end - window.start == 16);
}

#[test]
fn a_swarm_is_drawn_from_choices_too() {
    let most = FaultClass::ALL
        .iter()
        .fold(FaultPlan::calm(), |plan, class| {
            plan.with(*class, Rate::percent(8))
        });
    let chance = Chance::seeded(11);
    chance.record();
    let plan = Swarm::up_to(most.clone()).draw(&chance);
    assert!(plan.classes().count() > 3);
    assert_eq!(
        Swarm::up_to(most.clone()).draw(&Chance::playback(chance.log())),
        plan
    );
    let nothing = Chance::playback(ChoiceLog::default());
    assert_eq!(Swarm::up_to(most).draw(&nothing), FaultPlan::calm());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is deleted from a log, the rest of it is a run, and always the same one.
    #[test]
    fn removing_choices_leaves_a_run(seed in 0..1000_u64, keep in any::<u64>()) {
        let chance = Chance::seeded(seed);
        chance.record();
        storm_world(chance.clone()).run_until(Time::from_secs(10));
        let mut log = chance.log();
        let mut bits = keep;
        log.retain(|_, _, _| {
            bits = bits.rotate_left(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            bits & 1 == 1
        });
        let text = log.to_json();
        let log = ChoiceLog::from_json(&text).expect("own output");
        let play = || {
            let mut world = storm_world(Chance::playback(log.clone()));
            world.run_until(Time::from_secs(10));
            world.hash()
        };
        prop_assert_eq!(play(), play());
    }
}
