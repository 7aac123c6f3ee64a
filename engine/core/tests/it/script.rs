//! The scripts' language, one thing that happens a line. `#` begins a comment.
//!
//! ```text
//! start W [eager|callback] [request=ID] [reuse=failed-only|reject] [conflict=use|terminate] [run=10s] [execution=1m]
//!         [override=HOW:BUILD]
//!         [delay=5s] [cron=EXPR_WITH_UNDERSCORES] [retry=1s*3]
//! signal W NAME [request=ID]      signal-with-start W NAME        cancel W        terminate W
//! batch start J cancel|terminate|delete|signal|reset-first|reset-last W … [rate=0.5]    batch describe|stop J
//! operator pause|unpause|reset|options W A [attempts] [keep-paused] [original] [stc=…] [queue=…]     (A: an activity)
//! operator pause-workflow|unpause-workflow W [request=ID]
//! delete W [run=N]                 retention 1d        (closed runs are kept for so long from now on)
//! reset W F [run=N] [request=ID] [reapply=none|signals] [signal=NAME]     (N: the run as the histories are numbered)
//! poll [QUEUE] [build=BUILD] [worker=NAME]      poll-activity [QUEUE] [build=BUILD]      query W         await-history W
//! complete [sticky=QUEUE] [new] [force] [page=N] [more] COMMAND; …    fail-task       answer-query
//! update W ID [wait=accepted|admitted] [first=RUN]     poll-update W ID [wait=accepted|now]     wait-ended W
//! update-with-start W ID [wait=accepted] [request=ID] [conflict=use|terminate] [reuse=…]
//! activity complete|fail|fail-for-good|cancel|heartbeat
//! poll-nexus                      nexus done|started TOKEN|failed|canceled|busy|refused|cancel-taken
//! deployment polled|current|ramping|describe …      (see `deployments.rs`)
//! start-activity A [request=ID] [reuse=reject] [conflict=use] [stc=..] [s2c=..] [attempts=3] [delay=5s]
//! await-activity A                cancel-activity A               terminate-activity A            describe-activity A
//! advance 10s     restart     evict W     deaf     hear     clock-back 1h     clock-forward 1h     shutdown-worker [QUEUE] [worker=NAME]
//! schedule create|update|trigger|backfill|pause|unpause|describe|times|delete S …    (see `schedules.rs`)
//! ```
//! Commands: `activity ID [eager] [stc=5s] [s2c=..] [s2s=..] [hb=..] [attempts=3]`, `cancel-activity ID`, `timer ID 5s`,
//! `cancel-timer ID`, `child W [abandon|request-cancel]`, `signal-external W NAME`, `cancel-external W`, `marker NAME`,
//! `nexus OPERATION [to=ENDPOINT] [s2c=..] [s2s=..] [stc=..]`, `cancel-nexus OPERATION`, `upsert KEY VALUE`,
//! `memo KEY VALUE`, `done [RESULT]`, `fail`, `canceled`, `continue-as-new`. What a worker says to updates stands among the
//! commands: see `updates`. With `discards` the worker says that it can forget a task.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use bytes::Bytes;
use steadfast_core::{
    EventId, ExecutionKey, InputEvent, Now, Reply, Timestamp,
    ids::RequestId,
    nexus::{NexusTarget, resolve_endpoints},
    parse,
    time::duration_to_proto,
};
use steadfast_proto::temporal::api::{
    activity::v1::{ActivityExecutionOutcome, activity_execution_outcome},
    command::v1::{self as commands, Command, command::Attributes},
    common::v1::{
        ActivityType, Callback, Memo, Payload, Payloads, RetryPolicy, SearchAttributes,
        WorkflowExecution, WorkflowType, callback,
    },
    enums::v1::{
        ActivityIdConflictPolicy, ActivityIdReusePolicy, ParentClosePolicy, QueryResultType,
        ResetReapplyType, TaskQueueKind, WorkflowIdConflictPolicy, WorkflowIdReusePolicy,
        WorkflowTaskFailedCause,
    },
    failure::v1::Failure,
    history::v1::{HistoryEvent, history_event},
    nexus::v1::request,
    query::v1::{WorkflowQuery, WorkflowQueryResult},
    taskqueue::v1::{StickyExecutionAttributes, TaskQueue},
    workflow::v1::{PostResetOperation, post_reset_operation},
    workflowservice::v1 as service,
};

use crate::{
    deployments::{self, complete_with, overridden, versioned},
    updates::Updates,
    world::World,
};

/// Runs a script; what it prints is the snapshot.
pub(crate) fn run(text: &str) -> String {
    let mut script = Script::default();
    for line in text.lines() {
        script.line(line);
    }
    script.histories();
    script.out
}

pub(crate) struct Script {
    pub(crate) world: World,
    out: String,
    task: Vec<u8>,
    queries: Vec<String>,
    query_token: Vec<u8>,
    activity: Vec<u8>,
    nexus: Vec<u8>,
    /// What the last Nexus task wants to be told.
    callback: Option<Callback>,
    scheduled: BTreeMap<String, i64>,
    pub(crate) updates: Updates,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            world: World::new(),
            out: String::new(),
            task: Vec::new(),
            queries: Vec::new(),
            query_token: Vec::new(),
            activity: Vec::new(),
            nexus: Vec::new(),
            callback: None,
            scheduled: BTreeMap::new(),
            updates: Updates::default(),
        }
    }
}

