//! Histories that nobody wrote in good faith: nothing of them reaches the terminal raw, and nothing panics or is lost.

use std::fs;
use std::path::PathBuf;

use ratatui::buffer::Buffer;
use serde_json::{Value, json};
use steadfast_proto::temporal::api::common::v1::Payload;
use steadfast_tui::app::{Msg, Screen};
use tempfile::TempDir;

use crate::desk::Desk;

const NASTY: &str = "\x1b[2J\x1b]0;owned\x07\u{9b}31m\r\n\t\u{202e}desrever\u{2066}\u{200d}👩‍👩‍👧‍👦e\u{301}\u{301}日本\u{feff}\0";

fn payload(data: &[u8], encoding: &str) -> Value {
    let payload = Payload {
        metadata: [("encoding".to_owned(), encoding.as_bytes().to_vec().into())].into(),
        data: data.to_vec().into(),
        ..Payload::default()
    };
    steadfast_proto::json::to_value(&payload)
}

fn started(input: Value) -> Value {
    json!({
        "eventId": "1", "eventType": "EVENT_TYPE_WORKFLOW_EXECUTION_STARTED", "eventTime": "2026-01-01T00:00:00Z",
        "workflowExecutionStartedEventAttributes": {
            "workflowType": {"name": NASTY}, "workflowId": NASTY, "taskQueue": {"name": NASTY},
            "input": {"payloads": [input]},
            "memo": {"fields": {NASTY: payload(NASTY.as_bytes(), "json/plain")}},
        },
    })
}

fn signal(id: usize, name: &str, input: Value) -> Value {
    json!({
        "eventId": id.to_string(), "eventType": "EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED",
        "eventTime": "2026-01-01T00:00:01Z",
        "workflowExecutionSignaledEventAttributes": {"signalName": name, "input": {"payloads": [input]}},
    })
}

fn folder(name: &str, text: impl AsRef<[u8]>) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    fs::write(&path, text).expect("written");
    (folder, path)
}

/// What every cell must be, whatever was in the history.
pub(crate) fn is_harmless(buffer: &Buffer) {
    for cell in buffer.content() {
        for c in cell.symbol().chars() {
            let direction = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}'..='\u{200f}');
            assert!(!c.is_control() && !direction, "{:?}", cell.symbol());
        }
    }
}

/// Goes over every screen.
fn tour(desk: &mut Desk) {
    for keys in [
        "1", "+", "G", "2", "+", "3", "G", "tab", "+", "4", "enter", "G", "5", "6", "7", "9", "d",
        "q", "?", "esc",
    ] {
        desk.press(keys);
        is_harmless(&desk.buffer());
    }
}

#[test]
fn escapes_and_marks_are_shown_and_not_obeyed() {
    let events = [
        started(payload(NASTY.as_bytes(), "json/plain")),
        signal(
            2,
            NASTY,
            payload(&[0xff, 0xfe, 0x1b, b'[', b'2', b'J'], "binary/plain"),
        ),
        signal(
            3,
            "text",
            payload(
                serde_json::to_string(NASTY).expect("text").as_bytes(),
                "json/plain",
            ),
        ),
        signal(4, "odd", payload(b"x", NASTY)),
        json!({"eventId": "5", "eventType": NASTY, NASTY: NASTY}),
    ];
    let (_folder, path) = folder("nasty.json", json!({ "events": events }).to_string());
    for size in [(60, 16), (120, 40)] {
        let mut desk = Desk::open(vec![path.clone()], size);
        tour(&mut desk);
    }
    let mut desk = Desk::open(vec![path.parent().expect("a folder").to_owned()], (120, 40));
    is_harmless(&desk.buffer());
    desk.press("/").type_in("x");
    desk.send(Msg::Paste(NASTY.to_owned()));
    is_harmless(&desk.buffer());
    desk.press("enter");
    is_harmless(&desk.buffer());
}

