//! What to connect to, and as whom.

use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

/// Where a server listens when nothing says otherwise.
pub(crate) const ADDRESS: &str = "localhost:7233";
/// The namespace when nothing says otherwise.
pub(crate) const NAMESPACE: &str = "default";
/// How long a connection may take to be made.
pub(crate) const CONNECT: Duration = Duration::from_secs(5);
/// How long a call that need not wait for anything may take.
pub(crate) const CALL: Duration = Duration::from_secs(10);

/// A text that is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// Certificates or a key, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pem {
    /// The file that holds them.
    File(PathBuf),
    /// The text itself.
    Text(Secret),
}

/// How to speak TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// Who vouches for the server; the operating system's authorities if nobody is named.
    pub server_ca: Option<Pem>,
    /// The client's own certificate, for servers that ask for one.
    pub client_cert: Option<Pem>,
    /// The key of that certificate.
    pub client_key: Option<Pem>,
    /// The name that the server's certificate must have, if it is not that of the address.
    pub server_name: Option<String>,
    /// Whether any certificate is believed.
    pub trust_anybody: bool,
}

/// A codec server: it reads payloads that are encrypted or compressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodecSettings {
    /// Its URL; `/encode` and `/decode` are called below it. `{namespace}` stands for the namespace.
    pub endpoint: String,
    /// The `Authorization` header that it is shown.
    pub auth: Option<Secret>,
    /// Other headers.
    pub headers: BTreeMap<String, String>,
}

/// What to connect to, and as whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `HOST:PORT`.
    pub address: String,
    /// The namespace that calls are about.
    pub namespace: String,
    /// Shown with each call.
    pub api_key: Option<Secret>,
    /// The `:authority` of calls, if it is not the address.
    pub authority: Option<String>,
    /// Headers of each call.
    pub headers: BTreeMap<String, String>,
    /// How to speak TLS, if at all.
    pub tls: Option<TlsSettings>,
    /// Who reads payloads that we cannot.
    pub codec: Option<CodecSettings>,
    /// By whom histories say that something was asked.
    pub identity: String,
    /// How long the connection may take to be made.
    pub connect_timeout: Duration,
    /// How long a call that waits for nothing may take.
    pub call_timeout: Duration,
}

impl Default for Settings {
    /// A server on this machine.
    fn default() -> Self {
        Self {
            address: ADDRESS.to_owned(),
            namespace: NAMESPACE.to_owned(),
            api_key: None,
            authority: None,
            headers: BTreeMap::new(),
            tls: None,
            codec: None,
            identity: identity(),
            connect_timeout: CONNECT,
            call_timeout: CALL,
        }
    }
}

/// Who sits at this machine.
fn identity() -> String {
    let user = ["USER", "LOGNAME", "USERNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok())
        .unwrap_or_else(|| "unknown-user".to_owned());
    let host = gethostname::gethostname();
    format!("steadfast:{user}@{}", host.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let settings = Settings {
            api_key: Some(Secret::new("hunter2")),
            tls: Some(TlsSettings {
                client_key: Some(Pem::Text(Secret::new("hunter2"))),
                ..TlsSettings::default()
            }),
            codec: Some(CodecSettings {
                endpoint: "http://codec".to_owned(),
                auth: Some(Secret::new("hunter2")),
                headers: BTreeMap::new(),
            }),
            ..Settings::default()
        };
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}