/// The words of a line: plain ones in order, `key=value` ones by key.
pub(crate) struct Words<'a> {
    pub(crate) plain: Vec<&'a str>,
    pub(crate) options: BTreeMap<&'a str, &'a str>,
}

impl<'a> Words<'a> {
    fn of(text: &'a str) -> Self {
        let mut words = Self {
            plain: Vec::new(),
            options: BTreeMap::new(),
        };
        for word in text.split_whitespace() {
            match word.split_once('=') {
                Some((key, value)) => {
                    words.options.insert(key, value);
                }
                None => words.plain.push(word),
            }
        }
        words
    }

    pub(crate) fn at(&self, index: usize) -> &'a str {
        self.plain
            .get(index)
            .unwrap_or_else(|| panic!("word {index} is missing: {:?}", self.plain))
    }

    pub(crate) fn time(&self, key: &str) -> Option<prost_types::Duration> {
        self.options
            .get(key)
            .map(|value| duration_to_proto(duration(value)))
    }
}

pub(crate) fn duration(text: &str) -> Duration {
    let digits = text.find(|c: char| !c.is_ascii_digit()).expect("a unit");
    let number: u64 = text[..digits].parse().expect("a number");
    match &text[digits..] {
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        "m" => Duration::from_secs(number * 60),
        "h" => Duration::from_secs(number * 3_600),
        "d" => Duration::from_secs(number * 86_400),
        unit => panic!("no such unit: {unit}"),
    }
}

pub(crate) fn key(id: &str) -> ExecutionKey {
    ExecutionKey::new("default", id)
}

pub(crate) fn execution(id: &str) -> Option<WorkflowExecution> {
    Some(WorkflowExecution {
        workflow_id: id.into(),
        run_id: String::new(),
    })
}

pub(crate) fn queue(name: &str, kind: TaskQueueKind) -> Option<TaskQueue> {
    Some(TaskQueue {
        name: name.into(),
        kind: kind.into(),
        ..TaskQueue::default()
    })
}

pub(crate) fn text(value: &str) -> Payload {
    Payload::json(value).expect("a string")
}

impl Script {
    pub(crate) fn line(&mut self, line: &str) {
        let line = line.split('#').next().expect("at least one part").trim();
        if line.is_empty() {
            return;
        }
        writeln!(self.out, "> {line}").expect("a string");
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        self.happen(verb, rest);
        self.print_answers();
    }

    /// What was answered since the last time, without ids.
    pub(crate) fn take_output(&mut self) -> String {
        std::mem::take(&mut self.out)
    }

    fn happen(&mut self, verb: &str, rest: &str) {
        let words = Words::of(rest);
        match verb {
            "start" => {
                let mut request = start(&words);
                if words.plain.get(1) == Some(&"callback") {
                    request.completion_callbacks.extend(self.callback.clone());
                }
                self.request(parse::start(request, RequestId::new("fresh")));
            }
            "signal-with-start" => self.signal_with_start(&words),
            "signal" => {
                let request = service::SignalWorkflowExecutionRequest {
                    namespace: "default".into(),
                    workflow_execution: execution(words.at(0)),
                    signal_name: words.at(1).into(),
                    request_id: words.options.get("request").copied().unwrap_or("").into(),
                    ..Default::default()
                };
                self.request(parse::signal(request));
            }
            "cancel" => self.request(parse::cancel(
                service::RequestCancelWorkflowExecutionRequest {
                    namespace: "default".into(),
                    workflow_execution: execution(words.at(0)),
                    ..Default::default()
                },
            )),
            "terminate" => self.request(parse::terminate(
                service::TerminateWorkflowExecutionRequest {
                    namespace: "default".into(),
                    workflow_execution: execution(words.at(0)),
                    ..Default::default()
                },
            )),
            "operator" => {
                let request = crate::operators::request(&words);
                self.request(request);
            }
            "batch" => {
                let request = crate::batches::request(&words);
                self.request(request);
            }
            "reset" => self.reset(&words),
            "delete" => {
                let request = service::DeleteWorkflowExecutionRequest {
                    namespace: "default".into(),
                    workflow_execution: self.run(&words),
                };
                self.request(parse::delete(&request));
            }
            "retention" => {
                let kept = [("default".into(), duration(words.at(0)))];
                self.world.step(InputEvent::Retention(kept.into()));
            }
            "query" => self.request(parse::query(service::QueryWorkflowRequest {
                namespace: "default".into(),
                execution: execution(words.at(0)),
                query: Some(WorkflowQuery {
                    query_type: "state".into(),
                    ..Default::default()
                }),
                ..Default::default()
            })),
            "await-history" => self.request(parse::history(
                &service::GetWorkflowExecutionHistoryRequest {
                    namespace: "default".into(),
                    execution: execution(words.at(0)),
                    wait_new_event: true,
                    history_event_filter_type: 2,
                    ..Default::default()
                },
            )),
            "schedule" => {
                let request = crate::schedules::request(words.at(0), &words, self.world.now.wall);
                self.request(request);
            }
            "poll" => self.poll(&words),
            "poll-activity" => self.poll_activity(&words),
            "deployment" => self.request(deployments::request(&words)),
            "start-activity" => self.request(start_activity(&words)),
            "await-activity" | "cancel-activity" | "terminate-activity" | "describe-activity" => {
                self.request(about_activity(verb, &words));
            }
            "poll-nexus" => self.poll_nexus(),
            "nexus" => self.nexus_says(&words),
            "complete" => self.complete(rest),
            "fail-task" => self.fail_task(),
            "answer-query" => self.answer_query(),
            "activity" => self.activity_says(words.at(0)),
            "advance" => self.world.advance(duration(words.at(0))),
            "clock-forward" => {
                let now = self.world.now;
                self.world.now = Now {
                    wall: now.wall.plus(duration(words.at(0))),
                    ..now
                };
            }
            "clock-back" => {
                let back = duration(words.at(0)).as_nanos();
                let wall = self.world.now.wall.as_nanos() - i64::try_from(back).expect("small");
                self.world.now = Now {
                    wall: Timestamp::from_nanos(wall),
                    ..self.world.now
                };
            }
            "restart" => self.world.restart(),
            "evict" => {
                self.world.step(InputEvent::Evict(key(words.at(0))));
                let loaded = self.world.loaded(&key(words.at(0)));
                writeln!(self.out, "  {}", if loaded { "kept" } else { "forgotten" })
                    .expect("a string");
            }
            "update" | "poll-update" | "update-with-start" => self.ask_update(verb, &words),
            "wait-ended" => self.end_waits(words.at(0)),
            "deaf" => self.world.deaf = true,
            "hear" => self.world.deaf = false,
            "shutdown-worker" => {
                let reply_to = self.world.reply_to();
                let request = service::ShutdownWorkerRequest {
                    namespace: "default".into(),
                    sticky_task_queue: words.plain.first().copied().unwrap_or("").into(),
                    worker_instance_key: words.options.get("worker").copied().unwrap_or("").into(),
                    ..Default::default()
                };
                let input = parse::shutdown_worker(&request, reply_to);
                self.world.matching(input.expect("a valid shutdown"));
            }
            _ => panic!("no such line: {verb}"),
        }
    }

