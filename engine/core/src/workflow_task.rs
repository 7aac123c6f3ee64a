//! The pending workflow task of a run: at most one at a time.
//!
//! | state | event | next | written |
//! |---|---|---|---|
//! | none | schedule | scheduled, normal, attempt 1 | `WorkflowTaskScheduled` |
//! | none | schedule after a failed attempt | scheduled, transient | – |
//! | none | an update | scheduled, speculative (see [`speculative`]) | – |
//! | scheduled, normal | start | started | `WorkflowTaskStarted` |
//! | scheduled, transient | start, history unchanged | started | – |
//! | scheduled, transient | start, history moved on | started, normal, attempt 1 | `…Scheduled` `…Started` |
//! | scheduled | schedule-to-start timeout (sticky queue) | scheduled on the normal queue, attempt 1 | `…TimedOut` `…Scheduled` |
//! | scheduled, speculative | schedule-to-start timeout (any queue) | as above | `…Scheduled` `…TimedOut` `…Scheduled` |
//! | scheduled, speculative | start | started | – |
//! | scheduled, speculative | start, no update waits any more | none | – |
//! | scheduled or started, speculative | an event | the same, normal | `…Scheduled`, and `…Started` |
//! | started | same poll again | started, same answer | – |
//! | started, normal | complete | none or scheduled | `…Completed`, the commands' events, the buffered events |
//! | started, transient | complete | none or scheduled | `…Scheduled` `…Started` `…Completed` … |
//! | started, speculative | complete, which only rejects updates | none or speculative again | – |
//! | started, speculative | complete | none or scheduled | `…Scheduled` `…Started` `…Completed` … |
//! | started, speculative | fail, start-to-close timeout | scheduled, see below | `…Scheduled` `…Started`, then as for normal |
//! | started, normal | fail, start-to-close timeout | scheduled, see below | `…Failed` or `…TimedOut` |
//! | started, transient | fail, start-to-close timeout | scheduled, attempt + 1 | – |
//!
//! After a failure or timeout: if the run was sticky it is no longer, and the next attempt is 1 again on the normal
//! queue; if events were buffered the next attempt is 1; otherwise attempt + 1, transient.
// temporal: service/history/workflow/workflow_task_state_machine.go.

mod pages;
mod speculative;

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use steadfast_proto::temporal::api::{
    enums::v1::{
        QueryResultType, SuggestContinueAsNewReason, TaskQueueKind, TimeoutType,
        WorkflowTaskFailedCause,
    },
    failure::v1::{Failure, ServerFailureInfo},
    history::v1::{
        WorkflowTaskCompletedEventAttributes, WorkflowTaskFailedEventAttributes,
        WorkflowTaskScheduledEventAttributes, WorkflowTaskStartedEventAttributes,
        WorkflowTaskTimedOutEventAttributes,
    },
    query::v1::WorkflowQueryResult,
    taskqueue::v1::TaskQueue,
};

pub(crate) use pages::Pages;

use crate::{
    command::CommandKind,
    effect::{EventRange, Rejection, Reply, ReplyTo, WorkflowTaskReply},
    history::proto_duration,
    ids::{Epoch, EventId, RequestId, TaskQueueName},
    limits::{
        DEFAULT_WORKFLOW_TASK_TIMEOUT, MAX_WORKFLOW_TASK_BACKOFF, SPECULATIVE_SCHEDULE_TO_START,
        SUGGEST_CAN_BYTES, SUGGEST_CAN_EVENTS, WORKFLOW_TASK_HEARTBEAT_TIMEOUT,
    },
    message::{Claim, TaskKind, TaskRef},
    record::Record,
    request::{CommandError, CompleteWorkflowTask, FailWorkflowTask, StartRequest, StickyRequest},
    time::{Timestamp, duration_to_proto},
    token::TaskToken,
    tx::Tx,
    update::Sending,
    versioning::Version,
};

/// Whether the task is in the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskType {
    /// Its events are written as they happen.
    Normal,
    /// A further attempt: its events are written only if it completes.
    Transient,
    /// It only carries updates, and leaves no trace if all of them are rejected. It is kept in memory only.
    Speculative,
}

