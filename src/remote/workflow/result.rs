//! `result`, and how the end of a workflow is told.

use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value, json};
use steadfast_proto::json::to_value;
use steadfast_proto::temporal::api::common::v1::Payloads;
use steadfast_proto::temporal::api::failure::v1::Failure;
use steadfast_proto::temporal::api::history::v1::history_event::Attributes;
use steadfast_proto::temporal::api::history::v1::{History, HistoryEvent};

use crate::problem::Problem;
use crate::remote::Run;
use crate::remote::history::close_event;
use crate::remote::output::{Output, shown};
use crate::remote::session::Session;
use crate::remote::target::WorkflowArgs;
use crate::remote::text::Card;
use crate::report::{BAD, GOOD};

/// See the module documentation.
#[derive(Debug, Args)]
pub(crate) struct ResultOf {
    #[command(flatten)]
    workflow: WorkflowArgs,
}

impl Run for ResultOf {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        let (workflow_id, run_id) = (&self.workflow.workflow_id, &self.workflow.run_id);
        let close = close_event(session, workflow_id, run_id).await?;
        Told::of(session, workflow_id, run_id, &close).print(session)
    }
}

/// The end of a workflow, and what else is said with it.
#[derive(Debug)]
pub(super) struct Told<'e> {
    workflow_id: String,
    run_id: String,
    namespace: String,
    /// Type and task queue, of a workflow that we have started.
    pub(super) started: Option<(String, String)>,
    pub(super) took: Option<Duration>,
    pub(super) history: Option<History>,
    close: &'e HistoryEvent,
}

impl<'e> Told<'e> {
    pub(super) fn of(
        session: &Session<'_>,
        workflow_id: &str,
        run_id: &str,
        close: &'e HistoryEvent,
    ) -> Self {
        Self {
            workflow_id: workflow_id.to_owned(),
            run_id: run_id.to_owned(),
            namespace: session.namespace(),
            started: None,
            took: None,
            history: None,
            close,
        }
    }

    /// Tells it. A workflow that did not complete is a failure also of the command.
    pub(super) fn print(&self, session: &Session<'_>) -> Result<(), Problem> {
        let out = &session.out;
        if out.is_json() {
            out.document(&self.document(out))?;
        } else {
            print_end(out, self.close, self.took)?;
        }
        match &self.close.attributes {
            Some(Attributes::WorkflowExecutionCompletedEventAttributes(_)) => Ok(()),
            _ => Err(Problem::refused("workflow failed")),
        }
    }

    fn document(&self, out: &Output<'_>) -> Value {
        let mut document = Map::new();
        let mut put = |name: &str, value: Value| document.insert(name.to_owned(), value);
        put("workflowId", self.workflow_id.as_str().into());
        put("runId", self.run_id.as_str().into());
        put("namespace", self.namespace.as_str().into());
        if let Some((kind, queue)) = &self.started {
            put("type", kind.as_str().into());
            put("taskQueue", queue.as_str().into());
        }
        let millis = self.took.map_or(0, |took| took.as_millis());
        if let Ok(millis @ 1..) = u64::try_from(millis) {
            put("durationMillis", millis.into());
        }
        put("status", status(self.close).unwrap_or("<unknown>").into());
        put("closeEvent", out.value(self.close));
        if let Some(result) = result(self.close) {
            put("result", friendly(out, result.as_ref()));
        }
        if let Some(history) = &self.history {
            put("history", to_value(history));
        }
        document.into()
    }
}

/// How the end of a workflow is called; what continues elsewhere or was terminated has no such name.
fn status(close: &HistoryEvent) -> Option<&'static str> {
    match &close.attributes {
        Some(Attributes::WorkflowExecutionCompletedEventAttributes(_)) => Some("COMPLETED"),
        Some(Attributes::WorkflowExecutionFailedEventAttributes(_)) => Some("FAILED"),
        Some(Attributes::WorkflowExecutionTimedOutEventAttributes(_)) => Some("TIMEOUT"),
        Some(Attributes::WorkflowExecutionCanceledEventAttributes(_)) => Some("CANCELED"),
        _ => None,
    }
}

/// The result of a workflow that has completed.
pub(super) fn result(close: &HistoryEvent) -> Option<Option<Payloads>> {
    match &close.attributes {
        Some(Attributes::WorkflowExecutionCompletedEventAttributes(it)) => Some(it.result.clone()),
        _ => None,
    }
}

/// Payloads as a document shows them: one stands for itself.
pub(in crate::remote) fn friendly(out: &Output<'_>, payloads: Option<&Payloads>) -> Value {
    match payloads.map(|payloads| payloads.payloads.as_slice()) {
        None => Value::Null,
        Some([one]) => out.value(one),
        Some(_) => payloads.map_or(json!(null), |payloads| out.value(payloads)),
    }
}

/// Tells people how a workflow ended.
pub(super) fn print_end(
    out: &Output<'_>,
    close: &HistoryEvent,
    took: Option<Duration>,
) -> Result<(), Problem> {
    out.heading("Results:")?;
    let took = took.map(|took| format!("{:.2}s", took.as_secs_f64()));
    let card = Card::default().some("RunTime", &took.unwrap_or_default());
    let status = status(close).unwrap_or("");
    let good = status == "COMPLETED";
    let style = if good { GOOD } else { BAD };
    // The card escapes what terminals obey, so the colour goes around its line.
    out.card(&card)?;
    out.line(&format!("  Status  {style}{status}{style:#}"))?;
    let mut card = Card::default();
    if let Some(payloads) = result(close) {
        let first = payloads
            .as_ref()
            .and_then(|payloads| payloads.payloads.first());
        let encoding = first.map_or("", |payload| payload.encoding()).to_owned();
        card = card
            .some("Result", &shown(&friendly(out, payloads.as_ref())))
            .some("ResultEncoding", &encoding);
    }
    if let Some(Attributes::WorkflowExecutionFailedEventAttributes(failed)) = &close.attributes {
        card = card.some("Failure", &failure_text(failed.failure.as_ref()));
    }
    out.card(&card)
}

/// A failure and its causes, each deeper than what it caused.
pub(in crate::remote) fn failure_text(failure: Option<&Failure>) -> String {
    let mut out = String::new();
    let mut indent = "    ".to_owned();
    let mut next = failure;
    while let Some(failure) = next {
        out.push_str(&format!("\n{indent}Message: {}", failure.message));
        if !failure.stack_trace.is_empty() {
            let trace = failure
                .stack_trace
                .replace('\n', &format!("\n{indent}    "));
            out.push_str(&format!("\n{indent}StackTrace:\n{indent}    {trace}"));
        }
        next = failure.cause.as_deref();
        if next.is_some() {
            out.push_str(&format!("\n{indent}Cause:"));
            indent.push_str("    ");
        }
    }
    out
}
