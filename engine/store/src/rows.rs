//! The rows of visibility, in the order in which they are listed: what each store keeps beside its log.
//!
//! A row is here when the batch that made it is durable, not before: whoever lists needs to hold nothing back. It is
//! kept as the bytes of [`VisibilityRow`] without its memo, which may be large; `M` says where the memo is.

use std::{collections::BTreeMap, ops::Bound};

use steadfast_core::{
    ExecutionKey, Namespace, RunId, RunKey, Timestamp, WorkflowId,
    record::Proto,
    visibility::{
        Column, Field, Filter, GroupBy, Listed, Operator, Place, RowChange, RowRef, Scalar,
        SystemAttribute, VisibilityRow,
    },
};
use steadfast_proto::temporal::api::{
    common::v1::Memo, enums::v1::WorkflowExecutionStatus as Status,
};

use crate::StoreError;

/// Which rows of a namespace are wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// Whose rows.
    pub namespace: Namespace,
    /// Which.
    pub filter: Filter,
    /// After this place; from the first one if `None`.
    pub after: Option<Place>,
    /// How many at most.
    pub limit: usize,
    /// How many may be looked at, so that whoever asks gets his thread back in time.
    pub budget: usize,
}

/// Some of the rows that are wanted, in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// The rows.
    pub rows: Vec<Listed>,
    /// Where to go on; `None` if there are no more.
    pub next: Option<Place>,
}

/// How many of the rows looked at are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// By the value that they are grouped by; all under the empty text without groups.
    pub counts: BTreeMap<String, u64>,
    /// Where to go on; `None` if there are no more.
    pub next: Option<Place>,
}

/// All rows of a store.
#[derive(Clone, Debug)]
pub(crate) struct Rows<M> {
    namespaces: BTreeMap<Namespace, Table<M>>,
}

#[derive(Clone, Debug)]
struct Table<M> {
    rows: BTreeMap<Place, Kept<M>>,
    /// Start and close time of each run: where its row is.
    places: BTreeMap<(WorkflowId, RunId), (Timestamp, Option<Timestamp>)>,
    /// How many of them are open.
    open: u64,
}

#[derive(Clone, Debug)]
struct Kept<M> {
    workflow_id: WorkflowId,
    bytes: Box<[u8]>,
    memo: Option<M>,
}

/// A change of a row that waits for its batch to be durable.
#[derive(Clone, Debug)]
pub(crate) struct RowWrite<M> {
    key: ExecutionKey,
    run_id: RunId,
    /// Without the memo.
    change: RowChange,
    /// `None` if the memo stays as it is.
    memo: Option<Option<M>>,
}

impl<M> RowWrite<M> {
    /// Takes the memo out of a change; `keep` says where it is kept.
    pub(crate) fn new(
        key: &ExecutionKey,
        run_id: &RunId,
        mut change: RowChange,
        keep: impl FnOnce(Proto<Memo>) -> M,
    ) -> Self {
        let memo = match &mut change {
            RowChange::Started(row) => Some(row.memo.take()),
            RowChange::Changed(update) => update.memo.take().map(Some),
            RowChange::Removed => None,
        };
        let memo = memo.map(|memo| memo.filter(|memo| !memo.0.fields.is_empty()).map(keep));
        Self {
            key: key.clone(),
            run_id: run_id.clone(),
            change,
            memo,
        }
    }
}

impl<M> Default for Rows<M> {
    fn default() -> Self {
        Self {
            namespaces: BTreeMap::new(),
        }
    }
}

impl<M> Default for Table<M> {
    fn default() -> Self {
        Self {
            rows: BTreeMap::new(),
            places: BTreeMap::new(),
            open: 0,
        }
    }
}

impl<M> Rows<M> {
    /// Takes a change whose batch is durable.
    pub(crate) fn apply(&mut self, write: RowWrite<M>) {
        if !self.namespaces.contains_key(&write.key.namespace) {
            self.namespaces
                .insert(write.key.namespace.clone(), Table::default());
        }
        let table = self.namespaces.get_mut(&write.key.namespace);
        table.expect("it is there now").apply(write);
    }

    /// Rows that are wanted. `fetch` gets a run's memo from where it is kept.
    pub(crate) fn list(
        &self,
        query: &Query,
        fetch: impl Fn(&RunKey, &M) -> Result<Proto<Memo>, StoreError>,
    ) -> Result<Page, StoreError> {
        let mut page = Page::default();
        let mut failed = None;
        page.next = self.visit(query, &mut |place, kept, row| {
            let fetched = kept.memo.as_ref().map(|at| {
                let execution =
                    ExecutionKey::new(query.namespace.clone(), kept.workflow_id.clone());
                let run_id = place.run_id().clone();
                fetch(&RunKey { execution, run_id }, at)
            });
            let memo = match fetched.transpose() {
                Ok(memo) => memo,
                Err(error) => {
                    failed = Some(error);
                    return false;
                }
            };
            page.rows.push(Listed {
                workflow_id: kept.workflow_id.clone(),
                run_id: place.run_id().clone(),
                row: VisibilityRow {
                    memo,
                    ..row.to_row()
                },
            });
            page.rows.len() < query.limit
        });
        match failed {
            Some(error) => Err(error),
            None => Ok(page),
        }
    }

