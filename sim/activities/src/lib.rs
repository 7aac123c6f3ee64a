//! Activities written with the official SDK's `#[activities]` run in the simulator, unchanged.
//!
//! ```text
//!   Suite::official ──registers──▶ code by name                               steadfast-sim
//!                                     │                                             │
//!   attempt: context, input, result, failure, heartbeats, cancellation  ◀──────────▶  worker process
//!   clock:   tokio's clock, moved from event to event                   ◀──────────▶  world
//!   gateway: `call`, for what stands in for a client of a real service  ◀──────────▶  services, ledger
//! ```
//!
//! An activity is polled by the worker process that runs it, and dies with it. Its context is one of the SDK's own, made
//! by [`ActivityEnvironment`](temporalio_sdk::testing::ActivityEnvironment). `tokio::time` follows virtual time to the
//! millisecond, as tokio rounds; `tokio::spawn` and `spawn_blocking` work.
//!
//! What cannot be simulated: `SystemTime::now` shows the real clock (use `info().started_time`), sockets and files are
//! the real ones, and [`ActivityContext::client`](temporalio_sdk::activities::ActivityContext::client) has no client.
//! `tokio::select!` without `biased;` chooses at random, unless everything is built with `--cfg tokio_unstable`.

mod attempt;
mod clock;
mod convert;
mod driver;
mod gateway;

use std::{any::Any, sync::Arc};

use steadfast_sim::suite::Suite;
use temporalio_sdk::activities::ExecutableActivity;

pub use gateway::{Call, call};
pub use steadfast_sim::cluster::ServiceError;

use crate::convert::HeartbeatDetails;

/// Registers activities of the official SDK.
pub trait OfficialActivities: Sized {
    /// Registers activities of one implementer. `make` makes it, once in every worker process: what it holds is gone
    /// when the process dies, as in production.
    ///
    /// ```text
    /// Suite::new().official(MailActivities::new, |activities| {
    ///     activities.register(MailActivities::send).register(MailActivities::remind);
    /// })
    /// ```
    #[must_use]
    fn official<I>(
        self,
        make: impl Fn() -> I + Send + Sync + 'static,
        register: impl FnOnce(&mut Activities<I>),
    ) -> Self
    where
        I: Send + Sync + 'static;
}

/// The activities of an implementer.
pub struct Activities<I> {
    suite: Suite,
    make: Arc<dyn Fn() -> I + Send + Sync>,
    details: HeartbeatDetails,
}

impl<I> std::fmt::Debug for Activities<I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Activities").finish_non_exhaustive()
    }
}

impl OfficialActivities for Suite {
    fn official<I>(
        self,
        make: impl Fn() -> I + Send + Sync + 'static,
        register: impl FnOnce(&mut Activities<I>),
    ) -> Self
    where
        I: Send + Sync + 'static,
    {
        let mut activities = Activities {
            suite: self.foreign_clock(clock::make),
            make: Arc::new(make),
            details: HeartbeatDetails::default(),
        };
        register(&mut activities);
        activities.suite
    }
}

impl<I: Send + Sync + 'static> Activities<I> {
    /// Says of which type the details are that the activities registered from here on heartbeat. Numbers, texts, `()`
    /// and `serde_json::Value` need not be named.
    pub fn heartbeat_details<T>(&mut self) -> &mut Self
    where
        T: temporalio_common::data_converters::TemporalSerializable + Any,
    {
        self.details.add::<T>();
        self
    }

    /// Registers an activity under its own name.
    pub fn register<A>(&mut self, activity: A) -> &mut Self
    where
        A: ExecutableActivity<Implementer = I> + 'static,
    {
        let name = activity.name().to_owned();
        let (make, details) = (Arc::clone(&self.make), self.details.clone());
        let suite = std::mem::take(&mut self.suite);
        self.suite = suite.raw_activity(&name, move |context, input| {
            attempt::run::<A>(context, input, Arc::clone(&make), details.clone())
        });
        self
    }
}
