//! The commands, one file each.

mod campaign;
mod certify;
#[cfg(feature = "console")]
mod console;
mod fuzz;
mod list;
mod replay;
mod rerun;
mod run_again;
mod sabotage;
#[cfg(feature = "server")]
mod serve;
mod shrink;
mod test;
mod wanted;

use clap::CommandFactory;
use serde_json::json;
use steadfast_sim::suite::Suite;

#[cfg(feature = "server")]
use crate::cli::serve::ServerCommand;
use crate::cli::{Cli, Command};
use crate::problem::Problem;
use crate::report::Console;
use crate::{Engine, Exit};

/// What every command works with.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) suite: &'a Suite,
    pub(crate) engine: Engine,
    pub(crate) console: &'a Console,
    pub(crate) program: &'a str,
}

/// Carries out a command.
pub(crate) fn run(context: &Context<'_>, cli: Cli) -> Result<Exit, Problem> {
    match cli.command {
        Command::Test(args) => test::run(context, &args),
        Command::Fuzz(args) => fuzz::run(context, &args),
        Command::Repro(args) => run_again::run(context, &args),
        Command::Certify(args) => certify::run(context, &args),
        Command::Shrink(args) => shrink::run(context, &args),
        Command::Replay(args) => replay::run(context, &args),
        #[cfg(feature = "console")]
        Command::Console(args) => console::run(context, &args),
        Command::List { json } => list::run(context, json),
        #[cfg(feature = "server")]
        Command::Serve(args) => serve::serve(context, &args),
        #[cfg(feature = "server")]
        Command::Server(ServerCommand::StartDev(args)) => serve::start_dev(context, &args),
        #[cfg(feature = "server")]
        Command::TestServer(args) => serve::test_server(context, &args),
        #[cfg(feature = "client")]
        Command::Remote(noun) => crate::remote::run(context, *noun),
        Command::Completions { shell, json } => completions(context, shell, json),
    }
}

fn completions(
    context: &Context<'_>,
    shell: clap_complete::Shell,
    json: bool,
) -> Result<Exit, Problem> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), context.program, &mut script);
    let script = String::from_utf8_lossy(&script);
    if json {
        let shell = shell.to_string();
        context
            .console
            .json(&json!({ "shell": shell, "completions": script }))?;
    } else {
        context.console.print(&script)?;
    }
    Ok(Exit::Passed)
}
