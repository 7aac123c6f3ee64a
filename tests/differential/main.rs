//! Our engine against Temporal's: the cases of `scenarios/histories/cases.json`, run in one process on virtual
//! time, must give the histories that Temporal's own server wrote for them. What still differs is listed in
//! `allowed.toml`, with the reason, and from there in `docs/compatibility.md`:
//!
//! ```text
//! STEADFAST_REGENERATE=1 cargo test --test differential     writes the document anew
//! ```

mod activity;
mod allowed;
mod builds;
mod client;
mod compare;
mod engine;
mod lab;
#[expect(
    unreachable_pub,
    reason = "the recorder, a crate of its own, has the same file"
)]
#[path = "../interop/histories/src/recipe.rs"]
mod recipe;
mod replay;
mod worker;

use std::{fs, path::PathBuf};

use serde_json::Value;
use steadfast_proto::json;

use crate::{
    allowed::{Allowed, between, judge, sources, table},
    compare::{Difference, differences, events},
    lab::Lab,
    recipe::Book,
};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn folder() -> PathBuf {
    root().join("scenarios/histories")
}

fn book() -> Book {
    let text = fs::read_to_string(folder().join("cases.json")).expect("the cases");
    let book: Book = serde_json::from_str(&text).expect("a book of cases");
    assert_eq!(book.schema, 1);
    book
}

fn recorded(file: &str) -> Value {
    let path = folder().join(format!("{file}.json"));
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).expect("JSON")
}

fn allowed() -> Allowed {
    let text = fs::read_to_string(root().join("tests/differential/allowed.toml"));
    toml::from_str(&text.expect("the list")).expect("a list of allowed differences")
}

#[test]
fn our_engine_writes_the_recorded_histories() {
    let book = book();
    let mut found: Vec<(String, Difference)> = Vec::new();
    let mut failed = Vec::new();
    let mut histories = 0;
    for case in &book.cases {
        let ours = match Lab::run(case, &book.defaults) {
            Ok(ours) => ours,
            Err(why) => {
                failed.push(format!("{}: {why}", case.name));
                continue;
            }
        };
        for (export, ours) in case.exports().iter().zip(ours) {
            histories += 1;
            let recorded = events(&recorded(&export.file), case.race);
            let ours = events(&json::to_value(&ours), case.race);
            let differences = differences(&recorded, &ours);
            found.extend(differences.into_iter().map(|it| (export.file.clone(), it)));
        }
    }
    failed.extend(judge(&allowed(), &found));
    assert!(
        failed.is_empty(),
        "{} histories\n{}",
        histories,
        failed.join("\n")
    );
    assert!(histories > 100, "only {histories} histories");
}

#[test]
fn a_case_gives_the_same_histories_again() {
    let book = book();
    for case in book.cases.iter().step_by(7) {
        let [first, second] = [0, 1].map(|_| Lab::run(case, &book.defaults));
        assert!(first.is_ok() && first == second, "{}", case.name);
    }
}

#[test]
fn the_document_is_up_to_date() {
    let path = root().join("docs/compatibility.md");
    let document = fs::read_to_string(&path).expect("the document");
    let fresh = between(&document, "allowed differences", &table(&allowed()));
    if std::env::var_os("STEADFAST_REGENERATE").is_some() {
        // The list of sources comes along; a comment that moves is no reason to fail.
        let fresh = between(&fresh, "sources", &sources(&root()));
        fs::write(&path, fresh).expect("a writable document");
    } else {
        assert!(
            document == fresh,
            "{} is stale: run with STEADFAST_REGENERATE=1",
            path.display()
        );
    }
}
