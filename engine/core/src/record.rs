//! The log: what a step wants made durable. State is the fold of it and nothing else.

use bytes::Bytes;
use prost::Message;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{
    activity::{ActivityControl, ActivityState},
    batch::BatchRecord,
    deployment::Deployment,
    ids::{Epoch, EventId, ExecutionKey, Namespace, RequestId, RunId, ShardId},
    message::OutboxWork,
    namespace::NamespaceInfo,
    nexus::{Endpoint, NexusState},
    request::StickyRequest,
    reset::Forked,
    schedule::{ScheduleRecord, ScheduledBy},
    time::Timestamp,
    visibility::RowChange,
    workflow_task::WorkflowTask,
};

/// All that one step changes: written as one, or not at all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// Whose step.
    pub shard: ShardId,
    /// By which owner. A store refuses an epoch older than the newest it has given out.
    pub epoch: Epoch,
    /// The shard's `high` after the step: the next owner starts from here.
    pub high: Timestamp,
    /// What changed, in order. May be empty: then nothing needs to be written, but what the step wants done still
    /// waits for every earlier batch.
    pub entries: Vec<Entry>,
}

/// One change of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Which execution.
    pub key: ExecutionKey,
    /// Which run of it.
    pub run_id: RunId,
    /// What changed.
    pub record: Record,
}

/// One change. Events are the history; all others are what Temporal keeps beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Record {
    /// A run begins and becomes the execution's current one.
    Created(Created),
    /// The next history event, encoded as `temporal.api.history.v1.HistoryEvent`.
    Event(Bytes),
    /// The pending workflow task is now this.
    WorkflowTask(Option<Box<WorkflowTask>>),
    /// The run is now in this worker's cache.
    Sticky(Option<StickyRequest>),
    /// What is known of an activity's attempts, by its scheduled event; `None` when it is over.
    Activity(EventId, Option<Box<ActivityState>>),
    /// An event waits for the started workflow task to end; encoded without id.
    Buffered(Bytes),
    /// All waiting events became history or were dropped.
    BufferCleared,
    /// This signal has been taken.
    SignalRequest(RequestId),
    /// This start found the open run and was attached to it.
    AttachedRequest(RequestId),
    /// The run has work for another execution.
    OutboxPut(u64, Box<OutboxPut>),
    /// That work is done.
    OutboxDone(u64),
    /// A close command met buffered events; the next started workflow task is to win.
    ClosingAttempted(bool),
    /// The first workflow task of a child may be scheduled (its parent knows of it), or still waits.
    ChildBegun(bool),
    /// A namespace is now this; `None` when it is gone. Of the registry, not of a run.
    Namespace(Namespace, Option<Box<NamespaceInfo>>),
    /// What is known of the run without loading it is different now. No part of its state.
    Row(Box<RowChange>),
    /// What the handler of a Nexus operation is asked, by its scheduled event; `None` when it is over.
    Nexus(EventId, Option<Box<NexusState>>),
    /// A Nexus endpoint is now this; `None` when it is gone. Of the registry, not of a run.
    Endpoint(String, Option<Box<Endpoint>>),
    /// A schedule changes. Of the incarnation that the entry's run id names, not of a run.
    Schedule(Box<ScheduleRecord>),
    /// The run belongs to a chain that a schedule started, and its end is to be told.
    Scheduled(Box<ScheduledBy>),
    /// A worker deployment is now this. Of no run.
    Deployment(Box<Deployment>),
    /// Temporal's `ContinueAsNewVersioningBehavior` with which the run began.
    Initially(i32),
    /// A reset made the run, of this one.
    Forked(Box<Forked>),
    /// A reset made that run of this one.
    ResetTo(RunId),
    /// The closed run is kept until then.
    Expires(Timestamp),
    /// The closed run is there for nobody any more; it still has something to tell others.
    Doomed,
    /// The run is gone.
    Deleted,
    /// A batch job changes. Of the job that the entry's run id names, not of a run.
    Batch(Box<BatchRecord>),
    /// What operators have done to a pending activity, by its scheduled event.
    ActivityControl(EventId, Box<ActivityControl>),
}

impl Record {
    /// Whether this changes a run, which must have been created before.
    #[must_use]
    pub fn is_of_run(&self) -> bool {
        !matches!(
            self,
            Self::Created(_)
                | Self::Namespace(..)
                | Self::Endpoint(..)
                | Self::Schedule(_)
                | Self::Deployment(_)
                | Self::Batch(_)
        )
    }
}

/// What is known of a run at its creation and is not in its history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Created {
    /// The request that made it.
    pub request_id: RequestId,
    /// Whether its first workflow task waits for its parent.
    pub awaits_parent: bool,
}

/// Work for another execution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutboxPut {
    /// For whom.
    pub to: ExecutionKey,
    /// What to do.
    pub work: OutboxWork,
}

/// A protobuf message inside a record: kept and stored as the wire has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Proto<M>(pub M);

impl<M: Message> Serialize for Proto<M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0.encode_to_vec())
    }
}

impl<'de, M: Message + Default> Deserialize<'de> for Proto<M> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = Bytes::deserialize(deserializer)?;
        M::decode(bytes).map(Self).map_err(D::Error::custom)
    }
}

/// Why bytes are not a batch.
#[derive(Debug, thiserror::Error)]
#[error("not a batch of records: {0}")]
pub struct BadBatch(#[from] postcard::Error);

impl Batch {
    /// The bytes that a store writes. The same batch has the same bytes everywhere.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("records have no unserialisable parts")
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// If the bytes are not a batch of this format version.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadBatch> {
        Ok(postcard::from_bytes(bytes)?)
    }
}