    fn request(&mut self, request: Result<steadfast_core::Request, steadfast_core::Rejection>) {
        match request {
            Ok(request) => {
                self.world.request(request);
            }
            Err(rejection) => self.refused(&rejection),
        }
    }

    pub(crate) fn refused(&mut self, rejection: &steadfast_core::Rejection) {
        let line = show_rejection(rejection);
        writeln!(self.out, "  {line}").expect("a string");
    }

    /// The workflow that is named first, and `run=N` of it.
    fn run(&self, words: &Words<'_>) -> Option<WorkflowExecution> {
        let mut execution = execution(words.at(0));
        if let (Some(number), Some(execution)) = (words.options.get("run"), &mut execution) {
            let number: usize = number.parse().expect("a number");
            execution.run_id = self.world.runs()[number - 1].1.to_string();
        }
        execution
    }

    fn reset(&mut self, words: &Words<'_>) {
        let execution = self.run(words);
        let signals = words.options.get("signal").map(|name| PostResetOperation {
            variant: Some(post_reset_operation::Variant::SignalWorkflow(
                post_reset_operation::SignalWorkflow {
                    signal_name: (*name).to_owned(),
                    ..Default::default()
                },
            )),
        });
        let reapply = match words.options.get("reapply") {
            Some(&"none") => ResetReapplyType::None,
            Some(&"signals") => ResetReapplyType::Signal,
            Some(other) => panic!("no such events: {other}"),
            None => ResetReapplyType::Unspecified,
        };
        #[expect(deprecated, reason = "deprecated for users, not for SDKs")]
        let request = service::ResetWorkflowExecutionRequest {
            namespace: "default".into(),
            workflow_execution: execution,
            reason: "a mistake".into(),
            workflow_task_finish_event_id: words.at(1).parse().expect("a number"),
            request_id: words.options.get("request").copied().unwrap_or("").into(),
            reset_reapply_type: reapply.into(),
            post_reset_operations: signals.into_iter().collect(),
            ..Default::default()
        };
        let fresh = format!("reset-{}", self.world.runs().len());
        self.request(parse::reset(request, RequestId::new(fresh)));
    }

    fn signal_with_start(&mut self, words: &Words<'_>) {
        let request = service::SignalWithStartWorkflowExecutionRequest {
            namespace: "default".into(),
            workflow_id: words.at(0).into(),
            workflow_type: Some(WorkflowType {
                name: "Type".into(),
            }),
            task_queue: queue("queue", TaskQueueKind::Normal),
            signal_name: words.at(1).into(),
            request_id: words
                .options
                .get("request")
                .copied()
                .unwrap_or("sws")
                .into(),
            workflow_start_delay: words.time("delay"),
            versioning_override: overridden(words),
            ..Default::default()
        };
        self.request(parse::signal_with_start(request, RequestId::new("fresh")));
    }

