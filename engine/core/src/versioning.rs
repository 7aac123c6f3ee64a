//! Which build of the workers a run's tasks are for.
//!
//! | what is known of the run | its tasks go to |
//! |---|---|
//! | an override that pins it, or one that sends it somewhere once | that version |
//! | an override to go along with upgrades | the current (or ramping) version of its queue |
//! | its last workflow task completed pinned | the version that completed it |
//! | no workflow task completed yet, a pinned parent or predecessor | its version |
//! | anything else | the current (or ramping) version of its queue |
//!
//! Where a queue has no current version, workers without a version get the tasks.
// temporal: common/worker_versioning, service/history/workflow/util.go, docs of worker versioning.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use steadfast_proto::temporal::api::{
    deployment::v1::WorkerDeploymentVersion,
    enums::v1::{ContinueAsNewVersioningBehavior as Initially, VersioningBehavior},
    history::v1::{
        WorkflowExecutionOptionsUpdatedEventAttributes, WorkflowExecutionStartedEventAttributes,
        WorkflowTaskCompletedEventAttributes,
    },
    workflow::v1::{
        VersioningOverride, WorkflowExecutionVersioningInfo,
        versioning_override::{Override, PinnedOverride, PinnedOverrideBehavior},
    },
};

use crate::{
    execution::Run,
    ids::{ExecutionKey, stable_hash},
};

/// A version of a worker deployment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Version {
    /// The deployment.
    pub deployment: Arc<str>,
    /// The build.
    pub build: Arc<str>,
}

impl Version {
    /// From the wire; `None` if a name is missing.
    #[must_use]
    pub fn from_proto(version: &WorkerDeploymentVersion) -> Option<Self> {
        let named = !version.deployment_name.is_empty() && !version.build_id.is_empty();
        named.then(|| Self {
            deployment: version.deployment_name.as_str().into(),
            build: version.build_id.as_str().into(),
        })
    }

    /// As the wire has it.
    #[must_use]
    pub fn to_proto(&self) -> WorkerDeploymentVersion {
        WorkerDeploymentVersion {
            build_id: self.build.to_string(),
            deployment_name: self.deployment.to_string(),
        }
    }
}

/// How matching finds the version that a task is for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// This one, if the queue has it; else that of the queue now: the ramping one for a share of the workflow ids,
    /// or the current one.
    pub pinned: Option<Version>,
    /// Where this workflow id stands among all, in millionths.
    pub share: u32,
    /// Whether the ramping version is wanted whatever its share.
    pub ramping: bool,
}

/// What a run's history says about its versions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Versioning {
    /// The behaviour that the last completed workflow task chose.
    pub behavior: VersioningBehavior,
    /// The version that completed it.
    pub version: Option<Version>,
    /// What an operator, a client or a parent has decided instead.
    pub overridden: Option<VersioningOverride>,
    /// The version of a pinned parent or predecessor; counts until a workflow task has completed.
    pub inherited: Option<Version>,
    /// Whether a workflow task has completed.
    pub completed: bool,
}

impl Versioning {
    pub(crate) fn started(&mut self, start: &WorkflowExecutionStartedEventAttributes) {
        self.overridden.clone_from(&start.versioning_override);
        let inherited = start.inherited_pinned_version.as_ref();
        self.inherited = inherited.and_then(Version::from_proto);
    }

    pub(crate) fn task_completed(&mut self, task: &WorkflowTaskCompletedEventAttributes) {
        self.completed = true;
        self.behavior = task.versioning_behavior();
        self.version = task
            .deployment_version
            .as_ref()
            .and_then(Version::from_proto);
        // An override for once has served.
        let once = self.overridden.as_ref().and_then(one_time);
        if once.is_some() && once == self.version {
            self.overridden = None;
        }
    }

    pub(crate) fn options_updated(
        &mut self,
        options: &WorkflowExecutionOptionsUpdatedEventAttributes,
    ) {
        if options.unset_versioning_override {
            self.overridden = None;
        } else if options.versioning_override.is_some() {
            self.overridden.clone_from(&options.versioning_override);
        }
    }

    /// The version that the run's tasks are for, if that is settled.
    #[must_use]
    pub fn pinned(&self) -> Option<Version> {
        if let Some(given) = &self.overridden {
            return pinned_by(given).or_else(|| one_time(given));
        }
        match (self.completed, self.behavior) {
            (false, _) => self.inherited.clone(),
            (true, VersioningBehavior::Pinned) => self.version.clone(),
            (true, VersioningBehavior::AutoUpgrade | VersioningBehavior::Unspecified) => None,
        }
    }

    /// The behaviour that counts.
    fn effective(&self) -> VersioningBehavior {
        match &self.overridden {
            Some(given) if pinned_by(given).is_some() => VersioningBehavior::Pinned,
            Some(given) if one_time(given).is_some() => self.behavior,
            Some(_) => VersioningBehavior::AutoUpgrade,
            None => self.behavior,
        }
    }
}

fn pinned_by(given: &VersioningOverride) -> Option<Version> {
    match given.r#override.as_ref()? {
        Override::Pinned(pinned) => pinned.version.as_ref().and_then(Version::from_proto),
        Override::AutoUpgrade(_) | Override::OneTime(_) => None,
    }
}

