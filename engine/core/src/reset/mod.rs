//! Reset: a workflow goes on from an earlier point of a run's history, in a new run that is forked from it.
//!
//! | state | event | next | written |
//! |---|---|---|---|
//! | – | asked for, the request id is known | answered with the run that it made | – |
//! | – | asked for | reading the base run; whatever else there is to do waits | – |
//! | reading the base | its history is there, no workflow task waits at the reset point | refused | – |
//! | reading a run | its history is there, it was continued as new | reading the next run of the chain | – |
//! | reading a run | its history is there | forked, see [`fork`] | below |
//!
//! | run | written |
//! |---|---|
//! | the current one, if it is open | (`WorkflowTaskFailed`), what was buffered, `WorkflowExecutionTerminated` |
//! | the new one | the base's events before the reset point, (`WorkflowTaskStarted`), `WorkflowTaskFailed`, what is reapplied, `WorkflowTaskScheduled` |
//!
//! A core holds no history. So the owner of the shard hands in the events that a reset is made of
//! ([`crate::Effect::Read`]), one run at a time; of the later ones only what will be reapplied is kept.
// temporal: service/history/api/resetworkflow/api.go, service/history/ndc/workflow_resetter.go.

mod fork;
mod reapply;

use std::collections::BTreeSet;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use steadfast_proto::temporal::api::{
    common::v1::{Header, Link, Payloads},
    enums::v1::WorkflowExecutionStatus,
    history::v1::{HistoryEvent, history_event::Attributes},
};

pub use fork::Forked;

use self::{fork::Fork, reapply::reapplied};
use crate::{
    effect::{Effect, EventRange, Rejection, Reply, ReplyTo},
    execution::Run,
    ids::{EventId, RequestId, RunId, RunKey, WorkflowId},
    limits::MAX_HISTORY_EVENTS,
    message::{OutboxItem, OutboxResult},
    render::events as decode,
    request::Target,
    shard::{Loaded, Step},
};

/// A request to reset a workflow.
#[derive(Clone, Debug, PartialEq)]
pub struct ResetRequest {
    /// The base run.
    pub target: Target,
    /// Where the new run leaves its history.
    pub point: ResetPoint,
    /// Why.
    pub reason: String,
    /// Makes a repeated request harmless.
    pub request_id: RequestId,
    /// Which later events are not reapplied.
    pub without: Without,
    /// Signals that the new run gets last of all.
    pub signals: Vec<PostResetSignal>,
    /// Who asks.
    pub identity: String,
}

/// Where a new run leaves the history of its base.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResetPoint {
    /// Before this event, which ends a workflow task.
    Event(EventId),
    /// Before the first workflow task ended.
    FirstTask,
    /// Before the last completed workflow task ended.
    LastTask,
}

/// Which events behind the reset point are left behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Without {
    /// Signals.
    pub signals: bool,
    /// Updates.
    pub updates: bool,
    /// Whatever Nexus operations came to.
    pub nexus: bool,
}

/// A signal that a new run gets.
#[derive(Clone, Debug, PartialEq)]
pub struct PostResetSignal {
    /// The signal's name.
    pub name: String,
    /// Its arguments.
    pub input: Option<Payloads>,
    /// Headers for interceptors.
    pub header: Option<Header>,
    /// Links to whatever caused this.
    pub links: Vec<Link>,
}

/// Who wants a reset.
#[derive(Clone, Debug)]
pub(crate) enum Asker {
    /// Somebody who waits for the new run's id.
    Caller(ReplyTo),
    /// Another execution, by a piece of its work.
    Work(Box<OutboxItem>),
}

/// A reset that waits for events.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    request: ResetRequest,
    asker: Asker,
    base: RunId,
    /// The run whose events are awaited, and how many.
    awaited: (RunId, usize),
    /// What is known once the base has been read.
    found: Option<Found>,
}

/// What the histories say.
#[derive(Clone, Debug)]
struct Found {
    /// The events that the new run begins with.
    prefix: Vec<HistoryEvent>,
    /// The workflow task that is pending then: its scheduled event, and its started one.
    task: (EventId, Option<EventId>),
    /// Later events that are reapplied, in their order.
    later: Vec<HistoryEvent>,
    /// Children that the base run initiated later.
    children: BTreeSet<WorkflowId>,
    /// The last run that was read.
    last: RunId,
}

