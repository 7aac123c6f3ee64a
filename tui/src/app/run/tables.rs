//! The tabs that are plain tables: pending work, other runs, and what the run is.

use steadfast_proto::temporal::api::history::v1::history_event::Attributes as A;
use steadfast_proto::time::duration_nanos_saturating;

use super::Run;
use crate::history::facts::{Category, Class};
use crate::history::time;

/// Something that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The place of its first event.
    pub place: usize,
    /// The number of its group.
    pub group: usize,
    /// What is to be expected of it.
    pub expected: String,
}

/// What has not ended. Nothing is pending in a run that is over.
pub fn pending(run: &Run) -> Vec<Pending> {
    if run.history.summary().is_over() {
        return Vec::new();
    }
    let groups = run.history.groups().iter().enumerate();
    let open = groups.filter(|(_, group)| group.is_open());
    open.map(|(number, group)| {
        let place = group.head();
        let attributes = run
            .history
            .get(place)
            .and_then(|event| event.message.attributes.as_ref());
        let expected = match attributes {
            Some(A::TimerStartedEventAttributes(it)) => {
                let span = it
                    .start_to_fire_timeout
                    .as_ref()
                    .map_or(0, duration_nanos_saturating);
                format!("fires {}", time::date(group.asked.saturating_add(span)))
            }
            Some(A::ActivityTaskScheduledEventAttributes(it)) => {
                let started = if group.began.is_some() {
                    "a worker has it"
                } else {
                    "no worker has it"
                };
                let most = time::span_of(it.start_to_close_timeout.as_ref());
                format!(
                    "{started}; start-to-close {}",
                    if most.is_empty() {
                        "∞".to_owned()
                    } else {
                        most
                    }
                )
            }
            Some(A::WorkflowTaskScheduledEventAttributes(it)) => {
                let queue = it
                    .task_queue
                    .as_ref()
                    .map_or("", |queue| queue.name.as_str());
                format!("waits on {queue}, attempt {}", it.attempt)
            }
            _ if group.class == Class::CancelRequested => "cancellation is requested".to_owned(),
            _ => String::new(),
        };
        Pending {
            place,
            group: number,
            expected,
        }
    })
    .collect()
}

/// Another run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// What it is to this one.
    pub kind: &'static str,
    /// Its workflow id.
    pub workflow: String,
    /// Its run id, if it is known.
    pub run: String,
    /// How it stands.
    pub status: String,
    /// The number of the group that tells of it.
    pub place: Option<usize>,
}

/// The other runs that the history tells of.
pub fn relations(run: &Run) -> Vec<Relation> {
    let summary = run.history.summary();
    let mut all = Vec::new();
    let mut push = |kind, workflow: &str, run: &str| {
        if !workflow.is_empty() {
            all.push(Relation {
                kind,
                workflow: workflow.to_owned(),
                run: run.to_owned(),
                status: String::new(),
                place: None,
            });
        }
    };
    if summary.root != summary.parent && summary.root != summary.workflow_id {
        push("root", &summary.root, "");
    }
    push("parent", &summary.parent, "");
    let mut chain = |kind, run: &str| {
        if !run.is_empty() {
            push(kind, &summary.workflow_id, run);
        }
    };
    if summary.first_run != summary.run_id && summary.first_run != summary.previous_run {
        chain("first run", &summary.first_run);
    }
    chain("previous run", &summary.previous_run);
    chain("next run", &summary.next_run);
    let over = summary.is_over();
    for (number, group) in run.history.groups().iter().enumerate() {
        let kind = match group.category {
            Category::Child => "child",
            Category::Signal if group.id.is_empty() => continue,
            Category::Signal if group.class == Class::Received => "signaled by",
            Category::Signal => "signals",
            _ => continue,
        };
        let runs = group.events.iter().filter_map(|place| {
            match &run.history.get(*place)?.message.attributes {
                Some(A::ChildWorkflowExecutionStartedEventAttributes(it)) => {
                    it.workflow_execution.as_ref()
                }
                _ => None,
            }
        });
        let run_id = runs
            .map(|execution| execution.run_id.clone())
            .next()
            .unwrap_or_default();
        all.push(Relation {
            kind,
            workflow: group.id.clone(),
            run: run_id,
            status: format!("{} {}", group.name, group.status(over).word),
            place: Some(number),
        });
    }
    all
}

/// What the run is: names and values.
pub fn about(run: &Run) -> Vec<(String, String)> {
    let summary = run.history.summary();
    let mut all: Vec<(String, String)> = Vec::new();
    let mut push = |name: &str, value: String| {
        if !value.is_empty() {
            all.push((name.to_owned(), value));
        }
    };
    push("workflow id", summary.workflow_id.clone());
    push("run id", summary.run_id.clone());
    push("type", summary.workflow_type.clone());
    push("task queue", summary.task_queue.clone());
    push("status", summary.status().word);
    push("started", time::date(summary.start));
    push(
        "last event",
        format!(
            "{} ({} later)",
            time::date(summary.last),
            time::span(summary.took())
        ),
    );
    push("events", summary.events.to_string());
    push("worker", summary.worker.clone());
    push("input", summary.input.clone());
    push("outcome", summary.outcome.clone());
    for (name, value) in &summary.options {
        push(name, value.clone());
    }
    for (kind, name, value) in &summary.attributes {
        push(&format!("{kind}: {name}"), value.clone());
    }
    all
}
