//! The server on a loopback socket, driven by a client of the published API.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod access;
mod activities;
mod arbitrary;
mod basics;
mod batches;
mod client;
mod deletions;
mod deployments;
mod durable;
mod hostile;
mod metrics;
mod resets;
mod schedules;
mod skipping;
mod visibility;
