//! Connections to servers that are made for the occasion.

mod codec;
mod connecting;
mod server;
