//! The seeded world as its users see it.

mod disk;
mod faults;
mod foreign;
mod support;
mod time;
mod world;
