//! Schedules act once for every time of theirs: none is started twice, none is lost, and two that may not overlap
//! never do.
//!
//! The checker folds the durable records of every schedule itself. After each batch it asks the specification which
//! times have passed since the one before, and looks where each has gone: into the buffer, off to a workflow, or away
//! because the schedule says so and counts it. It follows the runs that schedules start by their mark.

use std::collections::{BTreeMap, BTreeSet};

use steadfast_core::{
    Entry, Execution, ExecutionKey, Record, RunKey, ShardId, Timestamp,
    message::OutboxWork,
    policy::IdReusePolicy,
    schedule::{Overlap, Schedule, ScheduleRecord, ScheduledBy, jitter_seed, schedule_id},
    visibility::{Listed, Value},
};
use steadfast_proto::temporal::api::history::v1::{HistoryEvent, history_event::Attributes};

use super::{facts::closes, tally::Tally};
use crate::kernel::Time;

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct Schedules {
    /// Its count and findings.
    pub(crate) tally: Tally,
    shard_count: u32,
    wall: BTreeMap<ShardId, Timestamp>,
    folded: BTreeMap<ExecutionKey, Execution>,
    /// Schedules that the batch at hand has changed, as they were before, and the time of the batch.
    touched: BTreeMap<ExecutionKey, (Option<Box<Schedule>>, Timestamp)>,
    planned: BTreeMap<Start, Planned>,
    /// Times of their own that schedules have sent off.
    sent: BTreeSet<(RunKey, Timestamp)>,
    started: BTreeSet<Start>,
    /// Open chains that may not overlap with others of their schedule.
    open: BTreeMap<RunKey, BTreeSet<u64>>,
    marks: BTreeMap<RunKey, Start>,
}

/// A start: the schedule, by its incarnation, and the piece of its work.
type Start = (RunKey, u64);

/// What a schedule has sent off.
#[derive(Clone, Copy, Debug)]
struct Planned {
    due: Timestamp,
    overlaps: bool,
}

/// At most so many times are looked at after one batch; a schedule takes no more of them in one step.
const MOST_TIMES: usize = 1_000;
/// What is due this much before the end has been dealt with.
const SLACK: std::time::Duration = std::time::Duration::from_secs(30);

impl Schedules {
    /// For a cluster with so many shards.
    #[must_use]
    pub(crate) fn new(shard_count: u32) -> Self {
        Self {
            tally: Tally::new("schedules"),
            shard_count,
            wall: BTreeMap::new(),
            folded: BTreeMap::new(),
            touched: BTreeMap::new(),
            planned: BTreeMap::new(),
            sent: BTreeSet::new(),
            started: BTreeSet::new(),
            open: BTreeMap::new(),
            marks: BTreeMap::new(),
        }
    }

    /// The wall clock of the shard's node shows this.
    pub(crate) fn stepped(&mut self, shard: ShardId, wall: Timestamp) {
        let high = self.wall.entry(shard).or_insert(wall);
        *high = wall.max(*high);
    }

    /// Something beside a history has changed.
    pub(crate) fn record(&mut self, at: Time, run: &RunKey, high: Timestamp, record: &Record) {
        match record {
            Record::Scheduled(by) => {
                let ScheduledBy { schedule, number } = (**by).clone();
                self.marks.insert(run.clone(), (schedule, number));
            }
            Record::Schedule(change) => self.schedule_changes(at, run, high, change),
            _ => {}
        }
    }

    fn schedule_changes(
        &mut self,
        at: Time,
        incarnation: &RunKey,
        high: Timestamp,
        change: &ScheduleRecord,
    ) {
        let key = &incarnation.execution;
        let execution = self.folded.entry(key.clone()).or_default();
        self.touched
            .entry(key.clone())
            .or_insert_with(|| (execution.schedule.clone(), high));
        execution.apply(&Entry {
            key: key.clone(),
            run_id: incarnation.run_id.clone(),
            record: Record::Schedule(Box::new(change.clone())),
        });
        let ScheduleRecord::OutboxPut(number, put) = change else {
            return;
        };
        let OutboxWork::StartScheduled(work) = &put.work else {
            return;
        };
        let planned = Planned {
            due: work.due,
            overlaps: work.overlaps,
        };
        self.planned.insert((incarnation.clone(), *number), planned);
        if work.start.reuse == IdReusePolicy::RejectDuplicate {
            let first = self.sent.insert((incarnation.clone(), work.due));
            self.tally.check(at, first, || {
                format!("{} sends the time {} off twice", named(key), work.due)
            });
        }
    }

