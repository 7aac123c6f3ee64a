//! Rows and counts as the wire has them.

use std::collections::BTreeMap;

use bytes::Bytes;
use steadfast_proto::temporal::api::{
    activity::v1::ActivityExecutionListInfo,
    common::v1::{ActivityType, Memo, Payload, SearchAttributes, WorkflowExecution, WorkflowType},
    enums::v1::WorkflowExecutionStatus,
    workflow::v1::WorkflowExecutionInfo,
    workflowservice::v1::{
        CountActivityExecutionsResponse, CountSchedulesResponse, CountWorkflowExecutionsResponse,
        GetSearchAttributesResponse, ListActivityExecutionsResponse,
        ListClosedWorkflowExecutionsResponse, ListOpenWorkflowExecutionsResponse,
        ListWorkflowExecutionsResponse, ScanWorkflowExecutionsResponse,
        count_activity_executions_response::AggregationGroup as ActivityGroup,
        count_schedules_response::AggregationGroup as ScheduleGroup,
        count_workflow_executions_response::AggregationGroup,
    },
};

use super::{
    attribute::{NAMESPACE_DIVISION, SearchAttributeTypes, Value, to_payload},
    filter::GroupBy,
    request::Place,
    row::{Listed, Relative},
};
use crate::{
    standalone::{STANDALONE_PREFIX, activity_status},
    time::duration_to_proto,
};

/// A row as the wire has it. Attributes that the namespace no longer has are left out.
#[must_use]
pub fn execution_info(listed: Listed, types: &SearchAttributeTypes) -> WorkflowExecutionInfo {
    let row = listed.row;
    let own = WorkflowExecution {
        workflow_id: listed.workflow_id.into(),
        run_id: listed.run_id.into(),
    };
    let status = row.status();
    let closing = row.closing;
    let duration = closing.map(|it| duration_to_proto(it.time.since(row.execution_time)));
    let known = row
        .search_attributes
        .iter()
        .filter(|(name, _)| types.get(name).is_some());
    let indexed_fields = known
        .map(|(name, value)| (name.clone(), to_payload(value)))
        .collect();
    WorkflowExecutionInfo {
        root_execution: Some(
            row.root
                .map_or_else(|| own.clone(), |root| execution(&root)),
        ),
        execution: Some(own),
        r#type: Some(WorkflowType {
            name: row.workflow_type,
        }),
        start_time: Some(row.start_time.to_proto()),
        close_time: closing.map(|it| it.time.to_proto()),
        status: status.into(),
        history_length: closing.map_or(0, |it| it.history_length),
        parent_namespace_id: row
            .parent
            .as_ref()
            .map(|it| it.namespace.clone())
            .unwrap_or_default(),
        parent_execution: row.parent.as_ref().map(execution),
        execution_time: Some(row.execution_time.to_proto()),
        memo: Some(row.memo.map_or_else(Memo::default, |memo| memo.0)),
        search_attributes: Some(SearchAttributes { indexed_fields }),
        task_queue: row.task_queue,
        state_transition_count: closing.map_or(0, |it| it.state_transition_count),
        history_size_bytes: closing.map_or(0, |it| it.history_size_bytes),
        execution_duration: duration,
        ..WorkflowExecutionInfo::default()
    }
}

fn execution(of: &Relative) -> WorkflowExecution {
    WorkflowExecution {
        workflow_id: of.workflow_id.clone(),
        run_id: of.run_id.clone(),
    }
}

fn infos(rows: Vec<Listed>, types: &SearchAttributeTypes) -> Vec<WorkflowExecutionInfo> {
    rows.into_iter()
        .map(|row| execution_info(row, types))
        .collect()
}

fn token(next: Option<&Place>) -> Bytes {
    next.map(Place::encode).unwrap_or_default().into()
}

/// The answer to a list; `next` is where the next page begins, if there may be one.
#[must_use]
pub fn listed(
    rows: Vec<Listed>,
    next: Option<&Place>,
    types: &SearchAttributeTypes,
) -> ListWorkflowExecutionsResponse {
    ListWorkflowExecutionsResponse {
        executions: infos(rows, types),
        next_page_token: token(next),
    }
}

/// The answer to a scan.
#[must_use]
pub fn scanned(
    rows: Vec<Listed>,
    next: Option<&Place>,
    types: &SearchAttributeTypes,
) -> ScanWorkflowExecutionsResponse {
    ScanWorkflowExecutionsResponse {
        executions: infos(rows, types),
        next_page_token: token(next),
    }
}

