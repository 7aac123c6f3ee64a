//! The server on a loopback socket, driven by a client of the published API.

mod access;
mod basics;
mod client;
mod durable;
mod hostile;
mod schedules;
mod skipping;
mod visibility;
