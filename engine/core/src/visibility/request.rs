//! Lists and counts, parsed.
// temporal: service/frontend/workflow_handler.go, from ListOpenWorkflowExecutions to CountWorkflowExecutions, and
// ListSchedules, CountSchedules; chasm/lib/activity/frontend.go, ListActivityExecutions, CountActivityExecutions.

use steadfast_proto::temporal::api::{
    enums::v1::WorkflowExecutionStatus,
    filter::v1::StartTimeFilter,
    workflowservice::v1::{
        CountActivityExecutionsRequest, CountSchedulesRequest, CountWorkflowExecutionsRequest,
        ListActivityExecutionsRequest, ListArchivedWorkflowExecutionsRequest,
        ListClosedWorkflowExecutionsRequest, ListOpenWorkflowExecutionsRequest,
        ListSchedulesRequest, ListWorkflowExecutionsRequest, ScanWorkflowExecutionsRequest,
        list_closed_workflow_executions_request::Filters as ClosedFilter,
        list_open_workflow_executions_request::Filters as OpenFilter,
    },
};

use super::{
    attribute::{AttributeType, SearchAttributeTypes, SystemAttribute},
    filter::{Column, CountFilter, Field, Filter, GroupBy, Operator, Scalar, and, division},
    kind::Kind,
};
use crate::{
    effect::Rejection,
    ids::{Namespace, RunId},
    limits::MAX_VISIBILITY_PAGE,
    time::Timestamp,
};

/// Which rows of a namespace are wanted, a page of them.
#[derive(Clone, Debug, PartialEq)]
pub struct ListRequest {
    /// Whose rows.
    pub namespace: Namespace,
    /// Which.
    pub filter: Filter,
    /// After this one; from the first one if `None`.
    pub after: Option<Place>,
    /// How many at most.
    pub page_size: usize,
}

/// Which rows of a namespace are counted.
#[derive(Clone, Debug, PartialEq)]
pub struct CountRequest {
    /// Whose rows.
    pub namespace: Namespace,
    /// Which.
    pub filter: Filter,
    /// Counted by this, or all as one.
    pub group_by: Option<GroupBy>,
}

/// A row's place among those of its namespace: open ones first and then those that closed last, of these the ones that
/// started last, of these by run id. A page token is a place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    close: std::cmp::Reverse<Timestamp>,
    start: std::cmp::Reverse<Timestamp>,
    run_id: RunId,
}

impl Place {
    /// The place of a run.
    #[must_use]
    pub fn new(start: Timestamp, close: Option<Timestamp>, run_id: RunId) -> Self {
        Self {
            close: std::cmp::Reverse(close.unwrap_or(Timestamp::MAX)),
            start: std::cmp::Reverse(start),
            run_id,
        }
    }

    /// Before every run that closed at this time or earlier, and behind all that closed later.
    #[must_use]
    pub fn closed_by(time: Timestamp) -> Self {
        Self::new(Timestamp::MAX, Some(time), RunId::new(""))
    }

    /// Which run.
    #[must_use]
    pub fn run_id(&self) -> &RunId {
        &self.run_id
    }

    /// When it closed; `None` while it is open.
    #[must_use]
    pub fn close(&self) -> Option<Timestamp> {
        (self.close.0 < Timestamp::MAX).then_some(self.close.0)
    }

    /// When it started.
    #[must_use]
    pub fn start(&self) -> Timestamp {
        self.start.0
    }

    /// As a page token.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut token = self.close.0.as_nanos().to_be_bytes().to_vec();
        token.extend(self.start.0.as_nanos().to_be_bytes());
        token.extend(self.run_id.as_str().bytes());
        token
    }

    /// From a page token; `None` if it is none.
    #[must_use]
    pub fn decode(token: &[u8]) -> Option<Self> {
        let (close, rest) = token.split_first_chunk::<8>()?;
        let (start, run_id) = rest.split_first_chunk::<8>()?;
        let time = |bytes: &[u8; 8]| Timestamp::from_nanos(i64::from_be_bytes(*bytes));
        Some(Self {
            close: std::cmp::Reverse(time(close)),
            start: std::cmp::Reverse(time(start)),
            run_id: RunId::new(std::str::from_utf8(run_id).ok()?),
        })
    }
}

/// A list by query.
///
/// # Errors
/// InvalidArgument with Temporal's words for what is wrong.
pub fn list(
    request: &ListWorkflowExecutionsRequest,
    types: &SearchAttributeTypes,
) -> Result<ListRequest, Rejection> {
    by_query(
        Kind::Workflows,
        &request.namespace,
        &request.query,
        request.page_size,
        &request.next_page_token,
        types,
    )
}