    /// The history of a run has grown.
    pub(crate) fn event(&mut self, at: Time, run: &RunKey, event: &HistoryEvent) {
        let Some(start) = self.marks.get(run).cloned() else {
            return;
        };
        match &event.attributes {
            Some(Attributes::WorkflowExecutionStartedEventAttributes(a)) => {
                if a.first_execution_run_id == run.run_id.as_str() {
                    self.begins(at, start);
                }
            }
            Some(attributes) if closes(attributes).is_some() && !goes_on(attributes) => {
                self.open.entry(start.0).or_default().remove(&start.1);
            }
            Some(_) | None => {}
        }
    }

    fn begins(&mut self, at: Time, start: Start) {
        let planned = self.planned.get(&start).copied();
        let name = named(&start.0.execution);
        let first = self.started.insert(start.clone());
        self.tally.check(at, planned.is_some() && first, || {
            let due = planned.map_or(Timestamp::EPOCH, |planned| planned.due);
            format!("{name} has started a workflow for {due} twice, or never meant to")
        });
        if planned.is_some_and(|planned| !planned.overlaps) {
            let open = self.open.entry(start.0).or_default();
            let alone = open.is_empty();
            open.insert(start.1);
            self.tally.check(at, alone, || {
                format!("{name} has started a workflow while another of it is open")
            });
        }
    }

    /// A batch is complete.
    pub(crate) fn batch_ended(&mut self, at: Time) {
        for (key, (before, high)) in std::mem::take(&mut self.touched) {
            let after = self.folded.get(&key).and_then(|e| e.schedule.clone());
            let (Some(before), Some(after)) = (before, after) else {
                continue;
            };
            let goes_on = before.open && after.open && before.id == after.id;
            if goes_on && before.definition == after.definition {
                self.times_are_kept(at, &key, high, &before, &after);
            }
        }
    }

    /// Every time that has passed, and every one that waited, is somewhere.
    fn times_are_kept(
        &mut self,
        at: Time,
        key: &ExecutionKey,
        high: Timestamp,
        before: &Schedule,
        after: &Schedule,
    ) {
        let (late, passed) = passed(key, high, before, after);
        let missed = after.progress.missed_catchup_window - before.progress.missed_catchup_window;
        let name = named(key);
        self.tally.check(at, missed == late, || {
            format!("{name} has missed {missed} times where {late} were too late")
        });
        let expected: BTreeSet<Timestamp> = waiting(before).chain(passed).collect();
        let sent = after.outbox.range(before.next_outbox..);
        let sent = sent.filter_map(|(_, put)| match &put.work {
            OutboxWork::StartScheduled(work)
                if work.start.reuse == IdReusePolicy::RejectDuplicate =>
            {
                Some(work.due)
            }
            _ => None,
        });
        let found: BTreeSet<Timestamp> = waiting(after).chain(sent).collect();
        self.tally.check(at, found.is_subset(&expected), || {
            let other = found.difference(&expected).next();
            format!("{name} acts at {other:?}, which is no time of it")
        });
        let lost = expected.difference(&found).count() as u64;
        let skipped = after.progress.overlap_skipped - before.progress.overlap_skipped;
        let dropped = after.progress.buffer_dropped - before.progress.buffer_dropped;
        let replaces = matches!(
            after.definition.policies.overlap,
            Overlap::CancelOther | Overlap::TerminateOther
        );
        let explained = lost <= skipped + dropped || replaces || !can_act(after);
        self.tally.check(at, explained, || {
            format!(
                "{name} has lost {lost} times and counts {} of them",
                skipped + dropped
            )
        });
        let busy = [before, after].iter().any(|s| !s.running.is_empty())
            || after
                .outbox
                .values()
                .any(|put| put.work.starts_for_schedule());
        self.tally.check(at, skipped == 0 || busy, || {
            format!("{name} has skipped {skipped} starts, and nothing of it runs")
        });
    }

