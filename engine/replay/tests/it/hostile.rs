//! Histories that no server writes: refused in words, never with a panic.

use std::time::Duration;

use proptest::prelude::*;
use prost::Message as _;
use steadfast_proto::temporal::api::{
    enums::v1::EventType,
    history::v1::{History, HistoryEvent, history_event::Attributes as A, *},
};
use steadfast_replay::{CachedRun, Registry, ReplayError, Task, TaskOutcome, replay_history};
use temporalio_workflow::{
    ActivityOptions, CancellableFuture as _, ChildWorkflowOptions, LocalActivityOptions,
    SyncWorkflowContext, WorkflowContext, WorkflowResult,
    common::{ActivityDefinition, UntypedWorkflow, data_converters::RawValue},
    workflow, workflow_methods, workflows,
};

use crate::{
    history::{Events, execution, payloads},
    server::{Server, init},
};

struct Work;

impl ActivityDefinition for Work {
    type Input = u32;
    type Output = u32;

    fn name(&self) -> &str {
        "work"
    }
}

/// A little of everything.
#[workflow]
#[derive(Default)]
struct Medley {
    poked: u32,
}

#[workflow_methods]
impl Medley {
    #[run(name = "Medley")]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<u32> {
        let options = ActivityOptions::start_to_close_timeout(Duration::from_secs(1));
        let slow = ctx.timer(Duration::from_secs(100));
        let worked = ctx.execute_activity(Work, 1u32, options.clone()).await?;
        ctx.patched("one");
        let options_of_child = ChildWorkflowOptions::workflow_id("child-1".to_owned());
        let child = UntypedWorkflow::new("Child");
        let started = ctx.start_child_workflow(child, RawValue::new(Vec::new()), options_of_child);
        let _ended = started.await?.result().await?;
        ctx.wait_condition(|s| s.poked > 0).await?;
        slow.cancel();
        let local = ctx.execute_local_activity(Work, 2u32, LocalActivityOptions::default());
        let again = ctx.execute_activity(Work, 3u32, options);
        let (local, again) = workflows::join!(local, again);
        Ok(worked + local? + again?)
    }

    #[signal]
    fn poke(&mut self, _ctx: &mut SyncWorkflowContext<Self>, by: u32) {
        self.poked += by;
    }
}

fn registry() -> Registry {
    let mut registry = Registry::default();
    registry.register::<Medley>();
    registry
}

/// A valid history with many kinds of events. Its local activity's marker is written by hand.
fn medley() -> History {
    let mut server = Server::new(&registry(), "Medley", None);
    server.task();
    server.complete("1", 1);
    server.task();
    let initiated_event_id =
        server.find(|a| matches!(a, A::StartChildWorkflowExecutionInitiatedEventAttributes(_)));
    let started_event_id = server
        .events
        .add(A::ChildWorkflowExecutionStartedEventAttributes(
            ChildWorkflowExecutionStartedEventAttributes {
                initiated_event_id,
                workflow_execution: execution("child-1", "child-run"),
                ..Default::default()
            },
        ));
    server.task();
    server
        .events
        .add(A::ChildWorkflowExecutionCompletedEventAttributes(
            ChildWorkflowExecutionCompletedEventAttributes {
                initiated_event_id,
                started_event_id,
                result: payloads(1),
                ..Default::default()
            },
        ));
    server.task();
    server.events.signal("poke", 1);
    let mut events = server.events.clone();
    events.task();
    let timer = server.timer("1");
    events.add(A::TimerCanceledEventAttributes(
        TimerCanceledEventAttributes {
            timer_id: "1".to_owned(),
            started_event_id: timer,
            ..Default::default()
        },
    ));
    let scheduled = events.activity_scheduled("3", "work");
    let marker = serde_json::json!({
        "seq": 2, "attempt": 1, "activity_id": "2", "activity_type": "work",
        "complete_time": null, "backoff": null, "original_schedule_time": null,
    });
    events.add(A::MarkerRecordedEventAttributes(
        MarkerRecordedEventAttributes {
            marker_name: "core_local_activity".to_owned(),
            details: [
                ("data".to_owned(), payloads(marker).expect("payloads")),
                ("result".to_owned(), payloads(2).expect("payloads")),
            ]
            .into(),
            ..Default::default()
        },
    ));
    events.activity_completed(scheduled, 3);
    events.task();
    events.completed(6);
    events.history()
}

