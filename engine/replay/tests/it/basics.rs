//! Timers, activities, signals, queries, and the ends of a run.

use std::{collections::BTreeMap, time::Duration};

use steadfast_proto::temporal::api::{
    command::v1::command::Attributes as C,
    common::v1::Payloads,
    enums::v1::{QueryResultType, RetryState, TimeoutType, WorkflowTaskFailedCause},
    failure::v1::{Failure, TimeoutFailureInfo, failure::FailureInfo},
    history::v1::{history_event::Attributes as A, *},
    query::v1::WorkflowQuery,
};
use steadfast_replay::{CachedRun, Registry, ReplayError, RunInit, Task, TaskOutcome};
use temporalio_workflow::{
    ActivityCancellationType, ActivityOptions, CancellableFuture as _, ContinueAsNewOptions,
    SyncWorkflowContext, WorkflowContext, WorkflowContextView, WorkflowResult,
    common::{ActivityDefinition, error::ApplicationFailure},
    workflow, workflow_methods, workflows,
};

use crate::{
    history::{QUEUE, application_failure, json, payloads},
    server::{Server, init, names},
};

struct Charge;

impl ActivityDefinition for Charge {
    type Input = u32;
    type Output = u32;

    fn name(&self) -> &str {
        "charge"
    }
}

fn options() -> ActivityOptions {
    ActivityOptions::start_to_close_timeout(Duration::from_secs(10))
}

#[workflow]
#[derive(Default)]
struct Order {
    paid: u32,
    approved: bool,
}

#[workflow_methods]
impl Order {
    #[run(name = "Order")]
    async fn run(ctx: &mut WorkflowContext<Self>, amount: u32) -> WorkflowResult<u32> {
        ctx.wait_condition(|s| s.approved).await?;
        ctx.timer(Duration::from_secs(5)).await;
        let paid = ctx.execute_activity(Charge, amount, options()).await?;
        ctx.state_mut(|s| s.paid = paid);
        Ok(paid + ctx.random::<u32>() % 7)
    }

    #[signal]
    fn approve(&mut self, _ctx: &mut SyncWorkflowContext<Self>, yes: bool) {
        self.approved = yes;
    }

    #[query]
    fn paid(&self, _ctx: &WorkflowContextView) -> u32 {
        self.paid
    }
}

/// Races a timer against a signal, then ends as it is told.
#[workflow]
#[derive(Default)]
struct Race {
    end: Option<String>,
}

#[workflow_methods]
impl Race {
    #[run(name = "Race")]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<String> {
        let timer = ctx.timer(Duration::from_secs(60));
        let mut timer = Box::pin(timer);
        let end = workflows::select! {
            _ = timer.as_mut() => "timeout".to_owned(),
            told = ctx.wait_condition(|s: &Self| s.end.is_some()) => {
                told?;
                timer.cancel();
                ctx.state(|s| s.end.clone().unwrap_or_default())
            }
        };
        match end.as_str() {
            "again" => {
                ctx.continue_as_new((), ContinueAsNewOptions::default())?;
                Ok("never".to_owned())
            }
            "fail" => Err(ApplicationFailure::new("told to fail"))?,
            _ => Ok(end),
        }
    }

    #[signal]
    fn finish(&mut self, _ctx: &mut SyncWorkflowContext<Self>, how: String) {
        self.end = Some(how);
    }
}

/// Starts one activity, cancels it when told to, reports how it ended.
#[workflow]
struct Cancels {
    kind: String,
    stop: bool,
}

#[workflow_methods]
impl Cancels {
    #[init]
    fn new(_ctx: &WorkflowContextView, kind: String) -> Self {
        Self { kind, stop: false }
    }

    #[run(name = "Cancels")]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<String> {
        let cancellation_type = match ctx.state(|s| s.kind.clone()).as_str() {
            "try" => ActivityCancellationType::TryCancel,
            "wait" => ActivityCancellationType::WaitCancellationCompleted,
            _ => ActivityCancellationType::Abandon,
        };
        let options = ActivityOptions::with_start_to_close_timeout(Duration::from_secs(10))
            .cancellation_type(cancellation_type)
            .build();
        let mut activity = Box::pin(ctx.execute_activity(Charge, 1u32, options));
        let ended = workflows::select! {
            ended = activity.as_mut() => ended,
            asked = ctx.wait_condition(|s: &Self| s.stop) => {
                asked?;
                activity.cancel();
                activity.as_mut().await
            }
        };
        let ended = match ended {
            Ok(value) => format!("ok {value}"),
            Err(error) => format!("err {}", chain(&error)),
        };
        ctx.timer(Duration::from_secs(1)).await;
        Ok(ended)
    }

    #[signal]
    fn stop(&mut self, _ctx: &mut SyncWorkflowContext<Self>) {
        self.stop = true;
    }
}

