//! The store from outside.

mod conformance;
mod cuts;
mod damage;
mod hostile;
