//! Resets lose nothing: a run that a reset made begins with its base's events, says so where it leaves them, and is told
//! of every signal and every accepted update that came behind that point.

use std::collections::BTreeSet;

use steadfast_core::{RunId, RunKey, reset::Forked};
use steadfast_proto::temporal::api::{
    enums::v1::WorkflowTaskFailedCause,
    history::v1::{HistoryEvent, history_event::Attributes},
};

use super::{
    facts::{Facts, RunFacts},
    tally::{Tally, named},
};
use crate::kernel::Time;

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct Resets {
    /// Its count and findings.
    pub(crate) tally: Tally,
}

impl Default for Resets {
    fn default() -> Self {
        Self {
            tally: Tally::new("resets"),
        }
    }
}

impl Resets {
    /// The run is over.
    pub(crate) fn finish(&mut self, at: Time, facts: &Facts) {
        for (key, run) in &facts.runs {
            if let Some(forked) = &run.forked {
                let judged = judge(facts, key, run, forked);
                self.tally.check(at, judged.is_ok(), || {
                    format!("{}: {}", named(key), judged.err().unwrap_or_default())
                });
            }
        }
    }
}

fn judge(facts: &Facts, key: &RunKey, run: &RunFacts, forked: &Forked) -> Result<(), String> {
    let base_key = sibling(key, &forked.base);
    let Some(base) = facts.runs.get(&base_key) else {
        return Err("the run that it was made of was never there".to_owned());
    };
    if base.is_open() {
        return Err("the run that it was made of is open".to_owned());
    }
    let shared = usize::try_from(forked.at.0 - 1).unwrap_or(0);
    if run.events.len() < shared || base.events[..shared] != run.events[..shared] {
        return Err(format!(
            "its first {shared} events are not those of {}",
            forked.base
        ));
    }
    let own = &run.events[shared..];
    if !own
        .iter()
        .take(2)
        .any(|event| says_reset(event, key, forked))
    {
        return Err("it does not say that a reset made it".to_owned());
    }
    let told: BTreeSet<String> = run.events.iter().filter_map(request).collect();
    let mut later = vec![&base.events[shared..]];
    let mut last = base;
    while let Some(next) = continued(last).and_then(|next| facts.runs.get(&sibling(key, &next))) {
        later.push(&next.events);
        last = next;
    }
    let missing = later
        .into_iter()
        .flatten()
        .filter_map(request)
        .find(|request| !told.contains(request));
    missing.map_or(Ok(()), |request| {
        Err(format!("it never heard of {request}"))
    })
}

fn sibling(key: &RunKey, run_id: &RunId) -> RunKey {
    RunKey {
        execution: key.execution.clone(),
        run_id: run_id.clone(),
    }
}

fn says_reset(event: &HistoryEvent, key: &RunKey, forked: &Forked) -> bool {
    matches!(
        &event.attributes,
        Some(Attributes::WorkflowTaskFailedEventAttributes(failed))
            if failed.cause() == WorkflowTaskFailedCause::ResetWorkflow
                && failed.base_run_id == forked.base.as_str()
                && failed.new_run_id == key.run_id.as_str()
    )
}

/// The run that a run was continued as.
fn continued(run: &RunFacts) -> Option<RunId> {
    match run.events.last()?.attributes.as_ref()? {
        Attributes::WorkflowExecutionContinuedAsNewEventAttributes(end) => {
            Some(RunId::new(end.new_execution_run_id.as_str()))
        }
        _ => None,
    }
}

/// What somebody asked of a run, by a name that is the same in every run that is told of it.
fn request(event: &HistoryEvent) -> Option<String> {
    use Attributes as A;
    match event.attributes.as_ref()? {
        A::WorkflowExecutionSignaledEventAttributes(signal) => {
            Some(format!("signal {}", signal.request_id))
        }
        A::WorkflowExecutionUpdateAdmittedEventAttributes(update) => {
            let meta = update.request.as_ref()?.meta.as_ref()?;
            Some(format!("update {}", meta.update_id))
        }
        A::WorkflowExecutionUpdateAcceptedEventAttributes(update) => {
            Some(format!("update {}", update.protocol_instance_id))
        }
        _ => None,
    }
}
