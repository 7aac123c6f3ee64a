//! The registry of endpoints: an entity of its own among the executions, as the namespaces' is.
//!
//! | endpoint | request | next | answer |
//! |---|---|---|---|
//! | – | create, the name is free | version 1 | the registry |
//! | – | create, the name is taken | – | `AlreadyExists` |
//! | version n | update from n | version n + 1 | the registry |
//! | version n | update from another, delete from another | version n | refused |
//! | version n | delete from n, or from 0 | – | the registry |
//! | – | update, delete | – | not found |
//!
//! Every request is answered with the whole registry as it is then: owners keep that as the snapshot by which
//! commands find out where an endpoint leads ([`super::resolve_endpoints`]).
// temporal: service/frontend/nexus_endpoint_client.go, service/matching/nexus_endpoint_manager.go.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};
use steadfast_proto::temporal::api::{
    common::v1::Payload,
    nexus::v1::{
        Endpoint as WireEndpoint, EndpointSpec as WireSpec, EndpointTarget as WireTarget,
        endpoint_target,
    },
};

use super::NexusTarget;
use crate::{
    effect::{Exhausted, Rejection, Reply, ReplyTo},
    ids::{ExecutionKey, Namespace, TaskQueueName},
    limits::MAX_ENDPOINTS,
    namespace::SYSTEM_NAMESPACE,
    record::{Proto, Record},
    shard::{Loaded, Step},
    time::Timestamp,
};

/// The endpoints that there are, by id.
pub type Endpoints = BTreeMap<String, Arc<Endpoint>>;

/// An endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Grows with every change.
    pub version: i64,
    /// What it is.
    pub spec: EndpointSpec,
    /// When it was made.
    pub created: Timestamp,
    /// When it was changed last.
    pub modified: Option<Timestamp>,
}

/// What a caller decides about an endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EndpointSpec {
    /// Unique among all.
    pub name: String,
    /// For people.
    pub description: Option<Proto<Payload>>,
    /// Where it leads.
    pub target: EndpointTarget,
}

/// Where an endpoint leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EndpointTarget {
    /// To workers that poll a queue.
    Worker {
        /// Of which namespace.
        namespace: Namespace,
        /// Which queue.
        queue: TaskQueueName,
    },
    /// To a server elsewhere; noted, but operations behind it are refused.
    External {
        /// Where that is.
        url: String,
    },
}

/// What is asked of the registry.
#[derive(Clone, Debug, PartialEq)]
pub enum EndpointRequest {
    /// Tell what there is.
    Read,
    /// Make one.
    Create(Box<EndpointSpec>),
    /// Change one, if it is still at that version.
    Update {
        /// Which.
        id: String,
        /// The version that the caller has seen.
        version: i64,
        /// What it is to be.
        spec: Box<EndpointSpec>,
    },
    /// Forget one, if it is still at that version.
    Delete {
        /// Which.
        id: String,
        /// The version that the caller has seen; 0 means any.
        version: i64,
    },
}

impl EndpointRequest {
    /// The namespace that an endpoint is to lead to: it must be there.
    #[must_use]
    pub fn namespace(&self) -> Option<&Namespace> {
        match self {
            Self::Create(spec) | Self::Update { spec, .. } => match &spec.target {
                EndpointTarget::Worker { namespace, .. } => Some(namespace),
                EndpointTarget::External { .. } => None,
            },
            Self::Read | Self::Delete { .. } => None,
        }
    }
}

/// Where the registry lives.
#[must_use]
pub fn registry_key() -> ExecutionKey {
    ExecutionKey::new(SYSTEM_NAMESPACE, "temporal-sys-nexus-endpoints")
}

/// Where the endpoint of that name leads, if there is one that leads to workers.
#[must_use]
pub fn target_of(endpoints: &Endpoints, name: &str) -> Option<NexusTarget> {
    let (id, endpoint) = endpoints.iter().find(|(_, e)| e.spec.name == name)?;
    match &endpoint.spec.target {
        EndpointTarget::Worker { namespace, queue } => Some(NexusTarget {
            endpoint_id: id.clone(),
            namespace: namespace.clone(),
            queue: queue.clone(),
        }),
        EndpointTarget::External { .. } => None,
    }
}

