//! What the workflows ask of the outside world: activity signatures and their messages.
//!
//! An activity runs at least once per successful step: a worker may die after the service has
//! done the work and before anybody heard of it. So every message that changes something carries
//! an idempotency `key`, the same on every attempt and every replay, and the service behind it
//! must treat a repeated key as the question "what did you answer last time?".

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use temporalio_common::ActivityError;
use temporalio_macros::activity_definitions;

/// An amount of money in the smallest unit of its currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cents(pub u64);

/// One line of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// What is ordered.
    pub sku: String,
    /// How many of it.
    pub qty: u32,
}

/// Takes back what was done under another key.
///
/// Nobody knows for certain whether a step that timed out was carried out. The compensation is
/// sent all the same, so the service must accept an `undoes` it has never seen: it answers
/// success and remembers the key, so that a late arrival of that step is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Undo {
    /// Idempotency key of the compensation itself.
    pub key: String,
    /// Idempotency key of the step to take back.
    pub undoes: String,
}

/// Input of `reserveInventory`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reservation {
    /// Idempotency key.
    pub key: String,
    /// All of them or none.
    pub items: Vec<Item>,
}

/// Input of `chargePayment`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Charge {
    /// Idempotency key.
    pub key: String,
    /// The order that is paid.
    pub order_id: String,
    /// How much.
    pub amount: Cents,
}

/// Input of `generateShippingLabel`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shipment {
    /// Idempotency key.
    pub key: String,
    /// The order that is shipped.
    pub order_id: String,
    /// Where to; the address on file if absent.
    pub address: Option<String>,
}

/// Input of `sendEmail`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Email {
    /// Idempotency key: the same mail is not sent twice.
    pub key: String,
    /// Whom to.
    pub to: String,
    /// Which template.
    pub template: String,
    /// What to fill into it.
    pub vars: BTreeMap<String, String>,
}

/// Input of `activateSubscription`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Activation {
    /// Idempotency key.
    pub key: String,
    /// Whose account.
    pub user_id: String,
    /// Which plan.
    pub plan_id: String,
}

/// Input of `deactivateAccount`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deactivation {
    /// Idempotency key.
    pub key: String,
    /// Whose account.
    pub user_id: String,
}

/// Input of `withdraw` and `deposit`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Posting {
    /// Idempotency key.
    pub key: String,
    /// The account that is debited or credited.
    pub account: String,
    /// How much.
    pub amount: Cents,
}

/// Input of `pollSource`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Poll {
    /// Where to read.
    pub source: String,
    /// The first position not read yet.
    pub cursor: u64,
    /// How many items to read at most.
    pub limit: u64,
}

/// Input of `assessRisk`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RiskQuestion {
    /// Who is asked about.
    pub customer: String,
}

/// The warehouse.
#[derive(Debug)]
pub struct Inventory;

#[activity_definitions]
impl Inventory {
    /// Reserves all items, or none and answers `false` if one is out of stock.
    #[activity(name = "reserveInventory")]
    pub fn reserve(_: Reservation) -> Result<bool, ActivityError> {
        unimplemented!()
    }

    /// Puts reserved items back.
    #[activity(name = "releaseInventory")]
    pub fn release(_: Undo) -> Result<(), ActivityError> {
        unimplemented!()
    }
}

/// The payment provider.
#[derive(Debug)]
pub struct Payment;

#[activity_definitions]
impl Payment {
    /// Charges the customer and answers the payment's id.
    #[activity(name = "chargePayment")]
    pub fn charge(_: Charge) -> Result<String, ActivityError> {
        unimplemented!()
    }

    /// Gives the money of a charge back.
    #[activity(name = "refundPayment")]
    pub fn refund(_: Undo) -> Result<(), ActivityError> {
        unimplemented!()
    }
}

/// The carrier.
#[derive(Debug)]
pub struct Shipping;

#[activity_definitions]
impl Shipping {
    /// Buys a label and answers its tracking number. Slow, so it heartbeats.
    #[activity(name = "generateShippingLabel")]
    pub fn generate_label(_: Shipment) -> Result<String, ActivityError> {
        unimplemented!()
    }

    /// Voids a label that is not needed any more.
    #[activity(name = "cancelShippingLabel")]
    pub fn cancel_label(_: Undo) -> Result<(), ActivityError> {
        unimplemented!()
    }
}

/// The mail service.
#[derive(Debug)]
pub struct Mail;

#[activity_definitions]
impl Mail {
    /// Sends one mail.
    #[activity(name = "sendEmail")]
    pub fn send(_: Email) -> Result<(), ActivityError> {
        unimplemented!()
    }
}

/// The accounts of the customers.
#[derive(Debug)]
pub struct Accounts;

#[activity_definitions]
impl Accounts {
    /// Turns a trial into a paid subscription.
    #[activity(name = "activateSubscription")]
    pub fn activate(_: Activation) -> Result<(), ActivityError> {
        unimplemented!()
    }

    /// Closes the account of an expired trial.
    #[activity(name = "deactivateAccount")]
    pub fn deactivate(_: Deactivation) -> Result<(), ActivityError> {
        unimplemented!()
    }
}

/// A bank.
#[derive(Debug)]
pub struct Bank;

#[activity_definitions]
impl Bank {
    /// Debits an account and answers the posting's reference.
    #[activity(name = "withdraw")]
    pub fn withdraw(_: Posting) -> Result<String, ActivityError> {
        unimplemented!()
    }

    /// Credits an account and answers the posting's reference.
    #[activity(name = "deposit")]
    pub fn deposit(_: Posting) -> Result<String, ActivityError> {
        unimplemented!()
    }

    /// Takes a withdrawal back.
    #[activity(name = "refundWithdrawal")]
    pub fn refund_withdrawal(_: Undo) -> Result<(), ActivityError> {
        unimplemented!()
    }

    /// Takes a deposit back.
    #[activity(name = "reverseDeposit")]
    pub fn reverse_deposit(_: Undo) -> Result<(), ActivityError> {
        unimplemented!()
    }
}

/// Something that produces items over time.
#[derive(Debug)]
pub struct Source;

#[activity_definitions]
impl Source {
    /// Reads items one by one, heartbeats the cursor after each, and answers the last cursor.
    /// A retried attempt starts from the heartbeat of the one before.
    #[activity(name = "pollSource")]
    pub fn poll(_: Poll) -> Result<u64, ActivityError> {
        unimplemented!()
    }
}

/// The fraud department.
#[derive(Debug)]
pub struct Risk;

#[activity_definitions]
impl Risk {
    /// Answers whether the customer may be served.
    #[activity(name = "assessRisk")]
    pub fn assess(_: RiskQuestion) -> Result<bool, ActivityError> {
        unimplemented!()
    }
}

/// The activity of [`super::feature_tour`]: does whatever the experiment at hand needs.
#[derive(Debug)]
pub struct Tour;

#[activity_definitions]
impl Tour {
    /// Takes a label and answers text.
    #[activity(name = "work")]
    pub fn work(_: String) -> Result<String, ActivityError> {
        unimplemented!()
    }
}
