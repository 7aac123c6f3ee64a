//! `result` of an activity of its own.

use clap::Args;
use serde_json::Value;
use steadfast_proto::temporal::api::activity::v1::activity_execution_outcome::Value as Outcome;
use steadfast_proto::temporal::api::common::v1::Payloads;
use steadfast_proto::temporal::api::failure::v1::Failure;
use steadfast_proto::temporal::api::workflowservice::v1::PollActivityExecutionRequest;

use super::OwnArgs;
use crate::problem::Problem;
use crate::remote::Run;
use crate::remote::output::{Output, shown};
use crate::remote::session::Session;
use crate::remote::text::Card;
use crate::remote::workflow::{failure_text, friendly};

/// See the module documentation.
#[derive(Debug, Args)]
pub(crate) struct ResultOf {
    #[command(flatten)]
    activity: OwnArgs,
}

impl Run for ResultOf {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        wait_and_print(session, &self.activity.activity_id, &self.activity.run_id).await
    }
}

/// Waits until an activity ends and says how. One that did not complete is a failure also of the command.
pub(super) async fn wait_and_print(
    session: &Session<'_>,
    activity_id: &str,
    run_id: &str,
) -> Result<(), Problem> {
    let request = PollActivityExecutionRequest {
        namespace: session.namespace(),
        activity_id: activity_id.to_owned(),
        run_id: run_id.to_owned(),
    };
    let outcome = loop {
        let polled = session.wait(request.clone(), async |mut c, r| {
            c.poll_activity_execution(r).await
        });
        let polled = polled.await.map_err(|failed| match failed.is_not_found() {
            true => Problem::refused(format!("activity not found: {activity_id}")),
            false => failed.into(),
        })?;
        if let Some(outcome) = polled.and_then(|polled| polled.outcome?.value) {
            break outcome;
        }
    };
    match outcome {
        Outcome::Result(result) => completed(&session.out, activity_id, run_id, &result),
        Outcome::Failure(failure) => {
            failed(&session.out, activity_id, run_id, &failure)?;
            Err(Problem::refused("activity failed"))
        }
    }
}

fn completed(
    out: &Output<'_>,
    activity_id: &str,
    run_id: &str,
    result: &Payloads,
) -> Result<(), Problem> {
    // With shorthand a result is the value that it holds; without it, the payloads.
    let value = match result.payloads.first() {
        _ if !out.is_shorthand() => out.value(result),
        Some(first) => first
            .to_json()
            .unwrap_or_else(|_| friendly(out, Some(result))),
        None => Value::Null,
    };
    if out.is_json() {
        return out.fields([
            ("activityId", activity_id.into()),
            ("runId", run_id.into()),
            ("status", "COMPLETED".into()),
            ("result", value),
        ]);
    }
    out.heading("Results:")?;
    out.card(
        &Card::default()
            .text("Status", "COMPLETED")
            .some("Result", &shown(&value)),
    )
}

fn failed(
    out: &Output<'_>,
    activity_id: &str,
    run_id: &str,
    failure: &Failure,
) -> Result<(), Problem> {
    if out.is_json() {
        return out.fields([
            ("activityId", activity_id.into()),
            ("runId", run_id.into()),
            ("status", "FAILED".into()),
            ("failure", out.value(failure)),
        ]);
    }
    out.heading("Results:")?;
    let card = Card::default().text("Status", "FAILED");
    out.card(&card.some("Failure", &failure_text(Some(failure))))
}
