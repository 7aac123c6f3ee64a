//! Schedules: workflows started again and again, at times that a specification names.
//!
//! | file | what |
//! |---|---|
//! | `spec` | which times there are: calendars, intervals, exclusions, jitter |
//! | `field`, `cron`, `calendar`, `zone` | its parts |
//! | `state` | what is known of a schedule, as a fold of records |
//! | `buffer` | what becomes of starts that wait |
//! | `machine` | what time, requests and the ends of workflows do to a schedule |
//! | `action` | the workflow that it starts |
//! | `request`, `info` | what is asked of it, and what is shown |
//! | `row` | what is known of it without loading it |
//!
//! A schedule starts workflows through its outbox: durable first, then sent until it is answered. The started run
//! carries the schedule's name ([`ScheduledBy`]) along its whole chain, and the end of the chain tells the schedule
//! through the run's own outbox.

mod action;
mod buffer;
mod calendar;
mod cron;
mod field;
mod info;
mod machine;
mod request;
mod row;
pub mod spec;
mod state;
mod zone;

use serde::{Deserialize, Serialize};

pub use info::conflict_token;
pub use machine::jitter_seed;
pub(crate) use machine::wakes_at;
pub use request::{
    BackfillRange, CreateSchedule, ListSchedules, Patch, ScheduleAction, ScheduleReply,
    ScheduleRequest, Trigger, UpdateSchedule,
};
pub use row::SCHEDULE_DIVISION;
pub use state::{
    Action, Asked, Attributes, Backfill, Definition, Last, Overlap, Policies, Progress, Running,
    SCHEDULE_PREFIX, Schedule, ScheduleRecord, Start, Switch, schedule_id, schedule_key,
};

use crate::ids::RunKey;

/// By which schedule a run was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduledBy {
    /// The schedule, and which incarnation of it.
    pub schedule: RunKey,
    /// The piece of its work that the start was.
    pub number: u64,
}
