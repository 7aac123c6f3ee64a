//! Many seeds of one scenario, on several threads, told in the order of the seeds.
//!
//! A run is one thread and knows nothing of the others. The threads take the next seed from a
//! counter; what they report is put back in order, so that the output does not depend on how many
//! there are.

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, PanicHookInfo};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use steadfast_sim::report::{Choices, Options, RunReport};
use steadfast_sim::sabotage::Bug;
use steadfast_sim::scenario::Scenario;
use steadfast_sim::suite::Suite;

use crate::Engine;
use crate::interrupt::Interrupt;

/// One in so many seeds runs twice, to see whether it does the same again.
const TWICE_EVERY: u64 = 16;

/// What to run.
#[derive(Clone, Copy)]
pub(crate) struct Batch<'a> {
    pub(crate) engine: Engine,
    pub(crate) suite: &'a Suite,
    pub(crate) scenario: &'a Scenario,
    /// A bug to plant in the engine.
    pub(crate) bug: Option<Bug>,
    pub(crate) first: u64,
    /// How many seeds; `None` until the time is over.
    pub(crate) seeds: Option<u64>,
    pub(crate) time: Option<Duration>,
    pub(crate) jobs: usize,
    /// Whether a sample of the seeds runs twice.
    pub(crate) twice: bool,
}

/// What came of one seed.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) seed: u64,
    pub(crate) outcome: Outcome,
}

/// How a run went.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It was judged; and if it ran twice and differed, that is the second run.
    Judged(Box<RunReport>, Option<Box<RunReport>>),
    /// It panicked.
    Panicked(String),
}

/// Why a batch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Every seed ran, or the time is over, or the caller has seen enough.
    Done,
    /// Somebody pressed Ctrl-C.
    Interrupted,
}

impl Batch<'_> {
    /// Runs all seeds; `each` hears what came of them in their order and may end the batch.
    pub(crate) fn run<B>(
        &self,
        interrupt: &Interrupt,
        mut each: impl FnMut(Ran) -> ControlFlow<B>,
    ) -> (Ended, Option<B>) {
        let next = AtomicU64::new(0);
        let stop = AtomicBool::new(false);
        let deadline = self.time.map(|time| Instant::now() + time);
        let over = || {
            stop.load(Ordering::Relaxed)
                || interrupt.is_set()
                || deadline.is_some_and(|deadline| Instant::now() >= deadline)
        };
        let mut broke = None;
        std::thread::scope(|scope| {
            let (sender, results) = mpsc::sync_channel(4 * self.jobs);
            for _ in 0..self.jobs {
                let sender = sender.clone();
                let (next, over) = (&next, &over);
                scope.spawn(move || {
                    while !over() {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(seed) = self.seed(index) else { break };
                        if sender.send((index, self.one(seed, index))).is_err() {
                            break;
                        }
                    }
                });
            }
            drop(sender);
            let mut waiting = BTreeMap::new();
            let mut expected = 0;
            for (index, ran) in results {
                waiting.insert(index, ran);
                while let Some(ran) = waiting.remove(&expected) {
                    expected += 1;
                    if broke.is_some() {
                        continue;
                    }
                    if let ControlFlow::Break(value) = each(ran) {
                        broke = Some(value);
                        stop.store(true, Ordering::Relaxed);
                    }
                }
            }
        });
        let interrupted = interrupt.is_set() && broke.is_none();
        (
            if interrupted {
                Ended::Interrupted
            } else {
                Ended::Done
            },
            broke,
        )
    }

    fn seed(&self, index: u64) -> Option<u64> {
        match self.seeds {
            Some(seeds) if index >= seeds => None,
            _ => self.first.checked_add(index),
        }
    }

    fn one(&self, seed: u64, index: u64) -> Ran {
        let options = Options {
            bug: self.bug,
            ..Options::default()
        };
        let run =
            || caught(|| (self.engine)(self.suite, self.scenario, Choices::Seed(seed), options));
        let outcome = match run() {
            Err(panic) => Outcome::Panicked(panic),
            Ok(report) if self.twice && index.is_multiple_of(TWICE_EVERY) => match run() {
                Err(panic) => Outcome::Panicked(format!("only in the second run: {panic}")),
                Ok(again) if again.ladder == report.ladder && again.hash == report.hash => {
                    Outcome::Judged(Box::new(report), None)
                }
                Ok(again) => Outcome::Judged(Box::new(report), Some(Box::new(again))),
            },
            Ok(report) => Outcome::Judged(Box::new(report), None),
        };
        Ran { seed, outcome }
    }
}

thread_local! {
    static LAST_PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Panics inside of runs are caught and told in their place, so they print nothing by themselves.
pub(crate) fn quiet_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let caught = CATCHING.with(|catching| *catching.borrow());
        if caught {
            LAST_PANIC.with(|last| *last.borrow_mut() = Some(describe(info)));
        } else {
            usual(info);
        }
    }));
}

thread_local! {
    static CATCHING: RefCell<bool> = const { RefCell::new(false) };
}

fn describe(info: &PanicHookInfo<'_>) -> String {
    let message = payload_text(info.payload());
    info.location()
        .map_or_else(|| message.clone(), |at| format!("{message} ({at})"))
}

fn payload_text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").to_owned()
}

/// Runs something that may panic; the error is the panic's message and place.
pub(crate) fn caught<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    CATCHING.with(|catching| *catching.borrow_mut() = true);
    let result = std::panic::catch_unwind(AssertUnwindSafe(run));
    CATCHING.with(|catching| *catching.borrow_mut() = false);
    let told = LAST_PANIC.with(|last| last.borrow_mut().take());
    result.map_err(|payload| told.unwrap_or_else(|| payload_text(&*payload)))
}
