//! Tests of the whole program and of the repository itself.

mod cli;
mod own;
#[cfg(all(feature = "client", feature = "server"))]
mod remote;
mod tidy;
