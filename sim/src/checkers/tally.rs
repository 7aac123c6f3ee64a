//! How often a checker had something to check, and what it found.

use steadfast_core::RunKey;

use crate::kernel::Time;

/// An invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The checker that says so.
    pub checker: &'static str,
    /// When, by the true clock.
    pub at: Time,
    /// The trace's event at which it was found; 0 for what was found at the end.
    pub seq: u64,
    /// What is wrong, in a sentence.
    pub message: String,
}

/// One checker's count and findings.
#[derive(Debug)]
pub struct Tally {
    name: &'static str,
    checked: u64,
    violations: Vec<Violation>,
}

/// Findings that one checker keeps in one run; more say nothing new.
const MOST: usize = 8;

impl Tally {
    /// Of a checker with this name.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            checked: 0,
            violations: Vec::new(),
        }
    }

    /// The checker's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// How often it had something to check.
    #[must_use]
    pub const fn checked(&self) -> u64 {
        self.checked
    }

    /// What it found.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// Counts a check, and says what is wrong if it does not hold.
    #[inline]
    pub fn check(&mut self, at: Time, holds: bool, say: impl FnOnce() -> String) {
        self.checked += 1;
        if !holds {
            self.broken(at, say());
        }
    }

    /// What has been found since the last event was found at this event of the trace.
    pub fn mark(&mut self, seq: u64) {
        let new = self.violations.iter_mut().rev();
        for violation in new.take_while(|violation| violation.seq == 0) {
            violation.seq = seq;
        }
    }

    #[cold]
    fn broken(&mut self, at: Time, message: String) {
        if self.violations.len() < MOST {
            self.violations.push(Violation {
                checker: self.name,
                at,
                seq: 0,
                message,
            });
        }
    }
}

/// A run as messages name it.
pub(super) fn named(run: &RunKey) -> String {
    let id = run.run_id.as_str();
    let short = id.get(..8).unwrap_or(id);
    format!("{} ({short})", run.execution.workflow_id)
}
