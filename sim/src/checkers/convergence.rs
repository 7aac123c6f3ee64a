//! Convergence: once the storm is over and everything healed and restarted, all that was begun ends within a bound.

use super::tally::Tally;
use crate::kernel::Time;

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct Convergence {
    /// Its count and findings.
    pub(crate) tally: Tally,
}

impl Default for Convergence {
    fn default() -> Self {
        Self {
            tally: Tally::new("convergence"),
        }
    }
}

impl Convergence {
    /// The calm has lasted for as long as it may; `unfinished` names what has not ended.
    pub(crate) fn finish(&mut self, at: Time, begun: u64, unfinished: &[String]) {
        if begun == 0 {
            return;
        }
        self.tally.check(at, unfinished.is_empty(), || {
            format!("not ended in the calm: {}", unfinished.join(", "))
        });
    }
}
