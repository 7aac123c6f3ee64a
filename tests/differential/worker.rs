//! A worker as the official SDK's: two queues, a cache, and how it answers.

use std::collections::BTreeMap;

use bytes::Bytes;
use steadfast_core::{
    Reply, ReplyTo,
    effect::{ActivityTaskReply, QueryTaskReply, WorkflowTaskReply},
    limits::LONG_POLL,
    parse, render,
};
use steadfast_proto::temporal::api::{
    common::v1::WorkerVersionStamp,
    enums::v1::{QueryResultType, TaskQueueKind, WorkflowTaskFailedCause},
    failure::v1::Failure,
    query::v1::WorkflowQueryResult,
    taskqueue::v1::{StickyExecutionAttributes, TaskQueue},
    workflowservice::v1::{
        PollActivityTaskQueueRequest, PollWorkflowTaskQueueRequest, PollWorkflowTaskQueueResponse,
        RespondQueryTaskCompletedRequest, RespondWorkflowTaskCompletedRequest,
        RespondWorkflowTaskFailedRequest, ShutdownWorkerRequest,
    },
};
use steadfast_replay::{
    CachedRun, Completion, LocalActivityCall, LocalActivityResult, Registry, RunInit, Task,
    TaskOutcome,
};

use crate::{
    builds,
    client::NAMESPACE,
    lab::{Call, Lab},
    recipe::Build,
};

/// Workflow id and run id, as the wire has them.
pub(crate) type RunName = (String, String);

/// How long a task may wait in the worker's own queue. Everything else is the SDK's default.
const STICKY_SECONDS: i64 = 3;

/// What a worker polls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Poll {
    Workflows,
    Sticky,
    Activities,
}

pub(crate) struct Worker {
    pub(crate) identity: String,
    build_id: String,
    sticky: String,
    registry: Registry,
    polls: BTreeMap<Poll, ReplyTo>,
    cache: BTreeMap<RunName, CachedRun>,
    /// Tasks that wait for local activities.
    parked: BTreeMap<RunName, (PollWorkflowTaskQueueResponse, CachedRun)>,
}

impl Worker {
    pub(crate) fn new(queue: &str, build: Build, number: u32) -> Self {
        let identity = format!("worker of {queue}");
        Self {
            sticky: format!("{identity}-{number:032x}"),
            identity,
            build_id: format!("{}-{number}", build.name()),
            registry: builds::registry(build),
            polls: BTreeMap::new(),
            cache: BTreeMap::new(),
            parked: BTreeMap::new(),
        }
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.parked.is_empty()
    }

    fn queue(&self, normal: &str, poll: Poll) -> Option<TaskQueue> {
        Some(match poll {
            Poll::Workflows | Poll::Activities => TaskQueue {
                name: normal.to_owned(),
                kind: TaskQueueKind::Normal.into(),
                ..TaskQueue::default()
            },
            Poll::Sticky => TaskQueue {
                name: self.sticky.clone(),
                kind: TaskQueueKind::Sticky.into(),
                normal_name: normal.to_owned(),
            },
        })
    }
}

