//! Turns history into jobs and wishes into commands, and compares the two.
//!
//! One [`Interpreter`] follows one run. It knows nothing of the hosted code: `run.rs` carries jobs and intents to and fro.

use std::collections::{BTreeMap, VecDeque};

use prost_types::{Duration, Timestamp};
use steadfast_proto::temporal::api::{
    command::v1::{Command, command::Attributes as Cmd},
    common::v1::{Memo, Payload, RetryPolicy, SearchAttributes},
    protocol::v1::Message,
    sdk::v1::WorkflowTaskCompletedMetadata,
};

use crate::{
    digest::Digest,
    flags::Flags,
    language::{Activation, Job},
    machines::{Effects, Key, Machine, Op, Queued, update::Incoming},
    markers,
    run::RunInit,
};

mod history;
mod locals;
mod wishes;

use locals::Locals;

/// How many matched commands are remembered for a report.
const REMEMBERED: usize = 4;

/// What the last `WorkflowTaskStarted` event says about the history.
#[derive(Debug, Default)]
struct TaskInfo {
    history_size_bytes: i64,
    suggest_continue_as_new: bool,
    suggest_continue_as_new_reasons: Vec<i32>,
    target_version_changed: bool,
}

/// What a run's start event says that is needed later.
#[derive(Debug, Default)]
struct StartInfo {
    memo: Option<Memo>,
    search_attributes: Option<SearchAttributes>,
    retry_policy: Option<RetryPolicy>,
    task_timeout: Option<Duration>,
}

/// The state of one run between its history and its code.
#[derive(Debug, Default)]
pub(crate) struct Interpreter {
    namespace: String,
    task_queue: String,
    workflow_id: String,
    run_id: String,
    eager_activities: bool,

    machines: BTreeMap<Key, Machine>,
    /// How many commands without a number of their own there were.
    unnumbered: u32,
    /// The highest number that the code gave to an operation of each kind.
    highest_seq: BTreeMap<Op, u32>,
    by_event: BTreeMap<i64, Key>,
    effects: Effects,
    /// Commands that have no event yet, in order.
    queue: VecDeque<Queued>,
    /// An operation was taken back since the queue was last looked through.
    some_unsent: bool,
    /// The last commands that met their events.
    recent: VecDeque<(i64, Box<Command>)>,

    flags: Flags,
    /// Patches met so far, and whether a command was made for each.
    patches: BTreeMap<String, bool>,
    start: StartInfo,
    upserted: BTreeMap<String, Payload>,
    digest: Digest,
    locals: Locals,

    /// Update requests that wait for the event they follow.
    requests: Vec<Incoming>,
    /// Update requests that history admitted and may accept later, by protocol instance.
    admitted: BTreeMap<String, Incoming>,
    /// How many updates there were.
    updates: u32,
    update_keys: BTreeMap<String, Key>,

    pub(crate) replaying: bool,
    /// The event that closes the run has been applied.
    pub(crate) closed: bool,
    /// The code has ended the run.
    finished: bool,
    previous_started_event_id: i64,
    /// The task for which the code last ran.
    pub(crate) started_event_id: i64,
    pub(crate) last_event_id: i64,
    time: Option<Timestamp>,
    task: TaskInfo,
}

impl Interpreter {
    pub(crate) fn new(init: &RunInit) -> Self {
        Self {
            namespace: init.namespace.clone(),
            task_queue: init.task_queue.clone(),
            workflow_id: init.workflow_id.clone(),
            run_id: init.run_id.clone(),
            eager_activities: init.eager_activities,
            ..Self::default()
        }
    }

    /// New events are there; up to `previous_started_event_id` they repeat what has been done.
    pub(crate) fn begin(&mut self, previous_started_event_id: i64, requests: Vec<Incoming>) {
        self.requests.extend(requests);
        self.previous_started_event_id = previous_started_event_id;
        self.replaying = previous_started_event_id > 0;
    }

    pub(crate) fn has_jobs(&self) -> bool {
        !self.effects.jobs.is_empty()
    }

    pub(crate) fn task_timeout(&self) -> Option<Duration> {
        self.start.task_timeout
    }

    pub(crate) fn digest(&self) -> u64 {
        self.digest.value()
    }

    /// The jobs that are due, as one activation.
    pub(crate) fn activation(&mut self) -> Activation {
        let mut jobs = std::mem::take(&mut self.effects.jobs);
        jobs.sort_by_key(Job::rank);
        let only_queries = jobs.iter().all(|job| matches!(job, Job::Query(_)));
        if !only_queries {
            self.locals.activation_index += 1;
        }
        Activation {
            time: self.time,
            is_replaying: self.replaying || only_queries,
            history_length: u32::try_from(self.last_event_id).unwrap_or(u32::MAX),
            history_size_bytes: self.task.history_size_bytes.try_into().unwrap_or_default(),
            continue_as_new_suggested: self.task.suggest_continue_as_new,
            continue_as_new_reasons: self.task.suggest_continue_as_new_reasons.clone(),
            target_version_changed: self.task.target_version_changed,
            last_sdk_version: self.flags.last_sdk_version().to_owned(),
            jobs,
        }
    }

    pub(crate) fn ask(&mut self, query: Job) {
        self.effects.job(query);
    }

    /// The commands that are to be sent now.
    pub(crate) fn commands(&mut self) -> Vec<Command> {
        self.seal();
        self.queue
            .iter()
            .filter(|queued| !queued.phantom)
            .map(|q| (*q.command).clone())
            .collect()
    }

    pub(crate) fn messages(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.effects.messages)
    }

    /// The end of a replay: what the last task issued counts, too.
    pub(crate) fn finish(&mut self) {
        self.seal();
    }

    pub(crate) fn metadata(&mut self, name: &str, version: &str) -> WorkflowTaskCompletedMetadata {
        self.flags.gather(name, version)
    }

    /// The server dropped the last task, which had rejected updates and nothing else: its two events never were.
    pub(crate) fn rewind(&mut self, started_event_id: i64) {
        self.started_event_id = started_event_id;
        self.last_event_id -= 2;
    }

    /// Counts the commands of a finished task in the digest.
    fn seal(&mut self) {
        for queued in self.queue.iter_mut().filter(|queued| !queued.sealed) {
            queued.sealed = true;
            if let Some(data) = local_activity_of_command(&queued.command) {
                self.digest
                    .local_activity(data.seq, &data.activity_id, &data.activity_type);
            } else if !queued.phantom {
                self.digest.command(&queued.command);
            }
        }
    }

    /// The commands that met their events last, and those that wait for one, for a report.
    pub(crate) fn surroundings(&self) -> (&VecDeque<(i64, Box<Command>)>, Vec<&Command>) {
        let waiting = self
            .queue
            .iter()
            .filter(|queued| !queued.phantom)
            .map(|q| &*q.command);
        (&self.recent, waiting.collect())
    }
}

fn local_activity_of_command(command: &Command) -> Option<markers::LocalActivityData> {
    match &command.attributes {
        Some(Cmd::RecordMarkerCommandAttributes(marker))
            if marker.marker_name == markers::LOCAL_ACTIVITY =>
        {
            markers::local_activity_data(&marker.details)
        }
        _ => None,
    }
}
