//! Clocks that lie, nodes that sleep through, and futures on virtual time.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use steadfast_sim::kernel::{
    Canceled, CrashKind, Ctx, Digest, Digester, LocalTasks, Message, NodeId, Peer, Process, Time,
    TimerId, World, WorldConfig, oneshot,
};

#[derive(Clone, Debug)]
struct Word(&'static str);

impl Digest for Word {
    fn feed(&self, digester: &mut Digester) {
        self.0.feed(digester);
    }
}

impl Message for Word {
    fn label(&self) -> &'static str {
        self.0
    }
}

/// What happened, and when: by true time and by the node's wall clock.
type Diary = Rc<RefCell<Vec<(String, Time, Time)>>>;

/// Writes down everything that happens to it, and does what a function says at the start.
struct Scribe {
    diary: Diary,
    start: fn(&mut Ctx<'_, Word>),
}

impl Scribe {
    fn write(&self, ctx: &Ctx<'_, Word>, what: impl Into<String>) {
        self.diary
            .borrow_mut()
            .push((what.into(), ctx.true_time(), ctx.now()));
    }
}

impl Process<Word> for Scribe {
    fn on_start(&mut self, ctx: &mut Ctx<'_, Word>) {
        (self.start)(ctx);
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_, Word>, _: Peer, message: Word) {
        self.write(ctx, message.0);
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_, Word>, token: u64) {
        self.write(ctx, format!("timer {token}"));
    }
}

const A: NodeId = NodeId(0);
const B: NodeId = NodeId(1);

fn scribes(
    start_a: fn(&mut Ctx<'_, Word>),
    start_b: fn(&mut Ctx<'_, Word>),
) -> (World<Word>, Diary) {
    let mut world = World::new(WorldConfig::seeded(1));
    let diary = Diary::default();
    for (name, start) in [("a", start_a), ("b", start_b)] {
        let diary = Rc::clone(&diary);
        world.add_node(name, move |_| Scribe {
            diary: Rc::clone(&diary),
            start,
        });
    }
    (world, diary)
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Runs a world in which a node waits ten seconds in both ways and its clock jumps after four.
fn jump(by: i64) -> Vec<(String, Time, Time)> {
    let waits = |ctx: &mut Ctx<'_, Word>| {
        ctx.set_alarm(Time::from_secs(10), 1);
        ctx.set_timer(secs(10), 2);
    };
    let (mut world, diary) = scribes(waits, |_| ());
    world.at(Time::from_secs(4), "jump", move |world| {
        world.jump_clock(A, by)
    });
    world.run();
    diary.take()
}

#[test]
fn a_forward_jump_brings_alarms_forward_and_leaves_timers() {
    let at = |what: &str, real, shown| {
        (
            what.to_owned(),
            Time::from_secs(real),
            Time::from_secs(shown),
        )
    };
    assert_eq!(
        jump(3_000_000_000),
        [at("timer 1", 7, 10), at("timer 2", 10, 13)]
    );
    assert_eq!(
        jump(60_000_000_000),
        [at("timer 1", 4, 64), at("timer 2", 10, 70)]
    );
}

#[test]
fn a_backward_jump_delays_alarms_and_leaves_timers() {
    let at = |what: &str, real, shown| {
        (
            what.to_owned(),
            Time::from_secs(real),
            Time::from_secs(shown),
        )
    };
    assert_eq!(
        jump(-3_000_000_000),
        [at("timer 2", 10, 7), at("timer 1", 13, 10)]
    );
}

#[test]
fn a_fast_clock_fires_early_by_true_time() {
    let waits = |ctx: &mut Ctx<'_, Word>| {
        ctx.set_timer(secs(1_001), 1);
    };
    let (mut world, diary) = scribes(waits, waits);
    world.set_drift(A, 1_000);
    world.set_drift(B, -1_000);
    world.run();
    let times: Vec<_> = diary.take().into_iter().map(|(_, real, _)| real).collect();
    assert_eq!(times[0], Time::from_secs(1_000));
    assert!(times[1] > Time::from_secs(1_002));
}

#[test]
fn changing_the_speed_moves_timers_that_run() {
    let waits = |ctx: &mut Ctx<'_, Word>| {
        ctx.set_timer(secs(10), 1);
    };
    let (mut world, diary) = scribes(waits, |_| ());
    world.at(Time::from_secs(5), "faster", |world| {
        world.set_drift(A, 250_000)
    });
    world.run();
    assert_eq!(diary.take()[0].1, Time::from_secs(9));
}

#[test]
fn a_cancelled_timer_never_fires_and_its_id_is_never_taken_for_another() {
    let (mut world, diary) = scribes(
        |ctx| {
            let first = ctx.set_timer(secs(1), 1);
            assert!(ctx.cancel_timer(first));
            assert!(!ctx.cancel_timer(first));
            let second: TimerId = ctx.set_timer(secs(2), 2);
            assert!(
                !ctx.cancel_timer(first),
                "the slot is used again, the id is not"
            );
            assert_ne!(first, second);
        },
        |_| (),
    );
    world.run();
    let all: Vec<_> = diary.take().into_iter().map(|(what, ..)| what).collect();
    assert_eq!(all, ["timer 2"]);
}

#[test]
fn many_cancelled_timers_do_not_stay_in_the_queue() {
    let (mut world, _) = scribes(
        |ctx| {
            for _ in 0..100_000 {
                let id = ctx.set_timer(secs(1_000_000), 1);
                ctx.cancel_timer(id);
            }
            ctx.set_timer(secs(1), 2);
        },
        |_| (),
    );
    world.run_until(Time::from_secs(2));
    assert!(world.waiting() < 1_000, "{} wait", world.waiting());
}

#[test]
fn a_zombie_gets_everything_late_and_in_order_and_sees_what_time_it_is() {
    let (mut world, diary) = scribes(
        |ctx| {
            ctx.set_timer(secs(2), 1);
            ctx.set_timer(secs(20), 2);
        },
        |ctx| {
            ctx.set_timer(secs(3), 0);
        },
    );
    world.at(Time::from_secs(1), "pause", |world| world.pause(A, secs(9)));
    world.at(Time::from_secs(4), "speak", |world| {
        world.with(B, |_: &mut Scribe, ctx| ctx.send(A, Word("hello")));
    });
    world.run();
    let late = |what: &str| (what.to_owned(), Time::from_secs(10), Time::from_secs(10));
    let all = diary.take();
    assert_eq!(all[1..3], [late("timer 1"), late("hello")]);
    assert_eq!(all[3].1, Time::from_secs(20));
}

#[test]
fn what_a_dead_node_was_waiting_for_never_comes() {
    let (mut world, diary) = scribes(
        |ctx| {
            if ctx.me().generation == 0 {
                ctx.set_timer(secs(5), 1);
                ctx.send(B, Word("question"));
            }
        },
        |_| (),
    );
    world.at(Time::ZERO + Duration::from_micros(100), "crash", |world| {
        world.crash(A, CrashKind::Process);
        world.start(A);
    });
    world.at(Time::from_secs(1), "reply to the old one", |world| {
        world.with(B, |_: &mut Scribe, ctx| {
            ctx.reply(
                Peer {
                    node: A,
                    generation: 0,
                },
                Word("answer"),
            );
            ctx.send(A, Word("news"));
        });
    });
    world.run();
    let all: Vec<_> = diary.take().into_iter().map(|(what, ..)| what).collect();
    assert_eq!(all, ["question", "news"]);
}

#[test]
fn what_follows_a_crash_in_a_handler_never_happened() {
    let (mut world, diary) = scribes(
        |ctx| {
            if ctx.me().generation > 0 {
                return;
            }
            let file = ctx.disk().open("f").expect("a live disk");
            ctx.disk().append(file, b"before").expect("a live disk");
            ctx.send(B, Word("before"));
            ctx.crash(CrashKind::Process);
            assert!(ctx.is_dead());
            ctx.disk()
                .append(file, b"after")
                .expect_err("the process is dead");
            ctx.send(B, Word("after"));
            ctx.set_timer(secs(1), 1);
        },
        |_| (),
    );
    world.run();
    let all: Vec<_> = diary.take().into_iter().map(|(what, ..)| what).collect();
    assert_eq!(all, ["before"]);
    assert_eq!(world.peer(A).generation, 1);
    let disk = world.disk(A);
    let file = disk
        .open_existing("f")
        .expect("the operating system kept it");
    assert_eq!(disk.read(file).expect("a live disk"), b"before");
}

/// A process whose whole work is futures.
struct Workshop {
    tasks: LocalTasks,
    fill: fn(&LocalTasks, &Rc<RefCell<Vec<String>>>),
    log: Rc<RefCell<Vec<String>>>,
}

impl Process<Word> for Workshop {
    fn on_start(&mut self, ctx: &mut Ctx<'_, Word>) {
        (self.fill)(&self.tasks, &self.log);
        self.tasks.run(ctx);
    }

