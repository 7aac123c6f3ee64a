//! Task tokens: what a worker gives back with its answer, so that a stale one is known.

use serde::{Deserialize, Serialize};

use crate::{
    effect::Rejection,
    ids::{Epoch, EventId, RunKey},
    message::TaskKind,
};

/// Names one start of one attempt of one task.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TaskToken {
    /// What kind of task.
    pub kind: TaskKind,
    /// Whose.
    pub run: RunKey,
    /// Its scheduled event.
    pub scheduled: EventId,
    /// Its started event; 0 for activities, whose start is written late.
    pub started: EventId,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// The shard's epoch when it was started.
    pub epoch: Epoch,
    /// The task's [`crate::workflow_task::WorkflowTask::stamp`]; 0 for activities.
    pub stamp: u32,
}

impl TaskToken {
    /// The bytes that go to the worker.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("tokens have no unserialisable parts")
    }

    /// Reads what came back from a worker.
    ///
    /// # Errors
    /// If it is not a token of the wanted kind.
    // temporal: service/frontend/workflow_handler.go, errDeserializingToken.
    pub fn decode(bytes: &[u8], kind: TaskKind) -> Result<Self, Rejection> {
        let bad = || Rejection::InvalidArgument("error deserializing task token".to_owned());
        let token: Self = postcard::from_bytes(bytes).map_err(|_| bad())?;
        if token.kind == kind {
            Ok(token)
        } else {
            Err(bad())
        }
    }
}
