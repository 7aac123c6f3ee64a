//! What is known of a run without loading it.
//!
//! | what happens to a run | change |
//! |---|---|
//! | it begins | [`RowChange::Started`], with whatever else the same transaction did to it |
//! | its search attributes or its memo are changed, it closes | [`RowChange::Changed`] |
//! | it is deleted | [`RowChange::Removed`] |
//!
//! Nothing else changes a row: a workflow that just runs costs two small records. The sizes of a history are known of
//! closed runs only, and the builds in `BuildIds` from the next change on.
// temporal: common/persistence/visibility/store/sql/visibility_store.go: an open execution's row has no length, size,
// transition count or duration.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use steadfast_proto::temporal::api::{
    common::v1::{Memo, Payload, WorkflowExecution},
    enums::v1::WorkflowExecutionStatus,
};

use super::attribute::{AttributeType, TYPE, Value, ValueRef, from_payload};
use crate::{
    execution::Run,
    history::HistoryState,
    ids::{RunId, WorkflowId},
    record::Proto,
    time::Timestamp,
};

/// What is known of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VisibilityRow {
    /// The name of its code.
    pub workflow_type: String,
    /// Its normal task queue.
    pub task_queue: String,
    /// When it was created.
    pub start_time: Timestamp,
    /// When its first workflow task may be scheduled.
    pub execution_time: Timestamp,
    /// The run that started it.
    pub parent: Option<Relative>,
    /// The outermost of those; `None` if it has no parent.
    pub root: Option<Relative>,
    /// How it closed; `None` while it is open.
    pub closing: Option<Closing>,
    /// Its search attributes.
    pub search_attributes: BTreeMap<String, Value>,
    /// Its memo. The last field, so that an index can do without it.
    pub memo: Option<Proto<Memo>>,
}

/// Another run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relative {
    /// Its namespace; empty if that does not matter.
    pub namespace: String,
    /// Its workflow id.
    pub workflow_id: String,
    /// Its run id.
    pub run_id: String,
}

/// How a run closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    /// How.
    #[serde(with = "number")]
    pub status: WorkflowExecutionStatus,
    /// When.
    pub time: Timestamp,
    /// Events in its history.
    pub history_length: i64,
    /// Bytes of its history.
    pub history_size_bytes: i64,
    /// Transactions.
    pub state_transition_count: i64,
}

/// What happens to a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum RowChange {
    /// There is one.
    Started(Box<VisibilityRow>),
    /// Some of it is different now.
    Changed(RowUpdate),
    /// There is none any more.
    Removed,
}

/// What of a row is different now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RowUpdate {
    /// Its search attributes, all of them.
    pub search_attributes: Option<BTreeMap<String, Value>>,
    /// How the run closed.
    pub closing: Option<Closing>,
    /// Its memo, all of it.
    pub memo: Option<Proto<Memo>>,
}

/// A row that a list found.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    /// Whose row.
    pub workflow_id: WorkflowId,
    /// Of which run.
    pub run_id: RunId,
    /// The row.
    pub row: VisibilityRow,
}

