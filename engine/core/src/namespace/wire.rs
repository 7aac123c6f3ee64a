//! Requests about namespaces, parsed; and what callers are told of them.
// temporal: service/frontend/namespace_handler.go.

use std::{collections::BTreeMap, time::Duration};

use steadfast_proto::temporal::api::{
    enums::v1::{ArchivalState, NamespaceState},
    namespace::v1::{
        NamespaceConfig, NamespaceInfo as WireInfo,
        namespace_info::{Capabilities, Limits},
    },
    operatorservice::v1::{
        AddSearchAttributesRequest, DeleteNamespaceRequest, RemoveSearchAttributesRequest,
    },
    replication::v1::{ClusterReplicationConfig, NamespaceReplicationConfig},
    workflowservice::v1::{
        DeprecateNamespaceRequest, DescribeNamespaceRequest, DescribeNamespaceResponse,
        ListNamespacesRequest, ListNamespacesResponse, RegisterNamespaceRequest,
        UpdateNamespaceRequest,
    },
};

use super::{
    MIN_RETENTION, NamespaceAction, NamespaceChanges, NamespaceInfo, NamespaceRequest, Registry,
    SYSTEM_NAMESPACE,
};
use crate::{
    effect::Rejection,
    ids::Namespace,
    limits::{MAX_BLOB_BYTES, MAX_COMPLETION_BYTES, MAX_ID_LENGTH},
    request::Request,
    time::{Timestamp, duration_from_proto, duration_to_proto},
    visibility::operator::{check_added, check_removed},
};

/// The name of the one cluster that there is.
pub const CLUSTER: &str = "active";

/// Namespaces in one page of a list. temporal: `frontend` namespace list page size.
const PAGE: usize = 1_000;

fn invalid<T>(why: impl Into<String>) -> Result<T, Rejection> {
    Err(Rejection::InvalidArgument(why.into()))
}

fn name(name: &str) -> Result<Namespace, Rejection> {
    if name.is_empty() {
        return invalid("Namespace not set on request.");
    }
    if name.len() > MAX_ID_LENGTH {
        return invalid("Namespace length exceeds limit.");
    }
    if name == SYSTEM_NAMESPACE {
        return Err(Rejection::PermissionDenied(format!(
            "namespace {SYSTEM_NAMESPACE} is the server's own"
        )));
    }
    Ok(Namespace::new(name))
}

fn request(name: Namespace, action: NamespaceAction) -> Request {
    Request::Namespace(NamespaceRequest { name, action })
}

/// Everything about a namespace's search attributes and the namespace itself, to be read.
#[must_use]
pub fn read() -> Request {
    request(Namespace::new(""), NamespaceAction::Read)
}

/// A new namespace.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn register(wire: RegisterNamespaceRequest) -> Result<Request, Rejection> {
    let retention = retention(wire.workflow_execution_retention_period.as_ref())?;
    if wire.is_global_namespace {
        return invalid("Cannot register global namespace when not enabled.");
    }
    let info = NamespaceInfo {
        id: String::new(),
        description: wire.description,
        owner_email: wire.owner_email,
        data: wire.data,
        retention,
        deprecated: false,
        search_attributes: BTreeMap::new(),
        created: Timestamp::EPOCH,
    };
    if size(&info) > MAX_BLOB_BYTES {
        return invalid("Blob data size exceeds limit.");
    }
    Ok(request(
        name(&wire.namespace)?,
        NamespaceAction::Register(Box::new(info)),
    ))
}

fn size(info: &NamespaceInfo) -> usize {
    let data: usize = info.data.iter().map(|(k, v)| k.len() + v.len()).sum();
    info.description.len() + info.owner_email.len() + data
}

fn retention(given: Option<&prost_types::Duration>) -> Result<Duration, Rejection> {
    match given.map(|given| duration_from_proto(Some(given))) {
        Some(Some(given)) if given >= MIN_RETENTION => Ok(given),
        _ => invalid("A valid retention period is not set on request."),
    }
}

/// Changes of a namespace.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn update(wire: UpdateNamespaceRequest) -> Result<Request, Rejection> {
    let info = wire.update_info.unwrap_or_default();
    let given = |text: String| (!text.is_empty()).then_some(text);
    let config = wire.config.unwrap_or_default();
    let ttl = config.workflow_execution_retention_ttl;
    let changes = NamespaceChanges {
        description: given(info.description),
        owner_email: given(info.owner_email),
        data: info.data,
        retention: ttl.as_ref().map(|ttl| retention(Some(ttl))).transpose()?,
    };
    let name = name(&wire.namespace)?;
    if info.state == i32::from(NamespaceState::Deprecated) {
        return Ok(request(name, NamespaceAction::Deprecate));
    }
    Ok(request(name, NamespaceAction::Update(Box::new(changes))))
}

/// A namespace in which nothing new is to be started.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn deprecate(wire: &DeprecateNamespaceRequest) -> Result<Request, Rejection> {
    Ok(request(name(&wire.namespace)?, NamespaceAction::Deprecate))
}

/// A namespace that is to go. The registry turns an id into a name.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn delete(wire: &DeleteNamespaceRequest, registry: &Registry) -> Result<Request, Rejection> {
    let found = match (wire.namespace.is_empty(), wire.namespace_id.is_empty()) {
        (false, false) => {
            return invalid("Only one of namespace name or Id should be set on request.");
        }
        (false, true) => name(&wire.namespace)?,
        (true, _) => by_id(&wire.namespace_id, registry)?.0.clone(),
    };
    Ok(request(found, NamespaceAction::Delete))
}

