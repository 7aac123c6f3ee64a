//! The updates that are in a run's history, folded from its events.

use std::{collections::BTreeMap, sync::Arc};

use steadfast_proto::temporal::api::{history::v1::history_event::Attributes, update::v1::Request};

use crate::ids::{EventId, UpdateId};

/// See the module documentation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KnownUpdates {
    known: BTreeMap<UpdateId, KnownUpdate>,
    /// The requests of those that a reset brought over and no worker has accepted.
    admitted: BTreeMap<UpdateId, Arc<Request>>,
    completed: usize,
}

/// How far an update is, as the history says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownUpdate {
    /// A reset brought it over from another run, with this `WorkflowExecutionUpdateAdmitted`.
    Admitted(EventId),
    /// With this `WorkflowExecutionUpdateAccepted`.
    Accepted(EventId),
    /// Its outcome is in `event`.
    Completed {
        /// Its `WorkflowExecutionUpdateAccepted`.
        accepted: EventId,
        /// Its `WorkflowExecutionUpdateCompleted`.
        event: EventId,
    },
}

impl KnownUpdates {
    /// How far this update is; `None` if the history does not have it.
    #[must_use]
    pub fn get(&self, id: &UpdateId) -> Option<KnownUpdate> {
        self.known.get(id).copied()
    }

    /// All of them, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (&UpdateId, KnownUpdate)> {
        self.known.iter().map(|(id, known)| (id, *known))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// How many were accepted and have no outcome yet.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.known.len() - self.completed - self.admitted.len()
    }

    /// The requests of those that a reset brought over and no worker has accepted.
    pub(crate) fn admitted(&self) -> impl Iterator<Item = (&UpdateId, &Arc<Request>)> {
        self.admitted.iter()
    }

    /// Takes an event about an update; any other changes nothing.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the other events are not about updates"
    )]
    pub(crate) fn apply(&mut self, event: EventId, attributes: &Attributes) {
        match attributes {
            Attributes::WorkflowExecutionUpdateAdmittedEventAttributes(admitted) => {
                let meta = admitted.request.as_ref().and_then(|r| r.meta.as_ref());
                if let (Some(meta), Some(request)) = (meta, &admitted.request) {
                    self.learn(&meta.update_id, KnownUpdate::Admitted(event));
                    let id = UpdateId::new(meta.update_id.as_str());
                    self.admitted.insert(id, Arc::new(request.clone()));
                }
            }
            Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(accepted) => {
                let id = &accepted.protocol_instance_id;
                self.learn(id, KnownUpdate::Accepted(event));
            }
            Attributes::WorkflowExecutionUpdateCompletedEventAttributes(completed) => {
                if let Some(meta) = &completed.meta {
                    let accepted = EventId(completed.accepted_event_id);
                    self.learn(&meta.update_id, KnownUpdate::Completed { accepted, event });
                }
            }
            _ => {}
        }
    }

    /// A history that comes from elsewhere may say a thing twice.
    fn learn(&mut self, id: &str, known: KnownUpdate) {
        self.admitted.remove(&UpdateId::new(id));
        let completes = matches!(known, KnownUpdate::Completed { .. });
        let before = self.known.insert(UpdateId::new(id), known);
        let was = before.is_some_and(|k| matches!(k, KnownUpdate::Completed { .. }));
        self.completed = self.completed + usize::from(completes) - usize::from(was);
    }
}
