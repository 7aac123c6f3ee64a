//! The generic seeded world: one thread, one loop, virtual time that jumps from event to event.
//!
//! Nothing here knows of workflows. A [`World`] holds nodes; a node runs one [`Process`] at a time
//! and keeps a disk that survives it. Processes act only through [`Ctx`]: messages, timers, the
//! disk, chance. The world pops the earliest event, lets one process handle it, and schedules what
//! came of it.
//!
//! * All chance goes through [`Chance`]: one stream per (label, entity), recordable, replayable.
//! * Faults are classes ([`FaultClass`]) with rates that a [`Swarm`] draws per seed. A class that
//!   is off draws nothing. A storm injects them; the calm heals everything.
//! * Each event has a line in the trace and goes into a rolling hash, whether or not anyone records
//!   the trace. Equal hashes are equal runs.
//!
//! Not here: threads, real time, real IO, and any hash map, whose order differs per process.

mod chance;
mod choices;
mod clock;
mod core;
mod disk;
mod faults;
mod foreign;
mod hash;
mod label;
mod net;
mod points;
mod process;
mod queue;
mod storm;
mod tasks;
mod time;
mod timers;
mod trace;
mod world;

pub use chance::{Chance, Drift, DriftKind, Rate};
pub use choices::{Choice, ChoiceLog, ChoiceLogError, Series};
pub use clock::NodeClock;
pub use disk::{Disk, DiskCounts, DiskError, FileId, Ticket};
pub use faults::{ClassSet, FaultClass, FaultPlan, Shape, Strikes, Swarm};
pub use foreign::{Bell, ForeignClock};
pub use hash::{Digest, Digester};
pub use label::{Entity, Label};
pub use net::{Envelope, Verdict};
pub use points::{POINT_JUMP, POINT_JUMP_BACK, POINT_PAUSE, Point, PointFault};
pub use process::{Ctx, Message, NodeId, Peer, Process};
pub use tasks::{Canceled, LocalTasks, Receiver, Sender, Sleep, TaskHandle, TaskId, oneshot};
pub use time::Time;
pub use timers::TimerId;
pub use trace::{Ladder, TRACE_VERSION, TraceBuffer, TraceEvent, TraceKind, TraceSink};
pub use world::{CrashKind, NodeSpec, NodeState, Phase, Stepped, World, WorldConfig};
