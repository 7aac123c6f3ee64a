//! Worker deployments: which versions of the workers there are, and which one new work goes to. Each is an entity of
//! its own among the executions.
//!
//! | deployment | event | next |
//! |---|---|---|
//! | – | a version polls a queue | the version is known, with that queue |
//! | known | another version, or another queue, is polled | known too |
//! | known | set current, set ramping, with the newest token | as it says; the queues are routed anew |
//! | known | the same with another token | refused |
//! | – | set current, set ramping, describe | not found |
//!
//! Matching is told how to route, until it says that it took it; it is volatile, so it is told again whenever it starts.
// temporal: service/worker/workerdeployment.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use steadfast_proto::temporal::api::{
    deployment::v1::{
        RoutingConfig, WorkerDeploymentInfo, worker_deployment_info::WorkerDeploymentVersionSummary,
    },
    enums::v1::{RoutingConfigUpdateState, WorkerDeploymentVersionStatus as Status},
};

use crate::{
    effect::{Exhausted, Rejection, Reply, ReplyTo},
    ids::{ExecutionKey, Namespace, TaskQueueName},
    limits::{MAX_DEPLOYMENT_QUEUES, MAX_DEPLOYMENT_VERSIONS, MAX_DEPLOYMENTS},
    message::{Address, Message, TaskKind},
    record::Record,
    shard::{Loaded, Step},
    time::Timestamp,
    versioning::{Route, Version},
};

/// Under this, a deployment's name is the workflow id of its execution.
pub const DEPLOYMENT_PREFIX: &str = "temporal-sys-worker-deployment:";

/// A deployment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// Its name.
    pub name: Arc<str>,
    /// When its first version was seen.
    pub created: Timestamp,
    /// Its versions, by build.
    pub versions: BTreeMap<String, KnownVersion>,
    /// The version that new work goes to.
    pub current: Option<String>,
    /// The version that a share of new work goes to, in millionths.
    pub ramping: Option<(String, u32)>,
    /// When `current` changed.
    pub current_changed: Option<Timestamp>,
    /// When the ramping version changed.
    pub ramping_changed: Option<Timestamp>,
    /// When its share changed.
    pub share_changed: Option<Timestamp>,
    /// Grows when current or ramping version change; the conflict token.
    pub revision: u64,
    /// Grows also when a queue becomes known: with whatever matching must hear of.
    pub told: u64,
    /// Who changed it last.
    pub modifier: String,
}

/// A version.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KnownVersion {
    /// When it was first seen.
    pub created: Timestamp,
    /// The queues that it polls.
    pub queues: BTreeSet<(TaskQueueName, TaskKind)>,
    /// When it was first given work.
    pub activated: Option<Timestamp>,
    /// Since when it is current, or when it was last.
    pub current_since: Option<Timestamp>,
    /// Since when it ramps.
    pub ramping_since: Option<Timestamp>,
    /// When it was last given no more work.
    pub deactivated: Option<Timestamp>,
}

/// What is asked of a deployment.
#[derive(Clone, Debug, PartialEq)]
pub struct DeploymentRequest {
    /// Its execution.
    pub key: ExecutionKey,
    /// What.
    pub action: DeploymentAction,
}

/// What is asked of a deployment.
#[derive(Clone, Debug, PartialEq)]
pub enum DeploymentAction {
    /// A worker of a version polls a queue.
    Polled {
        /// Its build.
        build: String,
        /// The queue.
        queue: TaskQueueName,
        /// For what.
        kind: TaskKind,
    },
    /// Tell what there is.
    Read,
    /// New work is to go to this version; `None` to workers without a version.
    SetCurrent(Option<String>, Change),
    /// A share of new work, in millionths, is to go to this version.
    SetRamping(Option<(String, u32)>, Change),
}

/// Who changes the routing, and on what grounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The revision that the caller has seen; `None` if it does not care.
    pub seen: Option<u64>,
    /// Who.
    pub identity: String,
}

/// How a queue's tasks are routed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routing {
    /// Where new work goes.
    pub current: Option<Version>,
    /// Where a share of it goes, in millionths.
    pub ramping: Option<(Version, u32)>,
    /// The versions that poll the queue.
    pub versions: BTreeSet<Version>,
}

impl Routing {
    /// The version that a task is for; `None` means workers without one.
    #[must_use]
    pub fn target(&self, route: &Route) -> Option<Version> {
        if let Some(version) = &route.pinned
            && self.versions.contains(version)
        {
            return Some(version.clone());
        }
        match &self.ramping {
            Some((version, part)) if route.ramping || route.share < *part => Some(version.clone()),
            Some(_) | None => self.current.clone(),
        }
    }
}

/// What matching is told about a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoutingUpdate {
    /// Its namespace.
    pub namespace: Namespace,
    /// Its name.
    pub deployment: Arc<str>,
    /// An older one does not undo a newer one.
    pub revision: u64,
    /// How each of its queues is routed.
    pub queues: BTreeMap<(TaskQueueName, TaskKind), Routing>,
}

