//! A schedule as a fold of its records.
//!
//! It lives in an execution of its own, under the workflow id `temporal-sys-scheduler:<schedule id>`, so that it is
//! loaded, evicted, made durable and woken as workflows are. Each creation makes a new incarnation, which has an id
//! as a run has; what others answer to an earlier one does not reach it.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use steadfast_proto::temporal::api::{
    common::v1::{Memo, Payloads, SearchAttributes},
    failure::v1::Failure,
    schedule::v1::{ScheduleAction, ScheduleSpec},
};

use super::spec::Spec;
use crate::{
    ids::{ExecutionKey, RequestId, RunId, WorkflowId},
    limits::{MAX_SCHEDULE_REQUEST_IDS, RECENT_SCHEDULE_ACTIONS},
    record::{OutboxPut, Proto},
    time::Timestamp,
};

/// What the workflow ids of schedules begin with; no workflow may have such an id.
// temporal: service/worker/scheduler/workflow.go WorkflowIDPrefix.
pub const SCHEDULE_PREFIX: &str = "temporal-sys-scheduler:";

/// Where a schedule lives.
#[must_use]
pub fn schedule_key(namespace: &str, schedule_id: &str) -> ExecutionKey {
    ExecutionKey::new(namespace, format!("{SCHEDULE_PREFIX}{schedule_id}"))
}

/// The schedule that lives in an execution, by its id.
#[must_use]
pub fn schedule_id(key: &ExecutionKey) -> Option<&str> {
    key.workflow_id.as_str().strip_prefix(SCHEDULE_PREFIX)
}

/// All that is known of a schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// Which incarnation.
    pub id: RunId,
    /// The request that made it.
    pub request_id: RequestId,
    /// Whether it is there; a schedule that was deleted, or is done, is remembered by its request id only.
    pub open: bool,
    /// What to do, and when.
    pub definition: Arc<Definition>,
    /// The definition's specification, ready for questions.
    pub spec: Arc<Spec>,
    /// Inert notes and indexed ones.
    pub attributes: Attributes,
    /// What switches it on and off.
    pub switch: Switch,
    /// How far it has come.
    pub progress: Progress,
    /// Starts that wait for their turn, in order.
    pub buffer: VecDeque<Start>,
    /// Ranges of time that are still to be made up for, in order.
    pub backfills: VecDeque<Backfill>,
    /// The workflows that count as running when two may not overlap.
    pub running: Vec<Running>,
    /// The newest actions, oldest first.
    pub recent: VecDeque<Action>,
    /// What the next run is told of the last one.
    pub last: Last,
    /// The newest updates and patches, oldest first: each is taken once.
    pub requests: VecDeque<RequestId>,
    /// Work for workflows that is not done yet.
    pub outbox: BTreeMap<u64, OutboxPut>,
    /// The number that the next piece of such work gets.
    pub next_outbox: u64,
}

/// What to do, and when, as its owner said it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    /// When, in canonical form.
    pub spec: Proto<ScheduleSpec>,
    /// What.
    pub action: Proto<ScheduleAction>,
    /// In what manner.
    pub policies: Policies,
}

/// In what manner a schedule acts. All fields are resolved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policies {
    /// What happens to a start while a workflow of the schedule runs.
    pub overlap: Overlap,
    /// How late a start may be; what is later is missed.
    pub catchup_window: Duration,
    /// Whether a workflow that fails or times out pauses the schedule.
    pub pause_on_failure: bool,
    /// Kept and shown. temporal: V1 schedules append the time to every id.
    pub keep_original_workflow_id: bool,
}

impl Default for Policies {
    fn default() -> Self {
        Self {
            overlap: Overlap::Skip,
            catchup_window: crate::limits::DEFAULT_CATCHUP_WINDOW,
            pause_on_failure: false,
            keep_original_workflow_id: false,
        }
    }
}

