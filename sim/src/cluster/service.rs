//! Services of the outside world: payment, inventory, mail and their like, written by the suite's author.
//!
//! A [`Service`] is a state machine with durable state. Its node may be slow, refuse, crash and restart; it does one
//! request at a time, and state, ledger and answer become durable together. An answer that gets lost after that is
//! what makes "done but unanswered".

use std::{collections::BTreeMap, rc::Rc};

use serde::{Serialize, de::DeserializeOwned};

use super::{
    ledger::{EntryId, EntryKind, Ledger, LedgerEntry},
    wire::{ServiceCall, ServiceError},
};
use crate::kernel::Time;

/// What a service answers: JSON, or why not.
pub type ServiceResult = Result<Vec<u8>, ServiceError>;

/// A service of the outside world. Whether a repeated key is done twice is up to its author.
pub trait Service {
    /// Does what is asked and writes what happened into the book.
    fn handle(&mut self, call: &ServiceCall, book: &mut Book<'_>) -> ServiceResult;

    /// What is on each account now, and `None` for accounts outside of this service. Checkers compare it with
    /// [`Service::opening`] and the ledger.
    fn balances(&self) -> BTreeMap<String, i64> {
        BTreeMap::new()
    }
}

impl ServiceCall {
    /// The request, decoded.
    ///
    /// # Errors
    /// If the body is not what the service expects.
    pub fn input<T: DeserializeOwned>(&self) -> Result<T, ServiceError> {
        serde_json::from_slice(&self.body)
            .map_err(|error| ServiceError::fatal("BadRequest", error.to_string()))
    }
}

/// An answer as JSON.
///
/// # Errors
/// If the value has no JSON form.
pub fn answer<T: Serialize>(value: &T) -> ServiceResult {
    serde_json::to_vec(value).map_err(|error| ServiceError::fatal("BadAnswer", error.to_string()))
}

impl ServiceError {
    /// A refusal that would be the same every time.
    pub fn fatal(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            message: message.into(),
            fatal: true,
        }
    }

    /// A refusal that may be different next time.
    pub fn transient(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            message: message.into(),
            fatal: false,
        }
    }
}

/// The page of the ledger that a service writes on while it handles one request.
#[derive(Debug)]
pub struct Book<'a> {
    pub(crate) ledger: &'a Ledger,
    pub(crate) service: &'a Rc<str>,
    pub(crate) call: &'a ServiceCall,
    pub(crate) now: Time,
}

impl Book<'_> {
    /// Something changed; what it moved adds up to zero.
    pub fn forward<const N: usize>(&mut self, amounts: [(&str, i64); N]) -> EntryId {
        self.write(EntryKind::Forward, &amounts)
    }

    /// An earlier entry was taken back.
    pub fn compensate<const N: usize>(
        &mut self,
        undoes: EntryId,
        amounts: [(&str, i64); N],
    ) -> EntryId {
        self.write(EntryKind::Compensates(undoes), &amounts)
    }

    /// Nothing changed.
    pub fn read(&mut self) -> EntryId {
        self.write(EntryKind::Read, &[])
    }

    /// An earlier entry, for instance to move back what it moved.
    #[must_use]
    pub fn amounts_of(&self, entry: EntryId) -> BTreeMap<String, i64> {
        let place = usize::try_from(entry.0 - 1).unwrap_or(usize::MAX);
        self.ledger.read(|entries| {
            entries
                .get(place)
                .map(|entry| entry.amounts.clone())
                .unwrap_or_default()
        })
    }

    /// An earlier entry was taken back, with everything that it moved.
    pub fn revert(&mut self, undoes: EntryId) -> EntryId {
        let amounts = self.amounts_of(undoes);
        let back: Vec<(&str, i64)> = amounts
            .iter()
            .map(|(account, amount)| (account.as_str(), -amount))
            .collect();
        self.write(EntryKind::Compensates(undoes), &back)
    }

    /// Writes an entry whose accounts are known only at run time.
    pub fn write(&mut self, kind: EntryKind, amounts: &[(&str, i64)]) -> EntryId {
        let mut sums = BTreeMap::new();
        for (account, amount) in amounts {
            *sums.entry((*account).to_owned()).or_insert(0) += amount;
        }
        self.ledger.add(|id| LedgerEntry {
            id,
            service: Rc::clone(self.service),
            operation: self.call.operation.clone(),
            key: self.call.key.clone(),
            workflow: self.call.workflow.clone(),
            attempt: self.call.attempt,
            kind,
            amounts: sums,
            time: self.now,
        })
    }
}
