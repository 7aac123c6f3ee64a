//! `steadfast console`: histories and simulated runs on the terminal.

use std::fmt;
use std::io::{IsTerminal as _, Read as _, stderr, stdin, stdout};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use steadfast_sim::report::{Choices, Options, RunReport};
use steadfast_sim::suite::Suite;

use steadfast_tui::app::Open;
use steadfast_tui::event_loop::{self, Console};
use steadfast_tui::plain;
use steadfast_tui::source::files::{Files, STDIN};
use steadfast_tui::source::worlds::{Simulator, Worlds};
use steadfast_tui::theme::{Palette, Theme};

use super::Context;
use super::rerun::Rerun;
use super::wanted::Wanted;
use crate::batch::caught;
use crate::cli::console::{ConsoleArgs, ThemeName};
use crate::problem::Problem;
use crate::report::Console as Silent;
use crate::select::one;
use crate::{Engine, Exit};

pub(super) fn run(context: &Context<'_>, args: &ConsoleArgs) -> Result<Exit, Problem> {
    if let Some(open) = simulated(context, args)? {
        return simulation(context, args, open);
    }
    let files = Arc::new(Files::new(paths(args)?, context.program));
    let open = files.only();
    if args.event.is_some() && open.is_none() {
        return Err(Problem::with_help(
            "--event is about one history",
            "name one history, not several or a folder",
        ));
    }
    if args.plain || !can_draw() {
        let mut text = Vec::new();
        // Writing to memory does not fail.
        let whole = plain::write(&files, &mut text).unwrap_or(false);
        context.console.print(&String::from_utf8_lossy(&text))?;
        return Ok(if whole { Exit::Passed } else { Exit::Usage });
    }
    let console = Console {
        source: files,
        builds: Arc::new(context.suite.builds().clone()),
        open: open.map_or(Open::List, |history| Open::History(history, args.event)),
        theme: theme(args),
    };
    draw(&console)
}

fn draw(console: &Console) -> Result<Exit, Problem> {
    match event_loop::run(console) {
        Ok(()) => Ok(Exit::Passed),
        Err(error) => Err(Problem::with_help(
            format!("the terminal cannot be used: {error}"),
            "--plain prints what would be shown",
        )),
    }
}

/// What is to be simulated, if that is meant: a repro file, a scenario and a seed, or a scenario.
fn simulated(context: &Context<'_>, args: &ConsoleArgs) -> Result<Option<Open>, Problem> {
    let [what] = args.what.as_slice() else {
        return Ok(None);
    };
    let path = Path::new(what);
    if path.is_dir() {
        return Ok(None);
    }
    if path.is_file() {
        let is_scenario = path.extension().is_some_and(|it| it == "toml");
        return Ok(if is_scenario {
            one(context.suite, what)?;
            Some(Open::Campaign(what.clone(), args.seed))
        } else if is_repro(path) {
            Some(Open::World(what.clone()))
        } else {
            None
        });
    }
    if let Some((scenario, _)) = what.rsplit_once(':') {
        one(context.suite, scenario)?;
        return Ok(Some(Open::World(what.clone())));
    }
    let named = |file: &str| file.strip_suffix(".toml").unwrap_or(file) == what;
    let registered = context.suite.scenarios().iter();
    let found = registered.into_iter().any(|source| named(&source.file));
    Ok(found.then(|| Open::Campaign(what.clone(), args.seed)))
}

/// Whether a file says of itself, at its beginning, that it is a repro file.
fn is_repro(path: &Path) -> bool {
    let mut head = [0; 256];
    let file = std::fs::File::open(path);
    let length = file.and_then(|mut file| file.read(&mut head)).unwrap_or(0);
    let head = String::from_utf8_lossy(&head[..length]);
    head.contains("\"steadfast.repro\"")
}

