//! Forking a run: the new one begins with the base's events, and what these left pending is taken up again.
//!
//! | pending at the reset point | in the new run |
//! |---|---|
//! | the workflow task | failed with `RESET_WORKFLOW`, a new one scheduled |
//! | an activity | dispatched anew: attempt 1, all its bounds from now |
//! | a timer | fires when it would have |
//! | a child that was started | stays connected: its end finds the new run |
//! | a child that was not | asked for again, by the same request id if the base was still asking |
//! | a signal or cancel request to another workflow | sent again, by the same request id |
//! | a Nexus operation that the base still knew | taken over as it was |
//! | any other Nexus operation | failed |
//!
//! The run's and the chain's bounds count from the reset. The old run's children, parent, schedule and callbacks hear
//! nothing of its end.
// temporal: service/history/ndc/workflow_resetter.go, failInflightActivity, allowResetWithPendingChildren.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use steadfast_proto::temporal::api::{
    enums::v1::WorkflowTaskFailedCause,
    failure::v1::{Failure, ResetWorkflowFailureInfo, failure::FailureInfo},
    history::v1::{
        HistoryEvent, WorkflowTaskFailedEventAttributes, WorkflowTaskStartedEventAttributes,
        history_event::Attributes,
    },
};

use super::{Found, ResetRequest, reapply::reapplied};
use crate::{
    activity::ActivityState,
    chain::Ending,
    execution::Run,
    ids::{EventId, RequestId, RunId, WorkflowId},
    message::OutboxWork,
    nexus::NexusState,
    record::{Created, Record},
    signal::Signal,
    tx::{Trimmings, Tx},
};

/// Who acts when a workflow is reset.
const HISTORY_SERVICE: &str = "history-service";

/// Where a run comes from that a reset made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forked {
    /// The run whose history it begins with.
    pub base: RunId,
    /// The first event that is its own.
    pub at: EventId,
    /// Children that the base initiated behind that point. If the new run starts them too, those make room.
    pub children: BTreeSet<WorkflowId>,
}

/// What a new run is forked from.
pub(super) struct Fork {
    pub(super) base: RunId,
    pub(super) run_id: RunId,
    pub(super) request: ResetRequest,
    pub(super) found: Found,
}

/// What the base still had to do for what its history leaves pending, before it was ended.
struct Unfinished {
    /// Children whose start it was still asking for.
    starts: BTreeSet<EventId>,
    nexus: BTreeMap<EventId, Box<NexusState>>,
}

