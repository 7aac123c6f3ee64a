//! An event as a document for people: its JSON with every payload decoded, whatever is in it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use steadfast_proto::json;
use steadfast_proto::payload::{BINARY_NULL, ENCODING};
use steadfast_proto::temporal::api::common::v1::Payload;

use super::Event;
use crate::text;

/// How much of bytes that are no text is shown.
const MOST_BYTES: usize = 96;

/// The JSON of an event as it was read, payloads encoded: what a replayer takes.
pub fn encoded(event: &Event) -> Value {
    match &event.unread {
        Some(text) => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone())),
        None => json::to_value(&event.message),
    }
}

/// The JSON of an event with its payloads decoded, and short names for what everybody knows.
pub fn decoded(event: &Event) -> Value {
    let mut document = encoded(event);
    decode(&mut document);
    document
}

/// Decodes every payload in a document, in its place.
pub fn decode(document: &mut Value) {
    match document {
        Value::Object(fields) => {
            if let Some(value) = payload(fields) {
                *document = value;
            } else if let Some(list) = payload_list(fields) {
                *document = list;
            } else {
                fields.values_mut().for_each(decode);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(decode),
        _ => {}
    }
}

/// A list of payloads: an object that has nothing but them. One payload stands for itself.
fn payload_list(fields: &mut Map<String, Value>) -> Option<Value> {
    if fields.len() != 1 {
        return None;
    }
    let Some(Value::Array(items)) = fields.get_mut("payloads") else {
        return None;
    };
    items.iter_mut().for_each(decode);
    let mut items = std::mem::take(items);
    Some(if items.len() == 1 {
        items.remove(0)
    } else {
        Value::Array(items)
    })
}

/// A payload: an object with the metadata of one.
fn payload(fields: &Map<String, Value>) -> Option<Value> {
    let known = fields
        .keys()
        .all(|name| matches!(name.as_str(), "metadata" | "data" | "externalPayloads"));
    let Some(Value::Object(metadata)) = fields.get("metadata").filter(|_| known) else {
        return None;
    };
    let bytes = |value: Option<&Value>| {
        let text = value.and_then(Value::as_str).unwrap_or_default();
        STANDARD.decode(text).ok()
    };
    let encoding = bytes(Some(metadata.get(ENCODING)?))?;
    let encoding = String::from_utf8_lossy(&encoding).into_owned();
    let data = bytes(fields.get("data"))?;
    Some(value(&encoding, &data))
}

/// What a payload holds.
fn value(encoding: &str, data: &[u8]) -> Value {
    if encoding == BINARY_NULL {
        return Value::Null;
    }
    if encoding.starts_with("json/")
        && let Ok(value) = serde_json::from_slice(data)
    {
        return value;
    }
    match std::str::from_utf8(data) {
        Ok(text) => json!({ "encoding": encoding, "text": text }),
        Err(_) => {
            let head = &data[..data.len().min(MOST_BYTES)];
            let more = if head.len() < data.len() { "…" } else { "" };
            let shown = format!("{}{more}", STANDARD.encode(head));
            json!({ "encoding": encoding, "bytes": data.len(), "base64": shown })
        }
    }
}

/// Payloads on one line, of which no more than so many bytes are looked at.
pub fn line(payloads: &[Payload], most: usize) -> String {
    let mut out = String::new();
    for (place, payload) in payloads.iter().enumerate() {
        if place > 0 {
            out.push_str(", ");
        }
        if out.len() >= most {
            out.push('…');
            break;
        }
        one_line(payload, most - out.len(), &mut out);
    }
    out
}

fn one_line(payload: &Payload, most: usize, out: &mut String) {
    let encoding = payload.encoding();
    if encoding == BINARY_NULL {
        out.push_str("null");
        return;
    }
    let head = &payload.data[..payload.data.len().min(most)];
    let readable = encoding.starts_with("json/") || encoding == "text/plain";
    if readable {
        out.push_str(&String::from_utf8_lossy(head));
        if head.len() < payload.data.len() {
            out.push('…');
        }
    } else {
        let encoding = if encoding.is_empty() {
            "no encoding"
        } else {
            encoding
        };
        out.push_str(&format!("<{encoding} {}>", text::bytes(payload.data.len())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload_of(encoding: &str, data: &[u8]) -> Value {
        json!({"metadata": {"encoding": STANDARD.encode(encoding)}, "data": STANDARD.encode(data)})
    }

    #[test]
    fn payloads_are_decoded_wherever_they_are() {
        let mut document = json!({
            "input": {"payloads": [payload_of("json/plain", b"{\"a\":1}")]},
            "details": {"x": {"payloads": [payload_of("binary/null", b""), payload_of("binary/plain", &[0xff, 0])]}},
            "metadata": {"no": "payload"},
        });
        decode(&mut document);
        let expected = json!({
            "input": {"a": 1},
            "details": {"x": [null, {"encoding": "binary/plain", "bytes": 2, "base64": "/wA="}]},
            "metadata": {"no": "payload"},
        });
        assert_eq!(document, expected);
    }

    #[test]
    fn what_says_that_it_is_json_and_is_not_is_shown_as_text() {
        let mut document = payload_of("json/plain", b"{broken");
        decode(&mut document);
        assert_eq!(
            document,
            json!({"encoding": "json/plain", "text": "{broken"})
        );
        let mut document = json!({"metadata": {"encoding": "not base64 !"}, "data": "x"});
        let before = document.clone();
        decode(&mut document);
        assert_eq!(document, before);
    }

    #[test]
    fn a_line_of_payloads_is_short_whatever_they_hold() {
        let text = "x".repeat(1 << 20);
        let large = Payload::json(&text).expect("text is JSON");
        let line_of = |payloads: &[Payload]| line(payloads, 20);
        assert!(line_of(std::slice::from_ref(&large)).len() < 30);
        assert!(line_of(&vec![large; 1000]).len() < 40);
        assert_eq!(
            line_of(&[Payload::null(), Payload::binary("abc")]),
            "null, <binary/plain 3 B>"
        );
    }
}
