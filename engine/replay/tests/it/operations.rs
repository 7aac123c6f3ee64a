//! Children, other workflows, patches, attributes, continue-as-new, updates.

use std::time::Duration;

use prost::Message as _;
use steadfast_proto::temporal::api::{
    command::v1::command::Attributes as C,
    common::v1::{Memo, SearchAttributes, WorkflowType},
    enums::v1::StartChildWorkflowExecutionFailedCause,
    history::v1::{history_event::Attributes as A, *},
    protocol::v1::{Message, message::SequencingId},
    update::v1::{Input, Meta, Outcome, Rejection, Request, Response, outcome},
};
use steadfast_replay::{NonDeterminismKind, Registry, ReplayError, Workflow, replay_history};
use temporalio_workflow::{
    CancellableFuture as _, CancellableFutureWithReason as _, ChildWorkflowCancellationType,
    ChildWorkflowOptions, ContinueAsNewOptions, SignalWorkflowOptions, SyncWorkflowContext,
    WorkflowContext, WorkflowContextView, WorkflowResult,
    common::{
        MemoValue, SearchAttributeKey, SignalDefinition, UntypedWorkflow, data_converters::RawValue,
    },
    workflow, workflow_methods, workflows,
};

use crate::{
    basics::chain,
    history::{application_failure, execution, json, payloads},
    server::{Server, names},
};

/// Starts a child as told, cancels it when told to, reports how it ended.
#[workflow]
struct Parent {
    kind: String,
    stop: bool,
}

#[workflow_methods]
impl Parent {
    #[init]
    fn new(_ctx: &WorkflowContextView, kind: String) -> Self {
        Self { kind, stop: false }
    }

    #[run(name = "Parent")]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<String> {
        let kind = ctx.state(|s| s.kind.clone());
        let cancel_type = match kind.as_str() {
            "abandon" => ChildWorkflowCancellationType::Abandon,
            "try" => ChildWorkflowCancellationType::TryCancel,
            "requested" => ChildWorkflowCancellationType::WaitCancellationRequested,
            _ => ChildWorkflowCancellationType::WaitCancellationCompleted,
        };
        let options = ChildWorkflowOptions::builder()
            .workflow_id("child-1".to_owned())
            .cancel_type(cancel_type)
            .build();
        let child = UntypedWorkflow::new("Child");
        let input = RawValue::new(Vec::new());
        let starting = ctx.start_child_workflow(child, input, options);
        if kind == "unsent" {
            starting.cancel_with_reason("changed my mind".to_owned());
        }
        let started = match starting.await {
            Ok(started) => started,
            Err(error) => return Ok(format!("not started: {}", chain(&error))),
        };
        let mut result = Box::pin(started.result());
        let ended = workflows::select! {
            ended = result.as_mut() => ended,
            asked = ctx.wait_condition(|s: &Self| s.stop) => {
                asked?;
                result.cancel_with_reason("stop".to_owned());
                result.as_mut().await
            }
        };
        ctx.timer(Duration::from_secs(1)).await;
        Ok(match ended {
            Ok(value) => format!("ok {}", value.payloads.len()),
            Err(error) => format!("err {}", chain(&error)),
        })
    }

    #[signal]
    fn stop(&mut self, _ctx: &mut SyncWorkflowContext<Self>) {
        self.stop = true;
    }
}

struct Poke;

impl SignalDefinition for Poke {
    type Workflow = UntypedWorkflow;
    type Input = u32;

    fn name(&self) -> &str {
        "poke"
    }
}

/// Signals another workflow, then cancels it.
#[workflow]
#[derive(Default)]
struct Neighbour;

#[workflow_methods]
impl Neighbour {
    #[run(name = "Neighbour")]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<String> {
        let other = ctx.external_workflow("other", None);
        let unsent = other.signal(Poke, 0, SignalWorkflowOptions::default());
        unsent.cancel();
        let unsent = unsent.await.is_err();
        let signalled = other
            .signal(Poke, 7, SignalWorkflowOptions::default())
            .await;
        let cancelled = other.cancel(Some("tired".to_owned())).await;
        let said = |result: Result<(), String>| result.err().unwrap_or_else(|| "ok".to_owned());
        Ok(format!(
            "{unsent}, {}, {}",
            said(signalled.map_err(|e| chain(&e))),
            said(cancelled.map(drop).map_err(|e| chain(&e)))
        ))
    }
}