/// The pending workflow task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowTask {
    /// Whether it is in the history.
    pub kind: TaskType,
    /// Which attempt, from 1.
    pub attempt: u32,
    /// Its scheduled event; for a transient task, the id that event will get.
    pub scheduled: EventId,
    /// When it was scheduled.
    pub scheduled_time: Timestamp,
    /// When the first of an unbroken row of heartbeating tasks was scheduled.
    pub original_scheduled_time: Timestamp,
    /// How long a worker may take, from its start.
    pub timeout: Duration,
    /// The worker's own queue that it waits in; `None` for the normal one.
    pub sticky: Option<TaskQueueName>,
    /// How long it may wait there; zero for ever.
    pub schedule_to_start: Duration,
    /// Its start.
    pub started: Option<TaskStart>,
    /// Tells it from an earlier speculative one that left no trace and so had the same ids; 0 if it never was
    /// speculative.
    pub stamp: u32,
}

/// The start of a workflow task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskStart {
    /// Its started event; for a transient task, the id that event will get.
    pub event: EventId,
    /// When.
    pub time: Timestamp,
    /// The poll that got it.
    pub request_id: RequestId,
    /// Who has it.
    pub identity: String,
    /// Bytes of history when it was started.
    pub history_bytes: i64,
    /// Why the workflow should go on in a new run, if it should.
    pub suggestions: Vec<Suggestion>,
    /// Whether it was polled from the worker's own queue, so that the worker needs only what is new.
    pub from_sticky: bool,
    /// Whether the run stays on a version although new runs go to another.
    pub target_version_changed: bool,
}

/// Why a workflow should go on in a new run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Suggestion {
    /// Its history has many bytes.
    HistorySize,
    /// Its history has many events.
    HistoryEvents,
    /// It has had many updates.
    Updates,
}

impl Suggestion {
    fn wire(self) -> SuggestContinueAsNewReason {
        match self {
            Self::HistorySize => SuggestContinueAsNewReason::HistorySizeTooLarge,
            Self::HistoryEvents => SuggestContinueAsNewReason::TooManyHistoryEvents,
            Self::Updates => SuggestContinueAsNewReason::TooManyUpdates,
        }
    }
}

impl WorkflowTask {
    /// When it times out, and how.
    #[must_use]
    pub fn deadline(&self) -> Option<(Timestamp, TimeoutType)> {
        match &self.started {
            Some(start) => Some((start.time.plus(self.timeout), TimeoutType::StartToClose)),
            None if !self.schedule_to_start.is_zero() => Some((
                self.scheduled_time.plus(self.schedule_to_start),
                TimeoutType::ScheduleToStart,
            )),
            None => None,
        }
    }
}

/// How one attempt ended without completing.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Miss<'a> {
    Failed {
        cause: WorkflowTaskFailedCause,
        failure: Option<&'a Failure>,
        identity: &'a str,
    },
    TimedOut(TimeoutType),
}

/// What a completion comes to.
struct Done {
    next: Option<Next>,
    /// Set if it left no trace.
    reset_to: Option<EventId>,
}

/// The task that follows a completed one at once.
#[derive(Clone, Copy)]
enum Next {
    /// With the time at which the first of an unbroken row of heartbeats was scheduled.
    Normal(Timestamp),
    Speculative,
}

impl CompleteWorkflowTask {
    /// Whether the worker only asks for more time.
    fn is_heartbeat(&self) -> bool {
        self.force_new_task && self.commands.is_empty() && self.messages.is_empty()
    }
}

/// How long a worker may take for this attempt.
// temporal: workflow_task_state_machine.go getStartToCloseTimeout.
fn attempt_timeout(default: Duration, attempt: u32) -> Duration {
    if attempt <= 3 {
        return default;
    }
    let backoff = Duration::from_secs(5)
        .checked_mul(1 << (attempt - 4).min(20))
        .unwrap_or(MAX_WORKFLOW_TASK_BACKOFF);
    default.saturating_add(backoff.min(MAX_WORKFLOW_TASK_BACKOFF))
}