#[test]
fn the_medley_itself_replays() {
    let history = medley();
    if let Err(error) = replay_history(&registry(), &history) {
        panic!("{error}");
    }
}

/// One way to spoil a history.
#[derive(Debug, Clone)]
enum Spoil {
    Remove(usize),
    Duplicate(usize),
    Swap(usize, usize),
    Truncate(usize),
    Renumber(usize, i64),
    NoAttributes(usize, bool),
    Type(usize, i32),
    /// The event gets another one's attributes.
    Graft(usize, usize),
    /// All references of the event point elsewhere.
    Redirect(usize, i64),
    NoTime(usize),
    /// One byte of the encoding changes.
    Byte(usize, u8),
}

fn spoils() -> impl Strategy<Value = Spoil> {
    let at = 0usize..64;
    let id = prop_oneof![-2i64..70, Just(i64::MIN), Just(i64::MAX)];
    prop_oneof![
        at.clone().prop_map(Spoil::Remove),
        at.clone().prop_map(Spoil::Duplicate),
        (at.clone(), at.clone()).prop_map(|(a, b)| Spoil::Swap(a, b)),
        at.clone().prop_map(Spoil::Truncate),
        (at.clone(), id.clone()).prop_map(|(a, b)| Spoil::Renumber(a, b)),
        (at.clone(), any::<bool>()).prop_map(|(a, b)| Spoil::NoAttributes(a, b)),
        (at.clone(), 0i32..70).prop_map(|(a, b)| Spoil::Type(a, b)),
        (at.clone(), at.clone()).prop_map(|(a, b)| Spoil::Graft(a, b)),
        (at.clone(), id).prop_map(|(a, b)| Spoil::Redirect(a, b)),
        at.prop_map(Spoil::NoTime),
        (0usize..6000, any::<u8>()).prop_map(|(a, b)| Spoil::Byte(a, b)),
    ]
}

fn spoil(history: &mut History, spoil: &Spoil, renumber: bool) {
    let events = &mut history.events;
    if events.is_empty() {
        return;
    }
    let count = events.len();
    match *spoil {
        Spoil::Remove(at) => drop(events.remove(at % count)),
        Spoil::Duplicate(at) => events.insert(at % count, events[at % count].clone()),
        Spoil::Swap(a, b) => events.swap(a % count, b % count),
        Spoil::Truncate(at) => events.truncate(at % count),
        Spoil::Renumber(at, id) => events[at % count].event_id = id,
        Spoil::NoAttributes(at, ignorable) => {
            let event = &mut events[at % count];
            event.attributes = None;
            event.worker_may_ignore = ignorable;
        }
        Spoil::Type(at, kind) => events[at % count].event_type = kind,
        Spoil::Graft(at, from) => {
            let HistoryEvent {
                event_type,
                attributes,
                ..
            } = events[from % count].clone();
            let event = &mut events[at % count];
            (event.event_type, event.attributes) = (event_type, attributes);
        }
        Spoil::Redirect(at, id) => redirect(&mut events[at % count], id),
        Spoil::NoTime(at) => events[at % count].event_time = None,
        Spoil::Byte(at, byte) => {
            let mut bytes = history.encode_to_vec();
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Ok(decoded) = History::decode(bytes.as_slice()) {
                *history = decoded;
            }
        }
    }
    if renumber {
        for (event, id) in history.events.iter_mut().zip(1..) {
            event.event_id = id;
        }
    }
}

fn redirect(event: &mut HistoryEvent, id: i64) {
    match &mut event.attributes {
        Some(A::ActivityTaskStartedEventAttributes(a)) => a.scheduled_event_id = id,
        Some(A::ActivityTaskCompletedEventAttributes(a)) => a.scheduled_event_id = id,
        Some(A::TimerCanceledEventAttributes(a)) => a.started_event_id = id,
        Some(A::ChildWorkflowExecutionStartedEventAttributes(a)) => a.initiated_event_id = id,
        Some(A::ChildWorkflowExecutionCompletedEventAttributes(a)) => a.initiated_event_id = id,
        Some(A::WorkflowTaskStartedEventAttributes(a)) => a.scheduled_event_id = id,
        Some(A::WorkflowTaskCompletedEventAttributes(a)) => a.started_event_id = id,
        _ => {}
    }
}

