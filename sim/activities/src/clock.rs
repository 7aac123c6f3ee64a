//! Tokio's clock, moved by hand.
//!
//! Tokio does not say when its next timer is due. But a paused runtime that has nothing to do goes to its next timer by
//! itself; so it is let go, on a leash: no further than to the world's next event, and not beyond the first moment at
//! which an attempt is woken.

use std::{future::poll_fn, pin::pin, rc::Rc, task::Poll, time::Duration};

use steadfast_sim::kernel::{ForeignClock, Time};
use tokio::time::{Instant, advance, sleep_until};

use crate::driver::{Driver, Mailbox};

/// Tokio's timers lie on whole milliseconds of the runtime's clock.
const TICK: u128 = 1_000_000;

/// A clock for a new run on this thread.
pub(crate) fn make() -> Box<dyn ForeignClock> {
    Box::new(TokioClock(Driver::begin()))
}

#[derive(Debug)]
struct TokioClock(Rc<Driver>);

impl ForeignClock for TokioClock {
    fn advance(&mut self, until: Time) -> Time {
        let driver = &self.0;
        if driver.has_engine() {
            driver.settle();
            let engine = driver.engine();
            let target = engine.epoch + until.since(engine.since);
            let reached = engine
                .runtime
                .block_on(go(&driver.mailbox, engine.epoch, target));
            driver.now.set(engine.since + reached);
            driver.deliver(true);
        } else {
            driver.now.set(until);
        }
        driver.now.get()
    }
}

impl Drop for TokioClock {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Lets everything on the runtime go on, to a time or to the first letter; says how long after the epoch that was.
async fn go(mailbox: &Mailbox, epoch: Instant, target: Instant) -> Duration {
    let until = target - epoch;
    // Whatever can go on without time goes on first.
    advance(Duration::ZERO).await;
    let now = || Instant::now() - epoch;
    let aligned = whole_ticks(now() + Duration::from_nanos(999_999));
    if !has_letters(mailbox).await && aligned <= until {
        // From a whole tick the runtime's own steps end on whole ticks.
        advance(aligned - now()).await;
        leash(mailbox, epoch + whole_ticks(until)).await;
    }
    if !has_letters(mailbox).await && now() < until {
        advance(until - now()).await;
    }
    now()
}

/// Idles until a moment or a letter: the runtime goes from timer to timer.
async fn leash(mailbox: &Mailbox, moment: Instant) {
    let mut end = pin!(sleep_until(moment));
    poll_fn(|cx| {
        if mailbox.wait(cx.waker()) {
            return Poll::Ready(());
        }
        end.as_mut().poll(cx)
    })
    .await;
}

async fn has_letters(mailbox: &Mailbox) -> bool {
    poll_fn(|cx| Poll::Ready(mailbox.wait(cx.waker()))).await
}

fn whole_ticks(time: Duration) -> Duration {
    let nanos = time.as_nanos() / TICK * TICK;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}
