//! The end of `test` and `fuzz`: what ran, what was checked, what never was.

use std::fmt::Write as _;
use std::time::Duration;

use steadfast_sim::report::{Counts, Coverage, Verdict};
use steadfast_sim::scenario::{Scenario, duration_text};

use super::json::{Totals, millis};
use super::{BAD, BOLD, DIM, GOOD, counted, grouped};
use crate::Exit;
use crate::batch::Outcome;

/// Seeds of a scenario below which nothing is said about what was never exercised.
const ENOUGH: u64 = 200;

/// What is known so far.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) coverage: Coverage,
    pub(crate) totals: Totals,
    pub(crate) exit: Exit,
    /// Whether some scenario ran too few seeds to say what was never exercised.
    few: bool,
}

fn idle(counts: &Counts) -> impl Iterator<Item = &str> {
    counts
        .iter()
        .filter(|(_, count)| **count == 0)
        .map(|(name, _)| &**name)
}

impl Summary {
    /// Takes in what came of one seed.
    pub(crate) fn take(&mut self, outcome: &Outcome) {
        self.totals.seeds += 1;
        match outcome {
            Outcome::Panicked(_) => {
                self.totals.panicked += 1;
                self.worsen(Exit::Bug);
            }
            Outcome::Judged(report, again) => {
                self.coverage.absorb(&report.coverage);
                if report.verdict() == Verdict::Fail {
                    self.totals.failed += 1;
                    self.worsen(Exit::Failed);
                }
                if again.is_some() {
                    self.totals.not_deterministic += 1;
                    self.worsen(Exit::NotDeterministic);
                }
            }
        }
    }

    pub(crate) fn worsen(&mut self, exit: Exit) {
        self.exit = self.exit.max(exit);
    }

    /// Notes what a scenario declares and never exercised, if enough seeds ran.
    pub(crate) fn note_idle(&mut self, scenario: &Scenario, seeds: u64, coverage: &Coverage) {
        if seeds < ENOUGH {
            self.few = true;
            return;
        }
        let expectations = scenario.expect.iter().map(|expectation| &expectation.name);
        let declared: Vec<_> = expectations.chain(&scenario.invariants).collect();
        for (kind, counts, all) in [
            ("check", &coverage.checks, false),
            ("operation", &coverage.operations, true),
        ] {
            for name in idle(counts).filter(|name| all || declared.iter().any(|it| it == name)) {
                self.never(format!("{}: {kind} {name}", scenario.name));
            }
        }
        for name in idle(&coverage.faults).filter(|name| scenario.faults.declared.contains(*name)) {
            self.never(format!("{}: fault {name}", scenario.name));
        }
    }

    /// Notes which checkers never had something to check and which faults never struck in any
    /// scenario, if enough seeds of all of them ran. In one scenario they need not, unless it names
    /// them itself: not every scenario asks queries, and a write is torn only by a power cut at just
    /// that instant.
    pub(crate) fn note_idle_checkers(&mut self) {
        if self.few {
            return;
        }
        let idle: Vec<_> = idle(&self.coverage.checks)
            .map(|name| format!("checker {name}"))
            .chain(idle(&self.coverage.faults).map(|name| format!("fault {name}")))
            .collect();
        for what in idle {
            self.never(what);
        }
    }

    fn never(&mut self, what: String) {
        self.totals.never_exercised.push(what);
        self.worsen(Exit::NeverExercised);
    }

    /// Completes the totals.
    pub(crate) fn finish(&mut self, elapsed: Duration) {
        let named = |counts: &Counts| {
            counts
                .iter()
                .map(|(name, count)| (name.to_string(), *count))
                .collect()
        };
        self.totals.events = self.coverage.events;
        self.totals.simulated_ms = millis(self.coverage.simulated);
        self.totals.checks = named(&self.coverage.checks);
        self.totals.faults = named(&self.coverage.faults);
        self.totals.history = named(&self.coverage.history);
        self.totals.elapsed_ms = millis(elapsed);
        self.totals.exit = self.exit.code();
    }

    /// For people.
    pub(crate) fn render(&self, elapsed: Duration) -> String {
        let mut out = String::new();
        let totals = &self.totals;
        let _ = writeln!(out, "\n{BOLD}checked{BOLD:#}");
        for (name, count) in &self.coverage.checks {
            let _ = writeln!(out, "  {name:32} {:>14} times", grouped(*count));
        }
        let struck: u64 = self.coverage.faults.values().sum();
        let kinds = self
            .coverage
            .faults
            .values()
            .filter(|count| **count > 0)
            .count();
        let runs: Vec<_> = self
            .coverage
            .runs
            .iter()
            .map(|(name, n)| format!("{n} {name}"))
            .collect();
        let _ = writeln!(out, "{BOLD}against{BOLD:#}");
        let _ = writeln!(out, "  {} faults of {kinds} kinds", grouped(struck));
        let _ = writeln!(out, "  workflow runs: {}", runs.join(", "));
        let events: u64 = self.coverage.history.values().sum();
        let types = self.coverage.history.len();
        if types > 0 {
            let _ = writeln!(
                out,
                "  {} events of {types} types in their histories",
                grouped(events)
            );
        }
        if !totals.never_exercised.is_empty() {
            let _ = writeln!(out, "{BAD}declared, but never exercised{BAD:#}");
            for what in &totals.never_exercised {
                let _ = writeln!(out, "  {what}");
            }
        }
        let word = match self.exit {
            Exit::Passed => format!("{GOOD}passed{GOOD:#}"),
            Exit::Interrupted => format!("{BAD}interrupted{BAD:#}"),
            _ => format!("{BAD}failed{BAD:#}"),
        };
        let _ = write!(out, "\n{word}  ");
        let _ = write!(
            out,
            "{}, ",
            counted(totals.scenarios, "scenario", "scenarios")
        );
        let _ = write!(out, "{}, ", counted(totals.seeds, "seed", "seeds"));
        if totals.failed > 0 {
            let _ = write!(out, "{} failed, ", grouped(totals.failed));
        }
        if totals.not_deterministic > 0 {
            let _ = write!(
                out,
                "{} not deterministic, ",
                grouped(totals.not_deterministic)
            );
        }
        if totals.panicked > 0 {
            let _ = write!(out, "{} panicked, ", grouped(totals.panicked));
        }
        let _ = write!(out, "{} simulated ", duration_text(self.coverage.simulated));
        let seconds = elapsed.as_secs_f64().max(0.001);
        #[expect(clippy::cast_precision_loss, reason = "it is shown without decimals")]
        let rate = totals.seeds as f64 / seconds;
        let _ = writeln!(out, "in {seconds:.1} s {DIM}({rate:.0} seeds/s){DIM:#}");
        out
    }
}

/// The line of a scenario whose seeds all ran.
pub(crate) fn scenario_line(name: &str, seeds: u64, bad: u64, coverage: &Coverage) -> String {
    let word = if bad == 0 {
        format!("{GOOD}ok  {GOOD:#}")
    } else {
        format!("{BAD}FAIL{BAD:#}")
    };
    let struck: u64 = coverage.faults.values().sum();
    let mut line = format!("{word} {name:28} {:>12}", counted(seeds, "seed", "seeds"));
    let _ = write!(line, "  {:>9} simulated", duration_text(coverage.simulated));
    let _ = write!(line, "  {:>10} faults", grouped(struck));
    if bad > 0 {
        let _ = write!(line, "  {BAD}{} failed{BAD:#}", grouped(bad));
    }
    line
}
