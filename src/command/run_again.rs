//! `steadfast repro`: one seed, or one recorded run, again.

use serde_json::json;
use steadfast_sim::kernel::DriftKind;
use steadfast_sim::report::{RunReport, Verdict};

use super::Context;
use super::campaign::our_bug;
use super::rerun::Rerun;
use super::wanted::{Recorded, Wanted};
use crate::Exit;
use crate::artefacts::check_place;
use crate::cli::ReproArgs;
use crate::problem::Problem;
use crate::report::{GOOD, card, json as lines, json_text};
use crate::repro::hash_text;

pub(super) fn run(context: &Context<'_>, args: &ReproArgs) -> Result<Exit, Problem> {
    check_place(&args.out)?;
    let wanted = Wanted::read(context, &args.what, args.sabotage.as_deref())?;
    again(context, args, &wanted)
}

fn again(context: &Context<'_>, args: &ReproArgs, wanted: &Wanted) -> Result<Exit, Problem> {
    let console = context.console;
    let rerun = Rerun::of(context, wanted);
    let target = &wanted.target;
    let seed = wanted.choices.seed();
    let command = wanted.command(context);
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
