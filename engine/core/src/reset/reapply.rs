//! What a new run is told again of what happened behind the reset point.
//!
//! | event | in the new run |
//! |---|---|
//! | a signal | signaled again, with its request id |
//! | an update, admitted or accepted | admitted; the worker finds its request in the event, and is sent no message |
//! | changed options | changed again |
//! | a start or end of a child that was pending | the same |
//! | a start or end of a Nexus operation that was pending | the same |
//! | anything else, cancel requests included | – |
// temporal: service/history/ndc/workflow_resetter.go reapplyEvents, reapplyChildEvents.

use std::collections::BTreeSet;

use steadfast_proto::temporal::api::{
    enums::v1::UpdateAdmittedEventOrigin,
    history::v1::{
        HistoryEvent, WorkflowExecutionUpdateAdmittedEventAttributes, history_event::Attributes,
    },
    update::v1::Request,
};

use super::Without;
use crate::{
    ids::{EventId, RequestId, UpdateId},
    limits::MAX_SIGNALS,
    record::Record,
    tx::{Trimmings, Tx, end_references},
};

/// Whether an event is one of those that are reapplied. What came of children and operations counts only in the base
/// run: later runs have others.
pub(super) fn reapplied(event: &HistoryEvent, without: Without, of_base: bool) -> bool {
    use Attributes as A;
    match &event.attributes {
        Some(A::WorkflowExecutionSignaledEventAttributes(_)) => !without.signals,
        Some(
            A::WorkflowExecutionUpdateAdmittedEventAttributes(_)
            | A::WorkflowExecutionUpdateAcceptedEventAttributes(_),
        ) => !without.updates,
        Some(
            A::NexusOperationStartedEventAttributes(_)
            | A::NexusOperationCompletedEventAttributes(_)
            | A::NexusOperationFailedEventAttributes(_)
            | A::NexusOperationCanceledEventAttributes(_)
            | A::NexusOperationTimedOutEventAttributes(_),
        ) => of_base && !without.nexus,
        Some(A::WorkflowExecutionOptionsUpdatedEventAttributes(_)) => true,
        Some(
            A::StartChildWorkflowExecutionFailedEventAttributes(_)
            | A::ChildWorkflowExecutionStartedEventAttributes(_)
            | A::ChildWorkflowExecutionCompletedEventAttributes(_)
            | A::ChildWorkflowExecutionFailedEventAttributes(_)
            | A::ChildWorkflowExecutionCanceledEventAttributes(_)
            | A::ChildWorkflowExecutionTimedOutEventAttributes(_)
            | A::ChildWorkflowExecutionTerminatedEventAttributes(_),
        ) => of_base,
        _ => false,
    }
}

impl Tx<'_> {
    /// Tells the run in hand what happened behind the reset point.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "what is not named is looked at by `reapply_outcome`"
    )]
    pub(super) fn reapply(&mut self, later: Vec<HistoryEvent>) {
        let mut signals = self.run.history.signals;
        let mut admitted = BTreeSet::new();
        for event in later {
            let trimmings = Trimmings::of(&event);
            let Some(attributes) = event.attributes else {
                continue;
            };
            match attributes {
                Attributes::WorkflowExecutionSignaledEventAttributes(signal) => {
                    let id = RequestId::new(signal.request_id.as_str());
                    if signals >= MAX_SIGNALS || self.run.signal_requests.contains(&id) {
                        continue;
                    }
                    signals += 1;
                    if !id.is_empty() {
                        self.record(Record::SignalRequest(id));
                    }
                    self.buffer_with(signal, trimmings);
                }
                Attributes::WorkflowExecutionUpdateAdmittedEventAttributes(update) => {
                    self.readmit(update.request, &mut admitted);
                }
                // One without its request was admitted by an event of its own.
                Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(update) => {
                    self.readmit(update.accepted_request, &mut admitted);
                }
                Attributes::WorkflowExecutionOptionsUpdatedEventAttributes(options) => {
                    let id = RequestId::new(options.attached_request_id.as_str());
                    if !id.is_empty() {
                        self.record(Record::AttachedRequest(id));
                    }
                    self.buffer_with(options, trimmings);
                }
                other => self.reapply_outcome(other, trimmings),
            }
        }
    }

    fn readmit(&mut self, request: Option<Request>, admitted: &mut BTreeSet<UpdateId>) {
        let Some(request) = request else { return };
        let meta = request.meta.clone().unwrap_or_default();
        let id = UpdateId::new(meta.update_id);
        let known = self.run.history.updates.get(&id).is_some();
        if known || !admitted.insert(id) {
            return;
        }
        self.buffer_with(
            WorkflowExecutionUpdateAdmittedEventAttributes {
                request: Some(request),
                origin: UpdateAdmittedEventOrigin::Reapply.into(),
            },
            Trimmings::default(),
        );
    }

    /// What came of a child or a Nexus operation, if it was pending at the reset point.
    fn reapply_outcome(&mut self, mut attributes: Attributes, trimmings: Trimmings) {
        if let Some(scheduled) = nexus_operation(&attributes) {
            let ends = !matches!(
                attributes,
                Attributes::NexusOperationStartedEventAttributes(_)
            );
            if self.run.nexus.contains_key(&scheduled) {
                if ends {
                    self.record(Record::Nexus(scheduled, None));
                }
                self.buffer_with(attributes, trimmings);
            }
            return;
        }
        let Some(initiated) = child_of(&mut attributes) else {
            return;
        };
        let Some(pending) = self.run.history.children.get(&initiated) else {
            return;
        };
        // Where the base has the child's start is of no use here: it is known, or written now.
        let known = pending.started.as_ref().map_or(0, |(event, _)| event.0);
        if let Some((_, started)) = end_references(&mut attributes) {
            *started = known;
        }
        self.buffer_with(attributes, trimmings);
    }
}

/// The operation that an event is about, by its scheduled event.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "no other event is of an operation's course"
)]
fn nexus_operation(attributes: &Attributes) -> Option<EventId> {
    use Attributes as A;
    let scheduled = match attributes {
        A::NexusOperationStartedEventAttributes(n) => n.scheduled_event_id,
        A::NexusOperationCompletedEventAttributes(n) => n.scheduled_event_id,
        A::NexusOperationFailedEventAttributes(n) => n.scheduled_event_id,
        A::NexusOperationCanceledEventAttributes(n) => n.scheduled_event_id,
        A::NexusOperationTimedOutEventAttributes(n) => n.scheduled_event_id,
        _ => return None,
    };
    Some(EventId(scheduled))
}

/// The child that an event is about, by its initiated event.
fn child_of(attributes: &mut Attributes) -> Option<EventId> {
    if let Attributes::StartChildWorkflowExecutionFailedEventAttributes(failed) = attributes {
        return Some(EventId(failed.initiated_event_id));
    }
    if let Attributes::ChildWorkflowExecutionStartedEventAttributes(started) = attributes {
        return Some(EventId(started.initiated_event_id));
    }
    end_references(attributes).map(|(initiated, _)| EventId(initiated))
}
