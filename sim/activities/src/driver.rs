//! What the attempts of one run share: the runtime, and who is to be woken.
//!
//! A run is one thread, and so is everything in here but [`Mailbox`]. Code on the runtime's blocking thread can wake an
//! attempt at any moment of real time; such wakes wait until the world's time is about to move, and the blocking thread
//! is idle. So it does not matter how fast that thread was.

use std::{
    cell::{Cell, OnceCell, RefCell},
    collections::BTreeMap,
    rc::Rc,
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    task::{Wake, Waker},
    thread::{self, ThreadId},
    time::Duration,
};

use steadfast_proto::temporal::api::common::v1::Payloads;
use steadfast_sim::{
    cluster::{ActivityContext, Bell},
    kernel::Time,
};
use tokio::{
    runtime::{Builder, Runtime},
    time::Instant,
};

use crate::gateway::Calls;

thread_local! {
    /// The run of this thread.
    static RUN: RefCell<Option<Rc<Driver>>> = const { RefCell::new(None) };
    /// The attempt that is being polled.
    static POLLED: Cell<Option<u64>> = const { Cell::new(None) };
}

/// How long, in real time, blocking code may take.
const BLOCKING_PATIENCE: Duration = Duration::from_secs(120);

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct Driver {
    engine: OnceCell<Engine>,
    /// The world's time.
    pub(crate) now: Cell<Time>,
    /// Attempts have been polled, and may have begun something on the blocking thread.
    blocking: Cell<bool>,
    attempts: RefCell<BTreeMap<u64, Rc<Attempt>>>,
    numbers: Cell<u64>,
    pub(crate) mailbox: Arc<Mailbox>,
}

/// The runtime, and what its clock showed when the world's showed `since`.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) runtime: Runtime,
    pub(crate) epoch: Instant,
    pub(crate) since: Time,
}

/// An attempt that has not ended.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) context: ActivityContext,
    pub(crate) calls: Calls,
    pub(crate) waker: RefCell<Option<Waker>>,
    bell: Bell,
}

/// What reaches attempts from outside of their own code.
#[derive(Debug)]
pub(crate) struct Mailbox {
    home: ThreadId,
    letters: Mutex<Letters>,
}

#[derive(Debug, Default)]
struct Letters {
    /// Attempts to wake, from this thread.
    wakes: Vec<u64>,
    /// Attempts to wake, from the blocking thread.
    foreign_wakes: Vec<u64>,
    heartbeats: Vec<(u64, Result<Payloads, String>)>,
    /// Waits for letters while the clock moves.
    reader: Option<Waker>,
}

impl Driver {
    /// A new run begins on this thread.
    pub(crate) fn begin() -> Rc<Self> {
        let driver = Rc::new(Self {
            engine: OnceCell::new(),
            now: Cell::new(Time::ZERO),
            blocking: Cell::new(false),
            attempts: RefCell::default(),
            numbers: Cell::new(0),
            mailbox: Arc::new(Mailbox {
                home: thread::current().id(),
                letters: Mutex::default(),
            }),
        });
        RUN.with(|run| run.replace(Some(Rc::clone(&driver))));
        driver
    }

    /// The run of this thread.
    pub(crate) fn current() -> Option<Rc<Self>> {
        RUN.with(|run| run.borrow().clone())
    }

    /// The run is over.
    pub(crate) fn end(self: &Rc<Self>) {
        RUN.with(|run| {
            let mine = run.borrow().as_ref().is_some_and(|it| Rc::ptr_eq(it, self));
            if mine {
                run.replace(None);
            }
        });
    }

    /// The runtime, which is made when it is needed first.
    pub(crate) fn engine(&self) -> &Engine {
        self.engine.get_or_init(|| {
            let mut builder = Builder::new_current_thread();
            builder
                .enable_time()
                .start_paused(true)
                // One after another: what they do is in the order in which they were begun.
                .max_blocking_threads(1);
            #[cfg(tokio_unstable)]
            builder.rng_seed(tokio::runtime::RngSeed::from_bytes(b"steadfast"));
            let runtime = builder
                .build()
                .expect("a runtime without drivers of its own");
            let epoch = runtime.block_on(async { Instant::now() });
            Engine {
                runtime,
                epoch,
                since: self.now.get(),
            }
        })
    }

    pub(crate) fn has_engine(&self) -> bool {
        self.engine.get().is_some()
    }

    /// An attempt begins.
    pub(crate) fn enter(&self, context: ActivityContext) -> (u64, Rc<Attempt>) {
        let number = self.numbers.get() + 1;
        self.numbers.set(number);
        let attempt = Rc::new(Attempt {
            bell: context.bell(),
            context,
            calls: Calls::default(),
            waker: RefCell::new(None),
        });
        let mut attempts = self.attempts.borrow_mut();
        attempts.insert(number, Rc::clone(&attempt));
        (number, attempt)
    }

