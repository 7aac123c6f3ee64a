//! Rows and filters by chance, and the plainest statement of which rows a filter wants and in which order.

use std::{
    cmp::{Ordering, Reverse},
    collections::BTreeMap,
};

use steadfast_core::{
    Batch, ExecutionKey, Namespace, Record, RunId, Timestamp,
    record::Proto,
    visibility::{
        AttributeType, Closing, Column, Field, Filter, GroupBy, Listed, Operator, Relative,
        RowChange, RowUpdate, Scalar, SystemAttribute, Value, VisibilityRow,
    },
};
use steadfast_proto::temporal::api::{
    common::v1::{Memo, Payload},
    enums::v1::WorkflowExecutionStatus as Status,
};

use super::Rng;

const TEXTS: [&str; 6] = ["", "a", "A", "ab", "b a", "a-b, c"];

/// What a run may begin with.
pub(crate) fn row(rng: &mut Rng, start: Timestamp) -> VisibilityRow {
    let related = |rng: &mut Rng| Relative {
        namespace: "default".to_owned(),
        workflow_id: format!("order-{}", rng.below(3)),
        run_id: text(rng),
    };
    VisibilityRow {
        workflow_type: text(rng),
        task_queue: text(rng),
        start_time: start,
        execution_time: moment(rng),
        parent: rng.one_in(3).then(|| related(rng)),
        root: rng.one_in(3).then(|| related(rng)),
        closing: rng.one_in(4).then(|| closing(rng)),
        search_attributes: attributes(rng),
        memo: rng.one_in(3).then(|| memo(rng)),
    }
}

/// What may happen to a row.
pub(crate) fn change(rng: &mut Rng) -> RowChange {
    if rng.one_in(12) {
        return RowChange::Removed;
    }
    RowChange::Changed(RowUpdate {
        search_attributes: rng.one_in(2).then(|| attributes(rng)),
        closing: rng.one_in(3).then(|| closing(rng)),
        memo: rng.one_in(4).then(|| memo(rng)),
    })
}

fn text(rng: &mut Rng) -> String {
    TEXTS[rng.index(TEXTS.len())].to_owned()
}

/// Few of them, so that rows tie.
fn moment(rng: &mut Rng) -> Timestamp {
    Timestamp::from_secs(rng.below(6).cast_signed())
}

fn closing(rng: &mut Rng) -> Closing {
    let statuses = [Status::Completed, Status::Failed, Status::TimedOut];
    Closing {
        status: statuses[rng.index(3)],
        time: moment(rng),
        history_length: rng.below(5).cast_signed(),
        history_size_bytes: rng.below(5).cast_signed(),
        state_transition_count: rng.below(5).cast_signed(),
    }
}

/// An empty one takes the memo away.
fn memo(rng: &mut Rng) -> Proto<Memo> {
    let fields = (0..rng.below(3)).map(|n| {
        let data = vec![0xa5; rng.index(300)].into();
        let payload = Payload {
            data,
            ..Payload::default()
        };
        (format!("note-{n}"), payload)
    });
    Proto(Memo {
        fields: fields.collect(),
    })
}

/// The attribute of each type.
fn name(attribute_type: AttributeType) -> &'static str {
    match attribute_type {
        AttributeType::Bool => "Flag",
        AttributeType::Datetime => "Moment",
        AttributeType::Double => "Ratio",
        AttributeType::Int => "Number",
        AttributeType::Keyword => "TemporalNamespaceDivision",
        AttributeType::KeywordList => "Tags",
        AttributeType::Text => "Notes",
    }
}

fn attributes(rng: &mut Rng) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for attribute_type in AttributeType::ALL {
        if rng.one_in(2) {
            // Now and then one of another type, as an attribute has that was removed and added again.
            let kind = if rng.one_in(10) {
                AttributeType::ALL[rng.index(7)]
            } else {
                attribute_type
            };
            all.insert(name(attribute_type).to_owned(), value(rng, kind));
        }
    }
    all
}

