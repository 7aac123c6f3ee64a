//! `update-options` of one activity.

use clap::Args;
use prost_types::FieldMask;
use steadfast_proto::temporal::api::activity::v1::ActivityOptions;
use steadfast_proto::temporal::api::taskqueue::v1::TaskQueue;
use steadfast_proto::temporal::api::workflowservice::v1::UpdateActivityExecutionOptionsRequest;
use uuid::Uuid;

use super::ActivityArgs;
use super::start::{RetryArgs, TimeoutArgs};
use crate::problem::Problem;
use crate::remote::Run;
use crate::remote::session::Session;
use crate::remote::text::{Card, span_text};
use crate::remote::workflow::proto_span;

/// See the module documentation.
#[derive(Debug, Args)]
pub(crate) struct UpdateOptions {
    #[command(flatten)]
    activity: ActivityArgs,
    /// Whose workers run it
    #[arg(long, value_name = "NAME")]
    task_queue: Option<String>,
    #[command(flatten)]
    timeouts: TimeoutArgs,
    #[command(flatten)]
    retry: RetryArgs,
    /// Its options are again those that it was scheduled with
    #[arg(long)]
    restore_original_options: bool,
}

impl UpdateOptions {
    /// The fields that were given, by their paths.
    fn given(&self) -> Vec<String> {
        let (timeouts, retry) = (&self.timeouts, &self.retry);
        let fields = [
            ("task_queue.name", self.task_queue.is_some()),
            (
                "schedule_to_close_timeout",
                timeouts.schedule_to_close_timeout.is_some(),
            ),
            (
                "schedule_to_start_timeout",
                timeouts.schedule_to_start_timeout.is_some(),
            ),
            (
                "start_to_close_timeout",
                timeouts.start_to_close_timeout.is_some(),
            ),
            ("heartbeat_timeout", timeouts.heartbeat_timeout.is_some()),
            ("start_delay", timeouts.start_delay.is_some()),
            (
                "retry_policy.initial_interval",
                retry.retry_initial_interval.is_some(),
            ),
            (
                "retry_policy.maximum_interval",
                retry.retry_maximum_interval.is_some(),
            ),
            (
                "retry_policy.backoff_coefficient",
                retry.retry_backoff_coefficient.is_some(),
            ),
            (
                "retry_policy.maximum_attempts",
                retry.retry_maximum_attempts.is_some(),
            ),
        ];
        let given = fields.into_iter().filter(|(_, given)| *given);
        given.map(|(path, _)| path.to_owned()).collect()
    }
}

impl Run for UpdateOptions {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        let paths = self.given();
        let resource_id = self.activity.resource();
        let options = ActivityOptions {
            task_queue: self.task_queue.map(|name| TaskQueue {
                name,
                ..TaskQueue::default()
            }),
            schedule_to_close_timeout: proto_span(self.timeouts.schedule_to_close_timeout),
            schedule_to_start_timeout: proto_span(self.timeouts.schedule_to_start_timeout),
            start_to_close_timeout: proto_span(self.timeouts.start_to_close_timeout),
            heartbeat_timeout: proto_span(self.timeouts.heartbeat_timeout),
            start_delay: proto_span(self.timeouts.start_delay),
            retry_policy: self.retry.policy(),
            ..ActivityOptions::default()
        };
        let request = UpdateActivityExecutionOptionsRequest {
            namespace: session.namespace(),
            workflow_id: self.activity.workflow_id,
            activity_id: self.activity.activity_id,
            run_id: self.activity.run_id,
            identity: session.identity(),
            activity_options: Some(options),
            update_mask: Some(FieldMask { paths }),
            restore_original: self.restore_original_options,
            resource_id,
            request_id: Uuid::new_v4().to_string(),
        };
        let updated = session.ask(request, async |mut c, r| {
            c.update_activity_execution_options(r).await
        });
        let updated = updated.await?;
        if session.out.is_json() {
            return session.out.message(&updated);
        }
        let options = updated.activity_options.unwrap_or_default();
        session.out.card(&card(&options))
    }
}

fn card(options: &ActivityOptions) -> Card {
    let retry = options.retry_policy.clone().unwrap_or_default();
    let span = |span: &Option<prost_types::Duration>| span_text(span.as_ref());
    Card::default()
        .text(
            "TaskQueue",
            &options.task_queue.clone().unwrap_or_default().name,
        )
        .text(
            "ScheduleToCloseTimeout",
            &span(&options.schedule_to_close_timeout),
        )
        .text(
            "ScheduleToStartTimeout",
            &span(&options.schedule_to_start_timeout),
        )
        .text(
            "StartToCloseTimeout",
            &span(&options.start_to_close_timeout),
        )
        .text("HeartbeatTimeout", &span(&options.heartbeat_timeout))
        .text("InitialInterval", &span(&retry.initial_interval))
        .text("BackoffCoefficient", &retry.backoff_coefficient.to_string())
        .text("MaximumInterval", &span(&retry.maximum_interval))
        .text("MaximumAttempts", &retry.maximum_attempts.to_string())
}
