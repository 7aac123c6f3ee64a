//! Bugs planted on purpose, to prove that the checkers are not vacuous.
//!
//! A bug is planted from outside: between a machine and the world (here), or in a suite's own code. The engine has no
//! switch for any of them.

/// A bug of the engine, planted between its machines and the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bug {
    /// Answers leave before what they say is durable.
    AcknowledgeBeforeCommit,
}