/// An error with all its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

pub(crate) fn registry() -> Registry {
    let mut registry = Registry::default();
    registry
        .register::<Order>()
        .register::<Race>()
        .register::<Cancels>();
    registry
}

#[test]
fn a_run_goes_through_signal_timer_activity_and_completion() {
    let mut server = Server::new(&registry(), "Order", payloads(40));
    assert!(server.task().is_empty());
    let metadata = server.last.sdk_metadata.clone().expect("metadata");
    assert_eq!(metadata.core_used_flags, [1, 2, 3]);
    assert_eq!(metadata.sdk_name, "temporal-rust");

    server.events.signal("approve", true);
    assert_eq!(names(&server.task()), ["START_TIMER"]);
    let metadata = server.last.sdk_metadata.clone().expect("metadata");
    assert!(metadata.core_used_flags.is_empty() && metadata.sdk_name.is_empty());

    server.fire("1");
    let commands = server.task();
    let Some(C::ScheduleActivityTaskCommandAttributes(charge)) = &commands[0].attributes else {
        panic!("{commands:?}")
    };
    assert_eq!(charge.activity_id, "1");
    assert_eq!(charge.activity_type.as_ref().expect("type").name, "charge");
    assert_eq!(charge.input, payloads(40));
    assert_eq!(charge.task_queue.as_ref().expect("queue").name, QUEUE);
    assert!(charge.use_workflow_build_id && !charge.request_eager_execution);
    assert_eq!(server.query("paid").answer, payloads(0));

    server.complete("1", 40);
    assert_eq!(names(&server.task()), ["COMPLETE_WORKFLOW_EXECUTION"]);
    assert_eq!(server.query("paid").answer, payloads(40));
    let report = server.replay();
    assert!(report.closed);
    assert_eq!(report.digest, server.run.digest());
    assert_eq!(
        (report.workflow_id.as_str(), report.events),
        ("wf", server.events.list.len())
    );
}

#[test]
fn queries_travel_with_a_task_and_failures_are_told() {
    let mut server = Server::new(&registry(), "Order", payloads(1));
    let ask = |name: &str| WorkflowQuery {
        query_type: name.to_owned(),
        ..Default::default()
    };
    let queries = BTreeMap::from([
        ("a".to_owned(), ask("paid")),
        ("b".to_owned(), ask("no such query")),
    ]);
    server.task_with(Vec::new(), queries);
    let results = &server.last.query_results;
    assert_eq!(results["a"].answer, payloads(0));
    assert_eq!(results["a"].result_type(), QueryResultType::Answered);
    assert_eq!(results["b"].result_type(), QueryResultType::Failed);
    assert!(
        results["b"].error_message.contains("no such query"),
        "{results:?}"
    );
    assert_eq!(
        server.query("nothing").result_type(),
        QueryResultType::Failed
    );
    server.replay();
}

#[test]
fn a_timer_is_cancelled_and_the_run_ends_four_ways() {
    for (how, command) in [
        ("done", "COMPLETE_WORKFLOW_EXECUTION"),
        ("fail", "FAIL_WORKFLOW_EXECUTION"),
        ("again", "CONTINUE_AS_NEW_WORKFLOW_EXECUTION"),
    ] {
        let mut server = Server::new(&registry(), "Race", None);
        assert_eq!(names(&server.task()), ["START_TIMER"]);
        server.events.signal("finish", how);
        assert_eq!(names(&server.task()), ["CANCEL_TIMER", command], "{how}");
        assert!(server.replay().closed);
    }
    let mut server = Server::new(&registry(), "Race", None);
    server.task();
    server.fire("1");
    let commands = server.task();
    let Some(C::CompleteWorkflowExecutionCommandAttributes(done)) = &commands[0].attributes else {
        panic!("{commands:?}")
    };
    assert_eq!(done.result, payloads("timeout"));
}

#[test]
fn a_timer_cancelled_in_the_task_that_starts_it_is_never_sent() {
    let mut server = Server::new(&registry(), "Race", None);
    server.events.signal("finish", "done");
    assert_eq!(names(&server.task()), ["COMPLETE_WORKFLOW_EXECUTION"]);
    server.replay();
}

#[test]
fn a_cancelled_run_cancels_its_timer() {
    let mut server = Server::new(&registry(), "Order", payloads(1));
    server.events.signal("approve", true);
    server.task();
    server.request_cancel("enough");
    let commands = names(&server.task());
    assert_eq!(commands[0], "CANCEL_TIMER");
    server.replay();
}

