//! `steadfast replay`: exported histories against the registered workflows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use steadfast_proto::json::history_from_json;
use steadfast_proto::temporal::api::history::v1::History;
use steadfast_replay::{Registry, ReplayError, ReplayReport, replay_history};
use steadfast_sim::scenario::nearest;

use super::Context;
use crate::Exit;
use crate::batch::caught;
use crate::cli::ReplayArgs;
use crate::problem::Problem;
use crate::report::{BAD, GOOD, json as lines};
use crate::select::{files_in, read_text};

/// The largest history that is read: four times what a Temporal server allows.
const MOST_BYTES: u64 = 200 << 20;

/// What came of one history.
enum Replayed {
    /// The code of this build follows it.
    Same(ReplayReport, String),
    /// A valid history that the code does not follow.
    Differs(Box<ReplayError>),
    /// No valid history, or one of a workflow that is not registered.
    Unusable(String),
    Panicked(String),
}

pub(super) fn run(context: &Context<'_>, args: &ReplayArgs) -> Result<Exit, Problem> {
    let builds = builds(context, args.build.as_deref())?;
    let files = files(&args.histories)?;
    let mut exit = Exit::Passed;
    let (mut same, mut events) = (0_u64, 0_u64);
    for file in &files {
        let replayed = replay(&builds, file)?;
        exit = exit.max(match &replayed {
            Replayed::Same(..) => Exit::Passed,
            Replayed::Differs(_) => Exit::Failed,
            Replayed::Unusable(_) => Exit::Usage,
            Replayed::Panicked(_) => Exit::Bug,
        });
        if let Replayed::Same(report, _) = &replayed {
            same += 1;
            events += report.events as u64;
        }
        if args.json {
            context.console.json(&json_line(file, &replayed))?;
        } else {
            context.console.print(&for_people(file, &replayed))?;
        }
        if let Replayed::Unusable(why) = &replayed {
            Problem::user(format!("{}: {why}", file.display())).tell();
        }
    }
    let all = files.len();
    if args.json {
        let summary = json!({
            "histories": all,
            "passed": same,
            "events": events,
            "exit": exit.code(),
        });
        context.console.json(&lines::Closing { summary })?;
    } else {
        let style = if exit == Exit::Passed { GOOD } else { BAD };
        let text = format!("{same} of {all} histories replay, {events} events");
        context.console.line(&format!("{style}{text}{style:#}"))?;
    }
    Ok(exit)
}

/// The builds to replay against: the one that is named, or every one that is registered.
fn builds<'a>(
    context: &'a Context<'_>,
    build: Option<&str>,
) -> Result<Vec<(&'a str, &'a Registry)>, Problem> {
    let builds = context.suite.builds();
    let named = |name: &&str| builds.get_key_value(*name);
    let found: Vec<_> = match &build {
        None => builds
            .iter()
            .map(|(name, registry)| (name.as_str(), registry))
            .collect(),
        Some(name) => named(name)
            .map(|(name, registry)| (name.as_str(), registry))
            .into_iter()
            .collect(),
    };
    if !found.is_empty() {
        return Ok(found);
    }
    let Some(name) = build else {
        return Err(Problem::user("no workflow is registered"));
    };
    let message = format!("there is no build `{name}`");
    let names = builds.keys().map(String::as_str);
    Err(match nearest(name, names.clone()) {
        Some(near) => Problem::with_help(message, format!("did you mean `{near}`?")),
        None => {
            let names: Vec<_> = names.collect();
            Problem::with_help(message, format!("there is {}", names.join(", ")))
        }
    })
}

fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Problem> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let mut found = files_in(path, "json")?;
            found.retain(|file| !is_something_else(file));
            if found.is_empty() {
                return Err(Problem::user(format!(
                    "there is no history in {}",
                    path.display()
                )));
            }
            files.extend(found);
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

/// Whether a file that was found in a folder is a whole JSON object of another kind, for example an
/// index of the histories. What is broken is not something else.
fn is_something_else(file: &Path) -> bool {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let document: Result<BTreeMap<String, serde::de::IgnoredAny>, _> = serde_json::from_str(&text);
    document.is_ok_and(|fields| !fields.contains_key("events"))
}

/// Some build made the history, so one of them must follow it.
fn replay(builds: &[(&str, &Registry)], file: &Path) -> Result<Replayed, Problem> {
    let text = read_text(file, MOST_BYTES)?;
    let history = match history_from_json(&text) {
        Ok(history) => history,
        Err(error) => return Ok(Replayed::Unusable(error.to_string())),
    };
    let mut worst = Replayed::Unusable("no workflow is registered".to_owned());
    for (build, registry) in builds {
        match replay_on(registry, &history) {
            Replayed::Same(report, _) => return Ok(Replayed::Same(report, (*build).to_owned())),
            // Code that differs says more than code that is not there.
            other if worst.rank() <= other.rank() => worst = other,
            _ => {}
        }
    }
    Ok(worst)
}

fn replay_on(registry: &Registry, history: &History) -> Replayed {
    match caught(|| replay_history(registry, history)) {
        Ok(Ok(report)) => Replayed::Same(report, String::new()),
        Ok(Err(error @ (ReplayError::NonDeterminism(_) | ReplayError::TaskFailed { .. }))) => {
            Replayed::Differs(Box::new(error))
        }
        Ok(Err(error)) => Replayed::Unusable(error.to_string()),
        Err(panic) => Replayed::Panicked(panic),
    }
}

impl Replayed {
    const fn rank(&self) -> u8 {
        match self {
            Self::Unusable(_) => 0,
            Self::Differs(_) => 1,
            Self::Panicked(_) => 2,
            Self::Same(..) => 3,
        }
    }
}

fn for_people(file: &Path, replayed: &Replayed) -> String {
    let file = file.display();
    match replayed {
        Replayed::Same(report, build) => {
            let ReplayReport {
                workflow_type,
                events,
                ..
            } = report;
            format!("{GOOD}ok  {GOOD:#} {file}  {workflow_type} of {build}, {events} events\n")
        }
        Replayed::Differs(error) => {
            let text = error.to_string().replace('\n', "\n  ");
            format!("{BAD}FAIL{BAD:#} {file}\n  {text}\n")
        }
        Replayed::Unusable(_) => format!("{BAD}FAIL{BAD:#} {file}  no usable history\n"),
        Replayed::Panicked(panic) => {
            format!("{BAD}BUG{BAD:#}  {file}  replaying panicked: {panic}\n")
        }
    }
}

fn json_line(file: &Path, replayed: &Replayed) -> Value {
    let file = file.display().to_string();
    match replayed {
        Replayed::Same(report, build) => json!({
            "history": file,
            "verdict": "pass",
            "build": build,
            "workflow": report.workflow_type,
            "workflow_id": report.workflow_id,
            "events": report.events,
        }),
        Replayed::Differs(error) => {
            let difference = match &**error {
                ReplayError::NonDeterminism(difference) => serde_json::to_value(difference).ok(),
                _ => None,
            };
            let message = error.to_string();
            json!({
                "history": file,
                "verdict": "fail",
                "message": message,
                "nondeterminism": difference,
            })
        }
        Replayed::Unusable(why) => {
            json!({ "history": file, "verdict": "invalid", "message": why })
        }
        Replayed::Panicked(panic) => {
            json!({ "history": file, "verdict": "fail", "panic": panic })
        }
    }
}