/// The old code, before the patch.
#[workflow]
#[derive(Default)]
struct Unpatched;

#[workflow_methods]
impl Unpatched {
    #[run(name = "Versioned")]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<u32> {
        ctx.timer(Duration::from_secs(1)).await;
        ctx.timer(Duration::from_secs(2)).await;
        Ok(1)
    }
}

/// The new code with both ways.
#[workflow]
#[derive(Default)]
struct Patched;

#[workflow_methods]
impl Patched {
    #[run(name = "Versioned")]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<u32> {
        ctx.timer(Duration::from_secs(1)).await;
        if ctx.patched("no-second-timer") {
            let again = ctx.patched("no-second-timer");
            ctx.patched("more");
            return Ok(if again { 2 } else { 0 });
        }
        ctx.timer(Duration::from_secs(2)).await;
        Ok(1)
    }
}

/// The code when no old run is left.
#[workflow]
#[derive(Default)]
struct Deprecated;

#[workflow_methods]
impl Deprecated {
    #[run(name = "Versioned")]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<u32> {
        ctx.timer(Duration::from_secs(1)).await;
        ctx.deprecate_patch("no-second-timer");
        Ok(2)
    }
}

/// The code when even deprecated runs are gone.
#[workflow]
#[derive(Default)]
struct Cleaned;

#[workflow_methods]
impl Cleaned {
    #[run(name = "Versioned")]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<u32> {
        ctx.timer(Duration::from_secs(1)).await;
        Ok(2)
    }
}

const CITY: SearchAttributeKey<String> = SearchAttributeKey::<String>::keyword("City");

/// Upserts attributes and memo, then continues as new.
#[workflow]
#[derive(Default)]
struct Properties;

#[workflow_methods]
impl Properties {
    #[run(name = "Properties")]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        ctx.upsert_search_attributes([CITY.value_set("Ghent".to_owned())]);
        let _kept = ctx.upsert_memo([("note", Some(MemoValue::new("hello".to_owned())))]);
        ctx.timer(Duration::from_secs(1)).await;
        ctx.continue_as_new((), ContinueAsNewOptions::default())?;
        Ok(())
    }
}

/// Takes updates until told to end.
#[workflow]
#[derive(Default)]
struct Account {
    balance: i64,
    closed: bool,
}

#[workflow_methods]
impl Account {
    #[run(name = "Account")]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<i64> {
        ctx.wait_condition(|s| s.closed).await?;
        Ok(ctx.state(|s| s.balance))
    }

    #[signal]
    fn close(&mut self, _ctx: &mut SyncWorkflowContext<Self>) {
        self.closed = true;
    }

    #[update_validator(deposit)]
    fn check_deposit(
        &self,
        _ctx: &WorkflowContextView,
        amount: &i64,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if *amount > 0 {
            Ok(())
        } else {
            Err("nothing to deposit".into())
        }
    }

    #[update]
    async fn deposit(
        ctx: &mut WorkflowContext<Self>,
        amount: i64,
    ) -> Result<i64, Box<dyn std::error::Error + Send + Sync>> {
        if amount > 100 {
            ctx.timer(Duration::from_secs(1)).await;
        }
        if amount == 13 {
            return Err("unlucky".into());
        }
        ctx.state_mut(|s| s.balance += amount);
        Ok(ctx.state(|s| s.balance))
    }
}

fn registry() -> Registry {
    let mut registry = Registry::default();
    registry
        .register::<Parent>()
        .register::<Neighbour>()
        .register::<Properties>()
        .register::<Account>();
    registry
}

fn initiated(server: &Server) -> i64 {
    server.find(|a| matches!(a, A::StartChildWorkflowExecutionInitiatedEventAttributes(_)))
}

fn child_started(server: &mut Server) -> i64 {
    let initiated_event_id = initiated(server);
    server
        .events
        .add(A::ChildWorkflowExecutionStartedEventAttributes(
            ChildWorkflowExecutionStartedEventAttributes {
                initiated_event_id,
                workflow_execution: execution("child-1", "child-run"),
                ..Default::default()
            },
        ))
}

