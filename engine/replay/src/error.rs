//! Why a history could not be replayed.

use steadfast_proto::temporal::api::failure::v1::Failure;
use thiserror::Error;

use crate::{
    host::Fault,
    nondeterminism::{Mismatch, NonDeterminism},
};

/// Why a history could not be replayed against the registered workflows.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The code does not do what the history says it did.
    #[error(transparent)]
    NonDeterminism(Box<NonDeterminism>),
    /// The history contradicts itself or Temporal's rules.
    #[error("invalid history at event {event_id}: {why}")]
    InvalidHistory {
        /// The event that gives it away; 0 if there is none.
        event_id: i64,
        /// What is wrong with it.
        why: String,
    },
    /// No workflow is registered under the history's workflow type.
    #[error("no workflow is registered as `{name}`; registered: {}", listed(.registered))]
    UnknownWorkflow {
        /// The workflow type in the history.
        name: String,
        /// The types that are registered.
        registered: Vec<String>,
    },
    /// The workflow code panicked, could not read its input, or waited for something outside the history.
    #[error("the workflow code failed its task at event {started_event_id}: {}", .failure.message)]
    TaskFailed {
        /// The task's `WorkflowTaskStarted` event.
        started_event_id: i64,
        /// What a worker would have reported.
        failure: Box<Failure>,
    },
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        "nothing".to_owned()
    } else {
        names.join(", ")
    }
}

/// Why the machines stopped. Boxed: errors are rare, results are everywhere.
#[derive(Debug)]
pub(crate) enum Trouble {
    Mismatch(Box<Mismatch>),
    Invalid { event_id: i64, why: String },
    Code(Box<Fault>),
}

impl Trouble {
    pub(crate) fn invalid(event_id: i64, why: impl Into<String>) -> Self {
        Self::Invalid {
            event_id,
            why: why.into(),
        }
    }
}

impl From<Mismatch> for Trouble {
    fn from(mismatch: Mismatch) -> Self {
        Self::Mismatch(Box::new(mismatch))
    }
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Code(Box::new(fault))
    }
}

pub(crate) type Result<T, E = Trouble> = std::result::Result<T, E>;
