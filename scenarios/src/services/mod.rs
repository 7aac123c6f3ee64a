//! The outside world of the shipped suites: services with durable state, and the activities that call them.
//!
//! | service | operations | accounts |
//! |---|---|---|
//! | [`payment`] | `charge`, `refund` | `customer:<order>`, `merchant` |
//! | [`inventory`] | `reserve`, `release` | `stock:<sku>`, `reserved:<sku>` |
//! | [`shipping`] | `label`, `void` | – |
//! | [`email`] | `send` | – |
//! | [`accounts`] | `withdraw`, `deposit`, `refund`, `reverse` | every account, and `transit` |
//! | [`subscriptions`] | `activate`, `deactivate` | – |
//! | [`source`] | `read` | – |
//! | [`risk`] | `assess` | – |
//!
//! Every service that changes something remembers what it answered to each key ([`Done`]): a repeated key is the
//! question "what did you answer last time?". That is the author's duty, and the simulator checks it.

pub mod accounts;
pub mod email;
pub mod inventory;
pub mod payment;
pub mod risk;
pub mod shipping;
pub mod source;
pub mod subscriptions;
pub mod tour;

use std::collections::BTreeMap;

use steadfast_sim::{
    cluster::{EntryId, ServiceCall, ServiceError, ServiceResult},
    suite::Suite,
};

/// What a service answered to each key, and the ledger entry of it if it changed something.
#[derive(Clone, Debug, Default)]
pub struct Done {
    by_key: BTreeMap<String, Answered>,
}

#[derive(Clone, Debug)]
struct Answered {
    answer: Vec<u8>,
    entry: Option<EntryId>,
}

impl Done {
    /// The answer that this key got before.
    #[must_use]
    pub fn again(&self, call: &ServiceCall) -> Option<ServiceResult> {
        self.by_key
            .get(&call.key)
            .map(|done| Ok(done.answer.clone()))
    }

    /// Remembers an answer.
    pub fn remember(&mut self, call: &ServiceCall, answer: &[u8], entry: Option<EntryId>) {
        let answered = Answered {
            answer: answer.to_vec(),
            entry,
        };
        self.by_key.insert(call.key.clone(), answered);
    }

    /// Takes a step back whose key is `undoes`: the entry that it made, if it was ever done and changed something.
    /// A step that has not come yet is refused when it comes.
    pub fn undo(&mut self, undoes: &str) -> Option<EntryId> {
        let refused = Answered {
            answer: Vec::new(),
            entry: None,
        };
        let before = self.by_key.entry(undoes.to_owned()).or_insert(refused);
        before.entry.take()
    }

    /// Whether a step was taken back before it came.
    #[must_use]
    pub fn was_undone(&self, call: &ServiceCall) -> bool {
        self.by_key
            .get(&call.key)
            .is_some_and(|done| done.answer.is_empty())
    }
}

/// What a step is told that comes after its own compensation.
#[must_use]
pub fn too_late() -> ServiceError {
    ServiceError::fatal("TakenBack", "this step was taken back before it came")
}

/// What a service says to an operation that it does not know.
#[must_use]
pub fn unknown(call: &ServiceCall) -> ServiceError {
    ServiceError::fatal("UnknownOperation", call.operation.clone())
}

/// Registers all services and all activities.
#[must_use]
pub fn register(suite: Suite) -> Suite {
    let all = [
        payment::register,
        inventory::register,
        shipping::register,
        email::register,
        accounts::register,
        subscriptions::register,
        source::register,
        risk::register,
        tour::register,
    ];
    all.into_iter()
        .fold(suite, |suite, register| register(suite))
}
