//! Every activity of the workflows, doing what the recipe says.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use temporalio_common::ActivityDefinition;
use temporalio_macros::activities;
use temporalio_sdk::{
    ApplicationFailure,
    activities::{ActivityContext, ActivityError},
};
use tokio::sync::watch;

use crate::{
    recipe::{Act, Case},
    workflows::activities::{
        Accounts, Activation, Bank, Charge, Deactivation, Email, Inventory, Mail, Payment, Poll,
        Posting, Reservation, Risk, RiskQuestion, Shipment, Shipping, Source, Tour, Undo,
    },
};

/// A gate: an activity arrives, a step opens.
#[derive(Debug)]
struct Gate {
    arrived: watch::Sender<bool>,
    open: watch::Sender<bool>,
}

/// The gates of one case; every gate that the recipe names exists.
#[derive(Clone, Debug, Default)]
pub struct Gates(Arc<BTreeMap<String, Gate>>);

impl Gates {
    pub fn of(case: &Case) -> Self {
        let acts = case.activities.values().flatten().flatten();
        let names = acts.filter_map(|act| match act {
            Act::Gate(name) => Some(name.clone()),
            _ => None,
        });
        let gate = || Gate {
            arrived: watch::channel(false).0,
            open: watch::channel(false).0,
        };
        Self(Arc::new(names.map(|name| (name, gate())).collect()))
    }

    pub async fn arrival(&self, name: &str) -> anyhow::Result<()> {
        self.0[name]
            .arrived
            .subscribe()
            .wait_for(|arrived| *arrived)
            .await?;
        Ok(())
    }

    pub fn open(&self, name: &str) {
        self.0[name].open.send_replace(true);
    }

    async fn pass(&self, name: &str) {
        let gate = &self.0[name];
        gate.arrived.send_replace(true);
        // The sender lives in `self`, so it cannot be gone.
        let _ = gate.open.subscribe().wait_for(|open| *open).await;
    }
}

/// The activities of one case.
#[derive(Debug)]
pub struct Scripted {
    case: Arc<Case>,
    defaults: Arc<BTreeMap<String, Vec<Act>>>,
    gates: Gates,
}

impl Scripted {
    pub fn new(case: Arc<Case>, defaults: Arc<BTreeMap<String, Vec<Act>>>, gates: Gates) -> Self {
        Self {
            case,
            defaults,
            gates,
        }
    }

    /// The script of this attempt: by activity id, by workflow id, by type, or the default.
    fn script(&self, ctx: &ActivityContext) -> Vec<Act> {
        let info = ctx.info();
        let kind = &info.activity_type;
        let workflow = info.workflow_id.as_deref().unwrap_or_default();
        let keys = [
            format!("{kind}/{}", info.activity_id),
            format!("{kind}@{workflow}"),
            kind.clone(),
        ];
        match keys.iter().find_map(|key| self.case.activities.get(key)) {
            Some(attempts) => attempts[attempts.len().min(info.attempt as usize) - 1].clone(),
            None => self.defaults[kind].clone(),
        }
    }

