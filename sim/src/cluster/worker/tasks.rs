//! Workflow tasks and query tasks: history in, commands out.

use std::collections::BTreeMap;

use steadfast_core::{ExecutionKey, Rejection, RunKey};
use steadfast_proto::temporal::api::{
    enums::v1::QueryResultType,
    failure::v1::Failure,
    history::v1::HistoryEvent,
    query::v1::{WorkflowQuery, WorkflowQueryResult},
    taskqueue::v1::StickyExecutionAttributes,
    workflowservice::v1::{
        GetWorkflowExecutionHistoryRequest, PollWorkflowTaskQueueResponse,
        RespondQueryTaskCompletedRequest, RespondWorkflowTaskCompletedRequest,
        RespondWorkflowTaskFailedRequest, respond_workflow_task_completed_request::Capabilities,
    },
};
use steadfast_replay::{CachedRun, Completion, RunInit, Task, TaskOutcome};

use super::{
    About, WorkerNode,
    cache::RunId,
    locals::{InHand, Work},
};
use crate::{
    cluster::{
        client::query_id,
        observe::Observation,
        weather::TASK_POINT,
        wire::{Answer, Rpc, Wire},
    },
    kernel::{Ctx, Time},
    scenario::ClusterFault,
};

/// A task whose history is being fetched.
#[derive(Debug)]
pub(super) struct Fetch {
    task: PollWorkflowTaskQueueResponse,
    events: Vec<HistoryEvent>,
    /// Whether the task came without the beginning of the history, which is being fetched now.
    whole: bool,
    /// When the task came, by the node's monotonic clock.
    since: Time,
}

/// How long a task may wait in a worker's own queue. temporal: sdk-core's default.
const STICKY_SECONDS: i64 = 10;

impl WorkerNode {
    /// A task has come, or an empty answer.
    pub(super) fn workflow_task(
        &mut self,
        ctx: &mut Ctx<'_, Wire>,
        mut task: PollWorkflowTaskQueueResponse,
    ) {
        if task.task_token.is_empty() {
            return;
        }
        let events = task.history.take().unwrap_or_default().events;
        let pages = !task.next_page_token.is_empty();
        let whole = events.first().is_some_and(|first| first.event_id == 1);
        let fetch = Fetch {
            task,
            events,
            whole,
            since: ctx.monotonic(),
        };
        if pages {
            self.fetch(ctx, fetch);
        } else {
            self.work(ctx, fetch);
        }
    }

    /// Asks for the next page.
    fn fetch(&mut self, ctx: &mut Ctx<'_, Wire>, mut fetch: Fetch) {
        let token = std::mem::take(&mut fetch.task.next_page_token);
        let topology = self.config.topology.borrow();
        let execution = fetch.task.workflow_execution.clone().unwrap_or_default();
        let to = topology.engine_of(&execution.workflow_id);
        let rpc = Rpc::History(GetWorkflowExecutionHistoryRequest {
            namespace: topology.namespace.clone(),
            execution: Some(execution),
            next_page_token: token,
            ..GetWorkflowExecutionHistoryRequest::default()
        });
        drop(topology);
        self.fetching += 1;
        self.caller
            .call(ctx, to, rpc, About::Fetch(Box::new(fetch)));
    }

    /// A page has come.
    pub(super) fn fetched(
        &mut self,
        ctx: &mut Ctx<'_, Wire>,
        mut fetch: Fetch,
        answer: Result<Answer, Rejection>,
    ) {
        self.fetching -= 1;
        // A run that is gone needs no answer: the engine has given the task up.
        let Ok(Answer::History(page)) = answer else {
            return;
        };
        fetch.events.extend(page.history.unwrap_or_default().events);
        fetch.task.next_page_token = page.next_page_token;
        if fetch.task.next_page_token.is_empty() {
            self.work(ctx, fetch);
        } else {
            self.fetch(ctx, fetch);
        }
    }

    fn work(&mut self, ctx: &mut Ctx<'_, Wire>, fetch: Fetch) {
        let Fetch {
            task,
            mut events,
            whole,
            since,
        } = fetch;
        if task.started_event_id > 0 {
            // History that was fetched may have gone on since the task was started.
            events.retain(|event| event.event_id <= task.started_event_id);
        }
        let execution = task.workflow_execution.clone().unwrap_or_default();
        let id = (execution.workflow_id, execution.run_id);
        let (eviction, weather) = (ClusterFault::CacheEviction, &self.config.weather);
        if weather.strikes_at(ctx, eviction, TASK_POINT) {
            self.cache.remove(&id);
            self.forget_locals(ctx, &id);
        }
        let Some(mut work) = self.begin(ctx, &id, &task, &events) else {
            return;
        };
        let settled = work.is_settled();
        let outcome = work.run.task(Task {
            events: &events,
            previous_started_event_id: task.previous_started_event_id,
            started_event_id: task.started_event_id,
            attempt: task.attempt,
            queries: queries(&task),
            query: task.query.clone(),
            messages: task.messages.clone(),
        });
        if matches!(outcome, TaskOutcome::NeedsFullHistory) {
            self.abandon(ctx, work);
            if !whole {
                let fetch = Fetch {
                    task,
                    events: Vec::new(),
                    whole: true,
                    since,
                };
                self.fetch(ctx, fetch);
            }
            // Else the history has a gap: the engine will time the task out and send all of it.
            return;
        }
        if task.query.is_none() && settled {
            self.see_decision(ctx, &id, &task, &work.run, &outcome);
        }
        self.worked(ctx, &id, work, InHand { task, since }, outcome);
        self.go_on(ctx, &id);
    }