impl Tx<'_> {
    /// Schedules a workflow task unless one is pending or the run's first one has to wait.
    // temporal: a plain signal does not end the first task's backoff; cancel and signal-with-start do.
    pub(crate) fn schedule_task_if_ready(&mut self) {
        let history = &self.run.history;
        let first_waits = history.paused.is_some()
            || !history.task_seen
                && (!self.run.begun || self.now < history.execution_time() && !self.wants_task_now);
        if self.task().is_none() && self.run.is_open() && !first_waits {
            self.schedule_task(1, self.now);
        }
    }

    /// Schedules a workflow task, which flushes what waited.
    pub(crate) fn schedule_task(&mut self, attempt: u32, original: Timestamp) {
        let attempt = if self.run.buffered.is_empty() {
            attempt
        } else {
            1
        };
        self.flush();
        if self.run.history.paused.is_some() {
            return;
        }
        let kind = if attempt == 1 {
            TaskType::Normal
        } else {
            TaskType::Transient
        };
        let mut task = self.new_task(kind, attempt, original);
        if task.kind == TaskType::Normal {
            let attributes = self.scheduled_attributes(&task);
            task.scheduled = self.write(attributes);
        }
        self.set_task(Box::new(task));
    }

    fn new_task(&self, kind: TaskType, attempt: u32, original: Timestamp) -> WorkflowTask {
        let default = proto_duration(self.run.history.start.workflow_task_timeout.as_ref());
        let default = if default.is_zero() {
            DEFAULT_WORKFLOW_TASK_TIMEOUT
        } else {
            default
        };
        WorkflowTask {
            kind,
            attempt,
            scheduled: self.run.history.next_event,
            scheduled_time: self.now,
            original_scheduled_time: original,
            timeout: attempt_timeout(default, attempt),
            sticky: self.run.sticky.as_ref().map(|s| s.queue.clone()),
            schedule_to_start: self
                .run
                .sticky
                .as_ref()
                .map_or(Duration::ZERO, |s| s.schedule_to_start),
            started: None,
            stamp: 0,
        }
    }

    fn scheduled_attributes(&self, task: &WorkflowTask) -> WorkflowTaskScheduledEventAttributes {
        let normal = self.normal_queue();
        let task_queue = match &task.sticky {
            Some(sticky) => TaskQueue {
                name: sticky.to_string(),
                kind: TaskQueueKind::Sticky.into(),
                normal_name: normal,
            },
            None => TaskQueue {
                name: normal,
                kind: TaskQueueKind::Normal.into(),
                ..TaskQueue::default()
            },
        };
        WorkflowTaskScheduledEventAttributes {
            task_queue: Some(task_queue),
            start_to_close_timeout: Some(duration_to_proto(task.timeout)),
            attempt: i32::try_from(task.attempt).unwrap_or(i32::MAX),
        }
    }

    /// The name of the queue that any worker of this workflow polls.
    pub(crate) fn normal_queue(&self) -> String {
        self.run
            .history
            .start
            .task_queue
            .as_ref()
            .map(|q| q.name.clone())
            .unwrap_or_default()
    }

    /// Gives the task to a poller; `None` if it is gone.
    pub(crate) fn start_task(&mut self, claim: &Claim) -> Option<WorkflowTaskReply> {
        let task = self.task()?;
        let meant = (task.scheduled, task.attempt, task.stamp)
            == (claim.task.scheduled, claim.task.attempt, claim.task.stamp);
        if !meant {
            return None;
        }
        if let Some(start) = &task.started {
            return (start.request_id == claim.request_id)
                .then(|| self.task_reply(Sending::Repeated));
        }
        if self.is_moot() {
            self.clear_task();
            return None;
        }
        let sticky = self.run.sticky.as_ref();
        let from_sticky = sticky.is_some_and(|s| s.queue == claim.queue.name);
        if sticky.is_some() && !from_sticky {
            self.record(Record::Sticky(None));
        }
        let request_id = claim.request_id.clone();
        let target = claim.target.as_ref();
        Some(self.start_pending_task(
            request_id,
            &claim.identity,
            from_sticky,
            target,
            Sending::All,
        ))
    }

    /// Gives the first task to the caller who starts the run; `None` if it has to wait, or is not out any more.
    pub(crate) fn start_first_task(&mut self, request: &StartRequest) -> Option<WorkflowTaskReply> {
        if !self.run.history.start.eager_execution_accepted {
            return None;
        }
        let task = self.run.task.as_deref()?;
        match &task.started {
            Some(start) => (task.attempt == 1 && start.request_id == request.request_id)
                .then(|| self.task_reply(Sending::All)),
            None => (task.attempt == 1 && task.scheduled == EventId(2)).then(|| {
                self.start_pending_task(
                    request.request_id.clone(),
                    &request.identity,
                    false,
                    None,
                    Sending::All,
                )
            }),
        }
    }

    /// Starts the pending task. `target` is the version of the workers that new work of its queue goes to.
    fn start_pending_task(
        &mut self,
        request_id: RequestId,
        identity: &str,
        from_sticky: bool,
        target: Option<&Version>,
        sending: Sending,
    ) -> WorkflowTaskReply {
        let mut task = Box::new(self.task().cloned().expect("the caller looked"));
        if task.kind == TaskType::Transient && task.scheduled != self.run.history.next_event {
            task.kind = TaskType::Normal;
            task.attempt = 1;
            task.scheduled = self.write(self.scheduled_attributes(&task));
        }
        let history = &self.run.history;
        let mut start = TaskStart {
            event: EventId(task.scheduled.0 + 1),
            time: self.now,
            request_id,
            identity: identity.to_owned(),
            history_bytes: history.bytes,
            suggestions: self.suggestions(),
            from_sticky,
            target_version_changed: self.run.target_changed(target),
        };
        if task.kind == TaskType::Normal {
            start.event = self.write(self.started_attributes(task.scheduled, &start));
        }
        task.started = Some(start);
        self.set_task(task);
        self.task_reply(sending)
    }

    fn suggestions(&self) -> Vec<Suggestion> {
        let history = &self.run.history;
        let all = [
            (history.bytes >= SUGGEST_CAN_BYTES).then_some(Suggestion::HistorySize),
            (history.last_event().0 >= SUGGEST_CAN_EVENTS).then_some(Suggestion::HistoryEvents),
            self.has_many_updates().then_some(Suggestion::Updates),
        ];
        all.into_iter().flatten().collect()
    }

    fn started_attributes(
        &self,
        scheduled: EventId,
        start: &TaskStart,
    ) -> WorkflowTaskStartedEventAttributes {
        let reasons = start.suggestions.iter().map(|s| s.wire().into());
        WorkflowTaskStartedEventAttributes {
            scheduled_event_id: scheduled.0,
            identity: start.identity.clone(),
            request_id: start.request_id.to_string(),
            history_size_bytes: start.history_bytes,
            suggest_continue_as_new: !start.suggestions.is_empty(),
            suggest_continue_as_new_reasons: reasons.collect(),
            target_worker_deployment_version_changed: start.target_version_changed,
            ..WorkflowTaskStartedEventAttributes::default()
        }
    }

    /// The started task as its poller gets it; the same each time.
    fn task_reply(&mut self, sending: Sending) -> WorkflowTaskReply {
        let task = self.task().cloned().expect("the caller looked");
        let start = task.started.as_ref().expect("the caller looked");
        let history = &self.run.history;
        let first = if start.from_sticky {
            history.previous_started.next()
        } else {
            EventId::FIRST
        };
        let suffix = self.unwritten_events();
        let last = if suffix.is_empty() {
            start.event
        } else {
            EventId(task.scheduled.0 - 1)
        };
        WorkflowTaskReply {
            token: TaskToken {
                kind: TaskKind::Workflow,
                run: self.run_key(),
                scheduled: task.scheduled,
                started: start.event,
                attempt: task.attempt,
                epoch: self.effects.batch.epoch,
                stamp: task.stamp,
            },
            workflow_type: workflow_type(history),
            task_queue: self.normal_queue().into(),
            previous_started: history.previous_started,
            started: start.event,
            attempt: task.attempt,
            scheduled_time: task.scheduled_time,
            started_time: start.time,
            history: EventRange { first, last },
            suffix,
            messages: self.volatile.updates.send(start.event, sending),
            queries: self.attach_queries(),
        }
    }

    /// The two events that a started task would have if it were in the history.
    pub(crate) fn unwritten_events(&self) -> Vec<bytes::Bytes> {
        let Some(task) = self.task() else {
            return Vec::new();
        };
        let (TaskType::Transient | TaskType::Speculative, Some(start)) = (task.kind, &task.started)
        else {
            return Vec::new();
        };
        vec![
            self.synthesise(
                task.scheduled,
                task.scheduled_time,
                self.scheduled_attributes(task),
            ),
            self.synthesise(
                start.event,
                start.time,
                self.started_attributes(task.scheduled, start),
            ),
        ]
    }

    /// Sends the queries that wait along with the started task.
    fn attach_queries(
        &mut self,
    ) -> BTreeMap<String, steadfast_proto::temporal::api::query::v1::WorkflowQuery> {
        let started = self
            .task()
            .and_then(|t| t.started.as_ref())
            .map(|s| s.event);
        let run_id = &self.run.run_id;
        let waiting = self
            .volatile
            .queries
            .iter_mut()
            .filter(|q| q.run_id == *run_id);
        waiting
            .filter(|q| q.sent_with.is_none() || q.sent_with == started)
            .map(|q| {
                q.sent_with = started;
                (q.id.clone(), q.query.clone())
            })
            .collect()
    }

    /// Whether a token names the started task.
    fn holds_task(&self, token: &TaskToken) -> bool {
        self.task().is_some_and(|task| {
            task.scheduled == token.scheduled
                && task.attempt == token.attempt
                && task.stamp == token.stamp
                && task
                    .started
                    .as_ref()
                    .is_some_and(|start| start.event == token.started)
        })
    }

    fn task_not_found() -> Rejection {
        Rejection::NotFound("Workflow task not found.".to_owned())
    }

    /// A worker finished the task.
    // temporal: service/history/api/respondworkflowtaskcompleted/api.go, the order of operations.
    pub(crate) fn complete_task(&mut self, mut request: CompleteWorkflowTask, reply_to: ReplyTo) {
        if !self.run.is_open() || !self.holds_task(&request.token) {
            return self.reply(reply_to, Err(Self::task_not_found()));
        }
        if request.page.more {
            let kept = self.keep_page(request);
            return self.reply(reply_to, kept);
        }
        if let Err(lost) = self.gather_pages(&mut request) {
            return self.reply(reply_to, Err(lost));
        }
        if let Err(rejection) = check_sequence(&request) {
            return self.reply(reply_to, Err(rejection));
        }
        if self.heartbeated_too_long(&request) {
            self.miss_task(Miss::TimedOut(TimeoutType::StartToClose));
            let gone = Rejection::NotFound("workflow task heartbeat timeout".to_owned());
            return self.reply(reply_to, Err(gone));
        }
        let saved = self.save();
        match self.apply_completion(&request) {
            Ok(done) => self.answer_completion(&request, &done, reply_to),
            Err(error) => {
                self.restore(saved);
                self.refuse_completion(&error, &request.identity, reply_to);
            }
        }
    }

    /// Heartbeating tasks keep their first scheduled time; past the bound they end.
    fn heartbeated_too_long(&self, request: &CompleteWorkflowTask) -> bool {
        let Some(task) = self.task() else {
            return false;
        };
        request.is_heartbeat()
            && self.now.since(task.original_scheduled_time) > WORKFLOW_TASK_HEARTBEAT_TIMEOUT
    }

    /// Writes the completion and carries out the commands.
    fn apply_completion(&mut self, request: &CompleteWorkflowTask) -> Result<Done, CommandError> {
        let task = self.task().cloned().expect("the caller looked");
        let reset_to = self
            .leaves_no_trace(&task, request)
            .then_some(self.run.history.previous_started);
        let completed = match reset_to {
            Some(_) => EventId::NONE,
            None => self.write_completion(&task, request),
        };
        self.clear_task();
        if self.run.sticky != request.sticky {
            self.record(Record::Sticky(request.sticky.clone()));
        }
        if self.run.closing_attempted {
            self.record(Record::ClosingAttempted(false));
        }
        let forced = self.carry_out(request, completed)?;
        let goes_on = self.run.run_id == request.token.run.run_id && self.run.is_open();
        let next = if !goes_on {
            None
        } else if request.is_heartbeat() {
            Some(Next::Normal(task.original_scheduled_time))
        } else if forced || !self.run.buffered.is_empty() {
            Some(Next::Normal(self.now))
        } else if !self.volatile.updates.has_pending() {
            None
        } else if request.return_new_task {
            Some(Next::Speculative)
        } else {
            // temporal: one that is not handed over at once would need a second way to a poller.
            Some(Next::Normal(self.now))
        };
        Ok(Done { next, reset_to })
    }

    /// Carries out commands and messages. Returns whether the workflow must be woken for what they caused.
    fn carry_out(
        &mut self,
        request: &CompleteWorkflowTask,
        completed: EventId,
    ) -> Result<bool, CommandError> {
        let mut forced = request.force_new_task;
        let mut left: Vec<_> = request.messages.iter().collect();
        for command in &request.commands {
            let command = command.clone()?;
            if let CommandKind::ProtocolMessage { id } = &command.kind {
                self.take_message(&mut left, id)?;
                continue;
            }
            if command.kind.closes() {
                self.take_last_rejections(&left)?;
            }
            forced |= self.command(command, completed, &request.identity)?;
        }
        if self.run.run_id == request.token.run.run_id && self.run.is_open() {
            self.take_messages(&left)?;
            if !request.force_new_task {
                self.refuse_unprocessed_updates();
            }
        }
        Ok(forced)
    }

    fn write_completion(&mut self, task: &WorkflowTask, request: &CompleteWorkflowTask) -> EventId {
        let start = task.started.as_ref().expect("the caller looked");
        self.write_unwritten(task);
        let deployment = request.deployment.as_ref();
        let version = deployment.and_then(|d| d.version.as_ref());
        self.write(WorkflowTaskCompletedEventAttributes {
            versioning_behavior: request.versioning_behavior.into(),
            worker_deployment_name: deployment.map(|d| d.name.clone()).unwrap_or_default(),
            deployment_version: version.map(Version::to_proto),
            scheduled_event_id: task.scheduled.0,
            started_event_id: start.event.0,
            identity: request.identity.clone(),
            #[expect(deprecated, reason = "deprecated for users, not for SDKs")]
            binary_checksum: request.binary_checksum.clone(),
            sdk_metadata: request.sdk_metadata.clone(),
            #[expect(deprecated, reason = "SDKs read it at replay")]
            worker_version: request.worker_version.clone(),
            ..WorkflowTaskCompletedEventAttributes::default()
        })
    }

    /// Schedules what comes next, answers the worker and the queries.
    fn answer_completion(
        &mut self,
        request: &CompleteWorkflowTask,
        done: &Done,
        reply_to: ReplyTo,
    ) {
        self.answer_queries(request.token.started, &request.query_results);
        match done.next {
            Some(Next::Normal(original)) => self.schedule_task(1, original),
            Some(Next::Speculative) => self.schedule_speculative_task(),
            None => {}
        }
        let mut next_task = None;
        if done.next.is_some() && request.return_new_task && self.task().is_some() {
            let id = RequestId::new("request-from-RespondWorkflowTaskCompleted");
            // temporal: a worker that only asks for more time has its updates still.
            let sending = if request.force_new_task {
                Sending::New
            } else {
                Sending::All
            };
            let mut reply = self.start_pending_task(id, &request.identity, true, None, sending);
            reply.history.first = self.run.history.previous_started.next();
            next_task = Some(Box::new(reply));
        }
        let same_run = self.run.run_id == request.token.run.run_id;
        let activities = if same_run {
            self.start_eager(&request.identity)
        } else {
            Vec::new()
        };
        let reply = Reply::WorkflowTaskCompleted {
            next: next_task,
            activities,
            reset_to: done.reset_to,
        };
        self.reply(reply_to, Ok(reply));
        self.release_queries();
    }

    /// Hands out the answers that came with a completion.
    fn answer_queries(
        &mut self,
        started: EventId,
        results: &BTreeMap<String, WorkflowQueryResult>,
    ) {
        let run_id = self.run.run_id.clone();
        let (answered, waiting): (Vec<_>, Vec<_>) = std::mem::take(&mut self.volatile.queries)
            .into_iter()
            .partition(|q| {
                q.run_id == run_id && q.sent_with == Some(started) && results.contains_key(&q.id)
            });
        self.volatile.queries = waiting;
        for query in &mut self.volatile.queries {
            query.sent_with = None;
        }
        for query in answered {
            self.reply(query.reply_to, query_answer(&results[&query.id]));
        }
    }

    /// A completion that breaks a rule: the first attempt fails for all to see, a further one just runs out.
    fn refuse_completion(&mut self, error: &CommandError, identity: &str, reply_to: ReplyTo) {
        let name = short_cause(error.cause);
        let message = if error.detail.is_empty() {
            name
        } else {
            format!("{name}: {}", error.detail)
        };
        self.abort_sent_updates();
        let attempt = self.task().map_or(1, |task| task.attempt);
        let unhandled = error.cause == WorkflowTaskFailedCause::UnhandledCommand;
        if attempt == 1 || unhandled {
            let failure = if unhandled {
                // What the workflow did not know of is no mistake: it may try again.
                Failure::of(message.clone(), ServerFailureInfo::default())
            } else {
                Failure::server(message.clone(), true)
            };
            self.miss_task(Miss::Failed {
                cause: error.cause,
                failure: Some(&failure),
                identity,
            });
            if unhandled {
                self.record(Record::ClosingAttempted(true));
            }
        }
        self.reply(reply_to, Err(Rejection::InvalidArgument(message)));
    }

    /// A worker could not finish the task.
    pub(crate) fn fail_task(&mut self, request: &FailWorkflowTask, reply_to: ReplyTo) {
        if !self.run.is_open() || !self.holds_task(&request.token) {
            return self.reply(reply_to, Err(Self::task_not_found()));
        }
        self.miss_task(Miss::Failed {
            cause: request.cause,
            failure: request.failure.as_ref(),
            identity: &request.identity,
        });
        self.reply(reply_to, Ok(Reply::Done));
    }

    /// The task took too long to be started or finished.
    pub(crate) fn time_out_task(&mut self, timeout: TimeoutType) {
        self.miss_task(Miss::TimedOut(timeout));
    }

    /// More is buffered than may be: the started task fails, so that the buffer becomes history.
    pub(crate) fn force_task_failure(&mut self) {
        self.miss_task(Miss::Failed {
            cause: WorkflowTaskFailedCause::ForceCloseCommand,
            failure: None,
            identity: "history-service",
        });
    }

    /// The run is paused before anybody has started the task: it is not offered any more.
    pub(crate) fn miss_task_for_pause(&mut self) {
        let task = self.task().cloned().expect("the caller looked");
        if task.kind == TaskType::Normal {
            let miss = Miss::Failed {
                cause: WorkflowTaskFailedCause::WorkflowPauseRequestedBeforeTaskStarted,
                failure: None,
                identity: "history-service",
            };
            self.write_miss(&task, miss);
        }
        self.clear_task();
    }

    /// Ends the attempt and schedules the next one.
    fn miss_task(&mut self, miss: Miss<'_>) {
        let mut task = self.task().cloned().expect("the caller looked");
        if task.kind == TaskType::Speculative {
            self.write_unwritten(&task);
            task.kind = TaskType::Normal;
        }
        if task.kind == TaskType::Normal {
            self.write_miss(&task, miss);
        }
        for query in &mut self.volatile.queries {
            query.sent_with = None;
        }
        self.clear_task();
        let was_sticky = self.run.sticky.is_some();
        if was_sticky {
            self.record(Record::Sticky(None));
        }
        let never_started = miss == Miss::TimedOut(TimeoutType::ScheduleToStart);
        let attempt = if was_sticky || never_started {
            1
        } else {
            task.attempt.saturating_add(1)
        };
        self.schedule_task(attempt, self.now);
    }

    fn write_miss(&mut self, task: &WorkflowTask, miss: Miss<'_>) {
        let started = task.started.as_ref().map_or(0, |start| start.event.0);
        match miss {
            Miss::Failed {
                cause,
                failure,
                identity,
            } => {
                self.write(WorkflowTaskFailedEventAttributes {
                    scheduled_event_id: task.scheduled.0,
                    started_event_id: started,
                    cause: cause.into(),
                    failure: failure.cloned(),
                    identity: identity.to_owned(),
                    ..WorkflowTaskFailedEventAttributes::default()
                });
            }
            Miss::TimedOut(timeout) => {
                self.write(WorkflowTaskTimedOutEventAttributes {
                    scheduled_event_id: task.scheduled.0,
                    started_event_id: started,
                    timeout_type: timeout.into(),
                });
            }
        }
    }

    /// Ends a started task because the run is about to be closed from outside.
    // temporal: a transient task leaves no trace, nor does a speculative one that nobody has.
    pub(crate) fn abort_task_for_close(&mut self) {
        let Some(task) = self.task().cloned() else {
            return;
        };
        if task.started.is_some() && task.kind != TaskType::Transient {
            if task.kind == TaskType::Speculative {
                self.write_unwritten(&task);
            }
            self.write_miss(
                &task,
                Miss::Failed {
                    cause: WorkflowTaskFailedCause::ForceCloseCommand,
                    failure: None,
                    identity: "history-service",
                },
            );
        }
        self.clear_task();
        self.flush();
    }

    /// Forgets which worker has the run in its cache; a task that waits for it goes to the normal queue.
    pub(crate) fn reset_stickiness(&mut self) {
        if self.run.sticky.is_some() {
            self.record(Record::Sticky(None));
        }
        let waiting = self
            .task()
            .cloned()
            .filter(|t| t.started.is_none() && t.sticky.is_some());
        if let Some(mut task) = waiting {
            task.sticky = None;
            task.schedule_to_start = if task.kind == TaskType::Speculative {
                SPECULATIVE_SCHEDULE_TO_START
            } else {
                Duration::ZERO
            };
            self.set_task(Box::new(task));
        }
    }

    /// The task as matching knows it, if it waits for a poller.
    pub(crate) fn waiting_task(&self) -> Option<(TaskRef, Option<StickyRequest>)> {
        let task = self.task().filter(|task| task.started.is_none())?;
        let reference = TaskRef {
            kind: TaskKind::Workflow,
            run: self.run_key(),
            scheduled: task.scheduled,
            attempt: task.attempt,
            stamp: task.stamp,
        };
        let sticky = task.sticky.clone().map(|queue| StickyRequest {
            queue,
            schedule_to_start: task.schedule_to_start,
        });
        Some((reference, sticky))
    }

    /// The shard's epoch, for tokens.
    pub(crate) fn epoch(&self) -> Epoch {
        self.effects.batch.epoch
    }
}