fn simulation(context: &Context<'_>, args: &ConsoleArgs, open: Open) -> Result<Exit, Problem> {
    let what = args.what.first().map_or("", String::as_str);
    if args.plain || !can_draw() {
        return Err(Problem::with_help(
            "a simulated run is looked at on a terminal",
            format!("{} repro {what} --trace prints it", context.program),
        ));
    }
    let simulator = Arc::new(Simulations {
        suite: context.suite.clone(),
        engine: context.engine,
        sabotage: args.sabotage.clone(),
        program: context.program.to_owned(),
    });
    draw(&Console {
        source: Arc::new(Worlds::new(simulator, what)),
        builds: Arc::new(context.suite.builds().clone()),
        open,
        theme: theme(args),
    })
}

/// Makes the runs of a suite.
struct Simulations {
    suite: Suite,
    engine: Engine,
    sabotage: Option<String>,
    program: String,
}

impl fmt::Debug for Simulations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulations")
            .field("suite", &self.suite)
            .field("sabotage", &self.sabotage)
            .finish_non_exhaustive()
    }
}

impl Simulator for Simulations {
    fn record(&self, what: &str) -> Result<RunReport, String> {
        // What would be printed on the way goes nowhere: the terminal is not ours to write on.
        let silent = Silent::new(&self.program, Box::new(std::io::sink()));
        let context = Context {
            suite: &self.suite,
            engine: self.engine,
            console: &silent,
            program: &self.program,
        };
        let wanted = Wanted::read(&context, what, self.sabotage.as_deref());
        let wanted = wanted.map_err(|problem| problem.render())?;
        let made = Rerun::of(&context, &wanted).recorded(wanted.choices.clone());
        made.map_err(|panic| format!("the run panicked: {panic}"))
    }

    fn judge(&self, scenario: &str, seed: u64) -> Result<RunReport, String> {
        let planted = match &self.sabotage {
            Some(name) => {
                let found = self.suite.sabotages().iter().find(|it| it.name == *name);
                let unknown = || format!("there is no planted bug `{name}`");
                Some(self.suite.sabotaged(found.ok_or_else(unknown)?))
            }
            None => None,
        };
        let suite = planted
            .as_ref()
            .map_or(&self.suite, |planted| &planted.suite);
        let target = one(suite, scenario).map_err(|problem| problem.render())?;
        let options = Options {
            bug: planted.as_ref().and_then(|planted| planted.bug),
            ..Options::default()
        };
        let run = || (self.engine)(suite, &target.scenario, Choices::Seed(seed), options);
        caught(run).map_err(|panic| format!("seed {seed} panicked: {panic}"))
    }

    fn command(&self, what: &str) -> String {
        format!("{} console {what}", self.program)
    }
}

/// What is to be looked at; what is piped in, if nothing is named.
fn paths(args: &ConsoleArgs) -> Result<Vec<PathBuf>, Problem> {
    if args.what.is_empty() {
        if stdin().is_terminal() {
            return Err(Problem::with_help(
                "there is nothing to look at",
                "name exported histories, a folder of them, or pipe one in",
            ));
        }
        return Ok(vec![PathBuf::from(STDIN)]);
    }
    for what in &args.what {
        if what != STDIN && !PathBuf::from(what).exists() {
            return Err(Problem::with_help(
                format!("there is no file and no registered scenario {what}"),
                "export a history with `temporal workflow show --output json`, or write SCENARIO:SEED",
            ));
        }
    }
    Ok(args.what.iter().map(PathBuf::from).collect())
}

/// Whether there is a terminal, and one that can do more than print lines.
fn can_draw() -> bool {
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    stdout().is_terminal() && stderr().is_terminal() && !dumb
}

fn theme(args: &ConsoleArgs) -> Theme {
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let palette = match args.theme {
        Some(ThemeName::Terminal) => Palette::Terminal,
        Some(ThemeName::Contrast) => Palette::Contrast,
        Some(ThemeName::ColourBlind) => Palette::ColourBlind,
        Some(ThemeName::Mono) => Palette::Mono,
        None if no_colour => Palette::Mono,
        None => Palette::Terminal,
    };
    Theme {
        palette,
        ascii: args.ascii,
    }
}
