//! How fast other simulators are at what `world_speed` measures of ours.
//!
//! `cd benches/peers && cargo run --release [ping-pong|worlds|idle]`. Per second of CPU time of
//! this process. Each simulator does the work in its own cheapest documented way: datagrams for
//! turmoil, tagged messages for madsim, channels and a sleep until the arrival for tokio's paused
//! clock (which has no network). Latencies as ours: 0.5 ms fixed, or drawn from 0.5 to 5 ms.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

const FIXED: (Duration, Duration) = (Duration::from_micros(500), Duration::from_nanos(500_001));
const DRAWN: (Duration, Duration) = (Duration::from_micros(500), Duration::from_millis(5));
const LONG: Duration = Duration::from_secs(1 << 32);

/// One ball of the game: which conversation, and which round of it.
fn encode(conversation: u64, round: u64) -> [u8; 16] {
    let mut ball = [0; 16];
    ball[..8].copy_from_slice(&conversation.to_le_bytes());
    ball[8..].copy_from_slice(&round.to_le_bytes());
    ball
}

fn decode(ball: &[u8]) -> (u64, u64) {
    let number = |part: &[u8]| u64::from_le_bytes(part.try_into().expect("eight bytes"));
    (number(&ball[..8]), number(&ball[8..16]))
}

mod in_turmoil {
    use super::*;
    use turmoil::net::UdpSocket;

    const ANY: (IpAddr, u16) = (IpAddr::V4(Ipv4Addr::UNSPECIFIED), 9999);

    fn world(seed: u64, (least, most): (Duration, Duration)) -> turmoil::Sim<'static> {
        turmoil::Builder::new()
            .simulation_duration(LONG)
            .tick_duration(Duration::from_millis(1))
            .min_message_latency(least)
            .max_message_latency(most)
            .udp_capacity(1 << 16)
            .rng_seed(seed)
            .build()
    }

    pub fn game(seed: u64, latency: (Duration, Duration), conversations: u64, rounds: u64) {
        let mut sim = world(seed, latency);
        sim.host("b", || async {
            let socket = UdpSocket::bind(ANY).await?;
            let mut ball = [0; 16];
            loop {
                let (_, from) = socket.recv_from(&mut ball).await?;
                socket.send_to(&ball, from).await?;
            }
        });
        sim.client("a", async move {
            let socket = UdpSocket::bind(ANY).await?;
            for conversation in 0..conversations {
                socket
                    .send_to(&encode(conversation, 0), ("b", 9999))
                    .await?;
            }
            let mut ball = [0; 16];
            let mut ended = 0;
            while ended < conversations {
                let (_, from) = socket.recv_from(&mut ball).await?;
                let (conversation, round) = decode(&ball);
                if round < rounds {
                    socket
                        .send_to(&encode(conversation, round + 1), from)
                        .await?;
                } else {
                    ended += 1;
                }
            }
            Ok(())
        });
        sim.run().expect("the game ends");
    }

    pub fn idle(length: Duration) {
        let mut sim = world(0, FIXED);
        for i in 0..10 {
            sim.client(format!("idle-{i}"), async move {
                tokio::time::sleep(length).await;
                Ok(())
            });
        }
        sim.run().expect("the hosts wake up");
    }
}

mod in_madsim {
    use super::*;
    use madsim::net::Endpoint;
    use madsim::runtime::Runtime;

    fn world(seed: u64, (least, most): (Duration, Duration)) -> Runtime {
        let mut config = madsim::Config::default();
        config.net.send_latency = least..most;
        Runtime::with_seed_and_config(seed, config)
    }

    fn address(last: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, last], 1))
    }

    pub fn game(seed: u64, latency: (Duration, Duration), conversations: u64, rounds: u64) {
        let world = world(seed, latency);
        let a = world.create_node().name("a").ip(address(1).ip()).build();
        let b = world.create_node().name("b").ip(address(2).ip()).build();
        b.spawn(async {
            let socket = Endpoint::bind(address(2)).await.expect("a free address");
            let mut ball = [0; 16];
            loop {
                let (_, from) = socket.recv_from(0, &mut ball).await.expect("a ball");
                socket.send_to(from, 0, &ball).await.expect("a way back");
            }
        });
        let game = a.spawn(async move {
            let socket = Endpoint::bind(address(1)).await.expect("a free address");
            // The other side needs a moment to bind; there is no retry in this game.
            madsim::time::sleep(Duration::from_millis(1)).await;
            for conversation in 0..conversations {
                let ball = encode(conversation, 0);
                socket
                    .send_to(address(2), 0, &ball)
                    .await
                    .expect("a way there");
            }
            let mut ball = [0; 16];
            let mut ended = 0;
            while ended < conversations {
                let (_, from) = socket.recv_from(0, &mut ball).await.expect("a ball");
                let (conversation, round) = decode(&ball);
                if round < rounds {
                    let ball = encode(conversation, round + 1);
                    socket.send_to(from, 0, &ball).await.expect("a way there");
                } else {
                    ended += 1;
                }
            }
        });
        world.block_on(game).expect("the game ends");
    }

    pub fn idle(length: Duration) {
        let world = world(0, FIXED);
        let sleepers: Vec<_> = (0..10_u8)
            .map(|i| {
                let node = world.create_node().name(format!("idle-{i}")).build();
                node.spawn(async move { madsim::time::sleep(length).await })
            })
            .collect();
        world.block_on(async move {
            for sleeper in sleepers {
                sleeper.await.expect("the host wakes up");
            }
        });
    }
}

