//! `trace`: a workflow, what it has done and waits for, and its children, as a tree.

use std::collections::BTreeMap;

use clap::Args;
use steadfast_proto::temporal::api::common::v1::WorkflowExecution;
use steadfast_proto::temporal::api::enums::v1::WorkflowExecutionStatus as Status;
use steadfast_proto::temporal::api::history::v1::HistoryEvent;
use steadfast_proto::temporal::api::history::v1::history_event::Attributes as A;

use crate::problem::Problem;
use crate::remote::Run;
use crate::remote::args::choices;
use crate::remote::history::{Events, Order, next_run};
use crate::remote::session::Session;
use crate::remote::target::WorkflowArgs;
use crate::remote::text::{printable, span_text};

const STATUSES: &[(&str, Status)] = &[
    ("running", Status::Running),
    ("completed", Status::Completed),
    ("failed", Status::Failed),
    ("canceled", Status::Canceled),
    ("terminated", Status::Terminated),
    ("timedout", Status::TimedOut),
    ("continueasnew", Status::ContinuedAsNew),
];

/// See the module documentation.
#[derive(Debug, Args)]
pub(crate) struct Trace {
    #[command(flatten)]
    workflow: WorkflowArgs,
    /// Do not look into children that are in this state; may be repeated [default: completed, canceled, terminated]
    #[arg(long, value_name = "STATE", value_parser = choices(STATUSES), conflicts_with = "no_fold")]
    fold: Vec<Status>,
    /// Look into all children
    #[arg(long)]
    no_fold: bool,
    /// How deep to look; -1 means to the end
    #[arg(long, value_name = "N", default_value_t = -1, allow_negative_numbers = true)]
    depth: i32,
    /// Taken: histories are read one after another
    #[arg(
        long,
        value_name = "N",
        default_value_t = 10,
        hide_default_value = true
    )]
    concurrency: usize,
}

/// Something that a workflow does, and how that is.
#[derive(Debug)]
struct Doing {
    what: String,
    state: &'static str,
    child: Option<(WorkflowExecution, Status)>,
}

impl Run for Trace {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        if session.out.is_json() {
            return Err(Problem::user(
                "a trace is for people: there is no JSON of it",
            ));
        }
        let folded = match (self.no_fold, self.fold.is_empty()) {
            (true, _) => Vec::new(),
            (_, true) => vec![Status::Completed, Status::Canceled, Status::Terminated],
            _ => self.fold.clone(),
        };
        let levels = usize::try_from(self.depth).unwrap_or(usize::MAX);
        let root = self.workflow.execution().unwrap_or_default();
        branch(session, root, &folded, levels, 0).await
    }
}

/// Prints a workflow and what is below it.
async fn branch(
    session: &Session<'_>,
    execution: WorkflowExecution,
    folded: &[Status],
    levels: usize,
    level: usize,
) -> Result<(), Problem> {
    let mut events = Events::of(
        session,
        &execution.workflow_id,
        &execution.run_id,
        Order::Forward,
    );
    let mut doings: BTreeMap<i64, Doing> = BTreeMap::new();
    let (mut kind, mut state, mut count) = (String::new(), "Running", 0);
    while let Some(event) = events.next().await? {
        count += 1;
        if let Some(A::WorkflowExecutionStartedEventAttributes(started)) = &event.attributes {
            kind = started.workflow_type.clone().unwrap_or_default().name;
        }
        state = end(&event).unwrap_or(state);
        note(&mut doings, &event);
        if let Some(next) = next_run(&event) {
            // The tree is that of the latest run: earlier ones are over.
            doings.clear();
            events.go_on(next);
            state = "Running";
        }
    }
    let indent = "  ".repeat(level);
    let line = format!(
        "{indent}{kind} {} [{state}] {count} events",
        execution.workflow_id
    );
    session.out.line(&printable(&line))?;
    for doing in doings.into_values() {
        match doing.child {
            Some((child, status)) if levels > 0 && !folded.contains(&status) => {
                Box::pin(branch(session, child, folded, levels - 1, level + 1)).await?;
            }
            _ => session.out.line(&printable(&format!(
                "{indent}  {} [{}]",
                doing.what, doing.state
            )))?,
        }
    }
    Ok(())
}

