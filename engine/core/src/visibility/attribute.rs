//! Search attributes: their names, their types, their values.
// temporal: common/searchattribute/sadefs/constants.go and encode_value.go.

use std::{collections::BTreeMap, fmt};

use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Serialize};
use steadfast_proto::temporal::api::{common::v1::Payload, enums::v1::IndexedValueType};

use crate::time::Timestamp;

/// What values an attribute has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AttributeType {
    /// True or false.
    Bool,
    /// A moment.
    Datetime,
    /// A floating-point number.
    Double,
    /// A whole number.
    Int,
    /// Text that is compared as a whole.
    Keyword,
    /// Several of those.
    KeywordList,
    /// Text that is found by its words.
    Text,
}

impl AttributeType {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Bool,
        Self::Datetime,
        Self::Double,
        Self::Int,
        Self::Keyword,
        Self::KeywordList,
        Self::Text,
    ];

    /// As it is named in payloads, in errors, and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "Bool",
            Self::Datetime => "Datetime",
            Self::Double => "Double",
            Self::Int => "Int",
            Self::Keyword => "Keyword",
            Self::KeywordList => "KeywordList",
            Self::Text => "Text",
        }
    }

    /// The type with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    /// As the wire numbers it.
    #[must_use]
    pub fn to_proto(self) -> IndexedValueType {
        match self {
            Self::Bool => IndexedValueType::Bool,
            Self::Datetime => IndexedValueType::Datetime,
            Self::Double => IndexedValueType::Double,
            Self::Int => IndexedValueType::Int,
            Self::Keyword => IndexedValueType::Keyword,
            Self::KeywordList => IndexedValueType::KeywordList,
            Self::Text => IndexedValueType::Text,
        }
    }

    /// From the wire; `None` if it is none of them.
    #[must_use]
    pub fn from_proto(number: i32) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|it| i32::from(it.to_proto()) == number)
    }
}

impl fmt::Display for AttributeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What every run has without being told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SystemAttribute {
    /// The workflow id.
    WorkflowId,
    /// The run id.
    RunId,
    /// The name of the workflow's code.
    WorkflowType,
    /// When the run was created.
    StartTime,
    /// When its first workflow task may be scheduled.
    ExecutionTime,
    /// When it closed.
    CloseTime,
    /// Open, or how it closed.
    ExecutionStatus,
    /// The normal task queue.
    TaskQueue,
    /// Events of a closed run.
    HistoryLength,
    /// Bytes of a closed run's history.
    HistorySizeBytes,
    /// From execution time to close time, in nanoseconds.
    ExecutionDuration,
    /// Transactions of a closed run.
    StateTransitionCount,
    /// The parent's workflow id.
    ParentWorkflowId,
    /// The parent's run id.
    ParentRunId,
    /// The workflow id of the outermost parent, or its own.
    RootWorkflowId,
    /// The run id of the outermost parent, or its own.
    RootRunId,
}

impl SystemAttribute {
    /// All of them, in the order of names.
    pub const ALL: [Self; 16] = [
        Self::CloseTime,
        Self::ExecutionDuration,
        Self::ExecutionStatus,
        Self::ExecutionTime,
        Self::HistoryLength,
        Self::HistorySizeBytes,
        Self::ParentRunId,
        Self::ParentWorkflowId,
        Self::RootRunId,
        Self::RootWorkflowId,
        Self::RunId,
        Self::StartTime,
        Self::StateTransitionCount,
        Self::TaskQueue,
        Self::WorkflowId,
        Self::WorkflowType,
    ];

    /// Its name in filters.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::WorkflowId => "WorkflowId",
            Self::RunId => "RunId",
            Self::WorkflowType => "WorkflowType",
            Self::StartTime => "StartTime",
            Self::ExecutionTime => "ExecutionTime",
            Self::CloseTime => "CloseTime",
            Self::ExecutionStatus => "ExecutionStatus",
            Self::TaskQueue => "TaskQueue",
            Self::HistoryLength => "HistoryLength",
            Self::HistorySizeBytes => "HistorySizeBytes",
            Self::ExecutionDuration => "ExecutionDuration",
            Self::StateTransitionCount => "StateTransitionCount",
            Self::ParentWorkflowId => "ParentWorkflowId",
            Self::ParentRunId => "ParentRunId",
            Self::RootWorkflowId => "RootWorkflowId",
            Self::RootRunId => "RootRunId",
        }
    }

    /// The type of its values.
    #[must_use]
    pub fn attribute_type(self) -> AttributeType {
        match self {
            Self::StartTime | Self::ExecutionTime | Self::CloseTime => AttributeType::Datetime,
            Self::HistoryLength
            | Self::HistorySizeBytes
            | Self::ExecutionDuration
            | Self::StateTransitionCount => AttributeType::Int,
            Self::WorkflowId
            | Self::RunId
            | Self::WorkflowType
            | Self::ExecutionStatus
            | Self::TaskQueue
            | Self::ParentWorkflowId
            | Self::ParentRunId
            | Self::RootWorkflowId
            | Self::RootRunId => AttributeType::Keyword,
        }
    }

    /// The one with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }
}