/// A row in the bytes that a store keeps, without its memo.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct RowRef<'a> {
    /// The name of its code.
    pub workflow_type: &'a str,
    /// Its normal task queue.
    pub task_queue: &'a str,
    /// When it was created.
    pub start_time: Timestamp,
    /// When its first workflow task may be scheduled.
    pub execution_time: Timestamp,
    /// The run that started it: namespace, workflow id, run id.
    #[serde(borrow)]
    pub parent: Option<(&'a str, &'a str, &'a str)>,
    /// The outermost of those.
    #[serde(borrow)]
    pub root: Option<(&'a str, &'a str, &'a str)>,
    /// How it closed.
    pub closing: Option<Closing>,
    /// Its search attributes, in the order of names.
    #[serde(borrow)]
    pub search_attributes: Vec<(&'a str, ValueRef<'a>)>,
}

impl VisibilityRow {
    /// The row of a run as it is now.
    #[must_use]
    pub fn of(run: &Run) -> Self {
        let history = &run.history;
        let start = &history.start;
        let parent = start.parent_workflow_execution.as_ref();
        let root = start.root_workflow_execution.as_ref();
        Self {
            workflow_type: start.workflow_type.clone().unwrap_or_default().name,
            task_queue: start.task_queue.clone().unwrap_or_default().name,
            start_time: history.begun_at(),
            execution_time: history.execution_time(),
            parent: parent.map(|it| relative(&start.parent_workflow_namespace_id, it)),
            root: root.filter(|_| parent.is_some()).map(|it| relative("", it)),
            closing: Closing::of(history),
            search_attributes: attributes_of(history),
            memo: memo_of(history),
        }
    }

    /// Open, or how it closed.
    #[must_use]
    pub fn status(&self) -> WorkflowExecutionStatus {
        self.closing
            .map_or(WorkflowExecutionStatus::Running, |it| it.status)
    }

    /// Takes what is different now.
    pub fn update(&mut self, update: RowUpdate) {
        if let Some(attributes) = update.search_attributes {
            self.search_attributes = attributes;
        }
        if update.closing.is_some() {
            self.closing = update.closing;
        }
        if let Some(memo) = update.memo {
            self.memo = (!memo.0.fields.is_empty()).then_some(memo);
        }
    }

    /// The bytes that [`RowRef::decode`] reads.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("a row has no unserialisable parts")
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// If the bytes are no row.
    pub fn decode(bytes: &[u8]) -> Result<Self, postcard::Error> {
        postcard::from_bytes(bytes)
    }
}

impl<'a> RowRef<'a> {
    /// Reads what [`VisibilityRow::encode`] wrote, without its memo.
    ///
    /// # Errors
    /// If the bytes are no row.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, postcard::Error> {
        postcard::take_from_bytes(bytes).map(|(row, _memo)| row)
    }

    /// The same row, owned and without a memo.
    #[must_use]
    pub fn to_row(&self) -> VisibilityRow {
        let relative = |(namespace, workflow_id, run_id): (&str, &str, &str)| Relative {
            namespace: namespace.to_owned(),
            workflow_id: workflow_id.to_owned(),
            run_id: run_id.to_owned(),
        };
        VisibilityRow {
            workflow_type: self.workflow_type.to_owned(),
            task_queue: self.task_queue.to_owned(),
            start_time: self.start_time,
            execution_time: self.execution_time,
            parent: self.parent.map(relative),
            root: self.root.map(relative),
            closing: self.closing,
            search_attributes: self
                .search_attributes
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.to_value()))
                .collect(),
            memo: None,
        }
    }

    /// One of its search attributes.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&ValueRef<'a>> {
        let found = self.search_attributes.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| value)
    }
}

impl Closing {
    pub(crate) fn of(history: &HistoryState) -> Option<Self> {
        let time = history.close_time?;
        Some(Self {
            status: history.status,
            time,
            history_length: history.last_event().0,
            history_size_bytes: history.bytes,
            state_transition_count: history.transitions,
        })
    }
}

fn relative(namespace: &str, run: &WorkflowExecution) -> Relative {
    Relative {
        namespace: namespace.to_owned(),
        workflow_id: run.workflow_id.clone(),
        run_id: run.run_id.clone(),
    }
}

/// A run's search attributes as values: the type stands in the metadata of each. What is of no type, or not of the
/// one that it names, can be in an imported history only, and is not found by any filter.
pub(crate) fn attributes_of(history: &HistoryState) -> BTreeMap<String, Value> {
    typed(&history.search_attributes)
}

/// The same of search attributes wherever they are.
pub(crate) fn typed(attributes: &BTreeMap<String, Payload>) -> BTreeMap<String, Value> {
    let typed = attributes.iter().filter_map(|(name, payload)| {
        let named = payload.metadata.get(TYPE)?;
        let attribute_type = AttributeType::from_name(std::str::from_utf8(named).ok()?)?;
        let value = from_payload(payload, attribute_type).ok()??;
        Some((name.clone(), value))
    });
    typed.collect()
}

pub(crate) fn memo_of(history: &HistoryState) -> Option<Proto<Memo>> {
    (!history.memo.is_empty()).then(|| {
        Proto(Memo {
            fields: history.memo.clone(),
        })
    })
}

/// A status as its number.
mod number {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de::Error as _};
    use steadfast_proto::temporal::api::enums::v1::WorkflowExecutionStatus;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde wants it")]
    pub(super) fn serialize<S: Serializer>(
        status: &WorkflowExecutionStatus,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        i32::from(*status).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<WorkflowExecutionStatus, D::Error> {
        let number = i32::deserialize(deserializer)?;
        WorkflowExecutionStatus::try_from(number)
            .map_err(|_| D::Error::custom("there is no such status"))
    }
}
