//! Schedules in scenario files: operations whose kind begins with `schedule-`.

use std::time::Duration;

use super::{Target, mistake::Log, read::Table};

/// What is done with a schedule.
#[derive(Clone, Debug, PartialEq)]
pub enum ScheduleStep {
    /// Makes it, and waits until it has nothing more to do.
    Create(Box<SchedulePlan>),
    /// Replaces what it does.
    Update(Box<SchedulePlan>),
    /// Pauses it.
    Pause,
    /// Lets it go on.
    Unpause,
    /// One action at once.
    Trigger(Overlap),
    /// Makes up for a range of time, given by how long ago it began and ended.
    Backfill {
        /// When it began.
        from: Duration,
        /// When it ended.
        until: Duration,
        /// In what manner.
        overlap: Overlap,
    },
    /// Removes it.
    Delete,
}

impl ScheduleStep {
    /// What the schedule is to do, if this says so.
    #[must_use]
    pub fn plan(&self) -> Option<&SchedulePlan> {
        match self {
            Self::Create(plan) | Self::Update(plan) => Some(plan),
            Self::Pause
            | Self::Unpause
            | Self::Trigger(_)
            | Self::Backfill { .. }
            | Self::Delete => None,
        }
    }

    /// Its kind in scenario files.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create(_) => "schedule-create",
            Self::Update(_) => "schedule-update",
            Self::Pause => "schedule-pause",
            Self::Unpause => "schedule-unpause",
            Self::Trigger(_) => "schedule-trigger",
            Self::Backfill { .. } => "schedule-backfill",
            Self::Delete => "schedule-delete",
        }
    }
}

/// What a schedule does, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct SchedulePlan {
    /// The `[[workflow]]` entry that it starts.
    pub workflow: Target,
    /// A cron expression, or an interval.
    pub times: Times,
    /// How far the times are spread.
    pub jitter: Duration,
    /// What happens while a workflow of the schedule runs.
    pub overlap: Overlap,
    /// How late an action may be.
    pub catchup: Option<Duration>,
    /// Whether a failure pauses it.
    pub pause_on_failure: bool,
    /// How many actions there are in all.
    pub limit: u32,
}

/// When a schedule acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Times {
    /// By the calendar.
    Cron(String),
    /// At a distance.
    Every(Duration),
}

/// What happens to a start while a workflow of the schedule runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overlap {
    /// As the schedule has it; for a schedule, it is dropped.
    #[default]
    Unspecified,
    /// It is dropped.
    Skip,
    /// One waits.
    BufferOne,
    /// It waits.
    BufferAll,
    /// The running one is asked to cancel.
    CancelOther,
    /// The running one is terminated.
    TerminateOther,
    /// It starts.
    AllowAll,
}

const OVERLAPS: [(&str, Overlap); 6] = [
    ("skip", Overlap::Skip),
    ("buffer-one", Overlap::BufferOne),
    ("buffer-all", Overlap::BufferAll),
    ("cancel-other", Overlap::CancelOther),
    ("terminate-other", Overlap::TerminateOther),
    ("allow-all", Overlap::AllowAll),
];

/// The kinds of operation.
pub(super) const KINDS: [&str; 7] = [
    "schedule-create",
    "schedule-update",
    "schedule-pause",
    "schedule-unpause",
    "schedule-trigger",
    "schedule-backfill",
    "schedule-delete",
];

/// Whether an operation of this kind names the workflow that the schedule starts.
pub(super) fn has_plan(kind: &str) -> bool {
    matches!(kind, "schedule-create" | "schedule-update")
}

/// Reads what is done; `workflow` is the target of a plan.
pub(super) fn step(
    table: &mut Table<'_>,
    log: &mut Log,
    kind: &str,
    workflow: Option<Target>,
) -> Option<ScheduleStep> {
    Some(match kind {
        "schedule-create" => ScheduleStep::Create(Box::new(plan(table, log, workflow)?)),
        "schedule-update" => ScheduleStep::Update(Box::new(plan(table, log, workflow)?)),
        "schedule-pause" => ScheduleStep::Pause,
        "schedule-unpause" => ScheduleStep::Unpause,
        "schedule-trigger" => ScheduleStep::Trigger(overlap(table, log)),
        "schedule-backfill" => ScheduleStep::Backfill {
            from: table
                .need(log, "from")
                .and_then(|item| item.duration(log))?,
            until: table.duration(log, "until").unwrap_or_default(),
            overlap: overlap(table, log),
        },
        _ => ScheduleStep::Delete,
    })
}

fn overlap(table: &mut Table<'_>, log: &mut Log) -> Overlap {
    table.word(log, "overlap", &OVERLAPS).unwrap_or_default()
}

fn plan(table: &mut Table<'_>, log: &mut Log, workflow: Option<Target>) -> Option<SchedulePlan> {
    let (cron, every) = (table.take("cron"), table.take("every"));
    let times = match (cron, every) {
        (Some(cron), None) => cron.string(log).map(|text| Times::Cron(text.to_owned())),
        (None, Some(every)) => every.duration(log).map(Times::Every),
        (None, None) | (Some(_), Some(_)) => {
            let message = "a schedule has `cron` or `every`";
            log.wrong(table.span(), message, "exactly one of them", None);
            None
        }
    };
    let limit = table.need(log, "limit");
    let limit = limit.and_then(|item| item.integer(log, &(1..100_000)));
    let jitter = table.duration(log, "jitter").unwrap_or_default();
    let catchup = table.duration(log, "catchup");
    let pause = table.take("pause-on-failure");
    let pause_on_failure = pause.and_then(|item| item.bool(log)).unwrap_or(false);
    let overlap = overlap(table, log);
    Some(SchedulePlan {
        workflow: workflow?,
        times: times?,
        jitter,
        overlap,
        catchup,
        pause_on_failure,
        limit: limit?,
    })
}
