//! Local activities: run by the host, known to history by their markers.

use std::time::Duration;

use prost_types::Duration as Span;
use steadfast_proto::temporal::api::{
    command::v1::{Command, command::Attributes as C},
    failure::v1::{CanceledFailureInfo, Failure, failure::FailureInfo},
};
use steadfast_replay::{
    CachedRun, Completion, LocalActivityCall, LocalActivityOutcome, LocalActivityResult,
    NonDeterminismKind, Registry, ReplayError, Task, TaskOutcome, replay_history,
};
use temporalio_workflow::{
    ActivityCancellationType, CancellableFuture as _, LocalActivityOptions, SyncWorkflowContext,
    WorkflowContext, WorkflowContextView, WorkflowResult, common::ActivityDefinition, workflow,
    workflow_methods, workflows,
};

use crate::{
    basics::chain,
    history::{Events, application_failure, json, payloads},
    server::{init, names},
};

struct Lookup;

impl ActivityDefinition for Lookup {
    type Input = u32;
    type Output = u32;

    fn name(&self) -> &str {
        "lookup"
    }
}

/// Two local activities around a timer.
#[workflow]
#[derive(Default)]
struct Reads;

#[workflow_methods]
impl Reads {
    #[run(name = "Reads")]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<u32> {
        let options = LocalActivityOptions::default;
        let one = ctx.execute_local_activity(Lookup, 1u32, options()).await?;
        ctx.timer(Duration::from_secs(1)).await;
        let two = ctx
            .execute_local_activity(Lookup, 2u32, options())
            .await
            .unwrap_or(100);
        Ok(one + two)
    }
}

/// A local activity that is cancelled by a signal.
#[workflow]
struct Stops {
    kind: String,
    stop: bool,
}

#[workflow_methods]
impl Stops {
    #[init]
    fn new(_ctx: &WorkflowContextView, kind: String) -> Self {
        Self { kind, stop: false }
    }

    #[run(name = "Stops")]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<String> {
        let cancel_type = match ctx.state(|s| s.kind.clone()).as_str() {
            "try" => ActivityCancellationType::TryCancel,
            "wait" => ActivityCancellationType::WaitCancellationCompleted,
            _ => ActivityCancellationType::Abandon,
        };
        let options = LocalActivityOptions::builder()
            .cancel_type(cancel_type)
            .build();
        let mut activity = Box::pin(ctx.execute_local_activity(Lookup, 1u32, options));
        let ended = workflows::select! {
            ended = activity.as_mut() => ended,
            asked = ctx.wait_condition(|s: &Self| s.stop) => {
                asked?;
                activity.cancel();
                activity.as_mut().await
            }
        };
        Ok(match ended {
            Ok(value) => format!("ok {value}"),
            Err(error) => format!("err {}", chain(&error)),
        })
    }

    #[signal]
    fn stop(&mut self, _ctx: &mut SyncWorkflowContext<Self>) {
        self.stop = true;
    }
}

fn registry() -> Registry {
    let mut registry = Registry::default();
    registry.register::<Reads>().register::<Stops>();
    registry
}

struct Host {
    events: Events,
    run: CachedRun,
    seen: usize,
    previous_started: i64,
}

impl Host {
    fn new(workflow_type: &str, kind: &str) -> Self {
        let input = (!kind.is_empty()).then(|| payloads(kind)).flatten();
        Self {
            events: Events::start(workflow_type, input),
            run: CachedRun::new(&registry(), init(workflow_type)).expect("registered"),
            seen: 0,
            previous_started: 0,
        }
    }

    fn task(&mut self) -> TaskOutcome {
        let started = self.events.start_task();
        let events = &self.events.list[self.seen..];
        let previous_started_event_id = self.previous_started;
        self.seen = self.events.list.len();
        self.previous_started = started;
        self.run.task(Task {
            events,
            previous_started_event_id,
            ..Task::default()
        })
    }

    /// Records what a task completed with.
    fn record(&mut self, outcome: TaskOutcome) -> Vec<Command> {
        let TaskOutcome::Completed(completion) = outcome else {
            panic!("{outcome:?}")
        };
        let Completion {
            commands,
            sdk_metadata,
            ..
        } = completion;
        self.events.complete_task(sdk_metadata);
        for command in &commands {
            self.events.add(crate::server::plain_event(command));
        }
        commands
    }

    fn replay(&self) {
        let report = replay_history(&registry(), &self.events.history());
        let report = report.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(report.digest, self.run.digest(), "digests differ");
    }
}

fn started(outcome: TaskOutcome) -> Vec<u32> {
    let TaskOutcome::LocalActivities(calls) = outcome else {
        panic!("{outcome:?}")
    };
    let seq = |call| match call {
        LocalActivityCall::Start(activity) => activity.seq,
        LocalActivityCall::Cancel { seq } => panic!("cancel {seq}"),
    };
    calls.into_iter().map(seq).collect()
}

fn ended(seq: u32, outcome: LocalActivityOutcome) -> LocalActivityResult {
    let runtime = Span {
        seconds: 2,
        nanos: 0,
    };
    LocalActivityResult {
        seq,
        outcome,
        runtime,
        attempt: 1,
        backoff: None,
    }
}

fn ok(seq: u32, value: u32) -> LocalActivityResult {
    ended(seq, LocalActivityOutcome::Completed(Some(json(value))))
}

