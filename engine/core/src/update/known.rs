//! The updates that are in a run's history, folded from its events.

use std::collections::BTreeMap;

use steadfast_proto::temporal::api::history::v1::history_event::Attributes;

use crate::ids::{EventId, UpdateId};

/// See the module documentation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownUpdates {
    known: BTreeMap<UpdateId, KnownUpdate>,
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

    /// How many have no outcome yet.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.known.len() - self.completed
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
                if let Some(meta) = meta {
                    self.learn(&meta.update_id, KnownUpdate::Admitted(event));
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
        let completes = matches!(known, KnownUpdate::Completed { .. });
        let before = self.known.insert(UpdateId::new(id), known);
        let was = before.is_some_and(|k| matches!(k, KnownUpdate::Completed { .. }));
        self.completed = self.completed + usize::from(completes) - usize::from(was);
    }
}
