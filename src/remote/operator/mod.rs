//! The verbs of those who look after a server.

mod cluster;
mod namespace;
mod search_attribute;

use clap::Subcommand;

use super::Run;
use super::session::Session;
use crate::problem::Problem;

/// The verbs of those who look after a server.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Look after namespaces
    #[command(subcommand)]
    Namespace(namespace::Verb),
    /// Look after search attributes
    #[command(subcommand)]
    SearchAttribute(search_attribute::Verb),
    /// Look at the cluster
    #[command(subcommand)]
    Cluster(cluster::Verb),
}

impl Run for Verb {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        match self {
            Self::Namespace(verb) => verb.run(session).await,
            Self::SearchAttribute(verb) => verb.run(session).await,
            Self::Cluster(verb) => verb.run(session).await,
        }
    }
}
