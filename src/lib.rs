//! The command line of Steadfast, as a library: durable execution that you can prove.
//!
//! A crate registers its workflows, activities, services and scenarios in a [`Suite`] and hands it
//! to [`main`]. The binary of this package does the same with the suites that are shipped.
//!
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     steadfast::main(steadfast::sim::suite::Suite::new())
//! }
//! ```
//!
//! Threads, the wall clock, the terminal and the file system are used here and nowhere below.

mod artefacts;
mod batch;
mod cli;
mod command;
mod exit;
mod interrupt;
mod problem;
#[cfg(feature = "client")]
mod remote;
mod report;
mod repro;
mod select;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

pub use exit::Exit;
pub use steadfast_sim as sim;
use steadfast_sim::report::{Choices, Options, RunReport};
use steadfast_sim::scenario::Scenario;
use steadfast_sim::suite::Suite;

/// What makes a run of a scenario: the simulator, or in tests something simpler.
pub(crate) type Engine = fn(&Suite, &Scenario, Choices, Options) -> RunReport;

/// Runs the command line over a suite, with the arguments of the process.
pub fn main(suite: Suite) -> ExitCode {
    main_with(
        &suite,
        std::env::args_os().collect(),
        steadfast_sim::run::run,
    )
    .into()
}

fn main_with(suite: &Suite, args: Vec<OsString>, engine: Engine) -> Exit {
    let program = program_name(&args);
    let cli = match cli::Cli::try_parse_from(cli::as_test_server(args)) {
        Ok(cli) => cli,
        Err(error) => return refused(&error),
    };
    batch::quiet_panics();
    let console = report::Console::new(&program, Box::new(anstream::stdout()));
    let context = command::Context {
        suite,
        engine,
        console: &console,
        program: &program,
    };
    match command::run(&context, cli) {
        Ok(exit) => exit,
        Err(problem) => {
            problem.tell();
            problem.exit()
        }
    }
}

#[cfg(test)]
mod tests;

/// What clap has to say: help on stdout, a refusal on stderr.
fn refused(error: &clap::Error) -> Exit {
    let text = error.render();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let mut out = anstream::stdout();
            match write!(out, "{}", text.ansi()) {
                Ok(()) => Exit::Passed,
                Err(_) => Exit::Usage,
            }
        }
        _ => {
            // Nobody is left to be told if stderr is closed.
            write!(anstream::stderr(), "{}", text.ansi()).unwrap_or_default();
            Exit::Usage
        }
    }
}

/// What people type to run this program.
fn program_name(args: &[OsString]) -> String {
    let path = args.first().map(std::path::Path::new);
    let stem = path.and_then(std::path::Path::file_stem);
    stem.map_or_else(
        || "steadfast".to_owned(),
        |stem| stem.to_string_lossy().into_owned(),
    )
}
