//! The part of a run's state that is the fold of its history, and of nothing else.
//!
//! [`HistoryState::fold`] over the events of a run, wherever they come from, gives the state that the shard decided
//! on while it wrote them. What is kept beside the history is in [`crate::execution::Run`]:
//!
//! | from the history ([`HistoryState`]) | beside it ([`crate::execution::Run`]) |
//! |---|---|
//! | start attributes, status, close time | the request ids that were seen |
//! | pending activities: what was scheduled, cancel requested | their attempts, starts, failures, heartbeats |
//! | pending timers and when they fire | – |
//! | pending children, external signals and cancels | the outbox that carries them |
//! | last completed workflow task | the pending one: kind, attempt, start; stickiness |
//! | updates: admitted by a reset, accepted, completed | those that no worker has accepted: in memory only |
//! | pending Nexus operations, completion callbacks | what their handlers are asked |
//! | search attributes, memo, signal count, cancel requested | buffered events |

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use prost::Message as _;
use steadfast_proto::temporal::api::{
    common::v1::{Callback, Payload, Payloads, SearchAttributes},
    enums::v1::{WorkflowExecutionStatus, WorkflowTaskFailedCause},
    failure::v1::Failure,
    history::v1::{
        ActivityTaskScheduledEventAttributes, HistoryEvent, NexusOperationScheduledEventAttributes,
        RequestCancelExternalWorkflowExecutionInitiatedEventAttributes,
        SignalExternalWorkflowExecutionInitiatedEventAttributes,
        StartChildWorkflowExecutionInitiatedEventAttributes,
        WorkflowExecutionStartedEventAttributes, WorkflowTaskCompletedEventAttributes,
        history_event::Attributes,
    },
    sdk::v1::UserMetadata,
};

use crate::{
    ids::{ActivityId, EventId, RunId, TimerId},
    limits::MAX_SEARCH_ATTRIBUTE_BYTES,
    pause::PausedRun,
    policy::RetryPolicy,
    standalone::STANDALONE_PREFIX,
    time::{Timestamp, duration_from_proto},
    update::KnownUpdates,
    versioning::Versioning,
    visibility::{AttributeType, BUILD_IDS, Value, from_payload, to_payload},
};

/// See the module documentation.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryState {
    /// The id that the next event gets.
    pub next_event: EventId,
    /// Encoded bytes so far.
    pub bytes: i64,
    /// The start event's attributes.
    pub start: Arc<WorkflowExecutionStartedEventAttributes>,
    /// Summary and details of the start, for people.
    pub user_metadata: Option<Box<UserMetadata>>,
    /// When the run was started; for one that a reset made, when the one was that it goes back to.
    pub start_time: Timestamp,
    /// When a reset made the run, if one did.
    pub reset_time: Option<Timestamp>,
    /// Open, or how it closed.
    pub status: WorkflowExecutionStatus,
    /// When it closed.
    pub close_time: Option<Timestamp>,
    /// The run that goes on after this one, if any.
    pub successor: Option<RunId>,
    /// Whether a workflow task was ever scheduled: until then the run may be waiting for its first.
    pub task_seen: bool,
    /// Started event of the last completed workflow task; 0 if none.
    pub previous_started: EventId,
    /// The last `WorkflowTaskCompleted`; 0 if none.
    pub last_completed_task: EventId,
    /// Pending activities by their scheduled event.
    pub activities: BTreeMap<EventId, ScheduledActivity>,
    /// Pending activities by their id.
    pub activity_ids: BTreeMap<ActivityId, EventId>,
    /// Pending timers.
    pub timers: BTreeMap<TimerId, Timer>,
    /// Pending timers in the order in which they fire.
    pub timer_queue: BTreeSet<(Timestamp, EventId, TimerId)>,
    /// Pending children by their initiated event.
    pub children: BTreeMap<EventId, PendingChild>,
    /// Signals on their way to other executions, by their initiated event.
    pub signals_out:
        BTreeMap<EventId, Arc<SignalExternalWorkflowExecutionInitiatedEventAttributes>>,
    /// Cancel requests on their way to other executions, by their initiated event.
    pub cancels_out:
        BTreeMap<EventId, Arc<RequestCancelExternalWorkflowExecutionInitiatedEventAttributes>>,
    /// Pending Nexus operations by their scheduled event.
    pub nexus: BTreeMap<EventId, PendingNexus>,
    /// Who is told when the chain of runs ends.
    pub callbacks: Vec<AttachedCallback>,
    /// The activity that this run is made for, if no workflow has scheduled it.
    pub standalone: Option<Box<Standalone>>,
    /// Which build its tasks are for.
    pub versioning: Versioning,
    /// The first cancel request, if any.
    pub cancel_requested: bool,
    /// What it gave as its reason.
    pub cancel_reason: String,
    /// Its pause, if somebody has paused it.
    pub paused: Option<Box<PausedRun>>,
    /// Signals so far.
    pub signals: u64,
    /// Updates that are in the history. A closed run keeps them: its callers may ask again.
    pub updates: KnownUpdates,
    /// Search attributes, merged.
    pub search_attributes: BTreeMap<String, Payload>,
    /// Memo, merged.
    pub memo: BTreeMap<String, Payload>,
    /// Transactions so far, as far as the history tells: heartbeats and retries of activities leave no trace in it.
    pub transitions: i64,
    /// The build that completed the last workflow task; empty if it named none, `None` before the first.
    pub last_build: Option<String>,
}

