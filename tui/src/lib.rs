//! The console: histories, runs and simulated worlds on a terminal.
//!
//! [`app`] is a pure machine: messages in, commands out. [`view`] draws what it holds, and only what is seen of it.
//! [`event_loop`] is the one place where both meet the terminal, the clock and the threads; [`source`] is where what is
//! shown comes from. [`widgets`] know nothing of all that.

pub mod app;
pub mod event_loop;
pub mod history;
pub mod keymap;
pub mod keys;
pub mod plain;
pub mod source;
pub mod terminal;
pub mod text;
pub mod theme;
pub mod view;
pub mod widgets;
pub mod worlds;
