//! What a server is told at its start.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

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
        }
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