/// How a workflow is after an event that ends it.
fn end(event: &HistoryEvent) -> Option<&'static str> {
    match event.attributes.as_ref()? {
        A::WorkflowExecutionCompletedEventAttributes(_) => Some("Completed"),
        A::WorkflowExecutionFailedEventAttributes(_) => Some("Failed"),
        A::WorkflowExecutionTimedOutEventAttributes(_) => Some("TimedOut"),
        A::WorkflowExecutionCanceledEventAttributes(_) => Some("Canceled"),
        A::WorkflowExecutionTerminatedEventAttributes(_) => Some("Terminated"),
        A::WorkflowExecutionContinuedAsNewEventAttributes(_) => Some("ContinuedAsNew"),
        _ => None,
    }
}

/// Takes note of what an event says of activities, timers and children.
fn note(doings: &mut BTreeMap<i64, Doing>, event: &HistoryEvent) {
    let mut begin = |what: String, child| {
        let doing = Doing {
            what,
            state: "Scheduled",
            child,
        };
        doings.insert(event.event_id, doing);
    };
    let Some(attributes) = &event.attributes else {
        return;
    };
    let (of, state, status) = match attributes {
        A::ActivityTaskScheduledEventAttributes(it) => {
            return begin(it.activity_type.clone().unwrap_or_default().name, None);
        }
        A::TimerStartedEventAttributes(it) => {
            let span = span_text(it.start_to_fire_timeout.as_ref());
            return begin(format!("Timer {} ({span})", it.timer_id), None);
        }
        A::StartChildWorkflowExecutionInitiatedEventAttributes(it) => {
            let kind = it.workflow_type.clone().unwrap_or_default().name;
            return begin(format!("{kind} {}", it.workflow_id), None);
        }
        A::ChildWorkflowExecutionStartedEventAttributes(it) => {
            if let Some(doing) = doings.get_mut(&it.initiated_event_id) {
                doing.state = "Running";
                doing.child = it
                    .workflow_execution
                    .clone()
                    .map(|child| (child, Status::Running));
            }
            return;
        }
        A::ActivityTaskStartedEventAttributes(it) => (it.scheduled_event_id, "Running", None),
        A::ActivityTaskCompletedEventAttributes(it) => (it.scheduled_event_id, "Completed", None),
        A::ActivityTaskFailedEventAttributes(it) => (it.scheduled_event_id, "Failed", None),
        A::ActivityTaskTimedOutEventAttributes(it) => (it.scheduled_event_id, "TimedOut", None),
        A::ActivityTaskCanceledEventAttributes(it) => (it.scheduled_event_id, "Canceled", None),
        A::TimerFiredEventAttributes(it) => (it.started_event_id, "Fired", None),
        A::TimerCanceledEventAttributes(it) => (it.started_event_id, "Canceled", None),
        A::StartChildWorkflowExecutionFailedEventAttributes(it) => {
            (it.initiated_event_id, "Failed", None)
        }
        A::ChildWorkflowExecutionCompletedEventAttributes(it) => {
            (it.initiated_event_id, "Completed", Some(Status::Completed))
        }
        A::ChildWorkflowExecutionFailedEventAttributes(it) => {
            (it.initiated_event_id, "Failed", Some(Status::Failed))
        }
        A::ChildWorkflowExecutionCanceledEventAttributes(it) => {
            (it.initiated_event_id, "Canceled", Some(Status::Canceled))
        }
        A::ChildWorkflowExecutionTimedOutEventAttributes(it) => {
            (it.initiated_event_id, "TimedOut", Some(Status::TimedOut))
        }
        A::ChildWorkflowExecutionTerminatedEventAttributes(it) => (
            it.initiated_event_id,
            "Terminated",
            Some(Status::Terminated),
        ),
        _ => return,
    };
    if let Some(doing) = doings.get_mut(&of) {
        doing.state = state;
        if let (Some((_, known)), Some(status)) = (&mut doing.child, status) {
            *known = status;
        }
    }
}
