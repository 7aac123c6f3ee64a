//! What a run is, read from its events.

use steadfast_proto::temporal::api::history::v1::{
    WorkflowExecutionStartedEventAttributes as Started, history_event::Attributes as A,
};

use super::facts::{Class, Facts, innermost};
use super::group::Status;
use super::{Event, document, time};
use crate::theme::Role;

/// How much of a payload is kept for the summary.
const MOST: usize = 4096;

/// What a run is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// The workflow's id.
    pub workflow_id: String,
    /// The run's id: the original one, as histories name it.
    pub run_id: String,
    /// The workflow type.
    pub workflow_type: String,
    /// The task queue.
    pub task_queue: String,
    /// How it stands.
    pub class: Option<Class>,
    /// When it was started.
    pub start: i64,
    /// When its last event was.
    pub last: i64,
    /// How many events it has.
    pub events: usize,
    /// How many workflow tasks failed or timed out since the last that completed.
    pub failing_tasks: u32,
    /// The worker that completed the last workflow task: SDK, version, build.
    pub worker: String,
    /// The parent's workflow id.
    pub parent: String,
    /// The root's workflow id.
    pub root: String,
    /// The run before this one.
    pub previous_run: String,
    /// The first run of the chain.
    pub first_run: String,
    /// The run after this one.
    pub next_run: String,
    /// What it was given.
    pub input: String,
    /// What came of it.
    pub outcome: String,
    /// Everything else that the first event says, by name.
    pub options: Vec<(&'static str, String)>,
    /// Memo and search attributes as they stand now, by kind and name.
    pub attributes: Vec<(&'static str, String, String)>,
}

impl Summary {
    /// Whether the run is over.
    pub const fn is_over(&self) -> bool {
        self.class.is_some()
    }

    /// How long it took, or has taken until its last event.
    pub const fn took(&self) -> i64 {
        self.last.saturating_sub(self.start)
    }

    /// How it stands.
    pub fn status(&self) -> Status {
        match self.class {
            None if self.workflow_type.is_empty() => Status::new("?", "?", "Unknown", Role::Muted),
            None if self.failing_tasks > 0 => Status::new("▲", "!", "Task fails", Role::Warn),
            None => Status::new("●", "*", "Running", Role::Run),
            Some(Class::Completed) => Status::new("✓", "+", "Completed", Role::Ok),
            Some(Class::Failed) => Status::new("✗", "x", "Failed", Role::Fail),
            Some(Class::TimedOut) => Status::new("✗", "x", "Timed out", Role::Fail),
            Some(Class::Terminated) => Status::new("✗", "x", "Terminated", Role::Fail),
            Some(Class::Canceled) => Status::new("⊘", "/", "Canceled", Role::Warn),
            Some(Class::ContinuedAsNew) => Status::new("↻", "@", "Continued", Role::Ok),
            Some(_) => Status::new("?", "?", "Unknown", Role::Muted),
        }
    }

    pub(super) fn see(&mut self, event: &Event) {
        self.events += 1;
        self.last = event.time;
        if self.events == 1 {
            self.start = event.time;
        }
        let Some(attributes) = &event.message.attributes else {
            return;
        };
        let facts = Facts::read(&event.message);
        match attributes {
            A::WorkflowExecutionStartedEventAttributes(it) => self.begin(it),
            A::WorkflowTaskCompletedEventAttributes(it) => {
                self.failing_tasks = 0;
                let sdk = it.sdk_metadata.as_ref();
                if let Some(sdk) = sdk.filter(|sdk| !sdk.sdk_name.is_empty()) {
                    self.worker = format!("{} {}", sdk.sdk_name, sdk.sdk_version);
                }
            }
            A::WorkflowTaskFailedEventAttributes(_) | A::WorkflowTaskTimedOutEventAttributes(_) => {
                self.failing_tasks += 1;
            }
            A::WorkflowExecutionCompletedEventAttributes(it) => {
                self.end(&facts, &it.new_execution_run_id)
            }
            A::WorkflowExecutionFailedEventAttributes(it) => {
                self.end(&facts, &it.new_execution_run_id)
            }
            A::WorkflowExecutionTimedOutEventAttributes(it) => {
                self.end(&facts, &it.new_execution_run_id)
            }
            A::WorkflowExecutionContinuedAsNewEventAttributes(it) => {
                self.end(&facts, &it.new_execution_run_id)
            }
            A::WorkflowExecutionCanceledEventAttributes(_)
            | A::WorkflowExecutionTerminatedEventAttributes(_) => {
                self.end(&facts, "");
            }
            A::UpsertWorkflowSearchAttributesEventAttributes(it) => {
                let fields = it
                    .search_attributes
                    .iter()
                    .flat_map(|it| &it.indexed_fields);
                fields.for_each(|(name, value)| self.attribute("search", name, value));
            }
            A::WorkflowPropertiesModifiedEventAttributes(it) => {
                let fields = it.upserted_memo.iter().flat_map(|it| &it.fields);
                fields.for_each(|(name, value)| self.attribute("memo", name, value));
            }
            _ => {}
        }
    }

    fn begin(&mut self, it: &Started) {
        let id =
            |execution: &Option<steadfast_proto::temporal::api::common::v1::WorkflowExecution>| {
                execution
                    .as_ref()
                    .map_or_else(String::new, |it| it.workflow_id.clone())
            };
        self.workflow_id.clone_from(&it.workflow_id);
        self.run_id.clone_from(&it.original_execution_run_id);
        self.workflow_type = it
            .workflow_type
            .as_ref()
            .map_or_else(String::new, |it| it.name.clone());
        self.task_queue = it
            .task_queue
            .as_ref()
            .map_or_else(String::new, |it| it.name.clone());
        self.parent = id(&it.parent_workflow_execution);
        self.root = id(&it.root_workflow_execution);
        self.previous_run.clone_from(&it.continued_execution_run_id);
        self.first_run.clone_from(&it.first_execution_run_id);
        self.input = it
            .input
            .as_ref()
            .map_or_else(String::new, |it| document::line(&it.payloads, MOST));
        let retry = it.retry_policy.as_ref().map_or_else(String::new, |retry| {
            let most = match retry.maximum_attempts {
                0 => "∞".to_owned(),
                most => most.to_string(),
            };
            let first = time::span_of(retry.initial_interval.as_ref());
            format!(
                "first after {first}, ×{}, at most {most} attempts",
                retry.backoff_coefficient
            )
        });
        let attempt = if it.attempt > 1 {
            it.attempt.to_string()
        } else {
            String::new()
        };
        let options = [
            (
                "execution timeout",
                time::span_of(it.workflow_execution_timeout.as_ref()),
            ),
            (
                "run timeout",
                time::span_of(it.workflow_run_timeout.as_ref()),
            ),
            (
                "task timeout",
                time::span_of(it.workflow_task_timeout.as_ref()),
            ),
            (
                "start delay",
                time::span_of(it.first_workflow_task_backoff.as_ref()),
            ),
            ("cron", it.cron_schedule.clone()),
            ("retries", retry),
            ("attempt", attempt),
            ("started by", it.identity.clone()),
        ];
        self.options = options
            .into_iter()
            .filter(|(_, value)| !value.is_empty() && value != "0s")
            .collect();
        for (name, value) in it
            .search_attributes
            .iter()
            .flat_map(|it| &it.indexed_fields)
        {
            self.attribute("search", name, value);
        }
        for (name, value) in it.memo.iter().flat_map(|it| &it.fields) {
            self.attribute("memo", name, value);
        }
    }

    fn attribute(
        &mut self,
        kind: &'static str,
        name: &str,
        value: &steadfast_proto::temporal::api::common::v1::Payload,
    ) {
        let value = document::line(std::slice::from_ref(value), MOST);
        let found = self
            .attributes
            .iter_mut()
            .find(|(of, known, _)| *of == kind && known == name);
        match found {
            Some((_, _, known)) => *known = value,
            None => self.attributes.push((kind, name.to_owned(), value)),
        }
    }

    fn end(&mut self, facts: &Facts<'_>, next: &str) {
        self.class = Some(facts.class);
        next.clone_into(&mut self.next_run);
        self.outcome = match facts.failure {
            Some(failure) => {
                let (message, kind) = innermost(failure);
                if kind.is_empty() {
                    message.to_owned()
                } else {
                    format!("{kind}: {message}")
                }
            }
            None if !facts.output.is_empty() => document::line(facts.output, MOST),
            None => facts.note.clone(),
        };
    }
}