    /// How many rows are wanted; the query's limit does not count.
    pub(crate) fn count(&self, query: &Query, group_by: Option<GroupBy>) -> Count {
        let mut counts = BTreeMap::new();
        let next = self.visit(query, &mut |_, _, row| {
            let value = group_by.map_or_else(String::new, |by| by.value(row));
            *counts.entry(value).or_default() += 1;
            true
        });
        Count { counts, next }
    }

    /// How many rows are of open runs.
    pub(crate) fn open(&self) -> u64 {
        self.namespaces.values().map(|table| table.open).sum()
    }

    /// Looks at rows in their order, as many as the query allows, and shows those that are wanted until `visit` has
    /// enough. Says after which place to go on.
    fn visit(
        &self,
        query: &Query,
        visit: &mut dyn FnMut(&Place, &Kept<M>, &RowRef<'_>) -> bool,
    ) -> Option<Place> {
        let table = self.namespaces.get(&query.namespace)?;
        let mut left = query.budget.max(1);
        for (place, kept) in table.candidates(query) {
            let row = RowRef::decode(&kept.bytes).expect("these bytes were encoded here");
            let run_id = place.run_id().as_str();
            let wanted = query
                .filter
                .matches(kept.workflow_id.as_str(), run_id, &row);
            left -= 1;
            if wanted && !visit(place, kept, &row) || left == 0 {
                return Some(place.clone());
            }
        }
        None
    }
}

impl<M> Table<M> {
    fn apply(&mut self, write: RowWrite<M>) {
        let run = (write.key.workflow_id, write.run_id);
        let before = self.take(&run);
        match (write.change, before) {
            (RowChange::Started(row), _) => self.put(run, &row, write.memo.flatten()),
            (RowChange::Changed(update), Some(kept)) => {
                let mut row = row_of(&kept);
                row.update(update);
                self.put(run, &row, write.memo.unwrap_or(kept.memo));
            }
            // A log from before there were rows says nothing of how its runs began.
            (RowChange::Changed(_), None) | (RowChange::Removed, _) => {}
        }
    }

    fn take(&mut self, run: &(WorkflowId, RunId)) -> Option<Kept<M>> {
        let (start, close) = self.places.remove(run)?;
        self.open -= u64::from(close.is_none());
        self.rows.remove(&Place::new(start, close, run.1.clone()))
    }

    fn put(&mut self, run: (WorkflowId, RunId), row: &VisibilityRow, memo: Option<M>) {
        let close = row.closing.map(|it| it.time);
        let kept = Kept {
            workflow_id: run.0.clone(),
            bytes: row.encode().into(),
            memo,
        };
        let place = Place::new(row.start_time, close, run.1.clone());
        self.rows.insert(place, kept);
        self.places.insert(run, (row.start_time, close));
        self.open += u64::from(close.is_none());
    }

    /// The rows that may be wanted, in their order.
    fn candidates<'a>(
        &'a self,
        query: &Query,
    ) -> Box<dyn Iterator<Item = (&'a Place, &'a Kept<M>)> + 'a> {
        let hints = Hints::of(&query.filter);
        if let Some(ids) = hints.workflow_ids {
            let mut places: Vec<_> = ids.iter().flat_map(|id| self.places_of(id)).collect();
            places.sort_unstable();
            places.dedup();
            let after = query.after.clone();
            places.retain(|place| Some(place) > after.as_ref());
            return Box::new(
                places
                    .into_iter()
                    .filter_map(|place| self.rows.get_key_value(&place)),
            );
        }
        let from = match (query.after.clone(), hints.from) {
            (Some(after), Some(from)) if after >= from => Bound::Excluded(after),
            (Some(after), None) => Bound::Excluded(after),
            (_, Some(from)) => Bound::Included(from),
            (None, None) => Bound::Unbounded,
        };
        let to = hints.to.map_or(Bound::Unbounded, Bound::Excluded);
        let first = match &from {
            Bound::Included(place) | Bound::Excluded(place) => Some(place),
            Bound::Unbounded => None,
        };
        if let (Some(first), Bound::Excluded(last)) = (first, &to)
            && first >= last
        {
            return Box::new(std::iter::empty());
        }
        Box::new(self.rows.range((from, to)))
    }

    fn places_of(&self, id: &str) -> impl Iterator<Item = Place> {
        let id = WorkflowId::from(id);
        let first = (id.clone(), RunId::new(""));
        let runs = self.places.range(first..);
        runs.take_while(move |((of, _), _)| *of == id)
            .map(|((_, run), (start, close))| Place::new(*start, *close, run.clone()))
    }
}