    fn poll(&mut self, words: &Words<'_>) {
        let name = words.plain.first().unwrap_or(&"queue");
        let reply_to = self.world.reply_to();
        let request = service::PollWorkflowTaskQueueRequest {
            namespace: "default".into(),
            task_queue: queue(name, TaskQueueKind::Normal),
            identity: "worker".into(),
            deployment_options: words.options.get("build").map(|build| versioned(build)),
            worker_instance_key: words.options.get("worker").copied().unwrap_or("").into(),
            ..Default::default()
        };
        let input = parse::poll_workflow(request, reply_to, Duration::from_secs(60));
        self.world.matching(input.expect("a valid poll"));
    }

    fn poll_activity(&mut self, words: &Words<'_>) {
        let name = words.plain.first().unwrap_or(&"queue");
        let reply_to = self.world.reply_to();
        let request = service::PollActivityTaskQueueRequest {
            namespace: "default".into(),
            task_queue: queue(name, TaskQueueKind::Normal),
            identity: "worker".into(),
            deployment_options: words.options.get("build").map(|build| versioned(build)),
            ..Default::default()
        };
        let input = parse::poll_activity(request, reply_to, Duration::from_secs(60));
        self.world.matching(input.expect("a valid poll"));
    }

    fn poll_nexus(&mut self) {
        let reply_to = self.world.reply_to();
        let request = service::PollNexusTaskQueueRequest {
            namespace: "default".into(),
            task_queue: queue("nexus-queue", TaskQueueKind::Normal),
            ..Default::default()
        };
        let input = parse::poll_nexus(request, reply_to, Duration::from_secs(60));
        self.world.matching(input.expect("a valid poll"));
    }

    fn nexus_says(&mut self, words: &Words<'_>) {
        use steadfast_proto::temporal::api::{
            failure::v1::{CanceledFailureInfo, NexusHandlerFailureInfo, failure::FailureInfo},
            nexus::v1::{self as nexus, response::Variant, start_operation_response as start},
        };
        let task_token = Bytes::copy_from_slice(&self.nexus);
        let handler_error = |kind: &str| {
            let info = NexusHandlerFailureInfo {
                r#type: kind.into(),
                ..Default::default()
            };
            let request = service::RespondNexusTaskFailedRequest {
                namespace: "default".into(),
                task_token: task_token.clone(),
                failure: Some(Failure::of(
                    "handler",
                    FailureInfo::NexusHandlerFailureInfo(info),
                )),
                ..Default::default()
            };
            parse::nexus_failed(request)
        };
        let variant = match words.at(0) {
            "busy" => return self.request(handler_error("UNAVAILABLE")),
            "refused" => return self.request(handler_error("NOT_FOUND")),
            "cancel-taken" => Variant::CancelOperation(nexus::CancelOperationResponse {}),
            other => {
                let variant = match other {
                    "done" => start::Variant::SyncSuccess(start::Sync {
                        payload: Some(text("result")),
                        ..Default::default()
                    }),
                    "started" => start::Variant::AsyncSuccess(start::Async {
                        operation_token: words.at(1).into(),
                        ..Default::default()
                    }),
                    "failed" => start::Variant::Failure(Failure::application("no", "No")),
                    "canceled" => {
                        start::Variant::Failure(Failure::of("no", CanceledFailureInfo::default()))
                    }
                    other => panic!("no such answer: {other}"),
                };
                Variant::StartOperation(nexus::StartOperationResponse {
                    variant: Some(variant),
                })
            }
        };
        let request = service::RespondNexusTaskCompletedRequest {
            namespace: "default".into(),
            task_token,
            response: Some(nexus::Response {
                variant: Some(variant),
            }),
            ..Default::default()
        };
        self.request(parse::nexus_completed(request));
    }

    fn complete(&mut self, rest: &str) {
        let mut request = service::RespondWorkflowTaskCompletedRequest {
            task_token: Bytes::copy_from_slice(&self.task),
            identity: "worker".into(),
            ..Default::default()
        };
        for query in self.queries.drain(..) {
            let result = WorkflowQueryResult {
                result_type: QueryResultType::Answered.into(),
                answer: Some(Payloads {
                    payloads: vec![text("attached")],
                }),
                ..Default::default()
            };
            request.query_results.insert(query, result);
        }
        for (index, part) in rest.split(';').enumerate() {
            let mut words = Words::of(part);
            if index == 0 {
                request.force_create_new_workflow_task = words.take("force");
                request.return_new_workflow_task = words.take("new");
                request.capabilities = words.take("discards").then_some(
                    service::respond_workflow_task_completed_request::Capabilities {
                        discard_speculative_workflow_task_with_events: true,
                    },
                );
                complete_with(&mut words, &mut request);
                request.intermediate_page = words.take("more");
                request.page_number = words
                    .options
                    .remove("page")
                    .map_or(0, |n| n.parse().expect("a number"));
                request.sticky_attributes =
                    words
                        .options
                        .remove("sticky")
                        .map(|name| StickyExecutionAttributes {
                            worker_task_queue: queue(name, TaskQueueKind::Sticky),
                            schedule_to_start_timeout: Some(duration_to_proto(
                                Duration::from_secs(5),
                            )),
                        });
            }
            if self.updates.says(&words, &mut request) {
                continue;
            }
            if let Some(verb) = words.plain.first().copied() {
                let attributes = self.command(verb, &words);
                request.commands.push(Command {
                    attributes: Some(attributes),
                    ..Default::default()
                });
            }
        }
        let mut request = parse::workflow_task_completed(request);
        if let Ok(steadfast_core::Request::CompleteWorkflowTask(completion)) = &mut request {
            resolve_endpoints(completion, |name| {
                (name == "shop").then(|| NexusTarget {
                    endpoint_id: "shop-id".into(),
                    namespace: "default".into(),
                    queue: "nexus-queue".into(),
                })
            });
        }
        self.request(request);
    }

