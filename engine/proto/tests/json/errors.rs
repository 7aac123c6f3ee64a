//! Errors name the place, what is wrong and the mend.

use steadfast_proto::{
    json::{JsonProblem, from_json, history_from_json, limits},
    temporal::api::{
        common::v1::{Payloads, RetryPolicy},
        failure::v1::Failure,
        history::v1::History,
    },
};

fn error(text: &str) -> String {
    history_from_json(text).expect_err("refused").to_string()
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let cases = [
        (
            "{\"events\": [\n  {\"eventTyp\": 1}]}",
            "line 2, column 13, at events[0]: temporal.api.history.v1.HistoryEvent has no field \
             \"eventTyp\"; did you mean \"eventType\"?",
        ),
        (
            r#"{"events": [{}, {"eventType": "EVENT_TYPE_TIMER_FIRE"}]}"#,
            "line 1, column 53, at events[1].eventType: temporal.api.enums.v1.EventType has no \
             value \"EVENT_TYPE_TIMER_FIRE\"; did you mean \"EVENT_TYPE_TIMER_FIRED\"?",
        ),
        (
            r#"[{"eventId": "one"}]"#,
            "line 1, column 18, at [0].eventId: \"one\" is no 64-bit integer",
        ),
        (
            r#"[{"eventTime": "yesterday"}]"#,
            "line 1, column 26, at [0].eventTime: \"yesterday\" is no time, as in \
             \"2026-01-31T12:00:00Z\"",
        ),
        (
            r#"[{"timerFiredEventAttributes": {"timerId": 5}}]"#,
            "line 1, column 44, at [0].timerFiredEventAttributes.timerId: expected text, found \
             number 5",
        ),
        (
            r#"[{"eventId": 1, "event_id": 2}]"#,
            "line 1, column 30, at [0].eventId: the field is there twice; keep one of them",
        ),
        (
            r#"[{"timerFiredEventAttributes": {}, "timerStartedEventAttributes": {}}]"#,
            "line 1, column 69, at [0].timerStartedEventAttributes: there is already another field \
             of \"attributes\"; keep one of them",
        ),
        (
            r#"{"events": [{"eventId": "1""#,
            "line 1, column 27, at events[0]: EOF while parsing an object; the document is cut \
             short: export it again",
        ),
        (
            "{\"events\": {}}",
            "line 1, column 13, at events: expected a list, found an object",
        ),
        (
            r#"[{"eventType": "EVENT_TYPE_QQQ"}]"#,
            "line 1, column 31, at [0].eventType: temporal.api.enums.v1.EventType has no value \
             \"EVENT_TYPE_QQQ\"",
        ),
    ];
    for (text, expected) in cases {
        let error = error(text);
        assert!(error.starts_with(expected), "{error}\n{expected}");
    }
}

#[test]
fn what_is_no_history_is_said_to_be_none() {
    for text in ["{}", "5", "\"events\"", "null", "{\"history\": {}}"] {
        assert!(
            error(text).starts_with("not a history"),
            "{text}: {}",
            error(text)
        );
    }
    let page = r#"{"history": {"events": []}, "nextPageToken": "YQ=="}"#;
    assert!(
        error(page).contains("only the first page"),
        "{}",
        error(page)
    );
    assert!(error(r#"{"events": [], "history": {"events": []}}"#).contains("twice"));
    assert!(error(r#"{"events": []} {}"#).contains("trailing characters"));
    assert!(error("").contains("EOF"));
}

#[test]
fn decoded_payloads_get_the_mend() {
    let text = r#"[{"workflowExecutionStartedEventAttributes": {"input": ["order-1"]}}]"#;
    let error = error(text);
    assert!(
        error.contains("found a list; payloads must be exported as they are"),
        "{error}"
    );
}

#[test]
fn values_out_of_range() {
    for text in [
        r#"{"maximumAttempts": 2147483648}"#,
        r#"{"maximumAttempts": 1.5}"#,
        r#"{"maximumAttempts": true}"#,
        r#"{"maximumAttempts": 18446744073709551615}"#,
        r#"{"backoffCoefficient": "inf"}"#,
        r#"{"backoffCoefficient": 1e400}"#,
        r#"{"initialInterval": "1m"}"#,
        r#"{"initialInterval": 1}"#,
        r#"{"nonRetryableErrorTypes": [null]}"#,
        r#"{"nonRetryableErrorTypes": "x"}"#,
        r#"{"retryPolicy": {}}"#,
        r#"[]"#,
        r#""x""#,
        r#"null"#,
    ] {
        assert!(from_json::<RetryPolicy>(text).is_err(), "{text}");
    }
    assert!(from_json::<Payloads>(r#"{"payloads": [{"data": "*"}]}"#).is_err());
    assert!(from_json::<Payloads>(r#"{"payloads": [{"data": [256]}]}"#).is_err());
    let twice = r#"{"payloads": [{"metadata": {"a": "", "a": ""}}]}"#;
    let error = from_json::<Payloads>(twice).expect_err("a key twice");
    assert_eq!(error.path, "payloads[0].metadata[\"a\"]");
    assert_eq!(error.problem, JsonProblem::Duplicate);
}

/// A failure with `causes` below it.
fn chain(causes: usize) -> String {
    r#"{"cause":"#.repeat(causes) + "{}" + &"}".repeat(causes)
}

#[test]
fn nesting_is_read_to_the_limit_and_no_further() {
    assert!(from_json::<Failure>(&chain(limits::NESTING)).is_ok());
    for causes in [limits::NESTING + 1, 1_000, 1_000_000] {
        let error = from_json::<Failure>(&chain(causes)).expect_err("too deep");
        assert_eq!(error.problem, JsonProblem::TooDeep);
    }
    // Times, map entries and their values are levels, too: none of them gets past the decoder's own
    // limit.
    let depth = limits::NESTING;
    for (leaf, levels) in [
        (r#"{"encodedAttributes":{"metadata":{"a":""}}}"#, 2),
        (r#"{"applicationFailureInfo":{"nextRetryDelay":"1s"}}"#, 2),
    ] {
        for (causes, fits) in [(depth - levels, true), (depth - levels + 1, false)] {
            let text = chain(causes).replace("{}", leaf);
            let read = from_json::<Failure>(&text);
            assert_eq!(read.is_ok(), fits, "{leaf} {causes}");
            assert!(read.err().is_none_or(|e| e.problem == JsonProblem::TooDeep));
        }
    }
}

#[test]
fn documents_are_read_to_their_limits() {
    let events = |count: usize| format!("[{}]", vec!["{}"; count].join(","));
    let error = history_from_json(&events(limits::EVENTS + 1)).expect_err("too many events");
    assert_eq!(error.problem, JsonProblem::TooManyEvents);
    let payloads = format!(
        r#"{{"payloads": [{}{{}}]}}"#,
        "{},".repeat(limits::MESSAGES)
    );
    let error = from_json::<Payloads>(&payloads).expect_err("too many messages");
    assert_eq!(error.problem, JsonProblem::TooManyMessages);
    let large = " ".repeat(limits::BYTES + 1);
    let error = from_json::<History>(&large).expect_err("too large");
    assert_eq!(error.problem, JsonProblem::TooLarge(limits::BYTES + 1));
}
