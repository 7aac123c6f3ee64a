//! Code that does not do what its history says, and code that cannot be replayed at all.

use std::{
    cell::RefCell,
    rc::Rc,
    task::{Poll, Waker},
    time::Duration,
};

use steadfast_proto::temporal::api::{
    enums::v1::WorkflowTaskFailedCause,
    history::v1::{History, HistoryEvent, history_event::Attributes as A},
    sdk::v1::WorkflowTaskCompletedMetadata,
};
use steadfast_replay::{
    NonDeterminism, NonDeterminismKind as Kind, Registry, ReplayError, Workflow, replay_history,
};
use temporalio_workflow::{
    ActivityOptions, WorkflowContext, WorkflowResult, common::ActivityDefinition, workflow,
    workflow_methods, workflows,
};

use crate::{history::Events, server::Server};

struct Step(&'static str);

impl ActivityDefinition for Step {
    type Input = ();
    type Output = u32;

    fn name(&self) -> &str {
        self.0
    }
}

fn options() -> ActivityOptions {
    ActivityOptions::start_to_close_timeout(Duration::from_secs(1))
}

/// As it was recorded: a timer beside two activities, then another activity.
#[workflow]
#[derive(Default)]
struct Recorded;

#[workflow_methods]
impl Recorded {
    #[run(name = "Steps")]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<u32> {
        let timer = ctx.timer(Duration::from_secs(1));
        let reserve = ctx.execute_activity(Step("reserve"), (), options());
        let charge = ctx.execute_activity(Step("charge"), (), options());
        let (_, reserved, charged) = workflows::join!(timer, reserve, charge);
        let shipped = ctx.execute_activity(Step("ship"), (), options()).await?;
        Ok(reserved? + charged? + shipped)
    }
}

/// The order of two commands has changed.
#[workflow]
#[derive(Default)]
struct Swapped;

#[workflow_methods]
impl Swapped {
    #[run(name = "Steps")]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<u32> {
        let reserve = ctx.execute_activity(Step("reserve"), (), options());
        let timer = ctx.timer(Duration::from_secs(1));
        let charge = ctx.execute_activity(Step("charge"), (), options());
        let (_, reserved, charged) = workflows::join!(timer, reserve, charge);
        Ok(reserved? + charged?)
    }
}

/// An activity has another name.
#[workflow]
#[derive(Default)]
struct Renamed;

#[workflow_methods]
impl Renamed {
    #[run(name = "Steps")]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<u32> {
        let timer = ctx.timer(Duration::from_secs(1));
        let reserve = ctx.execute_activity(Step("reserve"), (), options());
        let charge = ctx.execute_activity(Step("bill"), (), options());
        let (_, reserved, charged) = workflows::join!(timer, reserve, charge);
        Ok(reserved? + charged?)
    }
}

/// The last step is gone.
#[workflow]
#[derive(Default)]
struct Shorter;

#[workflow_methods]
impl Shorter {
    #[run(name = "Steps")]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<u32> {
        let timer = ctx.timer(Duration::from_secs(1));
        let reserve = ctx.execute_activity(Step("reserve"), (), options());
        let charge = ctx.execute_activity(Step("charge"), (), options());
        let (_, reserved, charged) = workflows::join!(timer, reserve, charge);
        Ok(reserved? + charged?)
    }
}

/// One more step at the end.
#[workflow]
#[derive(Default)]
struct Longer;

#[workflow_methods]
impl Longer {
    #[run(name = "Steps")]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<u32> {
        let timer = ctx.timer(Duration::from_secs(1));
        let reserve = ctx.execute_activity(Step("reserve"), (), options());
        let charge = ctx.execute_activity(Step("charge"), (), options());
        let (_, reserved, charged) = workflows::join!(timer, reserve, charge);
        let shipped = ctx.execute_activity(Step("ship"), (), options()).await?;
        ctx.timer(Duration::from_secs(9)).await;
        Ok(reserved? + charged? + shipped)
    }
}

/// Only the timer is left.
#[workflow]
#[derive(Default)]
struct Empty;

#[workflow_methods]
impl Empty {
    #[run(name = "Steps")]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<u32> {
        ctx.wait_condition(|_| false).await?;
        Ok(0)
    }
}

fn only<W: Workflow>() -> Registry {
    let mut registry = Registry::default();
    registry.register_as::<W>("Steps");
    registry
}

/// Events: 5 timer, 6 reserve, 7 charge; then fired and completed; then ship.
fn recorded() -> History {
    let mut server = Server::new(&only::<Recorded>(), "Steps", None);
    server.task();
    server.fire("1");
    server.complete("1", 1);
    server.complete("2", 2);
    server.task();
    server.complete("3", 3);
    server.task();
    server.replay();
    server.events.history()
}