    fn command(&self, verb: &str, words: &Words<'_>) -> Attributes {
        match verb {
            "activity" => commands::ScheduleActivityTaskCommandAttributes {
                activity_id: words.at(1).into(),
                activity_type: Some(ActivityType { name: "act".into() }),
                task_queue: queue("queue", TaskQueueKind::Normal),
                start_to_close_timeout: words.time("stc").or_else(|| {
                    words
                        .time("s2c")
                        .is_none()
                        .then(|| duration_to_proto(Duration::from_secs(10)))
                }),
                schedule_to_close_timeout: words.time("s2c"),
                schedule_to_start_timeout: words.time("s2s"),
                heartbeat_timeout: words.time("hb"),
                retry_policy: words.options.get("attempts").map(|n| RetryPolicy {
                    maximum_attempts: n.parse().expect("a number"),
                    ..Default::default()
                }),
                request_eager_execution: words.plain.get(2) == Some(&"eager"),
                ..Default::default()
            }
            .into(),
            "cancel-activity" => commands::RequestCancelActivityTaskCommandAttributes {
                scheduled_event_id: self.scheduled.get(words.at(1)).copied().unwrap_or(99),
            }
            .into(),
            "nexus" => commands::ScheduleNexusOperationCommandAttributes {
                endpoint: words.options.get("to").copied().unwrap_or("shop").into(),
                service: "service".into(),
                operation: words.at(1).into(),
                schedule_to_close_timeout: words.time("s2c"),
                schedule_to_start_timeout: words.time("s2s"),
                start_to_close_timeout: words.time("stc"),
                ..Default::default()
            }
            .into(),
            "cancel-nexus" => commands::RequestCancelNexusOperationCommandAttributes {
                scheduled_event_id: self.scheduled.get(words.at(1)).copied().unwrap_or(99),
            }
            .into(),
            "timer" => commands::StartTimerCommandAttributes {
                timer_id: words.at(1).into(),
                start_to_fire_timeout: Some(duration_to_proto(duration(words.at(2)))),
            }
            .into(),
            "cancel-timer" => commands::CancelTimerCommandAttributes {
                timer_id: words.at(1).into(),
            }
            .into(),
            "child" => commands::StartChildWorkflowExecutionCommandAttributes {
                workflow_id: words.at(1).into(),
                workflow_type: Some(WorkflowType {
                    name: "Child".into(),
                }),
                parent_close_policy: match words.plain.get(2) {
                    Some(&"abandon") => ParentClosePolicy::Abandon,
                    Some(&"request-cancel") => ParentClosePolicy::RequestCancel,
                    Some(other) => panic!("no such policy: {other}"),
                    None => ParentClosePolicy::Terminate,
                }
                .into(),
                ..Default::default()
            }
            .into(),
            "signal-external" => commands::SignalExternalWorkflowExecutionCommandAttributes {
                execution: execution(words.at(1)),
                signal_name: words.at(2).into(),
                ..Default::default()
            }
            .into(),
            "cancel-external" => {
                commands::RequestCancelExternalWorkflowExecutionCommandAttributes {
                    workflow_id: words.at(1).into(),
                    ..Default::default()
                }
                .into()
            }
            "marker" => commands::RecordMarkerCommandAttributes {
                marker_name: words.at(1).into(),
                ..Default::default()
            }
            .into(),
            "upsert" => commands::UpsertWorkflowSearchAttributesCommandAttributes {
                search_attributes: Some(SearchAttributes {
                    indexed_fields: [(words.at(1).to_owned(), text(words.at(2)))].into(),
                }),
            }
            .into(),
            "memo" => commands::ModifyWorkflowPropertiesCommandAttributes {
                upserted_memo: Some(Memo {
                    fields: [(words.at(1).to_owned(), text(words.at(2)))].into(),
                }),
            }
            .into(),
            "done" => commands::CompleteWorkflowExecutionCommandAttributes {
                result: words.plain.get(1).map(|result| Payloads {
                    payloads: vec![text(result)],
                }),
            }
            .into(),
            "fail" => commands::FailWorkflowExecutionCommandAttributes {
                failure: Some(Failure::application("it failed", "Oops")),
            }
            .into(),
            "canceled" => commands::CancelWorkflowExecutionCommandAttributes::default().into(),
            "continue-as-new" => {
                commands::ContinueAsNewWorkflowExecutionCommandAttributes::default().into()
            }
            _ => panic!("no such command: {verb}"),
        }
    }

    fn fail_task(&mut self) {
        self.request(parse::workflow_task_failed(
            service::RespondWorkflowTaskFailedRequest {
                task_token: Bytes::copy_from_slice(&self.task),
                cause: WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure.into(),
                identity: "worker".into(),
                ..Default::default()
            },
        ));
    }

