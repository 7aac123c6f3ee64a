//! A workflow update.
//!
//! | state | accept | reject | complete or fail | accepted recorded | completed recorded |
//! |---|---|---|---|---|---|
//! | Requested | Accepted, message and command | Done, message | – | – | – |
//! | Accepted | – | Answered, message and command | Answered, message and command | stays | – |
//! | Answered | – | – | – | stays | Done |

use prost::Message as _;
use prost_types::Any;
use steadfast_proto::temporal::api::{
    command::v1::{Command, ProtocolMessageCommandAttributes, command::Attributes as Cmd},
    common::v1::Payloads,
    failure::v1::Failure,
    history::v1::{HistoryEvent, history_event::Attributes},
    protocol::v1::Message,
    update::v1::{Acceptance, Meta, Outcome, Rejection, Request, Response, outcome},
};

use super::{Effects, Key, impossible};
use crate::{
    error::{Result, Trouble},
    event,
    host::Fault,
    language::{Notes, UpdateAnswer},
    nondeterminism::{Mismatch, NonDeterminismKind},
};

#[derive(Debug)]
pub(crate) struct Update {
    pub(crate) state: State,
    message_id: String,
    instance_id: String,
    sequencing_event_id: i64,
    meta: Meta,
    request: Request,
    accepted_recorded: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Requested,
    Accepted,
    Answered,
    Done,
}

/// An update request, from a message or from history.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    pub(crate) message_id: String,
    pub(crate) instance_id: String,
    pub(crate) sequencing_event_id: i64,
    pub(crate) request: Request,
}

impl Incoming {
    /// The request may be delivered once this event has been applied.
    pub(crate) fn after_event(&self) -> i64 {
        self.sequencing_event_id
    }
}

impl Update {
    pub(crate) fn new(incoming: Incoming) -> Self {
        Self {
            state: State::Requested,
            message_id: incoming.message_id,
            instance_id: incoming.instance_id,
            sequencing_event_id: incoming.sequencing_event_id,
            meta: incoming.request.meta.clone().unwrap_or_default(),
            request: incoming.request,
            accepted_recorded: false,
        }
    }

    pub(crate) fn describe(&self) -> String {
        format!("ProtocolMessage (update {})", self.meta.update_id)
    }

    pub(crate) fn answer(
        &mut self,
        key: Key,
        answer: UpdateAnswer,
        effects: &mut Effects,
    ) -> Result<()> {
        match (self.state, answer) {
            (State::Requested, UpdateAnswer::Accepted) => {
                self.state = State::Accepted;
                let body = any(
                    "Acceptance",
                    &Acceptance {
                        accepted_request_message_id: self.message_id.clone(),
                        accepted_request_sequencing_event_id: self.sequencing_event_id,
                        accepted_request: Some(std::mem::take(&mut self.request)),
                    },
                );
                self.send(key, "accept", body, effects);
            }
            (State::Requested, UpdateAnswer::Rejected(failure)) => {
                self.state = State::Done;
                let body = any(
                    "Rejection",
                    &Rejection {
                        rejected_request_message_id: self.message_id.clone(),
                        rejected_request_sequencing_event_id: self.sequencing_event_id,
                        rejected_request: Some(std::mem::take(&mut self.request)),
                        failure: Some(*failure),
                    },
                );
                effects.messages.push(self.message("reject", body));
            }
            (State::Accepted, UpdateAnswer::Completed(payload)) => {
                let payloads = Payloads {
                    payloads: vec![payload],
                };
                self.respond(key, outcome::Value::Success(payloads), effects);
            }
            (State::Accepted, UpdateAnswer::Rejected(failure)) => {
                self.respond(key, outcome::Value::Failure(*failure), effects);
            }
            _ => {
                let id = &self.meta.update_id;
                return Err(Fault::code(format!("update {id} was answered out of turn")).into());
            }
        }
        Ok(())
    }

    fn respond(&mut self, key: Key, value: outcome::Value, effects: &mut Effects) {
        self.state = State::Answered;
        let outcome = Some(Outcome { value: Some(value) });
        let body = any(
            "Response",
            &Response {
                meta: Some(self.meta.clone()),
                outcome,
            },
        );
        self.send(key, "complete", body, effects);
    }

    /// A message, and the command that gives it its place among the commands.
    fn send(&self, key: Key, what: &str, body: Any, effects: &mut Effects) {
        let message = self.message(what, body);
        let attributes = Cmd::ProtocolMessageCommandAttributes(ProtocolMessageCommandAttributes {
            message_id: message.id.clone(),
        });
        effects.messages.push(message);
        effects.issue(key, attributes, Notes::default());
    }