impl Step<'_> {
    /// Somebody wants a workflow to be reset.
    pub(crate) fn reset(&mut self, loaded: &mut Loaded, asker: Asker, request: ResetRequest) {
        let runs = &loaded.execution.runs;
        let made = runs
            .values()
            .find(|run| !run.doomed && run.created.request_id == request.request_id);
        if let Some(run) = made {
            let run_id = run.run_id.clone();
            return self.reset_done(asker, Ok(run_id));
        }
        let base = self
            .find(loaded, request.target.run_id.as_ref())
            .and_then(|base| check(&loaded.execution.runs[&base], request.point).map(|()| base));
        match base {
            Ok(base) => {
                let awaited = self.read(&loaded.execution.runs[&base]);
                loaded.reading = Some(Box::new(Reading {
                    request,
                    asker,
                    base,
                    awaited,
                    found: None,
                }));
            }
            Err(rejection) => self.reset_done(asker, Err(rejection)),
        }
    }

    fn reset_done(&mut self, asker: Asker, outcome: Result<RunId, Rejection>) {
        match asker {
            Asker::Caller(reply_to) => self.reply(reply_to, outcome.map(Reply::Reset)),
            Asker::Work(item) => {
                let result = match outcome {
                    Ok(_) => OutboxResult::Done,
                    Err(Rejection::NotFound(_)) => OutboxResult::NotFound,
                    Err(_) => OutboxResult::Refused,
                };
                self.answer_work(*item, result);
            }
        }
    }

    /// Asks for the events of a run.
    fn read(&mut self, run: &Run) -> (RunId, usize) {
        let key = RunKey {
            execution: self.key.clone(),
            run_id: run.run_id.clone(),
        };
        let range = EventRange {
            first: EventId::FIRST,
            last: run.history.last_event(),
        };
        self.effects.effects.push(Effect::Read(key, range));
        let count = usize::try_from(range.last.0).expect("ids are positive");
        (run.run_id.clone(), count)
    }

    /// Events that a reset waits for are there. Any others are an answer to somebody who is gone.
    pub(crate) fn events_read(&mut self, loaded: &mut Loaded, run_id: &RunId, events: &[Bytes]) {
        let Some(mut reading) = loaded.reading.take_if(|reading| {
            let (run, count) = &reading.awaited;
            run == run_id && *count == events.len()
        }) else {
            return;
        };
        if let Err(rejection) = reading.take(decode(events.to_vec())) {
            return self.reset_done(reading.asker, Err(rejection));
        }
        let runs = &loaded.execution.runs;
        let read = &runs[run_id].history;
        let next = read.successor.as_ref().and_then(|next| runs.get(next));
        let next = next.filter(|next| !next.doomed);
        match next {
            Some(next) if read.status == WorkflowExecutionStatus::ContinuedAsNew => {
                reading.awaited = self.read(next);
                loaded.reading = Some(reading);
            }
            Some(_) | None => self.forked(loaded, *reading),
        }
    }

    fn forked(&mut self, loaded: &mut Loaded, reading: Reading) {
        let Reading {
            request,
            asker,
            base,
            found,
            ..
        } = reading;
        let found = found.expect("the base is read first");
        let run_id = RunId::new(self.ids.uuid());
        let mut tx = self.current_or_none(loaded);
        tx.fork(Fork {
            base,
            run_id: run_id.clone(),
            request,
            found,
        });
        tx.finish();
        self.reset_done(asker, Ok(run_id));
    }
}

/// Whether the run can be the base of a reset at all.
fn check(base: &Run, point: ResetPoint) -> Result<(), Rejection> {
    let last = base.history.last_event();
    if base.history.standalone.is_some() {
        return Err(Rejection::InvalidArgument(
            "an activity that no workflow has scheduled cannot be reset".to_owned(),
        ));
    }
    match point {
        ResetPoint::Event(at) if at <= EventId::FIRST || at > last => {
            Err(Rejection::InvalidArgument(
                "Workflow task finish ID must be > 1 && <= workflow last event ID.".to_owned(),
            ))
        }
        ResetPoint::Event(_) | ResetPoint::FirstTask | ResetPoint::LastTask => Ok(()),
    }
}