fn value(rng: &mut Rng, attribute_type: AttributeType) -> Value {
    match attribute_type {
        AttributeType::Bool => Value::Bool(rng.one_in(2)),
        AttributeType::Datetime => Value::Datetime(moment(rng)),
        AttributeType::Double => Value::Double(float(rng)),
        AttributeType::Int => Value::Int(rng.below(5).cast_signed() - 2),
        AttributeType::Keyword => Value::Keyword(text(rng)),
        AttributeType::KeywordList => {
            Value::KeywordList((0..=rng.below(2)).map(|_| text(rng)).collect())
        }
        AttributeType::Text => Value::Text(text(rng)),
    }
}

fn float(rng: &mut Rng) -> f64 {
    [-1.5, -1.0, 0.0, 0.5, 2.0][rng.index(5)]
}

/// A filter of at most so many levels.
pub(crate) fn filter(rng: &mut Rng, depth: usize) -> Filter {
    let inner = |rng: &mut Rng| (0..rng.below(4)).map(|_| filter(rng, depth - 1)).collect();
    match rng.below(8) {
        0 if depth > 0 => Filter::And(inner(rng)),
        1 if depth > 0 => Filter::Or(inner(rng)),
        2 if depth > 0 => Filter::Not(Box::new(filter(rng, depth - 1))),
        _ => leaf(rng),
    }
}

fn leaf(rng: &mut Rng) -> Filter {
    let column = column(rng);
    let not = rng.one_in(2);
    let range = matches!(
        column.attribute_type,
        AttributeType::Datetime | AttributeType::Double | AttributeType::Int
    );
    let keyword = column.attribute_type == AttributeType::Keyword
        && column.field != Field::System(SystemAttribute::ExecutionStatus);
    match rng.below(6) {
        0 => Filter::IsNull(column, not),
        1 if keyword => Filter::StartsWith(column, not, text(rng)),
        2 if range || keyword => {
            let (from, to) = (scalar(rng, &column), scalar(rng, &column));
            Filter::Between(column, not, from, to)
        }
        3 if column.attribute_type != AttributeType::Text => {
            let values = (0..=rng.below(2)).map(|_| scalar(rng, &column)).collect();
            Filter::In(column, not, values)
        }
        _ => {
            let operators = [
                Operator::Equal,
                Operator::NotEqual,
                Operator::Less,
                Operator::LessOrEqual,
                Operator::Greater,
                Operator::GreaterOrEqual,
            ];
            let count = if range || keyword { 6 } else { 2 };
            let value = scalar(rng, &column);
            Filter::Compare(column, operators[rng.index(count)], value)
        }
    }
}

fn column(rng: &mut Rng) -> Column {
    if rng.one_in(2) {
        let system = SystemAttribute::ALL[rng.index(16)];
        return Column {
            field: Field::System(system),
            attribute_type: system.attribute_type(),
        };
    }
    let attribute_type = AttributeType::ALL[rng.index(7)];
    Column {
        field: Field::Attribute(name(attribute_type).to_owned()),
        attribute_type,
    }
}

fn scalar(rng: &mut Rng, column: &Column) -> Scalar {
    if column.field == Field::System(SystemAttribute::ExecutionStatus) {
        let statuses = [
            Status::Running,
            Status::Completed,
            Status::Failed,
            Status::Paused,
        ];
        return Scalar::Status(statuses[rng.index(4)]);
    }
    match column.attribute_type {
        AttributeType::Bool => Scalar::Bool(rng.one_in(2)),
        AttributeType::Datetime => Scalar::Time(moment(rng)),
        AttributeType::Double | AttributeType::Int if rng.one_in(2) => Scalar::Float(float(rng)),
        AttributeType::Double | AttributeType::Int => Scalar::Int(rng.below(5).cast_signed() - 2),
        AttributeType::Keyword if rng.one_in(2) => Scalar::Text(format!("order-{}", rng.below(4))),
        AttributeType::Keyword | AttributeType::KeywordList => Scalar::Text(text(rng)),
        AttributeType::Text => Scalar::Text(["a", "A b", "a-b", "c x"][rng.index(4)].to_owned()),
    }
}

/// Every row that a run of batches leaves.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Reference {
    rows: BTreeMap<(ExecutionKey, RunId), VisibilityRow>,
}

