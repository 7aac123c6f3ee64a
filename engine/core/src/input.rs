//! What a [`crate::Shard`] is told, one at a time.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    batch::ListBatches,
    effect::ReplyTo,
    execution::Execution,
    ids::{ExecutionKey, Namespace, RunKey},
    message::Envelope,
    request::Request,
    schedule::ListSchedules,
};

/// Sixteen random bytes that come with every input; every id made in that step derives from them and a counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entropy(pub [u8; 16]);

/// One thing that happened, together with the chance it may use.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// The step's only source of randomness.
    pub entropy: Entropy,
    /// What happened.
    pub event: InputEvent,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum InputEvent {
    /// A caller asks; the answer goes to `reply_to`.
    Request(ReplyTo, Request),
    /// The caller behind `reply_to` is gone; nobody waits for that answer any more.
    Abandoned(ReplyTo),
    /// Another machine says something.
    Message(Box<Envelope>),
    /// The answer to [`crate::Effect::Load`]: the execution as the store has it, `None` if it has none.
    Loaded(ExecutionKey, Option<Box<Execution>>),
    /// A deadline of [`crate::Shard::next_deadline`] may have come.
    Tick,
    /// Memory is wanted: forget this execution if it is idle.
    Evict(ExecutionKey),
    /// The caller behind `ReplyTo`, who waits for an update of this execution, has waited for as long as it may: it
    /// is answered with the stage that the update has reached. Nothing happens if it has been answered already.
    WaitEnded(ReplyTo, ExecutionKey),
    /// A caller asks which schedules there are; the answer goes to `reply_to`.
    ListSchedules(ReplyTo, ListSchedules),
    /// The answer to [`crate::Effect::Read`]: the events, encoded, as the store has them.
    Read(RunKey, Vec<Bytes>),
    /// How long closed runs of which namespace are kept. Until this is known, all are kept.
    Retention(BTreeMap<Namespace, Duration>),
    /// A caller asks which batch jobs there are; the answer goes to `reply_to`.
    ListBatches(ReplyTo, ListBatches),
}
