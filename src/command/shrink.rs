//! `steadfast shrink`: what a failed run needs to fail.

use serde_json::json;
use steadfast_sim::kernel::ChoiceLog;
use steadfast_sim::report::{Choices, RunReport};
use steadfast_sim::shrink::{Shrunk, shrink};

use super::Context;
use super::campaign::our_bug;
use super::rerun::Rerun;
use super::wanted::Wanted;
use crate::Exit;
use crate::artefacts::check_place;
use crate::cli::ShrinkArgs;
use crate::interrupt::Interrupt;
use crate::problem::Problem;
use crate::report::{BOLD, DIM, Progress, card, counted, json as lines};

/// The most choices that are listed one by one.
const LISTED: usize = 40;

pub(super) fn run(context: &Context<'_>, args: &ShrinkArgs) -> Result<Exit, Problem> {
    check_place(&args.out)?;
    let wanted = Wanted::read(context, &args.what, args.sabotage.as_deref())?;
    let rerun = Rerun::of(context, &wanted);
    let first = match rerun.quick(wanted.choices.clone()) {
        Ok(report) => report,
        Err(panic) => return panicked(context, args, &wanted, &panic),
    };
    let checker = failing(args, &first)?;
    let interrupt = Interrupt::listen();
    let mut progress = Progress::begin(&first.scenario, None, args.json);
    let choices = first.choices.unwrap_or_default();
    let shrunk = shrink(choices, args.runs, |log| {
        if interrupt.is_set() {
            return None;
        }
        // A run that panics fails in another way than the one that is shrunk.
        let report = rerun.quick(Choices::Recorded(log.clone())).ok()?;
        let fails = report.failures.iter().any(|it| it.checker == checker);
        progress.done(Some(&report.coverage), fails);
        if fails { report.choices } else { None }
    });
    progress.end();
    let minimal = shrunk.minimal && !interrupt.is_set();
    let exit = if interrupt.is_set() {
        Exit::Interrupted
    } else {
        Exit::Passed
    };
    show(context, args, &rerun, &Shrunk { minimal, ..shrunk }, exit)?;
    Ok(exit)
}

/// The failure that is to stay: the named one, or the first.
fn failing(args: &ShrinkArgs, report: &RunReport) -> Result<String, Problem> {
    let Some(first) = report.failures.first() else {
        let message = format!("{} does not fail, so there is nothing to shrink", args.what);
        return Err(Problem::user(message));
    };
    let Some(name) = &args.checker else {
        return Ok(first.checker.to_string());
    };
    if report.failures.iter().any(|it| it.checker == *name) {
        return Ok(name.clone());
    }
    let found: Vec<&str> = report.failures.iter().map(|it| &*it.checker).collect();
    let message = format!("`{name}` finds nothing wrong with {}", args.what);
    Err(Problem::with_help(
        message,
        format!("these do: {}", found.join(", ")),
    ))
}

fn panicked(
    context: &Context<'_>,
    args: &ShrinkArgs,
    wanted: &Wanted,
    panic: &str,
) -> Result<Exit, Problem> {
    let (name, seed) = (&wanted.target.scenario.name, wanted.choices.seed());
    if args.json {
        context
            .console
            .json(&lines::Run::panicked(name, seed, panic))?;
    } else {
        let command = wanted.command(context);
        context
            .console
            .print(&our_bug(name, seed, panic, &command))?;
    }
    Ok(Exit::Bug)
}

/// Makes the shrunk run once more, keeps it, and tells what is left of it.
fn show(
    context: &Context<'_>,
    args: &ShrinkArgs,
    rerun: &Rerun<'_>,
    shrunk: &Shrunk,
    exit: Exit,
) -> Result<(), Problem> {
    let console = context.console;
    let report = rerun
        .recorded(Choices::Recorded(shrunk.choices.clone()))
        .map_err(Problem::user)?;
    let files = rerun.keep(&args.out.join("shrunk"), &report)?;
    let left = shrunk.choices.len();
    if args.json {
        let summary = json!({
            "shrunk": { "before": shrunk.before, "left": left, "runs": shrunk.runs, "minimal": shrunk.minimal },
            "repro": files.repro.display().to_string(),
            "exit": exit.code(),
        });
        console.json(&lines::Run::judged(&report))?;
        return console.json(&lines::Closing { summary });
    }
    let command = format!("{} repro {}", context.program, files.repro.display());
    console.print(&card(&report, &command, Some(&files)))?;
    let proof = if shrunk.minimal {
        "without any one of them the run does not fail"
    } else {
        "not proved minimal: the runs were used up"
    };
    let of = counted(shrunk.before as u64, "choice", "choices");
    let runs = counted(shrunk.runs, "run", "runs");
    console.line(&format!(
        "  {BOLD}{left}{BOLD:#} of {of} left after {runs}; {proof}"
    ))?;
    for line in listed(&shrunk.choices) {
        console.line(&format!("    {DIM}{line}{DIM:#}"))?;
    }
    Ok(())
}

/// A line for each choice that is left.
fn listed(log: &ChoiceLog) -> Vec<String> {
    let mut lines = Vec::new();
    for ((label, entity), series) in &log.series {
        for choice in &series.choices {
            let (number, value) = (choice.ordinal, choice.value);
            let at = if choice.at.as_nanos() < 0 {
                String::new()
            } else {
                format!(" at {}", choice.at)
            };
            lines.push(format!("{label} of {entity}, number {number}: {value}{at}"));
        }
    }
    let more = lines.len().saturating_sub(LISTED);
    lines.truncate(LISTED);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines
}