/// The execution that a deployment is.
#[must_use]
pub fn deployment_key(namespace: &str, name: &str) -> ExecutionKey {
    ExecutionKey::new(namespace, format!("{DEPLOYMENT_PREFIX}{name}"))
}

impl RoutingUpdate {
    /// The execution that the deployment is.
    #[must_use]
    pub fn key(&self) -> ExecutionKey {
        deployment_key(self.namespace.as_str(), &self.deployment)
    }
}

impl Deployment {
    fn new(name: &str, now: Timestamp) -> Self {
        Self {
            name: name.into(),
            created: now,
            versions: BTreeMap::new(),
            current: None,
            ramping: None,
            current_changed: None,
            ramping_changed: None,
            share_changed: None,
            revision: 1,
            told: 0,
            modifier: String::new(),
        }
    }

    fn version(&self, build: &str) -> Version {
        Version {
            deployment: Arc::clone(&self.name),
            build: build.into(),
        }
    }

    /// How its queues are routed.
    #[must_use]
    pub fn routing(&self, namespace: &Namespace) -> RoutingUpdate {
        let mut queues: BTreeMap<_, Routing> = BTreeMap::new();
        for (build, known) in &self.versions {
            for queue in &known.queues {
                let routing = queues.entry(queue.clone()).or_default();
                let version = self.version(build);
                if self.current.as_ref() == Some(build) {
                    routing.current = Some(version.clone());
                }
                if let Some((ramping, share)) = &self.ramping
                    && ramping == build
                {
                    routing.ramping = Some((version.clone(), *share));
                }
                routing.versions.insert(version);
            }
        }
        RoutingUpdate {
            namespace: namespace.clone(),
            deployment: Arc::clone(&self.name),
            revision: self.told,
            queues,
        }
    }

    /// The bytes by which a change is known to be on the newest grounds.
    #[must_use]
    pub fn token(&self) -> Vec<u8> {
        self.revision.to_be_bytes().to_vec()
    }

    /// As the wire has it.
    #[must_use]
    pub fn to_proto(&self) -> WorkerDeploymentInfo {
        let version = |build: &String| self.version(build).to_proto();
        let time = |at: Option<Timestamp>| at.map(Timestamp::to_proto);
        WorkerDeploymentInfo {
            name: self.name.to_string(),
            version_summaries: self
                .versions
                .iter()
                .map(|(b, v)| self.summary(b, v))
                .collect(),
            create_time: Some(self.created.to_proto()),
            routing_config: Some(RoutingConfig {
                current_deployment_version: self.current.as_ref().map(version),
                ramping_deployment_version: self.ramping.as_ref().map(|(b, _)| version(b)),
                ramping_version_percentage: self.ramping.as_ref().map_or(0.0, |(_, s)| percent(*s)),
                current_version_changed_time: time(self.current_changed),
                ramping_version_changed_time: time(self.ramping_changed),
                ramping_version_percentage_changed_time: time(self.share_changed),
                revision_number: i64::try_from(self.revision).unwrap_or(i64::MAX),
                ..RoutingConfig::default()
            }),
            last_modifier_identity: self.modifier.clone(),
            routing_config_update_state: RoutingConfigUpdateState::Completed.into(),
            ..WorkerDeploymentInfo::default()
        }
    }

    fn summary(&self, build: &str, known: &KnownVersion) -> WorkerDeploymentVersionSummary {
        let time = |at: Option<Timestamp>| at.map(Timestamp::to_proto);
        let ramps = self.ramping.as_ref().is_some_and(|(b, _)| b == build);
        let status = match (self.current.as_deref() == Some(build), ramps) {
            (true, _) => Status::Current,
            (false, true) => Status::Ramping,
            (false, false) if known.activated.is_some() => Status::Draining,
            (false, false) => Status::Inactive,
        };
        WorkerDeploymentVersionSummary {
            status: status.into(),
            deployment_version: Some(self.version(build).to_proto()),
            create_time: Some(known.created.to_proto()),
            current_since_time: time(known.current_since).filter(|_| status == Status::Current),
            ramping_since_time: time(known.ramping_since).filter(|_| ramps),
            first_activation_time: time(known.activated),
            last_current_time: time(known.current_since),
            last_deactivation_time: time(known.deactivated),
            ..WorkerDeploymentVersionSummary::default()
        }
    }
}

/// Millionths as a percentage.
fn percent(share: u32) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "a million fits a float")]
    let share = share as f32;
    share / 10_000.0
}

/// What matching is told of a deployment, until it says that it took it.
pub(crate) fn routing_message(key: &ExecutionKey, deployment: &Deployment) -> (Address, Message) {
    let update = deployment.routing(&key.namespace);
    (Address::Matching, Message::Routing(Box::new(update)))
}