impl Reading {
    /// Keeps of a run's events what the new run is made of.
    fn take(&mut self, events: Vec<HistoryEvent>) -> Result<(), Rejection> {
        let without = self.request.without;
        let of_base = self.found.is_none();
        let later = match &mut self.found {
            None => {
                let (found, later) = Found::of_base(events, self.request.point, &self.base)?;
                self.found = Some(found);
                later
            }
            Some(found) => {
                found.last.clone_from(&self.awaited.0);
                events
            }
        };
        let found = self.found.as_mut().expect("just now");
        let wanted = later
            .into_iter()
            .filter(|event| reapplied(event, without, of_base));
        found.later.extend(wanted);
        if found.later.len() as i64 >= MAX_HISTORY_EVENTS {
            return Err(Rejection::FailedPrecondition(
                "more events behind the reset point are to be reapplied than a history may have"
                    .to_owned(),
            ));
        }
        Ok(())
    }
}

impl Found {
    /// What the base run says, and its events behind the reset point.
    fn of_base(
        mut events: Vec<HistoryEvent>,
        point: ResetPoint,
        base: &RunId,
    ) -> Result<(Self, Vec<HistoryEvent>), Rejection> {
        let at = resolve(&events, point)?;
        // `resolve` names an event of the run that is not its first.
        let kept = usize::try_from(at.0 - 1).unwrap_or_default();
        let later = events.split_off(kept);
        let Some(task) = pending_task(&events) else {
            return Err(Rejection::InvalidArgument(format!(
                "Can only reset workflow to event ID in range [WorkflowTaskScheduled +1, WorkflowTaskStarted + 1]: {at}"
            )));
        };
        let children = later.iter().filter_map(|event| match &event.attributes {
            Some(Attributes::StartChildWorkflowExecutionInitiatedEventAttributes(child)) => {
                Some(WorkflowId::new(child.workflow_id.as_str()))
            }
            _ => None,
        });
        let found = Self {
            task,
            later: Vec::new(),
            children: children.collect(),
            last: base.clone(),
            prefix: events,
        };
        Ok((found, later))
    }
}

/// The event before which the new run leaves its base.
// temporal: service/worker/batcher/activities.go getResetEventIDByType: without a completed task, the first scheduled one.
fn resolve(events: &[HistoryEvent], point: ResetPoint) -> Result<EventId, Rejection> {
    let completed = |event: &&HistoryEvent| {
        matches!(
            event.attributes,
            Some(Attributes::WorkflowTaskCompletedEventAttributes(_))
        )
    };
    let scheduled = |event: &&HistoryEvent| {
        matches!(
            event.attributes,
            Some(Attributes::WorkflowTaskScheduledEventAttributes(_))
        )
    };
    let found = match point {
        ResetPoint::Event(at) => return Ok(at),
        ResetPoint::FirstTask => events.iter().find(completed),
        ResetPoint::LastTask => events.iter().rfind(completed),
    };
    let found = found.map(|event| EventId(event.event_id)).or_else(|| {
        let first = events.iter().find(scheduled)?;
        Some(EventId(first.event_id).next())
    });
    found.ok_or_else(|| {
        Rejection::InvalidArgument(
            "the run has had no workflow task that it could be reset to".to_owned(),
        )
    })
}

/// The workflow task that these events leave pending: its scheduled event, and its started one.
fn pending_task(events: &[HistoryEvent]) -> Option<(EventId, Option<EventId>)> {
    let mut pending = None;
    for event in events {
        let id = EventId(event.event_id);
        match &event.attributes {
            Some(Attributes::WorkflowTaskScheduledEventAttributes(_)) => pending = Some((id, None)),
            Some(Attributes::WorkflowTaskStartedEventAttributes(started)) => {
                pending = Some((EventId(started.scheduled_event_id), Some(id)));
            }
            Some(
                Attributes::WorkflowTaskCompletedEventAttributes(_)
                | Attributes::WorkflowTaskFailedEventAttributes(_)
                | Attributes::WorkflowTaskTimedOutEventAttributes(_),
            ) => pending = None,
            _ => {}
        }
    }
    pending
}
