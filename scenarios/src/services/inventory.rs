//! The warehouse: items move from stock to a reservation, and back.

use std::collections::BTreeMap;

use serde_json::Value;
use steadfast_sim::{
    cluster::{ActivityContext, Book, EntryKind, Service, ServiceCall, ServiceResult, answer},
    suite::{ServiceDeclaration, Suite},
};

use super::{Done, too_late, unknown};
use crate::workflows::activities::{Reservation, Undo};

/// What is on the shelves.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    balances: BTreeMap<String, i64>,
    done: Done,
}

impl Inventory {
    /// A warehouse with what the scenario's `state` says: `{ "<sku>" = <count> }`.
    ///
    /// # Errors
    /// If a count is no whole number.
    pub fn stocked(state: &Value) -> Result<Self, String> {
        let mut inventory = Self::default();
        let Some(items) = state.as_object() else {
            return Ok(inventory);
        };
        for (sku, count) in items {
            let count = count
                .as_i64()
                .ok_or_else(|| format!("`{sku}` must be a whole number, not {count}"))?;
            inventory.balances.insert(format!("stock:{sku}"), count);
            inventory.balances.insert(format!("reserved:{sku}"), 0);
        }
        Ok(inventory)
    }

    fn reserve(&mut self, call: &ServiceCall, book: &mut Book<'_>) -> ServiceResult {
        if self.done.was_undone(call) {
            book.read();
            return Err(too_late());
        }
        if let Some(before) = self.done.again(call) {
            book.read();
            return before;
        }
        let reservation: Reservation = call.input()?;
        let mut moved: Vec<(String, i64)> = Vec::new();
        for item in &reservation.items {
            let count = i64::from(item.qty);
            moved.push((format!("stock:{}", item.sku), -count));
            moved.push((format!("reserved:{}", item.sku), count));
        }
        let enough = moved.iter().all(|(account, amount)| {
            self.balances.get(account).copied().unwrap_or_default() + amount >= 0
        });
        let entry = if enough {
            for (account, amount) in &moved {
                *self.balances.entry(account.clone()).or_default() += amount;
            }
            let moved: Vec<(&str, i64)> = moved.iter().map(|(a, n)| (a.as_str(), *n)).collect();
            Some(book.write(EntryKind::Forward, &moved))
        } else {
            book.read();
            None
        };
        let said = answer(&enough)?;
        self.done.remember(call, &said, entry);
        Ok(said)
    }

    fn release(&mut self, call: &ServiceCall, book: &mut Book<'_>) -> ServiceResult {
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
}

impl Service for Inventory {
    fn handle(&mut self, call: &ServiceCall, book: &mut Book<'_>) -> ServiceResult {
        match call.operation.as_str() {
            "reserve" => self.reserve(call, book),
            "release" => self.release(call, book),
            _ => Err(unknown(call)),
        }
    }

    fn balances(&self) -> BTreeMap<String, i64> {
        self.balances.clone()
    }
}

/// Registers the service `inventory`, and the activities `reserveInventory` and `releaseInventory`.
#[must_use]
pub fn register(suite: Suite) -> Suite {
    let service = ServiceDeclaration::new(Inventory::stocked)
        .compensates("reserve", "release")
        .at_most_once("reserve");
    suite
        .service("inventory", service)
        .activity(
            "reserveInventory",
            |ctx: ActivityContext, reservation: Reservation| async move {
                let key = &reservation.key;
                let enough: bool = ctx.call("inventory", "reserve", key, &reservation).await?;
                Ok(enough)
            },
        )
        .activity(
            "releaseInventory",
            |ctx: ActivityContext, undo: Undo| async move {
                ctx.call::<_, ()>("inventory", "release", &undo.key, &undo)
                    .await?;
                Ok(())
            },
        )
}
