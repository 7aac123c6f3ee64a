//! The verbs about activities: those that workflows have scheduled, and those of their own.

mod control;
mod end;
mod list;
mod options;
mod respond;
mod result;
mod start;

use clap::{Args, Subcommand};

use super::Run;
use super::session::Session;
use crate::problem::Problem;

/// The verbs about activities.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Complete an activity in the place of its worker
    Complete(respond::Complete),
    /// Fail an activity in the place of its worker
    Fail(respond::Fail),
    /// Start an activity of its own
    Start(start::Start),
    /// Start an activity of its own and wait for its result
    Execute(start::Execute),
    /// Wait for the result of an activity of its own
    Result(result::ResultOf),
    /// Describe an activity of its own
    Describe(list::Describe),
    /// List activities of their own
    List(list::List),
    /// Count activities of their own
    Count(list::Count),
    /// Ask an activity of its own to end
    Cancel(end::Cancel),
    /// End an activity of its own
    Terminate(end::Terminate),
    /// Delete an activity of its own
    Delete(end::Delete),
    /// Pause an activity
    Pause(control::Pause),
    /// Let a paused activity go on
    Unpause(control::Unpause),
    /// Begin an activity anew, with its first attempt
    Reset(control::Reset),
    /// Change timeouts, retries or the task queue of an activity
    UpdateOptions(options::UpdateOptions),
}

impl Run for Verb {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        match self {
            Self::Complete(it) => it.run(session).await,
            Self::Fail(it) => it.run(session).await,
            Self::Start(it) => it.run(session).await,
            Self::Execute(it) => it.run(session).await,
            Self::Result(it) => it.run(session).await,
            Self::Describe(it) => it.run(session).await,
            Self::List(it) => it.run(session).await,
            Self::Count(it) => it.run(session).await,
            Self::Cancel(it) => it.run(session).await,
            Self::Terminate(it) => it.run(session).await,
            Self::Delete(it) => it.run(session).await,
            Self::Pause(it) => it.run(session).await,
            Self::Unpause(it) => it.run(session).await,
            Self::Reset(it) => it.run(session).await,
            Self::UpdateOptions(it) => it.run(session).await,
        }
    }
}

/// An activity: of a workflow, or without one of its own.
#[derive(Clone, Debug, Args)]
struct ActivityArgs {
    /// The activity
    #[arg(long, short, value_name = "ID")]
    activity_id: String,
    /// The workflow that has scheduled it [default: none, it is of its own]
    #[arg(
        long,
        short,
        value_name = "ID",
        default_value = "",
        hide_default_value = true
    )]
    workflow_id: String,
    /// The run [default: the latest]
    #[arg(
        long,
        short,
        value_name = "ID",
        default_value = "",
        hide_default_value = true
    )]
    run_id: String,
}

impl ActivityArgs {
    /// By what servers route calls about it.
    fn resource(&self) -> String {
        resource(&self.workflow_id, &self.activity_id)
    }
}

fn resource(workflow_id: &str, activity_id: &str) -> String {
    match workflow_id {
        "" => format!("activity:{activity_id}"),
        workflow => format!("workflow:{workflow}"),
    }
}

/// An activity of its own.
#[derive(Clone, Debug, Args)]
struct OwnArgs {
    /// The activity
    #[arg(long, short, value_name = "ID")]
    activity_id: String,
    /// The run [default: the latest]
    #[arg(
        long,
        short,
        value_name = "ID",
        default_value = "",
        hide_default_value = true
    )]
    run_id: String,
}
