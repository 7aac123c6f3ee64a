//! The pending workflow task of a run.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    ids::{EventId, RequestId, TaskQueueName},
    time::Timestamp,
};

/// Whether the task is in the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskType {
    /// Its events are written as they happen.
    Normal,
    /// A further attempt: its events are written only if it completes.
    Transient,
}

/// The pending workflow task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowTask {
    /// Whether it is in the history.
    pub kind: TaskType,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// Its scheduled event; for a transient task, the id that event will get.
    pub scheduled: EventId,
    /// When it was scheduled.
    pub scheduled_time: Timestamp,
    /// When the first of an unbroken row of heartbeating tasks was scheduled.
    pub original_scheduled_time: Timestamp,
    /// How long a worker may take, from its start.
    pub timeout: Duration,
    /// The worker's own queue that it waits in; `None` for the normal one.
    pub sticky: Option<TaskQueueName>,
    /// How long it may wait there; zero for ever.
    pub schedule_to_start: Duration,
    /// Its start.
    pub started: Option<TaskStart>,
}

/// The start of a workflow task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskStart {
    /// Its started event; for a transient task, the id that event will get.
    pub event: EventId,
    /// When.
    pub time: Timestamp,
    /// The poll that got it.
    pub request_id: RequestId,
    /// Who has it.
    pub identity: String,
    /// Bytes of history when it was started.
    pub history_bytes: i64,
    /// Whether the history is long enough to go on in a new run.
    pub suggest_continue_as_new: bool,
}