    fn answer_query(&mut self) {
        let reply_to = self.world.reply_to();
        let request = service::RespondQueryTaskCompletedRequest {
            task_token: Bytes::copy_from_slice(&self.query_token),
            completed_type: QueryResultType::Answered.into(),
            query_result: Some(Payloads {
                payloads: vec![text("direct")],
            }),
            ..Default::default()
        };
        match parse::query_completed(request, reply_to) {
            Ok(input) => self.world.matching(input),
            Err(rejection) => writeln!(self.out, "  refused: {rejection}").expect("a string"),
        }
    }

    fn activity_says(&mut self, what: &str) {
        let task_token = Bytes::copy_from_slice(&self.activity);
        let identity = "worker".to_owned();
        let details = Some(Payloads {
            payloads: vec![text("half-way")],
        });
        let request = match what {
            "complete" => parse::activity_completed(service::RespondActivityTaskCompletedRequest {
                task_token,
                identity,
                ..Default::default()
            }),
            "fail" => parse::activity_failed(service::RespondActivityTaskFailedRequest {
                task_token,
                identity,
                failure: Some(Failure::application("it failed", "Oops")),
                ..Default::default()
            }),
            "fail-for-good" => parse::activity_failed(service::RespondActivityTaskFailedRequest {
                task_token,
                identity,
                failure: Some(Failure::non_retryable("it failed", "Oops")),
                ..Default::default()
            }),
            "cancel" => parse::activity_canceled(service::RespondActivityTaskCanceledRequest {
                task_token,
                identity,
                ..Default::default()
            }),
            "heartbeat" => parse::activity_heartbeat(service::RecordActivityTaskHeartbeatRequest {
                task_token,
                identity,
                details,
                ..Default::default()
            }),
            other => panic!("no such word of an activity: {other}"),
        };
        self.request(request);
    }

    fn print_answers(&mut self) {
        for (_, answer) in std::mem::take(&mut self.world.answers) {
            let line = match answer {
                Ok(reply) => self.describe(reply),
                Err(rejection) => show_rejection(&rejection),
            };
            writeln!(self.out, "  {line}").expect("a string");
        }
        self.note_scheduled();
    }

    /// Activities by their id, so that a script can cancel them.
    fn note_scheduled(&mut self) {
        for (key, run) in self.world.runs() {
            for event in self.world.history(&key, &run) {
                if let Some(history_event::Attributes::ActivityTaskScheduledEventAttributes(a)) =
                    &event.attributes
                {
                    self.scheduled.insert(a.activity_id.clone(), event.event_id);
                } else if let Some(
                    history_event::Attributes::NexusOperationScheduledEventAttributes(a),
                ) = event.attributes
                {
                    self.scheduled.insert(a.operation, event.event_id);
                }
            }
        }
    }

    fn describe(&mut self, reply: Reply) -> String {
        match reply {
            Reply::Started(started) => {
                let line = format!("started={} {:?}", started.started, started.status);
                match started.eager {
                    Some(task) => {
                        let task = self.describe(Reply::WorkflowTask(task));
                        format!("{line}, with a {task}")
                    }
                    None => line,
                }
            }
            Reply::Batch(reply) => crate::batches::describe(&reply),
            Reply::Reset(run_id) => {
                let number = self.world.runs().iter().position(|(_, run)| *run == run_id);
                format!("reset to run {}", number.map_or(0, |place| place + 1))
            }
            Reply::Done => "ok".to_owned(),
            Reply::NoTask => "no task".to_owned(),
            Reply::WorkflowTask(task) => {
                self.task = task.token.encode();
                self.queries = task.queries.keys().cloned().collect();
                format!(
                    "workflow task of {}: attempt {}, events {}..={}{}, previous {}, queries {}{}",
                    task.token.run.execution.workflow_id,
                    task.attempt,
                    task.history.first,
                    task.history.last,
                    if task.suffix.is_empty() {
                        ""
                    } else {
                        " and two not written"
                    },
                    task.previous_started,
                    task.queries.len(),
                    self.updates.came_with(&task.messages),
                )
            }
            Reply::QueryTask(task) => {
                self.query_token = task.token.to_vec();
                format!(
                    "query task: events {}..={}",
                    task.history.first, task.history.last
                )
            }
            Reply::ActivityTask(task) => {
                self.activity = task.token.encode();
                let details = if task.heartbeat_details.is_some() {
                    ", with details"
                } else {
                    ""
                };
                format!(
                    "activity task {}: attempt {}{details}",
                    task.activity_id, task.attempt
                )
            }
            Reply::Deployment(now, _) => deployments::show(&now),
            Reply::Endpoints(all, _) => format!("{} endpoints", all.len()),
            Reply::ActivityOutcome(_, outcome) => {
                format!("activity ended: {}", outcome.map_or("no", |o| ended(&o)))
            }
            Reply::DescribeActivity(description) => {
                let info = description.info.unwrap_or_default();
                format!(
                    "activity {:?} {:?} attempt {}, ended: {}",
                    info.status(),
                    info.run_state(),
                    info.attempt,
                    description.outcome.as_ref().map_or("no", ended),
                )
            }
            Reply::NexusTask(task) => {
                self.nexus = task.token.encode();
                let (verb, callback) = match task.request.variant {
                    Some(request::Variant::StartOperation(start)) => ("start", Some(start)),
                    Some(request::Variant::CancelOperation(_)) | None => ("cancel", None),
                };
                if let Some(start) = callback {
                    self.callback = Some(Callback {
                        variant: Some(callback::Variant::Nexus(callback::Nexus {
                            url: start.callback,
                            header: start.callback_header,
                        })),
                        ..Default::default()
                    });
                }
                let timeout = &task.request.header["request-timeout"];
                format!(
                    "nexus task to {verb}: attempt {}, {timeout}",
                    task.token.attempt
                )
            }
            Reply::WorkflowTaskCompleted {
                next,
                activities,
                reset_to,
            } => {
                let mut line = "completed".to_owned();
                if let Some(event) = reset_to {
                    write!(line, ", forget all since {event}").expect("a string");
                }
                if let Some(next) = next {
                    let next = self.describe(Reply::WorkflowTask(next));
                    write!(line, ", with a {next}").expect("a string");
                }
                for activity in activities {
                    let activity = self.describe(Reply::ActivityTask(Box::new(activity)));
                    write!(line, ", with an {activity}").expect("a string");
                }
                line
            }
            Reply::Update(update) => self.show_update(&update),
            Reply::Heartbeat {
                cancel_requested,
                paused,
                reset,
            } => {
                let paused = if paused { ", paused" } else { "" };
                let reset = if reset { ", reset" } else { "" };
                format!("cancel requested: {cancel_requested}{paused}{reset}")
            }
            Reply::ActivityOptions(options) => crate::operators::describe(&options),
            Reply::Query(answer) => {
                let said = answer
                    .and_then(|a| a.payloads.first().cloned())
                    .unwrap_or_default();
                format!("query answered: {}", String::from_utf8_lossy(&said.data))
            }
            Reply::Schedule(reply) => crate::schedules::describe(&reply),
            Reply::QueryRejected(status) => format!("query rejected: {status:?}"),
            Reply::Describe(_) => "described".to_owned(),
            Reply::Time(time) => format!("time {time}"),
            Reply::Namespaces(registry) => format!("{} namespaces", registry.len()),
            Reply::History(history) => format!(
                "history {}..={}{}",
                history.events.first,
                history.events.last,
                if history.open { ", open" } else { "" }
            ),
        }
    }

