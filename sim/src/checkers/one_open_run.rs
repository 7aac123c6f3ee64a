//! At most one open run per workflow id, at every moment that can be seen.

use std::collections::{BTreeMap, BTreeSet};

use steadfast_core::{ExecutionKey, RunId, RunKey};
use steadfast_proto::temporal::api::history::v1::{HistoryEvent, history_event::Attributes};

use super::{facts::closes, tally::Tally};
use crate::kernel::Time;

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct OneOpenRun {
    /// Its count and findings.
    pub(crate) tally: Tally,
    open: BTreeMap<ExecutionKey, BTreeSet<RunId>>,
    /// Executions that the batch at hand has changed: inside one batch two runs may overlap.
    touched: Vec<ExecutionKey>,
}

impl Default for OneOpenRun {
    fn default() -> Self {
        Self {
            tally: Tally::new("one-open-run"),
            open: BTreeMap::new(),
            touched: Vec::new(),
        }
    }
}

impl OneOpenRun {
    /// The history of a run has grown.
    pub(crate) fn event(&mut self, run: &RunKey, event: &HistoryEvent) {
        let Some(attributes) = &event.attributes else {
            return;
        };
        if let Attributes::WorkflowExecutionStartedEventAttributes(_) = attributes {
            let open = self.open.entry(run.execution.clone()).or_default();
            open.insert(run.run_id.clone());
            self.touched.push(run.execution.clone());
        } else if closes(attributes).is_some()
            && let Some(open) = self.open.get_mut(&run.execution)
        {
            open.remove(&run.run_id);
        }
    }

    /// A batch is complete.
    pub(crate) fn batch_ended(&mut self, at: Time) {
        for key in self.touched.drain(..) {
            let open = self.open.get(&key).map_or(0, BTreeSet::len);
            self.tally.check(at, open <= 1, || {
                format!("{} has {open} open runs", key.workflow_id)
            });
        }
    }
}
