//! Futures that belong to a process and die with it, on virtual time.
//!
//! A process keeps a [`LocalTasks`], spawns futures on it, calls [`run`](LocalTasks::run) after it
//! woke some, and hands its timers to [`on_timer`](LocalTasks::on_timer). Woken futures are polled
//! in the order in which they were woken. A future reaches the world only through what the process
//! gives it: [`TaskHandle`] for time, [`oneshot`] for answers, shared state for requests.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use super::process::{Ctx, Message};
use super::time::Time;
use super::timers::TimerId;

/// A future that was spawned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(u64);

type LocalFuture = Pin<Box<dyn Future<Output = ()>>>;

struct Task {
    future: LocalFuture,
    wake: Arc<WakeUp>,
    waker: Waker,
}

/// Wakers must be `Send`, hence the channel and the atomic; only one thread ever uses them.
struct WakeUp {
    id: TaskId,
    woken: AtomicBool,
    ready: mpsc::Sender<TaskId>,
}

impl Wake for WakeUp {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.woken.swap(true, Ordering::Relaxed) {
            // The receiver is gone only when the process is: nobody is left to be woken.
            self.ready.send(self.id).ok();
        }
    }
}

#[derive(Default)]
struct Shared {
    wall: Cell<Time>,
    monotonic: Cell<Time>,
    next: Cell<u64>,
    spawned: RefCell<Vec<(TaskId, LocalFuture)>>,
    aborted: RefCell<Vec<TaskId>>,
    sleeps: RefCell<BTreeMap<(Time, u64), Waker>>,
}

/// The futures of one process.
pub struct LocalTasks {
    token: u64,
    shared: Rc<Shared>,
    tasks: BTreeMap<TaskId, Task>,
    ready: mpsc::Receiver<TaskId>,
    wake: mpsc::Sender<TaskId>,
    armed: Option<(Time, TimerId)>,
}

impl LocalTasks {
    /// No futures yet. Their one timer uses `token`, which the process must not use otherwise.
    pub fn new(token: u64) -> Self {
        let (wake, ready) = mpsc::channel();
        let shared = Rc::new(Shared::default());
        Self {
            token,
            shared,
            tasks: BTreeMap::new(),
            ready,
            wake,
            armed: None,
        }
    }

    /// What futures need to sleep and to spawn others.
    pub fn handle(&self) -> TaskHandle {
        TaskHandle(Rc::clone(&self.shared))
    }

    /// Adds a future; it is first polled by the next [`run`](Self::run).
    pub fn spawn(&self, future: impl Future<Output = ()> + 'static) -> TaskId {
        self.handle().spawn(future)
    }

    /// Drops a future, wherever it is.
    pub fn abort(&mut self, id: TaskId) {
        self.shared.aborted.borrow_mut().push(id);
        self.reap();
    }

    /// How many futures have not ended.
    pub fn len(&self) -> usize {
        self.tasks.len() + self.shared.spawned.borrow().len()
    }

    /// Whether every future has ended.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Polls every future that can go on, until none can.
    pub fn run<M: Message>(&mut self, ctx: &mut Ctx<'_, M>) {
        self.shared.wall.set(ctx.now());
        self.shared.monotonic.set(ctx.monotonic());
        loop {
            self.adopt();
            self.reap();
            let Ok(id) = self.ready.try_recv() else { break };
            self.poll(id);
        }
        self.arm(ctx);
    }

    /// Takes a timer if it is the one of these futures, and runs what it woke.
    pub fn on_timer<M: Message>(&mut self, ctx: &mut Ctx<'_, M>, token: u64) -> bool {
        if token != self.token {
            return false;
        }
        self.armed = None;
        let now = ctx.monotonic();
        loop {
            let mut sleeps = self.shared.sleeps.borrow_mut();
            let Some(first) = sleeps.first_entry().filter(|first| first.key().0 <= now) else {
                break;
            };
            first.remove().wake();
        }
        self.run(ctx);
        true
    }

    fn adopt(&mut self) {
        for (id, future) in self.shared.spawned.take() {
            let ready = self.wake.clone();
            let wake = Arc::new(WakeUp {
                id,
                woken: AtomicBool::new(false),
                ready,
            });
            wake.wake_by_ref();
            let waker = Waker::from(Arc::clone(&wake));
            self.tasks.insert(
                id,
                Task {
                    future,
                    wake,
                    waker,
                },
            );
        }
    }

    /// Drops aborted futures outside of any borrow, since dropping them runs their code.
    fn reap(&mut self) {
        for id in self.shared.aborted.take() {
            let task = self.tasks.remove(&id);
            let mut spawned = self.shared.spawned.borrow_mut();
            let place = spawned.iter().position(|(other, _)| *other == id);
            let unborn = place.map(|place| spawned.remove(place));
            drop(spawned);
            drop((task, unborn));
        }
    }

