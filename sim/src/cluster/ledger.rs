//! The effect ledger: what really happened in the outside world, whatever anybody believes.
//!
//! It survives every crash, because the outside world does. Services write to it in the same breath as they change
//! their state; checkers read it.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use crate::kernel::Time;

/// Names an entry: entries are numbered from 1 in the order in which things happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub u64);

/// What an entry did to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// It changed something.
    Forward,
    /// It took another entry back.
    Compensates(EntryId),
    /// It changed nothing: a question, a repeated key, a refusal.
    Read,
}

/// One thing that happened at a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerEntry {
    /// Its number.
    pub id: EntryId,
    /// Where.
    pub service: Rc<str>,
    /// What was asked for.
    pub operation: String,
    /// The idempotency key that came with it.
    pub key: String,
    /// The workflow on whose behalf.
    pub workflow: String,
    /// The attempt of the activity that asked.
    pub attempt: u32,
    /// What it did.
    pub kind: EntryKind,
    /// What it moved, by account. Money and stock are never made or lost, so these add up to zero.
    pub amounts: BTreeMap<String, i64>,
    /// When, by the true clock.
    pub time: Time,
}

/// All entries of a world.
#[derive(Clone, Debug, Default)]
pub struct Ledger(Rc<RefCell<Vec<LedgerEntry>>>);

impl Ledger {
    /// Adds an entry and gives it its number.
    pub(crate) fn add(&self, entry: impl FnOnce(EntryId) -> LedgerEntry) -> EntryId {
        let mut entries = self.0.borrow_mut();
        let id = EntryId(entries.len() as u64 + 1);
        entries.push(entry(id));
        id
    }

    /// Reads all entries in order.
    pub fn read<R>(&self, read: impl FnOnce(&[LedgerEntry]) -> R) -> R {
        read(&self.0.borrow())
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.borrow().len()
    }

    /// Whether nothing has happened yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
