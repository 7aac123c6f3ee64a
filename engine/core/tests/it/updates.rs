//! The part of the scripts' language that is about updates: callers ask, workers answer.
//!
//! Among the commands of `complete`: `accept ID`, `respond ID [fail]`, `reject ID`. With `quiet` the message has no
//! command; with `bare` it does not bring the request along; `twice` repeats the command.

use std::{collections::BTreeMap, fmt::Write as _};

use prost::Message as _;
use prost_types::Any;
use steadfast_core::{
    InputEvent, ReplyTo,
    effect::{UpdateOutcome, UpdateReply},
    ids::{RequestId, UpdateId},
    parse,
};
use steadfast_proto::temporal::api::{
    command::v1::{Command, ProtocolMessageCommandAttributes},
    common::v1::Payloads,
    enums::v1::UpdateWorkflowExecutionLifecycleStage as Stage,
    failure::v1::Failure,
    protocol::v1::{Message, message::SequencingId},
    update::v1::{
        Acceptance, Input, Meta, Outcome, Rejection, Request, Response, UpdateRef, WaitPolicy,
        outcome,
    },
    workflowservice::v1::{
        ExecuteMultiOperationRequest, PollWorkflowExecutionUpdateRequest,
        RespondWorkflowTaskCompletedRequest, UpdateWorkflowExecutionRequest,
        execute_multi_operation_request::{Operation, operation},
    },
};

use crate::script::{Script, Words, execution, key, start, text};

/// What a script knows of updates.
#[derive(Default)]
pub(crate) struct Updates {
    /// The newest message about each, as a worker has it.
    messages: BTreeMap<String, Message>,
    /// Who asked, and of whom.
    asked: Vec<(ReplyTo, String)>,
}

impl Updates {
    /// What came with a workflow task, for the snapshot.
    pub(crate) fn came_with(&mut self, messages: &[Message]) -> String {
        let mut line = String::new();
        for message in messages {
            let id = &message.protocol_instance_id;
            let Some(SequencingId::EventId(after)) = message.sequencing_id else {
                panic!("a message has its place: {message:?}");
            };
            write!(line, ", update {id} after {after}").expect("a string");
            self.messages.insert(id.clone(), message.clone());
        }
        line
    }

    /// Adds what a worker says to an update; `false` if these words are a command of another kind.
    pub(crate) fn says(
        &self,
        words: &Words<'_>,
        request: &mut RespondWorkflowTaskCompletedRequest,
    ) -> bool {
        let Some(verb @ ("accept" | "reject" | "respond")) = words.plain.first().copied() else {
            return false;
        };
        let id = words.at(1);
        let has = |word| words.plain.contains(&word);
        let sent = self.messages.get(id).cloned().unwrap_or_default();
        let after = match sent.sequencing_id {
            Some(SequencingId::EventId(after)) => after,
            Some(SequencingId::CommandIndex(_)) | None => 1,
        };
        let body = sent.body.filter(|_| !has("bare"));
        let body = body.map(|body| Request::decode(body.value.as_slice()).expect("a request"));
        let (kind, bytes) = match verb {
            "accept" => {
                let acceptance = Acceptance {
                    accepted_request_message_id: format!("{id}/request"),
                    accepted_request_sequencing_event_id: after,
                    accepted_request: body,
                };
                ("Acceptance", acceptance.encode_to_vec())
            }
            "reject" => {
                let rejection = Rejection {
                    rejected_request_message_id: format!("{id}/request"),
                    rejected_request_sequencing_event_id: after,
                    rejected_request: body,
                    failure: Some(Failure::application("no, thanks", "Rude")),
                };
                ("Rejection", rejection.encode_to_vec())
            }
            _ => {
                let value = if has("fail") {
                    outcome::Value::Failure(Failure::application("it failed", "Oops"))
                } else {
                    outcome::Value::Success(Payloads {
                        payloads: vec![text("well")],
                    })
                };
                let response = Response {
                    meta: Some(meta(id)),
                    outcome: Some(Outcome { value: Some(value) }),
                };
                ("Response", response.encode_to_vec())
            }
        };
        let name = format!("{id}/{verb}");
        request.messages.push(Message {
            id: name.clone(),
            protocol_instance_id: id.to_owned(),
            body: Some(Any {
                type_url: format!("type.googleapis.com/temporal.api.update.v1.{kind}"),
                value: bytes,
            }),
            ..Message::default()
        });
        let commands = match () {
            () if verb == "reject" || has("quiet") => 0,
            () if has("twice") => 2,
            () => 1,
        };
        for _ in 0..commands {
            let attributes = ProtocolMessageCommandAttributes {
                message_id: name.clone(),
            };
            request.commands.push(Command {
                attributes: Some(attributes.into()),
                ..Command::default()
            });
        }
        true
    }
}