    fn poll(&mut self, id: TaskId) {
        let Some(task) = self.tasks.get_mut(&id) else {
            return;
        };
        task.wake.woken.store(false, Ordering::Relaxed);
        let mut context = Context::from_waker(&task.waker);
        if task.future.as_mut().poll(&mut context).is_ready() {
            self.tasks.remove(&id);
        }
    }

    /// Keeps one timer set, for the earliest sleeper.
    fn arm<M: Message>(&mut self, ctx: &mut Ctx<'_, M>) {
        let first = self
            .shared
            .sleeps
            .borrow()
            .first_key_value()
            .map(|((at, _), _)| *at);
        if self.armed.map(|(at, _)| at) == first {
            return;
        }
        if let Some((_, timer)) = self.armed.take() {
            ctx.cancel_timer(timer);
        }
        self.armed = first.map(|at| {
            let after = at.since(ctx.monotonic());
            (at, ctx.set_timer(after, self.token))
        });
    }
}

impl Drop for LocalTasks {
    /// Breaks the cycle between the shared state and the futures that hold it.
    fn drop(&mut self) {
        drop(std::mem::take(&mut self.tasks));
        drop(self.shared.spawned.take());
        drop(self.shared.sleeps.take());
    }
}

impl fmt::Debug for LocalTasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalTasks")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// Time and spawning, for futures.
#[derive(Clone)]
pub struct TaskHandle(Rc<Shared>);

impl TaskHandle {
    /// The node's wall clock.
    pub fn now(&self) -> Time {
        self.0.wall.get()
    }

    /// Ends once so much time has passed on the node's monotonic clock.
    pub fn sleep(&self, length: Duration) -> Sleep {
        let id = self.next();
        let at = self.0.monotonic.get() + length;
        Sleep {
            shared: Rc::clone(&self.0),
            at,
            id,
            waits: false,
        }
    }

    /// Adds a future beside the one that calls.
    pub fn spawn(&self, future: impl Future<Output = ()> + 'static) -> TaskId {
        let id = TaskId(self.next());
        self.0.spawned.borrow_mut().push((id, Box::pin(future)));
        id
    }

    /// Drops a future once the one that calls has returned to the executor.
    pub fn abort(&self, id: TaskId) {
        self.0.aborted.borrow_mut().push(id);
    }

    fn next(&self) -> u64 {
        let id = self.0.next.get();
        self.0.next.set(id + 1);
        id
    }
}

impl fmt::Debug for TaskHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskHandle")
            .field("now", &self.now())
            .finish_non_exhaustive()
    }
}

/// Ends at a time. Made by [`TaskHandle::sleep`].
#[must_use = "futures do nothing unless awaited"]
pub struct Sleep {
    shared: Rc<Shared>,
    at: Time,
    id: u64,
    waits: bool,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let key = (self.at, self.id);
        if self.shared.monotonic.get() >= self.at {
            self.shared.sleeps.borrow_mut().remove(&key);
            self.waits = false;
            return Poll::Ready(());
        }
        self.shared
            .sleeps
            .borrow_mut()
            .insert(key, cx.waker().clone());
        self.waits = true;
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if self.waits {
            self.shared.sleeps.borrow_mut().remove(&(self.at, self.id));
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep")
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

/// The other half is gone, and with it every hope of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sender was dropped without sending")]
pub struct Canceled;

#[derive(Debug)]
struct Slot<T> {
    value: Option<T>,
    waker: Option<Waker>,
    closed: bool,
}

/// The half of a [`oneshot`] that sends.
#[derive(Debug)]
pub struct Sender<T>(Rc<RefCell<Slot<T>>>);

/// The half of a [`oneshot`] that waits.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Receiver<T>(Rc<RefCell<Slot<T>>>);

/// A channel for one value, inside one process.
pub fn oneshot<T>() -> (Sender<T>, Receiver<T>) {
    let slot = Rc::new(RefCell::new(Slot {
        value: None,
        waker: None,
        closed: false,
    }));
    (Sender(Rc::clone(&slot)), Receiver(slot))
}

impl<T> Sender<T> {
    /// Sends the value, or gives it back if nobody waits any more.
    pub fn send(self, value: T) -> Result<(), T> {
        let mut slot = self.0.borrow_mut();
        if slot.closed {
            return Err(value);
        }
        slot.value = Some(value);
        Ok(())
    }

    /// Whether nobody waits any more.
    pub fn is_closed(&self) -> bool {
        self.0.borrow().closed
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut slot = self.0.borrow_mut();
        slot.closed = true;
        let waker = slot.waker.take();
        drop(slot);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, Canceled>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut slot = self.0.borrow_mut();
        if let Some(value) = slot.value.take() {
            return Poll::Ready(Ok(value));
        }
        if slot.closed {
            return Poll::Ready(Err(Canceled));
        }
        slot.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.0.borrow_mut().closed = true;
    }
}
