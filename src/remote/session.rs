//! The connection that a verb works over, and calls on it.

use std::io::{BufRead as _, Write as _};

use prost::{Message, Name};
use steadfast_client::{Calls, CodecError, Connection, Settings, is_unreachable, told};
use steadfast_proto::google::rpc;
use steadfast_proto::temporal::api::operatorservice::v1::operator_service_client::OperatorServiceClient;
use steadfast_proto::temporal::api::workflowservice::v1::workflow_service_client::WorkflowServiceClient;
use tonic::{Code, Request, Response, Status};

use super::output::Output;
use crate::problem::Problem;

/// A connection, and where to print.
#[derive(Debug)]
pub(super) struct Session<'a> {
    pub(super) connection: Connection,
    pub(super) out: Output<'a>,
}

/// Why a call came to nothing.
#[derive(Debug)]
pub(super) enum Failed {
    /// The server refused, or could not be reached.
    Call(Box<Status>),
    /// Payloads could not be encoded or decoded.
    Codec(CodecError),
}

impl<'a> Session<'a> {
    pub(super) async fn open(settings: Settings, out: Output<'a>) -> Result<Self, Problem> {
        let connection = Connection::open(settings).await?;
        Ok(Self { connection, out })
    }

    pub(super) fn namespace(&self) -> String {
        self.connection.namespace().to_owned()
    }

    pub(super) fn identity(&self) -> String {
        self.connection.identity().to_owned()
    }

    /// Asks, where the answer need not wait for anything. Payloads are encoded and decoded on the way.
    pub(super) async fn ask<Q, R>(
        &self,
        request: Q,
        call: impl AsyncFnOnce(WorkflowServiceClient<Calls>, Request<Q>) -> Result<Response<R>, Status>,
    ) -> Result<R, Failed>
    where
        Q: Message + Name + Default,
        R: Message + Name + Default,
    {
        let request = self.connection.encoded(request).await?;
        let answer = call(self.connection.workflows(), self.connection.short(request));
        Ok(self.connection.decoded(answer.await?.into_inner()).await?)
    }

    /// Asks, where the answer may wait for something to happen. Nothing if nothing did before the call had to end.
    pub(super) async fn wait<Q, R>(
        &self,
        request: Q,
        call: impl AsyncFnOnce(WorkflowServiceClient<Calls>, Request<Q>) -> Result<Response<R>, Status>,
    ) -> Result<Option<R>, Failed>
    where
        Q: Message + Name + Default,
        R: Message + Name + Default,
    {
        let request = self.connection.encoded(request).await?;
        let answer = call(self.connection.workflows(), self.connection.long(request));
        match answer.await {
            Ok(answer) => Ok(Some(self.connection.decoded(answer.into_inner()).await?)),
            Err(status) if matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled) => {
                Ok(None)
            }
            Err(status) => Err(status.into()),
        }
    }

    /// Asks whoever looks after the server.
    pub(super) async fn ask_operator<Q, R>(
        &self,
        request: Q,
        call: impl AsyncFnOnce(OperatorServiceClient<Calls>, Request<Q>) -> Result<Response<R>, Status>,
    ) -> Result<R, Failed> {
        let answer = call(self.connection.operators(), self.connection.short(request));
        Ok(answer.await?.into_inner())
    }

    /// Asks the user, unless the answer was given beforehand.
    pub(super) fn confirm(&self, question: &str, yes: bool) -> Result<(), Problem> {
        let answered = self.prompt(&format!("{question} y/N"), yes.then_some("yes"))?;
        match answered.to_ascii_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err(Problem::refused("you have not confirmed it")),
        }
    }

    /// The user's answer, or the one that was given beforehand.
    pub(super) fn prompt(&self, question: &str, given: Option<&str>) -> Result<String, Problem> {
        if let Some(given) = given {
            self.out.line(&format!("{question} {given}"))?;
            return Ok(given.to_owned());
        }
        if self.out.is_json() {
            return Err(Problem::with_help(
                "nobody can be asked when the output is JSON",
                "confirm beforehand with --yes",
            ));
        }
        // A question is for people, wherever the output goes.
        let mut stderr = anstream::stderr();
        let asked = write!(stderr, "{question} ").and_then(|()| stderr.flush());
        asked.map_err(|error| Problem::stdout(&error))?;
        let mut answer = String::new();
        let read = std::io::stdin().lock().read_line(&mut answer);
        read.map_err(|error| Problem::user(format!("cannot read the answer: {error}")))?;
        Ok(answer.trim().to_owned())
    }
}

impl Failed {
    /// The detail of that type that the server gave.
    pub(super) fn detail<M: Message + Name + Default>(&self) -> Option<M> {
        let Self::Call(status) = self else {
            return None;
        };
        let details = rpc::Status::decode(status.details()).ok()?.details;
        let named = format!("/{}", M::full_name());
        let found = details.iter().find(|any| any.type_url.ends_with(&named))?;
        M::decode(found.value.as_slice()).ok()
    }

    /// Whether the server knows of no such thing.
    pub(super) fn is_not_found(&self) -> bool {
        matches!(self, Self::Call(status) if status.code() == Code::NotFound)
    }
}

impl From<Status> for Failed {
    fn from(status: Status) -> Self {
        Self::Call(Box::new(status))
    }
}

impl From<CodecError> for Failed {
    fn from(error: CodecError) -> Self {
        Self::Codec(error)
    }
}

impl From<Failed> for Problem {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Call(status) if is_unreachable(&status) => {
                Self::Unreachable(format!("the server has gone: {}", told(&status)))
            }
            Failed::Call(status) => Self::refused(told(&status)),
            Failed::Codec(error) => Self::refused(error.to_string()),
        }
    }
}
