//! A payment provider with a bug.

use std::collections::BTreeMap;

use steadfast_sim::cluster::{Book, EntryId, Service, ServiceCall, ServiceResult, answer};

use crate::{
    services::unknown,
    workflows::activities::{Charge, Undo},
};

/// Which bug it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    ChargesAgain,
    RefundsAgain,
    MakesMoney,
}

/// See the module documentation.
#[derive(Clone, Debug)]
pub(super) struct Careless {
    fault: Fault,
    balances: BTreeMap<String, i64>,
    /// What each key has charged; gone once it is refunded, if the provider is careful there.
    charges: BTreeMap<String, EntryId>,
    undone: BTreeMap<String, ()>,
}

impl Careless {
    fn new(fault: Fault) -> Self {
        Self {
            fault,
            balances: BTreeMap::new(),
            charges: BTreeMap::new(),
            undone: BTreeMap::new(),
        }
    }

    pub(super) fn charging_again() -> Self {
        Self::new(Fault::ChargesAgain)
    }

    pub(super) fn refunding_again() -> Self {
        Self::new(Fault::RefundsAgain)
    }

    pub(super) fn making_money() -> Self {
        Self::new(Fault::MakesMoney)
    }

    fn charge(&mut self, call: &ServiceCall, book: &mut Book<'_>) -> ServiceResult {
        let known = self.charges.contains_key(&call.key) || self.undone.contains_key(&call.key);
        if known && self.fault != Fault::ChargesAgain {
            book.read();
            return answer(&format!("payment of {}", call.key));
        }
        let charge: Charge = call.input()?;
        let amount = i64::try_from(charge.amount.0).unwrap_or(i64::MAX);
        let gain = amount + i64::from(self.fault == Fault::MakesMoney);
        let customer = format!("customer:{}", charge.order_id);
        *self.balances.entry(customer.clone()).or_default() -= amount;
        *self.balances.entry("merchant".to_owned()).or_default() += gain;
        let entry = book.forward([(&*customer, -amount), ("merchant", gain)]);
        self.charges.insert(call.key.clone(), entry);
        answer(&format!("payment of {}", call.key))
    }

    fn refund(&mut self, call: &ServiceCall, book: &mut Book<'_>) -> ServiceResult {
        let undo: Undo = call.input()?;
        self.undone.insert(undo.undoes.clone(), ());
        let entry = match self.fault {
            Fault::RefundsAgain => self.charges.get(&undo.undoes).copied(),
            Fault::ChargesAgain | Fault::MakesMoney => self.charges.remove(&undo.undoes),
        };
        match entry {
            Some(entry) => {
                for (account, amount) in book.amounts_of(entry) {
                    *self.balances.entry(account).or_default() -= amount;
                }
                book.revert(entry);
            }
            None => {
                book.read();
            }
        }
        answer(&())
    }
}

impl Service for Careless {
    fn handle(&mut self, call: &ServiceCall, book: &mut Book<'_>) -> ServiceResult {
        match call.operation.as_str() {
            "charge" => self.charge(call, book),
            "refund" => self.refund(call, book),
            _ => Err(unknown(call)),
        }
    }

    fn balances(&self) -> BTreeMap<String, i64> {
        self.balances.clone()
    }
}
