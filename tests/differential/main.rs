//! Our engine against Temporal's: the cases of `scenarios/histories/cases.json`, run in one process on virtual
//! time, must give the histories that Temporal's own server wrote for them. What still differs is listed in
//! `allowed.toml`, with the reason.

mod activity;
mod builds;
mod client;
mod compare;
mod engine;
mod lab;
#[path = "../interop/histories/src/recipe.rs"]
mod recipe;
mod worker;

use std::{fs, path::PathBuf};

use serde_json::Value;
use steadfast_proto::json;

use crate::{
    compare::{differences, events},
    lab::Lab,
    recipe::Book,
};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenarios/histories")
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

#[test]
fn our_engine_writes_the_recorded_histories() {
    let book = book();
    let (mut equal, mut all) = (0, 0);
    for case in &book.cases {
        let ours = match Lab::run(case, &book.defaults) {
            Ok(ours) => ours,
            Err(why) => {
                println!("{}: {why}", case.name);
                all += case.exports().len();
                continue;
            }
        };
        for (export, ours) in case.exports().iter().zip(ours) {
            let ours = json::to_value(&ours);
            let found = differences(
                &events(&recorded(&export.file), case.race),
                &events(&ours, case.race),
            );
            all += 1;
            if found.is_empty() {
                equal += 1;
            }
            for it in found {
                println!("{} {} {} | {}", export.file, it.path, it.recorded, it.ours);
            }
        }
    }
    println!("{equal} of {all}");
    assert_eq!(equal, all);
}