    fn histories(&mut self) {
        for (number, (key, run)) in self.world.runs().into_iter().enumerate() {
            writeln!(self.out, "\n{} run {}", key.workflow_id, number + 1).expect("a string");
            for event in self.world.history(&key, &run) {
                let line = show(&event);
                writeln!(self.out, "{:>4} {line}", EventId(event.event_id)).expect("a string");
            }
        }
    }
}

impl Words<'_> {
    fn take(&mut self, word: &str) -> bool {
        let before = self.plain.len();
        self.plain.retain(|w| *w != word);
        self.plain.len() < before
    }
}

fn start_activity(words: &Words<'_>) -> Result<steadfast_core::Request, steadfast_core::Rejection> {
    let option = |name: &str| words.options.get(name).copied();
    let request = service::StartActivityExecutionRequest {
        namespace: "default".into(),
        activity_id: words.at(0).into(),
        activity_type: Some(ActivityType { name: "act".into() }),
        task_queue: queue("queue", TaskQueueKind::Normal),
        request_id: option("request").unwrap_or("start").into(),
        start_to_close_timeout: words.time("stc"),
        schedule_to_close_timeout: words.time("s2c"),
        start_delay: words.time("delay"),
        retry_policy: option("attempts").map(|n| RetryPolicy {
            maximum_attempts: n.parse().expect("a number"),
            ..Default::default()
        }),
        id_reuse_policy: match option("reuse") {
            Some("reject") => ActivityIdReusePolicy::RejectDuplicate,
            _ => ActivityIdReusePolicy::Unspecified,
        }
        .into(),
        id_conflict_policy: match option("conflict") {
            Some("use") => ActivityIdConflictPolicy::UseExisting,
            _ => ActivityIdConflictPolicy::Unspecified,
        }
        .into(),
        ..Default::default()
    };
    parse::start_activity(request, RequestId::new("fresh"))
}

fn about_activity(
    verb: &str,
    words: &Words<'_>,
) -> Result<steadfast_core::Request, steadfast_core::Rejection> {
    let (namespace, activity_id) = ("default".to_owned(), words.at(0).to_owned());
    match verb {
        "await-activity" => parse::poll_activity_end(&service::PollActivityExecutionRequest {
            namespace,
            activity_id,
            ..Default::default()
        }),
        "cancel-activity" => {
            parse::cancel_activity(service::RequestCancelActivityExecutionRequest {
                namespace,
                activity_id,
                request_id: words.options.get("request").copied().unwrap_or("r").into(),
                reason: "enough".into(),
                ..Default::default()
            })
        }
        "terminate-activity" => {
            parse::terminate_activity(service::TerminateActivityExecutionRequest {
                namespace,
                activity_id,
                reason: "enough".into(),
                ..Default::default()
            })
        }
        _ => parse::describe_activity(&service::DescribeActivityExecutionRequest {
            namespace,
            activity_id,
            include_outcome: true,
            include_last_failure: true,
            ..Default::default()
        }),
    }
}

