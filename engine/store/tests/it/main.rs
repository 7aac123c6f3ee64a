//! The store from outside.

mod conformance;
mod cuts;