/// What happens to a start while a workflow of the schedule runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Overlap {
    /// It is dropped.
    Skip,
    /// The first waits, the others are dropped.
    BufferOne,
    /// It waits.
    BufferAll,
    /// The running one is asked to cancel, and the start waits for its end.
    CancelOther,
    /// The running one is terminated, and the start waits for its end.
    TerminateOther,
    /// It starts at once.
    AllowAll,
}

/// Inert notes and indexed ones.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Attributes {
    /// Inert notes.
    pub memo: Option<Proto<Memo>>,
    /// Indexed notes.
    pub search_attributes: Option<Proto<SearchAttributes>>,
}

/// What switches a schedule on and off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switch {
    /// Why, for people.
    pub notes: String,
    /// No actions of its own while it is set.
    pub paused: bool,
    /// Whether `remaining` bounds its own actions.
    pub limited: bool,
    /// How many actions of its own are left.
    pub remaining: u64,
}

/// How far a schedule has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Up to this time, which may have jitter in it, every time has been dealt with.
    pub processed: Timestamp,
    /// Changes with everything that an update could overwrite.
    pub conflict_token: u64,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last updated.
    pub updated: Option<Timestamp>,
    /// Actions taken.
    pub actions: u64,
    /// Times that came too late.
    pub missed_catchup_window: u64,
    /// Starts dropped because a workflow ran.
    pub overlap_skipped: u64,
    /// Starts dropped because too many waited.
    pub buffer_dropped: u64,
    /// The specification took too much effort: no action of its own until it is changed.
    pub exhausted: bool,
}

/// A start that waits for its turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// As the specification has it.
    pub nominal: Timestamp,
    /// With jitter.
    pub actual: Timestamp,
    /// `None` means the schedule's policy at the time when it is decided.
    pub overlap: Option<Overlap>,
    /// Somebody asked for it: pause, limit and catch-up window do not hold.
    pub manual: bool,
}

/// A range of time to make up for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backfill {
    /// Times after this one.
    pub after: Timestamp,
    /// The last time.
    pub until: Timestamp,
    /// `None` means the schedule's policy at the time when it is decided.
    pub overlap: Option<Overlap>,
}

/// A workflow that counts as running.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// The piece of work that started it.
    pub number: u64,
    /// Its id.
    pub workflow_id: WorkflowId,
    /// The first run of its chain.
    pub first_run: RunId,
    /// What it has been asked because another start waits.
    pub asked: Option<Asked>,
}

/// What a running workflow has been asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Asked {
    /// To cancel.
    Cancel,
    /// Terminated without being asked.
    Terminate,
}

/// An action that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// The piece of work that it was.
    pub number: u64,
    /// When it was due, with jitter.
    pub due: Timestamp,
    /// When it was taken.
    pub taken: Timestamp,
    /// The workflow that it started.
    pub workflow_id: WorkflowId,
    /// Its first run.
    pub first_run: RunId,
    /// Temporal's number of its state, as far as the schedule knows.
    pub status: i32,
}

/// What the next run is told of the last one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Last {
    /// What the last one that completed came to.
    pub result: Option<Proto<Payloads>>,
    /// How the last one failed, if none has completed since.
    pub failure: Option<Proto<Failure>>,
}

/// One change of a schedule: what a part of it is now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ScheduleRecord {
    /// A new incarnation, made by this request.
    Created(RequestId),
    /// See [`Schedule::definition`].
    Definition(Box<Definition>),
    /// See [`Schedule::attributes`].
    Attributes(Box<Attributes>),
    /// See [`Schedule::switch`].
    Switch(Switch),
    /// See [`Schedule::progress`].
    Progress(Box<Progress>),
    /// See [`Schedule::buffer`].
    Buffer(VecDeque<Start>),
    /// See [`Schedule::backfills`].
    Backfills(VecDeque<Backfill>),
    /// See [`Schedule::running`].
    Running(Vec<Running>),
    /// See [`Schedule::recent`].
    Recent(VecDeque<Action>),
    /// See [`Schedule::last`].
    Last(Box<Last>),
    /// This update or patch has been taken.
    Request(RequestId),
    /// There is work for a workflow.
    OutboxPut(u64, Box<OutboxPut>),
    /// That work is done.
    OutboxDone(u64),
    /// It is gone.
    Closed,
}

