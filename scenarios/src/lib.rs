//! The shipped suites: workflows, the outside world they act on, and the scenario files.
//!
//! Everything is registered as a user's own crate would do it: [`suite`] is what `steadfast::main` is given.

#[expect(
    missing_debug_implementations,
    reason = "the official macros generate marker types without it"
)]
pub mod sabotage;
pub mod services;
#[expect(
    missing_debug_implementations,
    reason = "the official macros generate marker types without it"
)]
pub mod workflows;

use steadfast_sim::{
    checkers::{Closing, Outcome},
    cluster::decode,
    suite::Suite,
};

use crate::workflows::{
    bad_deploy,
    batch_fulfillment::BatchFulfillment,
    feature_tour::FeatureTour,
    instant_transfer::InstantTransfer,
    long_poller::LongPoller,
    money_transfer::MoneyTransfer,
    order_fulfillment::{OrderFulfillment, OrderStatus},
    patched_rollout,
    shopping_cart::ShoppingCart,
    subscription_trial::SubscriptionTrial,
};

/// Everything that this crate registers.
#[must_use]
pub fn suite() -> Suite {
    let suite = Suite::new()
        .workflows(|registry| {
            registry
                .register::<OrderFulfillment>()
                .register::<SubscriptionTrial>()
                .register::<BatchFulfillment>()
                .register::<MoneyTransfer>()
                .register::<InstantTransfer>()
                .register::<LongPoller>()
                .register::<ShoppingCart>()
                .register::<FeatureTour>()
                .register::<patched_rollout::before::CustomerNotice>()
                .register::<bad_deploy::broken::Billing>();
        })
        .build("patched", |registry| {
            registry.register::<patched_rollout::during::CustomerNotice>();
        })
        .build("fixed", |registry| {
            registry.register::<bad_deploy::fixed::Billing>();
        })
        .judge("orderFulfillment", order_outcome);
    scenarios(sabotage::register(services::register(suite)))
}

/// An order that the customer cancelled completes, and everything is undone.
fn order_outcome(closing: &Closing<'_>) -> Outcome {
    let status = closing
        .result
        .and_then(|result| decode::<OrderStatus>(result).ok());
    match status {
        // Its step may be older than the signal; only a completed order was past the point of no return.
        Some(status) if status.cancelled && status.step != "completed" => Outcome::Compensated,
        _ => closing.by_status(),
    }
}

fn scenarios(suite: Suite) -> Suite {
    macro_rules! files {
        ($suite:expr, $($file:literal),* $(,)?) => {
            $suite$(.scenario($file, include_str!(concat!("../", $file))))*
        };
    }
    files!(
        suite,
        "order_fulfillment.toml",
        "order_cancelled.toml",
        "subscription_trial.toml",
        "batch_fulfillment.toml",
        "money_transfer.toml",
        "standing_order.toml",
        "long_poller.toml",
        "shopping_cart.toml",
        "patched_rollout.toml",
        "bad_deploy.toml",
        "noisy_neighbours.toml",
        "instant_transfer.toml",
        "feature_tour.toml",
    )
}
