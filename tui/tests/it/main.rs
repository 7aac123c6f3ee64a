//! The console as a whole: keys go in, screens come out.

mod desk;
mod documents;
mod files;
mod fuzz;
mod hostile;
mod keys;
#[cfg(unix)]
mod panics;
mod run;
mod travel;
