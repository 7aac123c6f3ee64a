//! What workers say to updates: messages of a completion, each where a command gives it its place, the others behind.

use std::sync::Arc;

use steadfast_proto::temporal::api::{
    enums::v1::WorkflowTaskFailedCause as Cause,
    history::v1::{
        WorkflowExecutionUpdateAcceptedEventAttributes,
        WorkflowExecutionUpdateCompletedEventAttributes,
    },
    update::v1::{Acceptance, Request, Response},
};

use super::{KnownUpdate, PendingUpdate, registry::request_message_id, unprocessed};
use crate::{
    commands::bad,
    ids::{EventId, UpdateId},
    request::{CommandError, UpdateAnswer, UpdateMessage},
    tx::Tx,
};

/// Where an update stands when a worker speaks of it.
enum Standing {
    /// No worker has accepted it; its request is here.
    Pending,
    /// No worker has accepted it; its request is in the history.
    Admitted,
    Accepted(EventId),
    Completed,
}

impl Standing {
    // temporal: update/state.go, as its errors name them.
    fn name(&self) -> &'static str {
        match self {
            Self::Pending => "Sent",
            Self::Admitted => "Admitted",
            Self::Accepted(_) => "Accepted",
            Self::Completed => "Completed",
        }
    }
}

fn refused<T>(detail: impl Into<String>) -> Result<T, CommandError> {
    bad(Cause::BadUpdateWorkflowExecutionMessage, detail)
}

fn out_of_turn<T>(id: &UpdateId, what: &str, standing: &Standing) -> Result<T, CommandError> {
    refused(format!(
        "invalid state transition attempted for Update {id}: received *update.{what} message while in state {}",
        standing.name()
    ))
}

impl Tx<'_> {
    /// A command gives a message its place: it is taken out of those that are left.
    // temporal: workflow_task_completed_handler.go handleCommandProtocolMessage.
    pub(crate) fn take_message(
        &mut self,
        left: &mut Vec<&UpdateMessage>,
        id: &str,
    ) -> Result<(), CommandError> {
        match left.iter().position(|message| message.id == id) {
            Some(place) => self.update_message(left.remove(place)),
            None => refused(format!(
                "ProtocolMessageCommand referenced absent message ID {id}"
            )),
        }
    }

    /// Messages that no command gave a place, in their order.
    pub(crate) fn take_messages(&mut self, left: &[&UpdateMessage]) -> Result<(), CommandError> {
        left.iter()
            .try_for_each(|message| self.update_message(message))
    }

    /// The run is about to be closed by its code: of the messages that are left only rejections still count. They write
    /// nothing, so they may come before the close event.
    // temporal: update/update.go OnProtocolMessage, a closed run takes rejections only.
    pub(crate) fn take_last_rejections(
        &mut self,
        left: &[&UpdateMessage],
    ) -> Result<(), CommandError> {
        let mut rejections = left
            .iter()
            .filter(|message| matches!(message.body, Ok(UpdateAnswer::Reject(_))));
        rejections.try_for_each(|message| self.update_message(message))
    }

    /// A worker must say something to each update that it was sent; one that knows no updates says nothing.
    // temporal: workflow_task_completed_handler.go rejectUnprocessedUpdates.
    pub(crate) fn refuse_unprocessed_updates(&mut self) {
        for update in self.volatile.updates.take_sent() {
            self.refuse_update(update.id(), &unprocessed());
        }
    }

    fn update_message(&mut self, message: &UpdateMessage) -> Result<(), CommandError> {
        let answer = match &message.body {
            Ok(answer) => answer,
            Err(error) => return Err(error.clone()),
        };
        let id = &message.update_id;
        let standing = self.standing(id, answer)?;
        match (answer, standing) {
            (UpdateAnswer::Accept(acceptance), Standing::Pending | Standing::Admitted) => {
                self.accept_update(id, acceptance);
            }
            (UpdateAnswer::Accept(_), other) => return out_of_turn(id, "Acceptance", &other),
            (UpdateAnswer::Reject(rejection), Standing::Pending | Standing::Admitted) => {
                let failure = rejection.failure.clone().unwrap_or_default();
                self.refuse_update(id, &failure);
            }
            (UpdateAnswer::Reject(_), other) => return out_of_turn(id, "Rejection", &other),
            (UpdateAnswer::Respond(response), Standing::Accepted(accepted)) => {
                self.complete_update(accepted, response);
            }
            (UpdateAnswer::Respond(_), other) => return out_of_turn(id, "Response", &other),
        }
        Ok(())
    }

    /// One that this owner of the shard never saw was sent by an earlier one: it comes back to life if the worker brings
    /// its request along.
    // temporal: update/registry.go TryResurrect, which minds only the total limit.
    fn standing(&mut self, id: &UpdateId, answer: &UpdateAnswer) -> Result<Standing, CommandError> {
        match self.run.history.updates.get(id) {
            Some(KnownUpdate::Admitted(_)) => return Ok(Standing::Admitted),
            Some(KnownUpdate::Accepted(event)) => return Ok(Standing::Accepted(event)),
            Some(KnownUpdate::Completed { .. }) => return Ok(Standing::Completed),
            None if self.volatile.updates.has(id) => return Ok(Standing::Pending),
            None => {}
        }
        let Some(request) = brought_along(answer) else {
            return refused(format!(
                "update {id} wasn't found on the server. This is most likely a transient error which will be resolved \
                 automatically by retries"
            ));
        };
        if let Err(full) = self.check_updates_in_all() {
            return refused(full.to_string());
        }
        let update = PendingUpdate::new(id.clone(), Arc::new(request.clone()));
        self.volatile.updates.admit(update);
        Ok(Standing::Pending)
    }

    /// The request is the one that was asked for, whatever the worker says it was.
    fn accept_update(&mut self, id: &UpdateId, acceptance: &Acceptance) {
        let pending = self.volatile.updates.remove(id);
        self.write(WorkflowExecutionUpdateAcceptedEventAttributes {
            protocol_instance_id: id.to_string(),
            accepted_request_message_id: request_message_id(id),
            accepted_request_sequencing_event_id: acceptance.accepted_request_sequencing_event_id,
            accepted_request: pending.map(|update| update.request().clone()),
        });
    }

    fn complete_update(&mut self, accepted: EventId, response: &Response) {
        self.write(WorkflowExecutionUpdateCompletedEventAttributes {
            meta: response.meta.clone(),
            accepted_event_id: accepted.0,
            outcome: response.outcome.clone(),
        });
    }
}

fn brought_along(answer: &UpdateAnswer) -> Option<&Request> {
    match answer {
        UpdateAnswer::Accept(acceptance) => acceptance.accepted_request.as_ref(),
        UpdateAnswer::Reject(rejection) => rejection.rejected_request.as_ref(),
        UpdateAnswer::Respond(_) => None,
    }
}
