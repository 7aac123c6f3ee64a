//! Foreign clocks: timers that the world does not know of fire on time, and never run ahead of it.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc, time::Duration};

use steadfast_sim::kernel::{
    Bell, Ctx, Digest, Digester, ForeignClock, Message, NodeId, Peer, Process, Time, World,
    WorldConfig,
};

#[derive(Clone, Debug)]
struct Knock;

impl Digest for Knock {
    fn feed(&self, _: &mut Digester) {}
}

impl Message for Knock {
    fn label(&self) -> &'static str {
        "knock"
    }
}

/// Timers that only their own clock knows, and how far that has gone.
#[derive(Clone, Debug, Default)]
struct Hourglass(Rc<RefCell<Sand>>);

#[derive(Debug, Default)]
struct Sand {
    now: Time,
    timers: BTreeMap<Time, Bell>,
}

impl Hourglass {
    fn ring_after(&self, after: Duration, bell: Bell) {
        let mut sand = self.0.borrow_mut();
        let at = sand.now + after;
        sand.timers.insert(at, bell);
    }
}

impl ForeignClock for Hourglass {
    fn advance(&mut self, until: Time) -> Time {
        let mut sand = self.0.borrow_mut();
        let first = sand.timers.first_key_value().map(|(at, _)| *at);
        sand.now = match first.filter(|at| *at <= until) {
            Some(at) => {
                sand.timers.remove(&at).expect("the first").ring();
                at
            }
            None => until,
        };
        sand.now
    }
}

type Diary = Rc<RefCell<Vec<(&'static str, Time)>>>;

const RUNG: u64 = 7;

/// Sleeps by the hourglass, writes down when it wakes, and knocks at the other's door.
struct Sleeper {
    hourglass: Hourglass,
    diary: Diary,
    pause: Duration,
    left: u32,
}

impl Sleeper {
    fn sleep(&mut self, ctx: &Ctx<'_, Knock>) {
        let shown = self.hourglass.0.borrow().now;
        assert_eq!(shown, ctx.true_time(), "the clocks go together");
        if self.left > 0 {
            self.left -= 1;
            self.hourglass.ring_after(self.pause, ctx.bell(RUNG));
        }
    }
}

impl Process<Knock> for Sleeper {
    fn on_start(&mut self, ctx: &mut Ctx<'_, Knock>) {
        self.sleep(ctx);
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_, Knock>, _: Peer, _: Knock) {
        let shown = self.hourglass.0.borrow().now;
        assert_eq!(shown, ctx.true_time(), "the clocks go together");
        self.diary.borrow_mut().push(("knock", ctx.true_time()));
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_, Knock>, token: u64) {
        assert_eq!(token, RUNG);
        self.diary.borrow_mut().push(("woke", ctx.true_time()));
        ctx.send(NodeId(1 - ctx.node().0), Knock);
        self.sleep(ctx);
    }
}

fn world(pauses: [u64; 2]) -> (World<Knock>, Diary) {
    let (hourglass, diary) = (Hourglass::default(), Diary::default());
    let mut world = World::new(WorldConfig::seeded(1));
    world.follow(Box::new(hourglass.clone()));
    for pause in pauses {
        let (hourglass, diary) = (hourglass.clone(), Rc::clone(&diary));
        world.add_node(format!("sleeper-{pause}"), move |_| Sleeper {
            hourglass: hourglass.clone(),
            diary: Rc::clone(&diary),
            pause: Duration::from_millis(pause),
            left: 5,
        });
    }
    (world, diary)
}

#[test]
fn foreign_timers_fire_on_time_among_other_events() {
    let (mut world, diary) = world([100, 130]);
    world.run_until(Time::from_secs(10));
    let woke = |entry: &&(&str, Time)| entry.0 == "woke";
    let woken: Vec<Time> = diary
        .borrow()
        .iter()
        .filter(woke)
        .map(|entry| entry.1)
        .collect();
    let expected = [100, 130, 200, 260, 300, 390, 400, 500, 520, 650];
    assert_eq!(woken, expected.map(Time::from_millis));
    let knocks = diary
        .borrow()
        .iter()
        .filter(|entry| entry.0 == "knock")
        .count();
    assert_eq!(knocks, 10);
}

#[test]
fn a_dead_process_is_not_woken() {
    let (mut world, diary) = world([100, 5_000]);
    world.at(Time::from_millis(250), "end", |world| {
        world.crash(NodeId(0), steadfast_sim::kernel::CrashKind::Process);
    });
    world.run_until(Time::from_secs(2));
    let woke = diary
        .borrow()
        .iter()
        .filter(|entry| entry.0 == "woke")
        .count();
    assert_eq!(woke, 2);
}
