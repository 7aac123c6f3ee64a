//! The official worker, one per case and build.

use std::{sync::Arc, time::Duration};

use temporalio_client::Client;
use temporalio_common::worker::WorkerDeploymentOptions;
use temporalio_sdk::{
    Runtime, Worker, WorkerOptions,
    runtime::PollerBehavior,
    workflow_replayer::{WorkflowReplayer, WorkflowReplayerOptions},
};
use tokio::task::JoinHandle;

use crate::{
    activities::Scripted,
    recipe::Build,
    workflows::{
        bad_deploy, batch_fulfillment::BatchFulfillment, feature_tour::FeatureTour,
        long_poller::LongPoller, money_transfer::MoneyTransfer,
        order_fulfillment::OrderFulfillment, patched_rollout,
        subscription_trial::SubscriptionTrial,
    },
};

/// Registers all workflows of a build on any builder that has the SDK's method for it.
macro_rules! register {
    ($builder:expr, $build:expr) => {{
        let builder = $builder
            .register_workflow::<OrderFulfillment>()?
            .register_workflow::<SubscriptionTrial>()?
            .register_workflow::<BatchFulfillment>()?
            .register_workflow::<MoneyTransfer>()?
            .register_workflow::<LongPoller>()?
            .register_workflow::<FeatureTour>()?;
        match $build {
            Build::Old => builder
                .register_workflow::<patched_rollout::before::CustomerNotice>()?
                .register_workflow::<bad_deploy::broken::Billing>()?,
            Build::Current => builder
                .register_workflow::<patched_rollout::during::CustomerNotice>()?
                .register_workflow::<bad_deploy::fixed::Billing>()?,
            Build::Next => builder
                .register_workflow::<patched_rollout::after::CustomerNotice>()?
                .register_workflow::<bad_deploy::fixed::Billing>()?,
        }
    }};
}

/// A worker that runs until it is stopped.
pub struct Running {
    stop: Box<dyn Fn()>,
    done: JoinHandle<()>,
}

impl Running {
    pub async fn stop(self) -> anyhow::Result<()> {
        (self.stop)();
        self.end().await
    }

    /// Runs on until something else ends it.
    pub async fn end(self) -> anyhow::Result<()> {
        Ok(self.done.await?)
    }
}

pub fn start(
    runtime: &Runtime,
    client: Client,
    queue: &str,
    build: Build,
    build_id: String,
    activities: Scripted,
) -> anyhow::Result<Running> {
    let options = register!(WorkerOptions::new(queue.to_owned()), build)
        .register_activities(activities)
        .workflow_task_poller_behavior(PollerBehavior::SimpleMaximum(2))
        .activity_task_poller_behavior(PollerBehavior::SimpleMaximum(2))
        .deployment_options(WorkerDeploymentOptions::from_build_id(build_id))
        .sticky_queue_schedule_to_start_timeout(Duration::from_secs(3))
        .client_identity_override(format!("worker of {queue}"))
        .build();
    let mut worker = Worker::new(runtime, client, options)?;
    let stop = Box::new(worker.shutdown_handle());
    let queue = queue.to_owned();
    let done = tokio::task::spawn_local(async move {
        if let Err(error) = worker.run().await {
            eprintln!("{queue}: worker ended: {error:#}");
        }
    });
    Ok(Running { stop, done })
}

/// The official replayer of one build.
pub fn replayer(build: Build) -> anyhow::Result<Arc<WorkflowReplayer>> {
    let options = register!(WorkflowReplayerOptions::new(), build).build();
    Ok(Arc::new(WorkflowReplayer::new(options)?))
}
