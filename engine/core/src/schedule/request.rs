//! What callers ask of a schedule, parsed and valid, and what they are told.

use steadfast_proto::temporal::api::{
    common::v1::SearchAttributes, schedule::v1::ScheduleListEntry,
    workflowservice::v1::DescribeScheduleResponse,
};

use super::{
    spec::NextTime,
    state::{Attributes, Definition, Overlap, Switch},
};
use crate::{
    ids::{ExecutionKey, Namespace, RequestId},
    record::Proto,
    time::Timestamp,
};

/// A request for one schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduleRequest {
    /// Where the schedule lives.
    pub key: ExecutionKey,
    /// What about it.
    pub action: ScheduleAction,
}

impl ScheduleRequest {
    /// Whether it may have search attributes.
    pub(crate) fn carries_attributes(&self) -> bool {
        matches!(
            self.action,
            ScheduleAction::Create(_) | ScheduleAction::Update(_)
        )
    }

    /// Search attributes of the schedule and of the workflow that it starts.
    pub(crate) fn search_attributes_mut(&mut self) -> impl Iterator<Item = &mut SearchAttributes> {
        let (own, definition) = match &mut self.action {
            ScheduleAction::Create(create) => (
                create.attributes.search_attributes.as_mut(),
                Some(&mut create.definition),
            ),
            ScheduleAction::Update(update) => (
                update.search_attributes.as_mut(),
                Some(&mut update.definition),
            ),
            ScheduleAction::Describe
            | ScheduleAction::ListEntry
            | ScheduleAction::Patch(..)
            | ScheduleAction::MatchingTimes { .. }
            | ScheduleAction::Delete => (None, None),
        };
        let workflow = definition.and_then(super::action::of_mut);
        let workflow = workflow.and_then(|workflow| workflow.search_attributes.as_mut());
        own.map(|own| &mut own.0).into_iter().chain(workflow)
    }
}

/// What is asked of a schedule.
#[derive(Clone, Debug, PartialEq)]
pub enum ScheduleAction {
    /// Make it.
    Create(Box<CreateSchedule>),
    /// Tell all about it.
    Describe,
    /// Tell what a list shows of it.
    ListEntry,
    /// Replace its definition.
    Update(Box<UpdateSchedule>),
    /// Change something at once. The request id makes a repeated patch harmless.
    Patch(RequestId, Patch),
    /// Tell the times in a range.
    MatchingTimes {
        /// Times after this one.
        after: Timestamp,
        /// The last time.
        until: Timestamp,
    },
    /// Remove it. What it has started goes on.
    Delete,
}

/// A request for the schedules of one shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListSchedules {
    /// The namespace.
    pub namespace: Namespace,
    /// Only ids after this one.
    pub after: String,
    /// At most so many.
    pub limit: usize,
}

/// Make a schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateSchedule {
    /// Makes a repeated creation harmless.
    pub request_id: RequestId,
    /// What to do, and when.
    pub definition: Definition,
    /// What switches it on and off.
    pub switch: Switch,
    /// Inert notes and indexed ones.
    pub attributes: Attributes,
    /// What to do at once.
    pub initial_patch: Option<Patch>,
}

/// Replace a schedule's definition.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdateSchedule {
    /// Makes a repeated update harmless.
    pub request_id: RequestId,
    /// What to do, and when.
    pub definition: Definition,
    /// What switches it on and off.
    pub switch: Switch,
    /// What the caller believes to replace; 0 means anything.
    pub conflict_token: u64,
    /// Indexed notes; `None` leaves them as they are.
    pub search_attributes: Option<Proto<SearchAttributes>>,
}

/// Change something at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch {
    /// One action now.
    pub trigger: Option<Trigger>,
    /// Ranges of time to make up for.
    pub backfills: Vec<BackfillRange>,
    /// Pause with these notes, unless they are empty.
    pub pause: String,
    /// Go on with these notes, unless they are empty.
    pub unpause: String,
}

/// One action now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// `None` means the schedule's policy.
    pub overlap: Option<Overlap>,
    /// The nominal time; `None` means now.
    pub time: Option<Timestamp>,
}

/// A range of time to make up for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackfillRange {
    /// The first moment.
    pub from: Timestamp,
    /// The last moment.
    pub until: Timestamp,
    /// `None` means the schedule's policy.
    pub overlap: Option<Overlap>,
}

/// What a caller is told.
#[derive(Clone, Debug, PartialEq)]
pub enum ScheduleReply {
    /// It is there; with its conflict token.
    Created(u64),
    /// All about it.
    Described(Box<DescribeScheduleResponse>),
    /// What a list shows of it.
    Entry(Box<ScheduleListEntry>),
    /// Ids of schedules, in order.
    Ids(Vec<String>),
    /// Times in order.
    Times(Vec<NextTime>),
    /// Taken.
    Done,
}
