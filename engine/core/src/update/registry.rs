//! What is kept of the open run's updates in memory only.

use std::{mem, sync::Arc};

use prost::Message as _;
use prost_types::Any;
use steadfast_proto::temporal::api::{
    protocol::v1::{Message, message::SequencingId},
    update::v1::Request,
};

use crate::{
    effect::{OperationStatus, Rejection, ReplyTo, Started},
    ids::{EventId, UpdateId},
    request::{StartRequest, UpdateRequest, UpdateStage},
};

/// Updates that no worker has accepted, in the order of their admission, and callers that wait for updates.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Registry {
    pending: Vec<PendingUpdate>,
    pub(crate) waiters: Vec<UpdateWaiter>,
}

/// An update that no worker has accepted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PendingUpdate {
    id: UpdateId,
    request: Arc<Request>,
    bytes: usize,
    /// The started event of the workflow task that it was sent with last.
    sent_with: Option<EventId>,
}

/// A caller that waits until an update has reached a stage.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct UpdateWaiter {
    pub(crate) id: UpdateId,
    pub(crate) stage: UpdateStage,
    pub(crate) reply_to: ReplyTo,
    pub(crate) asked: Asked,
}

/// What a caller asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Asked {
    /// How far the update is.
    Poll,
    /// The update.
    Update(Box<UpdateRequest>),
    /// The update, and a run if there is none.
    WithStart {
        start: Arc<StartRequest>,
        update: Box<UpdateRequest>,
        /// What came of the start.
        started: Started,
        /// The run that was found has closed without the update: this is the second try.
        again: bool,
    },
}

/// Something that is to be asked for once more, of the run that is current then.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Again {
    pub(crate) reply_to: ReplyTo,
    pub(crate) asked: Asked,
}

/// Which updates go along with a workflow task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sending {
    /// The task starts: all.
    All,
    /// The task starts while the last one's work goes on: those that the worker does not have.
    New,
    /// The task has been started before: those that went with it then.
    Repeated,
}

impl Asked {
    /// The update, unless it is only asked after.
    pub(crate) fn request(&self) -> Option<&UpdateRequest> {
        match self {
            Self::Poll => None,
            Self::Update(request)
            | Self::WithStart {
                update: request, ..
            } => Some(request),
        }
    }

    /// What came of the start that was asked for along with the update.
    pub(crate) fn started(&self) -> Option<&Started> {
        match self {
            Self::Poll | Self::Update(_) => None,
            Self::WithStart { started, .. } => Some(started),
        }
    }

    /// The update is refused: what the caller is told.
    pub(crate) fn refused(&self, rejection: Rejection) -> Rejection {
        let Some(started) = self.started() else {
            return rejection;
        };
        let start = if started.started {
            OperationStatus::Done
        } else {
            OperationStatus::Aborted
        };
        Rejection::MultiOperation {
            start: Box::new(start),
            update: Box::new(OperationStatus::Failed(rejection)),
        }
    }
}

impl PendingUpdate {
    pub(crate) fn new(id: UpdateId, request: Arc<Request>) -> Self {
        Self {
            bytes: id.as_str().len() + request.encoded_len(),
            id,
            request,
            sent_with: None,
        }
    }

    pub(crate) fn id(&self) -> &UpdateId {
        &self.id
    }

    pub(crate) fn request(&self) -> &Request {
        &self.request
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn is_sent(&self) -> bool {
        self.sent_with.is_some()
    }

    /// The name of its request among messages and in the history.
    pub(crate) fn message_id(&self) -> String {
        request_message_id(&self.id)
    }

    // temporal: update/registry.go Send: what a worker is told comes after all that the task shows it.
    fn message(&self, started: EventId) -> Message {
        Message {
            id: self.message_id(),
            protocol_instance_id: self.id.to_string(),
            body: Some(Any {
                type_url: "type.googleapis.com/temporal.api.update.v1.Request".to_owned(),
                value: self.request.encode_to_vec(),
            }),
            sequencing_id: Some(SequencingId::EventId(started.0 - 1)),
        }
    }
}

/// The name of an update's request among messages and in the history.
pub(crate) fn request_message_id(id: &UpdateId) -> String {
    format!("{id}/request")
}

impl Registry {
    /// Adds an update.
    pub(crate) fn admit(&mut self, update: PendingUpdate) {
        self.pending.push(update);
    }

    /// Takes an update out.
    pub(crate) fn remove(&mut self, id: &UpdateId) -> Option<PendingUpdate> {
        let place = self.pending.iter().position(|update| update.id == *id)?;
        Some(self.pending.remove(place))
    }

    /// Takes all out that a worker was sent.
    pub(crate) fn take_sent(&mut self) -> Vec<PendingUpdate> {
        let (sent, others) = mem::take(&mut self.pending)
            .into_iter()
            .partition(PendingUpdate::is_sent);
        self.pending = others;
        sent
    }

    /// Takes out whoever waits for this update.
    pub(crate) fn take_waiters_of(&mut self, id: &UpdateId) -> Vec<UpdateWaiter> {
        let (theirs, others) = mem::take(&mut self.waiters)
            .into_iter()
            .partition(|waiter| waiter.id == *id);
        self.waiters = others;
        theirs
    }

    /// Takes one waiter out.
    pub(crate) fn take_waiter(&mut self, reply_to: ReplyTo) -> Option<UpdateWaiter> {
        let place = self.waiters.iter().position(|w| w.reply_to == reply_to)?;
        Some(self.waiters.remove(place))
    }

    /// Nobody waits for this answer any more. The update goes on.
    pub(crate) fn forget_waiter(&mut self, reply_to: ReplyTo) {
        self.waiters.retain(|waiter| waiter.reply_to != reply_to);
    }

    /// The messages that go along with a task that starts, or was started, with this event.
    pub(crate) fn send(&mut self, started: EventId, sending: Sending) -> Vec<Message> {
        let goes = |update: &PendingUpdate| match sending {
            Sending::All => true,
            Sending::New => !update.is_sent(),
            Sending::Repeated => update.sent_with == Some(started),
        };
        let going = self.pending.iter_mut().filter(|update| goes(update));
        going
            .map(|update| {
                update.sent_with = Some(started);
                update.message(started)
            })
            .collect()
    }

    pub(crate) fn get(&self, id: &UpdateId) -> Option<&PendingUpdate> {
        self.pending.iter().find(|update| update.id == *id)
    }

    pub(crate) fn has(&self, id: &UpdateId) -> bool {
        self.get(id).is_some()
    }

    /// How many updates no worker has accepted.
    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }

    /// Whether there is nothing to do and nobody waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.pending.is_empty() && self.waiters.is_empty()
    }

    /// Whether a worker is to be sent something.
    pub(crate) fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Bytes of all pending requests.
    pub(crate) fn bytes(&self) -> usize {
        self.pending.iter().map(PendingUpdate::bytes).sum()
    }
}