    fn on_message(&mut self, _: &mut Ctx<'_, Word>, _: Peer, _: Word) {}

    fn on_timer(&mut self, ctx: &mut Ctx<'_, Word>, token: u64) {
        assert!(self.tasks.on_timer(ctx, token));
    }
}

type Log = Rc<RefCell<Vec<String>>>;

fn workshop(fill: fn(&LocalTasks, &Log)) -> (World<Word>, Log) {
    let mut world = World::new(WorldConfig::seeded(1));
    let log = Log::default();
    let shared = Rc::clone(&log);
    world.add_node("workshop", move |_| Workshop {
        tasks: LocalTasks::new(7),
        fill,
        log: Rc::clone(&shared),
    });
    (world, log)
}

#[test]
fn futures_sleep_on_virtual_time_in_order() {
    let (mut world, log) = workshop(|tasks, log| {
        for (name, length) in [("slow", 3), ("quick", 1), ("also quick", 1), ("at once", 0)] {
            let (handle, log) = (tasks.handle(), Rc::clone(log));
            tasks.spawn(async move {
                handle.sleep(secs(length)).await;
                log.borrow_mut().push(format!("{name} at {}", handle.now()));
            });
        }
    });
    world.run();
    assert_eq!(
        log.take(),
        [
            "at once at 0.000s",
            "quick at 1.000s",
            "also quick at 1.000s",
            "slow at 3.000s"
        ]
    );
}

#[test]
fn futures_wait_for_each_other_and_spawn_others() {
    let (mut world, log) = workshop(|tasks, log| {
        let (sender, receiver) = oneshot();
        let (dropped, never) = oneshot::<u32>();
        let (handle, heard) = (tasks.handle(), Rc::clone(log));
        tasks.spawn(async move {
            let answer = receiver.await;
            heard
                .borrow_mut()
                .push(format!("{answer:?} at {}", handle.now()));
            assert_eq!(never.await, Err(Canceled));
            heard.borrow_mut().push("nothing".to_owned());
        });
        let (handle, log) = (tasks.handle(), Rc::clone(log));
        tasks.spawn(async move {
            handle.sleep(secs(2)).await;
            let inner = handle.clone();
            handle.spawn(async move {
                inner.sleep(secs(1)).await;
                sender.send(42).expect("the other still waits");
                log.borrow_mut().push("sent".to_owned());
                drop(dropped);
            });
        });
    });
    world.run();
    assert_eq!(log.take(), ["sent", "Ok(42) at 3.000s", "nothing"]);
}

struct Guard(Log);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.borrow_mut().push("dropped".to_owned());
    }
}

