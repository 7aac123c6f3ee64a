//! Why there is no connection, and why a call came to nothing.

use std::{error::Error, io, path::PathBuf, time::Duration};

use tonic::{Code, Status};

/// Why settings are not usable.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The configuration file or the environment does not say what can be understood.
    #[error("{0}")]
    Configuration(#[from] temporalio_common::envconfig::ConfigError),
    /// The configuration file that was named is not there.
    #[error("there is no configuration file {0}")]
    NoFile(PathBuf),
    /// The address is none.
    #[error("{address:?} is no address: {why}")]
    Address {
        /// What was given.
        address: String,
        /// What is wrong with it.
        why: String,
    },
    /// A header cannot be sent.
    #[error("the header {name:?} cannot be sent: {why}")]
    Header {
        /// Its name.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// A certificate or key cannot be used.
    #[error("the {what} cannot be used: {why}")]
    Certificate {
        /// Which: "client certificate", "client key" or "server CA certificate".
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A certificate or key cannot be read.
    #[error("the {what} {path} cannot be read: {source}")]
    CertificateFile {
        /// Which.
        what: &'static str,
        /// Where it should be.
        path: PathBuf,
        /// Why it is not to be had.
        #[source]
        source: io::Error,
    },
    /// The codec server's address is none.
    #[error("{endpoint:?} is no URL of a codec server: {why}")]
    Codec {
        /// What was given.
        endpoint: String,
        /// What is wrong with it.
        why: String,
    },
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The settings are not usable.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Nobody answers at the address, or nobody whom we can trust.
    #[error("no server can be reached at {address}: {why}")]
    Unreachable {
        /// The address.
        address: String,
        /// Why, as far as we learn.
        why: String,
    },
    /// Somebody answers and will not talk to us.
    #[error("the server at {address} refuses: {}", told(status))]
    Refused {
        /// The address.
        address: String,
        /// What it says.
        status: Box<Status>,
    },
}

impl ConnectError {
    pub(crate) fn unreachable(address: &str, error: &dyn Error) -> Self {
        Self::Unreachable {
            address: address.to_owned(),
            why: innermost(error),
        }
    }

    pub(crate) fn late(address: &str, after: Duration) -> Self {
        Self::Unreachable {
            address: address.to_owned(),
            why: format!("no answer within {after:?}"),
        }
    }
}

/// Whether a call failed because the server cannot be reached, and not because it refused.
pub fn is_unreachable(status: &Status) -> bool {
    matches!(status.code(), Code::Unavailable | Code::Unknown)
        && status
            .source()
            .is_some_and(|source| source.is::<tonic::transport::Error>())
}

/// What a status says, in one line: the message of the server, or the name of the code if it gave none.
pub fn told(status: &Status) -> String {
    if is_unreachable(status) {
        return status
            .source()
            .map_or_else(|| status.message().to_owned(), innermost);
    }
    match status.message() {
        "" => status.code().description().to_owned(),
        message => message.to_owned(),
    }
}

/// The end of a chain of causes: what the operating system or the TLS library said.
pub(crate) fn innermost(error: &dyn Error) -> String {
    let mut last = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    let text = last.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(letters).collect()
    })
}
