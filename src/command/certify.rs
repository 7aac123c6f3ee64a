//! `steadfast certify`: a run for every place at which a scenario can break.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use serde_json::json;
use steadfast_sim::certify::{self, Boundary, FAULTS, Plan, Trial};
use steadfast_sim::report::{Choices, Options, RunReport};
use steadfast_sim::suite::Suite;

use super::Context;
use super::campaign::{jobs, our_bug};
use super::sabotage;
use crate::Exit;
use crate::artefacts::{self, check_place};
use crate::batch::caught;
use crate::cli::CertifyArgs;
use crate::interrupt::Interrupt;
use crate::problem::Problem;
use crate::report::{BAD, BOLD, GOOD, Progress, card, counted, json as lines};
use crate::select::{Target, from_text, one};

/// What became of one trial: who found something wrong, if anybody did.
type Verdict = Result<(), String>;

/// The most places that are described one by one when they are unsafe.
const DESCRIBED: usize = 3;
/// How much of a place's description is shown.
const WIDTH: usize = 64;

pub(super) fn run(context: &Context<'_>, args: &CertifyArgs) -> Result<Exit, Problem> {
    check_place(&args.run.out)?;
    let planted = match &args.sabotage {
        Some(name) => Some(context.suite.sabotaged(sabotage::named(context, name)?)),
        None => None,
    };
    let suite = planted.as_ref().map_or(context.suite, |it| &it.suite);
    let options = Options {
        bug: planted.as_ref().and_then(|it| it.bug),
        ..Options::default()
    };
    let target = calm(suite, &args.scenario)?;
    let engine = context.engine;
    let run = |choices, options| caught(|| engine(suite, &target.scenario, choices, options));
    let first = run(Choices::Seed(args.seed), certify::numbering(options));
    let first = match first {
        Ok(report) if report.failures.is_empty() => report,
        fails => return not_certified(context, args, &target, &fails),
    };
    let plan = certify::plan(&first);
    let interrupt = Interrupt::listen();
    let verdicts = try_all(args, &plan, &interrupt, |choices| {
        run(choices, certify::trying(options))
    });
    let certificate = Certificate {
        args,
        options,
        target: &target,
        plan: &plan,
        verdicts: &verdicts,
    };
    let exit = if interrupt.is_set() {
        Exit::Interrupted
    } else if certificate.unsafe_count() > 0 {
        Exit::Failed
    } else {
        Exit::Passed
    };
    if args.run.json {
        certificate.json(context, exit)?;
    } else {
        context.console.print(&certificate.text())?;
        certificate.describe(context, &run)?;
    }
    Ok(exit)
}

/// The scenario without what would go wrong by chance. It is read from a text, which repro files keep.
fn calm(suite: &Suite, what: &str) -> Result<Target, Problem> {
    let target = one(suite, what)?;
    let text = certify::calm(&target.text)
        .map_err(|why| Problem::user(format!("{what} is no TOML document: {why}")))?;
    let file = &target.scenario.file;
    Ok(from_text(suite, Some(&target.handle), file, &text)?)
}

/// The run without faults fails, so that it numbers nothing.
fn not_certified(
    context: &Context<'_>,
    args: &CertifyArgs,
    target: &Target,
    first: &Result<RunReport, String>,
) -> Result<Exit, Problem> {
    let console = context.console;
    let (name, seed) = (&target.scenario.name, args.seed);
    let command = format!("{} certify {}", context.program, args.scenario);
    let exit = match first {
        Ok(_) => Exit::Failed,
        Err(_) => Exit::Bug,
    };
    match first {
        Ok(report) if args.run.json => console.json(&lines::Run::judged(report))?,
        Err(panic) if args.run.json => console.json(&lines::Run::panicked(name, seed, panic))?,
        Ok(report) => {
            console.print(&card(report, &command, None))?;
            console.line("not certified: the run without faults fails")?;
        }
        Err(panic) => console.print(&our_bug(name, seed, panic, &command))?,
    }
    if args.run.json {
        let summary = json!({ "scenario": name, "seed": seed.to_string(), "exit": exit.code() });
        console.json(&lines::Closing { summary })?;
    }
    Ok(exit)
}