    fn message(&self, what: &str, body: Any) -> Message {
        Message {
            id: format!("{}/{what}", self.message_id),
            protocol_instance_id: self.instance_id.clone(),
            body: Some(body),
            ..Default::default()
        }
    }

    pub(crate) fn recorded(&mut self, event: &HistoryEvent) -> Result<()> {
        match &event.attributes {
            Some(Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(accepted)) => {
                if accepted.protocol_instance_id != self.instance_id || self.accepted_recorded {
                    return Err(self.other(event).into());
                }
                self.accepted_recorded = true;
            }
            Some(Attributes::WorkflowExecutionUpdateCompletedEventAttributes(completed)) => {
                let id = completed
                    .meta
                    .as_ref()
                    .map_or("", |meta| meta.update_id.as_str());
                if id != self.meta.update_id || !self.accepted_recorded {
                    return Err(self.other(event).into());
                }
                if self.state != State::Answered {
                    let why = "the code has not answered this update";
                    return Err(impossible(event, self.describe(), why).into());
                }
                self.state = State::Done;
            }
            _ => {
                let name = event::type_name(event);
                return Err(Trouble::invalid(
                    event.event_id,
                    format!("{name} refers to an update"),
                ));
            }
        }
        Ok(())
    }

    fn other(&self, event: &HistoryEvent) -> Mismatch {
        let (history, code) = (event::describe(event), self.describe());
        Mismatch {
            kind: NonDeterminismKind::DifferentAttributes,
            event_id: event.event_id,
            message: format!("history has {history} where the code issues {code}"),
            history,
            code,
        }
    }
}

/// Reads an update request message from a workflow task.
pub(crate) fn incoming(message: Message) -> std::result::Result<Incoming, Box<Failure>> {
    use steadfast_proto::temporal::api::protocol::v1::message::SequencingId;
    let refused = |why: &str| {
        Box::new(crate::host::application_failure(format!(
            "update request: {why}"
        )))
    };
    let body = message
        .body
        .ok_or_else(|| refused("the message has no body"))?;
    if !body.type_url.ends_with("temporal.api.update.v1.Request") {
        return Err(refused(&format!("unknown message type {}", body.type_url)));
    }
    let request = Request::decode(body.value.as_slice())
        .map_err(|error| refused(&format!("the message cannot be read: {error}")))?;
    let Some(SequencingId::EventId(sequencing_event_id)) = message.sequencing_id else {
        return Err(refused("the message has no sequencing event id"));
    };
    checked(Incoming {
        message_id: message.id,
        instance_id: message.protocol_instance_id,
        sequencing_event_id,
        request,
    })
    .map_err(refused)
}

/// The request that an admitted or accepted event of history holds.
pub(crate) fn incoming_from_event(event: &HistoryEvent) -> Option<Result<Incoming>> {
    let incoming = match event.attributes.as_ref()? {
        Attributes::WorkflowExecutionUpdateAdmittedEventAttributes(admitted) => {
            let request = admitted.request.clone().unwrap_or_default();
            let id = request.meta.clone().unwrap_or_default().update_id;
            Incoming {
                message_id: format!("{id}/request"),
                instance_id: id,
                sequencing_event_id: event.event_id,
                request,
            }
        }
        Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(accepted) => Incoming {
            message_id: accepted.accepted_request_message_id.clone(),
            instance_id: accepted.protocol_instance_id.clone(),
            sequencing_event_id: accepted.accepted_request_sequencing_event_id,
            request: accepted.accepted_request.clone().unwrap_or_default(),
        },
        _ => return None,
    };
    Some(checked(incoming).map_err(|why| Trouble::invalid(event.event_id, why)))
}

fn checked(incoming: Incoming) -> std::result::Result<Incoming, &'static str> {
    if incoming.request.meta.is_none() {
        return Err("the update request has no meta");
    }
    if incoming.request.input.is_none() {
        return Err("the update request has no input");
    }
    Ok(incoming)
}

fn any(kind: &str, message: &impl prost::Message) -> Any {
    Any {
        type_url: format!("type.googleapis.com/temporal.api.update.v1.{kind}"),
        value: message.encode_to_vec(),
    }
}

/// Whether the command announces the acceptance of an update, not its outcome.
pub(crate) fn is_acceptance(command: &Command) -> bool {
    matches!(&command.attributes, Some(Cmd::ProtocolMessageCommandAttributes(message))
        if message.message_id.ends_with("/accept"))
}
