//! The seeded world as its users see it: determinism, processes, clocks, pauses, playback.

use std::process::Command;
use std::time::Duration;

use crate::support::{Pinger, Ponger, Seen, storm_world, talk};
use steadfast_sim::kernel::{
    Chance, CrashKind, NodeState, Time, TraceBuffer, TraceKind, World, WorldConfig,
};

#[test]
fn a_conversation_runs_to_its_end() {
    let seen = Seen::default();
    let mut world = talk(WorldConfig::seeded(1), &seen, 10);
    world.run();
    assert_eq!(seen.pongs.get(), 10);
    assert_eq!(world.now(), Time::from_millis(10));
    let (ping, pong) = (world.nodes().next().unwrap(), world.nodes().nth(1).unwrap());
    assert!(world.process::<Pinger>(ping).is_some());
    assert!(world.process::<Pinger>(pong).is_none());
    assert!(world.process::<Ponger>(pong).is_some());
}

#[test]
fn the_same_seed_is_the_same_run_and_another_is_not() {
    let run = |seed| {
        let mut world = storm_world(Chance::seeded(seed));
        world.run_until(Time::from_secs(20));
        (world.hash(), world.ladder().clone())
    };
    for seed in 0..20 {
        assert_eq!(run(seed), run(seed));
        assert_ne!(run(seed).0, run(seed + 1).0);
    }
}

#[test]
fn recorded_choices_bring_the_same_run_without_any_draw() {
    for seed in 0..20 {
        let chance = Chance::seeded(seed);
        chance.record();
        let mut world = storm_world(chance.clone());
        world.run_until(Time::from_secs(20));
        let log = chance.log();
        assert!(!log.is_empty());
        let again = Chance::playback(log);
        let mut replayed = storm_world(again.clone());
        replayed.run_until(Time::from_secs(20));
        assert_eq!(
            replayed.hash(),
            world.hash(),
            "seed {seed}: {:?}",
            again.drift()
        );
        assert_eq!(again.drift(), None);
    }
}

#[test]
fn a_trace_tells_what_happened_and_why() {
    let trace = TraceBuffer::full();
    let seen = Seen::default();
    let mut world = talk(WorldConfig::seeded(1), &seen, 1);
    world.trace_into(trace.clone());
    world.run();
    let events = trace.events();
    let kinds: Vec<_> = events.iter().map(|event| event.kind).collect();
    assert_eq!(
        kinds,
        [
            TraceKind::Start,
            TraceKind::Start,
            TraceKind::Deliver,
            TraceKind::Synced,
            TraceKind::Deliver
        ]
    );
    assert_eq!(
        events.iter().map(|event| event.cause).collect::<Vec<_>>(),
        [0, 0, 1, 3, 3]
    );
    assert_eq!(
        events[4].to_string(),
        "0.001s #5 <#3 n1>n0 Deliver pong: Pong(0)"
    );
}

#[test]
fn a_crashed_node_hears_nothing_and_starts_anew() {
    let seen = Seen::default();
    let mut world: World<_> = talk(WorldConfig::seeded(1), &seen, 1000);
    let ping = world.nodes().next().unwrap();
    world.run_until(Time::from_millis(5));
    world.crash(ping, CrashKind::Process);
    assert_eq!(world.state(ping), NodeState::Down);
    world.run();
    assert_eq!(seen.pongs.get(), 5);
    world.start(ping);
    world.run_until(world.now() + Duration::from_millis(10));
    assert_eq!(world.peer(ping).generation, 1);
    assert_eq!(seen.pongs.get(), 15);
}

/// The hash of a fixed storm, as another process prints it.
const HASH_LINE: &str = "hash of a storm: ";

/// Tells the other process that it is the other one.
const MARK: &str = "nothing but a mark";

fn hash_of_a_storm() -> String {
    let hashes = (0..5).map(|seed| {
        let mut world = storm_world(Chance::seeded(seed));
        world.run_until(Time::from_secs(20));
        format!("{:016x}", world.hash())
    });
    hashes.collect::<Vec<_>>().join(" ")
}

#[test]
#[expect(clippy::disallowed_macros, reason = "the other process is read")]
fn another_process_gets_the_same_hashes() {
    let name = "world::another_process_gets_the_same_hashes";
    println!("{HASH_LINE}{}", hash_of_a_storm());
    if std::env::args().any(|arg| arg == MARK) {
        return;
    }
    let mut again = Command::new(std::env::current_exe().expect("this test"));
    let output = again
        .args([name, "--exact", "--nocapture", "--skip", MARK])
        .output();
    let output = String::from_utf8(output.expect("this test runs again").stdout).expect("text");
    let line = output.lines().find_map(|line| line.split(HASH_LINE).nth(1));
    assert_eq!(line, Some(hash_of_a_storm().as_str()), "{output}");
}
