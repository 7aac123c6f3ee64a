//! Scenario tests of the machines: a script says what happens when, the snapshot shows what came of it.
//!
//! Every step also checks both folds: the live execution is the fold of the records, and its history part the fold
//! of the events.

mod batches;
mod deployments;
mod operators;
mod schedules;
mod script;
mod tables;
mod updates;
mod visibility;
mod world;

use std::{fs, path::Path};

/// Runs every script and compares what it prints. A new script needs no Rust: add `scripts/NAME.txt`.
#[test]
fn scripts_do_what_their_snapshots_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/scripts");
    let mut names: Vec<_> = fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("readable").path())
        .collect();
    names.sort();
    assert!(names.len() >= 20, "scripts were lost: {}", names.len());
    for path in names {
        let name = path
            .file_stem()
            .expect("a file")
            .to_string_lossy()
            .into_owned();
        let text = fs::read_to_string(&path).expect("readable");
        let printed = script::run(&text);
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(name, printed);
        });
    }
}
