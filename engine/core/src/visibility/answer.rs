//! Rows and counts as the wire has them.

use std::collections::BTreeMap;

use bytes::Bytes;
use steadfast_proto::temporal::api::{
    common::v1::{Memo, SearchAttributes, WorkflowExecution, WorkflowType},
    workflow::v1::WorkflowExecutionInfo,
    workflowservice::v1::{
        CountWorkflowExecutionsResponse, GetSearchAttributesResponse,
        ListClosedWorkflowExecutionsResponse, ListOpenWorkflowExecutionsResponse,
        ListWorkflowExecutionsResponse, ScanWorkflowExecutionsResponse,
        count_workflow_executions_response::AggregationGroup,
    },
};

use super::{
    attribute::{SearchAttributeTypes, Value, to_payload},
    request::Place,
    row::{Listed, Relative},
};
use crate::time::duration_to_proto;

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

/// The answer to a count: `counts` by the value of the group, or one under the empty value without groups.
#[must_use]
pub fn count(counts: &BTreeMap<String, u64>, grouped: bool) -> CountWorkflowExecutionsResponse {
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let groups = counts.iter().filter(|(_, count)| grouped && **count > 0);
    CountWorkflowExecutionsResponse {
        count: number(counts.values().sum()),
        groups: groups
            .map(|(value, count)| AggregationGroup {
                group_values: vec![to_payload(&Value::Keyword(value.clone()))],
                count: number(*count),
            })
            .collect(),
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
