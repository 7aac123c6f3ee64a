//! Every payload of a message, wherever it stands: the tables know where to look.

use std::fmt;

use prost::{Message as _, Name};
use serde_json::Value;

use super::{
    message_of,
    schema::{Kind, Message},
    wire::{Output, Raw},
};
use crate::{
    payload::{BINARY_NULL, ENCODING, JSON_PLAIN},
    temporal::api::common::v1::{Payload, Payloads},
};

const PAYLOAD: &str = "temporal.api.common.v1.Payload";
const PAYLOADS: &str = "temporal.api.common.v1.Payloads";
const SEARCH_ATTRIBUTES: &str = "temporal.api.common.v1.SearchAttributes";

/// The encoded message with each payload exchanged for what `exchange` gives for it; nothing once that gives nothing.
/// Search attributes and what is packed as `Any` stay as they are.
pub(crate) fn exchange<M: prost::Message + Name>(
    message: &M,
    mut exchange: impl FnMut(Payload) -> Option<Payload>,
) -> Option<Vec<u8>> {
    let mut out = Output::default();
    walk(
        message_of::<M>(),
        &message.encode_to_vec(),
        &mut out,
        &mut exchange,
    )?;
    Some(out.into_bytes())
}

fn walk(
    message: &'static Message,
    mut bytes: &[u8],
    out: &mut Output,
    exchange: &mut dyn FnMut(Payload) -> Option<Payload>,
) -> Option<()> {
    while !bytes.is_empty() {
        let before = bytes;
        let (number, raw) = Raw::next::<fmt::Error>(&mut bytes).expect("it was encoded just now");
        let field = message.fields.iter().find(|field| field.number == number);
        match (field.map(|field| field.kind), raw) {
            (Some(Kind::Message(nested)), Raw::Bytes(value)) if nested.name == PAYLOAD => {
                let payload = Payload::decode(value).expect("it was encoded just now");
                out.put_bytes(number, &exchange(payload)?.encode_to_vec());
            }
            (Some(Kind::Message(nested)), Raw::Bytes(value))
                if nested.name != SEARCH_ATTRIBUTES =>
            {
                let start = out.open(number);
                walk(nested, value, out, exchange)?;
                out.close(start);
            }
            _ => out.put_encoded(&before[..before.len() - bytes.len()]),
        }
    }
    Some(())
}

/// What a payload holds, or all of several, if that is JSON and nothing is lost when it stands for itself.
// temporal: api-go temporalcommonv1/payload_json.go, shorthand is for binary/null, for json/plain without other metadata,
// and for json/protobuf with its message type, which is put into the object.
pub(super) fn held(message: &Message, bytes: &[u8]) -> Option<Value> {
    match message.name {
        PAYLOAD => held_by(&Payload::decode(bytes).ok()?),
        PAYLOADS => {
            let all = Payloads::decode(bytes).ok()?;
            all.payloads.iter().map(held_by).collect()
        }
        _ => None,
    }
}

fn held_by(payload: &Payload) -> Option<Value> {
    let read = || serde_json::from_slice(&payload.data).ok();
    match (payload.encoding(), payload.metadata.len()) {
        (BINARY_NULL, _) => Some(Value::Null),
        (JSON_PLAIN, 1) => read(),
        ("json/protobuf", 2) => {
            let kind = payload
                .metadata
                .iter()
                .find(|(name, _)| *name != ENCODING)?;
            let kind = str::from_utf8(kind.1)
                .ok()
                .filter(|_| kind.0 == "messageType")?;
            let mut object = read()?;
            let fields: &mut serde_json::Map<_, _> = object.as_object_mut()?;
            fields.insert("_protoMessageType".to_owned(), kind.into());
            Some(object)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{json::Shorthand, temporal::api::query::v1::WorkflowQuery};

    #[test]
    fn payloads_of_json_stand_for_themselves_and_others_stay() {
        let shown = |payloads: Vec<Payload>| {
            let query = WorkflowQuery {
                query_args: Some(Payloads { payloads }),
                ..WorkflowQuery::default()
            };
            serde_json::to_string(&Shorthand(&query)).expect("it has a table")
        };
        let json = Payload::json(&serde_json::json!({"a": [1, null]})).expect("plain data");
        let mut message = Payload::encoded("json/protobuf", r#"{"x":1}"#);
        let kind = "temporal.X".into();
        message.metadata.insert("messageType".to_owned(), kind);
        assert_eq!(
            shown(vec![json.clone(), Payload::null(), message]),
            r#"{"queryArgs":[{"a":[1,null]},null,{"_protoMessageType":"temporal.X","x":1}]}"#
        );
        assert_eq!(
            shown(vec![json.clone(), Payload::binary("x")]),
            r#"{"queryArgs":{"payloads":[{"a":[1,null]},{"metadata":{"encoding":"YmluYXJ5L3BsYWlu"},"data":"eA=="}]}}"#
        );
        let mut more = json;
        more.metadata.insert("type".to_owned(), "Int".into());
        assert!(shown(vec![more]).contains("metadata"));
        assert!(shown(vec![Payload::encoded(JSON_PLAIN, "no json")]).contains("metadata"));
    }
}