/// Attributes that exist in every namespace and are kept beside a namespace's own; whether a caller may set them.
const PREDEFINED: [(&str, AttributeType, bool); 17] = [
    ("BatcherNamespace", AttributeType::Keyword, true),
    ("BatcherUser", AttributeType::Keyword, true),
    ("BinaryChecksums", AttributeType::KeywordList, true),
    (BUILD_IDS, AttributeType::KeywordList, true),
    ("TemporalChangeVersion", AttributeType::KeywordList, true),
    ("TemporalExternalPayloadCount", AttributeType::Int, false),
    (
        "TemporalExternalPayloadSizeBytes",
        AttributeType::Int,
        false,
    ),
    (NAMESPACE_DIVISION, AttributeType::Keyword, true),
    ("TemporalPauseInfo", AttributeType::KeywordList, true),
    ("TemporalReportedProblems", AttributeType::KeywordList, true),
    ("TemporalSchedulePaused", AttributeType::Bool, true),
    ("TemporalScheduledById", AttributeType::Keyword, true),
    ("TemporalScheduledStartTime", AttributeType::Datetime, true),
    (
        "TemporalUsedWorkerDeploymentVersions",
        AttributeType::KeywordList,
        false,
    ),
    ("TemporalWorkerDeployment", AttributeType::Keyword, false),
    (
        "TemporalWorkerDeploymentVersion",
        AttributeType::Keyword,
        false,
    ),
    (
        "TemporalWorkflowVersioningBehavior",
        AttributeType::Keyword,
        false,
    ),
];

/// The builds that completed workflow tasks of a run.
pub(crate) const BUILD_IDS: &str = "BuildIds";
/// What separates schedules, batches and the like from users' workflows.
pub(crate) const NAMESPACE_DIVISION: &str = "TemporalNamespaceDivision";
/// Before names that are the server's.
pub(crate) const RESERVED_PREFIX: &str = "Temporal";
/// Names of columns that were never attributes and must not become any.
const RESERVED: [&str; 4] = ["NamespaceId", "MemoEncoding", "Memo", "VisibilityTaskKey"];

/// A predefined attribute's type and whether a caller may set it.
pub(crate) fn predefined(name: &str) -> Option<(AttributeType, bool)> {
    PREDEFINED
        .iter()
        .find(|(known, ..)| *known == name)
        .map(|(_, attribute_type, settable)| (*attribute_type, *settable))
}

/// Whether no namespace may have an attribute of this name.
pub(crate) fn is_reserved(name: &str) -> bool {
    SystemAttribute::from_name(name).is_some()
        || predefined(name).is_some()
        || RESERVED.contains(&name)
        || name.starts_with(RESERVED_PREFIX)
}

/// The search attributes of a namespace: its own, beside those that every namespace has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchAttributeTypes {
    custom: BTreeMap<String, AttributeType>,
}

impl SearchAttributeTypes {
    /// Those of a namespace with these attributes of its own. Reserved names are left out.
    #[must_use]
    pub fn new(custom: impl IntoIterator<Item = (String, AttributeType)>) -> Self {
        let custom = custom.into_iter().filter(|(name, _)| !is_reserved(name));
        Self {
            custom: custom.collect(),
        }
    }

    /// The namespace's own attributes.
    #[must_use]
    pub fn custom(&self) -> &BTreeMap<String, AttributeType> {
        &self.custom
    }

    /// Those that every namespace has, predefined ones included.
    #[must_use]
    pub fn system() -> BTreeMap<String, AttributeType> {
        let system = SystemAttribute::ALL
            .into_iter()
            .map(|it| (it.name().to_owned(), it.attribute_type()));
        let predefined = PREDEFINED
            .iter()
            .map(|(name, attribute_type, _)| ((*name).to_owned(), *attribute_type));
        system.chain(predefined).collect()
    }