    /// The run that a task is for: from among those that wait for it, from the cache, or a new one.
    fn begin(
        &mut self,
        ctx: &mut Ctx<'_, Wire>,
        id: &RunId,
        task: &PollWorkflowTaskQueueResponse,
        events: &[HistoryEvent],
    ) -> Option<Work> {
        if self.locals.holds(id) && task.query.is_none() {
            let starts_over = events.first().is_some_and(|first| first.event_id == 1);
            if !starts_over && let Some(work) = self.locals.take(id) {
                return Some(work);
            }
            // The engine has given up what this worker still has of the run.
            self.forget_locals(ctx, id);
        }
        self.cached(id, task).map(Work::new)
    }

    /// Does what the code has come to.
    pub(super) fn worked(
        &mut self,
        ctx: &mut Ctx<'_, Wire>,
        id: &RunId,
        work: Work,
        in_hand: InHand,
        outcome: TaskOutcome,
    ) {
        match outcome {
            TaskOutcome::Completed(completion) => {
                self.completed(ctx, id, in_hand.task, work, completion);
            }
            TaskOutcome::LocalActivities(calls) => {
                self.hold(ctx, id.clone(), work, in_hand);
                self.carry_out(ctx, id, calls);
            }
            TaskOutcome::Failed {
                cause,
                failure,
                nondeterminism,
            } => {
                let task = in_hand.task;
                if let Some(what) = nondeterminism
                    && self.build == self.config.last_build
                {
                    self.see_nondeterminism(ctx, id, &what.to_string());
                }
                if let Some(query) = &task.query {
                    let result = failed_query(&failure.message);
                    let upto = work.run.last_event_id();
                    self.answer_query(ctx, id, &task, query, result, upto);
                } else if task.attempt <= 1 {
                    self.fail_task(ctx, id, &task, cause.into(), *failure);
                }
                // A further attempt is left to time out, so that a broken build does not spin.
                self.abandon(ctx, work);
            }
            TaskOutcome::NeedsFullHistory => {
                self.abandon(ctx, work);
            }
        }
    }

    /// The engine did not take a completion: what this worker has of the run has gone further than the history.
    pub(super) fn completion_refused(&mut self, ctx: &mut Ctx<'_, Wire>, id: &RunId) {
        self.cache.remove(id);
        if self.locals.is_between_tasks(id) {
            self.forget_locals(ctx, id);
        }
    }

    fn cached(
        &mut self,
        id: &RunId,
        task: &PollWorkflowTaskQueueResponse,
    ) -> Option<Box<CachedRun>> {
        // Whether an unanswered completion was taken, or told to be forgotten, is not known: the history will say.
        if task.query.is_none() && self.unanswered.remove(id) {
            self.cache.remove(id);
        }
        if let Some(run) = self.cache.take(id) {
            return Some(run);
        }
        let queue = task.workflow_execution_task_queue.as_ref();
        let init = RunInit {
            namespace: self.config.topology.borrow().namespace.clone(),
            workflow_id: id.0.clone(),
            run_id: id.1.clone(),
            workflow_type: task
                .workflow_type
                .as_ref()
                .map_or_else(String::new, |t| t.name.clone()),
            task_queue: queue.map_or_else(String::new, |queue| queue.name.clone()),
            eager_activities: false,
        };
        let registry = &self.config.builds[self.build];
        CachedRun::new(registry, init).ok().map(Box::new)
    }

