//! Any document as a history: an answer, and what is read reads back from what is written of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use steadfast_proto::{
    json::{Options, from_json, history_from_json_with, to_json},
    temporal::api::history::v1::History,
};

fuzz_target!(|text: &str| {
    for options in [Options::default(), Options::TOLERANT] {
        let Ok(history) = history_from_json_with(text, &options) else {
            continue;
        };
        let text = to_json(&history);
        let back: History = from_json(&text).expect("what is written is read");
        // Text, because no NaN equals itself.
        assert_eq!(to_json(&back), text);
    }
});
