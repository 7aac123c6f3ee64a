//! Many seeds of several scenarios: the body of `test` and `fuzz`.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use steadfast_sim::report::{Choices, Coverage, RunReport, Verdict};

use super::Context;
use super::rerun::Rerun;
use crate::Exit;
use crate::artefacts::check_place;
use crate::batch::{Batch, Ended, Outcome, Ran};
use crate::cli::RunArgs;
use crate::interrupt::Interrupt;
use crate::problem::Problem;
use crate::report::{BAD, Progress, Summary, card, json, scenario_line};
use crate::select::Target;

/// Cards that one scenario may print; more of them help nobody.
const CARDS: usize = 3;

/// Which seeds run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seeds {
    first: u64,
    count: Option<u64>,
    time: Option<Duration>,
}

impl Seeds {
    /// So many seeds from the first on.
    pub(super) fn range(first: u64, count: u64) -> Result<Self, Problem> {
        if first.checked_add(count - 1).is_none() {
            let message = format!("{count} seeds from {first} on go beyond {}", u64::MAX);
            return Err(Problem::with_help(message, "the seeds are 64-bit numbers"));
        }
        Ok(Self {
            first,
            count: Some(count),
            time: None,
        })
    }

    /// As many as fit into the time.
    pub(super) const fn for_time(first: u64, time: Duration) -> Self {
        Self {
            first,
            count: None,
            time: Some(time),
        }
    }
}

/// Runs seeds of scenarios and tells what came of them.
#[derive(Clone, Copy)]
pub(super) struct Campaign<'a> {
    pub(super) context: &'a Context<'a>,
    pub(super) run: &'a RunArgs,
    /// Whether these are all scenarios that are registered.
    pub(super) everything: bool,
}

/// How many threads run seeds.
pub(super) fn jobs(run: &RunArgs) -> usize {
    let processors = || std::thread::available_parallelism().map_or(1, Into::into);
    run.jobs.map_or_else(processors, usize::from)
}

/// What is known of one scenario.
#[derive(Default)]
struct Known {
    seeds: u64,
    bad: u64,
    coverage: Coverage,
    /// The failing seed with the fewest events, by the checker that failed first.
    cheapest: BTreeMap<String, (u64, u64)>,
    panics: Vec<(u64, String)>,
    differences: Vec<(u64, String)>,
}

