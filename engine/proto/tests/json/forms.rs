//! Every form in which a document may come.

use serde_json::{Value, json};
use steadfast_proto::{
    google::rpc::Status,
    json::{
        self, Canonical, Options, from_json, from_json_with, history_from_json,
        history_from_json_with, history_to_json, to_json, to_value,
    },
    temporal::api::{
        common::v1::{Payload, RetryPolicy, WorkflowExecution},
        enums::v1::EventType,
        history::v1::{History, HistoryEvent, history_event::Attributes},
        workflowservice::v1::{GetWorkflowExecutionHistoryResponse, UpdateActivityOptionsRequest},
    },
};

use crate::{bare, history};

#[test]
fn the_canonical_form() {
    let text = history_to_json(&history());
    let value: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(
        value["events"][0],
        json!({
            "eventId": "1",
            "eventTime": "2026-10-06T13:24:56.515407001Z",
            "eventType": "EVENT_TYPE_WORKFLOW_EXECUTION_STARTED",
            "taskId": "1048587",
            "workflowExecutionStartedEventAttributes": {
                "workflowType": {"name": "OrderFulfillment"},
                "taskQueue": {"name": "orders", "kind": "TASK_QUEUE_KIND_NORMAL"},
                "input": {"payloads": [
                    {"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": "Im9yZGVyLTEi"},
                ]},
                "workflowTaskTimeout": "10s",
                "attempt": 1,
                "searchAttributes": {"indexedFields": {
                    "a": {"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": "IjEi"},
                    "b": {"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": "IjIi"},
                }},
                "header": {},
            },
        })
    );
    let scheduled = &value["events"][1]["activityTaskScheduledEventAttributes"];
    assert_eq!(scheduled["startToCloseTimeout"], "1.500s");
    assert_eq!(scheduled["retryPolicy"]["backoffCoefficient"], json!(2));
    assert_eq!(scheduled["retryPolicy"]["initialInterval"], "0.000000001s");
    assert_eq!(history_from_json(&text), Ok(history()));
}

#[test]
fn text_is_laid_out_as_the_command_line_does() {
    let history = History {
        events: vec![bare(EventType::TimerFired)],
    };
    let text = "{\n  \"events\": [\n    {\n      \"eventId\": \"1\",\n      \
                \"eventType\": \"EVENT_TYPE_TIMER_FIRED\"\n    }\n  ]\n}\n";
    assert_eq!(history_to_json(&history), text);
    assert_eq!(
        to_json(&history),
        r#"{"events":[{"eventId":"1","eventType":"EVENT_TYPE_TIMER_FIRED"}]}"#
    );
    assert_eq!(to_json(&History::default()), "{}");
}

#[test]
fn fields_come_in_the_order_of_their_declaration() {
    let event = HistoryEvent {
        worker_may_ignore: true,
        ..history().events.remove(0)
    };
    let text = to_json(&event);
    let attributes = text.find("EventAttributes").expect("attributes are there");
    // By number, 300, it would come after the attributes.
    assert!(
        text.find("workerMayIgnore")
            .is_some_and(|at| at < attributes),
        "{text}"
    );
}

#[test]
fn messages_embed_in_other_documents() {
    let event = bare(EventType::TimerFired);
    let value = serde_json::to_value([Canonical(&event)]).expect("JSON");
    assert_eq!(value, json!([to_value(&event)]));
}

/// Applies `change` to every object of a document.
fn each_object(value: &mut Value, change: &impl Fn(&mut serde_json::Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            change(object);
            object.values_mut().for_each(|v| each_object(v, change));
        }
        Value::Array(list) => list.iter_mut().for_each(|v| each_object(v, change)),
        _ => {}
    }
}

