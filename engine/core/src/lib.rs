//! The durable-execution machines: Temporal's semantics as pure state machines.
//!
//! Nothing in here reads a clock, a random source, a file or a socket. The owner of a machine (the server, or the
//! simulator) hands it one [`Input`] at a time together with the time, and gets back one atomic [`Batch`] to make
//! durable plus the [`Effect`]s to carry out once it is:
//!
//! ```text
//!   input ──▶ Shard::step(now, input, effects) ──▶ Batch ──▶ store (durable)
//!                                             └──▶ Effect::{Reply, Send, Load}   held back until then
//! ```
//!
//! Three machines share that signature: [`Shard`] owns executions and decides everything durable; Matching
//! (volatile) pairs tasks with pollers; `Clock` is the server's virtual time. They meet only through
//! [`Effect::Send`], so a simulator can delay, lose, duplicate and reorder what they say to each other.
//!
//! State is a fold of the log: a [`Batch`] holds [`Record`]s, [`Execution::fold`] of all records of an execution is
//! that execution, and [`history::HistoryState`] is the fold of its history events alone.
#![warn(missing_docs, clippy::wildcard_enum_match_arm)]

pub mod activity;
pub mod batch;
mod chain;
mod child;
pub mod clock;
pub mod command;
mod commands;
pub mod cron;
pub mod deadline;
mod deletion;
pub mod deployment;
pub mod effect;
pub mod execution;
mod external;
pub mod history;
pub mod ids;
pub mod input;
pub mod limits;
pub mod matching;
pub mod message;
mod multi;
pub mod namespace;
pub mod nexus;
mod outbox;
pub mod parse;
pub mod pause;
pub mod policy;
mod query;
pub mod read;
pub mod record;
pub mod render;
pub mod request;
pub mod reset;
pub mod schedule;
pub mod shard;
mod signal;
pub mod standalone;
mod start;
pub mod time;
mod timer;
pub mod token;
mod tx;
pub mod update;
pub mod versioning;
pub mod visibility;
mod volatile;
pub mod workers;
pub mod workflow_task;

pub use clock::Clock;
pub use effect::{Effect, Effects, Rejection, Reply, ReplyTo};
pub use execution::{Execution, Run};
pub use ids::{
    ActivityId, Epoch, EventId, ExecutionKey, Namespace, RunId, RunKey, ShardId, TaskQueueName,
    TimerId, UpdateId, WorkflowId,
};
pub use input::{Entropy, Input, InputEvent};
pub use matching::{Matching, MatchingInput, QueryToken};
pub use namespace::Registry;
pub use record::{Batch, Entry, Record};
pub use request::Request;
pub use shard::{Deadlines, Shard};
pub use time::{Monotonic, Now, Timestamp};
