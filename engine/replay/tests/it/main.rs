//! Scenario tests: small workflows written with the official macros, run against a tiny server, and histories by hand.

mod basics;
mod history;
mod hostile;
mod locals;
mod mismatch;
mod operations;
mod server;
