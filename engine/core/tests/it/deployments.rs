//! The words of scripts that are about worker deployments: `deployment polled BUILD [activity] [queue=NAME]`,
//! `deployment current [BUILD] [seen=REVISION]`, `deployment ramping [BUILD PERCENT]`, `deployment describe`; and the
//! options `pinned=BUILD`, `auto=BUILD` of completions and `override=pinned:BUILD|auto|once:BUILD` of starts. All builds
//! are of the deployment `shop`.

use steadfast_core::{
    Rejection, Request,
    deployment::Deployment,
    message::{QueueKey, TaskKind},
    parse,
    versioning::Version,
};
use steadfast_proto::temporal::api::{
    deployment::v1::{WorkerDeploymentOptions, WorkerDeploymentVersion},
    enums::v1::{VersioningBehavior, WorkerVersioningMode},
    workflow::v1::{
        VersioningOverride,
        versioning_override::{OneTimeOverride, Override, PinnedOverride, PinnedOverrideBehavior},
    },
    workflowservice::v1 as service,
};

use crate::script::Words;

const DEPLOYMENT: &str = "shop";

/// What a worker of a build says of itself.
pub(crate) fn versioned(build: &str) -> WorkerDeploymentOptions {
    WorkerDeploymentOptions {
        deployment_name: DEPLOYMENT.into(),
        build_id: build.into(),
        worker_versioning_mode: WorkerVersioningMode::Versioned.into(),
    }
}

/// A completion's build, and the behaviour that its workflow chooses.
pub(crate) fn complete_with(
    words: &mut Words<'_>,
    request: &mut service::RespondWorkflowTaskCompletedRequest,
) {
    for (option, behavior) in [
        ("pinned", VersioningBehavior::Pinned),
        ("auto", VersioningBehavior::AutoUpgrade),
    ] {
        if let Some(build) = words.options.remove(option) {
            request.deployment_options = Some(versioned(build));
            request.versioning_behavior = behavior.into();
        }
    }
}

/// What `override=` says.
pub(crate) fn overridden(words: &Words<'_>) -> Option<VersioningOverride> {
    let (how, build) = words.options.get("override")?.split_once(':')?;
    let version = Some(WorkerDeploymentVersion {
        deployment_name: DEPLOYMENT.into(),
        build_id: build.into(),
    });
    let given = match how {
        "pinned" => Override::Pinned(PinnedOverride {
            behavior: PinnedOverrideBehavior::Pinned.into(),
            version,
        }),
        "once" => Override::OneTime(OneTimeOverride {
            target_deployment_version: version,
        }),
        "auto" => Override::AutoUpgrade(true),
        other => panic!("no such override: {other}"),
    };
    Some(VersioningOverride {
        r#override: Some(given),
        ..VersioningOverride::default()
    })
}

/// A request about the deployment.
pub(crate) fn request(words: &Words<'_>) -> Result<Request, Rejection> {
    let seen = words.options.get("seen");
    let conflict_token = seen.map_or(Vec::new(), |revision| {
        let revision: u64 = revision.parse().expect("a number");
        revision.to_be_bytes().to_vec()
    });
    let (namespace, deployment_name) = ("default".to_owned(), DEPLOYMENT.to_owned());
    let build_id = words.plain.get(1).copied().unwrap_or("").to_owned();
    match words.at(0) {
        "polled" => {
            let activity = words.plain.get(2) == Some(&"activity");
            let queue = QueueKey {
                namespace: namespace.into(),
                kind: if activity {
                    TaskKind::Activity
                } else {
                    TaskKind::Workflow
                },
                name: words
                    .options
                    .get("queue")
                    .copied()
                    .unwrap_or("queue")
                    .into(),
                version: Some(Version {
                    deployment: DEPLOYMENT.into(),
                    build: build_id.into(),
                }),
            };
            let request = parse::version_polled(&queue)?;
            Ok(request.expect("it has a version"))
        }
        "current" => {
            parse::set_current_version(service::SetWorkerDeploymentCurrentVersionRequest {
                namespace,
                deployment_name,
                build_id,
                conflict_token: conflict_token.into(),
                identity: "operator".into(),
                ..Default::default()
            })
        }
        "ramping" => {
            parse::set_ramping_version(service::SetWorkerDeploymentRampingVersionRequest {
                namespace,
                deployment_name,
                build_id,
                percentage: words
                    .plain
                    .get(2)
                    .map_or(0.0, |percent| percent.parse().expect("a percentage")),
                conflict_token: conflict_token.into(),
                identity: "operator".into(),
                ..Default::default()
            })
        }
        "describe" => parse::describe_deployment(&service::DescribeWorkerDeploymentRequest {
            namespace,
            deployment_name,
        }),
        other => panic!("no such word: {other}"),
    }
}

/// A deployment on a line.
pub(crate) fn show(deployment: &Deployment) -> String {
    let info = deployment.to_proto();
    let versions = info.version_summaries.iter().map(|version| {
        let build = version
            .deployment_version
            .as_ref()
            .map_or("", |v| &v.build_id);
        format!(
            " {build}={}",
            version
                .status()
                .as_str_name()
                .rsplit('_')
                .next()
                .unwrap_or("")
        )
    });
    let versions: String = versions.collect();
    format!("deployment at {}:{versions}", deployment.revision)
}
