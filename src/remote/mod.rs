//! The verbs of Temporal's own command line, against any server that speaks its API.
//!
//! Flags, and what is printed with `--output json`, are those of `temporal`. One file for each noun, or a folder where
//! a noun has many verbs:
//!
//! | file | what |
//! |---|---|
//! | `args` | what every verb takes |
//! | `session` | the connection, and calls over it |
//! | `output`, `text` | documents for programs, cards and tables for people |
//! | `input` | payloads and other values on the command line |
//! | `target` | one workflow, or all that a query chooses |
//! | `history` | the events of a workflow, as they come |
//! | `workflow`, `activity`, `schedule`, `batch`, `task_queue`, `operator` | the verbs |

mod activity;
mod args;
mod batch;
mod count;
mod history;
mod input;
mod operator;
mod output;
mod schedule;
mod session;
mod target;
mod task_queue;
mod text;
mod workflow;

use clap::{Args, ColorChoice, Subcommand};
use tokio::runtime;

use crate::Exit;
use crate::command::Context;
use crate::problem::Problem;
use crate::report::Console;

use args::RemoteArgs;
use output::Output;
use session::Session;

/// What can be asked of a server.
#[derive(Debug, Subcommand)]
pub(crate) enum Noun {
    /// Start, list, and operate on workflows
    Workflow(Asked<workflow::Verb>),
    /// Operate on activities
    Activity(Asked<activity::Verb>),
    /// Operate on schedules
    Schedule(Asked<schedule::Verb>),
    /// Look after batch jobs
    Batch(Asked<batch::Verb>),
    /// Look at task queues
    TaskQueue(Asked<task_queue::Verb>),
    /// Look after namespaces, search attributes and the cluster
    Operator(Asked<operator::Verb>),
}

/// A verb of a noun, with what every verb takes.
#[derive(Debug, Args)]
pub(crate) struct Asked<V: Subcommand> {
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(subcommand)]
    verb: V,
}

/// A verb that can be carried out.
trait Run {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem>;
}

/// Carries out a verb.
pub(crate) fn run(context: &Context<'_>, noun: Noun) -> Result<Exit, Problem> {
    match noun {
        Noun::Workflow(asked) => carry_out(context, asked),
        Noun::Activity(asked) => carry_out(context, asked),
        Noun::Schedule(asked) => carry_out(context, asked),
        Noun::Batch(asked) => carry_out(context, asked),
        Noun::TaskQueue(asked) => carry_out(context, asked),
        Noun::Operator(asked) => carry_out(context, asked),
    }
}

fn carry_out<V: Subcommand + Run>(context: &Context<'_>, asked: Asked<V>) -> Result<Exit, Problem> {
    let settings = asked.remote.connection.settings()?;
    let own = console(context, asked.remote.output.color);
    let output = Output::new(
        own.as_ref().unwrap_or(context.console),
        &asked.remote.output,
    );
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Problem::user(format!("no runtime: {error}")))?;
    let doing = async {
        let session = Session::open(settings, output).await?;
        asked.verb.run(&session).await
    };
    runtime.block_on(async {
        match asked.remote.command_timeout {
            None => doing.await,
            Some(limit) => tokio::time::timeout(limit, doing)
                .await
                .unwrap_or_else(|_| Err(Problem::refused(format!("not done within {limit:?}")))),
        }
    })?;
    Ok(Exit::Passed)
}

/// A console of its own for who has said whether there are colours.
fn console(context: &Context<'_>, color: ColorChoice) -> Option<Console> {
    let choice = match color {
        ColorChoice::Auto => return None,
        ColorChoice::Always => anstream::ColorChoice::Always,
        ColorChoice::Never => anstream::ColorChoice::Never,
    };
    let out = anstream::AutoStream::new(std::io::stdout(), choice);
    Some(Console::new(context.program, Box::new(out)))
}
