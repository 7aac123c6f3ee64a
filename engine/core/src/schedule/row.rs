//! What is known of a schedule without loading it: its row among those of visibility.
//!
//! | schedule | row |
//! |---|---|
//! | created | begins |
//! | paused or not, its search attributes replaced | changed |
//! | deleted, or done for long | removed |
// temporal: service/worker/scheduler/workflow.go, whose workflow is in the division `TemporalScheduler` and upserts
// `TemporalSchedulePaused`.

use std::collections::BTreeMap;

use super::state::Schedule;
use crate::{
    time::Timestamp,
    visibility::{NAMESPACE_DIVISION, RowChange, RowUpdate, Value, VisibilityRow, typed},
};

/// What tells schedules from users' workflows where runs are listed.
pub const SCHEDULE_DIVISION: &str = "TemporalScheduler";
/// Whether it is paused.
const PAUSED: &str = "TemporalSchedulePaused";
/// The workflow that a schedule is on Temporal's server.
const WORKFLOW_TYPE: &str = "temporal-sys-scheduler-workflow";
/// The queue of that workflow.
const TASK_QUEUE: &str = "temporal-sys-per-ns-tq";

/// What becomes of the row of a schedule that was so and now is so.
pub(super) fn change(before: &Schedule, after: &Schedule) -> Option<RowChange> {
    match (is_there(before), is_there(after)) {
        (false, false) => None,
        (false, true) => Some(RowChange::Started(Box::new(row(after)))),
        (true, false) => Some(RowChange::Removed),
        (true, true) => {
            let attributes = attributes(after);
            (attributes != self::attributes(before)).then_some(RowChange::Changed(RowUpdate {
                search_attributes: Some(attributes),
                closing: None,
                memo: None,
            }))
        }
    }
}

/// One that has just been made has no definition yet.
fn is_there(schedule: &Schedule) -> bool {
    schedule.open && schedule.progress.created > Timestamp::default()
}

fn row(schedule: &Schedule) -> VisibilityRow {
    let memo = schedule.attributes.memo.clone();
    VisibilityRow {
        workflow_type: WORKFLOW_TYPE.to_owned(),
        task_queue: TASK_QUEUE.to_owned(),
        start_time: schedule.progress.created,
        execution_time: schedule.progress.created,
        parent: None,
        root: None,
        closing: None,
        search_attributes: attributes(schedule),
        memo: memo.filter(|memo| !memo.0.fields.is_empty()),
    }
}

fn attributes(schedule: &Schedule) -> BTreeMap<String, Value> {
    let given = schedule.attributes.search_attributes.as_ref();
    let mut attributes = given.map_or_else(BTreeMap::new, |given| typed(&given.0.indexed_fields));
    let division = Value::Keyword(SCHEDULE_DIVISION.to_owned());
    attributes.insert(NAMESPACE_DIVISION.to_owned(), division);
    attributes.insert(PAUSED.to_owned(), Value::Bool(schedule.switch.paused));
    attributes
}
