//! Temporal's gRPC API on the durable-execution machines.
//!
//! Nothing here decides. Bytes come in, [`steadfast_core::parse`] makes a request of them, the machines answer, and
//! [`steadfast_core::render`] makes bytes of the answer:
//!
//! ```text
//!   tonic handlers (tokio)                       one thread: `engine`
//!   ──────────────────────                       ─────────────────────────────────────────────
//!   parse ── Post::Ask ──────────────────────▶   Shard::step / Matching::step ─▶ batch ─▶ store
//!   await the answer  ◀── Answer + history ───   effects, once durable
//!   render
//! ```
//!
//! The machines, the store and the callers that wait live on one thread, so nothing in them is locked. Syncs of the
//! log run on another, so that steps go on while the disk works: everything that arrives meanwhile shares the next
//! sync. What a caller is told is held back until its batch, and every earlier one, is durable.

mod access;
mod config;
mod deadline;
mod disk;
mod engine;
mod layer;
mod metrics;
mod rpc;
mod server;
mod status;

pub use access::{BadKeys, Keys};
pub use config::{Config, Persistence, TimeMode, Tls};
pub use server::{Running, ServeError, start};
