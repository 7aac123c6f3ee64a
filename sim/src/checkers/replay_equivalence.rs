//! Replay equivalence: at every workflow task, the code in a worker's cache and the same code replayed from the start
//! of the history have decided the same, command for command. In the end, the whole history of a closed run that had
//! local activities replays: what was decided after they had ended is compared only there.

use std::{collections::BTreeMap, collections::BTreeSet, rc::Rc};

use steadfast_core::RunKey;
use steadfast_proto::temporal::api::{
    history::v1::{History, HistoryEvent, history_event::Attributes},
    protocol::v1::Message,
};
use steadfast_replay::{CachedRun, Registry, RunInit, Task, TaskOutcome, replay_history};

use super::{
    facts::Facts,
    tally::{Tally, named},
};
use crate::kernel::Time;

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct ReplayEquivalence {
    /// Its count and findings.
    pub(crate) tally: Tally,
    builds: Vec<Rc<Registry>>,
    /// The task that each run was worked on last, and by which builds.
    worked: BTreeMap<RunKey, (i64, BTreeSet<usize>)>,
}

/// A workflow task that a worker has answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TaskDone<'a> {
    /// Its started event.
    pub(crate) started: i64,
    /// The digest of all commands of the run so far.
    pub(crate) digest: u64,
    /// The code that the worker runs.
    pub(crate) build: usize,
    /// The updates that came with it.
    pub(crate) messages: &'a [Message],
}

impl ReplayEquivalence {
    /// For workers that run these builds of the workflow code.
    #[must_use]
    pub(crate) fn new(builds: Vec<Rc<Registry>>) -> Self {
        Self {
            tally: Tally::new("replay-equivalence"),
            builds,
            worked: BTreeMap::new(),
        }
    }

    /// A worker has answered a workflow task; the digest is of all commands of the run so far.
    pub(crate) fn task_done(&mut self, at: Time, facts: &Facts, run: &RunKey, done: &TaskDone<'_>) {
        let TaskDone {
            started,
            digest,
            build,
            messages,
        } = *done;
        let Some(registry) = self.builds.get(build) else {
            return;
        };
        let worked = self.worked.entry(run.clone()).or_default();
        if started > worked.0 {
            *worked = (started, BTreeSet::new());
        }
        if started == worked.0 {
            worked.1.insert(build);
        }
        let known = facts
            .runs
            .get(run)
            .map_or(&[][..], |run| run.events.as_slice());
        // The events of a further attempt are not in the history yet.
        let started_here = usize::try_from(started)
            .ok()
            .and_then(|length| known.get(..length));
        let Some(events) = started_here.filter(|events| ends_with_start(events)) else {
            return;
        };
        let cold = replay(registry, run, events, messages);
        self.tally.check(at, cold.as_ref() == Ok(&digest), || match cold {
            Ok(_) => format!(
                "{}: at event {started} the cached code has decided otherwise than the replayed code",
                named(run)
            ),
            Err(what) => format!("{}: cannot be replayed to event {started}: {what}", named(run)),
        });
    }

    /// The run is over.
    pub(crate) fn finish(&mut self, at: Time, facts: &Facts) {
        for (run, (_, builds)) in &self.worked {
            let Some(known) = facts.runs.get(run) else {
                continue;
            };
            if known.is_open() || !known.events.iter().any(is_of_local_activity) {
                continue;
            }
            let history = History {
                events: known.events.clone(),
            };
            let replays = builds
                .iter()
                .filter_map(|build| self.builds.get(*build))
                .map(|registry| replay_history(registry, &history).map(|_| ()));
            // Two builds may have worked on one task, of which one was heard.
            let ended = replays.reduce(Result::or).unwrap_or(Ok(()));
            self.tally.check(at, ended.is_ok(), || {
                let what = ended.as_ref().err().map(ToString::to_string);
                format!(
                    "{}: its history does not replay: {}",
                    named(run),
                    what.unwrap_or_default()
                )
            });
        }
    }

    /// A worker says that code and history differ.
    pub(crate) fn nondeterminism(&mut self, at: Time, run: &RunKey, what: &str) {
        self.tally
            .check(at, false, || format!("{}: {what}", named(run)));
    }
}

fn is_of_local_activity(event: &HistoryEvent) -> bool {
    matches!(
        &event.attributes,
        Some(Attributes::MarkerRecordedEventAttributes(marker))
            if marker.marker_name == "core_local_activity"
    )
}

fn ends_with_start(events: &[HistoryEvent]) -> bool {
    let last = events.last().and_then(|event| event.attributes.as_ref());
    matches!(
        last,
        Some(Attributes::WorkflowTaskStartedEventAttributes(_))
    )
}

/// The digest of all commands when the run is replayed from the start.
fn replay(
    registry: &Registry,
    run: &RunKey,
    events: &[HistoryEvent],
    messages: &[Message],
) -> Result<u64, String> {
    let init = RunInit {
        namespace: run.execution.namespace.to_string(),
        workflow_id: run.execution.workflow_id.to_string(),
        run_id: run.run_id.to_string(),
        task_queue: task_queue(events).to_owned(),
        ..RunInit::default()
    };
    let mut cold = CachedRun::new(registry, init).map_err(|error| error.to_string())?;
    let task = Task {
        events,
        previous_started_event_id: previous_started(events),
        started_event_id: events.last().map_or(0, |event| event.event_id),
        attempt: 1,
        messages: messages.to_vec(),
        ..Task::default()
    };
    match cold.task(task) {
        TaskOutcome::Completed(_) | TaskOutcome::LocalActivities(_) => Ok(cold.digest()),
        TaskOutcome::Failed { failure, .. } => Err(failure.message),
        TaskOutcome::NeedsFullHistory => Err("the history has a gap".to_owned()),
    }
}

fn previous_started(events: &[HistoryEvent]) -> i64 {
    let completed = events
        .iter()
        .rev()
        .find_map(|event| match &event.attributes {
            Some(Attributes::WorkflowTaskCompletedEventAttributes(task)) => {
                Some(task.started_event_id)
            }
            _ => None,
        });
    completed.unwrap_or(0)
}

fn task_queue(events: &[HistoryEvent]) -> &str {
    match events.first().and_then(|event| event.attributes.as_ref()) {
        Some(Attributes::WorkflowExecutionStartedEventAttributes(start)) => start
            .task_queue
            .as_ref()
            .map_or("", |queue| queue.name.as_str()),
        _ => "",
    }
}