fn meta(id: &str) -> Meta {
    Meta {
        update_id: id.to_owned(),
        identity: "caller".to_owned(),
    }
}

fn wait_policy(words: &Words<'_>) -> Option<WaitPolicy> {
    let stage = match words.options.get("wait") {
        Some(&"admitted") => Stage::Admitted,
        Some(&"accepted") => Stage::Accepted,
        Some(&"now") => Stage::Unspecified,
        Some(other) => panic!("no such stage: {other}"),
        None => Stage::Completed,
    };
    Some(WaitPolicy {
        lifecycle_stage: stage.into(),
    })
}

fn update(words: &Words<'_>) -> UpdateWorkflowExecutionRequest {
    UpdateWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_execution: execution(words.at(0)),
        first_execution_run_id: words.options.get("first").copied().unwrap_or("").to_owned(),
        wait_policy: wait_policy(words),
        request: Some(Request {
            meta: Some(meta(words.at(1))),
            input: Some(Input {
                name: "change".to_owned(),
                ..Input::default()
            }),
            ..Request::default()
        }),
    }
}

impl Script {
    /// A caller asks for an update or after one.
    pub(crate) fn ask_update(&mut self, verb: &str, words: &Words<'_>) {
        let fresh = UpdateId::new("fresh-update");
        let request = match verb {
            "update" => parse::update(update(words), fresh),
            "poll-update" => parse::poll_update(PollWorkflowExecutionUpdateRequest {
                namespace: "default".to_owned(),
                update_ref: Some(UpdateRef {
                    workflow_execution: execution(words.at(0)),
                    update_id: words.at(1).to_owned(),
                }),
                wait_policy: wait_policy(words),
                ..PollWorkflowExecutionUpdateRequest::default()
            }),
            _ => {
                let operations = [
                    operation::Operation::StartWorkflow(start(words)),
                    operation::Operation::UpdateWorkflow(update(words)),
                ];
                let request = ExecuteMultiOperationRequest {
                    namespace: "default".to_owned(),
                    operations: operations
                        .map(|operation| Operation {
                            operation: Some(operation),
                        })
                        .into(),
                    ..ExecuteMultiOperationRequest::default()
                };
                parse::multi_operation(request, RequestId::new("fresh"), fresh)
            }
        };
        match request {
            Ok(request) => {
                let reply_to = self.world.request(request);
                self.updates.asked.push((reply_to, words.at(0).to_owned()));
            }
            Err(rejection) => self.refused(&rejection),
        }
    }

    /// Everybody who waits for an update of this workflow has waited for long enough.
    pub(crate) fn end_waits(&mut self, id: &str) {
        for (reply_to, asked) in std::mem::take(&mut self.updates.asked) {
            if asked == id {
                self.world.step(InputEvent::WaitEnded(reply_to, key(id)));
            }
        }
    }

    /// An answer, for the snapshot.
    pub(crate) fn show_update(&self, reply: &UpdateReply) -> String {
        let outcome = match &reply.outcome {
            UpdateOutcome::None => String::new(),
            UpdateOutcome::InHistory(event) => format!(", outcome in event {event}"),
            UpdateOutcome::Failed(failure) => format!(", failed: {}", failure.message),
        };
        let start = reply.start.as_ref();
        let start = start.map_or_else(String::new, |s| format!("started={}, ", s.started));
        format!(
            "{start}update {}: {:?}{outcome}",
            reply.update_id, reply.stage
        )
    }
}
