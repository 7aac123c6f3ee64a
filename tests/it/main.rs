//! Tests of the whole program and of the repository itself.

mod cli;
#[cfg(feature = "console")]
mod console;
mod own;
#[cfg(all(feature = "client", feature = "server"))]
mod remote;
mod tidy;