fn cancel_activity(kind: &str, started: bool) -> Server {
    let mut server = Server::new(&registry(), "Cancels", payloads(kind));
    assert_eq!(names(&server.task()), ["SCHEDULE_ACTIVITY_TASK"]);
    let scheduled = server.activity("1");
    if started {
        // The server writes the start late; that it has happened is visible only with the outcome.
        server.events.now += 10;
    }
    server.events.signal("stop", ());
    let commands = server.task();
    match kind {
        "try" => {
            assert_eq!(
                names(&commands),
                ["REQUEST_CANCEL_ACTIVITY_TASK", "START_TIMER"]
            );
            let Some(C::RequestCancelActivityTaskCommandAttributes(cancel)) =
                &commands[0].attributes
            else {
                panic!("{commands:?}")
            };
            assert_eq!(cancel.scheduled_event_id, scheduled);
        }
        "wait" => assert_eq!(names(&commands), ["REQUEST_CANCEL_ACTIVITY_TASK"]),
        _ => assert_eq!(names(&commands), ["START_TIMER"]),
    }
    server
}

fn cancelled(server: &mut Server) {
    let scheduled = server.activity("1");
    let latest = server.find(|a| matches!(a, A::ActivityTaskCancelRequestedEventAttributes(_)));
    server.events.add(A::ActivityTaskCanceledEventAttributes(
        ActivityTaskCanceledEventAttributes {
            scheduled_event_id: scheduled,
            latest_cancel_requested_event_id: latest,
            identity: "worker".to_owned(),
            ..Default::default()
        },
    ));
}

#[test]
fn activity_cancellation_tries_waits_or_abandons() {
    let mut tried = cancel_activity("try", false);
    cancelled(&mut tried);
    assert!(tried.task().is_empty(), "the code has its answer already");
    tried.fire("1");
    assert_eq!(names(&tried.task()), ["COMPLETE_WORKFLOW_EXECUTION"]);
    tried.replay();

    let mut waited = cancel_activity("wait", false);
    cancelled(&mut waited);
    assert_eq!(names(&waited.task()), ["START_TIMER"]);
    waited.fire("1");
    waited.task();
    waited.replay();

    let mut completed_anyway = cancel_activity("wait", true);
    completed_anyway.complete("1", 5);
    completed_anyway.task();
    completed_anyway.fire("1");
    let commands = completed_anyway.task();
    let Some(C::CompleteWorkflowExecutionCommandAttributes(done)) = &commands[0].attributes else {
        panic!("{commands:?}")
    };
    assert_eq!(done.result, payloads("ok 5"));
    completed_anyway.replay();

    let mut abandoned = cancel_activity("abandon", true);
    abandoned.complete("1", 5);
    assert!(abandoned.task().is_empty());
    abandoned.fire("1");
    abandoned.task();
    abandoned.replay();
}

#[test]
fn activity_failures_and_timeouts_reach_the_code_as_the_sdk_words_them() {
    let mut failed = Server::new(&registry(), "Cancels", payloads("try"));
    failed.task();
    let scheduled_event_id = failed.activity("1");
    let started_event_id = failed.events.activity_started(scheduled_event_id);
    failed.events.add(A::ActivityTaskFailedEventAttributes(
        ActivityTaskFailedEventAttributes {
            scheduled_event_id,
            started_event_id,
            failure: Some(application_failure("card declined")),
            retry_state: RetryState::MaximumAttemptsReached.into(),
            ..Default::default()
        },
    ));
    failed.task();
    failed.fire("1");
    failed.task();
    let text = result_text(&failed);
    assert!(text.contains("card declined"), "{text}");
    failed.replay();

    let mut timed_out = Server::new(&registry(), "Cancels", payloads("try"));
    timed_out.task();
    let scheduled_event_id = timed_out.activity("1");
    timed_out.events.add(A::ActivityTaskTimedOutEventAttributes(
        ActivityTaskTimedOutEventAttributes {
            scheduled_event_id,
            failure: Some(Failure {
                failure_info: Some(FailureInfo::TimeoutFailureInfo(TimeoutFailureInfo {
                    timeout_type: TimeoutType::ScheduleToStart.into(),
                    ..Default::default()
                })),
                ..Default::default()
            }),
            ..Default::default()
        },
    ));
    assert_eq!(names(&timed_out.task()), ["START_TIMER"]);
    timed_out.replay();
}

fn result_text(server: &Server) -> String {
    match &server.events.list.last().expect("events").attributes {
        Some(A::WorkflowExecutionCompletedEventAttributes(done)) => {
            let Payloads { payloads } = done.result.clone().expect("a result");
            String::from_utf8(payloads[0].data.to_vec()).expect("json")
        }
        other => panic!("not completed: {other:?}"),
    }
}

