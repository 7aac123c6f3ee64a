//! Why a command could not do what it was asked: told on stderr, once, with the mend.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use miette::{GraphicalReportHandler, GraphicalTheme};
#[cfg(feature = "client")]
use steadfast_client::{ConnectError, SettingsError};
use steadfast_sim::scenario::Mistakes;

use crate::Exit;

/// Why a command could not do what it was asked.
#[derive(Debug)]
pub(crate) enum Problem {
    /// A file or a name that is not usable.
    User {
        /// What is wrong.
        message: String,
        /// How to mend it.
        help: Option<String>,
    },
    /// A scenario file with mistakes in it.
    Scenario(Mistakes),
    /// The server refused, or what it was asked for went wrong.
    #[cfg(feature = "client")]
    Refused(String),
    /// No server can be reached.
    #[cfg(feature = "client")]
    Unreachable(String),
    /// Nobody reads what is written.
    Closed,
}

impl Problem {
    pub(crate) fn user(message: impl Into<String>) -> Self {
        Self::User {
            message: message.into(),
            help: None,
        }
    }

    pub(crate) fn with_help(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::User {
            message: message.into(),
            help: Some(help.into()),
        }
    }

    #[cfg(feature = "client")]
    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self::Refused(message.into())
    }

    pub(crate) fn io(doing: &str, path: &Path, error: &io::Error) -> Self {
        Self::user(format!(
            "cannot {doing} {}: {}",
            path.display(),
            plain(error)
        ))
    }

    /// A failure to write to stdout.
    pub(crate) fn stdout(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::user(format!("cannot write to stdout: {}", plain(error))),
        }
    }

    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::Closed => Exit::Passed,
            #[cfg(feature = "client")]
            Self::Refused(_) => Exit::Failed,
            #[cfg(feature = "client")]
            Self::Unreachable(_) => Exit::Unreachable,
            _ => Exit::Usage,
        }
    }

    /// Tells it on stderr.
    pub(crate) fn tell(&self) {
        let text = self.render();
        if !text.is_empty() {
            anstream::eprint!("{text}");
        }
    }

    pub(crate) fn render(&self) -> String {
        let mut out = String::new();
        match self {
            Self::User { message, help } => {
                out.push_str(&format!("error: {message}\n"));
                if let Some(help) = help {
                    out.push_str(&format!("  help: {help}\n"));
                }
            }
            Self::Scenario(mistakes) => {
                let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode());
                for mistake in &mistakes.0 {
                    let (line, column) = mistake.position();
                    let place = format!("{}:{line}:{column}", mistake.file());
                    let _ = writeln!(out, "error: {place}: {mistake}");
                    if handler.render_report(&mut out, mistake).is_err() {
                        out.push('\n');
                    }
                }
            }
            #[cfg(feature = "client")]
            Self::Refused(message) => {
                let _ = writeln!(out, "error: {message}");
            }
            #[cfg(feature = "client")]
            Self::Unreachable(message) => {
                let _ = writeln!(out, "error: {message}");
                out.push_str("  help: is it running? `steadfast serve` starts one; --address names another\n");
            }
            Self::Closed => {}
        }
        out
    }
}

impl From<Mistakes> for Problem {
    fn from(mistakes: Mistakes) -> Self {
        Self::Scenario(mistakes)
    }
}

#[cfg(feature = "client")]
impl From<SettingsError> for Problem {
    fn from(error: SettingsError) -> Self {
        Self::user(error.to_string())
    }
}

#[cfg(feature = "client")]
impl From<ConnectError> for Problem {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Settings(error) => error.into(),
            ConnectError::Unreachable { .. } => Self::Unreachable(error.to_string()),
            ConnectError::Refused { .. } => Self::Refused(error.to_string()),
        }
    }
}

/// An IO error without the operating system's number.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error")
        .next()
        .unwrap_or(&text)
        .to_lowercase()
}