pub(crate) fn start(words: &Words<'_>) -> service::StartWorkflowExecutionRequest {
    service::StartWorkflowExecutionRequest {
        namespace: "default".into(),
        workflow_id: words.at(0).into(),
        workflow_type: Some(WorkflowType {
            name: "Type".into(),
        }),
        task_queue: queue("queue", TaskQueueKind::Normal),
        request_id: words
            .options
            .get("request")
            .copied()
            .unwrap_or("start")
            .into(),
        request_eager_execution: words.plain.get(1) == Some(&"eager"),
        versioning_override: overridden(words),
        workflow_run_timeout: words.time("run"),
        workflow_execution_timeout: words.time("execution"),
        workflow_start_delay: words.time("delay"),
        cron_schedule: words
            .options
            .get("cron")
            .copied()
            .unwrap_or("")
            .replace('_', " "),
        retry_policy: words.options.get("retry").map(|text| {
            let (interval, attempts) = text.split_once('*').expect("interval*attempts");
            RetryPolicy {
                initial_interval: Some(duration_to_proto(duration(interval))),
                maximum_attempts: attempts.parse().expect("a number"),
                ..Default::default()
            }
        }),
        workflow_id_reuse_policy: match words.options.get("reuse") {
            Some(&"failed-only") => WorkflowIdReusePolicy::AllowDuplicateFailedOnly,
            Some(&"reject") => WorkflowIdReusePolicy::RejectDuplicate,
            Some(other) => panic!("no such policy: {other}"),
            None => WorkflowIdReusePolicy::AllowDuplicate,
        }
        .into(),
        workflow_id_conflict_policy: match words.options.get("conflict") {
            Some(&"use") => WorkflowIdConflictPolicy::UseExisting,
            Some(&"terminate") => WorkflowIdConflictPolicy::TerminateExisting,
            Some(other) => panic!("no such policy: {other}"),
            None => WorkflowIdConflictPolicy::Unspecified,
        }
        .into(),
        ..Default::default()
    }
}

/// One event on a line: its name, the references and whatever decides about the next one.
pub(crate) fn show(event: &HistoryEvent) -> String {
    let name = event.event_type().short_name();
    let debug = format!("{:?}", event.attributes);
    let mut line = name.to_owned();
    for field in [
        "attempt",
        "scheduled_event_id",
        "started_event_id",
        "initiated_event_id",
        "workflow_task_completed_event_id",
        "latest_cancel_requested_event_id",
        "timer_id",
        "activity_id",
        "signal_name",
        "retry_state",
        "timeout_type",
        "cause",
        "initiator",
        "protocol_instance_id",
        "accepted_event_id",
        "last_completion_result",
        "continued_failure",
    ] {
        let Some(at) = debug.find(&format!(" {field}: ")) else {
            continue;
        };
        let value = &debug[at + field.len() + 3..];
        let value = value.split([',', ' ', '}', ')']).next().unwrap_or("");
        if matches!(field, "last_completion_result" | "continued_failure") {
            let given = if value == "None" { "" } else { " with " };
            let name = if value == "None" { "" } else { field };
            write!(line, "{given}{name}").expect("a string");
        } else if !matches!(
            value,
            "0" | "None" | "\"\"" | "Unspecified" | "Some(Failure"
        ) {
            write!(line, " {}={value}", field.trim_end_matches("_event_id")).expect("a string");
        }
    }
    line
}

fn show_rejection(rejection: &steadfast_core::Rejection) -> String {
    use steadfast_core::{Rejection, effect::OperationStatus};
    let operation = |status: &OperationStatus| match status {
        OperationStatus::Done => "done".to_owned(),
        OperationStatus::Aborted => "aborted".to_owned(),
        OperationStatus::Failed(rejection) => hide_ids(&rejection.to_string()),
    };
    if let Rejection::MultiOperation { start, update } = rejection {
        let (start, update) = (operation(start), operation(update));
        return format!("refused: start: {start} / update: {update}");
    }
    format!("refused: {}", hide_ids(&rejection.to_string()))
}

/// How an activity of its own ended.
fn ended(outcome: &ActivityExecutionOutcome) -> &'static str {
    use steadfast_proto::temporal::api::failure::v1::failure::FailureInfo as Info;
    match &outcome.value {
        Some(activity_execution_outcome::Value::Result(_)) => "with a result",
        Some(activity_execution_outcome::Value::Failure(failure)) => match &failure.failure_info {
            Some(Info::CanceledFailureInfo(_)) => "canceled",
            Some(Info::TerminatedFailureInfo(_)) => "terminated",
            Some(Info::TimeoutFailureInfo(_)) => "timed out",
            _ => "with a failure",
        },
        None => "somehow",
    }
}

/// Run ids come from entropy; a script's reader does not care for them.
fn hide_ids(text: &str) -> String {
    let words = text.split(' ').map(|word| {
        let bare = word.trim_end_matches(['.', ',']);
        if bare.len() == 36 && bare.matches('-').count() == 4 {
            "<run>"
        } else {
            word
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn durations_of_scripts() {
    assert_eq!(duration("250ms"), Duration::from_millis(250));
    assert_eq!(duration("2h"), Duration::from_secs(7_200));
}