    /// An attempt has ended, or has died.
    pub(crate) fn leave(&self, number: u64) {
        self.attempts.borrow_mut().remove(&number);
    }

    pub(crate) fn attempt(&self, number: u64) -> Option<Rc<Attempt>> {
        self.attempts.borrow().get(&number).cloned()
    }

    /// Does something as the code of an attempt, with the runtime at hand.
    pub(crate) fn as_attempt<R>(&self, number: u64, code: impl FnOnce() -> R) -> R {
        let runtime = self.engine().runtime.enter();
        let before = POLLED.replace(Some(number));
        let result = code();
        POLLED.set(before);
        drop(runtime);
        self.blocking.set(true);
        result
    }

    /// The attempt whose code runs.
    pub(crate) fn polled() -> Option<u64> {
        POLLED.get()
    }

    /// Passes on what has come for attempts; `ring` if their processes are not at work.
    pub(crate) fn deliver(&self, ring: bool) {
        let (mut wakes, heartbeats) = self.mailbox.take(ring);
        wakes.sort_unstable();
        wakes.dedup();
        for (number, details) in heartbeats {
            if let Some(attempt) = self.attempt(number) {
                attempt.heartbeat(details);
                attempt.ring(ring);
            }
        }
        for number in wakes {
            if let Some(attempt) = self.attempt(number) {
                if let Some(waker) = attempt.waker.borrow().as_ref() {
                    waker.wake_by_ref();
                }
                attempt.ring(ring);
            }
        }
    }

    /// Waits until the blocking thread has nothing to do; says whether it has woken this attempt.
    pub(crate) fn has_settled(&self, number: u64) -> bool {
        self.settle();
        self.mailbox.take_foreign_wake(number)
    }

    /// Waits until the blocking thread has nothing to do.
    pub(crate) fn settle(&self) {
        if !self.blocking.replace(false) {
            return;
        }
        let (done, idle) = mpsc::channel();
        self.engine().runtime.spawn_blocking(move || done.send(()));
        let waited = idle.recv_timeout(BLOCKING_PATIENCE);
        assert!(
            waited.is_ok(),
            "a blocking activity has not returned within {BLOCKING_PATIENCE:?} of real time"
        );
    }
}

impl Attempt {
    fn ring(&self, ring: bool) {
        if ring {
            self.bell.ring();
        }
    }

    fn heartbeat(&self, details: Result<Payloads, String>) {
        match details {
            Ok(details) => self.context.heartbeat_payloads(Some(details)),
            Err(why) => panic!("{}: {why}", self.context.info().activity_type),
        }
    }
}

impl Mailbox {
    fn letters(&self) -> MutexGuard<'_, Letters> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes an attempt as soon as that is right.
    fn wake(&self, number: u64) {
        let mut letters = self.letters();
        if thread::current().id() == self.home {
            letters.wakes.push(number);
        } else {
            letters.foreign_wakes.push(number);
        }
        let reader = letters.reader.take();
        drop(letters);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// An attempt says that it is alive.
    pub(crate) fn heartbeat(&self, number: u64, details: Result<Payloads, String>) {
        let mut letters = self.letters();
        letters.heartbeats.push((number, details));
        let reader = letters.reader.take();
        drop(letters);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Whether there is something to deliver; if not, the waker is woken when there is.
    pub(crate) fn wait(&self, waker: &Waker) -> bool {
        let mut letters = self.letters();
        let empty = letters.wakes.is_empty()
            && letters.foreign_wakes.is_empty()
            && letters.heartbeats.is_empty();
        letters.reader = empty.then(|| waker.clone());
        !empty
    }

    /// Takes the wakes of an attempt by the blocking thread; says whether there were any.
    fn take_foreign_wake(&self, number: u64) -> bool {
        let mut letters = self.letters();
        let before = letters.foreign_wakes.len();
        letters.foreign_wakes.retain(|woken| *woken != number);
        letters.foreign_wakes.len() < before
    }

    #[expect(clippy::type_complexity, reason = "taken apart at once")]
    fn take(&self, foreign: bool) -> (Vec<u64>, Vec<(u64, Result<Payloads, String>)>) {
        let mut letters = self.letters();
        let mut wakes = std::mem::take(&mut letters.wakes);
        if foreign {
            wakes.append(&mut letters.foreign_wakes);
        }
        (wakes, std::mem::take(&mut letters.heartbeats))
    }
}

/// Wakes an attempt by way of the mailbox.
#[derive(Debug)]
pub(crate) struct WakeAttempt {
    pub(crate) number: u64,
    pub(crate) mailbox: Arc<Mailbox>,
}

impl Wake for WakeAttempt {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.mailbox.wake(self.number);
    }
}
