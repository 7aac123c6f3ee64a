//! What operators ask about Nexus endpoints.
// temporal: service/frontend/nexus_endpoint_client.go.

use steadfast_proto::temporal::api::{
    nexus::v1::{EndpointSpec as WireSpec, endpoint_target::Variant},
    operatorservice::v1::{
        CreateNexusEndpointRequest, DeleteNexusEndpointRequest, UpdateNexusEndpointRequest,
    },
};

use super::{blob, invalid, is_uuid, name};
use crate::{
    effect::Rejection,
    ids::Namespace,
    nexus::{EndpointRequest, EndpointSpec, EndpointTarget},
    record::Proto,
    request::Request,
};

/// The longest name of an endpoint. temporal: `limit.endpointNameMaxLength`.
const MAX_NAME: usize = 200;
/// The longest address. temporal: `limit.endpointExternalURLMaxLength`.
const MAX_URL: usize = 4096;

/// Make an endpoint.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn create_endpoint(request: CreateNexusEndpointRequest) -> Result<Request, Rejection> {
    let spec = spec(request.spec)?;
    Ok(Request::Endpoint(EndpointRequest::Create(Box::new(spec))))
}

/// Change an endpoint.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn update_endpoint(request: UpdateNexusEndpointRequest) -> Result<Request, Rejection> {
    Ok(Request::Endpoint(EndpointRequest::Update {
        id: endpoint_id(&request.id)?,
        version: request.version,
        spec: Box::new(spec(request.spec)?),
    }))
}

/// Forget an endpoint.
///
/// # Errors
/// With Temporal's words for what is wrong.
pub fn delete_endpoint(request: &DeleteNexusEndpointRequest) -> Result<Request, Rejection> {
    Ok(Request::Endpoint(EndpointRequest::Delete {
        id: endpoint_id(&request.id)?,
        version: request.version,
    }))
}

/// An endpoint's id is a UUID.
///
/// # Errors
/// With Temporal's words if it is none.
pub fn endpoint_id(id: &str) -> Result<String, Rejection> {
    if is_uuid(id) {
        Ok(id.to_owned())
    } else {
        invalid("Nexus endpoint ID is malformed or missing.")
    }
}

fn spec(spec: Option<WireSpec>) -> Result<EndpointSpec, Rejection> {
    let Some(spec) = spec else {
        return invalid("Nexus endpoint spec is not set.");
    };
    if !is_name(&spec.name) {
        return invalid(
            "Nexus endpoint name must match the regex: ^[a-zA-Z][a-zA-Z0-9\\-]*[a-zA-Z0-9]$.",
        );
    }
    if spec.name.len() > MAX_NAME {
        return invalid("Nexus endpoint name length exceeds limit.");
    }
    let target = match spec.target.and_then(|target| target.variant) {
        Some(Variant::Worker(worker)) => EndpointTarget::Worker {
            namespace: Namespace::new(name(
                &worker.namespace,
                "Nexus endpoint target namespace is not set.",
                "Namespace",
            )?),
            queue: name(
                &worker.task_queue,
                "Nexus endpoint target task queue is not set.",
                "TaskQueue",
            )?
            .into(),
        },
        Some(Variant::External(external)) => EndpointTarget::External {
            url: address(external.url)?,
        },
        None => return invalid("Nexus endpoint target is not set."),
    };
    Ok(EndpointSpec {
        name: spec.name,
        description: blob(spec.description)?.map(Proto),
        target,
    })
}

fn address(url: String) -> Result<String, Rejection> {
    if url.len() > MAX_URL {
        return invalid("Nexus endpoint target URL length exceeds limit.");
    }
    if url.starts_with("http://") || url.starts_with("https://") {
        Ok(url)
    } else {
        invalid("Nexus endpoint target URL must have the scheme http or https.")
    }
}

/// A letter, then letters, digits and hyphens, then no hyphen.
fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|b| b.is_ascii_alphabetic());
    let last = bytes.next_back().is_some_and(|b| b.is_ascii_alphanumeric());
    first && last && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn names_of_endpoints() {
        for good in ["ab", "a1", "a-b", "mycoolendpoint-x7"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "a", "1a", "-a", "a-", "a_b", "ä1", "a b"] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