fn row_of<M>(kept: &Kept<M>) -> VisibilityRow {
    RowRef::decode(&kept.bytes)
        .expect("these bytes were encoded here")
        .to_row()
}

/// What a filter says of where its rows are; more may be there.
#[derive(Debug, Default)]
struct Hints {
    /// Only rows of these workflows.
    workflow_ids: Option<Vec<String>>,
    /// No row before this place.
    from: Option<Place>,
    /// No row from this place on.
    to: Option<Place>,
}

impl Hints {
    fn of(filter: &Filter) -> Self {
        let mut hints = Self::default();
        match filter {
            Filter::And(all) => all.iter().for_each(|one| hints.take(one)),
            one @ (Filter::Or(_)
            | Filter::Not(_)
            | Filter::Compare(..)
            | Filter::In(..)
            | Filter::Between(..)
            | Filter::StartsWith(..)
            | Filter::IsNull(..)) => hints.take(one),
        }
        hints
    }

    fn take(&mut self, filter: &Filter) {
        match filter {
            Filter::Compare(column, operator, value) => self.compare(column, *operator, value),
            Filter::In(column, false, values) if is(column, SystemAttribute::WorkflowId) => {
                self.only_workflows(values);
            }
            Filter::IsNull(column, negated) if is(column, SystemAttribute::CloseTime) => {
                if *negated {
                    self.closed_by(Timestamp::MAX);
                } else {
                    self.open();
                }
            }
            Filter::Between(column, false, Scalar::Time(from), Scalar::Time(to))
                if is(column, SystemAttribute::CloseTime) =>
            {
                self.closed_by(*to);
                self.closed_from(*from);
            }
            Filter::And(_)
            | Filter::Or(_)
            | Filter::Not(_)
            | Filter::In(..)
            | Filter::Between(..)
            | Filter::StartsWith(..)
            | Filter::IsNull(..) => {}
        }
    }

    fn compare(&mut self, column: &Column, operator: Operator, value: &Scalar) {
        match (operator, value) {
            (Operator::Equal, Scalar::Text(_)) if is(column, SystemAttribute::WorkflowId) => {
                self.only_workflows(std::slice::from_ref(value));
            }
            (Operator::Equal, Scalar::Status(Status::Running | Status::Paused)) => self.open(),
            (Operator::Equal, Scalar::Status(_)) => self.closed_by(Timestamp::MAX),
            (_, Scalar::Time(time)) if is(column, SystemAttribute::CloseTime) => match operator {
                Operator::Less | Operator::LessOrEqual => self.closed_by(*time),
                Operator::Greater | Operator::GreaterOrEqual => {
                    self.closed_from(*time);
                    self.closed_by(Timestamp::MAX);
                }
                Operator::Equal => {
                    self.closed_by(*time);
                    self.closed_from(*time);
                }
                Operator::NotEqual => self.closed_by(Timestamp::MAX),
            },
            _ => {}
        }
    }

    fn only_workflows(&mut self, values: &[Scalar]) {
        let ids = values.iter().filter_map(|value| match value {
            Scalar::Text(id) => Some(id.clone()),
            Scalar::Int(_)
            | Scalar::Float(_)
            | Scalar::Bool(_)
            | Scalar::Time(_)
            | Scalar::Status(_) => None,
        });
        self.workflow_ids.get_or_insert_with(|| ids.collect());
    }

    /// Open runs stand first, as if they closed at the end of time.
    fn open(&mut self) {
        self.closed_from(Timestamp::MAX);
    }

    fn closed_by(&mut self, time: Timestamp) {
        let last = Timestamp::from_nanos(i64::MAX - 1);
        let place = Place::closed_by(time.min(last));
        if self.from.as_ref().is_none_or(|from| place > *from) {
            self.from = Some(place);
        }
    }

    fn closed_from(&mut self, time: Timestamp) {
        let Some(before) = time.as_nanos().checked_sub(1) else {
            return;
        };
        let place = Place::closed_by(Timestamp::from_nanos(before));
        if self.to.as_ref().is_none_or(|to| place < *to) {
            self.to = Some(place);
        }
    }
}

fn is(column: &Column, system: SystemAttribute) -> bool {
    column.field == Field::System(system)
}
