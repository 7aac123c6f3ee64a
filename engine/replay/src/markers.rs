//! Markers as sdk-core writes them, so that histories from here replay in the official SDKs and theirs here.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use steadfast_proto::temporal::api::{
    common::v1::{Payload, Payloads},
    failure::v1::Failure,
    history::v1::{HistoryEvent, MarkerRecordedEventAttributes, history_event::Attributes},
};

pub(crate) const PATCH: &str = "core_patch";
pub(crate) const LOCAL_ACTIVITY: &str = "core_local_activity";
/// The search attribute that lists a run's patches.
pub(crate) const VERSION_KEY: &str = "TemporalChangeVersion";

type Details = BTreeMap<String, Payloads>;

#[derive(Serialize, Deserialize)]
struct PatchData {
    id: String,
    deprecated: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seconds {
    pub(crate) seconds: i64,
    pub(crate) nanos: i32,
}

/// The identity half of a local activity marker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LocalActivityData {
    pub(crate) seq: u32,
    pub(crate) attempt: u32,
    pub(crate) activity_id: String,
    pub(crate) activity_type: String,
    pub(crate) complete_time: Option<Seconds>,
    pub(crate) backoff: Option<Seconds>,
    pub(crate) original_schedule_time: Option<Seconds>,
    #[serde(default)]
    pub(crate) activation_index: Option<u64>,
}

/// A JSON payload as the SDKs' default converter makes it.
pub(crate) fn json_payload(value: &impl Serialize) -> Option<Payload> {
    let data = serde_json::to_vec(value).ok()?;
    let encoding = ("encoding".to_owned(), Bytes::from_static(b"json/plain"));
    Some(Payload {
        metadata: BTreeMap::from([encoding]),
        data: data.into(),
        ..Default::default()
    })
}

fn one(payload: Payload) -> Payloads {
    Payloads {
        payloads: vec![payload],
    }
}

pub(crate) fn patch_details(id: &str, deprecated: bool) -> Details {
    let data = PatchData {
        id: id.to_owned(),
        deprecated,
    };
    let payload = json_payload(&data).unwrap_or_default();
    BTreeMap::from([("patch-data".to_owned(), one(payload))])
}

/// The patch id and whether it is deprecated, if this is a patch marker; also in its first, plain form.
pub(crate) fn patch_of(marker: &MarkerRecordedEventAttributes) -> Option<(String, bool)> {
    if marker.marker_name == PATCH {
        patch_of_details(&marker.details)
    } else {
        None
    }
}

pub(crate) fn patch_of_details(details: &Details) -> Option<(String, bool)> {
    if let Some(data) = details.get("patch-data") {
        let data: PatchData = serde_json::from_slice(&data.payloads.first()?.data).ok()?;
        return Some((data.id, data.deprecated));
    }
    let id = details.get("patch_id")?.payloads.first()?;
    let deprecated = details.get("deprecated")?.payloads.first()?;
    let id = std::str::from_utf8(&id.data).ok()?;
    Some((id.to_owned(), *deprecated.data.first()? != 0))
}

/// As [`patch_of`], for any event.
pub(crate) fn patch_of_event(event: &HistoryEvent) -> Option<(String, bool)> {
    match &event.attributes {
        Some(Attributes::MarkerRecordedEventAttributes(marker)) => patch_of(marker),
        _ => None,
    }
}

/// The marker, if the event is that of a local activity.
pub(crate) fn local_activity_marker(
    event: &HistoryEvent,
) -> Option<&MarkerRecordedEventAttributes> {
    match &event.attributes {
        Some(Attributes::MarkerRecordedEventAttributes(marker))
            if marker.marker_name == LOCAL_ACTIVITY =>
        {
            Some(marker)
        }
        _ => None,
    }
}

pub(crate) fn local_activity_data(details: &Details) -> Option<LocalActivityData> {
    serde_json::from_slice(&details.get("data")?.payloads.first()?.data).ok()
}

/// What a local activity marker says about the outcome.
pub(crate) fn local_activity_result(
    marker: &MarkerRecordedEventAttributes,
) -> Result<Option<Payload>, Box<Failure>> {
    if let Some(failure) = &marker.failure {
        return Err(Box::new(failure.clone()));
    }
    Ok(marker
        .details
        .get("result")
        .and_then(|result| result.payloads.last().cloned()))
}

pub(crate) fn local_activity_details(
    data: &LocalActivityData,
    result: Option<Payload>,
    input: Option<Vec<Payload>>,
) -> Details {
    let mut details = Details::new();
    if let Some(payload) = json_payload(data) {
        details.insert("data".to_owned(), one(payload));
    }
    if let Some(result) = result {
        details.insert("result".to_owned(), one(result));
    }
    if let Some(payloads) = input {
        details.insert("input".to_owned(), Payloads { payloads });
    }
    details
}
