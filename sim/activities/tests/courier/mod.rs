//! A courier's round, as a user of the official SDK has written it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use temporalio_workflow::{
    ActivityCancellationType, ActivityOptions, RetryPolicy, WorkflowContext, WorkflowResult,
    workflow, workflow_methods,
};

/// A client of the post office.
pub trait Post: Send + Sync {
    /// Hands a parcel over, once for each key, and gives its number.
    fn hand_over(&self, key: String) -> BoxFuture<'static, Result<u64, String>>;
}

/// How far somebody has travelled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journey {
    /// In hours.
    pub milestone: u64,
}

/// Carries parcels.
pub struct Courier {
    post: Arc<dyn Post>,
    falls: AtomicU32,
}

impl Courier {
    /// A courier who hands over parcels here.
    pub fn new(post: Arc<dyn Post>) -> Self {
        Self {
            post,
            falls: AtomicU32::new(0),
        }
    }
}

#[activities]
impl Courier {
    /// Travels so many hours, and heartbeats at every milestone.
    #[activity]
    pub async fn travel(ctx: ActivityContext, hours: u64) -> Result<u64, ActivityError> {
        let before = ctx.heartbeat_details().deserialize::<Journey>()?;
        let before = before.map_or(0, |journey| journey.milestone);
        for milestone in before + 1..=hours {
            for _ in 0..6 {
                tokio::time::sleep(Duration::from_secs(600)).await;
                ctx.record_heartbeat(Journey {
                    milestone: milestone - 1,
                })
                .await?;
            }
            ctx.record_heartbeat(Journey { milestone }).await?;
        }
        Ok(hours)
    }

    /// Takes so many milliseconds, and hands a parcel over.
    #[activity]
    pub async fn deliver(
        self: Arc<Self>,
        ctx: ActivityContext,
        millis: u64,
    ) -> Result<u64, ActivityError> {
        tokio::time::sleep(Duration::from_millis(millis)).await;
        let key = ctx.info().workflow_id.clone().unwrap_or_default();
        let patience = Duration::from_secs(15);
        let number = tokio::time::timeout(patience, self.post.hand_over(key)).await?;
        Ok(number.map_err(std::io::Error::other)?)
    }

    /// Waits until somebody comes, or until it is no use any more.
    #[activity]
    pub async fn wait_for_customer(ctx: ActivityContext) -> Result<i64, ActivityError> {
        let mut seconds = tokio::time::interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                biased;
                () = ctx.cancelled() => return Ok(-1),
                _ = seconds.tick() => ctx.record_heartbeat(()).await?,
            }
        }
    }

    /// Weighs so many parcels, on a thread of its own.
    #[activity]
    pub fn weigh(_ctx: ActivityContext, parcels: u64) -> Result<u64, ActivityError> {
        Ok((1..=parcels).sum())
    }

    /// Counts parcels, each by a task of its own.
    #[activity]
    pub async fn count(_ctx: ActivityContext, parcels: u64) -> Result<u64, ActivityError> {
        let counts = (0..parcels).map(|parcel| {
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(10 * parcel)).await;
                1
            })
        });
        let mut all = 0;
        for count in counts.collect::<Vec<_>>() {
            all += count.await?;
        }
        Ok(all)
    }

    /// Falls down at first.
    #[activity]
    pub async fn stumble(self: Arc<Self>, _ctx: ActivityContext) -> Result<u64, ActivityError> {
        let before = self.falls.fetch_add(1, Ordering::Relaxed);
        assert!(before > 0, "fallen down");
        Ok(2)
    }
}

/// What there is to do.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Task {
    /// See [`Courier::travel`].
    Travel(u64),
    /// See [`Courier::deliver`].
    Deliver(u64),
    /// See [`Courier::wait_for_customer`].
    WaitForCustomer,
    /// See [`Courier::weigh`].
    Weigh(u64),
    /// See [`Courier::count`].
    Count(u64),
    /// See [`Courier::stumble`].
    Stumble,
}

/// Does one task.
#[workflow]
#[derive(Default)]
pub struct Round;

#[workflow_methods]
impl Round {
    /// What comes of it.
    #[run(name = "round")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, task: Task) -> WorkflowResult<i64> {
        let options = || {
            ActivityOptions::with_start_to_close_timeout(Duration::from_secs(8 * 3600))
                .heartbeat_timeout(Duration::from_secs(900))
                .cancellation_type(ActivityCancellationType::WaitCancellationCompleted)
                .retry_policy(RetryPolicy::builder().build())
                .build()
        };
        let number = match task {
            Task::Travel(hours) => {
                ctx.execute_activity(Courier::travel, hours, options())
                    .await?
            }
            Task::Deliver(millis) => {
                ctx.execute_activity(Courier::deliver, millis, options())
                    .await?
            }
            Task::WaitForCustomer => {
                return Ok(ctx
                    .execute_activity(Courier::wait_for_customer, (), options())
                    .await?);
            }
            Task::Weigh(parcels) => {
                ctx.execute_activity(Courier::weigh, parcels, options())
                    .await?
            }
            Task::Count(parcels) => {
                ctx.execute_activity(Courier::count, parcels, options())
                    .await?
            }
            Task::Stumble => {
                ctx.execute_activity(Courier::stumble, (), options())
                    .await?
            }
        };
        Ok(i64::try_from(number).unwrap_or(i64::MAX))
    }
}
