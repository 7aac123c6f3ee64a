//! Tests of the whole program and of the repository itself.

mod cli;
#[cfg(feature = "console")]
mod console;
mod own;
mod tidy;