#[test]
fn results_become_markers_that_replay() {
    let mut host = Host::new("Reads", "");
    let outcome = host.task();
    assert_eq!(started(outcome), [1]);
    let outcome = host.run.resolve_local(ok(1, 10));
    let commands = host.record(outcome);
    assert_eq!(names(&commands), ["RECORD_MARKER", "START_TIMER"]);
    let Some(C::RecordMarkerCommandAttributes(marker)) = &commands[0].attributes else {
        panic!("{commands:?}")
    };
    assert_eq!(marker.marker_name, "core_local_activity");
    assert_eq!(marker.details["result"].payloads, [json(10)]);
    let data: serde_json::Value =
        serde_json::from_slice(&marker.details["data"].payloads[0].data).expect("json");
    assert_eq!(data["activity_type"], "lookup");
    assert_eq!(
        (&data["seq"], &data["attempt"], &data["activation_index"]),
        (&1.into(), &1.into(), &1.into())
    );

    let timer = host.events.last_id();
    host.events.timer_fired("1", timer);
    let outcome = host.task();
    assert_eq!(started(outcome), [2]);
    let failure = LocalActivityOutcome::Failed(application_failure("no such entry"));
    let outcome = host.run.resolve_local(ended(2, failure));
    assert_eq!(
        names(&host.record(outcome)),
        ["RECORD_MARKER", "COMPLETE_WORKFLOW_EXECUTION"]
    );
    host.replay();
}

#[test]
fn heartbeats_keep_a_long_local_activity_alive() {
    let mut host = Host::new("Reads", "");
    let outcome = host.task();
    assert_eq!(started(outcome), [1]);
    let outcome = host.run.heartbeat();
    let TaskOutcome::Completed(completion) = &outcome else {
        panic!("{outcome:?}")
    };
    assert!(completion.force_create_new_workflow_task);
    assert!(host.record(outcome).is_empty());
    let outcome = host.task();
    assert!(started(outcome).is_empty(), "it is still running");
    let outcome = host.run.resolve_local(ok(1, 10));
    assert_eq!(
        names(&host.record(outcome)),
        ["RECORD_MARKER", "START_TIMER"]
    );
    host.replay();

    // A worker that dies meanwhile runs it again on the next one.
    let mut host = Host::new("Reads", "");
    host.task();
    let outcome = host.run.heartbeat();
    host.record(outcome);
    host.run = CachedRun::new(&registry(), init("Reads")).expect("registered");
    host.seen = 0;
    let outcome = host.task();
    assert_eq!(started(outcome), [1]);
    let outcome = host.run.resolve_local(ok(1, 10));
    assert_eq!(
        names(&host.record(outcome)),
        ["RECORD_MARKER", "START_TIMER"]
    );
    host.replay();
}

#[test]
fn a_backoff_goes_through_a_timer() {
    let mut host = Host::new("Reads", "");
    host.task();
    let failure = LocalActivityOutcome::Failed(application_failure("later"));
    let backoff = Some(Span {
        seconds: 90,
        nanos: 0,
    });
    let outcome = host.run.resolve_local(LocalActivityResult {
        backoff,
        ..ended(1, failure)
    });
    assert_eq!(
        names(&host.record(outcome)),
        ["RECORD_MARKER", "START_TIMER"]
    );
    let timer = host.events.last_id();
    host.events.timer_fired("1", timer);
    let outcome = host.task();
    let TaskOutcome::LocalActivities(calls) = outcome else {
        panic!("{outcome:?}")
    };
    let [LocalActivityCall::Start(retry)] = calls.as_slice() else {
        panic!("{calls:?}")
    };
    assert_eq!((retry.seq, retry.attempt), (2, 2));
    let outcome = host.run.resolve_local(ok(2, 10));
    host.record(outcome);
    host.replay();
}

#[test]
fn local_activities_are_cancelled_in_three_ways() {
    for kind in ["try", "wait", "abandon"] {
        let mut host = Host::new("Stops", kind);
        let outcome = host.task();
        assert_eq!(started(outcome), [1]);
        let outcome = host.run.heartbeat();
        host.record(outcome);
        host.events.signal("stop", ());
        let outcome = host.task();
        let outcome = if kind == "wait" {
            let TaskOutcome::LocalActivities(calls) = outcome else {
                panic!("{outcome:?}")
            };
            assert!(matches!(
                calls.as_slice(),
                [LocalActivityCall::Cancel { seq: 1 }]
            ));
            let cancelled = Failure {
                failure_info: Some(FailureInfo::CanceledFailureInfo(
                    CanceledFailureInfo::default(),
                )),
                ..Default::default()
            };
            host.run
                .resolve_local(ended(1, LocalActivityOutcome::Cancelled(cancelled)))
        } else {
            outcome
        };
        assert_eq!(
            names(&host.record(outcome)),
            ["RECORD_MARKER", "COMPLETE_WORKFLOW_EXECUTION"],
            "{kind}"
        );
        host.replay();
    }
}

#[test]
fn a_marker_of_another_activity_is_refused() {
    let mut host = Host::new("Reads", "");
    host.task();
    let outcome = host.run.resolve_local(ok(1, 10));
    host.record(outcome);
    let mut history = host.events.history();
    let text = serde_json::json!({
        "seq": 1, "attempt": 1, "activity_id": "1", "activity_type": "another",
        "complete_time": null, "backoff": null, "original_schedule_time": null,
    });
    let Some(steadfast_proto::temporal::api::history::v1::history_event::Attributes::MarkerRecordedEventAttributes(marker)) =
        &mut history.events[4].attributes
    else {
        panic!("{:?}", history.events[4])
    };
    marker
        .details
        .insert("data".to_owned(), payloads(text).expect("payloads"));
    let error = replay_history(&registry(), &history).expect_err("the type differs");
    let ReplayError::NonDeterminism(report) = error else {
        panic!("{error}")
    };
    assert_eq!(
        (report.kind, report.event_id),
        (NonDeterminismKind::DifferentAttributes, 5)
    );
    assert!(report.message.contains("another"), "{report}");
}