    /// The type of an attribute that is kept with a run: a predefined one, or one of the namespace's own.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<AttributeType> {
        let own = self.custom.get(name).copied();
        own.or_else(|| predefined(name).map(|(attribute_type, _)| attribute_type))
    }
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// Of a `Bool`.
    Bool(bool),
    /// Of a `Datetime`.
    Datetime(Timestamp),
    /// Of a `Double`; never NaN.
    Double(f64),
    /// Of an `Int`.
    Int(i64),
    /// Of a `Keyword`.
    Keyword(String),
    /// Of a `KeywordList`; never empty.
    KeywordList(Vec<String>),
    /// Of a `Text`.
    Text(String),
}

/// A [`Value`] that lies in the bytes of a row.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub enum ValueRef<'a> {
    /// Of a `Bool`.
    Bool(bool),
    /// Of a `Datetime`.
    Datetime(Timestamp),
    /// Of a `Double`.
    Double(f64),
    /// Of an `Int`.
    Int(i64),
    /// Of a `Keyword`.
    Keyword(&'a str),
    /// Of a `KeywordList`.
    #[serde(borrow)]
    KeywordList(Vec<&'a str>),
    /// Of a `Text`.
    Text(&'a str),
}

impl ValueRef<'_> {
    /// The same value, owned.
    #[must_use]
    pub fn to_value(&self) -> Value {
        match self {
            Self::Bool(value) => Value::Bool(*value),
            Self::Datetime(value) => Value::Datetime(*value),
            Self::Double(value) => Value::Double(*value),
            Self::Int(value) => Value::Int(*value),
            Self::Keyword(value) => Value::Keyword((*value).to_owned()),
            Self::KeywordList(values) => {
                Value::KeywordList(values.iter().map(|it| (*it).to_owned()).collect())
            }
            Self::Text(value) => Value::Text((*value).to_owned()),
        }
    }
}

impl Value {
    /// The same value, borrowed.
    #[must_use]
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Self::Bool(value) => ValueRef::Bool(*value),
            Self::Datetime(value) => ValueRef::Datetime(*value),
            Self::Double(value) => ValueRef::Double(*value),
            Self::Int(value) => ValueRef::Int(*value),
            Self::Keyword(value) => ValueRef::Keyword(value),
            Self::KeywordList(values) => {
                ValueRef::KeywordList(values.iter().map(String::as_str).collect())
            }
            Self::Text(value) => ValueRef::Text(value),
        }
    }

    /// Its type.
    #[must_use]
    pub fn attribute_type(&self) -> AttributeType {
        match self {
            Self::Bool(_) => AttributeType::Bool,
            Self::Datetime(_) => AttributeType::Datetime,
            Self::Double(_) => AttributeType::Double,
            Self::Int(_) => AttributeType::Int,
            Self::Keyword(_) => AttributeType::Keyword,
            Self::KeywordList(_) => AttributeType::KeywordList,
            Self::Text(_) => AttributeType::Text,
        }
    }
}

const ENCODING: &str = "encoding";
const JSON: &[u8] = b"json/plain";
const NULL: &[u8] = b"binary/null";
pub(crate) const TYPE: &str = "type";

/// Reads a value of this type; `None` if the payload unsets the attribute.
///
/// # Errors
/// If it is no such value: what it is instead, as Temporal prints it.
// temporal: common/searchattribute/sadefs/encode_value.go DecodeValue: a list of one stands for its element, an empty
// list and null unset.
pub fn from_payload(
    payload: &Payload,
    attribute_type: AttributeType,
) -> Result<Option<Value>, String> {
    let encoding = payload.metadata.get(ENCODING).map_or(&b""[..], |e| &e[..]);
    if encoding == NULL {
        return Ok(None);
    }
    if encoding == b"binary/plain" {
        let bytes: Vec<_> = payload.data.iter().map(ToString::to_string).collect();
        return Err(format!("[{}]", bytes.join(" ")));
    }
    let json = (encoding == JSON).then(|| serde_json::from_slice(&payload.data));
    let Some(Ok(json)) = json else {
        return Err(format!(
            "value from <encoding:{:?} data:{:?}>",
            String::from_utf8_lossy(encoding),
            String::from_utf8_lossy(&payload.data)
        ));
    };
    from_json(&json, attribute_type).ok_or_else(|| as_go_prints(&json))
}