/// The machines must refuse what would make the SDK's runtime panic.
fn no_runtime_panic(text: &str) {
    assert!(!text.contains("panicked"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn spoiled_histories_never_panic(
        changes in prop::collection::vec(spoils(), 1..4),
        renumber in any::<bool>(),
    ) {
        let mut history = medley();
        for change in &changes {
            spoil(&mut history, change, renumber);
        }
        match replay_history(&registry(), &history) {
            Err(ReplayError::TaskFailed { failure, .. }) => no_runtime_panic(&failure.message),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
            Ok(_) => {}
        }
    }

    #[test]
    fn spoiled_tasks_never_panic(
        changes in prop::collection::vec(spoils(), 1..4),
        renumber in any::<bool>(),
        cut in 0usize..64,
        previous in -1i64..64,
    ) {
        let mut history = medley();
        for change in &changes {
            spoil(&mut history, change, renumber);
        }
        let mut run = CachedRun::new(&registry(), init("Medley")).expect("registered");
        let (first, second) = history.events.split_at(cut.min(history.events.len()));
        for events in [first, second, &history.events] {
            let task = Task { events, previous_started_event_id: previous, ..Task::default() };
            if let TaskOutcome::Failed { failure, .. } = run.task(task) {
                no_runtime_panic(&failure.message);
            }
        }
    }
}

fn refused(history: &History) -> (i64, String) {
    match replay_history(&registry(), history) {
        Err(ReplayError::InvalidHistory { event_id, why }) => (event_id, why),
        other => panic!("{other:?}"),
    }
}

#[test]
fn unknown_events_are_passed_over_only_if_they_say_so() {
    let mut events = Events::start("Medley", None);
    events.list.push(HistoryEvent {
        event_id: 2,
        event_type: 999,
        worker_may_ignore: true,
        ..Default::default()
    });
    let mut history = events.history();
    replay_history(&registry(), &history).expect("it may be ignored");
    history.events[1].worker_may_ignore = false;
    let (event_id, why) = refused(&history);
    assert_eq!(event_id, 2);
    assert!(why.contains("unknown event type 999"), "{why}");
}

#[test]
fn attributes_of_another_type_are_refused() {
    let mut history = medley();
    history.events[4].event_type = EventType::TimerFired.into();
    let (event_id, why) = refused(&history);
    assert_eq!(event_id, 5);
    assert!(why.contains("TimerFired"), "{why}");
}

#[test]
fn nexus_is_refused_clearly() {
    let mut history = medley();
    history.events.truncate(5);
    history.events[4].event_type = EventType::NexusOperationScheduled.into();
    history.events[4].attributes = Some(A::NexusOperationScheduledEventAttributes(
        NexusOperationScheduledEventAttributes::default(),
    ));
    let (event_id, why) = refused(&history);
    assert_eq!(
        (event_id, why.as_str()),
        (
            5,
            "NexusOperationScheduled: Nexus operations are not supported"
        )
    );
}

#[test]
fn outcomes_must_fit_their_operations() {
    let history = medley();
    let find = |kind: EventType| {
        history
            .events
            .iter()
            .position(|event| event.event_type() == kind)
            .expect("such an event")
    };
    // Twice completed.
    let completed = find(EventType::ActivityTaskCompleted);
    let mut twice = history.clone();
    twice.events.truncate(completed + 1);
    let again = HistoryEvent {
        event_id: completed as i64 + 2,
        ..twice.events[completed].clone()
    };
    twice.events.push(again);
    assert_eq!(refused(&twice).0, completed as i64 + 2);
    // Completed, but never started.
    let mut unstarted = history.clone();
    unstarted.events.remove(completed - 1);
    unstarted.events.truncate(completed);
    let ended = &mut unstarted.events[completed - 1];
    ended.event_id -= 1;
    if let Some(A::ActivityTaskCompletedEventAttributes(done)) = &mut ended.attributes {
        done.started_event_id = 0;
    }
    assert_eq!(
        refused(&unstarted).1,
        "the activity ended before it started"
    );
    // A result of two payloads.
    let mut wide = history.clone();
    let Some(A::ActivityTaskCompletedEventAttributes(done)) =
        &mut wide.events[completed].attributes
    else {
        panic!("{:?}", wide.events[completed])
    };
    let payload = done.result.as_ref().expect("a result").payloads[0].clone();
    done.result
        .as_mut()
        .expect("a result")
        .payloads
        .push(payload);
    assert!(refused(&wide).1.contains("2 payloads"));
}