impl Reference {
    pub(crate) fn fold<'a>(batches: impl IntoIterator<Item = &'a Batch>) -> Self {
        let mut reference = Self::default();
        for entry in batches.into_iter().flat_map(|batch| &batch.entries) {
            let Record::Row(change) = &entry.record else {
                continue;
            };
            let run = (entry.key.clone(), entry.run_id.clone());
            match (**change).clone() {
                RowChange::Started(mut row) => {
                    row.memo = row.memo.filter(|memo| !memo.0.fields.is_empty());
                    reference.rows.insert(run, *row);
                }
                RowChange::Changed(update) => {
                    if let Some(row) = reference.rows.get_mut(&run) {
                        row.update(update);
                    }
                }
                RowChange::Removed => {
                    reference.rows.remove(&run);
                }
            }
        }
        reference
    }

    /// The rows that a filter wants, in their order.
    pub(crate) fn list(&self, namespace: &Namespace, filter: &Filter) -> Vec<Listed> {
        let own = self
            .rows
            .iter()
            .filter(|((key, _), _)| key.namespace == *namespace);
        let mut found: Vec<_> = own
            .map(|((key, run_id), row)| Listed {
                workflow_id: key.workflow_id.clone(),
                run_id: run_id.clone(),
                row: row.clone(),
            })
            .filter(|listed| holds(filter, listed) == Some(true))
            .collect();
        found.sort_by_key(|listed| {
            let close = listed.row.closing.map_or(Timestamp::MAX, |it| it.time);
            (
                Reverse(close),
                Reverse(listed.row.start_time),
                listed.run_id.clone(),
            )
        });
        found
    }

    pub(crate) fn count(
        &self,
        namespace: &Namespace,
        filter: &Filter,
        by: Option<GroupBy>,
    ) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for listed in self.list(namespace, filter) {
            let attributes = &listed.row.search_attributes;
            let group = match by {
                None => String::new(),
                Some(GroupBy::ExecutionStatus) => format!("{:?}", listed.row.status()),
                Some(GroupBy::NamespaceDivision) => {
                    match attributes.get("TemporalNamespaceDivision") {
                        Some(Value::Keyword(division)) => division.clone(),
                        _ => String::new(),
                    }
                }
            };
            *counts.entry(group).or_default() += 1;
        }
        counts
    }
}

/// True, false, or unknown.
fn holds(filter: &Filter, listed: &Listed) -> Option<bool> {
    let negate = |holds: Option<bool>, negated: bool| holds.map(|holds| holds != negated);
    match filter {
        Filter::And(all) => {
            let all: Vec<_> = all.iter().map(|one| holds(one, listed)).collect();
            if all.contains(&Some(false)) {
                Some(false)
            } else {
                (!all.contains(&None)).then_some(true)
            }
        }
        Filter::Or(all) => {
            let all: Vec<_> = all.iter().map(|one| holds(one, listed)).collect();
            if all.contains(&Some(true)) {
                Some(true)
            } else {
                (!all.contains(&None)).then_some(false)
            }
        }
        Filter::Not(one) => negate(holds(one, listed), true),
        Filter::IsNull(column, negated) => Some(value_of(column, listed).is_none() != *negated),
        Filter::StartsWith(column, negated, prefix) => match value_of(column, listed)? {
            Value::Keyword(text) => Some(text.starts_with(prefix) != *negated),
            _ => None,
        },
        Filter::Between(column, negated, from, to) => {
            let from = Filter::Compare(column.clone(), Operator::GreaterOrEqual, from.clone());
            let to = Filter::Compare(column.clone(), Operator::LessOrEqual, to.clone());
            negate(holds(&Filter::And(vec![from, to]), listed), *negated)
        }
        Filter::In(column, negated, values) => {
            let equal =
                |value: &Scalar| Filter::Compare(column.clone(), Operator::Equal, value.clone());
            let any = Filter::Or(values.iter().map(equal).collect());
            negate(holds(&any, listed), *negated)
        }
        Filter::Compare(column, operator, wanted) => compare(column, *operator, wanted, listed),
    }
}