#[test]
fn futures_die_with_their_process() {
    let (mut world, log) = workshop(|tasks, log| {
        let (handle, guard) = (tasks.handle(), Guard(Rc::clone(log)));
        tasks.spawn(async move {
            handle.sleep(secs(10)).await;
            guard.0.borrow_mut().push("survived".to_owned());
        });
    });
    world.run_until(Time::from_secs(1));
    world.crash(A, CrashKind::Process);
    assert_eq!(log.take(), ["dropped"]);
    world.run();
    assert!(log.borrow().is_empty());
}

#[test]
fn an_aborted_future_is_dropped_and_its_sleep_forgotten() {
    let (mut world, log) = workshop(|tasks, log| {
        let (handle, guard) = (tasks.handle(), Guard(Rc::clone(log)));
        let victim = tasks.spawn(async move {
            handle.sleep(secs(10)).await;
            drop(guard);
        });
        let (handle, log) = (tasks.handle(), Rc::clone(log));
        tasks.spawn(async move {
            handle.sleep(secs(1)).await;
            handle.abort(victim);
            log.borrow_mut().push("aborted".to_owned());
        });
    });
    world.run();
    assert_eq!(log.take(), ["aborted", "dropped"]);
    assert_eq!(world.now(), Time::from_secs(1));
}

#[test]
fn futures_that_never_ran_are_dropped_too() {
    let log = Log::default();
    let tasks = LocalTasks::new(7);
    let (handle, guard) = (tasks.handle(), Guard(Rc::clone(&log)));
    tasks.spawn(async move {
        handle.sleep(secs(10)).await;
        drop(guard);
    });
    drop(tasks);
    assert_eq!(log.take(), ["dropped"]);
}
