//! Agreement with `prost-reflect`, an independent implementation, on messages made at random from
//! the descriptors.

use std::fmt::Debug;

use proptest::prelude::*;
use prost::{Message, Name};
use prost_reflect::DynamicMessage;
use steadfast_proto::{
    json::{from_json, to_json, to_json_pretty, to_value},
    temporal::api::{
        command::v1::Command,
        failure::v1::Failure,
        history::v1::{History, HistoryEvent},
        operatorservice::v1::CreateNexusEndpointRequest,
        schedule::v1::Schedule,
        workflowservice::v1::{
            DescribeTaskQueueResponse, DescribeWorkflowExecutionResponse,
            PollWorkflowTaskQueueResponse, RecordWorkerHeartbeatRequest,
            StartWorkflowExecutionRequest, UpdateActivityOptionsRequest,
        },
    },
};

use crate::arbitrary::{Choices, POOL};

/// Texts that need escapes, and some that do not.
const WORDS: &[&str] = &["", "x", "\"\\\n\u{0}", "\u{1f600}é"];

/// Numbers alike whether written `2` or `2.0`, and 32-bit ones with more digits or fewer: liberties
/// that the two take.
fn normal(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Number(n) => format!("{:.6e}", n.as_f64().unwrap_or(f64::NAN)).into(),
        Value::Array(list) => list.into_iter().map(normal).collect(),
        Value::Object(object) => object.into_iter().map(|(k, v)| (k, normal(v))).collect(),
        other => other,
    }
}

fn agree<M: Message + Name + Default + PartialEq + Debug>(seed: u64) {
    let descriptor = POOL
        .get_message_by_name(&M::full_name())
        .expect("is in the set");
    let theirs = Choices::new(seed, WORDS).message(&descriptor, 4);
    let ours = M::decode(theirs.encode_to_vec().as_slice()).expect("the same language");

    let expected = serde_json::to_value(&theirs).expect("prost-reflect writes it");
    assert_eq!(normal(to_value(&ours)), normal(expected.clone()));

    let text = to_json(&ours);
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&text).expect("JSON"),
        to_value(&ours)
    );
    for text in [&text, &to_json_pretty(&ours), &expected.to_string()] {
        assert_eq!(from_json::<M>(text).as_ref(), Ok(&ours), "{text}");
    }

    let mut deserializer = serde_json::Deserializer::from_str(&text);
    let back = DynamicMessage::deserialize(descriptor, &mut deserializer).expect("canonical");
    assert_eq!(back.transcode_to::<M>().expect("the same message"), ours);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn both_write_and_read_the_same(seed: u64) {
        agree::<Command>(seed);
        agree::<CreateNexusEndpointRequest>(seed);
        agree::<DescribeTaskQueueResponse>(seed);
        agree::<DescribeWorkflowExecutionResponse>(seed);
        agree::<Failure>(seed);
        agree::<History>(seed);
        agree::<HistoryEvent>(seed);
        agree::<PollWorkflowTaskQueueResponse>(seed);
        agree::<RecordWorkerHeartbeatRequest>(seed);
        agree::<Schedule>(seed);
        agree::<StartWorkflowExecutionRequest>(seed);
        agree::<UpdateActivityOptionsRequest>(seed);
    }
}