    fn highest(&self, key: &ExecutionKey) -> Timestamp {
        let shard = key.shard(self.shard_count);
        self.wall.get(&shard).copied().unwrap_or_default()
    }

    /// The run is over: `rows` are those of all stores that are of schedules. Each schedule has one, and shows there
    /// whether it is paused.
    pub(crate) fn listed(&mut self, at: Time, namespace: &str, rows: &[&Listed]) {
        let mut found: BTreeMap<_, _> = rows
            .iter()
            .map(|row| ((row.workflow_id.as_str(), &row.run_id), &row.row))
            .collect();
        let there = self.folded.iter().filter_map(|(key, execution)| {
            let schedule = execution.schedule.as_deref()?;
            let of_here = schedule.open && key.namespace.as_str() == namespace;
            of_here.then_some((key, schedule))
        });
        for (key, schedule) in there {
            let row = found.remove(&(key.workflow_id.as_str(), &schedule.id));
            let paused = row.map(|row| row.search_attributes.get("TemporalSchedulePaused"));
            let right = paused == Some(Some(&Value::Bool(schedule.switch.paused)));
            self.tally.check(at, right, || {
                format!("{} is listed as paused: {paused:?}", named(key))
            });
        }
        let gone: Vec<_> = found.keys().map(|(id, _)| *id).collect();
        self.tally.check(at, gone.is_empty(), || {
            format!("{gone:?} are listed, and do not exist")
        });
    }

    /// The run is over, and everything has calmed down: nothing is overdue.
    pub(crate) fn finish(&mut self, at: Time) {
        let folded = std::mem::take(&mut self.folded);
        for (key, execution) in &folded {
            let Some(schedule) = execution.schedule.as_deref().filter(|s| s.open) else {
                continue;
            };
            let overdue = self.highest(key).minus(SLACK);
            let processed = schedule.progress.processed;
            if !can_act(schedule) || schedule.progress.exhausted {
                continue;
            }
            let from = processed.max(schedule.progress.updated.unwrap_or_default());
            let times = schedule.spec.times(&jitter_seed(key), from, overdue, 1);
            let next = times.unwrap_or_default().first().copied();
            self.tally.check(at, next.is_none(), || {
                format!("{} has not acted at {next:?}", named(key))
            });
        }
        self.folded = folded;
    }
}

/// The times that have passed: how many were too late, and the others.
fn passed(
    key: &ExecutionKey,
    high: Timestamp,
    before: &Schedule,
    after: &Schedule,
) -> (u64, Vec<Timestamp>) {
    if !can_act(before) || after.progress.exhausted {
        return (0, Vec::new());
    }
    let (from, until) = (before.progress.processed, after.progress.processed);
    let seed = jitter_seed(key);
    let times = before.spec.times(&seed, from, until, MOST_TIMES);
    let times = times
        .unwrap_or_default()
        .into_iter()
        .map(|next| next.actual);
    let updated = before.progress.updated;
    let times = times.filter(|time| updated.is_none_or(|updated| updated <= *time));
    let window = before.definition.policies.catchup_window;
    let (late, timely): (Vec<_>, Vec<_>) = times.partition(|time| high.since(*time) > window);
    (late.len() as u64, timely)
}

/// Times of the schedule's own that wait.
fn waiting(schedule: &Schedule) -> impl Iterator<Item = Timestamp> {
    let own = schedule.buffer.iter().filter(|start| !start.manual);
    own.map(|start| start.actual)
}

fn can_act(schedule: &Schedule) -> bool {
    let switch = &schedule.switch;
    !switch.paused && (!switch.limited || switch.remaining > 0)
}

/// Whether another run follows in the chain.
fn goes_on(attributes: &Attributes) -> bool {
    match attributes {
        Attributes::WorkflowExecutionContinuedAsNewEventAttributes(_) => true,
        Attributes::WorkflowExecutionCompletedEventAttributes(a) => {
            !a.new_execution_run_id.is_empty()
        }
        Attributes::WorkflowExecutionFailedEventAttributes(a) => !a.new_execution_run_id.is_empty(),
        Attributes::WorkflowExecutionTimedOutEventAttributes(a) => {
            !a.new_execution_run_id.is_empty()
        }
        _ => false,
    }
}

fn named(key: &ExecutionKey) -> String {
    format!("schedule {}", schedule_id(key).unwrap_or_default())
}