    async fn perform<I: Serialize, T: DeserializeOwned>(
        &self,
        ctx: ActivityContext,
        input: &I,
    ) -> Result<T, ActivityError> {
        let input = serde_json::to_value(input)?;
        for act in self.script(&ctx) {
            match act {
                Act::Heartbeat(details) => ctx.record_heartbeat(details).await?,
                Act::Sleep(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
                Act::Gate(name) => self.gates.pass(&name).await,
                Act::AwaitCancellation => await_cancellation(&ctx).await?,
                Act::Complete(value) => return Ok(serde_json::from_value(value)?),
                Act::Echo => return Ok(serde_json::from_value(input)?),
                Act::Advance => {
                    let [cursor, limit] = ["cursor", "limit"].map(|name| input[name].as_u64());
                    return Ok(serde_json::from_value(
                        cursor.zip(limit).map(|(a, b)| a + b).into(),
                    )?);
                }
                Act::CompleteWithHeartbeat => {
                    let value: Option<Value> = ctx.heartbeat_details().deserialize()?;
                    return Ok(serde_json::from_value(value.unwrap_or_default())?);
                }
                Act::Fail {
                    message,
                    r#type,
                    non_retryable,
                    next_retry_delay_ms,
                    details,
                } => {
                    let failure = ApplicationFailure::builder(message)
                        .type_name(r#type)
                        .non_retryable(non_retryable)
                        .maybe_next_retry_delay(next_retry_delay_ms.map(Duration::from_millis))
                        .maybe_details(details.map(temporalio_common::error::FailurePayloads::from))
                        .build();
                    return Err(ActivityError::application(failure));
                }
                Act::Cancelled(details) => {
                    return Err(ActivityError::cancelled_with_details(details));
                }
                Act::Async => return Err(ActivityError::WillCompleteAsync),
                Act::Hang => std::future::pending().await,
            }
        }
        Err(ActivityError::application(
            ApplicationFailure::non_retryable("script has no end"),
        ))
    }
}

async fn await_cancellation(ctx: &ActivityContext) -> Result<(), ActivityError> {
    while !ctx.is_cancelled() {
        ctx.record_heartbeat(Value::Null).await?;
        tokio::select! {
            () = ctx.cancelled() => {}
            () = tokio::time::sleep(Duration::from_millis(50)) => {}
        }
    }
    Ok(())
}

#[activities]
impl Scripted {
    #[activity(name = ActivityDefinition::name(&Inventory::reserve))]
    async fn reserve(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: Reservation,
    ) -> Result<bool, ActivityError> {
        self.perform(ctx, &input).await
    }

    #[activity(name = ActivityDefinition::name(&Inventory::release))]
    async fn release(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: Undo,
    ) -> Result<(), ActivityError> {
        self.perform(ctx, &input).await
    }

    #[activity(name = ActivityDefinition::name(&Payment::charge))]
    async fn charge(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: Charge,
    ) -> Result<String, ActivityError> {
        self.perform(ctx, &input).await
    }

    #[activity(name = ActivityDefinition::name(&Payment::refund))]
    async fn refund(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: Undo,
    ) -> Result<(), ActivityError> {
        self.perform(ctx, &input).await
    }

    #[activity(name = ActivityDefinition::name(&Shipping::generate_label))]
    async fn generate_label(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: Shipment,
    ) -> Result<String, ActivityError> {
        self.perform(ctx, &input).await
    }

    #[activity(name = ActivityDefinition::name(&Shipping::cancel_label))]
    async fn cancel_label(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: Undo,
    ) -> Result<(), ActivityError> {
        self.perform(ctx, &input).await
    }

    #[activity(name = ActivityDefinition::name(&Mail::send))]
    async fn send_email(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: Email,
    ) -> Result<(), ActivityError> {
        self.perform(ctx, &input).await
    }

    #[activity(name = ActivityDefinition::name(&Accounts::activate))]
    async fn activate(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: Activation,
    ) -> Result<(), ActivityError> {
        self.perform(ctx, &input).await
    }

    #[activity(name = ActivityDefinition::name(&Accounts::deactivate))]
    async fn deactivate(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: Deactivation,
    ) -> Result<(), ActivityError> {
        self.perform(ctx, &input).await
    }

    #[activity(name = ActivityDefinition::name(&Bank::withdraw))]
    async fn withdraw(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: Posting,
    ) -> Result<String, ActivityError> {
        self.perform(ctx, &input).await
    }

    #[activity(name = ActivityDefinition::name(&Bank::deposit))]
    async fn deposit(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: Posting,
    ) -> Result<String, ActivityError> {
        self.perform(ctx, &input).await
    }

    #[activity(name = ActivityDefinition::name(&Bank::refund_withdrawal))]
    async fn refund_withdrawal(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: Undo,
    ) -> Result<(), ActivityError> {
        self.perform(ctx, &input).await
    }

    #[activity(name = ActivityDefinition::name(&Bank::reverse_deposit))]
    async fn reverse_deposit(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: Undo,
    ) -> Result<(), ActivityError> {
        self.perform(ctx, &input).await
    }

    #[activity(name = ActivityDefinition::name(&Source::poll))]
    async fn poll(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: Poll,
    ) -> Result<u64, ActivityError> {
        self.perform(ctx, &input).await
    }

    #[activity(name = ActivityDefinition::name(&Risk::assess))]
    async fn assess(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: RiskQuestion,
    ) -> Result<bool, ActivityError> {
        self.perform(ctx, &input).await
    }

    #[activity(name = ActivityDefinition::name(&Tour::work))]
    async fn work(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: String,
    ) -> Result<String, ActivityError> {
        self.perform(ctx, &input).await
    }
}