/// A pending activity as it was scheduled.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduledActivity {
    /// When.
    pub time: Timestamp,
    /// The event's attributes: timeouts are resolved, the retry policy is filled.
    pub attributes: Arc<ActivityTaskScheduledEventAttributes>,
    /// Its retry policy, parsed.
    pub retry: RetryPolicy,
    /// Its bounds, parsed.
    pub timeouts: crate::command::ActivityTimeouts,
    /// The `ActivityTaskCancelRequested`, 0 if there is none.
    pub cancel_requested: EventId,
}

/// A pending timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timer {
    /// Its `TimerStarted`.
    pub started: EventId,
    /// When it fires.
    pub fires: Timestamp,
}

/// A pending child.
#[derive(Clone, Debug, PartialEq)]
pub struct PendingChild {
    /// The event's attributes.
    pub attributes: Arc<StartChildWorkflowExecutionInitiatedEventAttributes>,
    /// Its `ChildWorkflowExecutionStarted` and first run.
    pub started: Option<(EventId, RunId)>,
}

/// A pending Nexus operation.
#[derive(Clone, Debug, PartialEq)]
pub struct PendingNexus {
    /// When it was scheduled.
    pub time: Timestamp,
    /// The event's attributes.
    pub attributes: Arc<NexusOperationScheduledEventAttributes>,
    /// Its `NexusOperationCancelRequested`, 0 if there is none.
    pub cancel_requested: EventId,
    /// When that was.
    pub cancel_time: Timestamp,
    /// The `WorkflowTaskCompleted` that came with it.
    pub cancel_completed: EventId,
}

/// An activity that no workflow has scheduled.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Standalone {
    /// As it was scheduled.
    pub scheduled: Option<ScheduledActivity>,
    /// Its last attempt, from 1; known when it is over.
    pub attempt: u32,
    /// When that attempt was started.
    pub started: Option<Timestamp>,
    /// Who ran it.
    pub identity: String,
    /// How the attempt before failed.
    pub last_failure: Option<Failure>,
    /// How it ended.
    pub end: Option<StandaloneEnd>,
}

/// How an activity of its own ended.
#[derive(Clone, Debug, PartialEq)]
pub enum StandaloneEnd {
    /// With a result.
    Completed(Option<Payloads>),
    /// With a failure, which may be a timeout, and Temporal's `RetryState` number.
    Failed(Box<Failure>, i32),
    /// Canceled, with details.
    Canceled(Option<Payloads>),
    /// Terminated, with a reason.
    Terminated(String),
}

/// Somebody who is told when the chain of runs ends.
#[derive(Clone, Debug, PartialEq)]
pub struct AttachedCallback {
    /// Since when.
    pub time: Timestamp,
    /// Who.
    pub callback: Callback,
}

