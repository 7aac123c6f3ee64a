//! .

pub mod workflows;