impl Tx<'_> {
    /// Forks a new run, with the current one in hand; the new one is in hand afterwards.
    pub(super) fn fork(&mut self, fork: Fork) {
        let Fork {
            base,
            run_id,
            request,
            mut found,
        } = fork;
        let unfinished = Unfinished::of(self.run_of(&base));
        let scheduled = self.run_of(&base).scheduled.clone();
        if found.last == self.run.run_id {
            let waiting = self.run.buffered.iter().map(|b| (*b.event).clone());
            let waiting =
                waiting.filter(|event| reapplied(event, request.without, found.last == base));
            found.later.extend(waiting);
        }
        if self.run.is_open() {
            let reason = request.reason.clone();
            self.close(Ending::Reset { reason }, EventId::NONE);
        }
        self.record_of(&base, Record::ResetTo(run_id.clone()));
        let created = Created {
            request_id: request.request_id.clone(),
            awaits_parent: false,
        };
        self.switch_to(Run::new(run_id, created));
        let at = EventId(found.prefix.last().map_or(0, |event| event.event_id)).next();
        self.record(Record::Forked(Box::new(Forked {
            base: base.clone(),
            at,
            children: found.children,
        })));
        if let Some(by) = scheduled {
            self.record(Record::Scheduled(by));
        }
        self.copy(&found.prefix);
        self.fail_forked_task(found.task, &base, &request);
        self.dispatch_activities();
        self.take_over_nexus(unfinished.nexus, &request.reason);
        self.reapply(found.later);
        self.start_children_again(&found.prefix, &unfinished.starts);
        self.send_externals_again();
        for signal in request.signals {
            self.post_reset_signal(signal, &request.identity);
        }
        self.wants_task = true;
    }

    /// A run of the execution, in hand or not.
    fn run_of(&self, run_id: &RunId) -> &Run {
        if self.run.run_id == *run_id {
            &self.run
        } else {
            &self.execution.runs[run_id]
        }
    }

    /// The base's events, as they were; and the requests that they show to have been taken.
    fn copy(&mut self, events: &[HistoryEvent]) {
        for event in events {
            let taken = taken_request(event);
            self.append(event.clone());
            if let Some(record) = taken {
                self.record(record);
            }
        }
    }

    /// The workflow task that was pending fails; SDKs find the new run's id there, from which their randomness derives.
    fn fail_forked_task(
        &mut self,
        task: (EventId, Option<EventId>),
        base: &RunId,
        request: &ResetRequest,
    ) {
        let (scheduled, started) = task;
        let started = started.unwrap_or_else(|| {
            let started = WorkflowTaskStartedEventAttributes {
                scheduled_event_id: scheduled.0,
                identity: HISTORY_SERVICE.to_owned(),
                request_id: self.ids.uuid(),
                history_size_bytes: self.run.history.bytes,
                ..WorkflowTaskStartedEventAttributes::default()
            };
            self.write(started)
        });
        self.write(WorkflowTaskFailedEventAttributes {
            scheduled_event_id: scheduled.0,
            started_event_id: started.0,
            cause: WorkflowTaskFailedCause::ResetWorkflow.into(),
            failure: Some(reset_failure(&request.reason)),
            identity: HISTORY_SERVICE.to_owned(),
            base_run_id: base.to_string(),
            new_run_id: self.run.run_id.to_string(),
            ..WorkflowTaskFailedEventAttributes::default()
        });
    }

    fn dispatch_activities(&mut self) {
        let pending: Vec<_> = self.run.history.activities.keys().copied().collect();
        for scheduled in pending {
            let state = Box::new(ActivityState::new(self.now));
            self.record(Record::Activity(scheduled, Some(state)));
        }
    }

    fn take_over_nexus(&mut self, known: BTreeMap<EventId, Box<NexusState>>, reason: &str) {
        let pending: Vec<_> = self.run.history.nexus.keys().copied().collect();
        for scheduled in pending {
            match known.get(&scheduled) {
                Some(state) => {
                    let state = Box::new(state.asked_again(self.now));
                    self.record(Record::Nexus(scheduled, Some(state)));
                }
                None => self.fail_nexus(scheduled, reset_failure(reason)),
            }
        }
    }

    fn start_children_again(&mut self, prefix: &[HistoryEvent], asking: &BTreeSet<EventId>) {
        let unstarted = self.run.history.children.iter();
        let unstarted: Vec<_> = unstarted
            .filter(|(initiated, child)| {
                child.started.is_none() && !self.child_start_buffered(**initiated)
            })
            .map(|(initiated, child)| (*initiated, Arc::clone(&child.attributes)))
            .collect();
        for (initiated, attributes) in unstarted {
            let asked_by = if asking.contains(&initiated) {
                self.writer_of(initiated)
            } else {
                self.run.run_id.clone()
            };
            let place = usize::try_from(initiated.0 - 1).expect("it is in the prefix");
            let metadata = prefix[place].user_metadata.clone();
            self.ask_for_child(initiated, &attributes, &asked_by, metadata);
        }
    }

    fn send_externals_again(&mut self) {
        let signals = self.run.history.signals_out.clone();
        for (initiated, signal) in signals {
            let by = self.writer_of(initiated);
            self.send_signal(initiated, &signal, &by);
        }
        let cancels = self.run.history.cancels_out.clone();
        for (initiated, cancel) in cancels {
            let by = self.writer_of(initiated);
            self.send_cancel(initiated, &cancel, &by);
        }
    }

    /// The run that first wrote an event of the run in hand, as far as its bases are still known.
    fn writer_of(&self, event: EventId) -> RunId {
        let mut run = &self.run;
        while let Some(forked) = run.forked.as_deref().filter(|forked| event < forked.at) {
            match self.execution.runs.get(&forked.base) {
                Some(base) => run = base,
                None => return forked.base.clone(),
            }
        }
        run.run_id.clone()
    }

    fn post_reset_signal(&mut self, signal: super::PostResetSignal, identity: &str) {
        let signal = Signal {
            name: signal.name,
            input: signal.input,
            header: signal.header,
            identity: identity.to_owned(),
            request_id: RequestId::new(self.ids.uuid()),
            links: signal.links,
            sender: None,
        };
        // One too many is left out: the reset itself stands.
        self.signal(signal).unwrap_or_default();
    }
}

impl Unfinished {
    fn of(base: &Run) -> Self {
        let starts = base.outbox.values().filter_map(|put| {
            let OutboxWork::StartChild { initiated, .. } = put.work else {
                return None;
            };
            Some(initiated)
        });
        Self {
            starts: starts.collect(),
            nexus: base.nexus.clone(),
        }
    }
}

/// What an event says of a request that has been taken, and that its history alone does not remember.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "no other event comes of a request with an id"
)]
fn taken_request(event: &HistoryEvent) -> Option<Record> {
    match event.attributes.as_ref()? {
        Attributes::WorkflowExecutionSignaledEventAttributes(signal) => {
            (!signal.request_id.is_empty())
                .then(|| Record::SignalRequest(RequestId::new(signal.request_id.as_str())))
        }
        Attributes::WorkflowExecutionOptionsUpdatedEventAttributes(options) => {
            let id = options.attached_request_id.as_str();
            (!id.is_empty()).then(|| Record::AttachedRequest(RequestId::new(id)))
        }
        _ => None,
    }
}

/// Why something of the old run ends.
pub(super) fn reset_failure(reason: &str) -> Failure {
    Failure {
        source: "Server".to_owned(),
        ..Failure::of(
            reason,
            FailureInfo::ResetWorkflowFailureInfo(ResetWorkflowFailureInfo::default()),
        )
    }
}

impl Trimmings {
    /// What an event carries that is written once more.
    pub(super) fn of(event: &HistoryEvent) -> Self {
        Self {
            time: None,
            user_metadata: event.user_metadata.clone(),
            links: event.links.clone(),
            group_markers: event.event_group_markers.clone(),
        }
    }
}
