//! `steadfast fuzz --sabotage`: planted bugs, and whether they are caught.

use std::ops::ControlFlow;

use serde::Serialize;
use steadfast_sim::report::{Choices, RunReport};
use steadfast_sim::scenario::nearest;
use steadfast_sim::suite::Sabotage;

use super::Context;
use super::campaign::{Seeds, jobs, our_bug};
use super::rerun::Rerun;
use crate::Exit;
use crate::artefacts::check_place;
use crate::batch::{Batch, Ended, Outcome};
use crate::cli::FuzzArgs;
use crate::interrupt::Interrupt;
use crate::problem::Problem;
use crate::report::{BAD, BOLD, GOOD, Progress, card, json};
use crate::select::one;

/// Seeds within which a planted bug must be caught.
const SEEDS: u64 = 2_000;

/// What came of one planted bug.
#[derive(Default)]
struct Hunt {
    seeds: u64,
    /// The run in which the named checker caught it.
    caught: Option<Box<RunReport>>,
    /// Others that caught it.
    also: Vec<String>,
    panic: Option<(u64, String)>,
}

#[derive(Debug, Serialize)]
struct Scoreboard {
    sabotages: u64,
    caught: u64,
    interrupted: bool,
    exit: u8,
}

pub(super) fn run(context: &Context<'_>, args: &FuzzArgs, name: &str) -> Result<Exit, Problem> {
    check_place(&args.run.out)?;
    let sabotages = chosen(context, name)?;
    let count = args.seeds.unwrap_or(SEEDS);
    let first = args.seed.unwrap_or(0);
    Seeds::range(first, count)?;
    let interrupt = Interrupt::listen();
    let mut exit = Exit::Passed;
    let (mut ran, mut caught) = (0, 0);
    for sabotage in &sabotages {
        let planted = context.suite.sabotaged(sabotage);
        let target = one(&planted.suite, &sabotage.scenario)?;
        let batch = Batch {
            engine: context.engine,
            suite: &planted.suite,
            scenario: &target.scenario,
            bug: planted.bug,
            first,
            seeds: Some(count),
            time: None,
            jobs: jobs(&args.run),
            twice: false,
        };
        let (ended, hunt) = hunt(&batch, sabotage, &interrupt, args.run.json);
        if ended == Ended::Interrupted {
            exit = exit.max(Exit::Interrupted);
            break;
        }
        ran += 1;
        caught += u64::from(hunt.caught.is_some());
        if hunt.panic.is_some() {
            exit = exit.max(Exit::Bug);
        } else if hunt.caught.is_none() {
            exit = exit.max(Exit::Failed);
        }
        let rerun = Rerun {
            engine: context.engine,
            suite: &planted.suite,
            target: &target,
            bug: planted.bug,
            sabotage: Some(&sabotage.name),
        };
        tell(
            context,
            args,
            sabotage,
            &hunt,
            (sabotages.len() == 1).then_some(&rerun),
        )?;
    }
    let interrupted = exit == Exit::Interrupted;
    if args.run.json {
        let summary = Scoreboard {
            sabotages: ran,
            caught,
            interrupted,
            exit: exit.code(),
        };
        context.console.json(&json::Closing { summary })?;
    } else if sabotages.len() > 1 || interrupted {
        let all = caught == ran && !interrupted;
        let style = if all { GOOD } else { BAD };
        let word = if interrupted { "interrupted, " } else { "" };
        context
            .console
            .line(&format!("\n{style}{word}{caught} of {ran} caught{style:#}"))?;
    }
    Ok(exit)
}

fn chosen<'a>(context: &'a Context<'_>, name: &str) -> Result<Vec<&'a Sabotage>, Problem> {
    let all = context.suite.sabotages();
    if name == "all" {
        return match all.is_empty() {
            true => Err(Problem::user("no planted bug is registered")),
            false => Ok(all.iter().collect()),
        };
    }
    if let Some(found) = all.iter().find(|sabotage| sabotage.name == name) {
        return Ok(vec![found]);
    }
    let names = all.iter().map(|sabotage| sabotage.name.as_str());
    let message = format!("there is no planted bug `{name}`");
    Err(match nearest(name, names.clone()) {
        Some(near) => Problem::with_help(message, format!("did you mean `{near}`?")),
        None => {
            let names: Vec<_> = names.chain(["all"]).collect();
            Problem::with_help(message, format!("there is {}", names.join(", ")))
        }
    })
}

