//! The payment provider: money moves from a customer to the merchant, and back.

use std::collections::BTreeMap;

use serde_json::Value;
use steadfast_sim::{
    cluster::{ActivityContext, Book, Service, ServiceCall, ServiceResult, answer},
    suite::{ServiceDeclaration, Suite},
};

use super::{Done, too_late, unknown};
use crate::workflows::activities::{Charge, Undo};

/// The provider's books.
#[derive(Clone, Debug, Default)]
pub struct Payment {
    balances: BTreeMap<String, i64>,
    done: Done,
    payments: u64,
}

impl Payment {
    fn charge(&mut self, call: &ServiceCall, book: &mut Book<'_>) -> ServiceResult {
        if self.done.was_undone(call) {
            book.read();
            return Err(too_late());
        }
        if let Some(before) = self.done.again(call) {
            book.read();
            return before;
        }
        let charge: Charge = call.input()?;
        let amount = i64::try_from(charge.amount.0).unwrap_or(i64::MAX);
        let customer = format!("customer:{}", charge.order_id);
        self.move_money(&customer, "merchant", amount);
        let entry = book.forward([(&*customer, -amount), ("merchant", amount)]);
        self.payments += 1;
        let payment = answer(&format!("payment-{}", self.payments))?;
        self.done.remember(call, &payment, Some(entry));
        Ok(payment)
    }

    fn refund(&mut self, call: &ServiceCall, book: &mut Book<'_>) -> ServiceResult {
        if let Some(before) = self.done.again(call) {
            book.read();
            return before;
        }
        let undo: Undo = call.input()?;
        let entry = match self.done.undo(&undo.undoes) {
            Some(entry) => {
                for (account, amount) in book.amounts_of(entry) {
                    *self.balances.entry(account).or_default() -= amount;
                }
                book.revert(entry)
            }
            None => book.read(),
        };
        let nothing = answer(&())?;
        self.done.remember(call, &nothing, Some(entry));
        Ok(nothing)
    }

    fn move_money(&mut self, from: &str, to: &str, amount: i64) {
        *self.balances.entry(from.to_owned()).or_default() -= amount;
        *self.balances.entry(to.to_owned()).or_default() += amount;
    }
}

impl Service for Payment {
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

/// Registers the service `payment`, and the activities `chargePayment` and `refundPayment`.
#[must_use]
pub fn register(suite: Suite) -> Suite {
    suite
        .service("payment", declaration(|_| Ok(Payment::default())))
        .activity(
            "chargePayment",
            |ctx: ActivityContext, charge: Charge| async move {
                let payment: String = ctx.call("payment", "charge", &charge.key, &charge).await?;
                Ok(payment)
            },
        )
        .activity(
            "refundPayment",
            |ctx: ActivityContext, undo: Undo| async move {
                ctx.call::<_, ()>("payment", "refund", &undo.key, &undo)
                    .await?;
                Ok(())
            },
        )
}

/// What the provider promises, whoever implements it.
pub fn declaration<S, F>(make: F) -> ServiceDeclaration
where
    S: Service + 'static,
    F: Fn(&Value) -> Result<S, String> + Send + Sync + 'static,
{
    ServiceDeclaration::new(make)
        .compensates("charge", "refund")
        .at_most_once("charge")
}
