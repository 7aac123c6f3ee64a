//! Names of things. Every id is its own type, so that one cannot be passed where another is meant.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

macro_rules! string_id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps a name. Limits are checked where requests are parsed.
            pub fn new(name: impl Into<Arc<str>>) -> Self {
                Self(name.into())
            }

            /// The name itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Whether the name is the empty string.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self(name.into())
            }
        }

        impl From<String> for $name {
            fn from(name: String) -> Self {
                Self(name.into())
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                (*name.0).to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), &self.0)
            }
        }
    )*};
}

string_id! {
    /// A namespace: the unit of isolation that a request names.
    Namespace;
    /// The business id of a workflow; at most one open run has it at a time.
    WorkflowId;
    /// One run of a workflow: a UUID made by the shard.
    RunId;
    /// A task queue.
    TaskQueueName;
    /// The id that workflow code gave an activity; unique among the pending ones of a run.
    ActivityId;
    /// The id that workflow code gave a timer; unique among the pending ones of a run.
    TimerId;
    /// The id by which a caller may ask the same thing twice.
    RequestId;
    /// The id that a caller gave an update; unique in a run.
    UpdateId;
}

/// A workflow in its namespace: what a shard owns, loads and evicts as one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ExecutionKey {
    /// The namespace.
    pub namespace: Namespace,
    /// The workflow id.
    pub workflow_id: WorkflowId,
}

impl ExecutionKey {
    /// Names a workflow in a namespace.
    pub fn new(namespace: impl Into<Namespace>, workflow_id: impl Into<WorkflowId>) -> Self {
        Self {
            namespace: namespace.into(),
            workflow_id: workflow_id.into(),
        }
    }

    /// The shard that owns this execution, of `shards` in all.
    ///
    /// # Panics
    /// If `shards` is zero.
    #[must_use]
    pub fn shard(&self, shards: u32) -> ShardId {
        assert!(shards > 0, "a cluster has at least one shard");
        let hash = stable_hash(&[self.namespace.as_str(), self.workflow_id.as_str()]);
        ShardId(u32::try_from(hash % u64::from(shards)).expect("less than a u32"))
    }
}

impl fmt::Display for ExecutionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.workflow_id)
    }
}

impl fmt::Debug for ExecutionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExecutionKey({self})")
    }
}

/// One run of one workflow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunKey {
    /// The workflow.
    pub execution: ExecutionKey,
    /// Its run.
    pub run_id: RunId,
}

/// Hashes strings the same way on every machine and in every release (SipHash-1-3, zero keys, 0xff separators).
#[must_use]
pub fn stable_hash(parts: &[&str]) -> u64 {
    use std::hash::Hasher as _;
    let mut hasher = SipHasher13::new();
    for part in parts {
        hasher.write(part.as_bytes());
        hasher.write_u8(0xff);
    }
    hasher.finish()
}

/// A partition of all executions, owned by one engine node at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ShardId(pub u32);

/// Grows with every change of a shard's owner; a store refuses batches of an older one.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Epoch(pub u64);

/// The position of an event in a run's history: dense, from 1; 0 means "none" as on the wire.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EventId(pub i64);

impl EventId {
    /// "No event", as absent references are written on the wire.
    pub const NONE: Self = Self(0);
    /// The first event of every history.
    pub const FIRST: Self = Self(1);

    /// The id after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// Whether this names an event.
    #[must_use]
    pub fn is_some(self) -> bool {
        self.0 > 0
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