fn hunt(
    batch: &Batch<'_>,
    sabotage: &Sabotage,
    interrupt: &Interrupt,
    quiet: bool,
) -> (Ended, Hunt) {
    let mut progress = Progress::begin(&sabotage.name, batch.seeds, quiet);
    let mut hunt = Hunt::default();
    let (ended, _) = batch.run(interrupt, |ran| {
        hunt.seeds += 1;
        let report = match ran.outcome {
            Outcome::Judged(report, _) => report,
            Outcome::Panicked(panic) => {
                hunt.panic = Some((ran.seed, panic));
                return ControlFlow::Break(());
            }
        };
        progress.done(Some(&report.coverage), !report.failures.is_empty());
        let named =
            |failure: &steadfast_sim::report::Failure| failure.checker == sabotage.caught_by;
        if report.failures.iter().any(named) {
            hunt.caught = Some(report);
            return ControlFlow::Break(());
        }
        for failure in &report.failures {
            let checker = failure.checker.to_string();
            if !hunt.also.contains(&checker) {
                hunt.also.push(checker);
            }
        }
        ControlFlow::Continue(())
    });
    progress.end();
    (ended, hunt)
}

/// Tells what came of a planted bug; with its card if it is the only one.
fn tell(
    context: &Context<'_>,
    args: &FuzzArgs,
    sabotage: &Sabotage,
    hunt: &Hunt,
    alone: Option<&Rerun<'_>>,
) -> Result<(), Problem> {
    let console = context.console;
    let Sabotage {
        name,
        scenario,
        caught_by,
        ..
    } = sabotage;
    if args.run.json {
        let found = hunt.caught.as_ref().and_then(|report| {
            report
                .failures
                .iter()
                .find(|failure| failure.checker == *caught_by)
        });
        let panic = hunt.panic.as_ref().map(|(_, panic)| panic.clone());
        return console.json(&json::Sabotaged {
            sabotage: name,
            caught: hunt.caught.is_some(),
            seeds: hunt.seeds,
            scenario,
            checker: caught_by,
            seed: hunt.caught.as_ref().map(|report| report.seed.to_string()),
            message: found.map(|failure| failure.message.clone()).or(panic),
            also: hunt.also.clone(),
        });
    }
    let seeds = hunt.seeds;
    let also = match hunt.also.is_empty() {
        true => String::new(),
        false => format!("  (also {})", hunt.also.join(", ")),
    };
    let line = match &hunt.caught {
        Some(_) => format!(
            "{GOOD}caught{GOOD:#} {BOLD}{name:32}{BOLD:#} by {caught_by:24} within {seeds} seeds"
        ),
        None => format!(
            "{BAD}missed{BAD:#} {BOLD}{name:32}{BOLD:#} by {caught_by:24} in {seeds} seeds{also}"
        ),
    };
    console.line(&line)?;
    if let Some((seed, panic)) = &hunt.panic {
        let again = console.repro_command(scenario, *seed, Some(name));
        console.print(&our_bug(scenario, *seed, panic, &again))?;
    }
    if let (Some(rerun), Some(report)) = (alone, &hunt.caught) {
        let again = console.repro_command(scenario, report.seed, Some(name));
        if let Ok(report) = rerun.recorded(Choices::Seed(report.seed)) {
            let files = rerun.keep(&args.run.out, &report)?;
            console.print(&card(&report, &again, Some(&files)))?;
        }
    }
    Ok(())
}

/// The sabotage of that name, for `repro`.
pub(super) fn named<'a>(context: &'a Context<'_>, name: &str) -> Result<&'a Sabotage, Problem> {
    let mut found = chosen(context, name)?;
    match (found.pop(), found.is_empty()) {
        (Some(sabotage), true) => Ok(sabotage),
        _ => Err(Problem::user(format!("`{name}` is not one planted bug"))),
    }
}
