//! Worker deployments: what operators ask about them.
// temporal: service/frontend/workflow_handler.go, the *WorkerDeployment* calls.

use steadfast_proto::temporal::api::workflowservice::v1::{
    DescribeWorkerDeploymentRequest, SetWorkerDeploymentCurrentVersionRequest,
    SetWorkerDeploymentRampingVersionRequest,
};

use super::{bounded, invalid, key, name};
use crate::{
    deployment::{Change, DeploymentAction, DeploymentRequest, deployment_key},
    effect::Rejection,
    message::QueueKey,
    request::Request,
};

/// What stands for workers without a version.
const UNVERSIONED: &str = "__unversioned__";

fn request(
    namespace: &str,
    deployment: &str,
    action: DeploymentAction,
) -> Result<Request, Rejection> {
    key(namespace, "any")?;
    let deployment = name(
        deployment,
        "deployment name cannot be empty",
        "WorkerDeploymentName",
    )?;
    Ok(Request::Deployment(Box::new(DeploymentRequest {
        key: deployment_key(namespace, &deployment),
        action,
    })))
}

/// A worker of a version polls a queue: its deployment must know. `None` if the worker has no version.
///
/// # Errors
/// If a name is too long.
pub fn version_polled(queue: &QueueKey) -> Result<Option<Request>, Rejection> {
    let Some(version) = &queue.version else {
        return Ok(None);
    };
    let action = DeploymentAction::Polled {
        build: bounded(&version.build, "BuildId")?,
        queue: queue.name.clone(),
        kind: queue.kind,
    };
    request(queue.namespace.as_str(), &version.deployment, action).map(Some)
}

/// Tell how a deployment stands.
///
/// # Errors
/// If a name is missing.
pub fn describe_deployment(asked: &DescribeWorkerDeploymentRequest) -> Result<Request, Rejection> {
    request(
        &asked.namespace,
        &asked.deployment_name,
        DeploymentAction::Read,
    )
}

/// New work is to go to another version.
///
/// # Errors
/// If a name is missing, or the token is none.
pub fn set_current_version(
    asked: SetWorkerDeploymentCurrentVersionRequest,
) -> Result<Request, Rejection> {
    #[expect(deprecated, reason = "old clients still send it")]
    let build = build(&asked.deployment_name, asked.build_id, &asked.version);
    let change = change(&asked.conflict_token, asked.identity)?;
    request(
        &asked.namespace,
        &asked.deployment_name,
        DeploymentAction::SetCurrent(build, change),
    )
}

/// A share of new work is to go to another version.
///
/// # Errors
/// If a name is missing, the share is none, or the token is none.
pub fn set_ramping_version(
    asked: SetWorkerDeploymentRampingVersionRequest,
) -> Result<Request, Rejection> {
    if !(0.0..=100.0).contains(&asked.percentage) {
        return invalid("percentage must be between 0 and 100 (inclusive)");
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is between 0 and a million"
    )]
    let share = (asked.percentage * 10_000.0) as u32;
    #[expect(deprecated, reason = "old clients still send it")]
    let build = build(&asked.deployment_name, asked.build_id, &asked.version);
    let change = change(&asked.conflict_token, asked.identity)?;
    request(
        &asked.namespace,
        &asked.deployment_name,
        DeploymentAction::SetRamping(build.map(|build| (build, share)), change),
    )
}

/// The build that is meant: `None` for workers without a version. Old clients name it behind the deployment.
fn build(deployment: &str, build: String, version: &str) -> Option<String> {
    if !build.is_empty() {
        return Some(build);
    }
    if version.is_empty() || version == UNVERSIONED {
        return None;
    }
    let rest = version.strip_prefix(deployment);
    let build = rest.and_then(|rest| rest.strip_prefix(['.', ':']));
    Some(build.unwrap_or(version).to_owned())
}

fn change(token: &[u8], identity: String) -> Result<Change, Rejection> {
    let seen = match token {
        [] => None,
        token => match token.try_into() {
            Ok(bytes) => Some(u64::from_be_bytes(bytes)),
            Err(_) => {
                return Err(Rejection::FailedPrecondition(
                    "conflict token mismatch".to_owned(),
                ));
            }
        },
    };
    Ok(Change { seen, identity })
}
