//! The server on a loopback socket, driven by a client of the published API.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod access;
mod arbitrary;
mod basics;
mod client;
mod durable;
mod hostile;
mod metrics;
mod schedules;
mod skipping;
mod visibility;
