//! What expectations and a suite's own invariants may look at, once a run is over.
//!
//! The names of the fields are those of the expression language: `runs[0].status`,
//! `ledger.entries`, `time.elapsed`, `faults.total`. They are documented in `docs/scenarios.md`.

use std::collections::BTreeMap;

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::Value;

/// A run of a scenario, as it looked at its end.
#[derive(Clone, Debug, Default, Serialize)]
pub struct View {
    /// Every workflow run, ordered by workflow id, then oldest first.
    pub runs: Vec<RunView>,
    /// What happened in the outside world.
    pub ledger: LedgerView,
    /// How long everything took.
    pub time: TimeView,
    /// What went wrong.
    pub faults: FaultsView,
}

/// One workflow run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RunView {
    /// The workflow id.
    pub workflow_id: String,
    /// The run id.
    pub run_id: String,
    /// The workflow type.
    pub workflow: String,
    /// `running`, `completed`, `failed`, `canceled`, `terminated`, `timed-out` or
    /// `continued-as-new`.
    pub status: String,
    /// The workflow id of the parent; empty for a run that a client started.
    pub parent: String,
    /// The attempt of the workflow's own retry policy, from 1.
    pub attempt: i64,
    /// What it returned; null unless it completed with a JSON payload.
    #[serde(serialize_with = "whole_numbers")]
    pub result: Value,
    /// The message of the failure with which it closed, or an empty text.
    pub failure: String,
    /// How many events its history has.
    pub events: i64,
    /// How often each type of event occurs in it, for example `ActivityTaskScheduled`.
    pub counts: BTreeMap<String, i64>,
    /// The signals that reached it, by name.
    pub signals: BTreeMap<String, i64>,
    /// When it started, in seconds since the beginning of the world, by its history.
    pub started: f64,
    /// When it closed, in the same unit; -1 while it is running.
    pub closed: f64,
}

/// The outside world.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LedgerView {
    /// Everything that services did, in the order in which it happened.
    pub entries: Vec<EntryView>,
    /// What is on each account at the end, by account.
    pub balances: BTreeMap<String, i64>,
}

/// One thing that a service did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct EntryView {
    /// Its number, from 1.
    pub id: i64,
    /// The service.
    pub service: String,
    /// The operation that was asked for.
    pub operation: String,
    /// The idempotency key that came with it.
    pub key: String,
    /// The workflow id on whose behalf it was asked.
    pub workflow_id: String,
    /// The attempt of the activity that asked, from 1.
    pub attempt: i64,
    /// `forward`, `compensation` or `read`.
    pub kind: String,
    /// The number of the entry that a compensation takes back; 0 otherwise.
    pub undoes: i64,
    /// What it moved, by account.
    pub amounts: BTreeMap<String, i64>,
    /// When, in seconds since the beginning of the world.
    pub at: f64,
}

/// Simulated time, in seconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct TimeView {
    /// From the beginning of the world to the end of the run.
    pub elapsed: f64,
    /// When the storm ended.
    pub storm: f64,
    /// How long after the storm everything had converged.
    pub calm: f64,
}

/// What went wrong.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FaultsView {
    /// How many faults struck.
    pub total: i64,
    /// How often each class struck that was switched on. In expressions every class is there.
    pub by_class: BTreeMap<String, i64>,
}

/// Writes JSON in such a way that every whole number is a signed one: expressions would otherwise
/// refuse to add 1 to it.
fn whole_numbers<S: Serializer>(value: &Value, out: S) -> Result<S::Ok, S::Error> {
    struct Whole<'a>(&'a Value);
    impl Serialize for Whole<'_> {
        fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
            whole_numbers(self.0, out)
        }
    }
    match value {
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => out.serialize_i64(whole),
            (None, Some(float)) => out.serialize_f64(float),
            (None, None) => number.serialize(out),
        },
        Value::Array(items) => {
            let mut list = out.serialize_seq(Some(items.len()))?;
            for item in items {
                list.serialize_element(&Whole(item))?;
            }
            list.end()
        }
        Value::Object(fields) => {
            let mut map = out.serialize_map(Some(fields.len()))?;
            for (key, field) in fields {
                map.serialize_entry(key, &Whole(field))?;
            }
            map.end()
        }
        other => other.serialize(out),
    }
}