impl Schedule {
    /// A new incarnation without a definition.
    pub(crate) fn new(id: RunId, request_id: RequestId) -> Self {
        let definition = Definition::default();
        let spec = Spec::new(&definition.spec.0).expect("nothing in it can be wrong");
        Self {
            id,
            request_id,
            open: true,
            definition: Arc::new(definition),
            spec: Arc::new(spec),
            attributes: Attributes::default(),
            switch: Switch::default(),
            progress: Progress::default(),
            buffer: VecDeque::new(),
            backfills: VecDeque::new(),
            running: Vec::new(),
            recent: VecDeque::new(),
            last: Last::default(),
            requests: VecDeque::new(),
            outbox: BTreeMap::new(),
            next_outbox: 1,
        }
    }

    /// Takes a record that is not [`ScheduleRecord::Created`].
    pub(crate) fn apply(&mut self, record: &ScheduleRecord) {
        match record {
            ScheduleRecord::Created(_) => unreachable!("creation makes the schedule"),
            ScheduleRecord::Definition(definition) => self.define((**definition).clone()),
            ScheduleRecord::Attributes(attributes) => self.attributes = (**attributes).clone(),
            ScheduleRecord::Switch(switch) => self.switch.clone_from(switch),
            ScheduleRecord::Progress(progress) => self.progress = (**progress).clone(),
            ScheduleRecord::Buffer(buffer) => self.buffer.clone_from(buffer),
            ScheduleRecord::Backfills(backfills) => self.backfills.clone_from(backfills),
            ScheduleRecord::Running(running) => self.running.clone_from(running),
            ScheduleRecord::Recent(recent) => self.recent.clone_from(recent),
            ScheduleRecord::Last(last) => self.last = (**last).clone(),
            ScheduleRecord::Request(request_id) => self.take_request(request_id.clone()),
            ScheduleRecord::OutboxPut(number, put) => {
                self.outbox.insert(*number, (**put).clone());
                self.next_outbox = self.next_outbox.max(number + 1);
            }
            ScheduleRecord::OutboxDone(number) => {
                self.outbox.remove(number);
            }
            ScheduleRecord::Closed => self.close(),
        }
    }

    pub(crate) fn define(&mut self, definition: Definition) {
        let spec = Spec::new(&definition.spec.0).expect("it was parsed before it was recorded");
        self.spec = Arc::new(spec);
        self.definition = Arc::new(definition);
    }

    /// Notes a request id; the oldest of too many is forgotten.
    pub(crate) fn take_request(&mut self, request_id: RequestId) {
        if self.requests.len() >= MAX_SCHEDULE_REQUEST_IDS {
            self.requests.pop_front();
        }
        self.requests.push_back(request_id);
    }

    /// Notes an action; the oldest of too many is forgotten.
    pub(crate) fn take_action(&mut self, action: Action) {
        if self.recent.len() >= RECENT_SCHEDULE_ACTIONS {
            self.recent.pop_front();
        }
        self.recent.push_back(action);
    }

    /// Forgets all but that it was there.
    pub(crate) fn close(&mut self) {
        let gone = Self::new(self.id.clone(), self.request_id.clone());
        *self = Self {
            open: false,
            next_outbox: self.next_outbox,
            ..gone
        };
    }

    /// Whether a start has been sent off and has no answer yet.
    pub(crate) fn is_starting(&self) -> bool {
        self.outbox
            .values()
            .any(|put| put.work.starts_for_schedule())
    }
}