#[test]
fn failed_and_timed_out_tasks_leave_no_trace_in_the_code() {
    let mut server = Server::new(&registry(), "Order", payloads(2));
    // The first task times out before anybody answers it.
    let started_event_id = server.events.start_task();
    server.events.add(A::WorkflowTaskTimedOutEventAttributes(
        WorkflowTaskTimedOutEventAttributes {
            scheduled_event_id: started_event_id - 1,
            started_event_id,
            timeout_type: TimeoutType::StartToClose.into(),
        },
    ));
    server.events.signal("approve", true);
    assert_eq!(names(&server.task()), ["START_TIMER"]);
    let started_event_id = server.events.start_task();
    server.events.add(A::WorkflowTaskFailedEventAttributes(
        WorkflowTaskFailedEventAttributes {
            scheduled_event_id: started_event_id - 1,
            started_event_id,
            cause: WorkflowTaskFailedCause::UnhandledCommand.into(),
            ..Default::default()
        },
    ));
    server.fire("1");
    assert_eq!(names(&server.task()), ["SCHEDULE_ACTIVITY_TASK"]);
    server.complete("1", 1);
    server.task();
    server.replay();
}

#[test]
fn a_reset_reseeds_the_randomness() {
    let run = |reset: bool| {
        let mut server = Server::new(&registry(), "Order", payloads(2));
        server.task();
        if reset {
            let started_event_id = server.events.start_task();
            server.events.add(A::WorkflowTaskFailedEventAttributes(
                WorkflowTaskFailedEventAttributes {
                    scheduled_event_id: started_event_id - 1,
                    started_event_id,
                    cause: WorkflowTaskFailedCause::ResetWorkflow.into(),
                    new_run_id: "another run".to_owned(),
                    ..Default::default()
                },
            ));
        }
        server.events.signal("approve", true);
        server.task();
        server.fire("1");
        server.task();
        server.complete("1", 1_000);
        server.task();
        server.replay();
        result_text(&server)
    };
    assert_eq!(run(false), run(false));
    assert_ne!(run(false), run(true));
}

#[test]
fn partial_history_needs_a_run_that_has_seen_the_rest() {
    let mut server = Server::new(&registry(), "Order", payloads(2));
    server.task();
    server.events.signal("approve", true);
    server.events.start_task();
    let task = Task {
        events: &server.events.list[3..],
        previous_started_event_id: 3,
        ..Task::default()
    };
    let mut fresh = CachedRun::new(&server.registry, init("Order")).expect("registered");
    assert!(matches!(
        fresh.task(task.clone()),
        TaskOutcome::NeedsFullHistory
    ));
    let full = Task {
        events: &server.events.list,
        ..task.clone()
    };
    assert!(matches!(
        fresh.task(full.clone()),
        TaskOutcome::Completed(_)
    ));
    // A cached run starts over when the whole history comes again.
    let digest = fresh.digest();
    assert!(matches!(fresh.task(full), TaskOutcome::Completed(_)));
    assert_eq!(fresh.digest(), digest);
    let gap = Task {
        events: &server.events.list[5..],
        previous_started_event_id: 3,
        ..Task::default()
    };
    let mut behind = CachedRun::new(&server.registry, init("Order")).expect("registered");
    behind.task(Task {
        events: &server.events.list[..3],
        ..Task::default()
    });
    assert!(matches!(behind.task(gap), TaskOutcome::NeedsFullHistory));
    assert!(matches!(behind.task(task), TaskOutcome::Completed(_)));
    assert_eq!(behind.digest(), digest);
}

#[test]
fn unknown_workflow_types_are_named() {
    let error = CachedRun::new(&registry(), init("Nobody")).expect_err("unknown");
    assert_eq!(
        error.to_string(),
        "no workflow is registered as `Nobody`; registered: Cancels, Order, Race"
    );
    assert!(matches!(error, ReplayError::UnknownWorkflow { .. }));
    let mut unnamed = CachedRun::new(&registry(), RunInit::default()).expect("type from history");
    let mut events = crate::history::Events::start("Nobody", None);
    events.start_task();
    let outcome = unnamed.task(Task {
        events: &events.list,
        ..Task::default()
    });
    assert!(matches!(outcome, TaskOutcome::Failed { .. }), "{outcome:?}");
}

#[test]
fn input_that_does_not_decode_fails_the_task() {
    let mut server = Server::new(
        &registry(),
        "Order",
        Some(Payloads {
            payloads: vec![json("x")],
        }),
    );
    let (cause, message, _) = server.failing_task();
    assert_eq!(
        cause,
        WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure
    );
    assert!(
        message.contains("Failed to create workflow execution"),
        "{message}"
    );
}