impl Lab<'_> {
    /// Polls wherever no poll is out.
    pub(crate) fn poll(&mut self) -> bool {
        let mut progress = false;
        for number in self.workers.keys().copied().collect::<Vec<_>>() {
            for poll in [Poll::Workflows, Poll::Sticky, Poll::Activities] {
                if !self.workers[&number].polls.contains_key(&poll) {
                    self.poll_one(number, poll);
                    progress = true;
                }
            }
        }
        progress
    }

    fn poll_one(&mut self, number: u32, poll: Poll) {
        let worker = &self.workers[&number];
        let task_queue = worker.queue(&self.case.name, poll);
        let identity = worker.identity.clone();
        let namespace = NAMESPACE.to_owned();
        let reply_to = self.engine.ask_matching(|reply_to| match poll {
            Poll::Workflows | Poll::Sticky => {
                let request = PollWorkflowTaskQueueRequest {
                    namespace,
                    task_queue,
                    identity,
                    ..PollWorkflowTaskQueueRequest::default()
                };
                parse::poll_workflow(request, reply_to, LONG_POLL)
            }
            Poll::Activities => {
                let request = PollActivityTaskQueueRequest {
                    namespace,
                    task_queue,
                    identity,
                    ..PollActivityTaskQueueRequest::default()
                };
                parse::poll_activity(request, reply_to, LONG_POLL)
            }
        });
        self.worker(number).polls.insert(poll, reply_to);
        self.calls.insert(reply_to, Call::Poll(number, poll));
    }

    fn worker(&mut self, number: u32) -> &mut Worker {
        self.workers.get_mut(&number).expect("a worker that lives")
    }

    /// The process dies.
    pub(crate) fn kill(&mut self, number: u32) {
        let worker = self.workers.remove(&number).expect("a worker that lives");
        for reply_to in worker.polls.into_values() {
            self.calls.remove(&reply_to);
            self.engine.abandon(reply_to);
        }
        self.activities
            .retain(|_, activity| activity.worker != number);
    }

    /// The worker ends in good order.
    pub(crate) fn stop(&mut self, number: u32) {
        let worker = &self.workers[&number];
        assert!(
            worker.is_idle(),
            "a workflow task waits for local activities"
        );
        let request = ShutdownWorkerRequest {
            namespace: NAMESPACE.to_owned(),
            sticky_task_queue: worker.sticky.clone(),
            identity: worker.identity.clone(),
            task_queue: self.case.name.clone(),
            ..ShutdownWorkerRequest::default()
        };
        self.kill(number);
        let reply_to = self
            .engine
            .ask_matching(|to| parse::shutdown_worker(&request, to));
        self.calls.insert(reply_to, Call::Report);
    }

    /// A poll was answered.
    pub(crate) fn polled(&mut self, number: u32, poll: Poll, reply: Reply) {
        self.worker(number).polls.remove(&poll);
        match reply {
            Reply::WorkflowTask(task) => {
                let task = self.render(*task);
                self.work(number, task);
            }
            Reply::QueryTask(task) => self.work_query(number, *task),
            Reply::ActivityTask(task) => self.work_activity(number, *task),
            Reply::NoTask => {}
            other => panic!("no answer to a poll: {other:?}"),
        }
    }

    fn render(&self, task: WorkflowTaskReply) -> PollWorkflowTaskQueueResponse {
        let run = &task.token.run;
        let id = run.execution.workflow_id.as_str();
        let events = self.engine.events(id, &run.run_id, task.history);
        render::workflow_task(task, events, Bytes::new())
    }

    fn work_query(&mut self, number: u32, task: QueryTaskReply) {
        let id = task.run.execution.workflow_id.as_str();
        let events = self.engine.events(id, &task.run.run_id, task.history);
        let task = render::query_task(task, events, Bytes::new());
        self.work(number, task);
    }

    fn work_activity(&mut self, number: u32, task: ActivityTaskReply) {
        self.start_activity(number, render::activity_task(task));
    }

    /// Works a workflow task.
    fn work(&mut self, number: u32, mut task: PollWorkflowTaskQueueResponse) {
        let execution = task.workflow_execution.clone().unwrap_or_default();
        let name = (execution.workflow_id, execution.run_id);
        let worker = self.worker(number);
        let mut run = worker.cache.remove(&name).unwrap_or_else(|| {
            let init = RunInit {
                namespace: NAMESPACE.to_owned(),
                workflow_id: name.0.clone(),
                run_id: name.1.clone(),
                workflow_type: task.workflow_type.clone().unwrap_or_default().name,
                task_queue: task
                    .workflow_execution_task_queue
                    .clone()
                    .unwrap_or_default()
                    .name,
                eager_activities: false,
            };
            CachedRun::new(&worker.registry, init).expect("a registered workflow")
        });
        let events = task.history.take().unwrap_or_default().events;
        let outcome = run.task(Task {
            events: &events,
            previous_started_event_id: task.previous_started_event_id,
            started_event_id: task.started_event_id,
            attempt: task.attempt,
            queries: std::mem::take(&mut task.queries),
            query: task.query.clone(),
            messages: Vec::new(),
        });
        self.worked(number, name, (task, run), outcome);
    }

    /// A local activity ended: its workflow task goes on.
    pub(crate) fn local_ended(&mut self, number: u32, name: RunName, result: LocalActivityResult) {
        // If the task was given up meanwhile, nobody wants to know.
        if let Some((task, mut run)) = self.worker(number).parked.remove(&name) {
            let outcome = run.resolve_local(result);
            self.worked(number, name, (task, run), outcome);
        }
    }

    fn worked(
        &mut self,
        number: u32,
        name: RunName,
        (task, run): (PollWorkflowTaskQueueResponse, CachedRun),
        outcome: TaskOutcome,
    ) {
        match outcome {
            TaskOutcome::Completed(completion) => match (&task.query, completion.query) {
                (Some(_), Some(result)) => {
                    self.answer_query(&task, result);
                    self.worker(number).cache.insert(name, run);
                }
                (_, query) => {
                    let completion = Completion {
                        query,
                        ..completion
                    };
                    self.complete(number, name.clone(), task, completion);
                    self.worker(number).cache.insert(name, run);
                }
            },
            TaskOutcome::Failed { cause, failure, .. } => {
                if task.query.is_some() {
                    self.answer_query(&task, failed_query(&failure));
                } else if task.attempt <= 1 {
                    self.fail(number, &task, cause, *failure);
                }
                // The SDK leaves further attempts to time out.
            }
            TaskOutcome::LocalActivities(calls) => {
                self.worker(number).parked.insert(name.clone(), (task, run));
                for call in calls {
                    match call {
                        LocalActivityCall::Start(activity) => {
                            self.start_local(number, name.clone(), *activity, None);
                        }
                        LocalActivityCall::Cancel { .. } => {
                            panic!("no case cancels a local activity")
                        }
                    }
                }
            }
            TaskOutcome::NeedsFullHistory => panic!("{name:?}: a gap in the history"),
        }
    }

    fn complete(
        &mut self,
        number: u32,
        name: RunName,
        task: PollWorkflowTaskQueueResponse,
        completion: Completion,
    ) {
        let worker = &self.workers[&number];
        let sticky = StickyExecutionAttributes {
            worker_task_queue: worker.queue(&self.case.name, Poll::Sticky),
            schedule_to_start_timeout: Some(prost_types::Duration {
                seconds: STICKY_SECONDS,
                nanos: 0,
            }),
        };
        #[expect(deprecated, reason = "the official SDK still sends it")]
        let request = RespondWorkflowTaskCompletedRequest {
            task_token: task.task_token,
            commands: completion.commands,
            identity: worker.identity.clone(),
            sticky_attributes: Some(sticky),
            return_new_workflow_task: true,
            force_create_new_workflow_task: completion.force_create_new_workflow_task,
            worker_version_stamp: Some(WorkerVersionStamp {
                build_id: worker.build_id.clone(),
                ..WorkerVersionStamp::default()
            }),
            query_results: completion.query_results,
            namespace: NAMESPACE.to_owned(),
            sdk_metadata: completion.sdk_metadata,
            ..RespondWorkflowTaskCompletedRequest::default()
        };
        let reply_to = self.engine.request(parse::workflow_task_completed(request));
        self.calls.insert(reply_to, Call::Completion(number, name));
    }

    /// The engine took a completion and perhaps has more to do.
    pub(crate) fn completed(&mut self, number: u32, reply: Reply) {
        let Reply::WorkflowTaskCompleted {
            next, activities, ..
        } = reply
        else {
            panic!("no answer to a completion: {reply:?}")
        };
        assert!(activities.is_empty(), "nobody asked for eager activities");
        if let Some(task) = next {
            let task = self.render(*task);
            self.work(number, task);
        }
    }

    /// The engine did not take a completion: what is cached has gone too far.
    pub(crate) fn refused(&mut self, number: u32, name: &RunName) {
        self.worker(number).cache.remove(name);
    }

    fn fail(
        &mut self,
        number: u32,
        task: &PollWorkflowTaskQueueResponse,
        cause: WorkflowTaskFailedCause,
        failure: Failure,
    ) {
        let request = RespondWorkflowTaskFailedRequest {
            task_token: task.task_token.clone(),
            cause: cause.into(),
            failure: Some(failure),
            identity: self.workers[&number].identity.clone(),
            namespace: NAMESPACE.to_owned(),
            ..RespondWorkflowTaskFailedRequest::default()
        };
        let reply_to = self.engine.request(parse::workflow_task_failed(request));
        self.calls.insert(reply_to, Call::Report);
    }

    fn answer_query(&mut self, task: &PollWorkflowTaskQueueResponse, result: WorkflowQueryResult) {
        let request = RespondQueryTaskCompletedRequest {
            task_token: task.task_token.clone(),
            completed_type: result.result_type,
            query_result: result.answer,
            error_message: result.error_message,
            namespace: NAMESPACE.to_owned(),
            failure: result.failure,
            ..RespondQueryTaskCompletedRequest::default()
        };
        let reply_to = self
            .engine
            .ask_matching(|to| parse::query_completed(request, to));
        self.calls.insert(reply_to, Call::Report);
    }
}

fn failed_query(failure: &Failure) -> WorkflowQueryResult {
    WorkflowQueryResult {
        result_type: QueryResultType::Failed.into(),
        error_message: failure.message.clone(),
        ..WorkflowQueryResult::default()
    }
}