#[test]
fn short_enum_names_of_older_exports() {
    let mut value = to_value(&history());
    each_object(&mut value, &|object| {
        for (key, prefix) in [
            ("eventType", "EVENT_TYPE_"),
            ("kind", "TASK_QUEUE_KIND_"),
            ("timeoutType", "TIMEOUT_TYPE_"),
        ] {
            let Some(Value::String(name)) = object.get_mut(key) else {
                continue;
            };
            let words = name.strip_prefix(prefix).expect("canonical").split('_');
            *name = words
                .map(|w| w[..1].to_owned() + &w[1..].to_lowercase())
                .collect();
        }
    });
    assert_eq!(value["events"][0]["eventType"], "WorkflowExecutionStarted");
    assert_eq!(history_from_json(&value.to_string()), Ok(history()));
}

#[test]
fn original_names_numbers_and_nulls() {
    let text = r#"{"events": [{
        "event_id": 5, "event_type": 17, "event_time": null, "task_id": "1e2",
        "timer_started_event_attributes": {
            "timer_id": "t", "start_to_fire_timeout": "1.000000000s"}, "links": null}]}"#;
    let history = history_from_json(text).expect("original names are read");
    let event = &history.events[0];
    assert_eq!((event.event_id, event.task_id), (5, 100));
    assert!(event.attributes_match_type());
}

#[test]
fn lists_wrapped_and_marked_documents() {
    let whole = to_value(&history());
    let response = GetWorkflowExecutionHistoryResponse {
        history: Some(history()),
        ..GetWorkflowExecutionHistoryResponse::default()
    };
    for text in [
        whole["events"].to_string(),
        json!({ "history": whole }).to_string(),
        to_json(&response),
        format!("\u{feff}{whole}"),
        format!("{{\"nextPageToken\": \"\", \"archived\": false, \"history\": {whole}}}"),
    ] {
        assert_eq!(history_from_json(&text), Ok(history()), "{text}");
    }
}

/// What `serde` derives of the Rust SDK's messages write: fields spelled out, oneofs by their own
/// name.
#[test]
fn the_form_of_the_rust_sdk() {
    let text = r#"{"events":[{"event_id":1,"event_time":"2026-10-06T13:24:56.515407Z",
        "event_type":1,"version":0,"task_id":1048587,"worker_may_ignore":false,"user_metadata":null,
        "links":[],        "principal":null,"attributes":{"WorkflowExecutionStartedEventAttributes":{
            "workflow_type":{"name":"Order"},"parent_workflow_namespace":"","attempt":1,
            "task_queue":{"name":"orders","kind":1,"normal_name":""},"input":null,
            "workflow_task_timeout":"10.000000000s","continued_failure":null,
            "header":{"fields":{"k":
                {"metadata":{"encoding":"anNvbi9wbGFpbg=="},"data":[34,34]}}}}}},
        {"event_id":2,"attributes":null}]}"#;
    let history = history_from_json(text).expect("the SDK's form is read");
    let Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) =
        &history.events[0].attributes
    else {
        panic!("attributes are read: {history:?}");
    };
    assert_eq!(
        started.workflow_type.as_ref().map(|t| t.name.as_str()),
        Some("Order")
    );
    let header = started.header.as_ref().expect("the header is read");
    assert_eq!(header.fields["k"].data, "\"\"");
    assert_eq!(history.events[1].attributes, None);
}

#[test]
fn newer_servers_are_tolerated_on_request() {
    let text = r#"{"events": [{"eventId": "1", "eventType": "EVENT_TYPE_FROM_THE_FUTURE",
        "workerMayIgnore": true, "fromTheFutureEventAttributes": {"deep": [1, {"x": null}]}}]}"#;
    assert!(history_from_json(text).is_err());
    let only_fields = Options {
        unknown_fields: true,
        ..Options::default()
    };
    assert!(
        history_from_json_with(text, &only_fields).is_err(),
        "no silent event type"
    );
    let history = history_from_json_with(text, &Options::TOLERANT).expect("tolerated");
    let event = &history.events[0];
    assert_eq!(event.event_type, json::UNKNOWN_EVENT_TYPE);
    assert!(event.worker_may_ignore && event.attributes.is_none());
    let kind = r#"{"taskQueue": {"kind": "FROM_THE_FUTURE"}}"#;
    let read = from_json_with::<UpdateActivityOptionsRequest>(kind, &Options::TOLERANT);
    assert!(read.is_ok(), "an unknown field hides what is in it");
}

