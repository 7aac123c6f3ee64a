//! Sans-IO worker core: history → activations → commands, matched against history.
//!
//! * [`Registry`] holds workflows written with the official SDK's macros (`temporalio-workflow`).
//! * [`CachedRun`] is one run in a worker's cache. Give it the workflow tasks as polled, send what it answers. It keeps the
//!   code alive between tasks; a task with the whole history starts over. Either way the commands are the same
//!   ([`CachedRun::digest`]).
//! * [`replay_history`] replays a whole exported history. Code that does not do what its history says is a
//!   [`NonDeterminism`]: where, what history says, what the code says, and the commands around, side by side.
//!
//! There is no clock, no thread, no runtime and no randomness in here: time, seeds and outcomes come from the history.
//! The one dependency on the SDK's inner workings is `host.rs`.

mod digest;
mod error;
mod event;
mod feed;
mod flags;
mod host;
mod interpreter;
mod language;
mod machines;
mod markers;
mod nondeterminism;
mod registry;
mod replay;
mod report;
mod run;
mod validate;

pub use error::ReplayError;
pub use host::Workflow;
pub use language::LocalActivity;
pub use nondeterminism::{NonDeterminism, NonDeterminismKind, Row};
pub use registry::Registry;
pub use replay::{ReplayReport, replay_history};
pub use run::{
    CachedRun, Completion, LocalActivityCall, LocalActivityOutcome, LocalActivityResult, RunInit,
    SDK_NAME, SDK_VERSION, Task, TaskOutcome,
};
