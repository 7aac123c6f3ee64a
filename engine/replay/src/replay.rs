//! Replays a whole exported history against the registered code.

use serde::{Deserialize, Serialize};
use steadfast_proto::temporal::api::{
    enums::v1::EventType,
    history::v1::{History, HistoryEvent},
};

use crate::{
    error::{ReplayError, Trouble},
    feed::Feed,
    registry::Registry,
    run::{CachedRun, RunInit, started, unknown_workflow},
    validate::validate,
};

/// What a successful replay found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayReport {
    /// Workflow type.
    pub workflow_type: String,
    /// Workflow id.
    pub workflow_id: String,
    /// Run id: the original one, where the history names it.
    pub run_id: String,
    /// How many events the history has.
    pub events: usize,
    /// Whether the history ends with the event that closes the run.
    pub closed: bool,
    /// Stable hash of all commands that the code issued.
    pub digest: u64,
}

/// Replays `history` against the code registered for its workflow type.
///
/// As in the official replayer, commands that the code issues beyond the end of an open history are no error.
pub fn replay_history(registry: &Registry, history: &History) -> Result<ReplayReport, ReplayError> {
    let events = history.events.as_slice();
    validate(events)?;
    let Some(attributes) = started(events) else {
        let why = "the first event is not WorkflowExecutionStarted".to_owned();
        return Err(ReplayError::InvalidHistory { event_id: 1, why });
    };
    let workflow_type = attributes.workflow_type.clone().unwrap_or_default().name;
    if !registry.contains(&workflow_type) {
        return Err(unknown_workflow(registry, &workflow_type));
    }
    let task_queue = attributes
        .task_queue
        .as_ref()
        .map(|queue| queue.name.clone());
    let init = RunInit {
        // Exports do not name the namespace; it has no influence on what is compared.
        namespace: "default".to_owned(),
        workflow_id: attributes.workflow_id.clone(),
        run_id: attributes.original_execution_run_id.clone(),
        workflow_type,
        task_queue: task_queue.unwrap_or_default(),
        eager_activities: false,
    };
    let mut run = CachedRun::new(registry, init)?;
    let mut feed = Feed::new(events, 0);
    run.interpreter().begin(last_completed(events), Vec::new());
    if let Err(trouble) = run.catch_up(&mut feed) {
        return Err(error(trouble, &mut run, &feed));
    }
    run.interpreter().finish();
    let init = run.init();
    Ok(ReplayReport {
        workflow_type: init.workflow_type.clone(),
        workflow_id: init.workflow_id.clone(),
        run_id: init.run_id.clone(),
        events: events.len(),
        closed: run.is_closed(),
        digest: run.digest(),
    })
}

/// The start of the last completed workflow task: all up to there, and its commands, is repetition.
fn last_completed(events: &[HistoryEvent]) -> i64 {
    let mut backwards = events.iter().rev();
    let _completed = backwards
        .by_ref()
        .find(|event| event.event_type() == EventType::WorkflowTaskCompleted);
    let started = backwards.find(|event| event.event_type() == EventType::WorkflowTaskStarted);
    started.map_or(0, |event| event.event_id)
}

fn error(trouble: Trouble, run: &mut CachedRun, feed: &Feed<'_>) -> ReplayError {
    match trouble {
        Trouble::Invalid { event_id, why } => ReplayError::InvalidHistory { event_id, why },
        Trouble::Mismatch(mismatch) => {
            ReplayError::NonDeterminism(Box::new(run.report(*mismatch, feed)))
        }
        Trouble::Code(fault) => ReplayError::TaskFailed {
            started_event_id: run.interpreter().started_event_id,
            failure: fault.failure,
        },
    }
}
