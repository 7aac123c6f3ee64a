//! Who is where: which engine owns which shard, and where services are.

use std::collections::BTreeMap;

use steadfast_core::{ExecutionKey, ShardId};

use crate::kernel::NodeId;

/// The cluster's map; it does not change in a run.
#[derive(Clone, Debug, Default)]
pub struct Topology {
    /// The namespace of all workflows.
    pub namespace: String,
    /// Engine nodes. The first one also has the matching machine.
    pub engines: Vec<NodeId>,
    /// How many shards there are; they go round the engines.
    pub shards: u32,
    /// Worker nodes.
    pub workers: Vec<NodeId>,
    /// Client nodes.
    pub clients: Vec<NodeId>,
    /// Service nodes by name.
    pub services: BTreeMap<String, NodeId>,
}

impl Topology {
    /// The engine that owns a shard.
    #[must_use]
    pub fn owner(&self, shard: ShardId) -> NodeId {
        let engines = u32::try_from(self.engines.len()).unwrap_or(1).max(1);
        self.engines[usize::try_from(shard.0 % engines).unwrap_or(0)]
    }

    /// The engine that owns a workflow.
    #[must_use]
    pub fn engine_of(&self, workflow_id: &str) -> NodeId {
        let key = ExecutionKey::new(self.namespace.as_str(), workflow_id);
        self.owner(key.shard(self.shards))
    }

    /// The engine that has the matching machine.
    #[must_use]
    pub fn matching(&self) -> NodeId {
        self.engines[0]
    }
}
