//! The verbs about batch jobs.

use clap::Subcommand;
use steadfast_proto::temporal::api::workflowservice::v1::{
    DescribeBatchOperationRequest, DescribeBatchOperationResponse, ListBatchOperationsRequest,
    StopBatchOperationRequest,
};

use super::Run;
use super::output::Output;
use super::session::{Failed, Session};
use super::text::{Card, Table, short};
use crate::problem::Problem;

/// The verbs about batch jobs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Say how far a batch job is
    Describe {
        /// The job
        #[arg(long, value_name = "ID")]
        job_id: String,
    },
    /// List batch jobs
    List {
        /// At most so many
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
    },
    /// End a batch job
    Terminate {
        /// The job
        #[arg(long, value_name = "ID")]
        job_id: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

impl Run for Verb {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        match self {
            Self::Describe { job_id } => describe(session, &job_id).await,
            Self::List { limit } => list(session, limit).await,
            Self::Terminate { job_id, reason } => terminate(session, &job_id, reason).await,
        }
    }
}

/// A job that is not there is named.
fn named(failed: Failed, job_id: &str) -> Problem {
    match failed.is_not_found() {
        true => Problem::refused(format!("could not find Batch Job '{job_id}'")),
        false => failed.into(),
    }
}

async fn describe(session: &Session<'_>, job_id: &str) -> Result<(), Problem> {
    let request = DescribeBatchOperationRequest {
        namespace: session.namespace(),
        job_id: job_id.to_owned(),
    };
    let described = session.ask(request, async |mut c, r| {
        c.describe_batch_operation(r).await
    });
    let job = described.await.map_err(|failed| named(failed, job_id))?;
    if session.out.is_json() {
        return session.out.message(&job);
    }
    session.out.card(&card(&session.out, &job))
}

fn card(out: &Output<'_>, job: &DescribeBatchOperationResponse) -> Card {
    let of = |count: i64| format!("{count}/{}", job.total_operation_count);
    Card::default()
        .text(
            "State",
            &short(job.state().as_str_name(), "BATCH_OPERATION_STATE_"),
        )
        .text(
            "Type",
            &short(job.operation_type().as_str_name(), "BATCH_OPERATION_TYPE_"),
        )
        .text("StartTime", &out.times.show(job.start_time.as_ref()))
        .some("CloseTime", &out.times.show(job.close_time.as_ref()))
        .text("CompletedCount", &of(job.complete_operation_count))
        .text("FailureCount", &of(job.failure_operation_count))
}

async fn list(session: &Session<'_>, limit: Option<usize>) -> Result<(), Problem> {
    session.out.begin_list();
    let mut left = limit.filter(|limit| *limit > 0).unwrap_or(usize::MAX);
    let mut next_page_token = bytes::Bytes::new();
    let mut headed = false;
    loop {
        let request = ListBatchOperationsRequest {
            namespace: session.namespace(),
            next_page_token,
            ..ListBatchOperationsRequest::default()
        };
        let page = session
            .ask(request, async |mut c, r| c.list_batch_operations(r).await)
            .await?;
        let mut jobs = page.operation_info;
        jobs.truncate(left);
        left -= jobs.len();
        let mut table = Table::new(["JobId", "State", "StartTime", "CloseTime"]).headed(headed);
        for job in &jobs {
            if session.out.is_json() {
                session.out.message(job)?;
            }
            let state = short(job.state().as_str_name(), "BATCH_OPERATION_STATE_");
            let time = |time: Option<&_>| session.out.times.show(time);
            let (start, close) = (time(job.start_time.as_ref()), time(job.close_time.as_ref()));
            table.row([job.job_id.clone(), state, start, close]);
        }
        if !table.is_empty() {
            session.out.table(&table)?;
            headed = true;
        }
        next_page_token = page.next_page_token;
        if next_page_token.is_empty() || left == 0 {
            return session.out.end_list();
        }
    }
}

async fn terminate(session: &Session<'_>, job_id: &str, reason: String) -> Result<(), Problem> {
    let request = StopBatchOperationRequest {
        namespace: session.namespace(),
        job_id: job_id.to_owned(),
        reason,
        identity: session.identity(),
    };
    let stopped = session.ask(request, async |mut c, r| c.stop_batch_operation(r).await);
    stopped.await.map_err(|failed| named(failed, job_id))?;
    session
        .out
        .line(&format!("Terminated Batch Job '{job_id}'"))
}
