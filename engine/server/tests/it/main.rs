//! The server on a loopback socket, driven by a client of the published API.

mod access;
mod basics;
mod client;
mod durable;
mod hostile;
mod skipping;
mod visibility;
