//! The workflows of the shipped suites, written with Temporal's official Rust macros.
//!
//! Everything in this folder is ordinary user code: it depends on `temporalio-workflow` (and on
//! `temporalio-macros` for the activity signatures) and on nothing of Steadfast. The same source
//! files run in the simulator, on the embedded server, and in an official `temporalio-sdk` worker
//! against a real Temporal server (see `tests/interop`).
//!
//! | module | workflow type | what it shows |
//! |---|---|---|
//! | [`order_fulfillment`] | `orderFulfillment` | a saga with a cancel signal and a status query |
//! | [`subscription_trial`] | `subscriptionTrial` | timers over real days, a signal, a grace period |
//! | [`batch_fulfillment`] | `batchFulfillment` | children in parallel, each allowed to fail |
//! | [`money_transfer`] | `moneyTransfer` | withdraw, deposit, refund: compensation and cancellation |
//! | [`instant_transfer`] | `instantTransfer` | the same by local activities |
//! | [`long_poller`] | `longPoller` | a heartbeating activity and continue-as-new |
//! | [`shopping_cart`] | `shoppingCart` | updates with validators, update-with-start, an activity in a handler |
//! | [`patched_rollout`] | `customerNotice` | one type in two builds, joined by `patched()` |
//! | [`bad_deploy`] | `invoice` | one type in two builds, the first with a bug |
//! | [`feature_tour`] | `featureTour` | every other feature, as a list of steps |

pub mod activities;
pub mod bad_deploy;
pub mod batch_fulfillment;
pub mod feature_tour;
pub mod instant_transfer;
pub mod long_poller;
pub mod money_transfer;
pub mod order_fulfillment;
pub mod patched_rollout;
pub mod saga;
pub mod shopping_cart;
pub mod subscription_trial;
