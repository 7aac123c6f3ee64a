//! Who works: what workers last said about themselves. Volatile, because every worker says it again.
//!
//! | worker | event | next |
//! |---|---|---|
//! | unknown | heartbeat | known |
//! | known | heartbeat | known, the newer word counts |
//! | known | silent for a day | unknown |
//! | known, and too many are | heartbeat of another | unknown, if it has been silent the longest |
// temporal: service/matching/workers/registry_impl.go.

use std::{collections::BTreeMap, time::Duration};

use steadfast_proto::temporal::api::{
    enums::v1::WorkerStatus,
    worker::v1::{WorkerHeartbeat, WorkerListInfo},
};

use crate::{effect::Rejection, ids::Namespace, limits::MAX_WORKERS, time::Monotonic};

/// A worker that has been silent for so long is forgotten.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// See the module documentation.
#[derive(Debug, Default)]
pub struct Workers {
    known: BTreeMap<(Namespace, String), Seen>,
    /// The same, the longest silent first.
    silent: BTreeMap<(Monotonic, Namespace, String), ()>,
}

#[derive(Debug)]
struct Seen {
    at: Monotonic,
    heartbeat: WorkerHeartbeat,
}

impl Workers {
    /// Takes what workers of a namespace say about themselves.
    pub fn record(
        &mut self,
        now: Monotonic,
        namespace: &Namespace,
        heartbeats: impl IntoIterator<Item = WorkerHeartbeat>,
    ) {
        for heartbeat in heartbeats {
            let key = heartbeat.worker_instance_key.clone();
            if key.is_empty() {
                continue;
            }
            let seen = Seen { at: now, heartbeat };
            let old = self.known.insert((namespace.clone(), key.clone()), seen);
            if let Some(old) = old {
                self.silent
                    .remove(&(old.at, namespace.clone(), key.clone()));
            }
            self.silent.insert((now, namespace.clone(), key), ());
        }
        while let Some(((at, namespace, key), ())) = self.silent.first_key_value()
            && (self.known.len() > MAX_WORKERS || now.since(*at) > KEPT)
        {
            self.known.remove(&(namespace.clone(), key.clone()));
            self.silent.pop_first();
        }
    }

    /// The workers of a namespace by their instance key, from the one after `after` on.
    pub fn list<'a>(
        &'a self,
        namespace: &Namespace,
        after: &str,
    ) -> impl Iterator<Item = &'a WorkerHeartbeat> {
        use std::ops::Bound;
        let namespace = namespace.clone();
        let from = Bound::Excluded((namespace.clone(), after.to_owned()));
        self.known
            .range((from, Bound::Unbounded))
            .take_while(move |((of, _), _)| *of == namespace)
            .map(|(_, seen)| &seen.heartbeat)
    }

    /// One worker.
    ///
    /// # Errors
    /// If it is not known.
    pub fn describe(
        &self,
        namespace: &Namespace,
        key: &str,
    ) -> Result<&WorkerHeartbeat, Rejection> {
        self.known
            .get(&(namespace.clone(), key.to_owned()))
            .map(|seen| &seen.heartbeat)
            .ok_or_else(|| Rejection::NotFound(format!("Worker {key} not found")))
    }
}

/// Which workers are wanted: comparisons of what they say about themselves, joined by `AND`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter(Vec<Comparison>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Comparison {
    field: Field,
    equal: bool,
    value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    InstanceKey,
    Identity,
    HostName,
    TaskQueue,
    DeploymentName,
    BuildId,
    SdkName,
    SdkVersion,
    Status,
}

impl Field {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "WorkerInstanceKey" => Self::InstanceKey,
            "WorkerIdentity" => Self::Identity,
            "HostName" => Self::HostName,
            "TaskQueue" => Self::TaskQueue,
            "DeploymentName" => Self::DeploymentName,
            "BuildId" => Self::BuildId,
            "SdkName" => Self::SdkName,
            "SdkVersion" => Self::SdkVersion,
            "Status" | "WorkerStatus" => Self::Status,
            _ => return None,
        })
    }

    fn read(self, worker: &WorkerHeartbeat) -> &str {
        let version = worker.deployment_version.as_ref();
        match self {
            Self::InstanceKey => &worker.worker_instance_key,
            Self::Identity => &worker.worker_identity,
            Self::HostName => worker.host_info.as_ref().map_or("", |h| &h.host_name),
            Self::TaskQueue => &worker.task_queue,
            Self::DeploymentName => version.map_or("", |v| &v.deployment_name),
            Self::BuildId => version.map_or("", |v| &v.build_id),
            Self::SdkName => &worker.sdk_name,
            Self::SdkVersion => &worker.sdk_version,
            Self::Status => match worker.status() {
                WorkerStatus::Unspecified => "Unspecified",
                WorkerStatus::Running => "Running",
                WorkerStatus::ShuttingDown => "ShuttingDown",
                WorkerStatus::Shutdown => "Shutdown",
            },
        }
    }
}

