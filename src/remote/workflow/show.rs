//! `show`: the history of a workflow.

use clap::Args;
use serde_json::{Map, Value};
use steadfast_proto::temporal::api::history::v1::{History, HistoryEvent};

use super::result::print_end;
use crate::problem::Problem;
use crate::remote::Run;
use crate::remote::history::{Events, Order, next_run};
use crate::remote::output::shown;
use crate::remote::session::Session;
use crate::remote::target::WorkflowArgs;
use crate::remote::text::{iso, printable, short};

/// See the module documentation.
#[derive(Debug, Args)]
pub(crate) struct Show {
    #[command(flatten)]
    workflow: WorkflowArgs,
    /// Show events as they come, until the workflow ends
    #[arg(long, short, conflicts_with = "reverse")]
    follow: bool,
    /// Show everything that is known of each event
    #[arg(long)]
    detailed: bool,
    /// Show the latest event first
    #[arg(long)]
    reverse: bool,
}

impl Run for Show {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        let order = match (self.follow, self.reverse) {
            (true, _) => Order::Follow,
            (_, true) => Order::Reverse,
            _ => Order::Forward,
        };
        let mut events = Events::of(
            session,
            &self.workflow.workflow_id,
            &self.workflow.run_id,
            order,
        );
        if session.out.is_json() {
            // Replayers read this, so payloads stay what they are on the wire.
            return session.out.canonical(&events.all().await?);
        }
        session.out.heading("Progress:")?;
        let last = print_table(session, events, self.detailed).await?;
        session.out.line("")?;
        match last.filter(is_end) {
            Some(close) => print_end(&session.out, &close, None),
            None => Ok(()),
        }
    }
}

impl Events<'_, '_> {
    /// All that are still to come.
    pub(super) async fn all(&mut self) -> Result<History, Problem> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await? {
            events.push(event);
        }
        Ok(History { events })
    }
}

/// Whether a workflow ends with this event by itself: completed, failed, timed out, or cancelled.
fn is_end(event: &HistoryEvent) -> bool {
    let name = name(event);
    ["Completed", "Failed", "TimedOut", "Canceled"]
        .iter()
        .any(|end| name == format!("WorkflowExecution{end}"))
}

fn name(event: &HistoryEvent) -> String {
    short(event.event_type().as_str_name(), "EVENT_TYPE_")
}

/// Prints events as they come, through all runs. Returns the one that ends the workflow, if it has come.
pub(super) async fn print_table(
    session: &Session<'_>,
    mut events: Events<'_, '_>,
    detailed: bool,
) -> Result<Option<HistoryEvent>, Problem> {
    let mut last = None;
    if !detailed {
        session
            .out
            .heading(&format!("  {:>4}  {:20}  {}", "ID", "Time", "Type"))?;
    }
    loop {
        let Some(event) = events.next().await? else {
            return Ok(last);
        };
        if detailed {
            session.out.line(&format!(
                "--------------- [{}] {} ---------------",
                event.event_id,
                name(&event)
            ))?;
            for (field, value) in flat(session.out.value(&event)) {
                session.out.line(&printable(&format!("{field}: {value}")))?;
            }
            session.out.line("")?;
        } else {
            let time = event.event_time.as_ref().map(iso).unwrap_or_default();
            session.out.line(&format!(
                "  {:>4}  {time:20}  {}",
                event.event_id,
                name(&event)
            ))?;
        }
        if let Some(next) = next_run(&event) {
            events.go_on(next);
        }
        if is_end(&event) {
            last = Some(event);
        }
    }
}

/// The fields of an event by their paths, those of its attributes as if they were its own.
fn flat(event: Value) -> Vec<(String, String)> {
    let Value::Object(fields) = event else {
        return Vec::new();
    };
    let mut own = Map::new();
    for (name, value) in fields {
        match value {
            Value::Object(attributes) if name.ends_with("Attributes") => own.extend(attributes),
            _ if name == "eventId" || name == "eventType" => {}
            value => {
                own.insert(name, value);
            }
        }
    }
    let mut out = Vec::new();
    flatten("", &own.into(), &mut out);
    out.sort();
    out
}

fn flatten(path: &str, value: &Value, out: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let dot = if path.is_empty() { "" } else { "." };
                flatten(&format!("{path}{dot}{name}"), value, out);
            }
        }
        Value::Array(values) => {
            for (at, value) in values.iter().enumerate() {
                flatten(&format!("{path}[{at}]"), value, out);
            }
        }
        value => out.push((path.to_owned(), shown(value))),
    }
}
