//! The report on code that does not do what its history says.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What kind of difference was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NonDeterminismKind {
    /// History has a command event; the code issued no command.
    MissingCommand,
    /// The code issued another command than the one in history.
    DifferentCommand,
    /// Same command, but its id, type or target differs.
    DifferentAttributes,
    /// History tells of an outcome that the code's operation cannot have.
    ImpossibleOutcome,
    /// History has a patch marker; the code never asked for that patch.
    MissingPatch,
    /// The code used an operation that it never began.
    UnknownOperation,
}

/// One line of the comparison: a command event of the history beside a command of the code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The event's id, if there is an event.
    pub event_id: Option<i64>,
    /// What the history says here.
    pub history: Option<String>,
    /// What the code says here.
    pub code: Option<String>,
    /// Whether this is the line at which the two part.
    pub differs: bool,
}

/// The code does not do what its history says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NonDeterminism {
    /// What kind of difference was found.
    pub kind: NonDeterminismKind,
    /// The event at which history and code part.
    pub event_id: i64,
    /// The `WorkflowTaskStarted` event of the task whose commands are compared.
    pub started_event_id: i64,
    /// Workflow type.
    pub workflow_type: String,
    /// Workflow id.
    pub workflow_id: String,
    /// Run id.
    pub run_id: String,
    /// What the history says.
    pub history: String,
    /// What the code says.
    pub code: String,
    /// One sentence, as it goes into the workflow task's failure.
    pub message: String,
    /// The commands around the difference, side by side.
    pub rows: Vec<Row>,
}

impl std::error::Error for NonDeterminism {}

const MAX_COLUMN: usize = 64;

impl fmt::Display for NonDeterminism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "[TMPRL1100] Nondeterminism error: {}", self.message)?;
        writeln!(
            f,
            "workflow {} `{}`, run {}, event {}, workflow task started by event {}",
            self.workflow_type, self.workflow_id, self.run_id, self.event_id, self.started_event_id
        )?;
        let width = |text: &Option<String>| text.as_ref().map_or(1, |text| text.chars().count());
        let column = self
            .rows
            .iter()
            .map(|row| width(&row.history))
            .max()
            .unwrap_or(0);
        let column = column.clamp("history says".len(), MAX_COLUMN);
        write!(
            f,
            "  {:>6}  {:<column$}  code says",
            "event", "history says"
        )?;
        for row in &self.rows {
            let mark = if row.differs { '>' } else { ' ' };
            let id = row
                .event_id
                .map_or_else(|| "-".to_owned(), |id| id.to_string());
            let history = clip(row.history.as_deref().unwrap_or("-"), column);
            let code = row.code.as_deref().unwrap_or("-");
            write!(f, "\n{mark} {id:>6}  {history:<column$}  {code}")?;
        }
        Ok(())
    }
}

fn clip(text: &str, column: usize) -> String {
    if text.chars().count() <= column {
        return text.to_owned();
    }
    let mut clipped: String = text.chars().take(column.saturating_sub(1)).collect();
    clipped.push('…');
    clipped
}

/// A difference as a machine sees it, before its surroundings are known.
#[derive(Debug)]
pub(crate) struct Mismatch {
    pub(crate) kind: NonDeterminismKind,
    pub(crate) event_id: i64,
    pub(crate) history: String,
    pub(crate) code: String,
    pub(crate) message: String,
}