fn compare(column: &Column, operator: Operator, wanted: &Scalar, listed: &Listed) -> Option<bool> {
    let value = value_of(column, listed);
    let found = match (column.attribute_type, &value, wanted) {
        (AttributeType::KeywordList, Some(Value::KeywordList(all)), Scalar::Text(text)) => {
            Some(all.contains(text))
        }
        (AttributeType::Text, Some(Value::Text(text)), Scalar::Text(wanted)) => {
            Some(wanted.split(' ').any(|phrase| has_phrase(text, phrase)))
        }
        (AttributeType::KeywordList | AttributeType::Text, ..) => Some(false),
        _ => None,
    };
    if let Some(found) = found {
        return Some(found == (operator == Operator::Equal));
    }
    let order = match (value?, wanted) {
        (Value::Bool(a), Scalar::Bool(b)) => a.cmp(b),
        (Value::Datetime(a), Scalar::Time(b)) => a.cmp(b),
        (Value::Int(a), Scalar::Int(b)) => a.cmp(b),
        (Value::Int(a), Scalar::Float(b)) => approximate(a).partial_cmp(b)?,
        (Value::Double(a), Scalar::Int(b)) => a.partial_cmp(&approximate(*b))?,
        (Value::Double(a), Scalar::Float(b)) => a.partial_cmp(b)?,
        (Value::Keyword(a), Scalar::Text(b)) => a.as_str().cmp(b),
        // A status is here by its number.
        (Value::Int(a), Scalar::Status(b)) => a.cmp(&i64::from(i32::from(*b))),
        _ => return None,
    };
    Some(match operator {
        Operator::Equal => order == Ordering::Equal,
        Operator::NotEqual => order != Ordering::Equal,
        Operator::Less => order == Ordering::Less,
        Operator::LessOrEqual => order != Ordering::Greater,
        Operator::Greater => order == Ordering::Greater,
        Operator::GreaterOrEqual => order != Ordering::Less,
    })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the numbers here have few digits"
)]
fn approximate(int: i64) -> f64 {
    int as f64
}

/// Whether the words of a phrase stand in a text one after the other: both padded, so that words are compared whole.
fn has_phrase(text: &str, phrase: &str) -> bool {
    let padded = |text: &str| {
        let lower = text.to_lowercase();
        let words: Vec<_> = lower
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .collect();
        format!(" {} ", words.join(" "))
    };
    padded(phrase) != "  " && padded(text).contains(&padded(phrase))
}

fn value_of(column: &Column, listed: &Listed) -> Option<Value> {
    let row = &listed.row;
    let keyword = |text: &str| Some(Value::Keyword(text.to_owned()));
    let system = match &column.field {
        Field::System(system) => system,
        Field::Attribute(name) => {
            let value = row.search_attributes.get(name)?;
            return (value.attribute_type() == column.attribute_type).then(|| value.clone());
        }
    };
    match system {
        SystemAttribute::WorkflowId => keyword(listed.workflow_id.as_str()),
        SystemAttribute::RunId => keyword(listed.run_id.as_str()),
        SystemAttribute::WorkflowType => keyword(&row.workflow_type),
        SystemAttribute::TaskQueue => keyword(&row.task_queue),
        SystemAttribute::StartTime => Some(Value::Datetime(row.start_time)),
        SystemAttribute::ExecutionTime => Some(Value::Datetime(row.execution_time)),
        SystemAttribute::CloseTime => row.closing.map(|it| Value::Datetime(it.time)),
        SystemAttribute::ExecutionStatus => Some(Value::Int(i32::from(row.status()).into())),
        SystemAttribute::HistoryLength => row.closing.map(|it| Value::Int(it.history_length)),
        SystemAttribute::HistorySizeBytes => {
            row.closing.map(|it| Value::Int(it.history_size_bytes))
        }
        SystemAttribute::StateTransitionCount => {
            row.closing.map(|it| Value::Int(it.state_transition_count))
        }
        SystemAttribute::ExecutionDuration => row.closing.map(|it| {
            let nanos = it.time.as_nanos() - row.execution_time.as_nanos();
            Value::Int(nanos.max(0))
        }),
        SystemAttribute::ParentWorkflowId => keyword(&row.parent.as_ref()?.workflow_id),
        SystemAttribute::ParentRunId => keyword(&row.parent.as_ref()?.run_id),
        SystemAttribute::RootWorkflowId => keyword(
            row.root
                .as_ref()
                .map_or(listed.workflow_id.as_str(), |it| &it.workflow_id),
        ),
        SystemAttribute::RootRunId => keyword(
            row.root
                .as_ref()
                .map_or(listed.run_id.as_str(), |it| &it.run_id),
        ),
    }
}