/// The answer to a list of open runs.
#[must_use]
pub fn open(
    rows: Vec<Listed>,
    next: Option<&Place>,
    types: &SearchAttributeTypes,
) -> ListOpenWorkflowExecutionsResponse {
    ListOpenWorkflowExecutionsResponse {
        executions: infos(rows, types),
        next_page_token: token(next),
    }
}

/// The answer to a list of closed runs.
#[must_use]
pub fn closed(
    rows: Vec<Listed>,
    next: Option<&Place>,
    types: &SearchAttributeTypes,
) -> ListClosedWorkflowExecutionsResponse {
    ListClosedWorkflowExecutionsResponse {
        executions: infos(rows, types),
        next_page_token: token(next),
    }
}

/// Counts by the value of the group, or one under the empty value without groups.
pub type Counts = BTreeMap<String, u64>;

/// The answer to a count.
#[must_use]
pub fn count(counts: &Counts, by: Option<GroupBy>) -> CountWorkflowExecutionsResponse {
    let group = |(values, count)| AggregationGroup {
        group_values: vec![values],
        count,
    };
    CountWorkflowExecutionsResponse {
        count: total(counts),
        groups: groups(counts, by).map(group).collect(),
    }
}

/// The answer to a count of activities.
#[must_use]
pub fn activities_counted(counts: &Counts, by: Option<GroupBy>) -> CountActivityExecutionsResponse {
    let group = |(values, count)| ActivityGroup {
        group_values: vec![values],
        count,
    };
    CountActivityExecutionsResponse {
        count: total(counts),
        groups: groups(counts, by).map(group).collect(),
    }
}

/// The answer to a count of schedules.
#[must_use]
pub fn schedules_counted(counts: &Counts, by: Option<GroupBy>) -> CountSchedulesResponse {
    let group = |(values, count)| ScheduleGroup {
        group_values: vec![values],
        count,
    };
    CountSchedulesResponse {
        count: total(counts),
        groups: groups(counts, by).map(group).collect(),
    }
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn total(counts: &Counts) -> i64 {
    number(counts.values().sum())
}

/// The value and the number of each group, in the order of values.
fn groups(counts: &Counts, by: Option<GroupBy>) -> impl Iterator<Item = (Payload, i64)> {
    let mut groups: Vec<_> = by
        .into_iter()
        .flat_map(|by| {
            counts
                .iter()
                .map(move |(value, count)| (by.rank(value), value, *count))
        })
        .filter(|(_, _, count)| *count > 0)
        .collect();
    groups.sort_unstable();
    groups
        .into_iter()
        .map(|(_, value, count)| (to_payload(&Value::Keyword(value.clone())), number(count)))
}

/// The answer to a list of activities.
#[must_use]
pub fn activities(
    rows: Vec<Listed>,
    next: Option<&Place>,
    types: &SearchAttributeTypes,
) -> ListActivityExecutionsResponse {
    ListActivityExecutionsResponse {
        executions: rows
            .into_iter()
            .map(|row| activity_info(row, types))
            .collect(),
        next_page_token: token(next),
    }
}

/// The row of an activity that no workflow has scheduled.
fn activity_info(listed: Listed, types: &SearchAttributeTypes) -> ActivityExecutionListInfo {
    let id = listed.workflow_id.as_str();
    let activity_id = id.strip_prefix(STANDALONE_PREFIX).unwrap_or(id).to_owned();
    let info = execution_info(listed, types);
    let mut attributes = info.search_attributes.unwrap_or_default();
    attributes.indexed_fields.remove(NAMESPACE_DIVISION);
    let status = WorkflowExecutionStatus::try_from(info.status).unwrap_or_default();
    ActivityExecutionListInfo {
        activity_id,
        run_id: info.execution.unwrap_or_default().run_id,
        activity_type: Some(ActivityType {
            name: info.r#type.unwrap_or_default().name,
        }),
        schedule_time: info.start_time,
        close_time: info.close_time,
        status: activity_status(status).into(),
        search_attributes: Some(attributes),
        task_queue: info.task_queue,
        state_transition_count: info.state_transition_count,
        state_size_bytes: info.history_size_bytes,
        execution_duration: info.execution_duration,
        execution_time: info.execution_time,
    }
}

/// The answer to the deprecated question for all attributes there are.
#[must_use]
pub fn get_search_attributes(types: &SearchAttributeTypes) -> GetSearchAttributesResponse {
    let system = SearchAttributeTypes::system();
    let all = system.iter().chain(types.custom());
    GetSearchAttributesResponse {
        keys: all
            .map(|(name, it)| (name.clone(), it.to_proto().into()))
            .collect(),
    }
}
