//! What a list is a list of: users' workflows, or what lives among them under reserved ids.
//!
//! | list of | its rows | names of its own | an id in a filter |
//! |---|---|---|---|
//! | workflows | of no division, unless the query says otherwise | – | as it is |
//! | activities that no workflow has scheduled | of the division `TemporalActivity` | `ActivityId`, `ActivityType`, `ActivityTaskQueue` | `ActivityId` and `WorkflowId` are the activity's |
//! | schedules | of the division `TemporalScheduler` | – | `ScheduleId` is the schedule's |
// temporal: chasm/lib/activity/activity.go (its search attributes), service/worker/scheduler VisibilityListQuery,
// common/persistence/visibility/store/elasticsearch: the value of ScheduleId gets the prefix.

use super::attribute::{RESERVED_PREFIX, SystemAttribute};
use crate::{
    schedule::{SCHEDULE_DIVISION, SCHEDULE_PREFIX},
    standalone::{STANDALONE_DIVISION, STANDALONE_PREFIX},
};

/// See the module documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Users' workflows.
    Workflows,
    /// Activities that no workflow has scheduled.
    Activities,
    /// Schedules.
    Schedules,
}

impl Kind {
    /// The division that its rows are of, if they are of one.
    pub(super) fn division(self) -> Option<&'static str> {
        match self {
            Self::Workflows => None,
            Self::Activities => Some(STANDALONE_DIVISION),
            Self::Schedules => Some(SCHEDULE_DIVISION),
        }
    }

    /// What a name means in such a list only.
    pub(super) fn alias(self, name: &str) -> Option<SystemAttribute> {
        match (self, name) {
            (Self::Activities, "ActivityId") => Some(SystemAttribute::WorkflowId),
            (Self::Activities, "ActivityType") => Some(SystemAttribute::WorkflowType),
            (Self::Activities, "ActivityTaskQueue") => Some(SystemAttribute::TaskQueue),
            _ => None,
        }
    }

    /// What stands in the rows before a value that is compared with the column of this name.
    pub(super) fn prefix(self, name: &str) -> &'static str {
        let bare = name.strip_prefix(RESERVED_PREFIX).unwrap_or(name);
        match (self, bare) {
            (Self::Activities, "ActivityId" | "WorkflowId") => STANDALONE_PREFIX,
            (Self::Schedules, "ScheduleId") => SCHEDULE_PREFIX,
            _ => "",
        }
    }
}
