//! Reads a source for as long as it is told to, in runs of bounded history.
//!
//! One activity reads a batch and heartbeats its cursor, so that a lost worker costs no more than
//! the items since the last heartbeat. After a few batches the workflow continues as new and
//! hands the cursor to its successor.

use std::{error::Error, time::Duration};

use serde::{Deserialize, Serialize};
use temporalio_workflow::{
    ActivityOptions, ContinueAsNewOptions, RetryPolicy, SyncWorkflowContext, TimerResult,
    WorkflowContext, WorkflowContextView, WorkflowResult, WorkflowTermination, workflow,
    workflow_methods,
};

use super::activities::{Poll, Source};

const BATCHES_PER_RUN: u32 = 3;
const MOST_ITEMS: u64 = 20;
const PAUSE: Duration = Duration::from_secs(1);

/// Input of the workflow; also what one run hands to the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Polling {
    /// Where to read.
    pub source: String,
    /// The first position not read yet.
    pub cursor: u64,
    /// Where to stop.
    pub until: u64,
    /// How many items one activity reads.
    pub batch: u64,
}

/// The workflow's state.
#[workflow]
#[derive(Debug)]
pub struct LongPoller {
    polling: Polling,
    stopped: bool,
}

#[workflow_methods]
impl LongPoller {
    /// Continues where the run before has stopped.
    #[init]
    pub fn new(_ctx: &WorkflowContextView, polling: Polling) -> Self {
        Self {
            polling,
            stopped: false,
        }
    }

    /// Returns the last cursor.
    #[run(name = "longPoller")]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<u64> {
        for batch in 1.. {
            read_batch(ctx).await?;
            if ctx.state(|s| s.stopped || s.polling.cursor >= s.polling.until) {
                break;
            }
            if batch == BATCHES_PER_RUN {
                let polling = ctx.state(|s| s.polling.clone());
                ctx.continue_as_new(polling, ContinueAsNewOptions::default())?;
            }
            if ctx.timer(PAUSE).await == TimerResult::Cancelled {
                return Err(WorkflowTermination::cancelled());
            }
        }
        Ok(ctx.state(|s| s.polling.cursor))
    }

    /// Stop after the batch at hand.
    #[signal(name = "stop")]
    pub fn stop(&mut self, _ctx: &mut SyncWorkflowContext<Self>) {
        self.stopped = true;
    }

    /// Only as much as one activity can read in time.
    #[update_validator(set_batch)]
    fn check_set_batch(
        &self,
        _ctx: &WorkflowContextView,
        batch: &u64,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        if (1..=MOST_ITEMS).contains(batch) {
            Ok(())
        } else {
            Err(format!("a batch has 1 to {MOST_ITEMS} items").into())
        }
    }

    /// From the next batch on, reads so many items at once. Returns how many it was.
    #[update(name = "setBatch")]
    pub fn set_batch(&mut self, _ctx: &mut SyncWorkflowContext<Self>, batch: u64) -> u64 {
        std::mem::replace(&mut self.polling.batch, batch)
    }

    /// How far it has read.
    #[query(name = "cursor")]
    pub fn cursor(&self, _ctx: &WorkflowContextView) -> u64 {
        self.polling.cursor
    }
}

async fn read_batch(ctx: &WorkflowContext<LongPoller>) -> Result<(), WorkflowTermination> {
    let Polling {
        source,
        cursor,
        until,
        batch,
    } = ctx.state(|s| s.polling.clone());
    let poll = Poll {
        source,
        cursor,
        limit: batch.min(until.saturating_sub(cursor)),
    };
    let cursor = ctx.execute_activity(Source::poll, poll, options()).await?;
    ctx.state_mut(|s| s.polling.cursor = cursor);
    Ok(())
}

fn options() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(Duration::from_secs(600))
        .heartbeat_timeout(Duration::from_secs(2))
        .retry_policy(
            RetryPolicy::builder()
                .maximum_interval(Duration::from_secs(10))
                .build(),
        )
        .build()
}
