//! Calls that are repeated until their outcome is known.
//!
//! A call ends with an answer or a rejection, and with nothing else: when time runs out, when the other side restarts,
//! or when it says that it is busy, the same request goes out once more under the same number.

use std::{rc::Rc, time::Duration};

use steadfast_core::Rejection;

use super::wire::{Answer, CallId, OpenCalls, Rpc, Wire};
use crate::kernel::{Ctx, NodeId, TimerId};

/// A call without an answer, and what its maker wants to know when there is one.
#[derive(Debug)]
struct Open<T> {
    rpc: Rc<Rpc>,
    to: NodeId,
    held: Duration,
    about: T,
    timer: TimerId,
    tries: u32,
}

/// The open calls of one process.
#[derive(Debug)]
pub(crate) struct Caller<T> {
    calls: OpenCalls<Open<T>>,
    /// Marks this caller's timers among those of its process.
    tag: u64,
}

/// Bits of a timer token that hold the number of a call.
const NUMBER: u64 = 0xffff_ffff;

/// How long a caller waits for an answer that is not held back before it asks again.
const PATIENCE: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

impl<T> Caller<T> {
    /// No calls yet. `tag` is a timer token with the lower 32 bits zero.
    pub(crate) fn new(incarnation: u32, tag: u64) -> Self {
        Self {
            calls: OpenCalls::new(incarnation),
            tag,
        }
    }

    /// Makes a call.
    pub(crate) fn call(&mut self, ctx: &mut Ctx<'_, Wire>, to: NodeId, rpc: Rpc, about: T) {
        self.hold(ctx, to, Duration::ZERO, Rc::new(rpc), about);
    }

    /// Makes a call that the other side may hold for so long.
    pub(crate) fn hold(
        &mut self,
        ctx: &mut Ctx<'_, Wire>,
        to: NodeId,
        held: Duration,
        rpc: Rc<Rpc>,
        about: T,
    ) {
        let number = self.calls.next_number();
        let timer = ctx.set_timer(held + PATIENCE, self.tag | u64::from(number));
        let open = Open {
            rpc: Rc::clone(&rpc),
            to,
            held,
            about,
            timer,
            tries: 0,
        };
        let call = self.calls.open(open);
        ctx.send(to, Wire::Request(call, held, rpc));
    }

    /// An answer came: what it is about, unless nobody waits for it or the call goes on.
    pub(crate) fn answered(
        &mut self,
        ctx: &mut Ctx<'_, Wire>,
        call: CallId,
        answer: &Result<Answer, Rejection>,
    ) -> Option<(Rc<Rpc>, T)> {
        if answer.as_ref().is_err_and(is_busy) {
            self.pause(ctx, call);
            return None;
        }
        let open = self.calls.close(call)?;
        ctx.cancel_timer(open.timer);
        Some((open.rpc, open.about))
    }

    /// The other side is busy: ask again later, more patiently every time.
    fn pause(&mut self, ctx: &mut Ctx<'_, Wire>, call: CallId) {
        let tag = self.tag;
        if let Some(open) = self.calls.get_mut(call) {
            let pause = FIRST_PAUSE
                .saturating_mul(1 << open.tries.min(6))
                .min(LONGEST_PAUSE);
            open.tries += 1;
            ctx.cancel_timer(open.timer);
            open.timer = ctx.set_timer(pause, tag | u64::from(call.number));
        }
    }

    /// A timer of this caller fired: asks again. Says whether it was one.
    pub(crate) fn on_timer(&mut self, ctx: &mut Ctx<'_, Wire>, token: u64) -> bool {
        if token & !NUMBER != self.tag {
            return false;
        }
        let number = u32::try_from(token & NUMBER).unwrap_or(0);
        self.send_again(ctx, number);
        true
    }

    /// The other side has restarted and knows of nothing.
    pub(crate) fn reconnect(&mut self, ctx: &mut Ctx<'_, Wire>, node: NodeId) {
        let numbers: Vec<u32> = self.calls.numbers_where(|open| open.to == node);
        for number in numbers {
            self.send_again(ctx, number);
        }
    }

    fn send_again(&mut self, ctx: &mut Ctx<'_, Wire>, number: u32) {
        let call = self.calls.id(number);
        let token = self.tag | u64::from(number);
        if let Some(open) = self.calls.get_mut(call) {
            ctx.cancel_timer(open.timer);
            open.timer = ctx.set_timer(open.held + PATIENCE, token);
            let (to, held, rpc) = (open.to, open.held, Rc::clone(&open.rpc));
            ctx.send(to, Wire::Request(call, held, rpc));
        }
    }
}

/// Whether the same may be asked again a little later.
fn is_busy(rejection: &Rejection) -> bool {
    matches!(
        rejection.first_failure(),
        Rejection::Unavailable(_) | Rejection::ResourceExhausted(..) | Rejection::Aborted(_)
    )
}
