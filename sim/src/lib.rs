//! The seeded world in which Steadfast proves its claims.
//!
//! A [`suite::Suite`] is what a crate registers, a [`scenario::Scenario`] says what happens in a
//! world, and a [`report::RunReport`] what came of it.

pub mod certify;
pub mod checkers;
pub mod cluster;
pub mod journal;
pub mod kernel;
pub mod report;
pub mod run;
pub mod sabotage;
pub mod scenario;
pub mod shrink;
pub mod suite;
