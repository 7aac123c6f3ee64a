//! Turns history into jobs and wishes into commands, and compares the two.
//!
//! One [`Interpreter`] follows one run. It knows nothing of the hosted code: `run.rs` carries jobs and intents to and fro.

use std::collections::{BTreeMap, VecDeque};

use prost_types::Timestamp;
use steadfast_proto::temporal::api::{
    command::v1::{
        Command, RecordMarkerCommandAttributes, UpsertWorkflowSearchAttributesCommandAttributes,
        command::Attributes as Cmd,
    },
    common::v1::{Memo, Payload, RetryPolicy, SearchAttributes},
    enums::v1::{EventType, WorkflowTaskFailedCause},
    history::v1::{
        HistoryEvent, WorkflowExecutionStartedEventAttributes, WorkflowTaskStartedEventAttributes,
        history_event::Attributes,
    },
    protocol::v1::Message,
    sdk::v1::WorkflowTaskCompletedMetadata,
};

use crate::{
    digest::{Digest, randomness_seed},
    error::{Result, Trouble},
    event,
    feed::Feed,
    flags::{Flag, Flags},
    language::{Activation, Initialize, Intent, Job, Notes, Signal, Versioning, Wish},
    machines::{
        Effects, Key, Machine, Op, Queued, activity::Activity, check::check, command, timer::Timer,
    },
    markers,
    nondeterminism::{Mismatch, NonDeterminismKind},
};

/// How many matched commands are remembered for a report.
const REMEMBERED: usize = 4;
/// The server refuses larger search attribute values.
const MAX_SEARCH_ATTRIBUTE: usize = 2048;

/// What a run's start event says that is needed later.
#[derive(Debug, Default)]
struct StartInfo {
    memo: Option<Memo>,
    search_attributes: Option<SearchAttributes>,
    retry_policy: Option<RetryPolicy>,
}

/// The state of one run between its history and its code.
#[derive(Debug, Default)]
pub(crate) struct Interpreter {
    task_queue: String,
    workflow_id: String,
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
    recent: VecDeque<(i64, Command)>,

    flags: Flags,
    /// Patches met so far, and whether a command was made for each.
    patches: BTreeMap<String, bool>,
    start: StartInfo,
    upserted: BTreeMap<String, Payload>,
    digest: Digest,

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
    task: WorkflowTaskStartedEventAttributes,
}

impl Interpreter {
    pub(crate) fn new(workflow_id: &str, task_queue: &str, eager_activities: bool) -> Self {
        Self {
            workflow_id: workflow_id.to_owned(),
            task_queue: task_queue.to_owned(),
            eager_activities,
            ..Self::default()
        }
    }

    /// New events are there; up to `previous_started_event_id` they repeat what has been done.
    pub(crate) fn begin(&mut self, previous_started_event_id: i64) {
        self.previous_started_event_id = previous_started_event_id;
        self.replaying = previous_started_event_id > 0;
    }

    pub(crate) fn has_jobs(&self) -> bool {
        !self.effects.jobs.is_empty()
    }

    pub(crate) fn digest(&self) -> u64 {
        self.digest.value()
    }

