//! Compensation: undo what was done, in reverse order.

use std::{future::Future, pin::Pin, time::Duration};

use temporalio_workflow::{
    ActivityExecutionError, ActivityOptions, RetryPolicy, WorkflowCancellationToken,
    WorkflowContext, common::ActivityDefinition,
};

use super::activities::Undo;

type Compensation = Pin<Box<dyn Future<Output = Result<(), ActivityExecutionError>>>>;

/// The compensations of one run, latest last.
pub struct Saga<W> {
    ctx: WorkflowContext<W>,
    compensations: Vec<Compensation>,
}

impl<W> std::fmt::Debug for Saga<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Saga")
            .field("compensations", &self.compensations.len())
            .finish()
    }
}

impl<W: 'static> Saga<W> {
    /// Starts with nothing to undo.
    #[must_use]
    pub fn new(ctx: &WorkflowContext<W>) -> Self {
        Self {
            ctx: ctx.clone(),
            compensations: Vec::new(),
        }
    }

    /// Registers `undo` for `step` and returns the idempotency key to run the step with.
    ///
    /// Call it *before* the step: when the step fails by a timeout or is cancelled, the service
    /// may have done it all the same, and only the compensation, which names the step by its key,
    /// makes that certain.
    pub fn step<A>(&mut self, step: &str, undo: A) -> String
    where
        A: ActivityDefinition<Input = Undo, Output = ()> + 'static,
    {
        let key = key(&self.ctx, step);
        let input = Undo {
            key: format!("{key}/undo"),
            undoes: key.clone(),
        };
        let ctx = self.ctx.clone();
        self.compensations.push(Box::pin(async move {
            ctx.execute_activity(undo, input, compensation_options())
                .await
        }));
        key
    }

    /// Runs all compensations, latest first. One that fails for good does not stop the others;
    /// the first such failure is returned.
    pub async fn compensate(self) -> Result<(), ActivityExecutionError> {
        let mut result = Ok(());
        for compensation in self.compensations.into_iter().rev() {
            result = result.and(compensation.await);
        }
        result
    }
}

/// The idempotency key of a step: the same on every attempt and on every replay, and different
/// for every workflow. The id is enough, because none of these workflows is retried as a whole.
#[must_use]
pub fn key<W>(ctx: &WorkflowContext<W>, step: &str) -> String {
    format!("{}/{step}", ctx.workflow_id())
}

/// A compensation is tried until it succeeds, also after the workflow was cancelled.
fn compensation_options() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(Duration::from_secs(30))
        .retry_policy(
            RetryPolicy::builder()
                .initial_interval(Duration::from_secs(1))
                .maximum_interval(Duration::from_secs(30))
                .build(),
        )
        .cancellation_token(WorkflowCancellationToken::new())
        .build()
}
