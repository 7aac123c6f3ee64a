//! Whether a row passes a filter. As in SQL, what compares with a missing value is neither true nor false, and neither
//! is its negation; only what is true passes.
//!
//! Lists and texts are different: one that is missing contains nothing, so that `!=` and `NOT IN` hold for it.
//!
//! | | Temporal's dev server (SQLite) | its other stores | here |
//! |---|---|---|---|
//! | `STARTS_WITH` | case does not count | counts | counts |
//! | an element of a list | case does not count | counts | counts |
//! | words of a text | case and accents do not count | accents count | accents count |
//! | custom moments | compared as text, wrongly within a day | compared | compared |
// temporal: common/persistence/sql/sqlplugin/sqlite/query_converter.go ConvertKeywordListComparisonExpr: rows that the
// full-text index does not find, among them those without a value.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "what is not named is refused alike"
)]

use std::cmp::Ordering;

use steadfast_proto::temporal::api::enums::v1::WorkflowExecutionStatus;

use super::{
    attribute::{AttributeType, NAMESPACE_DIVISION, SystemAttribute, ValueRef},
    filter::{Column, Field, Filter, GroupBy, Operator, Scalar, status_name, status_named},
    row::{Closing, RowRef},
};
use crate::time::{Timestamp, duration_nanos};

/// A row with the names that it is kept under.
#[derive(Clone, Copy, Debug)]
struct Named<'a> {
    workflow_id: &'a str,
    run_id: &'a str,
    row: &'a RowRef<'a>,
}

impl Filter {
    /// Whether this row is wanted.
    #[must_use]
    pub fn matches(&self, workflow_id: &str, run_id: &str, row: &RowRef<'_>) -> bool {
        let named = Named {
            workflow_id,
            run_id,
            row,
        };
        self.holds(named) == Some(true)
    }

    fn holds(&self, named: Named<'_>) -> Option<bool> {
        match self {
            Self::And(filters) => decide(filters, named, false),
            Self::Or(filters) => decide(filters, named, true),
            Self::Not(inner) => inner.holds(named).map(|holds| !holds),
            Self::Compare(column, operator, value) => compare(column, *operator, value, named),
            Self::In(column, negated, values) => {
                let found = match cell(column, named) {
                    Cell::List(elements) => {
                        Some(values.iter().any(|value| contains(elements, value)))
                    }
                    Cell::Words(_) => None,
                    other => among(&other, values),
                };
                found.map(|found| found != *negated)
            }
            Self::Between(column, negated, from, to) => {
                let cell = cell(column, named);
                let after = cell.order(from).map(Ordering::is_ge);
                let before = cell.order(to).map(Ordering::is_le);
                let between = match (after, before) {
                    (Some(false), _) | (_, Some(false)) => Some(false),
                    (Some(true), Some(true)) => Some(true),
                    (None, _) | (_, None) => None,
                };
                between.map(|between| between != *negated)
            }
            Self::StartsWith(column, negated, prefix) => match cell(column, named) {
                Cell::Text(text) => Some(text.starts_with(prefix) != *negated),
                _ => None,
            },
            Self::IsNull(column, negated) => Some(cell(column, named).is_missing() != *negated),
        }
    }
}

impl GroupBy {
    /// Where a group stands among the others, before those of the same rank by their values.
    // temporal: SQL groups in the order of what is stored, and statuses are stored as numbers.
    #[must_use]
    pub fn rank(self, value: &str) -> i32 {
        match self {
            Self::ExecutionStatus => status_named(value).map_or(i32::MAX, i32::from),
            Self::NamespaceDivision => 0,
        }
    }

    /// The value that a row is counted under.
    #[must_use]
    pub fn value(self, row: &RowRef<'_>) -> String {
        match self {
            Self::ExecutionStatus => status_name(status(row)).to_owned(),
            Self::NamespaceDivision => match row.attribute(NAMESPACE_DIVISION) {
                Some(ValueRef::Keyword(division)) => (*division).to_owned(),
                Some(_) | None => String::new(),
            },
        }
    }
}

/// A conjunction is decided by one that is false, a disjunction by one that is true.
fn decide(filters: &[Filter], named: Named<'_>, by: bool) -> Option<bool> {
    let mut open = false;
    for filter in filters {
        match filter.holds(named) {
            Some(holds) if holds == by => return Some(by),
            Some(_) => {}
            None => open = true,
        }
    }
    (!open).then_some(!by)
}

fn compare(column: &Column, operator: Operator, value: &Scalar, named: Named<'_>) -> Option<bool> {
    let cell = cell(column, named);
    let found = match (cell, value) {
        (Cell::List(elements), _) => Some(contains(elements, value)),
        (Cell::Words(text), Scalar::Text(wanted)) => Some(has_words(text, wanted)),
        (Cell::Missing, _) if column.attribute_type == AttributeType::Text => Some(false),
        _ => None,
    };
    if let Some(found) = found {
        return Some(found == (operator == Operator::Equal));
    }
    let order = cell.order(value)?;
    Some(match operator {
        Operator::Equal => order.is_eq(),
        Operator::NotEqual => order.is_ne(),
        Operator::Less => order.is_lt(),
        Operator::LessOrEqual => order.is_le(),
        Operator::Greater => order.is_gt(),
        Operator::GreaterOrEqual => order.is_ge(),
    })
}

fn among(cell: &Cell<'_>, values: &[Scalar]) -> Option<bool> {
    if cell.is_missing() {
        return None;
    }
    Some(
        values
            .iter()
            .any(|value| cell.order(value) == Some(Ordering::Equal)),
    )
}

