//! The verbs about workflows.

mod describe;
mod end;
mod list;
mod message;
mod reset;
mod result;
mod show;
mod start;
mod trace;
mod update;

pub(super) use result::{failure_text, friendly};
pub(super) use start::{StartArgs, or_zero, proto_span};

use clap::Subcommand;

use super::Run;
use super::session::Session;
use crate::problem::Problem;

/// The verbs about workflows.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Start a workflow
    Start(start::Start),
    /// Start a workflow and wait for its result
    Execute(start::Execute),
    /// Signal a workflow, and start it if it does not run
    SignalWithStart(start::SignalWithStart),
    /// Update a workflow, start it if it does not run, and wait until the update is accepted
    StartUpdateWithStart(update::StartUpdateWithStart),
    /// Update a workflow, start it if it does not run, and wait for the update's result
    ExecuteUpdateWithStart(update::ExecuteUpdateWithStart),
    /// List workflows
    List(list::List),
    /// Count workflows
    Count(list::Count),
    /// Show the history of a workflow
    Show(show::Show),
    /// Describe a workflow
    Describe(describe::Describe),
    /// Wait for the result of a workflow
    Result(result::ResultOf),
    /// Signal a workflow
    Signal(message::Signal),
    /// Query a workflow
    Query(message::Query),
    /// Show where the code of a workflow stands
    Stack(message::Stack),
    /// Show what a workflow says about itself
    Metadata(message::Metadata),
    /// Update a workflow
    #[command(subcommand)]
    Update(update::Verb),
    /// Ask a workflow to end
    Cancel(end::Cancel),
    /// End a workflow
    Terminate(end::Terminate),
    /// Delete a workflow
    Delete(end::Delete),
    /// Pause a workflow
    Pause(end::Pause),
    /// Let a paused workflow go on
    Unpause(end::Unpause),
    /// Show a workflow and its children as a tree
    Trace(trace::Trace),
    /// Begin anew from a point in the history
    Reset(reset::Reset),
}

impl Run for Verb {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        match self {
            Self::Start(it) => it.run(session).await,
            Self::Execute(it) => it.run(session).await,
            Self::SignalWithStart(it) => it.run(session).await,
            Self::StartUpdateWithStart(it) => it.run(session).await,
            Self::ExecuteUpdateWithStart(it) => it.run(session).await,
            Self::List(it) => it.run(session).await,
            Self::Count(it) => it.run(session).await,
            Self::Show(it) => it.run(session).await,
            Self::Describe(it) => it.run(session).await,
            Self::Result(it) => it.run(session).await,
            Self::Signal(it) => it.run(session).await,
            Self::Query(it) => it.run(session).await,
            Self::Stack(it) => it.run(session).await,
            Self::Metadata(it) => it.run(session).await,
            Self::Update(it) => it.run(session).await,
            Self::Cancel(it) => it.run(session).await,
            Self::Terminate(it) => it.run(session).await,
            Self::Delete(it) => it.run(session).await,
            Self::Pause(it) => it.run(session).await,
            Self::Unpause(it) => it.run(session).await,
            Self::Trace(it) => it.run(session).await,
            Self::Reset(it) => it.run(session).await,
        }
    }
}
