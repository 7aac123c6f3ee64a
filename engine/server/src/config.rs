//! What a server is told at its start.

use std::{collections::BTreeMap, fmt, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use crate::access::Keys;

/// Everything that a server is told at its start.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it listens. Port 0 means any free one.
    pub listen: Vec<SocketAddr>,
    /// Where it keeps what must not be lost.
    pub persistence: Persistence,
    /// Into how many shards a *new* store divides executions.
    pub shards: u32,
    /// Namespaces that are registered at the start, unless they are there.
    pub namespaces: Vec<String>,
    /// Search attributes of those namespaces: Temporal's `IndexedValueType` by name.
    pub search_attributes: BTreeMap<String, i32>,
    /// How long closed runs are kept in those namespaces.
    pub retention: Duration,
    /// Whose time it is.
    pub time: TimeMode,
    /// Where Prometheus may read what the server counts; `None` if nowhere. Nobody is asked who he is there.
    pub metrics: Option<SocketAddr>,
    /// Encrypts connections; `None` for plain ones.
    pub tls: Option<Tls>,
    /// Whom callers must be known to; `None` if to nobody.
    pub keys: Option<Arc<Keys>>,
    /// How long a poll waits for a task.
    pub long_poll: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 7233))],
            persistence: Persistence::Memory,
            shards: 8,
            namespaces: vec!["default".to_owned()],
            search_attributes: BTreeMap::new(),
            retention: Duration::from_secs(24 * 3600),
            time: TimeMode::Real,
            metrics: None,
            tls: None,
            keys: None,
            long_poll: steadfast_core::limits::LONG_POLL,
        }
    }
}

/// Certificates, as PEM.
#[derive(Clone)]
pub struct Tls {
    /// The server's certificate and those that vouch for it.
    pub certificate: String,
    /// Its private key.
    pub key: String,
    /// Who vouches for clients; `None` if clients need no certificate.
    pub client_ca: Option<String>,
}

impl fmt::Debug for Tls {
    /// The key stays unsaid.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("client_ca", &self.client_ca.is_some())
            .finish_non_exhaustive()
    }
}

/// Where a server keeps what must not be lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// In memory: it ends with the process.
    Memory,
    /// In a directory, which one process may have open at a time.
    Directory(PathBuf),
}

/// Whose time it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeMode {
    /// The machine's.
    Real,
    /// The server's own, which tests may skip ahead: the test service is on, and any namespace is there.
    Skipping {
        /// Whether time skips from the start, or only when a test unlocks it.
        unlocked: bool,
    },
}