fn last_result(server: &Server) -> String {
    match &server.events.list.last().expect("events").attributes {
        Some(A::WorkflowExecutionCompletedEventAttributes(done)) => {
            let result = done.result.clone().expect("a result");
            String::from_utf8(result.payloads[0].data.to_vec()).expect("json")
        }
        other => panic!("not completed: {other:?}"),
    }
}

/// Fires the parent's timer and returns what it says at its end.
fn finish_parent(mut server: Server) -> String {
    server.fire("1");
    assert_eq!(names(&server.task()), ["COMPLETE_WORKFLOW_EXECUTION"]);
    server.replay();
    last_result(&server)
}

#[test]
fn every_end_of_a_child_reaches_its_parent() {
    type Close = fn(i64, i64) -> A;
    let closes: [(&str, Close); 5] = [
        ("ok 1", |initiated_event_id, started_event_id| {
            A::ChildWorkflowExecutionCompletedEventAttributes(
                ChildWorkflowExecutionCompletedEventAttributes {
                    initiated_event_id,
                    started_event_id,
                    result: payloads(1),
                    ..Default::default()
                },
            )
        }),
        ("out of stock", |initiated_event_id, started_event_id| {
            A::ChildWorkflowExecutionFailedEventAttributes(
                ChildWorkflowExecutionFailedEventAttributes {
                    initiated_event_id,
                    started_event_id,
                    failure: Some(application_failure("out of stock")),
                    ..Default::default()
                },
            )
        }),
        ("timed out", |initiated_event_id, started_event_id| {
            A::ChildWorkflowExecutionTimedOutEventAttributes(
                ChildWorkflowExecutionTimedOutEventAttributes {
                    initiated_event_id,
                    started_event_id,
                    ..Default::default()
                },
            )
        }),
        ("terminated", |initiated_event_id, started_event_id| {
            A::ChildWorkflowExecutionTerminatedEventAttributes(
                ChildWorkflowExecutionTerminatedEventAttributes {
                    initiated_event_id,
                    started_event_id,
                    ..Default::default()
                },
            )
        }),
        ("cancelled", |initiated_event_id, started_event_id| {
            A::ChildWorkflowExecutionCanceledEventAttributes(
                ChildWorkflowExecutionCanceledEventAttributes {
                    initiated_event_id,
                    started_event_id,
                    ..Default::default()
                },
            )
        }),
    ];
    for (says, close) in closes {
        let mut server = Server::new(&registry(), "Parent", payloads("wait"));
        assert_eq!(names(&server.task()), ["START_CHILD_WORKFLOW_EXECUTION"]);
        let started = child_started(&mut server);
        assert!(server.task().is_empty());
        let initiated = initiated(&server);
        server.events.add(close(initiated, started));
        assert_eq!(names(&server.task()), ["START_TIMER"]);
        let result = finish_parent(server);
        assert!(result.contains(says), "{says}: {result}");
    }
}

#[test]
fn a_child_that_cannot_start_says_why() {
    let mut server = Server::new(&registry(), "Parent", payloads("wait"));
    server.task();
    let initiated_event_id = initiated(&server);
    server
        .events
        .add(A::StartChildWorkflowExecutionFailedEventAttributes(
            StartChildWorkflowExecutionFailedEventAttributes {
                initiated_event_id,
                cause: StartChildWorkflowExecutionFailedCause::WorkflowAlreadyExists.into(),
                ..Default::default()
            },
        ));
    assert_eq!(names(&server.task()), ["COMPLETE_WORKFLOW_EXECUTION"]);
    assert!(last_result(&server).contains("not started"));
    server.replay();
}

#[test]
fn a_child_cancelled_before_it_is_sent_never_starts() {
    let mut server = Server::new(&registry(), "Parent", payloads("unsent"));
    assert_eq!(names(&server.task()), ["COMPLETE_WORKFLOW_EXECUTION"]);
    assert!(
        last_result(&server).contains("not started"),
        "{}",
        last_result(&server)
    );
    server.replay();
}