impl Step<'_> {
    pub(crate) fn deployment_request(
        &mut self,
        loaded: &mut Loaded,
        reply_to: ReplyTo,
        request: DeploymentRequest,
    ) {
        let answer = self
            .change_deployment(loaded, request.action)
            .map(|before| {
                let now = loaded.execution.deployment.clone().expect("just looked");
                Reply::Deployment(now, before)
            });
        self.reply(reply_to, answer);
    }

    /// Carries it out and returns the deployment as it was before, if it was.
    fn change_deployment(
        &mut self,
        loaded: &mut Loaded,
        action: DeploymentAction,
    ) -> Result<Option<Box<Deployment>>, Rejection> {
        let id = self.key.workflow_id.as_str();
        let name = id.strip_prefix(DEPLOYMENT_PREFIX).unwrap_or(id);
        let before = loaded.execution.deployment.clone();
        let mut next = match (&before, &action) {
            (Some(known), _) => (**known).clone(),
            (None, DeploymentAction::Polled { .. }) if self.deployments >= MAX_DEPLOYMENTS => {
                return Err(Rejection::ResourceExhausted(
                    Exhausted::Versions,
                    "there are too many worker deployments already".to_owned(),
                ));
            }
            (None, DeploymentAction::Polled { .. }) => Deployment::new(name, self.now),
            (None, _) => {
                return Err(Rejection::NotFound(format!(
                    "no Worker Deployment found with name '{name}'; does your Worker Deployment have pollers?"
                )));
            }
        };
        match action {
            DeploymentAction::Read => return Ok(before),
            DeploymentAction::Polled { build, queue, kind } => {
                next.polled(build, queue, kind, self.now)?;
            }
            DeploymentAction::SetCurrent(build, change) => {
                next.set_current(build, change, self.now)?;
            }
            DeploymentAction::SetRamping(ramping, change) => {
                next.set_ramping(ramping, change, self.now)?;
            }
        }
        if before.as_deref() != Some(&next) {
            next.told += 1;
            self.record_entity(loaded, Record::Deployment(Box::new(next)));
            self.tell_routing(loaded);
        }
        Ok(before)
    }

    /// Tells matching how the deployment's queues are routed, if this execution is one.
    pub(crate) fn tell_routing(&mut self, loaded: &mut Loaded) {
        if let Some(deployment) = &loaded.execution.deployment {
            loaded.volatile.routing = Some(deployment.told);
            self.messages.push(routing_message(self.key, deployment));
        }
    }
}

impl Deployment {
    fn polled(
        &mut self,
        build: String,
        queue: TaskQueueName,
        kind: TaskKind,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let full = || {
            Rejection::ResourceExhausted(
                Exhausted::Versions,
                "this worker deployment is full".to_owned(),
            )
        };
        if !self.versions.contains_key(&build) && self.versions.len() >= MAX_DEPLOYMENT_VERSIONS {
            return Err(full());
        }
        let known = self.versions.entry(build).or_insert_with(|| KnownVersion {
            created: now,
            ..KnownVersion::default()
        });
        if known.queues.len() >= MAX_DEPLOYMENT_QUEUES
            && !known.queues.contains(&(queue.clone(), kind))
        {
            return Err(full());
        }
        known.queues.insert((queue, kind));
        Ok(())
    }

    fn check(&mut self, change: Change) -> Result<(), Rejection> {
        if change.seen.is_some_and(|seen| seen != self.revision) {
            return Err(Rejection::FailedPrecondition(
                "conflict token mismatch".to_owned(),
            ));
        }
        self.modifier = change.identity;
        Ok(())
    }

    fn find(&mut self, build: &str) -> Result<&mut KnownVersion, Rejection> {
        let name = Arc::clone(&self.name);
        self.versions.get_mut(build).ok_or_else(|| {
            Rejection::NotFound(format!(
                "build '{build}' not found in Worker Deployment '{name}'"
            ))
        })
    }

    fn set_current(
        &mut self,
        build: Option<String>,
        change: Change,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        self.check(change)?;
        if self.current == build {
            return Ok(());
        }
        if let Some(build) = &build {
            let known = self.find(build)?;
            known.current_since = Some(now);
            known.activated.get_or_insert(now);
        }
        if let Some(old) = self.current.take() {
            self.find(&old)?.deactivated = Some(now);
        }
        // A version that becomes current ramps no longer.
        if self.ramping.as_ref().map(|(b, _)| b) == build.as_ref() {
            self.ramping = None;
            self.ramping_changed = Some(now);
        }
        self.current = build;
        self.current_changed = Some(now);
        self.revision += 1;
        Ok(())
    }

    fn set_ramping(
        &mut self,
        ramping: Option<(String, u32)>,
        change: Change,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        self.check(change)?;
        if self.ramping == ramping {
            return Ok(());
        }
        if let Some((build, _)) = &ramping {
            if self.current.as_ref() == Some(build) {
                return Err(Rejection::FailedPrecondition(format!(
                    "requested ramping version {build} is already current"
                )));
            }
            let known = self.find(build)?;
            known.ramping_since = Some(now);
            known.activated.get_or_insert(now);
        }
        self.ramping = ramping;
        self.ramping_changed = Some(now);
        self.share_changed = Some(now);
        self.revision += 1;
        Ok(())
    }
}
