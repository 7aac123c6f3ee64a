//! Makes a failed run again with everything recorded, and shows it.

use std::path::Path;

use steadfast_sim::report::{Choices, Options, RunReport};
use steadfast_sim::sabotage::Bug;
use steadfast_sim::suite::Suite;

use super::Context;
use super::wanted::Wanted;
use crate::Engine;
use crate::artefacts::{self, Artefacts};
use crate::batch::caught;
use crate::problem::Problem;
use crate::select::Target;

/// One run, made again.
#[derive(Clone, Copy)]
pub(super) struct Rerun<'a> {
    pub(super) engine: Engine,
    pub(super) suite: &'a Suite,
    pub(super) target: &'a Target,
    pub(super) bug: Option<Bug>,
    pub(super) sabotage: Option<&'a str>,
}

impl<'a> Rerun<'a> {
    /// What is wanted.
    pub(super) fn of(context: &Context<'_>, wanted: &'a Wanted) -> Self {
        Self {
            engine: context.engine,
            suite: &wanted.suite.suite,
            target: &wanted.target,
            bug: wanted.suite.bug,
            sabotage: wanted.sabotage.as_deref(),
        }
    }

    /// The run with everything recorded; the error is a panic.
    pub(super) fn recorded(&self, choices: Choices) -> Result<RunReport, String> {
        let options = Options {
            trace: true,
            record: true,
            histories: true,
            points: passes_points(&choices),
            bug: self.bug,
        };
        caught(|| (self.engine)(self.suite, &self.target.scenario, choices, options))
    }

    /// The run with nothing but its choices recorded; the error is a panic.
    pub(super) fn quick(&self, choices: Choices) -> Result<RunReport, String> {
        let options = Options {
            record: true,
            points: passes_points(&choices),
            bug: self.bug,
            ..Options::default()
        };
        caught(|| (self.engine)(self.suite, &self.target.scenario, choices, options))
    }

    /// Writes what is kept of it.
    pub(super) fn keep(&self, out: &Path, report: &RunReport) -> Result<Artefacts, Problem> {
        artefacts::write(out, self.target, self.sabotage, report)
    }

    /// The first event in which two runs of one seed differ.
    pub(super) fn difference(&self, seed: u64, first: &RunReport, again: &RunReport) -> String {
        let range = first.ladder.first_difference(&again.ladder);
        let mut before: Option<RunReport> = None;
        for _ in 0..4 {
            let Ok(run) = self.recorded(Choices::Seed(seed)) else {
                break;
            };
            if let Some(before) = &before
                && let Some(told) = first_difference(before, &run)
            {
                return told;
            }
            before = Some(run);
        }
        match range {
            Some(range) => format!(
                "the first difference is in events {}..{}",
                range.start, range.end
            ),
            None => "the hashes differ, the events do not".to_owned(),
        }
    }
}

/// Whether something is set for a point: only then need the run pass any.
fn passes_points(choices: &Choices) -> bool {
    let log = match choices {
        Choices::Seed(_) => return false,
        Choices::Recorded(log) | Choices::Overridden(log) => log,
    };
    let mut series = log.series.iter();
    series.any(|((label, _), series)| label.starts_with("point.") && !series.choices.is_empty())
}

fn first_difference(a: &RunReport, b: &RunReport) -> Option<String> {
    let place = a.trace.iter().zip(&b.trace).position(|(a, b)| a != b);
    match place {
        Some(place) => {
            let (a, b) = (&a.trace[place], &b.trace[place]);
            Some(format!(
                "event {} differs:\n    once   {a}\n    again  {b}",
                a.seq
            ))
        }
        None if a.trace.len() != b.trace.len() => {
            let (a, b) = (a.trace.len(), b.trace.len());
            Some(format!("one run has {a} events, the other {b}"))
        }
        None => None,
    }
}