#[test]
fn children_are_cancelled_in_four_ways() {
    for kind in ["abandon", "try", "requested", "wait"] {
        let mut server = Server::new(&registry(), "Parent", payloads(kind));
        server.task();
        let started_event_id = child_started(&mut server);
        server.task();
        server.events.signal("stop", ());
        let commands = server.task();
        let expected: &[&str] = match kind {
            "abandon" => &["START_TIMER"],
            "try" => &["REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION", "START_TIMER"],
            _ => &["REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION"],
        };
        assert_eq!(names(&commands), expected, "{kind}");
        if kind != "abandon" {
            let Some(C::RequestCancelExternalWorkflowExecutionCommandAttributes(cancel)) =
                &commands[0].attributes
            else {
                panic!("{commands:?}")
            };
            assert!(cancel.child_workflow_only);
            assert_eq!(
                (cancel.reason.as_str(), cancel.workflow_id.as_str()),
                ("stop", "child-1")
            );
            let request = server.find(|a| {
                matches!(
                    a,
                    A::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(_)
                )
            });
            server
                .events
                .add(A::ExternalWorkflowExecutionCancelRequestedEventAttributes(
                    ExternalWorkflowExecutionCancelRequestedEventAttributes {
                        initiated_event_id: request,
                        ..Default::default()
                    },
                ));
            server.task();
        }
        let initiated_event_id = initiated(&server);
        server
            .events
            .add(A::ChildWorkflowExecutionCanceledEventAttributes(
                ChildWorkflowExecutionCanceledEventAttributes {
                    initiated_event_id,
                    started_event_id,
                    ..Default::default()
                },
            ));
        server.task();
        let result = finish_parent(server);
        assert!(result.contains("cancelled"), "{kind}: {result}");
    }
}

#[test]
fn other_workflows_are_signalled_and_cancelled() {
    for found in [true, false] {
        let mut server = Server::new(&registry(), "Neighbour", None);
        assert_eq!(
            names(&server.task()),
            ["SIGNAL_EXTERNAL_WORKFLOW_EXECUTION"]
        );
        let initiated_event_id = server.find(|a| {
            matches!(
                a,
                A::SignalExternalWorkflowExecutionInitiatedEventAttributes(_)
            )
        });
        server.events.add(if found {
            A::ExternalWorkflowExecutionSignaledEventAttributes(
                ExternalWorkflowExecutionSignaledEventAttributes {
                    initiated_event_id,
                    ..Default::default()
                },
            )
        } else {
            A::SignalExternalWorkflowExecutionFailedEventAttributes(
                SignalExternalWorkflowExecutionFailedEventAttributes {
                    initiated_event_id,
                    cause: 1,
                    ..Default::default()
                },
            )
        });
        let commands = server.task();
        let Some(C::RequestCancelExternalWorkflowExecutionCommandAttributes(cancel)) =
            &commands[0].attributes
        else {
            panic!("{commands:?}")
        };
        assert!(cancel.reason.ends_with("with reason: tired") && !cancel.child_workflow_only);
        let initiated_event_id = server.find(|a| {
            matches!(
                a,
                A::RequestCancelExternalWorkflowExecutionInitiatedEventAttributes(_)
            )
        });
        server.events.add(if found {
            A::ExternalWorkflowExecutionCancelRequestedEventAttributes(
                ExternalWorkflowExecutionCancelRequestedEventAttributes {
                    initiated_event_id,
                    ..Default::default()
                },
            )
        } else {
            A::RequestCancelExternalWorkflowExecutionFailedEventAttributes(
                RequestCancelExternalWorkflowExecutionFailedEventAttributes {
                    initiated_event_id,
                    cause: 1,
                    ..Default::default()
                },
            )
        });
        server.task();
        let result = last_result(&server);
        assert!(result.starts_with("\"true, "), "{result}");
        assert_eq!(result.contains("ok, ok"), found, "{result}");
        server.replay();
    }
}

fn versioned<W: Workflow>() -> Registry {
    let mut registry = Registry::default();
    registry.register::<W>();
    registry
}

fn versioned_run(registry: &Registry) -> Server {
    let mut server = Server::new(registry, "Versioned", None);
    server.task();
    server.fire("1");
    server.task();
    server
}

