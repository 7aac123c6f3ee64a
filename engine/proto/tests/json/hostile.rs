//! Whatever the input, an answer and no panic.

use std::sync::LazyLock;

use proptest::prelude::*;
use prost::Message as _;
use steadfast_proto::{
    google::rpc::Status,
    json::{Options, from_json, from_json_with, history_from_json_with, to_json},
    temporal::api::{history::v1::History, workflowservice::v1::PollWorkflowTaskQueueResponse},
};

use crate::history;

static TEXT: LazyLock<String> = LazyLock::new(|| to_json(&history()));
static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| history().encode_to_vec());

/// Reads a document in every way; what is read must read back from what is written of it.
fn read(text: &str) {
    for options in [Options::default(), Options::TOLERANT] {
        if let Ok(history) = history_from_json_with(text, &options) {
            reads_back(&history);
        }
        if let Ok(status) = from_json_with::<Status>(text, &options) {
            reads_back(&status);
        }
        if let Ok(task) = from_json_with::<PollWorkflowTaskQueueResponse>(text, &options) {
            reads_back(&task);
        }
    }
}

fn reads_back<M: prost::Message + prost::Name + Default>(message: &M) {
    let text = to_json(message);
    let back: M = from_json(&text).expect("what is written is read");
    // Text, because no NaN equals itself.
    assert_eq!(to_json(&back), text);
}

/// JSON that has little to do with any message, but uses names of some.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|b| b.to_string()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f64>().prop_map(|n| n.to_string()),
        "\\PC{0,8}".prop_map(|s| format!("{s:?}")),
        Just("\"1.5s\"".to_owned()),
        Just("\"2026-10-06T13:24:56Z\"".to_owned()),
        Just("\"type.googleapis.com/google.rpc.Status\"".to_owned()),
        Just("\"google.protobuf.Duration\"".to_owned()),
    ];
    let name = prop::sample::select(vec![
        "events",
        "history",
        "eventId",
        "event_type",
        "attributes",
        "details",
        "@type",
        "@value",
        "value",
        "message",
        "code",
        "timerFiredEventAttributes",
        "TimerFiredEventAttributes",
        "eventTime",
        "userMetadata",
        "summary",
        "metadata",
        "data",
        "links",
        "seconds",
        "nanos",
        "nextPageToken",
        "timerId",
        "startedEventId",
    ]);
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|l| format!("[{}]", l.join(","))),
            prop::collection::vec((name.clone(), inner), 0..6).prop_map(|o| {
                let fields: Vec<_> = o.iter().map(|(k, v)| format!("{k:?}:{v}")).collect();
                format!("{{{}}}", fields.join(","))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_text(text in "\\PC*") {
        read(&text);
    }

    #[test]
    fn any_json(text in json()) {
        read(&text);
    }

    #[test]
    fn a_history_with_pieces_replaced(
        at in any::<prop::sample::Index>(),
        len in 0_usize..40,
        piece in prop_oneof!["\\PC{0,12}", "[\\[\\]{}\",:0-9a-z]{0,12}", json()],
    ) {
        let text = TEXT.as_str();
        let start = at.index(text.len());
        let end = (start + len).min(text.len());
        prop_assume!(text.is_char_boundary(start) && text.is_char_boundary(end));
        read(&format!("{}{piece}{}", &text[..start], &text[end..]));
    }

    #[test]
    fn a_history_cut_short(at in any::<prop::sample::Index>()) {
        let text = &TEXT[..at.index(TEXT.len())];
        prop_assert!(history_from_json_with(text, &Options::TOLERANT).is_err());
    }

    #[test]
    fn bytes_of_a_history_replaced(
        at in any::<prop::sample::Index>(),
        piece in prop::collection::vec(any::<u8>(), 0..8),
    ) {
        let mut bytes = BYTES.clone();
        let start = at.index(bytes.len());
        let end = (start + piece.len()).min(bytes.len());
        bytes.splice(start..end, piece);
        if let Ok(history) = History::decode(bytes.as_slice()) {
            reads_back(&history);
        }
    }

    #[test]
    fn any_bytes_in_an_any(
        url in prop_oneof!["\\PC{0,8}", Just("t/google.protobuf.Any".to_owned()),
            Just("t/google.rpc.Status".to_owned()), Just("t/google.protobuf.Timestamp".to_owned()),
            Just("t/temporal.api.failure.v1.Failure".to_owned())],
        value in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let any = prost_types::Any { type_url: url, value };
        let status = Status { details: vec![any], ..Status::default() };
        prop_assert_eq!(from_json(&to_json(&status)), Ok(status));
    }
}

#[test]
fn deep_documents_end_at_a_limit() {
    for (open, close) in [
        ("[", "]"),
        ("{\"events\":[", "]}"),
        ("{\"cause\":", "}"),
        ("{\"x\":", "}"),
    ] {
        let text = open.repeat(200_000) + "1" + &close.repeat(200_000);
        read(&text);
        read(&format!("{{\"events\": [{{\"x\": {text}}}]}}"));
    }
}

#[test]
fn an_any_may_hold_messages_of_any_depth() {
    let mut value = Vec::new();
    for _ in 0..10_000 {
        // A failure that the last one caused: field 4.
        let mut outer = vec![0x22];
        prost::encode_length_delimiter(value.len(), &mut outer).expect("a vector grows");
        outer.append(&mut value);
        value = outer;
    }
    let type_url = "t/temporal.api.failure.v1.Failure".to_owned();
    let status = Status {
        details: vec![prost_types::Any { type_url, value }],
        ..Status::default()
    };
    assert_eq!(from_json(&to_json(&status)), Ok(status));
}
