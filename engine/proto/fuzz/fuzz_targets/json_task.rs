//! Any document as a workflow task, whose messages hold an `Any`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use steadfast_proto::{
    json::{from_json, to_json},
    temporal::api::workflowservice::v1::PollWorkflowTaskQueueResponse,
};

fuzz_target!(|text: &str| {
    let Ok(task) = from_json::<PollWorkflowTaskQueueResponse>(text) else {
        return;
    };
    let text = to_json(&task);
    let back: PollWorkflowTaskQueueResponse = from_json(&text).expect("what is written is read");
    assert_eq!(to_json(&back), text);
});
