//! The seeded world as its users see it.

mod disk;
mod faults;
mod support;
mod time;
mod world;