mod in_tokio {
    use super::*;
    use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
    use tokio::time::{Instant, sleep, sleep_until};

    type Ball = (Instant, u64);

    fn world() -> tokio::runtime::Runtime {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime")
    }

    /// One side of one conversation: takes each ball when it has arrived and sends it back.
    async fn play(mut from: UnboundedReceiver<Ball>, to: UnboundedSender<Ball>, rounds: u64) {
        while let Some((at, round)) = from.recv().await {
            sleep_until(at).await;
            if round == rounds || to.send((Instant::now() + FIXED.0, round + 1)).is_err() {
                return;
            }
        }
    }

    /// Fixed latency only: there is no seeded source to draw from.
    pub fn game(conversations: u64, rounds: u64) {
        let last = 2 * rounds + 1;
        world().block_on(async move {
            let mut games = Vec::new();
            for _ in 0..conversations {
                let (to_b, at_b) = mpsc::unbounded_channel();
                let (to_a, at_a) = mpsc::unbounded_channel();
                to_b.send((Instant::now() + FIXED.0, 0))
                    .expect("an open channel");
                tokio::spawn(play(at_b, to_a, last));
                games.push(tokio::spawn(play(at_a, to_b, last)));
            }
            for game in games {
                game.await.expect("the game ends");
            }
        });
    }

    pub fn idle(length: Duration) {
        world().block_on(async move {
            let sleepers: Vec<_> = (0..10).map(|_| tokio::spawn(sleep(length))).collect();
            for sleeper in sleepers {
                sleeper.await.expect("the host wakes up");
            }
        });
    }
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
            return done as f64 / spent;
        }
    }
}

fn ping_pong() {
    for conversations in [1, 100, 1000] {
        let rounds = 50_000 / conversations;
        let messages = 2 * conversations * (rounds + 1);
        let print = |name: &str, game: &dyn Fn(u64)| {
            let rate = per_cpu_second(|seed| {
                game(seed);
                messages
            });
            let rate = rate / 1e6;
            println!(
                "ping-pong, {conversations:>4} conversations, {name}: {rate:6.3} M messages/s"
            );
        };
        print("turmoil, fixed latency", &|seed| {
            in_turmoil::game(seed, FIXED, conversations, rounds)
        });
        print("turmoil, drawn latency", &|seed| {
            in_turmoil::game(seed, DRAWN, conversations, rounds)
        });
        print("madsim, fixed latency", &|seed| {
            in_madsim::game(seed, FIXED, conversations, rounds)
        });
        print("madsim, drawn latency", &|seed| {
            in_madsim::game(seed, DRAWN, conversations, rounds)
        });
        print("tokio paused, fixed latency", &|_| {
            in_tokio::game(conversations, rounds)
        });
    }
}

fn worlds() {
    let print = |name: &str, game: &dyn Fn(u64)| {
        let rate = per_cpu_second(|seed| {
            (0..100).for_each(|i| game(seed * 100 + i));
            100
        });
        println!(
            "worlds of two hosts and ten round trips, {name}: {:6.2} k/s",
            rate / 1e3
        );
    };
    print("turmoil", &|seed| in_turmoil::game(seed, FIXED, 1, 9));
    print("madsim", &|seed| in_madsim::game(seed, FIXED, 1, 9));
    print("tokio paused", &|_| in_tokio::game(1, 9));
}

fn idle() {
    const DAYS: Duration = Duration::from_secs(30 * 24 * 3600);
    let print = |name: &str, share: u32, idle: &dyn Fn(Duration)| {
        let rate = per_cpu_second(|_| {
            idle(DAYS / share);
            1
        });
        let how = if share == 1 {
            ""
        } else {
            " (scaled from a part of it)"
        };
        println!(
            "30 idle days, ten hosts, {name}: {:.3} ms{how}",
            1e3 * f64::from(share) / rate
        );
    };
    print("turmoil", 30 * 24 * 60, &in_turmoil::idle);
    print("madsim", 1, &in_madsim::idle);
    print("tokio paused", 1, &in_tokio::idle);
}

fn main() {
    match std::env::args().nth(1).as_deref() {
        None => {
            ping_pong();
            worlds();
            idle();
        }
        Some("ping-pong") => ping_pong(),
        Some("worlds") => worlds(),
        Some("idle") => idle(),
        Some(other) => {
            eprintln!("no benchmark {other:?}; there are ping-pong, worlds and idle");
            std::process::exit(2);
        }
    }
}
