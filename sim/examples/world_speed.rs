//! How fast the seeded world is: `cargo run --release -p steadfast-sim --example world_speed`.
//!
//! Figures are per second of CPU time of this process, the trace hash always on. `benches/peers`
//! does the same work with other simulators.

#![expect(clippy::print_stdout, reason = "a program that prints its figures")]
#![expect(
    clippy::disallowed_macros,
    reason = "a program that prints its figures"
)]

use std::hint::black_box;
use std::time::Duration;

use steadfast_sim::kernel::{
    Chance, Ctx, Digest, Digester, FaultClass, FaultPlan, Message, NodeId, Peer, Process, Rate,
    Time, World, WorldConfig,
};

#[derive(Clone, Copy, Debug)]
struct Ball {
    conversation: u64,
    round: u64,
}

impl Digest for Ball {
    fn feed(&self, digester: &mut Digester) {
        digester.pair(self.conversation, self.round);
    }
}

impl Message for Ball {
    fn label(&self) -> &'static str {
        "ball"
    }
}

/// Serves so many balls, and returns each until it went so many rounds.
struct Server {
    to: NodeId,
    conversations: u64,
    rounds: u64,
}

impl Process<Ball> for Server {
    fn on_start(&mut self, ctx: &mut Ctx<'_, Ball>) {
        for conversation in 0..self.conversations {
            ctx.send(
                self.to,
                Ball {
                    conversation,
                    round: 0,
                },
            );
        }
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_, Ball>, from: Peer, ball: Ball) {
        if ball.round < self.rounds {
            ctx.reply(
                from,
                Ball {
                    round: ball.round + 1,
                    ..ball
                },
            );
        }
    }
}

struct Returner;

impl Process<Ball> for Returner {
    fn on_start(&mut self, _: &mut Ctx<'_, Ball>) {}

    fn on_message(&mut self, ctx: &mut Ctx<'_, Ball>, from: Peer, ball: Ball) {
        ctx.reply(from, ball);
    }
}

/// A node that only waits.
struct Sleeper(Duration);

impl Process<Ball> for Sleeper {
    fn on_start(&mut self, ctx: &mut Ctx<'_, Ball>) {
        ctx.set_timer(self.0, 0);
    }

    fn on_message(&mut self, _: &mut Ctx<'_, Ball>, _: Peer, _: Ball) {}
}

/// Which latency class is on, and whether messages of a link keep their order.
const NETWORKS: [(&str, &[FaultClass]); 3] = [
    ("fixed latency", &[]),
    ("drawn latency", &[FaultClass::Latency]),
    (
        "drawn latency, any order",
        &[FaultClass::Latency, FaultClass::Reorder],
    ),
];

fn game(chance: Chance, on: &[FaultClass], conversations: u64, rounds: u64) -> World<Ball> {
    let calm = FaultPlan::calm();
    let plan = on
        .iter()
        .fold(calm, |plan, class| plan.with(*class, Rate::ALWAYS));
    let mut world = World::new(WorldConfig::new(chance, plan));
    world.add_node("a", move |_| Server {
        to: NodeId(1),
        conversations,
        rounds,
    });
    world.add_node("b", |_| Returner);
    if !on.is_empty() {
        world.storm();
    }
    world
}

/// CPU seconds of this process. The kernel counts in hundredths.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux has /proc");
    let fields = stat
        .rsplit(')')
        .next()
        .expect("the name ends with a parenthesis");
    let ticks = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|f| f.parse::<f64>());
    ticks
        .map(|ticks| ticks.expect("a number of ticks"))
        .sum::<f64>()
        / 100.0
}

/// Repeats something for at least two seconds of CPU; gives how much of it went into one.
fn per_cpu_second(mut work: impl FnMut(u64) -> u64) -> f64 {
    let start = cpu_seconds();
    let (mut done, mut seed) = (0, 0);
    loop {
        done += work(seed);
        seed += 1;
        let spent = cpu_seconds() - start;
        if spent >= 2.0 {
            #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
            return done as f64 / spent;
        }
    }
}

fn main() {
    for (name, on) in NETWORKS {
        for conversations in [1, 100, 1000] {
            let rounds = 500_000 / conversations;
            let rate = per_cpu_second(|seed| {
                let mut world = game(Chance::seeded(seed), on, conversations, rounds);
                world.run();
                black_box(world.hash());
                2 * conversations * (rounds + 1)
            });
            println!(
                "ping-pong, {name}, {conversations:>4} conversations: {:6.2} M messages/s",
                rate / 1e6
            );
        }
    }
    for (name, on) in NETWORKS {
        let rate = per_cpu_second(|seed| {
            (0..1000).for_each(|i| {
                let mut world = game(Chance::seeded(seed * 1000 + i), on, 1, 9);
                world.run();
                black_box(world.hash());
            });
            1000
        });
        println!(
            "empty worlds, two hosts, ten round trips, {name}: {:6.1} k/s",
            rate / 1e3
        );
    }
    let days = Duration::from_secs(30 * 24 * 3600);
    let rate = per_cpu_second(|seed| {
        (0..1000).for_each(|i| {
            let mut world = World::new(WorldConfig::seeded(seed * 1000 + i));
            (0..10).for_each(|i| {
                world.add_node(format!("idle-{i}"), move |_| Sleeper(days));
            });
            world.run_until(Time::ZERO + days);
            black_box(world.hash());
        });
        1000
    });
    println!("30 idle days, ten hosts: {:.4} ms", 1e3 / rate);
}