/// Search attributes to be added.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn add_search_attributes(wire: AddSearchAttributesRequest) -> Result<Request, Rejection> {
    check_added(&wire)?;
    Ok(request(
        name(&wire.namespace)?,
        NamespaceAction::AddSearchAttributes(wire.search_attributes),
    ))
}

/// Search attributes to be removed.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn remove_search_attributes(wire: RemoveSearchAttributesRequest) -> Result<Request, Rejection> {
    check_removed(&wire)?;
    Ok(request(
        name(&wire.namespace)?,
        NamespaceAction::RemoveSearchAttributes(wire.search_attributes),
    ))
}

fn by_id<'r>(
    id: &str,
    registry: &'r Registry,
) -> Result<(&'r Namespace, &'r NamespaceInfo), Rejection> {
    registry
        .iter()
        .find(|(_, info)| info.id == id && !id.is_empty())
        .map(|(name, info)| (name, &**info))
        .ok_or_else(|| Rejection::NamespaceNotFound(Namespace::new(id)))
}

/// What a caller is told of a namespace.
///
/// # Errors
/// With Temporal's words if there is none of that name or id.
pub fn describe(
    wire: &DescribeNamespaceRequest,
    registry: &Registry,
) -> Result<DescribeNamespaceResponse, Rejection> {
    let (name, info) = match (wire.namespace.is_empty(), wire.id.is_empty()) {
        (true, true) => return invalid("Namespace not set on request."),
        (true, false) => by_id(&wire.id, registry)?,
        (false, _) => {
            let name = Namespace::new(wire.namespace.as_str());
            let found = registry.get_key_value(&name);
            found
                .map(|(name, info)| (name, &**info))
                .ok_or(Rejection::NamespaceNotFound(name))?
        }
    };
    Ok(description(name, info))
}

/// All namespaces, a page at a time.
///
/// # Errors
/// With Temporal's words if the page token is none.
pub fn list(
    wire: &ListNamespacesRequest,
    registry: &Registry,
) -> Result<ListNamespacesResponse, Rejection> {
    let from = std::str::from_utf8(&wire.next_page_token)
        .map_err(|_| Rejection::InvalidArgument("Invalid NextPageToken.".to_owned()))?;
    let size = usize::try_from(wire.page_size).unwrap_or(0);
    let size = if size == 0 { PAGE } else { size.min(PAGE) };
    let mut rest = registry.range(Namespace::new(from)..);
    let namespaces = rest
        .by_ref()
        .take(size)
        .map(|(name, info)| description(name, info))
        .collect();
    let next = rest.next().map(|(name, _)| name.as_str().to_owned());
    Ok(ListNamespacesResponse {
        namespaces,
        next_page_token: next.unwrap_or_default().into(),
    })
}

/// What the server does for every namespace.
// A flag is set only if the server does what it promises.
fn capabilities() -> Capabilities {
    Capabilities {
        eager_workflow_start: true,
        worker_heartbeats: true,
        workflow_pause: true,
        standalone_activities: true,
        standalone_activity_start_delay: true,
        worker_poll_complete_on_shutdown: true,
        workflow_task_completion_pagination: true,
        ..Capabilities::default()
    }
}

fn description(name: &Namespace, info: &NamespaceInfo) -> DescribeNamespaceResponse {
    let state = if info.deprecated {
        NamespaceState::Deprecated
    } else {
        NamespaceState::Registered
    };
    let limit = i64::try_from(MAX_BLOB_BYTES).unwrap_or(i64::MAX);
    DescribeNamespaceResponse {
        namespace_info: Some(WireInfo {
            name: name.to_string(),
            state: state.into(),
            description: info.description.clone(),
            owner_email: info.owner_email.clone(),
            data: info.data.clone(),
            id: info.id.clone(),
            capabilities: Some(capabilities()),
            limits: Some(Limits {
                blob_size_limit_error: limit,
                memo_size_limit_error: limit,
                workflow_task_completion_size_limit_error: i64::try_from(MAX_COMPLETION_BYTES)
                    .unwrap_or(i64::MAX),
            }),
            ..WireInfo::default()
        }),
        config: Some(NamespaceConfig {
            workflow_execution_retention_ttl: Some(duration_to_proto(info.retention)),
            history_archival_state: ArchivalState::Disabled.into(),
            visibility_archival_state: ArchivalState::Disabled.into(),
            ..NamespaceConfig::default()
        }),
        replication_config: Some(NamespaceReplicationConfig {
            active_cluster_name: CLUSTER.to_owned(),
            clusters: vec![ClusterReplicationConfig {
                replication_ramp_duration: None,
                cluster_name: CLUSTER.to_owned(),
            }],
            ..NamespaceReplicationConfig::default()
        }),
        ..DescribeNamespaceResponse::default()
    }
}

/// What a caller is told of a namespace that nobody registered, where any name is one.
#[must_use]
pub fn describe_unregistered(name: &Namespace) -> DescribeNamespaceResponse {
    let info = NamespaceInfo {
        id: name.to_string(),
        description: String::new(),
        owner_email: String::new(),
        data: BTreeMap::new(),
        retention: MIN_RETENTION,
        deprecated: false,
        search_attributes: BTreeMap::new(),
        created: Timestamp::EPOCH,
    };
    description(name, &info)
}
