//! A bank: money leaves an account for transit, and reaches another from there.

use std::collections::BTreeMap;

use serde_json::Value;
use steadfast_sim::{
    cluster::{
        ActivityContext, ActivityError, Book, Service, ServiceCall, ServiceError, ServiceResult,
        answer,
    },
    suite::{ServiceDeclaration, Suite},
};

use super::{Done, too_late, unknown};
use crate::workflows::activities::{Posting, Undo};

/// The bank's books.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    balances: BTreeMap<String, i64>,
    done: Done,
    postings: u64,
}

/// Money between two accounts.
const TRANSIT: &str = "transit";

impl Accounts {
    /// A bank with the accounts that the scenario's `state` names: `{ "<account>" = <cents> }`.
    ///
    /// # Errors
    /// If an amount is no whole number.
    pub fn opened(state: &Value) -> Result<Self, String> {
        let mut bank = Self::default();
        bank.balances.insert(TRANSIT.to_owned(), 0);
        for (account, cents) in state.as_object().into_iter().flatten() {
            let cents = cents
                .as_i64()
                .ok_or_else(|| format!("`{account}` must be a whole number, not {cents}"))?;
            bank.balances.insert(account.clone(), cents);
        }
        Ok(bank)
    }

    fn post(&mut self, call: &ServiceCall, book: &mut Book<'_>, withdraw: bool) -> ServiceResult {
        if self.done.was_undone(call) {
            book.read();
            return Err(too_late());
        }
        if let Some(before) = self.done.again(call) {
            book.read();
            return before;
        }
        let posting: Posting = call.input()?;
        let amount = i64::try_from(posting.amount.0).unwrap_or(i64::MAX);
        let account = posting.account.as_str();
        let Some(balance) = self.balances.get(account).copied() else {
            book.read();
            return Err(ServiceError::fatal("AccountClosed", account));
        };
        if withdraw && balance < amount {
            book.read();
            return Err(ServiceError::fatal("InsufficientFunds", account));
        }
        let amount = if withdraw { -amount } else { amount };
        self.add(account, amount);
        self.add(TRANSIT, -amount);
        let entry = book.forward([(account, amount), (TRANSIT, -amount)]);
        self.postings += 1;
        let reference = answer(&format!("posting-{}", self.postings))?;
        self.done.remember(call, &reference, Some(entry));
        Ok(reference)
    }

    fn take_back(&mut self, call: &ServiceCall, book: &mut Book<'_>) -> ServiceResult {
        if let Some(before) = self.done.again(call) {
            book.read();
            return before;
        }
        let undo: Undo = call.input()?;
        let entry = match self.done.undo(&undo.undoes) {
            Some(entry) => {
                for (account, amount) in book.amounts_of(entry) {
                    self.add(&account, -amount);
                }
                book.revert(entry)
            }
            None => book.read(),
        };
        let nothing = answer(&())?;
        self.done.remember(call, &nothing, Some(entry));
        Ok(nothing)
    }

    fn add(&mut self, account: &str, amount: i64) {
        *self.balances.entry(account.to_owned()).or_default() += amount;
    }
}

impl Service for Accounts {
    fn handle(&mut self, call: &ServiceCall, book: &mut Book<'_>) -> ServiceResult {
        match call.operation.as_str() {
            "withdraw" => self.post(call, book, true),
            "deposit" => self.post(call, book, false),
            "refund" | "reverse" => self.take_back(call, book),
            _ => Err(unknown(call)),
        }
    }

    fn balances(&self) -> BTreeMap<String, i64> {
        self.balances.clone()
    }
}

async fn post(
    ctx: ActivityContext,
    operation: &'static str,
    posting: Posting,
) -> Result<String, ActivityError> {
    let reference = ctx
        .call("accounts", operation, &posting.key, &posting)
        .await?;
    Ok(reference)
}

async fn take_back(
    ctx: ActivityContext,
    operation: &'static str,
    undo: Undo,
) -> Result<(), ActivityError> {
    ctx.call::<_, ()>("accounts", operation, &undo.key, &undo)
        .await?;
    Ok(())
}

/// Registers the service `accounts`, and the activities of [`crate::workflows::activities::Bank`].
#[must_use]
pub fn register(suite: Suite) -> Suite {
    let service = ServiceDeclaration::new(Accounts::opened)
        .compensates("withdraw", "refund")
        .compensates("deposit", "reverse")
        .at_most_once("withdraw")
        .at_most_once("deposit");
    suite
        .service("accounts", service)
        .activity("withdraw", |ctx, posting| post(ctx, "withdraw", posting))
        .activity("deposit", |ctx, posting| post(ctx, "deposit", posting))
        .activity("refundWithdrawal", |ctx, undo| {
            take_back(ctx, "refund", undo)
        })
        .activity("reverseDeposit", |ctx, undo| {
            take_back(ctx, "reverse", undo)
        })
}