/// Makes every run of the plan, on several threads; what comes back is in the order of the plan.
fn try_all(
    args: &CertifyArgs,
    plan: &Plan,
    interrupt: &Interrupt,
    run: impl Fn(Choices) -> Result<RunReport, String> + Sync,
) -> Vec<Option<Verdict>> {
    let mut verdicts: Vec<Option<Verdict>> = vec![None; plan.trials.len()];
    let total = plan.trials.len() as u64;
    let mut progress = Progress::begin(&args.scenario, Some(total), args.run.json);
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let (sender, results) = mpsc::channel();
        for _ in 0..jobs(&args.run) {
            let sender = sender.clone();
            let (next, run) = (&next, &run);
            scope.spawn(move || {
                while !interrupt.is_set() {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(trial) = plan.trials.get(place) else {
                        break;
                    };
                    let report = run(Choices::Overridden(trial.choices.clone()));
                    if sender.send((place, report)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        for (place, report) in results {
            let verdict = judge(&report);
            let coverage = report.as_ref().ok().map(|report| &report.coverage);
            progress.done(coverage, verdict.is_err());
            verdicts[place] = Some(verdict);
        }
    });
    progress.end();
    verdicts
}

fn judge(report: &Result<RunReport, String>) -> Verdict {
    match report {
        Err(_) => Err("panic".to_owned()),
        Ok(report) => report
            .failures
            .first()
            .map_or(Ok(()), |failure| Err(failure.checker.to_string())),
    }
}

/// What was tried, and what came of it.
struct Certificate<'a> {
    args: &'a CertifyArgs,
    options: Options,
    target: &'a Target,
    plan: &'a Plan,
    verdicts: &'a [Option<Verdict>],
}

impl Certificate<'_> {
    fn trials(&self) -> impl Iterator<Item = (&Trial, &Option<Verdict>)> {
        self.plan.trials.iter().zip(self.verdicts)
    }

    fn unsafe_trials(&self) -> impl Iterator<Item = (&Trial, &str)> {
        self.trials().filter_map(|(trial, verdict)| match verdict {
            Some(Err(checker)) => Some((trial, checker.as_str())),
            _ => None,
        })
    }

    fn unsafe_count(&self) -> usize {
        self.unsafe_trials().count()
    }

    /// The certificate, a line for each place. Made to be kept and compared.
    fn text(&self) -> String {
        let mut out = String::new();
        let name = &self.target.scenario.name;
        let _ = writeln!(
            out,
            "{BOLD}certificate of {name}{BOLD:#}, seed {}",
            self.args.seed
        );
        let columns = FAULTS.map(|fault| format!("{fault:14}")).concat();
        let _ = writeln!(out, "{:>16}  {:10} {columns} event", "at", "node");
        let mut cells: BTreeMap<(usize, &str), Option<Verdict>> = BTreeMap::new();
        for (trial, verdict) in self.trials() {
            let cell = cells.entry((trial.boundary, trial.fault)).or_insert(None);
            // Several replies of one event: the worst counts.
            if !matches!(cell, Some(Err(_))) {
                cell.clone_from(verdict);
            }
        }
        for (number, boundary) in self.plan.boundaries.iter().enumerate() {
            let Boundary { at, node, what, .. } = boundary;
            let _ = write!(out, "{:>16}  {node:10} ", at.to_string());
            for fault in FAULTS {
                let (style, text) = match cells.get(&(number, fault)) {
                    None => (anstyle::Style::new(), "-"),
                    Some(None) => (anstyle::Style::new(), "not run"),
                    Some(Some(Ok(()))) => (GOOD, "ok"),
                    Some(Some(Err(_))) => (BAD, "UNSAFE"),
                };
                let _ = write!(out, "{style}{text}{style:#}{:1$}", "", 14 - text.len());
            }
            let what: String = what.chars().take(WIDTH).collect();
            let _ = writeln!(out, " {what}");
        }
        let points = counted(self.plan.boundaries.len() as u64, "place", "places");
        let runs = counted(self.plan.trials.len() as u64, "run", "runs");
        let verdict = match self.unsafe_count() {
            0 if self.verdicts.iter().all(Option::is_some) => format!("{GOOD}all safe{GOOD:#}"),
            0 => "not all of them run".to_owned(),
            bad => format!("{BAD}{bad} unsafe{BAD:#}"),
        };
        let _ = writeln!(out, "{points}, {runs}: {verdict}");
        out
    }

    /// The first unsafe places, each with its card.
    fn describe(
        &self,
        context: &Context<'_>,
        run: &impl Fn(Choices, Options) -> Result<RunReport, String>,
    ) -> Result<(), Problem> {
        for (trial, _) in self.unsafe_trials().take(DESCRIBED) {
            let boundary = &self.plan.boundaries[trial.boundary];
            let options = Options {
                record: true,
                histories: true,
                ..certify::numbering(self.options)
            };
            let (fault, what, node) = (trial.fault, &boundary.what, &boundary.node);
            context.console.line(&format!(
                "\n{BOLD}{fault}{BOLD:#} on {node}, at {}: {what}",
                boundary.at
            ))?;
            let report = match run(Choices::Overridden(trial.choices.clone()), options) {
                Ok(report) => report,
                Err(panic) => {
                    context.console.line(&format!("  it panicked: {panic}"))?;
                    continue;
                }
            };
            let out = self.args.run.out.join(format!("{fault}-{}", boundary.seq));
            let files =
                artefacts::write(&out, self.target, self.args.sabotage.as_deref(), &report)?;
            let again = format!("{} repro {}", context.program, files.repro.display());
            context
                .console
                .print(&card(&report, &again, Some(&files)))?;
        }
        Ok(())
    }

    fn json(&self, context: &Context<'_>, exit: Exit) -> Result<(), Problem> {
        for (trial, verdict) in self.trials() {
            let boundary = &self.plan.boundaries[trial.boundary];
            let (safe, checker) = match verdict {
                None => (None, None),
                Some(Ok(())) => (Some(true), None),
                Some(Err(checker)) => (Some(false), Some(checker)),
            };
            context.console.json(&json!({
                "boundary": boundary.seq,
                "at_ms": boundary.at.as_nanos() / 1_000_000,
                "node": boundary.node,
                "event": boundary.what,
                "fault": trial.fault,
                "safe": safe,
                "checker": checker,
            }))?;
        }
        let summary = json!({
            "scenario": self.target.scenario.name,
            "seed": self.args.seed.to_string(),
            "places": self.plan.boundaries.len(),
            "runs": self.plan.trials.len(),
            "unsafe": self.unsafe_count(),
            "exit": exit.code(),
        });
        context.console.json(&lines::Closing { summary })
    }
}
