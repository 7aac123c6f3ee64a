//! Any bytes as a history: what decodes is written as JSON and reads back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prost::Message as _;
use steadfast_proto::{
    json::{from_json, to_json},
    temporal::api::history::v1::History,
};

fuzz_target!(|bytes: &[u8]| {
    let Ok(history) = History::decode(bytes) else {
        return;
    };
    let text = to_json(&history);
    let back: History = from_json(&text).expect("what is written is read");
    assert_eq!(to_json(&back), text);
});
