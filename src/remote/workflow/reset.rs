//! `reset`: of one workflow to an event, or to a point that its kind names; or of many, in a batch job.

use clap::Args;
use steadfast_proto::temporal::api::batch::v1::BatchOperationReset;
use steadfast_proto::temporal::api::common::v1::{ResetOptions, reset_options};
use steadfast_proto::temporal::api::enums::v1::{
    EventType, ResetReapplyExcludeType, ResetReapplyType,
};
use steadfast_proto::temporal::api::history::v1::history_event::Attributes;
use steadfast_proto::temporal::api::workflowservice::v1::start_batch_operation_request::Operation;
use steadfast_proto::temporal::api::workflowservice::v1::{
    ResetWorkflowExecutionRequest, StartBatchOperationRequest,
};
use uuid::Uuid;

use crate::problem::Problem;
use crate::remote::Run;
use crate::remote::args::choices;
use crate::remote::history::{Events, Order};
use crate::remote::session::Session;
use crate::remote::target::{confirm_batch, execution, start_batch, user};

/// The point to which a workflow is reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Point {
    FirstWorkflowTask,
    LastWorkflowTask,
    LastContinuedAsNew,
    BuildId,
}

const POINTS: &[(&str, Point)] = &[
    ("FirstWorkflowTask", Point::FirstWorkflowTask),
    ("LastWorkflowTask", Point::LastWorkflowTask),
    ("LastContinuedAsNew", Point::LastContinuedAsNew),
    ("BuildId", Point::BuildId),
];
const REAPPLY: &[(&str, ResetReapplyType)] = &[
    ("All", ResetReapplyType::AllEligible),
    ("Signal", ResetReapplyType::Signal),
    ("None", ResetReapplyType::None),
];
const EXCLUDE: &[(&str, Option<ResetReapplyExcludeType>)] = &[
    ("All", None),
    ("Signal", Some(ResetReapplyExcludeType::Signal)),
    ("Update", Some(ResetReapplyExcludeType::Update)),
];
/// What is excluded when everything is.
#[expect(deprecated, reason = "as the real command line excludes everything")]
const EVERYTHING: [ResetReapplyExcludeType; 4] = [
    ResetReapplyExcludeType::Signal,
    ResetReapplyExcludeType::Update,
    ResetReapplyExcludeType::Nexus,
    ResetReapplyExcludeType::CancelRequest,
];

/// See the module documentation.
#[derive(Debug, Args)]
pub(crate) struct Reset {
    /// The workflow
    #[arg(
        long,
        short,
        value_name = "ID",
        conflicts_with = "query",
        required_unless_present = "query"
    )]
    workflow_id: Option<String>,
    /// The run [default: the latest]
    #[arg(
        long,
        short,
        value_name = "ID",
        default_value = "",
        hide_default_value = true,
        conflicts_with = "query"
    )]
    run_id: String,
    /// The event that ended the workflow task to go back to
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(i64).range(1..),
        required_unless_present = "point", conflicts_with_all = ["point", "query"])]
    event_id: Option<i64>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// What happens again after the point
    #[arg(long, value_name = "KIND", value_parser = choices(REAPPLY), default_value = "All")]
    reapply_type: ResetReapplyType,
    /// What does not happen again; may be repeated
    #[arg(long, value_name = "KIND", value_parser = choices(EXCLUDE), ignore_case = true)]
    reapply_exclude: Vec<Option<ResetReapplyExcludeType>>,
    /// The kind of point to go back to
    #[arg(long = "type", short = 't', value_name = "KIND", value_parser = choices(POINTS))]
    point: Option<Point>,
    /// Go back to before this build worked on it
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    build_id: String,
    /// All workflows that this list filter chooses, in a batch job
    #[arg(long, short, value_name = "FILTER")]
    query: Option<String>,
    /// Do not ask before the batch job starts
    #[arg(long, short)]
    yes: bool,
}

impl Run for Reset {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        if !self.reapply_exclude.is_empty() && self.reapply_type != ResetReapplyType::AllEligible {
            return Err(Problem::user(
                "--reapply-type and --reapply-exclude contradict each other",
            ));
        }
        match &self.workflow_id {
            Some(workflow_id) => self.one(session, workflow_id).await,
            None => self.many(session).await,
        }
    }
}

impl Reset {
    fn excluded(&self) -> Vec<i32> {
        if self.reapply_exclude.contains(&None) {
            return EVERYTHING.map(i32::from).to_vec();
        }
        self.reapply_exclude
            .iter()
            .flatten()
            .map(|kind| i32::from(*kind))
            .collect()
    }