impl Default for HistoryState {
    fn default() -> Self {
        Self {
            next_event: EventId::FIRST,
            bytes: 0,
            start: Arc::default(),
            user_metadata: None,
            start_time: Timestamp::EPOCH,
            reset_time: None,
            status: WorkflowExecutionStatus::Running,
            close_time: None,
            successor: None,
            task_seen: false,
            previous_started: EventId::NONE,
            last_completed_task: EventId::NONE,
            activities: BTreeMap::new(),
            activity_ids: BTreeMap::new(),
            timers: BTreeMap::new(),
            timer_queue: BTreeSet::new(),
            children: BTreeMap::new(),
            signals_out: BTreeMap::new(),
            cancels_out: BTreeMap::new(),
            nexus: BTreeMap::new(),
            callbacks: Vec::new(),
            standalone: None,
            versioning: Versioning::default(),
            cancel_requested: false,
            cancel_reason: String::new(),
            paused: None,
            signals: 0,
            updates: KnownUpdates::default(),
            search_attributes: BTreeMap::new(),
            memo: BTreeMap::new(),
            transitions: 0,
            last_build: None,
        }
    }
}

impl HistoryState {
    /// The state after these events.
    pub fn fold<'a>(events: impl IntoIterator<Item = &'a HistoryEvent>) -> Self {
        let mut state = Self::default();
        for event in events {
            state.apply(event, event.encoded_len());
        }
        state
    }

    /// The last event written.
    #[must_use]
    pub fn last_event(&self) -> EventId {
        EventId(self.next_event.0 - 1)
    }

    /// Whether the run is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.status == WorkflowExecutionStatus::Running
    }

    /// The first run of the chain.
    #[must_use]
    pub fn first_run(&self) -> RunId {
        RunId::new(self.start.first_execution_run_id.as_str())
    }

    /// When the run began to be, from when its bounds count.
    // temporal: mutable_state_impl.go RefreshExpirationTimeoutTask, a reset counts them anew.
    #[must_use]
    pub fn begun_at(&self) -> Timestamp {
        self.reset_time.unwrap_or(self.start_time)
    }

    /// When the first workflow task may be scheduled.
    #[must_use]
    pub fn execution_time(&self) -> Timestamp {
        if let Some(reset) = self.reset_time {
            return reset;
        }
        self.start_time.plus(proto_duration(
            self.start.first_workflow_task_backoff.as_ref(),
        ))
    }

    /// When the run times out, if ever; execution timeouts are [`Self::chain_expires`].
    #[must_use]
    pub fn run_expires(&self) -> Option<Timestamp> {
        let timeout = proto_duration(self.start.workflow_run_timeout.as_ref());
        (!timeout.is_zero()).then(|| self.execution_time().plus(timeout))
    }

    /// When the chain of runs times out, if ever.
    #[must_use]
    pub fn chain_expires(&self) -> Option<Timestamp> {
        let expires = self.start.workflow_execution_expiration_time.as_ref()?;
        let bound = proto_duration(self.start.workflow_execution_timeout.as_ref());
        Some(match self.reset_time {
            Some(reset) if !bound.is_zero() => reset.plus(bound),
            Some(_) | None => Timestamp::from_proto(expires),
        })
    }

    /// Takes one event, `len` bytes long on the wire.
    pub fn apply(&mut self, event: &HistoryEvent, len: usize) {
        let id = EventId(event.event_id);
        let time = event
            .event_time
            .as_ref()
            .map(Timestamp::from_proto)
            .unwrap_or_default();
        self.next_event = id.next();
        self.bytes = self
            .bytes
            .saturating_add(i64::try_from(len).unwrap_or(i64::MAX));
        if id == EventId::FIRST {
            self.user_metadata = event.user_metadata.clone().map(Box::new);
        }
        if let Some(attributes) = &event.attributes {
            self.transitions += i64::from(begins_transaction(attributes));
            self.apply_attributes(id, time, attributes);
            self.apply_standalone(time, attributes);
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the other events change nothing here"
    )]
    fn apply_attributes(&mut self, id: EventId, time: Timestamp, attributes: &Attributes) {
        use Attributes as A;
        use WorkflowExecutionStatus as Status;
        match attributes {
            A::WorkflowExecutionStartedEventAttributes(start) => self.apply_start(time, start),
            A::WorkflowTaskScheduledEventAttributes(_) => self.task_seen = true,
            A::WorkflowTaskCompletedEventAttributes(task) => {
                self.previous_started = EventId(task.started_event_id);
                self.last_completed_task = id;
                self.note_build(task);
                self.versioning.task_completed(task);
            }
            A::WorkflowTaskFailedEventAttributes(failed)
                if failed.cause() == WorkflowTaskFailedCause::ResetWorkflow =>
            {
                self.reset_time = Some(time);
            }
            A::ActivityTaskScheduledEventAttributes(scheduled) => {
                self.apply_scheduled(id, time, scheduled);
            }
            A::ActivityTaskCancelRequestedEventAttributes(cancel) => {
                if let Some(activity) = self.activities.get_mut(&EventId(cancel.scheduled_event_id))
                {
                    activity.cancel_requested = id;
                }
            }
            A::ActivityTaskCompletedEventAttributes(a) => self.end_activity(a.scheduled_event_id),
            A::ActivityTaskFailedEventAttributes(a) => self.end_activity(a.scheduled_event_id),
            A::ActivityTaskTimedOutEventAttributes(a) => self.end_activity(a.scheduled_event_id),
            A::ActivityTaskCanceledEventAttributes(a) => self.end_activity(a.scheduled_event_id),
            A::TimerStartedEventAttributes(timer) => {
                let fires = time.plus(proto_duration(timer.start_to_fire_timeout.as_ref()));
                let name = TimerId::new(timer.timer_id.as_str());
                self.timer_queue.insert((fires, id, name.clone()));
                self.timers.insert(name, Timer { started: id, fires });
            }
            A::TimerFiredEventAttributes(timer) => self.end_timer(&timer.timer_id),
            A::TimerCanceledEventAttributes(timer) => self.end_timer(&timer.timer_id),
            A::StartChildWorkflowExecutionInitiatedEventAttributes(child) => {
                let child = PendingChild {
                    attributes: Arc::new(child.clone()),
                    started: None,
                };
                self.children.insert(id, child);
            }
            A::ChildWorkflowExecutionStartedEventAttributes(started) => {
                if let Some(child) = self.children.get_mut(&EventId(started.initiated_event_id)) {
                    let run = started
                        .workflow_execution
                        .as_ref()
                        .map_or("", |e| &e.run_id);
                    child.started = Some((id, RunId::new(run)));
                }
            }
            A::StartChildWorkflowExecutionFailedEventAttributes(c) => {
                self.children.remove(&EventId(c.initiated_event_id));
            }
            A::ChildWorkflowExecutionCompletedEventAttributes(c) => {
                self.children.remove(&EventId(c.initiated_event_id));
            }
            A::ChildWorkflowExecutionFailedEventAttributes(c) => {
                self.children.remove(&EventId(c.initiated_event_id));
            }
            A::ChildWorkflowExecutionCanceledEventAttributes(c) => {
                self.children.remove(&EventId(c.initiated_event_id));
            }
            A::ChildWorkflowExecutionTimedOutEventAttributes(c) => {
                self.children.remove(&EventId(c.initiated_event_id));
            }
            A::ChildWorkflowExecutionTerminatedEventAttributes(c) => {
                self.children.remove(&EventId(c.initiated_event_id));
            }
            A::SignalExternalWorkflowExecutionInitiatedEventAttributes(signal) => {
                self.signals_out.insert(id, Arc::new(signal.clone()));
            }
            A::SignalExternalWorkflowExecutionFailedEventAttributes(s) => {
                self.signals_out.remove(&EventId(s.initiated_event_id));
            }
            A::ExternalWorkflowExecutionSignaledEventAttributes(s) => {
                self.signals_out.remove(&EventId(s.initiated_event_id));
            }
            A::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(cancel) => {
                self.cancels_out.insert(id, Arc::new(cancel.clone()));
            }
            A::RequestCancelExternalWorkflowExecutionFailedEventAttributes(c) => {
                self.cancels_out.remove(&EventId(c.initiated_event_id));
            }
            A::ExternalWorkflowExecutionCancelRequestedEventAttributes(c) => {
                self.cancels_out.remove(&EventId(c.initiated_event_id));
            }
            A::NexusOperationScheduledEventAttributes(scheduled) => {
                let pending = PendingNexus {
                    time,
                    attributes: Arc::new(scheduled.clone()),
                    cancel_requested: EventId::NONE,
                    cancel_time: Timestamp::EPOCH,
                    cancel_completed: EventId::NONE,
                };
                self.nexus.insert(id, pending);
            }
            A::NexusOperationCancelRequestedEventAttributes(cancel) => {
                if let Some(pending) = self.nexus.get_mut(&EventId(cancel.scheduled_event_id)) {
                    pending.cancel_requested = id;
                    pending.cancel_time = time;
                    pending.cancel_completed = EventId(cancel.workflow_task_completed_event_id);
                }
            }
            A::NexusOperationCompletedEventAttributes(n) => {
                self.nexus.remove(&EventId(n.scheduled_event_id));
            }
            A::NexusOperationFailedEventAttributes(n) => {
                self.nexus.remove(&EventId(n.scheduled_event_id));
            }
            A::NexusOperationCanceledEventAttributes(n) => {
                self.nexus.remove(&EventId(n.scheduled_event_id));
            }
            A::NexusOperationTimedOutEventAttributes(n) => {
                self.nexus.remove(&EventId(n.scheduled_event_id));
            }
            A::WorkflowExecutionOptionsUpdatedEventAttributes(options) => {
                self.attach(time, &options.attached_completion_callbacks);
                self.versioning.options_updated(options);
            }
            A::WorkflowExecutionPausedEventAttributes(paused) => {
                self.paused = Some(Box::new(PausedRun::new(time, paused)));
            }
            A::WorkflowExecutionUnpausedEventAttributes(_) => self.paused = None,
            A::WorkflowExecutionSignaledEventAttributes(_) => self.signals += 1,
            A::WorkflowExecutionCancelRequestedEventAttributes(request) => {
                self.cancel_requested = true;
                self.cancel_reason.clone_from(&request.cause);
            }
            A::WorkflowExecutionUpdateAdmittedEventAttributes(_)
            | A::WorkflowExecutionUpdateAcceptedEventAttributes(_)
            | A::WorkflowExecutionUpdateCompletedEventAttributes(_) => {
                self.updates.apply(id, attributes);
            }
            A::UpsertWorkflowSearchAttributesEventAttributes(upsert) => {
                if let Some(changes) = &upsert.search_attributes {
                    merge(&mut self.search_attributes, &changes.indexed_fields);
                }
            }
            A::WorkflowPropertiesModifiedEventAttributes(modified) => {
                if let Some(changes) = &modified.upserted_memo {
                    merge(&mut self.memo, &changes.fields);
                }
            }
            A::WorkflowExecutionCompletedEventAttributes(c) => {
                self.close(Status::Completed, time, &c.new_execution_run_id);
            }
            A::WorkflowExecutionFailedEventAttributes(c) => {
                self.close(Status::Failed, time, &c.new_execution_run_id);
            }
            A::WorkflowExecutionTimedOutEventAttributes(c) => {
                self.close(Status::TimedOut, time, &c.new_execution_run_id);
            }
            A::WorkflowExecutionCanceledEventAttributes(_) => {
                self.close(Status::Canceled, time, "")
            }
            A::WorkflowExecutionTerminatedEventAttributes(_) => {
                self.close(Status::Terminated, time, "");
            }
            A::WorkflowExecutionContinuedAsNewEventAttributes(c) => {
                self.close(Status::ContinuedAsNew, time, &c.new_execution_run_id);
            }
            _ => {}
        }
    }

    fn apply_start(&mut self, time: Timestamp, start: &WorkflowExecutionStartedEventAttributes) {
        self.start_time = time;
        if let Some(attributes) = &start.search_attributes {
            merge(&mut self.search_attributes, &attributes.indexed_fields);
        }
        self.memo = start.memo.clone().unwrap_or_default().fields;
        self.attach(time, &start.completion_callbacks);
        self.versioning.started(start);
        self.standalone = start
            .workflow_id
            .starts_with(STANDALONE_PREFIX)
            .then(Box::default);
        self.start = Arc::new(start.clone());
    }

    /// The builds of the workers that completed workflow tasks are a search attribute.
    // temporal: service/history/workflow/mutable_state_impl.go addBuildIdToLoadedSearchAttribute, saveBuildIds: the
    // oldest builds make room when the value is full.
    fn note_build(&mut self, task: &WorkflowTaskCompletedEventAttributes) {
        #[expect(deprecated, reason = "deprecated for users, not for SDKs")]
        let stamp = task.worker_version.as_ref();
        let build = stamp.map_or("", |it| it.build_id.as_str());
        if self.last_build.as_deref() == Some(build) {
            return;
        }
        self.last_build = Some(build.to_owned());
        let known = self.search_attributes.get(BUILD_IDS);
        let known = known.and_then(|it| from_payload(it, AttributeType::KeywordList).ok()?);
        let mut builds = match known {
            Some(Value::KeywordList(builds)) => builds,
            _ => Vec::new(),
        };
        let named = match stamp {
            Some(stamp) if stamp.use_versioning => format!("versioned:{build}"),
            _ => format!("unversioned:{build}"),
        };
        let named = if build.is_empty() {
            "unversioned"
        } else {
            &named
        };
        if !builds.iter().any(|it| it == named) {
            builds.push(named.to_owned());
        }
        let mut payload = to_payload(&Value::KeywordList(builds.clone()));
        while payload.data.len() > MAX_SEARCH_ATTRIBUTE_BYTES && builds.len() > 1 {
            builds.remove(0);
            payload = to_payload(&Value::KeywordList(builds.clone()));
        }
        self.search_attributes.insert(BUILD_IDS.to_owned(), payload);
    }

    /// The end of an activity of its own is the end of its run.
    fn apply_standalone(&mut self, time: Timestamp, attributes: &Attributes) {
        let Some(standalone) = self.standalone.as_deref_mut() else {
            return;
        };
        if let Attributes::ActivityTaskStartedEventAttributes(started) = attributes {
            standalone.attempt = u32::try_from(started.attempt).unwrap_or(1);
            standalone.started = Some(time);
            standalone.identity.clone_from(&started.identity);
            standalone.last_failure.clone_from(&started.last_failure);
        }
        if let Some((status, end)) = crate::standalone::end_of(attributes) {
            standalone.end = Some(end);
            self.close(status, time, "");
        }
    }

    fn attach(&mut self, time: Timestamp, callbacks: &[Callback]) {
        let attached = callbacks.iter().cloned();
        self.callbacks
            .extend(attached.map(|callback| AttachedCallback { time, callback }));
    }

    fn apply_scheduled(
        &mut self,
        id: EventId,
        time: Timestamp,
        scheduled: &ActivityTaskScheduledEventAttributes,
    ) {
        let activity = ScheduledActivity {
            time,
            retry: scheduled
                .retry_policy
                .as_ref()
                .and_then(|policy| crate::parse::retry_policy(policy).ok())
                .unwrap_or_default(),
            timeouts: crate::command::ActivityTimeouts {
                schedule_to_close: proto_duration(scheduled.schedule_to_close_timeout.as_ref()),
                schedule_to_start: proto_duration(scheduled.schedule_to_start_timeout.as_ref()),
                start_to_close: proto_duration(scheduled.start_to_close_timeout.as_ref()),
                heartbeat: proto_duration(scheduled.heartbeat_timeout.as_ref()),
            },
            attributes: Arc::new(scheduled.clone()),
            cancel_requested: EventId::NONE,
        };
        if let Some(standalone) = self.standalone.as_deref_mut() {
            standalone.scheduled = Some(activity.clone());
        }
        self.activity_ids
            .insert(ActivityId::new(scheduled.activity_id.as_str()), id);
        self.activities.insert(id, activity);
    }

    fn end_activity(&mut self, scheduled: i64) {
        if let Some(activity) = self.activities.remove(&EventId(scheduled)) {
            self.activity_ids
                .remove(&ActivityId::new(activity.attributes.activity_id.as_str()));
        }
    }

    fn end_timer(&mut self, id: &str) {
        let id = TimerId::new(id);
        if let Some(timer) = self.timers.remove(&id) {
            self.timer_queue.remove(&(timer.fires, timer.started, id));
        }
    }

    /// A closed run has nothing pending.
    fn close(&mut self, status: WorkflowExecutionStatus, time: Timestamp, successor: &str) {
        self.status = status;
        self.close_time = Some(time);
        self.successor = (!successor.is_empty()).then(|| RunId::new(successor));
        self.activities.clear();
        self.activity_ids.clear();
        self.timers.clear();
        self.timer_queue.clear();
        self.children.clear();
        self.signals_out.clear();
        self.cancels_out.clear();
        self.nexus.clear();
    }

    /// The merged search attributes as the wire has them; `None` if there are none.
    #[must_use]
    pub fn search_attributes_proto(&self) -> Option<SearchAttributes> {
        (!self.search_attributes.is_empty()).then(|| SearchAttributes {
            indexed_fields: self.search_attributes.clone(),
        })
    }
}

