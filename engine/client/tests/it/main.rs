//! Connections to servers that are made for the occasion.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod codec;
mod connecting;
mod server;