fn one_time(given: &VersioningOverride) -> Option<Version> {
    match given.r#override.as_ref()? {
        Override::OneTime(once) => once
            .target_deployment_version
            .as_ref()
            .and_then(Version::from_proto),
        Override::AutoUpgrade(_) | Override::Pinned(_) => None,
    }
}

/// Whether an override says what it must.
#[must_use]
pub fn is_valid(given: &VersioningOverride) -> bool {
    match &given.r#override {
        Some(Override::Pinned(pinned)) => {
            pinned.behavior() == PinnedOverrideBehavior::Pinned
                && pinned.version.as_ref().is_some_and(is_named)
        }
        Some(Override::OneTime(once)) => once
            .target_deployment_version
            .as_ref()
            .is_some_and(is_named),
        Some(Override::AutoUpgrade(yes)) => *yes,
        None => false,
    }
}

fn is_named(version: &WorkerDeploymentVersion) -> bool {
    Version::from_proto(version).is_some()
}

/// Brings the old form of an override into the new one.
#[must_use]
pub fn normalised(mut given: VersioningOverride) -> VersioningOverride {
    #[expect(deprecated, reason = "old clients still send it")]
    let (behavior, version) = (given.behavior(), std::mem::take(&mut given.pinned_version));
    if given.r#override.is_none() {
        given.r#override = match (behavior, version.split_once('.')) {
            (VersioningBehavior::AutoUpgrade, _) => Some(Override::AutoUpgrade(true)),
            (VersioningBehavior::Pinned, Some((deployment, build))) => {
                Some(Override::Pinned(PinnedOverride {
                    behavior: PinnedOverrideBehavior::Pinned.into(),
                    version: Some(WorkerDeploymentVersion {
                        build_id: build.to_owned(),
                        deployment_name: deployment.to_owned(),
                    }),
                }))
            }
            (VersioningBehavior::Pinned | VersioningBehavior::Unspecified, _) => None,
        };
    }
    given
}

impl Run {
    /// Where the run's workflow tasks go.
    pub(crate) fn route(&self, key: &ExecutionKey) -> Route {
        let versioning = &self.history.versioning;
        Route {
            pinned: versioning.pinned(),
            share: share_of(key),
            ramping: self.initially == Initially::UseRampingVersion as i32 && !versioning.completed,
        }
    }

    /// The version that a child, or the next run, starts on, if this run stays on one.
    pub(crate) fn passed_on(&self) -> Option<WorkerDeploymentVersion> {
        let versioning = &self.history.versioning;
        let stays = versioning.effective() == VersioningBehavior::Pinned && versioning.completed;
        stays
            .then(|| versioning.pinned())
            .flatten()
            .map(|version| version.to_proto())
    }

    /// The override that the next run keeps: one for once is not kept.
    pub(crate) fn kept_override(&self) -> Option<VersioningOverride> {
        let given = self.history.versioning.overridden.as_ref()?;
        one_time(given).is_none().then(|| given.clone())
    }

    /// Whether the run stays on a version although another is the one for new runs.
    pub(crate) fn target_changed(&self, target: Option<&Version>) -> bool {
        let versioning = &self.history.versioning;
        versioning.overridden.is_none()
            && versioning.behavior == VersioningBehavior::Pinned
            && target.is_some()
            && target != versioning.version.as_ref()
    }

    /// What people are told.
    pub(crate) fn versioning_info(&self) -> Option<WorkflowExecutionVersioningInfo> {
        let versioning = &self.history.versioning;
        let known = versioning.completed
            || versioning.overridden.is_some()
            || versioning.inherited.is_some();
        if !known
            || versioning.version.is_none()
                && versioning.overridden.is_none()
                && versioning.inherited.is_none()
        {
            return None;
        }
        let version = if versioning.completed {
            versioning.version.clone()
        } else {
            versioning.inherited.clone()
        };
        #[expect(deprecated, reason = "deprecated for users, not for SDKs")]
        Some(WorkflowExecutionVersioningInfo {
            behavior: versioning.behavior.into(),
            version: version
                .as_ref()
                .map(|v| format!("{}.{}", v.deployment, v.build))
                .unwrap_or_default(),
            deployment_version: version.map(|v| v.to_proto()),
            versioning_override: versioning.overridden.clone(),
            continue_as_new_initial_versioning_behavior: self.initially,
            ..WorkflowExecutionVersioningInfo::default()
        })
    }
}

/// Where a workflow id stands among all, in millionths.
fn share_of(key: &ExecutionKey) -> u32 {
    let hash = stable_hash(&[key.workflow_id.as_str()]);
    u32::try_from(hash % 1_000_000).expect("below a million")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_overrides_are_understood() {
        #[expect(deprecated, reason = "old clients still send it")]
        let old = VersioningOverride {
            behavior: VersioningBehavior::Pinned.into(),
            pinned_version: "deploy.1.0".to_owned(),
            ..VersioningOverride::default()
        };
        let version = pinned_by(&normalised(old)).unwrap();
        assert_eq!((&*version.deployment, &*version.build), ("deploy", "1.0"));
        assert!(!is_valid(&normalised(VersioningOverride::default())));
    }
}