    /// The jobs that are due, as one activation.
    pub(crate) fn activation(&mut self) -> Activation {
        let mut jobs = std::mem::take(&mut self.effects.jobs);
        jobs.sort_by_key(Job::rank);
        let only_queries = jobs.iter().all(|job| matches!(job, Job::Query(_)));
        Activation {
            time: self.time,
            is_replaying: self.replaying || only_queries,
            history_length: u32::try_from(self.last_event_id).unwrap_or(u32::MAX),
            history_size_bytes: self.task.history_size_bytes.try_into().unwrap_or_default(),
            continue_as_new_suggested: self.task.suggest_continue_as_new,
            continue_as_new_reasons: self.task.suggest_continue_as_new_reasons.clone(),
            target_version_changed: self.task.target_worker_deployment_version_changed,
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
            .map(|q| q.command.clone())
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

    /// Counts the commands of a finished task in the digest.
    fn seal(&mut self) {
        for queued in self.queue.iter_mut().filter(|queued| !queued.sealed) {
            queued.sealed = true;
            if !queued.phantom {
                self.digest.command(&queued.command);
            }
        }
    }

    /// Applies the next stretch of history; says how many events it had.
    pub(crate) fn advance(&mut self, feed: &mut Feed<'_>) -> Result<usize> {
        self.seal();
        if self.closed {
            self.replaying = false;
            return Ok(0);
        }
        let (events, is_last) = feed.take();
        let done = events.partition_point(|event| event.event_id <= self.last_event_id);
        let events = &events[done..];
        self.learn_flags(events, feed);
        if events.is_empty() {
            self.replaying = false;
        }
        let starts = events
            .last()
            .is_some_and(|e| e.event_type() == EventType::WorkflowTaskStarted);
        let mut skip_next = false;
        for (index, event) in events.iter().enumerate() {
            if event.event_id != self.last_event_id + 1 {
                let why = format!("event {} should follow", self.last_event_id + 1);
                return Err(Trouble::invalid(event.event_id, why));
            }
            if self.replaying
                && is_last
                && event.event_id > self.previous_started_event_id
                && event.event_type() != EventType::WorkflowTaskCompleted
                && !event::is_command(event)
            {
                self.replaying = false;
            }
            if !std::mem::take(&mut skip_next) {
                let current = starts && index + 1 == events.len();
                skip_next = self.apply(event, events.get(index + 1), is_last, current)?;
            }
            self.last_event_id = event.event_id;
        }
        self.look_ahead(feed);
        Ok(events.len())
    }

    /// Flags count from the activation whose completion recorded them.
    fn learn_flags(&mut self, events: &[HistoryEvent], feed: &mut Feed<'_>) {
        for event in events {
            if let Some(Attributes::WorkflowTaskCompletedEventAttributes(completed)) =
                &event.attributes
                && let Some(metadata) = &completed.sdk_metadata
            {
                self.flags.learn(metadata);
            }
        }
        if let Some(metadata) = feed.next_completed().and_then(|c| c.sdk_metadata.as_ref()) {
            self.flags.learn(metadata);
        }
    }

    /// What the coming commands of this task prove about it: the patches that it took.
    fn look_ahead(&mut self, feed: &mut Feed<'_>) {
        if self.closed {
            return;
        }
        for event in feed.peek() {
            if let Some((patch_id, _)) = markers::patch_of_event(event) {
                self.patches.insert(patch_id.clone(), false);
                self.effects.job(Job::NotifyHasPatch(patch_id));
            }
        }
    }

    /// Applies one event; true if the next one belongs to it and is to be passed over.
    fn apply(
        &mut self,
        event: &HistoryEvent,
        next: Option<&HistoryEvent>,
        is_last: bool,
        current: bool,
    ) -> Result<bool> {
        if event::is_final(event) {
            self.closed = true;
        }
        if event::is_ignorable(event) {
            return Ok(false);
        }
        let Some(attributes) = &event.attributes else {
            return Err(Trouble::invalid(event.event_id, unreadable(event)));
        };
        if event::is_command(event) {
            return self.command_event(event, next, is_last);
        }
        match attributes {
            Attributes::WorkflowExecutionStartedEventAttributes(started) => {
                self.start_run(event, started)?;
            }
            Attributes::WorkflowTaskStartedEventAttributes(started) => {
                self.task = started.clone();
                if current {
                    self.started_event_id = event.event_id;
                    self.move_time(event.event_time);
                }
            }
            Attributes::WorkflowTaskFailedEventAttributes(failed) => {
                if failed.cause() == WorkflowTaskFailedCause::ResetWorkflow {
                    let seed = randomness_seed(&failed.new_run_id);
                    self.effects.job(Job::UpdateRandomSeed(seed));
                }
            }
            Attributes::WorkflowExecutionSignaledEventAttributes(signaled) => {
                self.effects.job(Job::Signal(Box::new(Signal {
                    name: signaled.signal_name.clone(),
                    input: signaled
                        .input
                        .as_ref()
                        .map(|p| p.payloads.clone())
                        .unwrap_or_default(),
                    identity: signaled.identity.clone(),
                    header: signaled.header.clone(),
                    event_id: event.event_id,
                })));
            }
            Attributes::WorkflowExecutionCancelRequestedEventAttributes(requested) => {
                self.effects.job(Job::Cancel {
                    reason: requested.cause.clone(),
                });
            }
            Attributes::WorkflowTaskScheduledEventAttributes(_)
            | Attributes::WorkflowTaskCompletedEventAttributes(_)
            | Attributes::WorkflowTaskTimedOutEventAttributes(_)
            | Attributes::WorkflowExecutionTerminatedEventAttributes(_)
            | Attributes::WorkflowExecutionTimedOutEventAttributes(_)
            | Attributes::WorkflowExecutionOptionsUpdatedEventAttributes(_)
            | Attributes::WorkflowExecutionPausedEventAttributes(_)
            | Attributes::WorkflowExecutionUnpausedEventAttributes(_)
            | Attributes::WorkflowExecutionTimeSkippingTransitionedEventAttributes(_) => {}
            _ => self.outcome(event)?,
        }
        Ok(false)
    }

    fn start_run(
        &mut self,
        event: &HistoryEvent,
        started: &WorkflowExecutionStartedEventAttributes,
    ) -> Result<()> {
        if event.event_id != 1 {
            return Err(Trouble::invalid(
                event.event_id,
                "the run starts a second time",
            ));
        }
        self.move_time(event.event_time);
        self.start = StartInfo {
            memo: started.memo.clone(),
            search_attributes: started.search_attributes.clone(),
            retry_policy: started.retry_policy.clone(),
        };
        self.effects.job(Job::Initialize(Box::new(Initialize {
            workflow_id: self.workflow_id.clone(),
            randomness_seed: randomness_seed(&started.original_execution_run_id),
            start_time: event.event_time.unwrap_or_default(),
            attributes: started.clone(),
        })));
        Ok(())
    }

    /// Workflow time never runs back.
    fn move_time(&mut self, time: Option<Timestamp>) {
        let Some(time) = time else { return };
        let later = |t: &Timestamp| (t.seconds, t.nanos) < (time.seconds, time.nanos);
        if self.time.as_ref().is_none_or(later) {
            self.time = Some(time);
        }
    }

    fn outcome(&mut self, event: &HistoryEvent) -> Result<()> {
        let Some(initiating_id) = event::initiating_id(event) else {
            let why = format!("{} means nothing to a worker", event::type_name(event));
            return Err(Trouble::invalid(event.event_id, why));
        };
        let machine = self
            .by_event
            .get(&initiating_id)
            .and_then(|key| self.machines.get_mut(key));
        let Some(machine) = machine else {
            let why = format!(
                "{} refers to event {initiating_id}, which began nothing that is still open",
                event::type_name(event)
            );
            return Err(Trouble::invalid(event.event_id, why));
        };
        machine.outcome(event, &mut self.effects)?;
        if machine.is_done()
            && let Some(key) = self.by_event.remove(&initiating_id)
        {
            self.machines.remove(&key);
        }
        Ok(())
    }

    /// Finds the command that became `event`.
    fn command_event(
        &mut self,
        event: &HistoryEvent,
        next: Option<&HistoryEvent>,
        is_last: bool,
    ) -> Result<bool> {
        let patch = markers::patch_of_event(event);
        loop {
            while self.queue.front().is_some_and(|front| front.phantom) {
                self.queue.pop_front();
            }
            let front = self.queue.front();
            let front_patch = front.and_then(|front| patch_of_command(&front.command));
            match (&patch, front_patch) {
                // A deprecated patch's marker may stand alone.
                (Some((id, true)), other) if other.as_ref() != Some(id) => {
                    return Ok(next.is_some_and(upserts_version));
                }
                (Some((id, false)), None) => return Err(missing_patch(event, id, front).into()),
                // History was written before the code asked for this patch.
                (None, Some(_)) => {
                    self.queue.pop_front();
                    continue;
                }
                _ => {}
            }
            let Some(front) = front else {
                return Err(missing_command(event).into());
            };
            let ids_and_types = self.flags.try_use(Flag::IdAndTypeChecks, is_last);
            check(&front.command, event, ids_and_types)?;
            if let (Some((id, _)), Some(other)) = (&patch, patch_of_command(&front.command))
                && *id != other
            {
                return Err(missing_patch(event, id, Some(front)).into());
            }
            break;
        }
        let Some(matched) = self.queue.pop_front() else {
            return Ok(false);
        };
        self.record(matched, event)?;
        Ok(false)
    }

    fn record(&mut self, matched: Queued, event: &HistoryEvent) -> Result<()> {
        if let Some(machine) = self.machines.get_mut(&matched.key) {
            machine.recorded(event)?;
            if machine.is_done() {
                self.machines.remove(&matched.key);
            } else if event::initiating_id(event).is_none() {
                self.by_event.insert(event.event_id, matched.key);
            }
        }
        if let Some(initiating_id) = event::initiating_id(event)
            && !self.machines.contains_key(&matched.key)
        {
            self.by_event.remove(&initiating_id);
        }
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back((event.event_id, matched.command));
        Ok(())
    }

    /// Takes over what the code wants after an activation.
    pub(crate) fn take(&mut self, intents: Vec<Intent>) -> Result<()> {
        let move_terminal = self
            .flags
            .try_use(Flag::MoveTerminalCommands, !self.replaying);
        for intent in ordered(intents, move_terminal) {
            self.wish(intent)?;
        }
        self.prepare();
        Ok(())
    }

    /// Queues the new commands, without those that were taken back meanwhile.
    fn prepare(&mut self) {
        if std::mem::take(&mut self.some_unsent) {
            let machines = &mut self.machines;
            let unsent = |machines: &BTreeMap<Key, Machine>, queued: &Queued| {
                machines.get(&queued.key).is_some_and(Machine::is_unsent)
            };
            self.queue.retain(|queued| !unsent(machines, queued));
            self.effects
                .fresh
                .retain(|queued| !unsent(machines, queued));
            machines.retain(|_, machine| !machine.is_unsent());
        }
        self.queue.append(&mut self.effects.fresh);
    }

    fn wish(&mut self, intent: Intent) -> Result<()> {
        let Intent { wish, notes } = intent;
        match wish {
            Wish::StartTimer { seq, attributes } => {
                let machine = Machine::Timer(Timer::new(seq, notes.clone()));
                self.begin_op(
                    Op::Timer,
                    seq,
                    machine,
                    Cmd::StartTimerCommandAttributes(attributes),
                    notes,
                );
            }
            Wish::CancelTimer { seq } => self.cancel(Op::Timer, seq, notes)?,
            Wish::ScheduleActivity {
                seq,
                cancellation,
                versioning,
                mut attributes,
            } => {
                attributes.use_workflow_build_id = self.stays_compatible(
                    versioning,
                    attributes
                        .task_queue
                        .as_ref()
                        .map_or("", |queue| queue.name.as_str()),
                );
                attributes.request_eager_execution &= self.eager_activities;
                let kind = attributes.activity_type.clone().unwrap_or_default().name;
                let id = attributes.activity_id.clone();
                let activity = Activity::new(seq, id, kind, cancellation, notes.clone());
                let command = Cmd::ScheduleActivityTaskCommandAttributes(*attributes);
                self.begin_op(
                    Op::Activity,
                    seq,
                    Machine::Activity(Box::new(activity)),
                    command,
                    notes,
                );
            }
            Wish::CancelActivity { seq } => self.cancel(Op::Activity, seq, notes)?,
            Wish::SetPatchMarker {
                patch_id,
                deprecated,
            } => {
                self.set_patch(&patch_id, deprecated, notes);
            }
            Wish::UpsertSearchAttributes(attributes) => self.upsert(attributes, notes),
            Wish::ModifyProperties(attributes) => self.plain(attributes, notes),
            Wish::Close(attributes) => self.close(attributes, notes),
            Wish::ContinueAsNew {
                versioning,
                attributes,
            } => {
                let attributes = self.augment_continue_as_new(versioning, attributes);
                self.close(attributes, notes);
            }
            _ => return Err(crate::host::Fault::code("not yet").into()),
        }
        Ok(())
    }

    fn close(&mut self, attributes: Cmd, notes: Notes) {
        self.finished = true;
        self.plain(attributes, notes);
    }

    fn new_key(&mut self) -> Key {
        self.unnumbered += 1;
        Key::new(Op::Unnumbered, self.unnumbered)
    }

    fn begin_op(&mut self, op: Op, seq: u32, machine: Machine, attributes: Cmd, notes: Notes) {
        let key = self.insert(op, seq, machine);
        self.effects.issue(key, attributes, notes);
    }

    fn insert(&mut self, op: Op, seq: u32, machine: Machine) -> Key {
        let key = Key::new(op, seq);
        self.machines.insert(key, machine);
        let highest = self.highest_seq.entry(op).or_default();
        *highest = seq.max(*highest);
        key
    }

    /// A command without a machine.
    fn plain(&mut self, attributes: Cmd, notes: Notes) {
        let key = self.new_key();
        self.effects.issue(key, attributes, notes);
    }

    fn cancel(&mut self, op: Op, seq: u32, notes: Notes) -> Result<()> {
        let key = Key::new(op, seq);
        let Some(machine) = self.machines.get_mut(&key) else {
            return self.must_be_over(op, seq);
        };
        match machine {
            Machine::Timer(timer) => timer.cancel(key, notes, &mut self.effects),
            Machine::Activity(activity) => activity.cancel(key, notes, &mut self.effects),
        }
        self.some_unsent |= machine.is_unsent();
        Ok(())
    }

    /// The code may speak of operations that are over, but not of some that it never began.
    fn must_be_over(&self, op: Op, seq: u32) -> Result<()> {
        if self
            .highest_seq
            .get(&op)
            .is_some_and(|highest| seq <= *highest)
        {
            return Ok(());
        }
        Err(Mismatch {
            kind: NonDeterminismKind::UnknownOperation,
            event_id: self.last_event_id,
            history: "nothing".to_owned(),
            code: format!("{} {seq}", op.name()),
            message: format!(
                "the code refers to {} {seq}, which it never began",
                op.name()
            ),
        }
        .into())
    }

    // temporal: sdk-core patch_state_machine.rs, one marker per patch, followed by the version attribute.
    fn set_patch(&mut self, patch_id: &str, deprecated: bool, notes: Notes) {
        let seen = self.patches.get(patch_id).copied();
        if seen == Some(true) {
            return;
        }
        let in_history = seen.is_some();
        let upsert_flag = self.flags.try_use(Flag::UpsertOnPatch, !self.replaying);
        let absent = self.replaying && !in_history;
        let key = self.new_key();
        let marker = Cmd::RecordMarkerCommandAttributes(RecordMarkerCommandAttributes {
            marker_name: markers::PATCH.to_owned(),
            details: markers::patch_details(patch_id, deprecated),
            ..Default::default()
        });
        self.effects.fresh.push_back(Queued {
            key,
            command: command(marker, notes.clone()),
            sealed: false,
            phantom: absent,
        });
        if upsert_flag && !absent {
            self.upsert_version(patch_id, notes);
        }
        self.patches.insert(patch_id.to_owned(), true);
    }

    fn upsert_version(&mut self, patch_id: &str, notes: Notes) {
        let mut ids: Vec<&str> = self
            .patches
            .iter()
            .filter(|(_, made)| **made)
            .map(|(id, _)| id.as_str())
            .collect();
        ids.push(patch_id);
        ids.sort_unstable();
        ids.dedup();
        let Some(mut payload) = markers::json_payload(&ids) else {
            return;
        };
        if payload.data.len() >= MAX_SEARCH_ATTRIBUTE {
            return;
        }
        payload
            .metadata
            .insert("type".to_owned(), bytes::Bytes::from_static(b"KeywordList"));
        let fields = BTreeMap::from([(markers::VERSION_KEY.to_owned(), payload)]);
        self.plain(
            upsert_command(SearchAttributes {
                indexed_fields: fields,
            }),
            notes,
        );
    }

    fn upsert(&mut self, attributes: SearchAttributes, notes: Notes) {
        let fields = attributes.indexed_fields.iter();
        self.upserted
            .extend(fields.map(|(key, value)| (key.clone(), value.clone())));
        let protects = self.flags.try_use(Flag::UpsertOnPatch, !self.replaying);
        if protects && attributes.indexed_fields.contains_key(markers::VERSION_KEY) {
            // The key belongs to the patches; the command stays, empty, where histories expect it.
            self.plain(upsert_command(SearchAttributes::default()), notes);
        } else {
            self.plain(upsert_command(attributes), notes);
        }
    }

    fn stays_compatible(&self, versioning: Versioning, task_queue: &str) -> bool {
        match versioning {
            Versioning::Compatible => true,
            Versioning::Default => false,
            Versioning::Unspecified => task_queue.is_empty() || task_queue == self.task_queue,
        }
    }

    /// What the code leaves open, the next run takes over from this one.
    fn augment_continue_as_new(&self, versioning: Versioning, attributes: Cmd) -> Cmd {
        let Cmd::ContinueAsNewWorkflowExecutionCommandAttributes(mut next) = attributes else {
            return attributes;
        };
        let queue = next
            .task_queue
            .as_ref()
            .map_or("", |queue| queue.name.as_str());
        next.inherit_build_id = self.stays_compatible(versioning, queue);
        let inherited = self
            .start
            .memo
            .as_ref()
            .filter(|memo| !memo.fields.is_empty());
        next.memo = next.memo.or_else(|| inherited.cloned());
        next.retry_policy = next
            .retry_policy
            .or_else(|| self.start.retry_policy.clone());
        if next.search_attributes.is_none() {
            let mut current = self.start.search_attributes.clone().unwrap_or_default();
            current.indexed_fields.extend(self.upserted.clone());
            next.search_attributes = (!current.indexed_fields.is_empty()).then_some(current);
        }
        Cmd::ContinueAsNewWorkflowExecutionCommandAttributes(next)
    }

    /// The commands that met their events last, and those that wait for one, for a report.
    pub(crate) fn surroundings(&self) -> (&VecDeque<(i64, Command)>, Vec<&Command>) {
        let waiting = self
            .queue
            .iter()
            .filter(|queued| !queued.phantom)
            .map(|q| &q.command);
        (&self.recent, waiting.collect())
    }
}

/// Non-terminal commands first, then the first terminal one; before flag 3, everything behind that one was dropped.
fn ordered(intents: Vec<Intent>, move_terminal: bool) -> Vec<Intent> {
    let mut kept = Vec::with_capacity(intents.len());
    let mut terminal = None;
    for intent in intents {
        if intent.wish.is_terminal() {
            terminal.get_or_insert(intent);
        } else if move_terminal || terminal.is_none() {
            kept.push(intent);
        }
    }
    kept.extend(terminal);
    kept
}

fn upsert_command(attributes: SearchAttributes) -> Cmd {
    Cmd::UpsertWorkflowSearchAttributesCommandAttributes(
        UpsertWorkflowSearchAttributesCommandAttributes {
            search_attributes: Some(attributes),
        },
    )
}

fn patch_of_command(command: &Command) -> Option<String> {
    match &command.attributes {
        Some(Cmd::RecordMarkerCommandAttributes(marker))
            if marker.marker_name == markers::PATCH =>
        {
            markers::patch_of_details(&marker.details).map(|(id, _)| id)
        }
        _ => None,
    }
}

/// The version attribute that accompanies a patch marker.
fn upserts_version(event: &HistoryEvent) -> bool {
    matches!(
        &event.attributes,
        Some(Attributes::UpsertWorkflowSearchAttributesEventAttributes(upsert))
            if upsert.search_attributes.as_ref()
                .is_some_and(|s| s.indexed_fields.contains_key(markers::VERSION_KEY))
    )
}

fn unreadable(event: &HistoryEvent) -> String {
    format!(
        "{} has no attributes that this version can read, and workers may not ignore it",
        event::type_name(event)
    )
}

fn missing_command(event: &HistoryEvent) -> Mismatch {
    let history = event::describe(event);
    Mismatch {
        kind: NonDeterminismKind::MissingCommand,
        event_id: event.event_id,
        message: format!(
            "No command scheduled for event {} {history}",
            event.event_id
        ),
        history,
        code: "nothing".to_owned(),
    }
}

fn missing_patch(event: &HistoryEvent, patch_id: &str, front: Option<&Queued>) -> Mismatch {
    Mismatch {
        kind: NonDeterminismKind::MissingPatch,
        event_id: event.event_id,
        history: event::describe(event),
        code: front.map_or_else(
            || "nothing".to_owned(),
            |f| event::describe_command(&f.command),
        ),
        message: format!(
            "Non-deprecated patch marker encountered for change {patch_id}, but there is no corresponding change command!"
        ),
    }
}