/// A scan: the same as a list.
///
/// # Errors
/// InvalidArgument with Temporal's words for what is wrong.
pub fn scan(
    request: &ScanWorkflowExecutionsRequest,
    types: &SearchAttributeTypes,
) -> Result<ListRequest, Rejection> {
    by_query(
        Kind::Workflows,
        &request.namespace,
        &request.query,
        request.page_size,
        &request.next_page_token,
        types,
    )
}

/// A list of what was archived: there is no archive.
///
/// # Errors
/// Always InvalidArgument, as of a Temporal server without archival.
pub fn list_archived(request: &ListArchivedWorkflowExecutionsRequest) -> Result<(), Rejection> {
    let page = usize::try_from(request.page_size).unwrap_or(0);
    invalid(if page > MAX_VISIBILITY_PAGE {
        format!("PageSize is larger than allowed {MAX_VISIBILITY_PAGE}.")
    } else {
        "Cluster is not configured for visibility archival.".to_owned()
    })
}

/// A list of open runs by start time and one of two other things.
///
/// # Errors
/// InvalidArgument with Temporal's words for what is wrong.
pub fn list_open(request: &ListOpenWorkflowExecutionsRequest) -> Result<ListRequest, Rejection> {
    let mut filters = vec![running(Operator::Equal)];
    filters.extend(between(
        SystemAttribute::StartTime,
        request.start_time_filter.as_ref(),
    )?);
    filters.extend(request.filters.as_ref().map(|filter| match filter {
        OpenFilter::ExecutionFilter(of) => text(SystemAttribute::WorkflowId, &of.workflow_id),
        OpenFilter::TypeFilter(of) => text(SystemAttribute::WorkflowType, &of.name),
    }));
    by_filters(
        &request.namespace,
        filters,
        request.maximum_page_size,
        &request.next_page_token,
    )
}

/// A list of closed runs by close time and one of three other things.
///
/// # Errors
/// InvalidArgument with Temporal's words for what is wrong.
pub fn list_closed(
    request: &ListClosedWorkflowExecutionsRequest,
) -> Result<ListRequest, Rejection> {
    let mut filters = vec![running(Operator::NotEqual)];
    filters.extend(between(
        SystemAttribute::CloseTime,
        request.start_time_filter.as_ref(),
    )?);
    match &request.filters {
        None => {}
        Some(ClosedFilter::ExecutionFilter(of)) => {
            filters.push(text(SystemAttribute::WorkflowId, &of.workflow_id));
        }
        Some(ClosedFilter::TypeFilter(of)) => {
            filters.push(text(SystemAttribute::WorkflowType, &of.name));
        }
        Some(ClosedFilter::StatusFilter(of)) => {
            let status = of.status();
            if matches!(
                status,
                WorkflowExecutionStatus::Unspecified | WorkflowExecutionStatus::Running
            ) {
                return invalid("Status filter must be not running.");
            }
            filters.push(compare(
                SystemAttribute::ExecutionStatus,
                Operator::Equal,
                Scalar::Status(status),
            ));
        }
    }
    by_filters(
        &request.namespace,
        filters,
        request.maximum_page_size,
        &request.next_page_token,
    )
}

/// A count by query.
///
/// # Errors
/// InvalidArgument with Temporal's words for what is wrong.
pub fn count(
    request: &CountWorkflowExecutionsRequest,
    types: &SearchAttributeTypes,
) -> Result<CountRequest, Rejection> {
    counted(Kind::Workflows, &request.namespace, &request.query, types)
}

/// A list of activities that no workflow has scheduled.
///
/// # Errors
/// InvalidArgument with Temporal's words for what is wrong.
pub fn list_activities(
    request: &ListActivityExecutionsRequest,
    types: &SearchAttributeTypes,
) -> Result<ListRequest, Rejection> {
    by_query(
        Kind::Activities,
        &request.namespace,
        &request.query,
        request.page_size,
        &request.next_page_token,
        types,
    )
}

/// A count of activities that no workflow has scheduled.
///
/// # Errors
/// InvalidArgument with Temporal's words for what is wrong.
pub fn count_activities(
    request: &CountActivityExecutionsRequest,
    types: &SearchAttributeTypes,
) -> Result<CountRequest, Rejection> {
    counted(Kind::Activities, &request.namespace, &request.query, types)
}