fn refused<W: Workflow>(history: &History) -> Box<NonDeterminism> {
    match replay_history(&only::<W>(), history) {
        Err(ReplayError::NonDeterminism(report)) => report,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_swapped_command_is_shown_beside_the_event_it_should_have_been() {
    let report = refused::<Swapped>(&recorded());
    assert_eq!(
        (report.kind, report.event_id, report.started_event_id),
        (Kind::DifferentCommand, 5, 3)
    );
    assert_eq!(report.history, "TimerStarted (id 1)");
    assert_eq!(report.code, "ScheduleActivityTask (reserve, id 1)");
    assert_eq!(
        report.to_string(),
        "\
[TMPRL1100] Nondeterminism error: history has TimerStarted (id 1) where the code issues ScheduleActivityTask (reserve, id 1)
workflow Steps `wf`, run 5d3f0a56-3b7e-4d0e-9a55-0f6d2c9a1111, event 5, workflow task started by event 3
   event  history says                           code says
>      5  TimerStarted (id 1)                    ScheduleActivityTask (reserve, id 1)
       6  ActivityTaskScheduled (reserve, id 1)  StartTimer (id 1)
       7  ActivityTaskScheduled (charge, id 2)   ScheduleActivityTask (charge, id 2)"
    );
    let json = serde_json::to_value(&report).expect("serialises");
    assert_eq!(json["kind"], "different_command");
    assert_eq!(json["event_id"], 5);
    assert_eq!(json["rows"][0]["differs"], true);
    assert_eq!(json["rows"][1]["code"], "StartTimer (id 1)");
    let back: NonDeterminism = serde_json::from_value(json).expect("reads back");
    assert_eq!(back, *report);
}

#[test]
fn renamed_shorter_longer_and_missing_commands_are_told_apart() {
    let history = recorded();
    let report = refused::<Renamed>(&history);
    assert_eq!(
        (report.kind, report.event_id),
        (Kind::DifferentAttributes, 7)
    );
    assert!(
        report.message.contains("'charge'") && report.message.contains("'bill'"),
        "{report}"
    );
    assert_eq!(report.rows.iter().filter(|row| row.differs).count(), 1);
    assert_eq!(
        report.rows[0].event_id,
        Some(5),
        "what matched before stands above"
    );

    let report = refused::<Shorter>(&history);
    assert_eq!(report.kind, Kind::DifferentCommand);
    assert_eq!(report.history, "ActivityTaskScheduled (ship, id 3)");
    assert_eq!(report.code, "CompleteWorkflowExecution");

    let report = refused::<Longer>(&history);
    assert_eq!(report.kind, Kind::DifferentCommand);
    assert_eq!(
        (report.history.as_str(), report.code.as_str()),
        ("WorkflowExecutionCompleted", "StartTimer (id 2)")
    );

    let report = refused::<Empty>(&history);
    assert_eq!(
        (report.kind, report.event_id, report.code.as_str()),
        (Kind::MissingCommand, 5, "nothing")
    );
}

#[test]
fn more_commands_than_an_open_history_has_are_no_error() {
    let mut history = recorded();
    history.events.pop();
    replay_history(&only::<Longer>(), &history).expect("lenient at the end");
    replay_history(&only::<Shorter>(), &history).expect_err("but not before it");
}

#[test]
fn every_altered_event_is_refused_by_name() {
    type Change = fn(&mut HistoryEvent);
    let history = recorded();
    let alter = |id: usize, change: Change| {
        let mut altered = history.clone();
        change(&mut altered.events[id - 1]);
        altered
    };
    let cases: [(usize, Change, &str); 8] = [
        (1, |e| e.event_id = 2, "event 1 should stand here"),
        (4, |e| e.attributes = None, "no attributes"),
        (
            5,
            |e| {
                attributes(e, |a| {
                    if let A::TimerStartedEventAttributes(t) = a {
                        t.timer_id = "9".into()
                    }
                })
            },
            "Timer id",
        ),
        (
            6,
            |e| {
                attributes(e, |a| {
                    if let A::ActivityTaskScheduledEventAttributes(t) = a {
                        t.activity_id = "9".into()
                    }
                })
            },
            "Activity id",
        ),
        (
            8,
            |e| {
                attributes(e, |a| {
                    if let A::TimerFiredEventAttributes(t) = a {
                        t.started_event_id = 6
                    }
                })
            },
            "refers to event 6 as TimerStarted",
        ),
        (
            8,
            |e| {
                attributes(e, |a| {
                    if let A::TimerFiredEventAttributes(t) = a {
                        t.timer_id = "7".into()
                    }
                })
            },
            "did not have expected timer id",
        ),
        (
            10,
            |e| {
                attributes(e, |a| {
                    if let A::ActivityTaskCompletedEventAttributes(t) = a {
                        t.scheduled_event_id = 5
                    }
                })
            },
            "refers to event 5 as ActivityTaskScheduled",
        ),
        (
            10,
            |e| {
                attributes(e, |a| {
                    if let A::ActivityTaskCompletedEventAttributes(t) = a {
                        t.scheduled_event_id = 2
                    }
                })
            },
            "refers to event 2",
        ),
    ];
    for (id, change, says) in cases {
        let error = replay_history(&only::<Recorded>(), &alter(id, change)).expect_err(says);
        let event_id = match &error {
            ReplayError::NonDeterminism(report) => report.event_id,
            ReplayError::InvalidHistory { event_id, .. } => *event_id,
            other => panic!("{other}"),
        };
        let text = error.to_string();
        assert!(text.contains(says), "{says}: {text}");
        assert!(event_id == id as i64 || id == 1, "event {id}: {text}");
    }
}

fn attributes(event: &mut HistoryEvent, change: impl Fn(&mut A)) {
    change(event.attributes.as_mut().expect("attributes"));
}

#[test]
fn a_live_task_reports_the_difference_in_its_failure() {
    let mut server = Server::new(&only::<Recorded>(), "Steps", None);
    server.task();
    server.fire("1");
    server.registry = only::<Swapped>();
    server.replace_worker();
    let (cause, message, report) = server.failing_task();
    assert_eq!(cause, WorkflowTaskFailedCause::NonDeterministicError);
    assert!(
        message.starts_with("[TMPRL1100] Nondeterminism error: "),
        "{message}"
    );
    assert_eq!(report.expect("a report").event_id, 5);
}

/// A channel of no SDK: it wakes its reader behind the SDK's back.
#[workflow]
#[derive(Default)]
struct Foreign;

#[workflow_methods]
impl Foreign {
    #[run(name = "Steps")]
    async fn run(_ctx: &mut WorkflowContext<Self>) -> WorkflowResult<u32> {
        let slot: Rc<RefCell<Option<Waker>>> = Rc::default();
        let reader = std::future::poll_fn(|context| {
            let seen = slot.borrow_mut().replace(context.waker().clone());
            if seen.is_some() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        });
        let writer = async {
            let waker = slot.borrow_mut().clone();
            if let Some(waker) = waker {
                waker.wake();
            }
        };
        workflows::join!(reader, writer);
        Ok(1)
    }
}

#[workflow]
#[derive(Default)]
struct Panics;

#[workflow_methods]
impl Panics {
    #[run(name = "Steps")]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<u32> {
        ctx.timer(Duration::from_secs(1)).await;
        std::panic::panic_any("first line\nsecond line".to_owned());
    }
}

#[test]
fn wake_ups_from_outside_the_sdk_fail_the_task() {
    let mut server = Server::new(&only::<Foreign>(), "Steps", None);
    let (cause, message, report) = server.failing_task();
    assert_eq!(cause, WorkflowTaskFailedCause::NonDeterministicError);
    assert!(
        message.contains("[TMPRL1100]") && message.contains("non-SDK source"),
        "{message}"
    );
    assert!(report.is_none());
}

#[test]
fn a_panic_fails_the_task() {
    let mut server = Server::new(&only::<Panics>(), "Steps", None);
    server.task();
    server.fire("1");
    let (cause, message, report) = server.failing_task();
    assert_eq!(
        cause,
        WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure
    );
    assert_eq!(message, "Workflow function panicked: first line");
    assert!(report.is_none());
    let history = server.events.history();
    let error = replay_history(&only::<Panics>(), &history).expect_err("it panics again");
    assert!(
        matches!(
            error,
            ReplayError::TaskFailed {
                started_event_id: 8,
                ..
            }
        ),
        "{error:?}"
    );
}

#[test]
fn an_empty_history_is_no_history() {
    let error = replay_history(&only::<Recorded>(), &History::default()).expect_err("empty");
    assert_eq!(
        error.to_string(),
        "invalid history at event 0: the history is empty"
    );
    let events = Events::start("Steps", None);
    replay_history(&only::<Recorded>(), &events.history()).expect("a run that has only started");
}

#[test]
fn histories_older_than_the_id_checks_are_spared_them() {
    let by_hand = |flags: Vec<u32>| {
        let metadata = Some(WorkflowTaskCompletedMetadata {
            core_used_flags: flags,
            ..Default::default()
        });
        let mut events = Events::start("Steps", None);
        events.start_task();
        events.complete_task(metadata);
        events.timer_started("1");
        events.activity_scheduled("another id", "reserve");
        events.activity_scheduled("2", "charge");
        events.signal("nobody listens", ());
        events.start_task();
        events.complete_task(None);
        events.history()
    };
    replay_history(&only::<Recorded>(), &by_hand(Vec::new())).expect("no flag, no check");
    let error = replay_history(&only::<Recorded>(), &by_hand(vec![1])).expect_err("checked");
    assert!(error.to_string().contains("'another id'"), "{error}");
}
