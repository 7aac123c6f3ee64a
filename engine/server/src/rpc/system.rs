//! Everybody who connects.

use std::collections::BTreeMap;

use steadfast_core::namespace::wire::CLUSTER;
use steadfast_proto::temporal::api::operatorservice::v1::{
    ClusterMetadata, ListClustersRequest, ListClustersResponse,
};
use steadfast_proto::temporal::api::workflowservice::v1::{
    GetClusterInfoRequest, GetClusterInfoResponse, GetSystemInfoRequest, GetSystemInfoResponse,
    get_system_info_response::Capabilities,
};
use tonic::Request;

use super::{Called, Frontend};

/// The release of Temporal's server whose behaviour is followed; SDKs decide by it what they may ask.
const SERVER_VERSION: &str = "1.32.0";

impl Frontend {
    /// The first call of every SDK. A flag is set only if the server does what it promises.
    pub(super) async fn get_system_info(
        &self,
        _: Request<GetSystemInfoRequest>,
    ) -> Called<GetSystemInfoResponse> {
        Ok(GetSystemInfoResponse {
            server_version: SERVER_VERSION.to_owned(),
            capabilities: Some(Capabilities {
                signal_and_query_header: true,
                internal_error_differentiation: true,
                activity_failure_include_heartbeat: true,
                supports_schedules: true,
                encoded_failure_attributes: true,
                upsert_memo: true,
                sdk_metadata: true,
                count_group_by_execution_status: true,
                eager_workflow_start: true,
                nexus: true,
                build_id_based_versioning: true,
                ..Capabilities::default()
            }),
        })
    }

    pub(super) async fn get_cluster_info(
        &self,
        _: Request<GetClusterInfoRequest>,
    ) -> Called<GetClusterInfoResponse> {
        let clients = [
            ("temporal-cli", "<2.0.0"),
            ("temporal-go", "<2.0.0"),
            ("temporal-java", "<2.0.0"),
            ("temporal-php", "<2.0.0"),
            ("temporal-server", "<2.0.0"),
            ("temporal-typescript", "<2.0.0"),
            ("temporal-ui", "<3.0.0"),
        ];
        let supported_clients: BTreeMap<String, String> = clients
            .into_iter()
            .map(|(name, versions)| (name.to_owned(), versions.to_owned()))
            .collect();
        Ok(GetClusterInfoResponse {
            supported_clients,
            server_version: SERVER_VERSION.to_owned(),
            cluster_id: self.cluster_id.clone(),
            cluster_name: CLUSTER.to_owned(),
            history_shard_count: i32::try_from(self.shards).unwrap_or(i32::MAX),
            persistence_store: "steadfast".to_owned(),
            visibility_store: "steadfast".to_owned(),
            initial_failover_version: 1,
            failover_version_increment: 10,
            ..GetClusterInfoResponse::default()
        })
    }

    /// There is one cluster: this server.
    pub(super) async fn list_clusters(
        &self,
        _: Request<ListClustersRequest>,
    ) -> Called<ListClustersResponse> {
        Ok(ListClustersResponse {
            clusters: vec![ClusterMetadata {
                cluster_name: CLUSTER.to_owned(),
                cluster_id: self.cluster_id.clone(),
                initial_failover_version: 1,
                history_shard_count: i32::try_from(self.shards).unwrap_or(i32::MAX),
                is_connection_enabled: true,
                ..ClusterMetadata::default()
            }],
            ..ListClustersResponse::default()
        })
    }
}