    #[expect(
        deprecated,
        reason = "older servers know no other way to leave out what is reapplied"
    )]
    async fn one(&self, session: &Session<'_>, workflow_id: &str) -> Result<(), Problem> {
        let (run_id, event_id) = match (self.point, self.event_id) {
            (Some(point), _) => find(session, workflow_id, &self.run_id, point).await?,
            (None, event_id) => (self.run_id.clone(), event_id.unwrap_or_default()),
        };
        session.out.line(&format!(
            "Resetting workflow {workflow_id} to event ID {event_id}"
        ))?;
        let request = ResetWorkflowExecutionRequest {
            namespace: session.namespace(),
            workflow_execution: Some(execution(workflow_id, &run_id)),
            reason: format!("{}: {}", user(), self.reason),
            workflow_task_finish_event_id: event_id,
            request_id: Uuid::new_v4().to_string(),
            reset_reapply_type: self.reapply_type.into(),
            reset_reapply_exclude_types: self.excluded(),
            identity: session.identity(),
            ..ResetWorkflowExecutionRequest::default()
        };
        let reset = session
            .ask(request, async |mut c, r| {
                c.reset_workflow_execution(r).await
            })
            .await?;
        session.out.message(&reset)
    }

    #[expect(
        deprecated,
        reason = "older servers know no other way to leave out what is reapplied"
    )]
    async fn many(&self, session: &Session<'_>) -> Result<(), Problem> {
        let target = match self.point {
            Some(Point::FirstWorkflowTask) => reset_options::Target::FirstWorkflowTask(()),
            Some(Point::LastWorkflowTask) => reset_options::Target::LastWorkflowTask(()),
            Some(Point::BuildId) if !self.build_id.is_empty() => {
                reset_options::Target::BuildId(self.build_id.clone())
            }
            Some(Point::BuildId) => return Err(Problem::user("--build-id says which build")),
            Some(Point::LastContinuedAsNew) | None => {
                return Err(Problem::user(
                    "a batch job resets to FirstWorkflowTask, LastWorkflowTask or BuildId",
                ));
            }
        };
        let query = self.query.clone().unwrap_or_default();
        confirm_batch(session, &query, self.yes).await?;
        let request = StartBatchOperationRequest {
            namespace: session.namespace(),
            job_id: Uuid::new_v4().to_string(),
            visibility_query: query,
            reason: self.reason.clone(),
            ..StartBatchOperationRequest::default()
        };
        let operation = Operation::ResetOperation(BatchOperationReset {
            identity: session.identity(),
            options: Some(ResetOptions {
                target: Some(target),
                reset_reapply_type: self.reapply_type.into(),
                reset_reapply_exclude_types: self.excluded(),
                ..ResetOptions::default()
            }),
            ..BatchOperationReset::default()
        });
        start_batch(session, request, operation).await
    }
}

/// The run and the event of a point. A workflow task that never ended is met behind the event that scheduled it.
// temporal: cli commands.workflow_reset.go, the point is the first or last WorkflowTaskCompleted, or one past the
// WorkflowTaskScheduled where there is none.
async fn find(
    session: &Session<'_>,
    workflow_id: &str,
    run_id: &str,
    point: Point,
) -> Result<(String, i64), Problem> {
    let (run_id, order) = match point {
        Point::FirstWorkflowTask => (run_id.to_owned(), Order::Forward),
        Point::LastWorkflowTask => (run_id.to_owned(), Order::Reverse),
        Point::LastContinuedAsNew => {
            let before = previous_run(session, workflow_id, run_id).await?;
            (before, Order::Reverse)
        }
        Point::BuildId => {
            return Err(Problem::user(
                "--type BuildId is for batch jobs: give --query",
            ));
        }
    };
    let mut events = Events::of(session, workflow_id, &run_id, order);
    let mut scheduled = None;
    while let Some(event) = events.next().await? {
        match event.event_type() {
            EventType::WorkflowTaskCompleted => return Ok((run_id, event.event_id)),
            EventType::WorkflowTaskScheduled if order == Order::Forward => {
                scheduled = scheduled.or(Some(event.event_id + 1));
            }
            EventType::WorkflowTaskScheduled => scheduled = Some(event.event_id + 1),
            _ => {}
        }
    }
    let found = scheduled.filter(|_| point != Point::LastContinuedAsNew);
    found
        .map(|event_id| (run_id, event_id))
        .ok_or_else(|| Problem::refused("the workflow has no workflow task to go back to"))
}

/// The run that this one continues.
async fn previous_run(
    session: &Session<'_>,
    workflow_id: &str,
    run_id: &str,
) -> Result<String, Problem> {
    let first = Events::of(session, workflow_id, run_id, Order::Forward)
        .next()
        .await?;
    match first.and_then(|event| event.attributes) {
        Some(Attributes::WorkflowExecutionStartedEventAttributes(started))
            if !started.continued_execution_run_id.is_empty() =>
        {
            Ok(started.continued_execution_run_id)
        }
        _ => Err(Problem::refused(
            "the workflow was not continued from another run",
        )),
    }
}
