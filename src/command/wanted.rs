//! What is to be run again: a repro file, or a scenario and a seed.

use std::path::Path;

use steadfast_sim::report::Choices;
use steadfast_sim::suite::Sabotaged;

use super::{Context, sabotage};
use crate::cli::parse_seed;
use crate::problem::Problem;
use crate::repro::{Head, Repro};
use crate::select::{Target, from_text, one, read_text};

/// The largest repro file that is read.
const MOST_BYTES: u64 = 256 << 20;

/// A run that is to be made again, and all that it needs.
pub(super) struct Wanted {
    pub(super) choices: Choices,
    /// The name of the bug in `suite`.
    pub(super) sabotage: Option<String>,
    pub(super) suite: Sabotaged,
    pub(super) target: Target,
    /// What a repro file says beside its choices.
    pub(super) recorded: Option<Recorded>,
}

/// A recorded run: what is said about it.
pub(super) struct Recorded {
    pub(super) head: Head,
    pub(super) path: String,
}

impl Wanted {
    /// Reads what is meant by `FILE|SCENARIO:SEED`, with this bug planted or with that of the file.
    pub(super) fn read(
        context: &Context<'_>,
        what: &str,
        sabotage: Option<&str>,
    ) -> Result<Self, Problem> {
        let path = Path::new(what);
        let is_document = path.extension().is_some_and(|it| it == "json");
        if path.is_file() || is_document {
            Self::file(context, what, sabotage)
        } else {
            Self::seed(context, what, sabotage)
        }
    }

    fn file(context: &Context<'_>, path: &str, sabotage: Option<&str>) -> Result<Self, Problem> {
        let text = read_text(Path::new(path), MOST_BYTES)?;
        let Repro { head, choices } = Repro::from_json(&text)
            .map_err(|why| Problem::user(format!("{path} is no repro file: {why}")))?;
        let sabotage = sabotage
            .map(str::to_owned)
            .or_else(|| head.sabotage.clone());
        let suite = planted(context, sabotage.as_deref())?;
        let file = Path::new(&head.scenario.file).file_name();
        let file = file.map_or_else(|| path.to_owned(), |it| it.to_string_lossy().into_owned());
        let target = from_text(&suite.suite, Some(path), &file, &head.scenario.text)?;
        Ok(Self {
            choices: Choices::Recorded(choices),
            sabotage,
            suite,
            target,
            recorded: Some(Recorded {
                head,
                path: path.to_owned(),
            }),
        })
    }

    fn seed(context: &Context<'_>, what: &str, sabotage: Option<&str>) -> Result<Self, Problem> {
        let Some((scenario, seed)) = what.rsplit_once(':') else {
            let message = format!("`{what}` is neither a file nor SCENARIO:SEED");
            let help = format!("write a seed, as in {what}:17");
            return Err(Problem::with_help(message, help));
        };
        let seed =
            parse_seed(seed).map_err(|why| Problem::user(format!("`{seed}` is no seed: {why}")))?;
        let suite = planted(context, sabotage)?;
        Ok(Self {
            choices: Choices::Seed(seed),
            sabotage: sabotage.map(str::to_owned),
            target: one(&suite.suite, scenario)?,
            suite,
            recorded: None,
        })
    }

    /// The command that makes this run again.
    pub(super) fn command(&self, context: &Context<'_>) -> String {
        match &self.recorded {
            Some(recorded) => format!("{} repro {}", context.program, recorded.path),
            None => context.console.repro_command(
                &self.target.handle,
                self.choices.seed(),
                self.sabotage.as_deref(),
            ),
        }
    }
}

fn planted(context: &Context<'_>, sabotage: Option<&str>) -> Result<Sabotaged, Problem> {
    Ok(match sabotage {
        Some(name) => context.suite.sabotaged(sabotage::named(context, name)?),
        None => Sabotaged {
            suite: context.suite.clone(),
            bug: None,
        },
    })
}
