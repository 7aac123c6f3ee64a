//! The seeded world in which Steadfast proves its claims.

pub mod kernel;
