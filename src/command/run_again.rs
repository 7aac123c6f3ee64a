//! `steadfast repro`: one seed, or one recorded run, again.

use std::path::Path;

use serde_json::json;
use steadfast_sim::kernel::DriftKind;
use steadfast_sim::report::{Choices, RunReport, Verdict};
use steadfast_sim::suite::Suite;

use super::campaign::our_bug;
use super::rerun::Rerun;
use super::{Context, sabotage};
#[cfg(feature = "console")]
use crate::Engine;
use crate::Exit;
use crate::artefacts::check_place;
use crate::cli::{ReproArgs, parse_seed};
use crate::problem::Problem;
use crate::report::{GOOD, card, json as lines, json_text};
use crate::repro::{Head, Repro, hash_text};
use crate::select::{Target, from_text, one, read_text};

/// The largest repro file that is read.
const MOST_BYTES: u64 = 256 << 20;

/// What is to be run again.
struct Wanted {
    choices: Choices,
    sabotage: Option<String>,
    recorded: Option<Recorded>,
}

/// A recorded run: its scenario, and what is said about it.
struct Recorded {
    head: Head,
    path: String,
}

pub(super) fn run(context: &Context<'_>, args: &ReproArgs) -> Result<Exit, Problem> {
    check_place(&args.out)?;
    let (wanted, scenario) = wanted(&args.what, args.sabotage.as_deref())?;
    let planted = match &wanted.sabotage {
        Some(name) => {
            let sabotage = sabotage::named(context, name)?;
            Some(context.suite.sabotaged(sabotage))
        }
        None => None,
    };
    let suite = planted
        .as_ref()
        .map_or(context.suite, |planted| &planted.suite);
    let target = target(suite, &wanted, scenario)?;
    let rerun = Rerun {
        engine: context.engine,
        suite,
        target: &target,
        bug: planted.as_ref().and_then(|planted| planted.bug),
        sabotage: wanted.sabotage.as_deref(),
    };
    again(context, args, &wanted, &rerun)
}

/// Makes a run with everything recorded, for whoever wants to look at it.
#[cfg(feature = "console")]
pub(super) fn record(
    suite: &Suite,
    engine: Engine,
    what: &str,
    sabotage: Option<&str>,
) -> Result<RunReport, Problem> {
    let (wanted, scenario) = wanted(what, sabotage)?;
    let planted = match &wanted.sabotage {
        Some(name) => {
            let found = suite.sabotages().iter().find(|it| it.name == *name);
            let unknown = || Problem::user(format!("there is no planted bug `{name}`"));
            Some(suite.sabotaged(found.ok_or_else(unknown)?))
        }
        None => None,
    };
    let suite = planted.as_ref().map_or(suite, |planted| &planted.suite);
    let target = target(suite, &wanted, scenario)?;
    let rerun = Rerun {
        engine,
        suite,
        target: &target,
        bug: planted.as_ref().and_then(|planted| planted.bug),
        sabotage: wanted.sabotage.as_deref(),
    };
    let report = rerun.recorded(wanted.choices);
    report.map_err(|panic| Problem::user(format!("the run panicked: {panic}")))
}

/// The scenario of a run that is wanted.
fn target(suite: &Suite, wanted: &Wanted, scenario: &str) -> Result<Target, Problem> {
    match &wanted.recorded {
        Some(Recorded { head, path }) => {
            let file = Path::new(&head.scenario.file).file_name();
            let file =
                file.map_or_else(|| path.clone(), |file| file.to_string_lossy().into_owned());
            Ok(from_text(suite, Some(path), &file, &head.scenario.text)?)
        }
        None => one(suite, scenario),
    }
}

/// Reads what is meant: a repro file, or a scenario and a seed.
fn wanted<'a>(what: &'a str, sabotage: Option<&str>) -> Result<(Wanted, &'a str), Problem> {
    let path = Path::new(what);
    if path.is_file()
        || path
            .extension()
            .is_some_and(|extension| extension == "json")
    {
        let text = read_text(path, MOST_BYTES)?;
        let Repro { head, choices } = Repro::from_json(&text)
            .map_err(|why| Problem::user(format!("{what} is no repro file: {why}")))?;
        let sabotage = sabotage.map(str::to_owned);
        let sabotage = sabotage.or_else(|| head.sabotage.clone());
        let recorded = Some(Recorded {
            head,
            path: what.to_owned(),
        });
        return Ok((
            Wanted {
                choices: Choices::Recorded(choices),
                sabotage,
                recorded,
            },
            what,
        ));
    }
    let Some((scenario, seed)) = what.rsplit_once(':') else {
        let message = format!("`{what}` is neither a file nor SCENARIO:SEED");
        return Err(Problem::with_help(
            message,
            format!("write a seed, as in {what}:17"),
        ));
    };
    let seed =
        parse_seed(seed).map_err(|why| Problem::user(format!("`{seed}` is no seed: {why}")))?;
    let sabotage = sabotage.map(str::to_owned);
    Ok((
        Wanted {
            choices: Choices::Seed(seed),
            sabotage,
            recorded: None,
        },
        scenario,
    ))
}