impl Endpoint {
    /// As the wire has it.
    #[must_use]
    pub fn to_proto(&self, id: &str) -> WireEndpoint {
        let target = match &self.spec.target {
            EndpointTarget::Worker { namespace, queue } => {
                endpoint_target::Variant::Worker(endpoint_target::Worker {
                    namespace: namespace.to_string(),
                    task_queue: queue.to_string(),
                })
            }
            EndpointTarget::External { url } => {
                endpoint_target::Variant::External(endpoint_target::External { url: url.clone() })
            }
        };
        WireEndpoint {
            version: self.version,
            id: id.to_owned(),
            spec: Some(WireSpec {
                name: self.spec.name.clone(),
                description: self.spec.description.as_ref().map(|d| d.0.clone()),
                target: Some(WireTarget {
                    variant: Some(target),
                }),
            }),
            created_time: Some(self.created.to_proto()),
            last_modified_time: self.modified.map(Timestamp::to_proto),
            url_prefix: format!("/nexus/endpoints/{id}/services"),
        }
    }
}

impl Step<'_> {
    pub(crate) fn endpoint_request(
        &mut self,
        loaded: &mut Loaded,
        reply_to: ReplyTo,
        request: EndpointRequest,
    ) {
        let answer = self
            .change_endpoints(loaded, request)
            .map(|changed| Reply::Endpoints(loaded.execution.endpoints.clone(), changed));
        self.reply(reply_to, answer);
    }

    /// Carries it out and returns the id of the endpoint that was changed.
    fn change_endpoints(
        &mut self,
        loaded: &mut Loaded,
        request: EndpointRequest,
    ) -> Result<String, Rejection> {
        let endpoints = &loaded.execution.endpoints;
        let (id, next) = match request {
            EndpointRequest::Read => return Ok(String::new()),
            EndpointRequest::Create(spec) => {
                free_name(endpoints, &spec.name, "")?;
                if endpoints.len() >= MAX_ENDPOINTS {
                    return Err(Rejection::ResourceExhausted(
                        Exhausted::Entries,
                        format!("there are {MAX_ENDPOINTS} endpoints already"),
                    ));
                }
                let endpoint = Endpoint {
                    version: 1,
                    spec: *spec,
                    created: self.now,
                    modified: None,
                };
                (self.ids.uuid(), Some(endpoint))
            }
            EndpointRequest::Update { id, version, spec } => {
                let known = known(endpoints, &id)?;
                same_version(known, version)?;
                free_name(endpoints, &spec.name, &id)?;
                let endpoint = Endpoint {
                    version: known.version + 1,
                    spec: *spec,
                    created: known.created,
                    modified: Some(self.now),
                };
                (id, Some(endpoint))
            }
            EndpointRequest::Delete { id, version } => {
                let known = known(endpoints, &id)?;
                if version != 0 {
                    same_version(known, version)?;
                }
                (id, None)
            }
        };
        self.record_entity(loaded, Record::Endpoint(id.clone(), next.map(Box::new)));
        Ok(id)
    }
}

fn known<'a>(endpoints: &'a Endpoints, id: &str) -> Result<&'a Endpoint, Rejection> {
    let missing = || Rejection::NotFound(format!("could not find Nexus endpoint with ID: {id}"));
    endpoints.get(id).map(|e| &**e).ok_or_else(missing)
}

fn same_version(known: &Endpoint, version: i64) -> Result<(), Rejection> {
    if known.version == version {
        Ok(())
    } else {
        Err(Rejection::FailedPrecondition(format!(
            "nexus endpoint version mismatch. received: {version} expected {}",
            known.version
        )))
    }
}

fn free_name(endpoints: &Endpoints, name: &str, but: &str) -> Result<(), Rejection> {
    let taken = endpoints
        .iter()
        .any(|(id, endpoint)| id != but && endpoint.spec.name == name);
    if taken {
        Err(Rejection::Exists(format!(
            "error creating Nexus endpoint. Endpoint with name {name} already registered"
        )))
    } else {
        Ok(())
    }
}
