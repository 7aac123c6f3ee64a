//! The thread that owns the machines and the store, and the handle by which callers reach it.
//!
//! One turn of its loop: take what has arrived, step the machines, hand their batches to the store, carry out what has
//! become durable; then sleep until something arrives, a sync ends, or a deadline comes. Everything that arrives
//! while a sync runs is in the next one.

mod callers;
mod handle;
mod host;
mod pages;
mod shards;
mod time;

pub(crate) use handle::{Answer, Ask, ClockAsk, Engine, Post};
pub(crate) use host::EngineError;
pub(crate) use host::{Ended, spawn};