/// Nothing may come after a command that closes the run.
fn check_sequence(request: &CompleteWorkflowTask) -> Result<(), Rejection> {
    let closes = |c: &Result<crate::command::Command, _>| {
        c.as_ref()
            .is_ok_and(|command: &crate::command::Command| command.kind.closes())
    };
    match request.commands.iter().position(closes) {
        Some(index) if index + 1 < request.commands.len() => Err(Rejection::InvalidArgument(
            "invalid command sequence: a command that closes the workflow must be the last"
                .to_owned(),
        )),
        Some(_) | None => Ok(()),
    }
}

/// What a worker said to a query, as the caller gets it.
pub(crate) fn query_answer(result: &WorkflowQueryResult) -> Result<Reply, Rejection> {
    match result.result_type() {
        QueryResultType::Answered => Ok(Reply::Query(result.answer.clone())),
        QueryResultType::Failed | QueryResultType::Unspecified => Err(Rejection::QueryFailed {
            message: result.error_message.clone(),
            failure: result.failure.clone().map(Box::new),
        }),
    }
}

/// The name of the workflow's code.
pub(crate) fn workflow_type(history: &crate::history::HistoryState) -> String {
    history
        .start
        .workflow_type
        .as_ref()
        .map(|t| t.name.clone())
        .unwrap_or_default()
}

/// Temporal's camel-case name of a cause, as its error messages have it.
fn short_cause(cause: WorkflowTaskFailedCause) -> String {
    cause
        .as_str_name()
        .trim_start_matches("WORKFLOW_TASK_FAILED_CAUSE_")
        .split('_')
        .map(|word| {
            let (first, rest) = word.split_at(1);
            format!("{first}{}", rest.to_lowercase())
        })
        .collect()
}
