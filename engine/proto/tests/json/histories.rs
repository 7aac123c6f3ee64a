//! Real histories, exported from Temporal's own server by its own command line.

use std::{fs, path::Path};

use prost::Message as _;
use serde_json::Value;
use steadfast_proto::{
    json::{from_json, history_from_json, history_to_json, to_value},
    temporal::api::history::v1::History,
};

/// Each document of the folder, with its name.
fn documents() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/histories");
    let entries = fs::read_dir(folder).expect("the histories are in the repository");
    let paths = entries.map(|entry| entry.expect("the folder can be listed").path());
    paths
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        // The list of what each history shows is beside them.
        .filter(|path| path.file_name().is_some_and(|name| name != "cases.json"))
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a history is text");
            (path.display().to_string(), text)
        })
        .collect()
}

#[test]
fn real_histories_round_trip_unchanged() {
    let documents = documents();
    assert!(documents.len() >= 30, "only {} histories", documents.len());
    for (name, text) in documents {
        let history = history_from_json(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!history.events.is_empty(), "{name} has events");
        assert!(
            history.events.iter().all(|e| e.attributes_match_type()),
            "{name}"
        );

        let expected: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(to_value(&history), expected, "{name}");
        assert_eq!(
            history_from_json(&history_to_json(&history)).as_ref(),
            Ok(&history),
            "{name}"
        );
        assert_eq!(from_json(&text).as_ref(), Ok(&history), "{name}");
        assert_eq!(
            History::decode(&*history.encode_to_vec()).as_ref(),
            Ok(&history),
            "{name}"
        );
    }
}
