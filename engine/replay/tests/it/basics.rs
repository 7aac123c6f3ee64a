//! Timers, activities, signals, queries, ends of runs.

use std::time::Duration;

use steadfast_proto::temporal::api::{
    command::v1::command::Attributes as C,
    enums::v1::{QueryResultType, WorkflowTaskFailedCause},
    history::v1::{history_event::Attributes as A, *},
};
use steadfast_replay::{CachedRun, NonDeterminismKind, Registry, ReplayError, Task, TaskOutcome};
use crate::{
    history::{application_failure, json, payloads},
    server::{Server, init, names},
};
use temporalio_workflow::{
    ActivityCancellationType, ActivityOptions, CancellableFuture as _, SyncWorkflowContext,
    WorkflowContext, WorkflowContextView, WorkflowResult, common::ActivityDefinition, workflow,
    workflow_methods,
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

fn registry() -> Registry {
    let mut registry = Registry::default();
    registry.register::<Order>();
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
    assert_eq!(names(&server.task()), ["COMMAND_TYPE_START_TIMER"]);
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
    assert_eq!(
        charge.task_queue.as_ref().expect("queue").name,
        crate::history::QUEUE
    );
    assert_eq!(server.query("paid").answer, payloads(0));

    server.complete("1", 40);
    assert_eq!(
        names(&server.task()),
        ["COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION"]
    );
    assert_eq!(server.query("paid").answer, payloads(40));
    let report = server.replay();
    assert!(report.closed);
    assert_eq!(report.digest, server.run.digest());
}
