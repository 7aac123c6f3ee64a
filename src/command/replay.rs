//! `steadfast replay`: exported histories against the registered workflows.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use steadfast_proto::json::history_from_json;
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
    Same(ReplayReport),
    /// A valid history that the code does not follow.
    Differs(Box<ReplayError>),
    /// No valid history, or one of a workflow that is not registered.
    Unusable(String),
    Panicked(String),
}

pub(super) fn run(context: &Context<'_>, args: &ReplayArgs) -> Result<Exit, Problem> {
    let (build, registry) = registry(context, args.build.as_deref())?;
    let files = files(&args.histories)?;
    let mut exit = Exit::Passed;
    let (mut same, mut events) = (0_u64, 0_u64);
    for file in &files {
        let replayed = replay(registry, file)?;
        exit = exit.max(match &replayed {
            Replayed::Same(_) => Exit::Passed,
            Replayed::Differs(_) => Exit::Failed,
            Replayed::Unusable(_) => Exit::Usage,
            Replayed::Panicked(_) => Exit::Bug,
        });
        if let Replayed::Same(report) = &replayed {
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
            "build": build,
            "histories": all,
            "passed": same,
            "events": events,
            "exit": exit.code(),
        });
        context.console.json(&lines::Closing { summary })?;
    } else {
        let style = if exit == Exit::Passed { GOOD } else { BAD };
        let text = format!("{same} of {all} histories replay on build {build}, {events} events");
        context.console.line(&format!("{style}{text}{style:#}"))?;
    }
    Ok(exit)
}

/// The registered code to replay against: without a name the newest, since the question is whether
/// new code follows old histories.
fn registry<'a>(
    context: &'a Context<'_>,
    build: Option<&str>,
) -> Result<(&'a str, &'a Registry), Problem> {
    let builds = context.suite.builds();
    let found = match build {
        None => builds.last_key_value(),
        Some(name) => builds.get_key_value(name),
    };
    if let Some((name, registry)) = found {
        return Ok((name, registry));
    }
    let Some(name) = build else { return Err(Problem::user("no workflow is registered")) };
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
            let found = files_in(path, "json")?;
            if found.is_empty() {
                return Err(Problem::user(format!("there is no *.json in {}", path.display())));
            }
            files.extend(found);
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn replay(registry: &Registry, file: &Path) -> Result<Replayed, Problem> {
    let text = read_text(file, MOST_BYTES)?;
    let history = match history_from_json(&text) {
        Ok(history) => history,
        Err(error) => {
            let help = error.help().map_or_else(String::new, |help| format!(" ({help})"));
            return Ok(Replayed::Unusable(format!("{error}{help}")));
        }
    };
    Ok(match caught(|| replay_history(registry, &history)) {
        Ok(Ok(report)) => Replayed::Same(report),
        Ok(Err(error @ (ReplayError::NonDeterminism(_) | ReplayError::TaskFailed { .. }))) => {
            Replayed::Differs(Box::new(error))
        }
        Ok(Err(error)) => Replayed::Unusable(error.to_string()),
        Err(panic) => Replayed::Panicked(panic),
    })
}

fn for_people(file: &Path, replayed: &Replayed) -> String {
    let file = file.display();
    match replayed {
        Replayed::Same(report) => {
            let ReplayReport { workflow_type, events, .. } = report;
            format!("{GOOD}ok  {GOOD:#} {file}  {workflow_type}, {events} events\n")
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
        Replayed::Same(report) => json!({
            "history": file,
            "verdict": "pass",
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
