//! Writing to the terminal, or to whatever stands in its place.

use std::cell::RefCell;
use std::fmt;
use std::io::Write;

use serde::Serialize;

use crate::problem::Problem;

/// The place that results are written to.
pub(crate) struct Console {
    program: String,
    out: RefCell<Box<dyn Write>>,
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console")
            .field("program", &self.program)
            .finish_non_exhaustive()
    }
}

impl Console {
    /// What people see of `program` goes to `out`.
    pub(crate) fn new(program: &str, out: Box<dyn Write>) -> Self {
        Self {
            program: program.to_owned(),
            out: RefCell::new(out),
        }
    }

    /// The command that runs a scenario with a seed again.
    pub(crate) fn repro_command(&self, handle: &str, seed: u64, sabotage: Option<&str>) -> String {
        let program = &self.program;
        let what = format!("{handle}:{seed}");
        let what = if what.contains(char::is_whitespace) {
            format!("'{what}'")
        } else {
            what
        };
        match sabotage {
            Some(sabotage) => format!("{program} repro {what} --sabotage {sabotage}"),
            None => format!("{program} repro {what}"),
        }
    }

    /// Writes a text, with or without colours, as the place can show it.
    pub(crate) fn print(&self, text: &str) -> Result<(), Problem> {
        let mut out = self.out.borrow_mut();
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        written.map_err(|error| Problem::stdout(&error))
    }

    /// Writes a line.
    pub(crate) fn line(&self, text: &str) -> Result<(), Problem> {
        self.print(&format!("{text}\n"))
    }

    /// Writes one JSON object on a line.
    pub(crate) fn json(&self, value: &impl Serialize) -> Result<(), Problem> {
        self.line(&json_text(value))
    }
}

/// A value as one line of JSON.
pub(crate) fn json_text(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("it has only text keys")
}