#[test]
fn numbers_of_unknown_values_are_kept() {
    let event: HistoryEvent = from_json(r#"{"eventType": 4711}"#).expect("open enums");
    assert_eq!(event.event_type, 4711);
    assert_eq!(to_json(&event), r#"{"eventType":4711}"#);
}

#[test]
fn base64_of_both_alphabets() {
    let expected = Payload {
        data: vec![0xfb, 0xff, 0xbf, 0].into(),
        ..Payload::default()
    };
    for text in ["+/+/AA==", "-_-_AA==", "+/+/AA", "-_-_AA"] {
        let payload: Payload = from_json(&format!(r#"{{"data": "{text}"}}"#)).expect("base64");
        assert_eq!(payload, expected);
    }
}

#[test]
fn field_masks_are_text() {
    let text = r#"{"updateMask": "taskQueue.name,retryPolicy.maximumAttempts"}"#;
    let request: UpdateActivityOptionsRequest = from_json(text).expect("a mask");
    let mask = request.update_mask.clone().expect("the mask is read");
    assert_eq!(
        mask.paths,
        ["task_queue.name", "retry_policy.maximum_attempts"]
    );
    assert_eq!(
        to_value(&request)["updateMask"],
        "taskQueue.name,retryPolicy.maximumAttempts"
    );
}

#[test]
fn any_shows_what_it_holds() {
    let execution = WorkflowExecution {
        workflow_id: "w".to_owned(),
        run_id: "r".to_owned(),
    };
    let known = prost_types::Any::from_msg(&execution).expect("encodes");
    let duration =
        prost_types::Any::from_msg(&steadfast_proto::time::duration(1)).expect("encodes");
    let unknown = prost_types::Any {
        type_url: "x/y.Z".to_owned(),
        value: vec![1, 2],
    };
    let broken = prost_types::Any {
        value: vec![0xff],
        ..known.clone()
    };
    let status = Status {
        details: vec![
            known,
            duration,
            unknown,
            broken,
            prost_types::Any::default(),
        ],
        ..Status::default()
    };
    let value = to_value(&status);
    let execution = "temporal.api.common.v1.WorkflowExecution";
    assert_eq!(
        value["details"][0]["@type"]
            .as_str()
            .map(|t| t.ends_with(execution)),
        Some(true)
    );
    assert_eq!(value["details"][0]["workflowId"], "w");
    assert_eq!(value["details"][1]["value"], "0.000000001s");
    assert_eq!(
        value["details"][2],
        json!({"@type": "x/y.Z", "@value": "AQI="})
    );
    assert_eq!(value["details"][3]["@value"], "/w==");
    assert_eq!(from_json(&to_json(&status)), Ok(status));
}

#[test]
fn what_has_no_canonical_form_still_reads_back() {
    let mut event = bare(EventType::TimerFired);
    event.event_time = Some(prost_types::Timestamp {
        seconds: i64::MAX,
        nanos: -1,
    });
    let text = to_json(&event);
    assert!(
        text.contains(r#""eventTime":{"seconds":"9223372036854775807","nanos":-1}"#),
        "{text}"
    );
    assert_eq!(from_json(&text), Ok(event));
    for backoff_coefficient in [1.1, 0.1 + 0.2, 1e300, f64::INFINITY, f64::MIN_POSITIVE] {
        let policy = RetryPolicy {
            backoff_coefficient,
            ..RetryPolicy::default()
        };
        let back: RetryPolicy = from_json(&to_json(&policy)).expect("reads back");
        assert_eq!(
            back.backoff_coefficient.to_bits(),
            backoff_coefficient.to_bits()
        );
    }
}