#[test]
fn a_patch_records_its_marker_and_its_search_attribute() {
    let server = versioned_run(&versioned::<Patched>());
    let upsert = "UPSERT_WORKFLOW_SEARCH_ATTRIBUTES";
    assert_eq!(
        names(&server.last.commands),
        [
            "RECORD_MARKER",
            upsert,
            "RECORD_MARKER",
            upsert,
            "COMPLETE_WORKFLOW_EXECUTION"
        ]
    );
    let Some(C::RecordMarkerCommandAttributes(marker)) = &server.last.commands[0].attributes else {
        panic!("{:?}", server.last.commands)
    };
    assert_eq!(marker.marker_name, "core_patch");
    let data = &marker.details["patch-data"].payloads[0];
    assert_eq!(
        &data.data[..],
        br#"{"id":"no-second-timer","deprecated":false}"#
    );
    let Some(C::UpsertWorkflowSearchAttributesCommandAttributes(second)) =
        &server.last.commands[3].attributes
    else {
        panic!("{:?}", server.last.commands)
    };
    let fields = &second
        .search_attributes
        .as_ref()
        .expect("attributes")
        .indexed_fields;
    let ids = &fields["TemporalChangeVersion"];
    assert_eq!(&ids.data[..], br#"["more","no-second-timer"]"#);
    assert_eq!(&ids.metadata["type"][..], b"KeywordList");
    server.replay();
}

#[test]
fn both_sides_of_a_patch_replay_and_the_wrong_code_is_refused() {
    let old = {
        let mut server = versioned_run(&versioned::<Unpatched>());
        server.fire("2");
        server.task();
        server.events.history()
    };
    let new = versioned_run(&versioned::<Patched>()).events.history();
    let deprecated = versioned_run(&versioned::<Deprecated>()).events.history();

    replay_history(&versioned::<Patched>(), &old).expect("the old side of the patch");
    replay_history(&versioned::<Patched>(), &new).expect("the new side of the patch");
    replay_history(&versioned::<Patched>(), &deprecated).expect("the patch that both know");
    replay_history(&versioned::<Cleaned>(), &deprecated)
        .expect("deprecated markers may stand alone");

    let error = replay_history(&versioned::<Unpatched>(), &new).expect_err("the patch is unknown");
    let ReplayError::NonDeterminism(report) = error else {
        panic!("{error}")
    };
    assert_eq!(report.kind, NonDeterminismKind::MissingPatch);
    assert!(report.history.contains("patch no-second-timer"), "{report}");
    let error = replay_history(&versioned::<Cleaned>(), &new).expect_err("the marker still counts");
    assert!(matches!(error, ReplayError::NonDeterminism(_)), "{error}");
}

#[test]
fn a_patch_met_after_a_deployment_in_mid_flight_takes_the_old_way() {
    let mut server = Server::new(&versioned::<Unpatched>(), "Versioned", None);
    server.task();
    server.fire("1");
    server.task();
    // The new build takes over between two tasks.
    server.registry = versioned::<Patched>();
    server.replace_worker();
    server.fire("2");
    assert_eq!(names(&server.task()), ["COMPLETE_WORKFLOW_EXECUTION"]);
    assert_eq!(last_result(&server), "1");
    server.replay();
}

#[test]
fn properties_are_upserted_and_carried_over() {
    let mut server = Server::new(&registry(), "Properties", None);
    let Some(A::WorkflowExecutionStartedEventAttributes(started)) =
        &mut server.events.list[0].attributes
    else {
        panic!("no start event")
    };
    started.memo = Some(Memo {
        fields: [("first".to_owned(), json(1))].into(),
    });
    started.search_attributes = Some(SearchAttributes {
        indexed_fields: [("Old".to_owned(), json(2))].into(),
    });
    let expected = [
        "UPSERT_WORKFLOW_SEARCH_ATTRIBUTES",
        "MODIFY_WORKFLOW_PROPERTIES",
        "START_TIMER",
    ];
    assert_eq!(names(&server.task()), expected);
    server.fire("1");
    let commands = server.task();
    let Some(C::ContinueAsNewWorkflowExecutionCommandAttributes(next)) = &commands[0].attributes
    else {
        panic!("{commands:?}")
    };
    let memo = next.memo.as_ref().expect("the memo is carried over");
    assert_eq!(memo.fields.keys().collect::<Vec<_>>(), ["first"]);
    let attributes = next
        .search_attributes
        .as_ref()
        .expect("attributes are carried over");
    assert_eq!(
        attributes.indexed_fields.keys().collect::<Vec<_>>(),
        ["City", "Old"]
    );
    assert_eq!(
        next.workflow_type,
        Some(WorkflowType {
            name: "Properties".to_owned()
        })
    );
    server.replay();
}

fn deposit(server: &Server, id: &str, amount: i64) -> Message {
    let request = Request {
        meta: Some(Meta {
            update_id: id.to_owned(),
            ..Default::default()
        }),
        input: Some(Input {
            name: "deposit".to_owned(),
            args: payloads(amount),
            ..Default::default()
        }),
        ..Default::default()
    };
    Message {
        id: format!("{id}/request"),
        protocol_instance_id: id.to_owned(),
        body: Some(prost_types::Any {
            type_url: "type.googleapis.com/temporal.api.update.v1.Request".to_owned(),
            value: request.encode_to_vec(),
        }),
        // The task's started event is the second one from here.
        sequencing_id: Some(SequencingId::EventId(server.events.last_id() + 1)),
    }
}

fn outcome_of(message: &Message) -> Outcome {
    let body = message.body.as_ref().expect("a body");
    Response::decode(body.value.as_slice())
        .expect("a response")
        .outcome
        .expect("an outcome")
}

#[test]
fn updates_are_accepted_completed_rejected_and_replayed() {
    let mut server = Server::new(&registry(), "Account", None);
    server.task();
    let quick = deposit(&server, "u1", 5);
    assert_eq!(
        names(&server.task_with(vec![quick], Default::default())),
        ["PROTOCOL_MESSAGE", "PROTOCOL_MESSAGE"]
    );
    let ids: Vec<_> = server.last.messages.iter().map(|m| m.id.as_str()).collect();
    assert_eq!(ids, ["u1/request/accept", "u1/request/complete"]);
    let success = outcome::Value::Success(payloads(5).expect("payloads"));
    assert_eq!(outcome_of(&server.last.messages[1]).value, Some(success));

    let slow = deposit(&server, "u2", 200);
    assert_eq!(
        names(&server.task_with(vec![slow], Default::default())),
        ["PROTOCOL_MESSAGE", "START_TIMER"]
    );
    server.fire("1");
    assert_eq!(names(&server.task()), ["PROTOCOL_MESSAGE"]);

    let unlucky = deposit(&server, "u3", 13);
    server.task_with(vec![unlucky], Default::default());
    let Some(outcome::Value::Failure(failure)) = outcome_of(&server.last.messages[1]).value else {
        panic!("{:?}", server.last.messages)
    };
    assert!(failure.message.contains("unlucky"), "{failure:?}");

    server.events.signal("close", ());
    server.task();
    assert_eq!(last_result(&server), "205");
    server.replay();
}

#[test]
fn a_rejected_update_leaves_no_trace_and_its_task_can_be_dropped() {
    let mut server = Server::new(&registry(), "Account", None);
    server.task();
    let digest = server.run.digest();
    let refused = deposit(&server, "u1", -1);
    let before = server.events.clone();
    assert!(
        server
            .task_with(vec![refused], Default::default())
            .is_empty()
    );
    let [message] = server.last.messages.as_slice() else {
        panic!("{:?}", server.last.messages)
    };
    assert_eq!(message.id, "u1/request/reject");
    let body = message.body.as_ref().expect("a body");
    let rejection = Rejection::decode(body.value.as_slice()).expect("a rejection");
    assert!(
        rejection
            .failure
            .expect("why")
            .message
            .contains("nothing to deposit")
    );
    assert_eq!(server.run.digest(), digest);

    // The server forgets the speculative task.
    server.drop_task(before, 3);
    server.events.signal("close", ());
    assert_eq!(names(&server.task()), ["COMPLETE_WORKFLOW_EXECUTION"]);
    server.replay();
}