    fn completed(
        &mut self,
        ctx: &mut Ctx<'_, Wire>,
        id: &RunId,
        task: PollWorkflowTaskQueueResponse,
        work: Work,
        completion: Completion,
    ) {
        let upto = work.run.last_event_id();
        if let (Some(query), Some(result)) = (&task.query, completion.query) {
            self.answer_query(ctx, id, &task, query, result, upto);
            if !self.locals.holds(id) {
                self.cache.keep(id.clone(), work.run);
            }
            return;
        }
        let key = self.run_key(id);
        for query in task.queries.values() {
            self.see_query(ctx, &key, query, upto);
        }
        let queue = task
            .workflow_execution_task_queue
            .as_ref()
            .map_or("", |q| q.name.as_str());
        let sticky = (self.config.cache > 0).then(|| StickyExecutionAttributes {
            worker_task_queue: Some(self.sticky_queue(queue)),
            schedule_to_start_timeout: Some(prost_types::Duration {
                seconds: STICKY_SECONDS,
                nanos: 0,
            }),
        });
        let topology = self.config.topology.borrow();
        let to = topology.engine_of(&id.0);
        let rpc = Rpc::CompleteWorkflowTask(RespondWorkflowTaskCompletedRequest {
            task_token: task.task_token,
            commands: completion.commands,
            messages: completion.messages,
            capabilities: Some(Capabilities {
                discard_speculative_workflow_task_with_events: true,
            }),
            identity: self.identity.clone(),
            sticky_attributes: sticky,
            return_new_workflow_task: true,
            force_create_new_workflow_task: completion.force_create_new_workflow_task,
            query_results: completion.query_results,
            namespace: topology.namespace.clone(),
            sdk_metadata: completion.sdk_metadata,
            ..RespondWorkflowTaskCompletedRequest::default()
        });
        drop(topology);
        self.hold_between_tasks(id.clone(), work);
        self.carry_out(ctx, id, completion.local_activities);
        if !completion.force_create_new_workflow_task
            && let Some(work) = self.locals.take(id)
        {
            let run = self.abandon(ctx, work);
            self.cache.keep(id.clone(), run);
        }
        self.unanswered.insert(id.clone());
        self.caller
            .call(ctx, to, rpc, About::Completion(id.clone()));
    }

    /// Tells the checkers what the code has decided from this history alone. What it decides while local activities are
    /// under way, and after they have ended, shows when a later task, or the whole history, is replayed with their
    /// markers.
    fn see_decision(
        &self,
        ctx: &Ctx<'_, Wire>,
        id: &RunId,
        task: &PollWorkflowTaskQueueResponse,
        run: &CachedRun,
        outcome: &TaskOutcome,
    ) {
        if let TaskOutcome::Completed(_) | TaskOutcome::LocalActivities(_) = outcome {
            let seen = Observation::TaskDone {
                run: &self.run_key(id),
                started: task.started_event_id,
                digest: run.digest(),
                build: self.build,
                messages: &task.messages,
            };
            self.config.watch.see(ctx.true_time(), &seen);
        }
    }

    fn fail_task(
        &mut self,
        ctx: &mut Ctx<'_, Wire>,
        id: &RunId,
        task: &PollWorkflowTaskQueueResponse,
        cause: i32,
        failure: Failure,
    ) {
        let topology = self.config.topology.borrow();
        let to = topology.engine_of(&id.0);
        let rpc = Rpc::FailWorkflowTask(RespondWorkflowTaskFailedRequest {
            task_token: task.task_token.clone(),
            cause,
            failure: Some(failure),
            identity: self.identity.clone(),
            namespace: topology.namespace.clone(),
            ..RespondWorkflowTaskFailedRequest::default()
        });
        drop(topology);
        self.caller.call(ctx, to, rpc, About::Report);
    }

    fn answer_query(
        &mut self,
        ctx: &mut Ctx<'_, Wire>,
        id: &RunId,
        task: &PollWorkflowTaskQueueResponse,
        query: &WorkflowQuery,
        result: WorkflowQueryResult,
        upto: i64,
    ) {
        let key = self.run_key(id);
        self.see_query(ctx, &key, query, upto);
        let topology = self.config.topology.borrow();
        let to = topology.matching();
        let rpc = Rpc::CompleteQueryTask(RespondQueryTaskCompletedRequest {
            task_token: task.task_token.clone(),
            completed_type: result.result_type,
            query_result: result.answer,
            error_message: result.error_message,
            namespace: topology.namespace.clone(),
            failure: result.failure,
            ..RespondQueryTaskCompletedRequest::default()
        });
        drop(topology);
        self.caller.call(ctx, to, rpc, About::Report);
    }

    fn see_query(&self, ctx: &Ctx<'_, Wire>, run: &RunKey, query: &WorkflowQuery, upto: i64) {
        if let Some(id) = query_id(query) {
            let seen = Observation::QuerySeen { id, run, upto };
            self.config.watch.see(ctx.true_time(), &seen);
        }
    }

    fn see_nondeterminism(&self, ctx: &Ctx<'_, Wire>, id: &RunId, what: &str) {
        let run = self.run_key(id);
        let seen = Observation::Nondeterminism { run: &run, what };
        self.config.watch.see(ctx.true_time(), &seen);
    }

    fn run_key(&self, id: &RunId) -> RunKey {
        let namespace = self.config.topology.borrow().namespace.clone();
        RunKey {
            execution: ExecutionKey::new(namespace, id.0.as_str()),
            run_id: id.1.as_str().into(),
        }
    }
}

fn queries(task: &PollWorkflowTaskQueueResponse) -> BTreeMap<String, WorkflowQuery> {
    task.queries.clone()
}

fn failed_query(message: &str) -> WorkflowQueryResult {
    WorkflowQueryResult {
        result_type: QueryResultType::Failed.into(),
        error_message: message.to_owned(),
        ..WorkflowQueryResult::default()
    }
}
