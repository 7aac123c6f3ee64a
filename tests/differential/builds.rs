//! What each build of the worker registers.

use steadfast_replay::Registry;
use steadfast_scenarios::workflows::{
    bad_deploy, batch_fulfillment::BatchFulfillment, feature_tour::FeatureTour,
    long_poller::LongPoller, money_transfer::MoneyTransfer, order_fulfillment::OrderFulfillment,
    patched_rollout, subscription_trial::SubscriptionTrial,
};

use crate::recipe::{Build, Case, Step};

pub(crate) fn registry(build: Build) -> Registry {
    let mut registry = Registry::default();
    registry
        .register::<OrderFulfillment>()
        .register::<SubscriptionTrial>()
        .register::<BatchFulfillment>()
        .register::<MoneyTransfer>()
        .register::<LongPoller>()
        .register::<FeatureTour>();
    match build {
        Build::Old => registry
            .register::<patched_rollout::before::CustomerNotice>()
            .register::<bad_deploy::broken::Billing>(),
        Build::Current => registry
            .register::<patched_rollout::during::CustomerNotice>()
            .register::<bad_deploy::fixed::Billing>(),
        Build::Next => registry
            .register::<patched_rollout::after::CustomerNotice>()
            .register::<bad_deploy::fixed::Billing>(),
    };
    registry
}

/// The build that ends the case: the one that its histories are replayed with.
pub(crate) fn last(case: &Case) -> Build {
    let deployed = case.steps.iter().rev().find_map(|step| match step {
        Step::Deploy(build) => Some(*build),
        _ => None,
    });
    deployed.unwrap_or(case.build)
}
