//! Runs the workflows of `scenarios/src/workflows` with Temporal's official Rust SDK against a
//! real Temporal server, as `scenarios/histories/cases.json` prescribes, and keeps the histories.
//!
//! ```text
//! histories record --server HOST:PORT --temporal PATH --cases cases.json --out DIR [CASE…]
//! histories compare --cases cases.json EXPECTED_DIR ACTUAL_DIR
//! histories worker --server HOST:PORT --cases cases.json CASE     (what `record` spawns)
//! ```

#[path = "../../../../scenarios/src/workflows/mod.rs"]
mod workflows;

#[expect(
    dead_code,
    reason = "the macro defines a constant per activity, for workflows to call"
)]
mod activities;
mod compare;
mod recipe;
mod record;
mod worker;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, bail};

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    keep_quiet_about_bad_deploys();
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let mut options = Options::default();
    while let Some(arg) = args.next() {
        let mut value = || args.next().with_context(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "--server" => options.server = value()?,
            "--temporal" => options.temporal = value()?.into(),
            "--cases" => options.cases = value()?.into(),
            "--out" => options.out = value()?.into(),
            "--jobs" => options.jobs = value()?.parse()?,
            _ => options.rest.push(arg),
        }
    }
    match command.as_str() {
        "record" => record::record(options).await,
        "worker" => record::work(options).await,
        "compare" => compare::compare(&options),
        _ => bail!("expected `record` or `compare`"),
    }
}

/// That module panics on purpose; anything else that panics is worth a message.
fn keep_quiet_about_bad_deploys() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !info
            .location()
            .is_some_and(|at| at.file().ends_with("bad_deploy.rs"))
        {
            usual(info);
        }
    }));
}

/// The command line.
#[derive(Debug, Default)]
struct Options {
    server: String,
    temporal: PathBuf,
    cases: PathBuf,
    out: PathBuf,
    jobs: usize,
    rest: Vec<String>,
}

impl Options {
    fn book(&self) -> anyhow::Result<recipe::Book> {
        let text = std::fs::read_to_string(&self.cases)
            .with_context(|| format!("cannot read {}", self.cases.display()))?;
        let book: recipe::Book = serde_json::from_str(&text)
            .with_context(|| format!("{} is not a book of cases", self.cases.display()))?;
        if book.schema != 1 {
            bail!(
                "{}: schema {} is unknown",
                self.cases.display(),
                book.schema
            );
        }
        Ok(book)
    }
}
