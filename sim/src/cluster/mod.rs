//! A whole small cluster on the nodes of a [`World`](crate::kernel::World): engines, workers, clients, services.
//!
//! ```text
//!   clients ──requests──▶ engines ◀──polls, answers── workers ──calls──▶ services ──▶ ledger
//!                         shards, matching             cache, futures     durable state
//!                         store ──▶ disk
//! ```
//!
//! Engines run the same machines and the same store as the server. Workers host the same workflow code as an official
//! worker. What the nodes say to each other is [`wire`]; what becomes true on the way is told to the checkers as
//! [`observe::Observation`]s.

pub mod activity;
pub(crate) mod build;
mod caller;
pub mod client;
mod describe;
pub mod engine;
pub mod ledger;
pub mod observe;
mod resets;
mod schedules;
pub mod service;
pub mod service_node;
pub mod topology;
pub(crate) mod view;
pub mod weather;
pub mod wire;
pub mod worker;
pub mod workload;

pub use crate::kernel::Bell;
pub use activity::{ActivityContext, ActivityError, ActivityInfo, decode, encode};
pub use ledger::{EntryId, EntryKind, Ledger, LedgerEntry};
pub use service::{Book, Service, ServiceResult, answer};
pub use steadfast_core::Timestamp;
pub use wire::{ServiceCall, ServiceError};