fn contains(elements: &[&str], value: &Scalar) -> bool {
    matches!(value, Scalar::Text(text) if elements.contains(&text.as_str()))
}

/// A row's value in a column.
#[derive(Clone, Copy, Debug)]
enum Cell<'a> {
    Missing,
    Bool(bool),
    Time(Timestamp),
    Float(f64),
    Int(i64),
    Text(&'a str),
    Status(WorkflowExecutionStatus),
    /// Empty instead of missing.
    List(&'a [&'a str]),
    Words(&'a str),
}

/// The value in a column. One of another type than the column has was set before the attribute was removed and added
/// anew; it counts as missing.
fn cell<'a>(column: &Column, named: Named<'a>) -> Cell<'a> {
    let name = match &column.field {
        Field::System(system) => return system_cell(*system, named),
        Field::Attribute(name) => name,
    };
    match (named.row.attribute(name), column.attribute_type) {
        (Some(ValueRef::Bool(value)), AttributeType::Bool) => Cell::Bool(*value),
        (Some(ValueRef::Datetime(value)), AttributeType::Datetime) => Cell::Time(*value),
        (Some(ValueRef::Double(value)), AttributeType::Double) => Cell::Float(*value),
        (Some(ValueRef::Int(value)), AttributeType::Int) => Cell::Int(*value),
        (Some(ValueRef::Keyword(value)), AttributeType::Keyword) => Cell::Text(value),
        (Some(ValueRef::KeywordList(values)), AttributeType::KeywordList) => Cell::List(values),
        (Some(ValueRef::Text(value)), AttributeType::Text) => Cell::Words(value),
        (_, AttributeType::KeywordList) => Cell::List(&[]),
        _ => Cell::Missing,
    }
}

fn status(row: &RowRef<'_>) -> WorkflowExecutionStatus {
    row.closing
        .map_or(WorkflowExecutionStatus::Running, |it| it.status)
}

fn system_cell<'a>(system: SystemAttribute, named: Named<'a>) -> Cell<'a> {
    use SystemAttribute as S;
    let row = named.row;
    let closed = |of: fn(Closing) -> i64| row.closing.map_or(Cell::Missing, |it| Cell::Int(of(it)));
    let text = |text: Option<&'a str>| text.map_or(Cell::Missing, Cell::Text);
    match system {
        S::WorkflowId => Cell::Text(named.workflow_id),
        S::RunId => Cell::Text(named.run_id),
        S::WorkflowType => Cell::Text(row.workflow_type),
        S::StartTime => Cell::Time(row.start_time),
        S::ExecutionTime => Cell::Time(row.execution_time),
        S::CloseTime => row.closing.map_or(Cell::Missing, |it| Cell::Time(it.time)),
        S::ExecutionStatus => Cell::Status(status(row)),
        S::TaskQueue => Cell::Text(row.task_queue),
        S::HistoryLength => closed(|it| it.history_length),
        S::HistorySizeBytes => closed(|it| it.history_size_bytes),
        S::StateTransitionCount => closed(|it| it.state_transition_count),
        S::ExecutionDuration => row.closing.map_or(Cell::Missing, |it| {
            Cell::Int(duration_nanos(it.time.since(row.execution_time)))
        }),
        S::ParentWorkflowId => text(row.parent.map(|(_, id, _)| id)),
        S::ParentRunId => text(row.parent.map(|(_, _, run)| run)),
        S::RootWorkflowId => Cell::Text(row.root.map_or(named.workflow_id, |(_, id, _)| id)),
        S::RootRunId => Cell::Text(row.root.map_or(named.run_id, |(_, _, run)| run)),
    }
}

impl Cell<'_> {
    fn is_missing(&self) -> bool {
        matches!(self, Self::Missing | Self::List([]))
    }

    /// How it compares with a value; `None` if one of them is missing.
    fn order(&self, value: &Scalar) -> Option<Ordering> {
        match (self, value) {
            (Self::Bool(own), Scalar::Bool(value)) => Some(own.cmp(value)),
            (Self::Time(own), Scalar::Time(value)) => Some(own.cmp(value)),
            (Self::Int(own), Scalar::Int(value)) => Some(own.cmp(value)),
            (Self::Int(own), Scalar::Float(value)) => mixed(*own, *value),
            (Self::Float(own), Scalar::Int(value)) => mixed(*value, *own).map(Ordering::reverse),
            (Self::Float(own), Scalar::Float(value)) => own.partial_cmp(value),
            (Self::Text(own), Scalar::Text(value)) => Some((*own).cmp(value.as_str())),
            (Self::Status(own), Scalar::Status(value)) => {
                Some(i32::from(*own).cmp(&i32::from(*value)))
            }
            _ => None,
        }
    }
}

/// Compares exactly, also where a float cannot hold the whole number.
fn mixed(int: i64, float: f64) -> Option<Ordering> {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "what the first comparison loses is the second one's: there both are whole"
    )]
    match (int as f64).partial_cmp(&float)? {
        Ordering::Equal => Some(i128::from(int).cmp(&(float as i128))),
        other => Some(other),
    }
}

/// Whether a text has one of the wanted words. Between blanks, several words joined by other signs are wanted in that
/// order, one after the other.
fn has_words(text: &str, wanted: &str) -> bool {
    let text: Vec<_> = words(text).collect();
    wanted.split(' ').any(|phrase| {
        let phrase: Vec<_> = words(phrase).collect();
        !phrase.is_empty() && text.windows(phrase.len()).any(|part| part == phrase)
    })
}

/// The words of a text, in lower case.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}
