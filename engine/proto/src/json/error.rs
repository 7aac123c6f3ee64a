//! What can be wrong with a document, where, and how to mend it.

use std::fmt;

use super::limits;

/// Why a document was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError {
    /// Line of the document, from 1; 0 where the whole document is meant.
    pub line: usize,
    /// Column of that line, from 1 and in bytes: where reading stopped, so just after what is
    /// wrong.
    pub column: usize,
    /// The place within the document, as in `events[3].eventType`; empty for the whole.
    pub path: String,
    /// What is wrong there.
    pub problem: JsonProblem,
}

/// What is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonProblem {
    /// Not JSON, or JSON cut short.
    #[error("{0}")]
    Syntax(String),
    /// Another kind of value than the field has.
    #[error("expected {expected}, found {found}")]
    WrongType {
        /// What the field holds.
        expected: String,
        /// What the document has.
        found: String,
    },
    /// A text or number that its field cannot hold.
    #[error("{value:?} is no {expected}")]
    BadValue {
        /// What the document has, shortened.
        value: String,
        /// What the field holds.
        expected: String,
    },
    /// A name that the message does not have.
    #[error("{message} has no field {field:?}")]
    UnknownField {
        /// The unknown name.
        field: String,
        /// Full name of the message.
        message: &'static str,
        /// The name that was probably meant.
        similar: Option<&'static str>,
    },
    /// A name that the enum does not have.
    #[error("{of} has no value {value:?}")]
    UnknownValue {
        /// The unknown name.
        value: String,
        /// Full name of the enum.
        of: &'static str,
        /// The name that was probably meant.
        similar: Option<&'static str>,
    },
    /// A field that is there twice, under the same name or both its names.
    #[error("the field is there twice")]
    Duplicate,
    /// Two fields that exclude each other.
    #[error("there is already another field of {0:?}")]
    Excluded(&'static str),
    /// Not an `Any`: no `@type`, or not what its type needs.
    #[error("{0}")]
    BadAny(String),
    /// More bytes than [`limits::BYTES`].
    #[error("the document has {0} bytes, more than the {max} that are read", max = limits::BYTES)]
    TooLarge(usize),
    /// Deeper than [`limits::NESTING`].
    #[error("nested more than {max} levels deep", max = limits::NESTING)]
    TooDeep,
    /// More than [`limits::MESSAGES`].
    #[error("more than {max} messages", max = limits::MESSAGES)]
    TooManyMessages,
    /// More than [`limits::EVENTS`].
    #[error("more than {max} events", max = limits::EVENTS)]
    TooManyEvents,
    /// Neither an object with `events` nor a list of events.
    #[error("not a history: it has no `events`")]
    NotAHistory,
    /// One page of a history that goes on.
    #[error("only the first page of a history: `nextPageToken` says that it goes on")]
    Incomplete,
    /// A message that its own decoder refuses, which is our mistake.
    #[error("cannot be decoded: {0}")]
    Undecodable(String),
}

impl JsonError {
    /// An error of the whole document.
    pub(super) fn whole(problem: JsonProblem) -> Self {
        Self {
            line: 0,
            column: 0,
            path: String::new(),
            problem,
        }
    }

    /// How to mend it, where that can be said.
    pub fn help(&self) -> Option<String> {
        let similar = |name: &Option<&str>| name.map(|name| format!("did you mean {name:?}?"));
        match &self.problem {
            JsonProblem::UnknownField { similar: name, .. }
            | JsonProblem::UnknownValue { similar: name, .. } => similar(name).or_else(|| {
                Some("if a newer Temporal wrote it, read the document tolerantly".to_owned())
            }),
            JsonProblem::WrongType { expected, .. } if expected.contains("common.v1.Payload") => {
                Some(
                    "payloads must be exported as they are: \
                     `temporal workflow show --output json`, or the Web UI without decoding"
                        .to_owned(),
                )
            }
            JsonProblem::NotAHistory | JsonProblem::Incomplete => Some(
                "export it with `temporal workflow show --output json`, or from the Web UI"
                    .to_owned(),
            ),
            JsonProblem::Duplicate | JsonProblem::Excluded(_) => {
                Some("keep one of them".to_owned())
            }
            JsonProblem::Syntax(text) if text.starts_with("EOF") => {
                Some("the document is cut short: export it again".to_owned())
            }
            _ => None,
        }
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}, column {}", self.line, self.column)?;
            if !self.path.is_empty() {
                write!(f, ", at {}", self.path)?;
            }
            f.write_str(": ")?;
        }
        write!(f, "{}", self.problem)?;
        match self.help() {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for JsonError {}