/// The value, or none if it unsets; nothing at all if it does not fit.
fn from_json(json: &serde_json::Value, attribute_type: AttributeType) -> Option<Option<Value>> {
    use serde_json::Value as Json;
    match json {
        Json::Null => Some(None),
        Json::Array(elements) if elements.is_empty() => Some(None),
        Json::Array(elements) if attribute_type == AttributeType::KeywordList => {
            let texts = elements.iter().map(|it| match it {
                Json::String(text) => Some(text.clone()),
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
                    None
                }
            });
            let texts: Option<Vec<_>> = texts.collect();
            texts.map(|texts| Some(Value::KeywordList(texts)))
        }
        Json::Array(elements) => match &elements[..] {
            [Json::Array(_)] => None,
            [one] => from_json(one, attribute_type),
            _ => None,
        },
        Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_) => {
            single(json, attribute_type).map(Some)
        }
    }
}

fn single(json: &serde_json::Value, attribute_type: AttributeType) -> Option<Value> {
    match attribute_type {
        AttributeType::Bool => json.as_bool().map(Value::Bool),
        AttributeType::Datetime => json.as_str().and_then(datetime).map(Value::Datetime),
        AttributeType::Double => json.as_f64().map(Value::Double),
        AttributeType::Int => json.as_i64().map(Value::Int),
        AttributeType::Keyword => json.as_str().map(|text| Value::Keyword(text.to_owned())),
        AttributeType::Text => json.as_str().map(|text| Value::Text(text.to_owned())),
        AttributeType::KeywordList => None,
    }
}

/// Reads RFC 3339 as Go does: a `T` between date and time, and an offset. Moments that a nanosecond count cannot hold
/// are the nearest that it can.
pub(crate) fn datetime(text: &str) -> Option<Timestamp> {
    if text.as_bytes().get(10) != Some(&b'T') || text.ends_with('z') {
        return None;
    }
    let moment = DateTime::parse_from_rfc3339(text).ok()?;
    let seconds = moment.timestamp().saturating_mul(1_000_000_000);
    let nanos = i64::from(moment.timestamp_subsec_nanos());
    Some(Timestamp::from_nanos(seconds.saturating_add(nanos)))
}

/// Writes a moment in UTC with as many decimals as it needs.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    let moment = DateTime::from_timestamp_nanos(time.as_nanos());
    let text = moment.to_rfc3339_opts(SecondsFormat::Nanos, true);
    let digits = text.trim_end_matches('Z').trim_end_matches('0');
    format!("{}Z", digits.trim_end_matches('.'))
}

/// As the wire has it, the type in its metadata.
#[must_use]
pub fn to_payload(value: &Value) -> Payload {
    let json = match value {
        Value::Bool(value) => serde_json::json!(value),
        Value::Datetime(value) => serde_json::json!(rfc3339(*value)),
        Value::Double(value) => double(*value),
        Value::Int(value) => serde_json::json!(value),
        Value::Keyword(value) | Value::Text(value) => serde_json::json!(value),
        Value::KeywordList(values) => serde_json::json!(values),
    };
    let metadata = [
        (ENCODING.to_owned(), JSON),
        (TYPE.to_owned(), value.attribute_type().name().as_bytes()),
    ];
    Payload {
        metadata: metadata
            .into_iter()
            .map(|(key, value)| (key, value.to_vec().into()))
            .collect(),
        data: json.to_string().into(),
        ..Payload::default()
    }
}

/// A whole number is written without a fraction, as Go does.
fn double(value: f64) -> serde_json::Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the value is whole and small enough to be exact"
    )]
    if value.fract() == 0.0 && value.abs() < EXACT {
        serde_json::json!(value as i64)
    } else {
        serde_json::json!(value)
    }
}

/// A decoded value as Go's `%v` prints it: what Temporal's errors show.
fn as_go_prints(json: &serde_json::Value) -> String {
    use serde_json::Value as Json;
    match json {
        Json::Null => "<nil>".to_owned(),
        Json::Bool(value) => value.to_string(),
        Json::Number(number) => go_number(number.as_f64().unwrap_or(f64::NAN)),
        Json::String(text) => text.clone(),
        Json::Array(elements) => {
            let elements: Vec<_> = elements.iter().map(as_go_prints).collect();
            format!("[{}]", elements.join(" "))
        }
        Json::Object(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|(key, value)| format!("{key}:{}", as_go_prints(value)))
                .collect();
            format!("map[{}]", fields.join(" "))
        }
    }
}

/// A float as Go's `%v` prints it.
pub(crate) fn go_number(value: f64) -> String {
    let scientific = format!("{value:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return value.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}