/// A list of schedules.
///
/// # Errors
/// InvalidArgument with Temporal's words for what is wrong.
pub fn list_schedules(
    request: &ListSchedulesRequest,
    types: &SearchAttributeTypes,
) -> Result<ListRequest, Rejection> {
    by_query(
        Kind::Schedules,
        &request.namespace,
        &request.query,
        request.maximum_page_size,
        &request.next_page_token,
        types,
    )
}

/// A count of schedules.
///
/// # Errors
/// InvalidArgument with Temporal's words for what is wrong.
pub fn count_schedules(
    request: &CountSchedulesRequest,
    types: &SearchAttributeTypes,
) -> Result<CountRequest, Rejection> {
    counted(Kind::Schedules, &request.namespace, &request.query, types)
}

fn counted(
    kind: Kind,
    of: &str,
    query: &str,
    types: &SearchAttributeTypes,
) -> Result<CountRequest, Rejection> {
    let count = CountFilter::parse_for(kind, query, types)?;
    Ok(CountRequest {
        namespace: namespace(of)?,
        filter: count.filter,
        group_by: count.group_by,
    })
}

fn by_query(
    kind: Kind,
    of: &str,
    query: &str,
    page_size: i32,
    token: &[u8],
    types: &SearchAttributeTypes,
) -> Result<ListRequest, Rejection> {
    Ok(ListRequest {
        namespace: namespace(of)?,
        filter: CountFilter::parse_for(kind, query, types)?.filter,
        after: place(token)?,
        page_size: bounded(page_size),
    })
}

fn by_filters(
    of: &str,
    mut filters: Vec<Filter>,
    page_size: i32,
    token: &[u8],
) -> Result<ListRequest, Rejection> {
    filters.push(Filter::IsNull(division(), false));
    Ok(ListRequest {
        namespace: namespace(of)?,
        filter: and(filters),
        after: place(token)?,
        page_size: bounded(page_size),
    })
}

fn invalid<T>(why: impl Into<String>) -> Result<T, Rejection> {
    Err(Rejection::InvalidArgument(why.into()))
}

fn namespace(name: &str) -> Result<Namespace, Rejection> {
    if name.is_empty() {
        return invalid("Namespace not set on request.");
    }
    Ok(name.into())
}

fn place(token: &[u8]) -> Result<Option<Place>, Rejection> {
    if token.is_empty() {
        return Ok(None);
    }
    match Place::decode(token) {
        Some(place) => Ok(Some(place)),
        None => invalid("Invalid NextPageToken."),
    }
}

/// None given, or too many: as many as a page may have.
fn bounded(page_size: i32) -> usize {
    match usize::try_from(page_size) {
        Ok(size @ 1..=MAX_VISIBILITY_PAGE) => size,
        Ok(_) | Err(_) => MAX_VISIBILITY_PAGE,
    }
}

fn compare(of: SystemAttribute, operator: Operator, value: Scalar) -> Filter {
    Filter::Compare(column(of), operator, value)
}

fn column(of: SystemAttribute) -> Column {
    Column {
        field: Field::System(of),
        attribute_type: of.attribute_type(),
    }
}

fn running(operator: Operator) -> Filter {
    compare(
        SystemAttribute::ExecutionStatus,
        operator,
        Scalar::Status(WorkflowExecutionStatus::Running),
    )
}

fn text(of: SystemAttribute, value: &str) -> Filter {
    debug_assert_eq!(of.attribute_type(), AttributeType::Keyword);
    compare(of, Operator::Equal, Scalar::Text(value.to_owned()))
}

/// A bound that is absent, or zero, is none.
fn between(
    of: SystemAttribute,
    filter: Option<&StartTimeFilter>,
) -> Result<Vec<Filter>, Rejection> {
    let bound = |time: Option<&prost_types::Timestamp>| {
        let time = time.map(Timestamp::from_proto);
        // Go's zero time, which clients send for "none", is before what a nanosecond count can hold.
        time.filter(|time| *time > Timestamp::from_nanos(i64::MIN))
    };
    let earliest = bound(filter.and_then(|it| it.earliest_time.as_ref()));
    let latest = bound(filter.and_then(|it| it.latest_time.as_ref()));
    if let (Some(earliest), Some(latest)) = (earliest, latest)
        && earliest > latest
    {
        return invalid("EarliestTime in StartTimeFilter should not be larger than LatestTime.");
    }
    let from = earliest.map(|time| compare(of, Operator::GreaterOrEqual, Scalar::Time(time)));
    let to = latest.map(|time| compare(of, Operator::LessOrEqual, Scalar::Time(time)));
    Ok(from.into_iter().chain(to).collect())
}