/// Whether such an event stands first in its transaction: what a workflow task decides stands behind its completion.
fn begins_transaction(attributes: &Attributes) -> bool {
    use Attributes as A;
    matches!(
        attributes,
        A::WorkflowExecutionTimedOutEventAttributes(_)
            | A::WorkflowExecutionStartedEventAttributes(_)
            | A::WorkflowExecutionTerminatedEventAttributes(_)
            | A::WorkflowExecutionSignaledEventAttributes(_)
            | A::WorkflowExecutionCancelRequestedEventAttributes(_)
            | A::WorkflowExecutionOptionsUpdatedEventAttributes(_)
            | A::WorkflowExecutionPausedEventAttributes(_)
            | A::WorkflowExecutionUnpausedEventAttributes(_)
            | A::WorkflowTaskStartedEventAttributes(_)
            | A::WorkflowTaskCompletedEventAttributes(_)
            | A::WorkflowTaskFailedEventAttributes(_)
            | A::WorkflowTaskTimedOutEventAttributes(_)
            | A::ActivityTaskStartedEventAttributes(_)
            | A::ActivityTaskCompletedEventAttributes(_)
            | A::ActivityTaskFailedEventAttributes(_)
            | A::ActivityTaskTimedOutEventAttributes(_)
            | A::ActivityTaskCanceledEventAttributes(_)
            | A::TimerFiredEventAttributes(_)
            | A::StartChildWorkflowExecutionFailedEventAttributes(_)
            | A::ChildWorkflowExecutionStartedEventAttributes(_)
            | A::ChildWorkflowExecutionCompletedEventAttributes(_)
            | A::ChildWorkflowExecutionFailedEventAttributes(_)
            | A::ChildWorkflowExecutionCanceledEventAttributes(_)
            | A::ChildWorkflowExecutionTimedOutEventAttributes(_)
            | A::ChildWorkflowExecutionTerminatedEventAttributes(_)
            | A::SignalExternalWorkflowExecutionFailedEventAttributes(_)
            | A::ExternalWorkflowExecutionSignaledEventAttributes(_)
            | A::RequestCancelExternalWorkflowExecutionFailedEventAttributes(_)
            | A::ExternalWorkflowExecutionCancelRequestedEventAttributes(_)
    )
}

/// A null or empty-list payload removes a key.
// temporal: common/payload/payload.go MergeMapOfPayload.
fn merge(into: &mut BTreeMap<String, Payload>, changes: &BTreeMap<String, Payload>) {
    for (key, payload) in changes {
        let null = payload
            .metadata
            .get("encoding")
            .is_some_and(|e| &e[..] == b"binary/null");
        if null
            || payload.data.is_empty()
            || &payload.data[..] == b"[]"
            || &payload.data[..] == b"null"
        {
            into.remove(key);
        } else {
            into.insert(key.clone(), payload.clone());
        }
    }
}

/// A stored duration; histories are written with valid ones.
pub(crate) fn proto_duration(duration: Option<&prost_types::Duration>) -> Duration {
    duration_from_proto(duration).unwrap_or_default()
}
