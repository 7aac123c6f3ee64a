//! One activity: its attempts, which leave no trace in the history until the last one ends.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use steadfast_proto::temporal::api::{common::v1::Payloads, failure::v1::Failure};

use crate::{ids::RequestId, record::Proto, time::Timestamp};

/// What is known of an activity's attempts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActivityState {
    /// The current attempt, from 1.
    pub attempt: u32,
    /// Grows when the same attempt is dispatched anew.
    pub stamp: u32,
    /// When the first attempt was scheduled.
    pub first_scheduled: Timestamp,
    /// When the current attempt is (or was) due.
    pub scheduled: Timestamp,
    /// The current attempt's start; `None` while it waits.
    pub started: Option<ActivityStart>,
    /// How the last attempt failed.
    pub last_failure: Option<Box<Proto<Failure>>>,
    /// What the last heartbeat of any attempt said.
    pub heartbeat_details: Option<Box<Proto<Payloads>>>,
    /// When the current attempt was last heard of.
    pub last_heartbeat: Option<Timestamp>,
    /// Who ran the last attempt.
    pub last_identity: String,
    /// The pause before the current attempt.
    pub retry_interval: Duration,
}

/// The start of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityStart {
    /// When.
    pub time: Timestamp,
    /// The poll that got it.
    pub request_id: RequestId,
    /// Who runs it.
    pub identity: String,
}