#[test]
fn megabytes_in_one_payload() {
    let long = "x\u{1b}".repeat(1 << 20);
    let text = serde_json::to_string(&long).expect("text");
    let events = [
        started(payload(text.as_bytes(), "json/plain")),
        signal(2, &long, payload(text.as_bytes(), "json/plain")),
    ];
    let (_folder, path) = folder("large.json", json!({ "events": events }).to_string());
    let mut desk = Desk::open(vec![path], (120, 40));
    assert!(
        desk.screen().contains("keep it elsewhere"),
        "{}",
        desk.screen()
    );
    tour(&mut desk);
}

#[test]
fn fifty_thousand_events() {
    let events: Vec<Value> = (2..=50_000)
        .map(|id| {
            signal(
                id,
                if id == 40_000 { "needle" } else { "hay" },
                payload(b"1", "json/plain"),
            )
        })
        .collect();
    let mut all = vec![started(payload(b"1", "json/plain"))];
    all.extend(events);
    let (_folder, path) = folder("long.json", json!({ "events": all }).to_string());
    let mut desk = Desk::open(vec![path], (120, 40));
    let Some(Screen::Run(run)) = desk.model.top() else {
        panic!("it is a run")
    };
    assert_eq!(run.history.len(), 50_000);
    desk.press("/").type_in("needle").press("enter");
    let Some(Screen::Run(run)) = desk.model.top() else {
        panic!("it is a run")
    };
    assert_eq!(run.focus, 39_999);
    assert!(desk.screen().contains("needle"));
    tour(&mut desk);
}

#[test]
fn broken_files_say_what_is_wrong_and_show_what_they_have() {
    let whole = json!({ "events": [started(payload(b"1", "json/plain")), signal(2, "s", payload(b"1", "json/plain"))] });
    let whole = whole.to_string();
    let (folder, path) = folder("cut.json", &whole[..whole.len() - 20]);
    let mut desk = Desk::open(vec![path], (120, 30));
    let screen = desk.screen();
    assert!(
        screen.contains("cut short") && screen.contains("incomplete"),
        "{screen}"
    );
    for (name, text) in [
        ("empty.json", ""),
        ("other.json", "{\"cases\":[]}"),
        ("list.json", "[1,2,\"x\",null]"),
        ("deep.json", &"[".repeat(100_000)),
        ("nothing.json", "{\"events\":[]}"),
        (
            "loop.json",
            r#"[{"eventId":"7","eventType":"EVENT_TYPE_TIMER_FIRED","timerFiredEventAttributes":{"startedEventId":"7"}},
            {"eventId":"7","eventType":"EVENT_TYPE_TIMER_FIRED","timerFiredEventAttributes":{"startedEventId":"-9"}}]"#,
        ),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("written");
        let mut desk = Desk::open(vec![path], (80, 24));
        tour(&mut desk);
    }
    let mut desk = Desk::open(vec![folder.path().to_owned()], (120, 30));
    let screen = desk.screen();
    assert!(
        screen.contains("not a history") && screen.contains("unreadable"),
        "{screen}"
    );
    let mut desk = Desk::open(vec![folder.path().join("missing.json")], (80, 24));
    assert!(desk.screen().contains("no such file"), "{}", desk.screen());
    tour(&mut desk);
}

#[test]
fn times_that_run_back_or_are_absurd() {
    let at = |id: usize, time: &str| {
        let mut event = signal(id, "s", payload(b"1", "json/plain"));
        event["eventTime"] = json!(time);
        event
    };
    let events = [
        started(payload(b"1", "json/plain")),
        at(2, "2026-01-01T00:00:09Z"),
        at(3, "0001-01-01T00:00:00Z"),
        at(4, "9999-12-31T23:59:59Z"),
        at(5, "2026-01-01T00:00:03Z"),
    ];
    let (_folder, path) = folder("times.json", json!({ "events": events }).to_string());
    tour(&mut Desk::open(vec![path], (120, 40)));
}