impl Campaign<'_> {
    /// Runs everything.
    pub(super) fn run(&self, targets: &[Target], seeds: Seeds) -> Result<Exit, Problem> {
        check_place(&self.run.out)?;
        let interrupt = Interrupt::listen();
        let begun = Instant::now();
        let mut summary = Summary::default();
        for target in targets {
            let ended = self.scenario(target, seeds, &interrupt, &mut summary)?;
            if ended == Ended::Interrupted {
                summary.totals.interrupted = true;
                summary.worsen(Exit::Interrupted);
                break;
            }
        }
        if self.everything && !summary.totals.interrupted {
            summary.note_idle_checkers();
        }
        let elapsed = begun.elapsed();
        summary.finish(elapsed);
        if self.run.json {
            self.context.console.json(&json::Closing {
                summary: &summary.totals,
            })?;
        } else {
            self.context.console.print(&summary.render(elapsed))?;
        }
        Ok(summary.exit)
    }

    fn scenario(
        &self,
        target: &Target,
        seeds: Seeds,
        interrupt: &Interrupt,
        summary: &mut Summary,
    ) -> Result<Ended, Problem> {
        let Context { suite, engine, .. } = *self.context;
        let batch = Batch {
            engine,
            suite,
            scenario: &target.scenario,
            bug: None,
            first: seeds.first,
            seeds: seeds.count,
            time: seeds.time,
            jobs: jobs(self.run),
            twice: true,
        };
        let mut known = Known::default();
        let name = &target.scenario.name;
        let mut progress = Progress::begin(name, seeds.count, self.run.json);
        let (ended, broke) =
            batch.run(interrupt, |ran| match self.seed(target, &ran, &mut known) {
                Ok(bad) => {
                    let coverage = match &ran.outcome {
                        Outcome::Judged(report, _) => Some(&report.coverage),
                        Outcome::Panicked(_) => None,
                    };
                    progress.done(coverage, bad);
                    summary.take(&ran.outcome);
                    ControlFlow::Continue(())
                }
                Err(problem) => ControlFlow::Break(problem),
            });
        progress.end();
        if let Some(problem) = broke {
            return Err(problem);
        }
        summary.totals.scenarios += 1;
        if ended == Ended::Done {
            summary.note_idle(&target.scenario, known.seeds, &known.coverage);
        }
        self.tell(target, &known, summary)?;
        Ok(ended)
    }

    /// Takes in what came of a seed; says whether it was bad.
    fn seed(&self, target: &Target, ran: &Ran, known: &mut Known) -> Result<bool, Problem> {
        let Ran { seed, outcome } = ran;
        known.seeds += 1;
        let repro = || {
            Some(
                self.context
                    .console
                    .repro_command(&target.handle, *seed, None),
            )
        };
        let (line, bad) = match outcome {
            Outcome::Panicked(panic) => {
                known.panics.push((*seed, panic.clone()));
                let line = json::Run::panicked(&target.scenario.name, *seed, panic);
                (
                    json::Run {
                        repro: repro(),
                        ..line
                    },
                    true,
                )
            }
            Outcome::Judged(report, again) => {
                known.coverage.absorb(&report.coverage);
                let failed = report.verdict() == Verdict::Fail;
                if failed {
                    known.note_failure(report);
                }
                let difference = again
                    .as_deref()
                    .map(|again| self.rerun(target).difference(*seed, report, again));
                if let Some(difference) = &difference {
                    known.differences.push((*seed, difference.clone()));
                }
                let bad = failed || difference.is_some();
                let repro = if bad { repro() } else { None };
                (
                    json::Run {
                        difference,
                        repro,
                        ..json::Run::judged(report)
                    },
                    bad,
                )
            }
        };
        known.bad += u64::from(bad);
        if self.run.json {
            self.context.console.json(&line)?;
        }
        Ok(bad)
    }

    fn rerun<'t>(&'t self, target: &'t Target) -> Rerun<'t> {
        let Context { suite, engine, .. } = *self.context;
        Rerun {
            engine,
            suite,
            target,
            bug: None,
            sabotage: None,
        }
    }

    /// Tells what came of a scenario and keeps what is needed to see its failures again.
    fn tell(&self, target: &Target, known: &Known, summary: &mut Summary) -> Result<(), Problem> {
        let console = self.context.console;
        let for_people = |text: &str| {
            if self.run.json {
                Ok(())
            } else {
                console.print(text)
            }
        };
        let name = &target.scenario.name;
        for_people(&(scenario_line(name, known.seeds, known.bad, &known.coverage) + "\n"))?;
        for (seed, panic) in known.panics.iter().take(CARDS) {
            let again = console.repro_command(&target.handle, *seed, None);
            for_people(&our_bug(name, *seed, panic, &again))?;
        }
        for (seed, difference) in known.differences.iter().take(CARDS) {
            let again = console.repro_command(&target.handle, *seed, None);
            for_people(&format!(
                "{BAD}NOT DETERMINISTIC{BAD:#} {name}:{seed}\n  {difference}\n  again   {again}\n"
            ))?;
        }
        let mut cheapest: Vec<_> = known.cheapest.values().collect();
        cheapest.sort();
        for (_, seed) in cheapest.into_iter().take(CARDS) {
            let again = console.repro_command(&target.handle, *seed, None);
            match self.rerun(target).recorded(Choices::Seed(*seed)) {
                Ok(report) => {
                    let files = self.rerun(target).keep(&self.run.out, &report)?;
                    summary
                        .totals
                        .artefacts
                        .push(files.repro.display().to_string());
                    for_people(&card(&report, &again, Some(&files)))?;
                }
                Err(panic) => {
                    summary.worsen(Exit::Bug);
                    for_people(&our_bug(name, *seed, &panic, &again))?;
                }
            }
        }
        Ok(())
    }
}

impl Known {
    fn note_failure(&mut self, report: &RunReport) {
        let Some(first) = report.failures.first() else {
            return;
        };
        let cost = (report.coverage.events, report.seed);
        let best = self
            .cheapest
            .entry(first.checker.to_string())
            .or_insert(cost);
        *best = cost.min(*best);
    }
}

/// What is said of a panic.
pub(super) fn our_bug(name: &str, seed: u64, panic: &str, again: &str) -> String {
    format!(
        "{BAD}BUG{BAD:#} {name}:{seed}\n  A run panicked: {panic}\n  This is a bug of Steadfast, \
         unless the place is in your own code. Please report it with this line:\n  again   \
         {again}\n"
    )
}
