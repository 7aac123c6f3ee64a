//! Money and stock are conserved: every ledger entry adds up to zero, and what each service has on its accounts is
//! what it began with and what the ledger moved.

use std::collections::BTreeMap;

use super::tally::Tally;
use crate::{cluster::ledger::Ledger, kernel::Time};

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct Conservation {
    /// Its count and findings.
    pub(crate) tally: Tally,
}

impl Default for Conservation {
    fn default() -> Self {
        Self {
            tally: Tally::new("conservation"),
        }
    }
}

/// A service's accounts before and after.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    /// The service.
    pub service: String,
    /// What it began with.
    pub opening: BTreeMap<String, i64>,
    /// What it has now.
    pub closing: BTreeMap<String, i64>,
}

impl Conservation {
    /// The run is over.
    pub(crate) fn finish(&mut self, at: Time, ledger: &Ledger, accounts: &[Accounts]) {
        let mut moved: BTreeMap<(String, String), i64> = BTreeMap::new();
        ledger.read(|entries| {
            for entry in entries.iter().filter(|entry| !entry.amounts.is_empty()) {
                let sum: i64 = entry.amounts.values().sum();
                self.tally.check(at, sum == 0, || {
                    format!(
                        "{} {} makes {sum} out of nothing",
                        entry.operation, entry.key
                    )
                });
                for (account, amount) in &entry.amounts {
                    let place = (entry.service.to_string(), account.clone());
                    *moved.entry(place).or_default() += amount;
                }
            }
        });
        for Accounts {
            service,
            opening,
            closing,
        } in accounts
        {
            for (account, has) in closing {
                let began = opening.get(account).copied().unwrap_or_default();
                let place = (service.clone(), account.clone());
                let due = began + moved.get(&place).copied().unwrap_or_default();
                self.tally.check(at, *has == due, || {
                    format!("{service} has {has} on {account}, by the ledger {due}")
                });
            }
        }
    }
}