impl Filter {
    /// Reads a query; the empty one wants all.
    ///
    /// # Errors
    /// If it is something else than comparisons with `=` and `!=`, joined by `AND`.
    // temporal: service/matching/workers/worker_query_engine.go, of which this is a part.
    pub fn parse(query: &str) -> Result<Self, Rejection> {
        let mut comparisons = Vec::new();
        let mut rest = query.trim();
        while !rest.is_empty() {
            let (comparison, after) = comparison(rest).ok_or_else(|| {
                Rejection::InvalidArgument(format!("malformed query: {rest:?} is no comparison of a worker's field with a quoted text"))
            })?;
            comparisons.push(comparison);
            rest = after.trim_start();
            if rest.is_empty() {
                break;
            }
            rest = match rest.get(..4) {
                Some(word) if word.eq_ignore_ascii_case("and ") => rest[4..].trim_start(),
                Some(_) | None => {
                    return Err(Rejection::InvalidArgument(format!(
                        "operation is not supported: {rest:?}; comparisons are joined by AND"
                    )));
                }
            };
        }
        Ok(Self(comparisons))
    }

    /// Whether it wants this worker.
    #[must_use]
    pub fn accepts(&self, worker: &WorkerHeartbeat) -> bool {
        let holds = |c: &Comparison| (c.field.read(worker) == c.value) == c.equal;
        self.0.iter().all(holds)
    }
}

/// One comparison at the head of a text, and what follows it.
fn comparison(text: &str) -> Option<(Comparison, &str)> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
    let field = Field::of(&text[..end])?;
    let rest = text[end..].trim_start();
    let (equal, rest) = match rest.strip_prefix("!=") {
        Some(rest) => (false, rest),
        None => (true, rest.strip_prefix('=')?),
    };
    let rest = rest.trim_start();
    let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let (value, rest) = rest[1..].split_once(quote)?;
    let comparison = Comparison {
        field,
        equal,
        value: value.to_owned(),
    };
    Some((comparison, rest))
}

/// What a list of workers shows of one.
#[must_use]
pub fn list_info(heartbeat: &WorkerHeartbeat) -> WorkerListInfo {
    let host = heartbeat.host_info.clone().unwrap_or_default();
    WorkerListInfo {
        worker_instance_key: heartbeat.worker_instance_key.clone(),
        worker_identity: heartbeat.worker_identity.clone(),
        task_queue: heartbeat.task_queue.clone(),
        deployment_version: heartbeat.deployment_version.clone(),
        sdk_name: heartbeat.sdk_name.clone(),
        sdk_version: heartbeat.sdk_version.clone(),
        status: heartbeat.status,
        start_time: heartbeat.start_time,
        host_name: host.host_name,
        worker_grouping_key: host.worker_grouping_key,
        process_id: host.process_id,
        plugins: heartbeat.plugins.clone(),
        drivers: heartbeat.drivers.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beat(key: &str, status: i32) -> WorkerHeartbeat {
        WorkerHeartbeat {
            worker_instance_key: key.to_owned(),
            status,
            ..WorkerHeartbeat::default()
        }
    }

    fn keys(workers: &Workers, namespace: &str, after: &str) -> Vec<String> {
        let namespace = namespace.into();
        let listed = workers.list(&namespace, after);
        listed.map(|w| w.worker_instance_key.clone()).collect()
    }

    #[test]
    fn the_newest_word_counts_and_namespaces_are_apart() {
        let mut workers = Workers::default();
        workers.record(
            Monotonic(1),
            &"a".into(),
            [beat("x", 1), beat("y", 1), beat("", 1)],
        );
        workers.record(Monotonic(2), &"b".into(), [beat("z", 1)]);
        workers.record(Monotonic(3), &"a".into(), [beat("x", 2)]);
        assert_eq!(keys(&workers, "a", ""), ["x", "y"]);
        assert_eq!(keys(&workers, "a", "x"), ["y"]);
        assert_eq!(keys(&workers, "b", ""), ["z"]);
        assert_eq!(workers.describe(&"a".into(), "x").unwrap().status, 2);
        assert!(workers.describe(&"b".into(), "x").is_err());
    }

    #[test]
    fn a_filter_compares_what_workers_say() {
        let worker = WorkerHeartbeat {
            task_queue: "q".to_owned(),
            ..beat("key", WorkerStatus::Running.into())
        };
        let accepts = |query: &str| Filter::parse(query).map(|f| f.accepts(&worker)).ok();
        assert_eq!(accepts(""), Some(true));
        assert_eq!(accepts("WorkerInstanceKey=\"key\""), Some(true));
        assert_eq!(
            accepts("TaskQueue = 'q' AND Status != 'Running'"),
            Some(false)
        );
        assert_eq!(accepts("taskqueue = 'q'"), None);
        assert_eq!(accepts("TaskQueue = q"), None);
        assert_eq!(accepts("TaskQueue = 'q' OR Status = 'Running'"), None);
        assert_eq!(accepts("TaskQueue = 'q"), None);
    }

    #[test]
    fn the_silent_are_forgotten() {
        let mut workers = Workers::default();
        workers.record(Monotonic(0), &"a".into(), [beat("x", 1), beat("y", 1)]);
        let later = Monotonic(0).plus(KEPT);
        workers.record(later, &"a".into(), [beat("y", 1)]);
        assert_eq!(keys(&workers, "a", ""), ["x", "y"]);
        workers.record(later.plus(Duration::from_nanos(1)), &"a".into(), []);
        assert_eq!(keys(&workers, "a", ""), ["y"]);
    }
}
