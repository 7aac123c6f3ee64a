//! The verbs about the cluster.

use clap::Subcommand;
use serde_json::json;
use steadfast_proto::grpc::health::v1::HealthCheckRequest;
use steadfast_proto::grpc::health::v1::health_check_response::ServingStatus;
use steadfast_proto::temporal::api::operatorservice::v1::ListClustersRequest;
use steadfast_proto::temporal::api::workflowservice::v1::{
    GetClusterInfoRequest, GetSystemInfoRequest,
};

use crate::problem::Problem;
use crate::remote::Run;
use crate::remote::session::{Failed, Session};
use crate::remote::text::{Card, Table};
use crate::report::GOOD;

/// The service whose health is meant. temporal: sdk-go, CheckHealth.
const SERVICE: &str = "temporal.api.workflowservice.v1.WorkflowService";

/// The verbs about the cluster.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Say whether it serves
    Health,
    /// Say what it is
    Describe {
        /// Show more of it
        #[arg(long)]
        detail: bool,
    },
    /// Say what it can
    System,
    /// List clusters
    List {
        /// At most so many
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
    },
}

impl Run for Verb {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        match self {
            Self::Health => health(session).await,
            Self::Describe { detail } => describe(session, detail).await,
            Self::System => system(session).await,
            Self::List { limit } => list(session, limit).await,
        }
    }
}

async fn health(session: &Session<'_>) -> Result<(), Problem> {
    let request = HealthCheckRequest {
        service: SERVICE.to_owned(),
    };
    let request = session.connection.short(request);
    let checked = session.connection.health().check(request).await;
    let status = checked.map_err(Failed::from)?.into_inner().status();
    if status != ServingStatus::Serving {
        return Err(Problem::refused(format!(
            "the server is {}",
            status.as_str_name()
        )));
    }
    if session.out.is_json() {
        return session.out.document(&json!({ "status": "SERVING" }));
    }
    session.out.line(&format!("{GOOD}SERVING{GOOD:#}"))
}

async fn describe(session: &Session<'_>, detail: bool) -> Result<(), Problem> {
    let request = GetClusterInfoRequest::default();
    let info = session
        .ask(request, async |mut c, r| c.get_cluster_info(r).await)
        .await?;
    if session.out.is_json() {
        return session.out.message(&info);
    }
    let mut card = Card::default()
        .text("ClusterName", &info.cluster_name)
        .text("PersistenceStore", &info.persistence_store)
        .text("VisibilityStore", &info.visibility_store);
    if detail {
        card = card
            .text("ClusterId", &info.cluster_id)
            .text("HistoryShardCount", &info.history_shard_count.to_string())
            .text("ServerVersion", &info.server_version);
    }
    session.out.card(&card)
}

async fn system(session: &Session<'_>) -> Result<(), Problem> {
    let request = GetSystemInfoRequest::default();
    let info = session
        .ask(request, async |mut c, r| c.get_system_info(r).await)
        .await?;
    if session.out.is_json() {
        return session.out.message(&info);
    }
    let can = info.capabilities.unwrap_or_default();
    let card = Card::default()
        .text("ServerVersion", &info.server_version)
        .text("SupportsSchedules", &can.supports_schedules.to_string())
        .text("UpsertMemo", &can.upsert_memo.to_string())
        .text("EagerWorkflowStart", &can.eager_workflow_start.to_string());
    session.out.card(&card)
}

async fn list(session: &Session<'_>, limit: Option<usize>) -> Result<(), Problem> {
    session.out.begin_list();
    let mut left = limit.filter(|limit| *limit > 0).unwrap_or(usize::MAX);
    let mut next_page_token = bytes::Bytes::new();
    loop {
        let request = ListClustersRequest {
            next_page_token,
            ..ListClustersRequest::default()
        };
        let page = session
            .ask_operator(request, async |mut c, r| c.list_clusters(r).await)
            .await?;
        let mut clusters = page.clusters;
        clusters.truncate(left);
        left -= clusters.len();
        let mut table = Table::new([
            "Name",
            "ClusterId",
            "Address",
            "HistoryShardCount",
            "Connected",
        ]);
        for cluster in &clusters {
            if session.out.is_json() {
                session.out.message(cluster)?;
            }
            table.row([
                cluster.cluster_name.clone(),
                cluster.cluster_id.clone(),
                cluster.address.clone(),
                cluster.history_shard_count.to_string(),
                cluster.is_connection_enabled.to_string(),
            ]);
        }
        session.out.table(&table)?;
        next_page_token = page.next_page_token;
        if next_page_token.is_empty() || left == 0 {
            return session.out.end_list();
        }
    }
}