fn again(
    context: &Context<'_>,
    args: &ReproArgs,
    wanted: &Wanted,
    rerun: &Rerun<'_>,
) -> Result<Exit, Problem> {
    let console = context.console;
    let target = rerun.target;
    let seed = wanted.choices.seed();
    let command = match &wanted.recorded {
        Some(recorded) => format!("{} repro {}", context.program, recorded.path),
        None => console.repro_command(&target.handle, seed, wanted.sabotage.as_deref()),
    };
    let report = match rerun.recorded(wanted.choices.clone()) {
        Ok(report) => report,
        Err(panic) => {
            let name = &target.scenario.name;
            if args.json {
                console.json(&lines::Run::panicked(name, seed, &panic))?;
            } else {
                console.print(&our_bug(name, seed, &panic, &command))?;
            }
            return Ok(Exit::Bug);
        }
    };
    let drift = wanted
        .recorded
        .as_ref()
        .and_then(|recorded| drift(recorded, &report));
    if args.trace {
        print_trace(context, args, &report)?;
    }
    let files = match report.verdict() {
        Verdict::Fail => Some(rerun.keep(&args.out, &report)?),
        Verdict::Pass => None,
    };
    let exit = if files.is_some() {
        Exit::Failed
    } else {
        Exit::Passed
    };
    if args.json {
        let bad = files.is_some();
        let line = lines::Run {
            repro: bad.then(|| command.clone()),
            ..lines::Run::judged(&report)
        };
        console.json(&line)?;
        let artefacts: Vec<_> = files
            .iter()
            .map(|files| files.repro.display().to_string())
            .collect();
        let summary = json!({ "drift": drift, "artefacts": artefacts, "exit": exit.code() });
        console.json(&lines::Closing { summary })?;
        return Ok(exit);
    }
    match &files {
        Some(files) => console.print(&card(&report, &command, Some(files)))?,
        None => {
            let (name, hash) = (&target.scenario.name, hash_text(report.hash));
            let events = report.coverage.events;
            console.line(&format!(
                "{GOOD}ok{GOOD:#}   {name}:{seed}  {events} events, hash {hash}"
            ))?;
        }
    }
    if let Some(drift) = drift {
        console.line(&format!("note: {drift}"))?;
    }
    Ok(exit)
}

fn print_trace(context: &Context<'_>, args: &ReproArgs, report: &RunReport) -> Result<(), Problem> {
    let mut text = String::new();
    for event in &report.trace {
        if args.json {
            text.push_str(&json_text(&json!({ "trace": event })));
        } else {
            text.push_str(&event.to_string());
        }
        text.push('\n');
        if text.len() > 1 << 16 {
            context.console.print(&text)?;
            text.clear();
        }
    }
    context.console.print(&text)
}

/// How a recorded run differs from its recording, if it does.
fn drift(recorded: &Recorded, report: &RunReport) -> Option<String> {
    if let Some(drift) = &report.drift {
        let at = drift
            .at
            .map_or_else(|| "the end".to_owned(), |at| at.to_string());
        let how = match &drift.kind {
            DriftKind::Moved { recorded_at } => format!("it was recorded at {recorded_at}"),
            other => format!("{other:?}").to_lowercase(),
        };
        let (label, ordinal) = (&drift.label, drift.ordinal);
        return Some(format!(
            "the run went another way than its recording, first at choice {ordinal} of {label} at \
             {at}: {how}"
        ));
    }
    let hash = hash_text(report.hash);
    (hash != recorded.head.hash).then(|| {
        let version = &recorded.head.steadfast;
        format!(
            "the run is not the recorded one: its hash is {hash}, version {version} had {}",
            recorded.head.hash
        )
    })
}
