//! Those who look after namespaces and their search attributes.

use steadfast_core::{Rejection, namespace::wire, visibility::operator};
use steadfast_proto::temporal::api::{
    operatorservice::v1::{
        AddSearchAttributesRequest, AddSearchAttributesResponse, DeleteNamespaceRequest,
        DeleteNamespaceResponse, ListSearchAttributesRequest, ListSearchAttributesResponse,
        RemoveSearchAttributesRequest, RemoveSearchAttributesResponse,
    },
    workflowservice::v1::{
        DeprecateNamespaceRequest, DeprecateNamespaceResponse, DescribeNamespaceRequest,
        DescribeNamespaceResponse, ListNamespacesRequest, ListNamespacesResponse,
        RegisterNamespaceRequest, RegisterNamespaceResponse, UpdateNamespaceRequest,
        UpdateNamespaceResponse,
    },
};
use tonic::Request;

use super::{Called, Frontend};
use crate::{access, status::status};

impl Frontend {
    pub(super) async fn register_namespace(
        &self,
        request: Request<RegisterNamespaceRequest>,
    ) -> Called<RegisterNamespaceResponse> {
        self.ask(wire::register(request.into_inner())).await?;
        Ok(RegisterNamespaceResponse {})
    }

    pub(super) async fn describe_namespace(
        &self,
        request: Request<DescribeNamespaceRequest>,
    ) -> Called<DescribeNamespaceResponse> {
        let body = request.into_inner();
        if body.id.is_empty() {
            self.namespace(&body.namespace)?;
        } else {
            access::check_everything().map_err(status)?;
        }
        match wire::describe(&body, &self.engine.registry()) {
            // Where any name is a namespace, one that nobody registered has nothing that could be told.
            Err(Rejection::NamespaceNotFound(name)) if body.id.is_empty() => {
                Ok(wire::describe_unregistered(&name))
            }
            answer => answer.map_err(status),
        }
    }

    pub(super) async fn list_namespaces(
        &self,
        request: Request<ListNamespacesRequest>,
    ) -> Called<ListNamespacesResponse> {
        access::check_everything().map_err(status)?;
        wire::list(&request.into_inner(), &self.engine.registry()).map_err(status)
    }

    pub(super) async fn update_namespace(
        &self,
        request: Request<UpdateNamespaceRequest>,
    ) -> Called<UpdateNamespaceResponse> {
        let body = request.into_inner();
        let namespace = body.namespace.clone();
        self.ask(wire::update(body)).await?;
        let now = DescribeNamespaceRequest {
            namespace,
            ..DescribeNamespaceRequest::default()
        };
        let now = wire::describe(&now, &self.engine.registry()).map_err(status)?;
        Ok(UpdateNamespaceResponse {
            namespace_info: now.namespace_info,
            config: now.config,
            replication_config: now.replication_config,
            failover_version: now.failover_version,
            is_global_namespace: now.is_global_namespace,
        })
    }

    pub(super) async fn deprecate_namespace(
        &self,
        request: Request<DeprecateNamespaceRequest>,
    ) -> Called<DeprecateNamespaceResponse> {
        self.ask(wire::deprecate(&request.into_inner())).await?;
        Ok(DeprecateNamespaceResponse {})
    }

    pub(super) async fn delete_namespace(
        &self,
        request: Request<DeleteNamespaceRequest>,
    ) -> Called<DeleteNamespaceResponse> {
        let asked = wire::delete(&request.into_inner(), &self.engine.registry());
        let deleted_namespace = match &asked {
            Ok(steadfast_core::Request::Namespace(request)) => request.name.to_string(),
            _ => String::new(),
        };
        self.ask(asked).await?;
        Ok(DeleteNamespaceResponse { deleted_namespace })
    }

    pub(super) async fn add_search_attributes(
        &self,
        request: Request<AddSearchAttributesRequest>,
    ) -> Called<AddSearchAttributesResponse> {
        self.ask(wire::add_search_attributes(request.into_inner()))
            .await?;
        Ok(AddSearchAttributesResponse {})
    }

    pub(super) async fn remove_search_attributes(
        &self,
        request: Request<RemoveSearchAttributesRequest>,
    ) -> Called<RemoveSearchAttributesResponse> {
        self.ask(wire::remove_search_attributes(request.into_inner()))
            .await?;
        Ok(RemoveSearchAttributesResponse {})
    }

    pub(super) async fn list_search_attributes(
        &self,
        request: Request<ListSearchAttributesRequest>,
    ) -> Called<ListSearchAttributesResponse> {
        let body = request.into_inner();
        self.namespace(&body.namespace)?;
        let types = self.engine.attribute_types(&body.namespace);
        Ok(operator::attributes(&types.unwrap_or_default()))
    }
}
