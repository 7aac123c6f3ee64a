//! Wire messages, parsed once into core's own types: the server and the simulator parse alike.
//!
//! What does not parse is a [`crate::Rejection::InvalidArgument`] (requests) or a
//! [`crate::request::CommandError`] (commands of a workflow task) with Temporal's own words.

mod policy;

pub use policy::{retry_policy, retry_policy_to_proto};
