//! Small processes for the tests of the kernel.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use steadfast_sim::kernel::{
    Chance, Ctx, Digest, Digester, FaultClass, FaultPlan, Message, NodeId, Peer, Process, Rate,
    World, WorldConfig,
};

/// A question and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Talk {
    Ping(u64),
    Pong(u64),
}

impl Digest for Talk {
    fn feed(&self, digester: &mut Digester) {
        match self {
            Self::Ping(number) => (0_u64, *number).feed(digester),
            Self::Pong(number) => (1_u64, *number).feed(digester),
        }
    }
}

impl Message for Talk {
    fn label(&self) -> &'static str {
        match self {
            Self::Ping(_) => "ping",
            Self::Pong(_) => "pong",
        }
    }

    fn describe(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        write!(out, "{self:?}")
    }
}

/// What the processes of a world tell the test.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) pongs: Rc<Cell<u64>>,
}

/// Asks until it has so many answers; asks again when an answer is late.
pub(crate) struct Pinger {
    to: NodeId,
    rounds: u64,
    asked: u64,
    seen: Seen,
    retry: bool,
}

const RETRY: u64 = 1;

impl Pinger {
    /// Asks a node so many times, whether or not it answers.
    pub(crate) fn to(to: NodeId, rounds: u64) -> Self {
        Self {
            to,
            rounds,
            asked: 0,
            seen: Seen::default(),
            retry: true,
        }
    }

    fn ask(&mut self, ctx: &mut Ctx<'_, Talk>) {
        if self.asked == self.rounds {
            return;
        }
        ctx.send(self.to, Talk::Ping(self.asked));
        if self.retry {
            ctx.set_timer(std::time::Duration::from_millis(50), RETRY);
        }
        self.asked += 1;
    }
}

impl Process<Talk> for Pinger {
    fn on_start(&mut self, ctx: &mut Ctx<'_, Talk>) {
        self.ask(ctx);
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_, Talk>, _: Peer, _: Talk) {
        self.seen.pongs.set(self.seen.pongs.get() + 1);
        if !self.retry {
            self.ask(ctx);
        }
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_, Talk>, token: u64) {
        assert_eq!(token, RETRY);
        self.ask(ctx);
    }
}

/// Answers, and keeps the questions on its disk.
pub(crate) struct Ponger;

impl Process<Talk> for Ponger {
    fn on_start(&mut self, _: &mut Ctx<'_, Talk>) {}

    fn on_message(&mut self, ctx: &mut Ctx<'_, Talk>, from: Peer, message: Talk) {
        let Talk::Ping(number) = message else { return };
        ctx.reply(from, Talk::Pong(number));
        let disk = ctx.disk();
        let file = disk.open("log").expect("a disk that opens");
        if disk.append(file, &number.to_le_bytes()).is_ok() && number % 4 == 0 {
            disk.sync(file).ok();
        }
    }
}

/// Two nodes that talk for so many rounds.
pub(crate) fn talk(config: WorldConfig, seen: &Seen, rounds: u64) -> World<Talk> {
    talk_with(config, seen, rounds, false)
}

/// Two nodes of which one asks every 50 ms, whatever becomes of the answers.
pub(crate) fn chatter(config: WorldConfig, seen: &Seen, rounds: u64) -> World<Talk> {
    talk_with(config, seen, rounds, true)
}

fn talk_with(config: WorldConfig, seen: &Seen, rounds: u64, retry: bool) -> World<Talk> {
    let mut world = World::new(config);
    let seen = seen.clone();
    let pinger = move |_| Pinger {
        to: NodeId(1),
        rounds,
        asked: 0,
        seen: seen.clone(),
        retry,
    };
    world.add_node("ping", pinger);
    world.add_node("pong", |_| Ponger);
    world
}

/// Two nodes that talk while everything at all goes wrong.
pub(crate) fn storm_world(chance: Chance) -> World<Talk> {
    let often = Rate::percent(2);
    let plan = FaultClass::ALL
        .iter()
        .fold(FaultPlan::calm(), |plan, class| plan.with(*class, often));
    let mut world = chatter(WorldConfig::new(chance, plan), &Seen::default(), 2_000);
    world.storm();
    world
}
