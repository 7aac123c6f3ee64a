//! Connections to any server that speaks Temporal's gRPC API: ours, Temporal's, or its cloud.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use steadfast_client::{Connection, Flags, Settings, Source};
//!
//! // What the real command line would connect to, told by the same files and variables.
//! let settings = Settings::load(&Source::default(), &Flags::default())?;
//! let connection = Connection::open(settings).await?;
//! let request = steadfast_proto::temporal::api::workflowservice::v1::ListWorkflowExecutionsRequest {
//!     namespace: connection.namespace().to_owned(),
//!     ..Default::default()
//! };
//! let listed = connection.workflows().list_workflow_executions(connection.short(request)).await?;
//! let listed = connection.decoded(listed.into_inner()).await?;
//! # drop(listed);
//! # Ok(())
//! # }
//! ```
//!
//! | file | what |
//! |---|---|
//! | `settings` | what to connect to, and as whom |
//! | `load` | where that is written: flags, the environment, `temporal.toml` |
//! | `tls` | certificates |
//! | `connection` | the connection and its calls |
//! | `codec` | payloads that only a codec server can read |
//!
//! Out of scope: retries of refused calls, and everything that a worker does.

mod codec;
mod connection;
mod error;
mod load;
mod settings;
mod tls;

pub use codec::CodecError;
pub use connection::{Calls, Connection, Headers};
pub use error::{ConnectError, SettingsError, is_unreachable, told};
pub use load::{Flags, Source};
pub use settings::{CodecSettings, Pem, Secret, Settings, TlsSettings};
