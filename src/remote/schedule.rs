//! The verbs about schedules.

use std::time::Duration;

use clap::{Args, Subcommand};
use prost_types::Timestamp;
use steadfast_proto::json::{self, to_value};
use steadfast_proto::temporal::api::enums::v1::ScheduleOverlapPolicy as Overlap;
use steadfast_proto::temporal::api::schedule::v1::{
    BackfillRequest, CalendarSpec, IntervalSpec, Schedule, ScheduleAction, ScheduleListEntry,
    SchedulePatch, SchedulePolicies, ScheduleSpec, ScheduleState, TriggerImmediatelyRequest,
    schedule_action::Action,
};
use steadfast_proto::temporal::api::workflowservice::v1::{
    CreateScheduleRequest, DeleteScheduleRequest, DescribeScheduleRequest,
    DescribeScheduleResponse, ListScheduleMatchingTimesRequest, ListSchedulesRequest,
    PatchScheduleRequest, UpdateScheduleRequest,
};
use uuid::Uuid;

use super::Run;
use super::args::{choices, moment, pair, span};
use super::input::{InputArgs, memo, search_attributes};
use super::output::Output;
use super::session::Session;
use super::text::{Card, Table, iso, short, span_text};
use super::workflow::{StartArgs, or_zero, proto_span};
use crate::problem::Problem;

const OVERLAPS: &[(&str, Overlap)] = &[
    ("Skip", Overlap::Skip),
    ("BufferOne", Overlap::BufferOne),
    ("BufferAll", Overlap::BufferAll),
    ("CancelOther", Overlap::CancelOther),
    ("TerminateOther", Overlap::TerminateOther),
    ("AllowAll", Overlap::AllowAll),
];

/// Which schedule.
#[derive(Debug, Args)]
pub(crate) struct IdArgs {
    /// The schedule
    #[arg(long, short, value_name = "ID")]
    schedule_id: String,
}

/// What a run does while another one runs.
#[derive(Debug, Args)]
pub(crate) struct OverlapArgs {
    /// What if the workflow of an earlier time runs still
    #[arg(long, value_name = "POLICY", value_parser = choices(OVERLAPS), ignore_case = true, default_value = "Skip")]
    overlap_policy: Overlap,
}

/// When, how, and what.
#[derive(Debug, Args)]
pub(crate) struct ScheduleArgs {
    #[command(flatten)]
    id: IdArgs,
    #[command(flatten)]
    overlap: OverlapArgs,
    #[command(flatten)]
    start: StartArgs,
    #[command(flatten)]
    input: InputArgs,
    /// When, as a calendar: '{"hour":"12","dayOfWeek":"5"}'; may be repeated
    #[arg(long, value_name = "JSON")]
    calendar: Vec<String>,
    /// When, as a cron string; may be repeated
    #[arg(long, value_name = "CRON")]
    cron: Vec<String>,
    /// When: every so often, and with an offset as in 90m/13m; may be repeated
    #[arg(long, value_name = "TIME[/OFFSET]", value_parser = interval)]
    interval: Vec<(Duration, Option<Duration>)>,
    /// How late it may be made up for what was missed
    #[arg(long, value_name = "TIME", value_parser = span)]
    catchup_window: Option<Duration>,
    /// Not after
    #[arg(long, value_name = "TIME", value_parser = moment)]
    end_time: Option<Timestamp>,
    /// Each time later by chance, by at most so much
    #[arg(long, value_name = "TIME", value_parser = span)]
    jitter: Option<Duration>,
    /// What to know about it
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    notes: String,
    /// It begins paused
    #[arg(long)]
    paused: bool,
    /// It pauses when a workflow fails
    #[arg(long)]
    pause_on_failure: bool,
    /// So many times only
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    remaining_actions: i64,
    /// Not before
    #[arg(long, value_name = "TIME", value_parser = moment)]
    start_time: Option<Timestamp>,
    /// The time zone of calendars and cron strings
    #[arg(
        long,
        value_name = "ZONE",
        default_value = "",
        hide_default_value = true
    )]
    time_zone: String,
}

fn interval(text: &str) -> Result<(Duration, Option<Duration>), String> {
    match text.split_once('/') {
        None => Ok((span(text)?, None)),
        Some((every, offset)) => Ok((span(every)?, Some(span(offset)?))),
    }
}

/// The verbs about schedules.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Create a schedule
    Create(Box<Create>),
    /// Replace a schedule
    Update(Box<ScheduleArgs>),
    /// Describe a schedule
    Describe(IdArgs),
    /// List schedules
    List(List),
    /// Pause a schedule, or let it go on
    Toggle(Toggle),
    /// Start the workflow of a schedule now
    Trigger {
        #[command(flatten)]
        id: IdArgs,
        #[command(flatten)]
        overlap: OverlapArgs,
    },
    /// Start what a schedule would have started in the past
    Backfill {
        #[command(flatten)]
        id: IdArgs,
        #[command(flatten)]
        overlap: OverlapArgs,
        #[command(flatten)]
        times: TimesArgs,
    },
    /// Delete a schedule
    Delete(IdArgs),
    /// List the times of a schedule
    ListMatchingTimes {
        #[command(flatten)]
        id: IdArgs,
        #[command(flatten)]
        times: TimesArgs,
    },
}

/// From when to when.
#[derive(Debug, Args)]
pub(crate) struct TimesArgs {
    /// From when
    #[arg(long, value_name = "TIME", value_parser = moment)]
    start_time: Timestamp,
    /// To when
    #[arg(long, value_name = "TIME", value_parser = moment)]
    end_time: Timestamp,
}

/// See [`Verb`].
#[derive(Debug, Args)]
pub(crate) struct Create {
    #[command(flatten)]
    schedule: ScheduleArgs,
    /// A search attribute of the schedule; may be repeated
    #[arg(long, value_name = "KEY=JSON", value_parser = pair)]
    schedule_search_attribute: Vec<(String, String)>,
    /// An entry of the schedule's memo; may be repeated
    #[arg(long, value_name = "KEY=JSON", value_parser = pair)]
    schedule_memo: Vec<(String, String)>,
}

/// See [`Verb`].
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only those that this list filter chooses
    #[arg(
        long,
        short,
        value_name = "FILTER",
        default_value = "",
        hide_default_value = true
    )]
    query: String,
    /// Show more of each
    #[arg(long, short)]
    long: bool,
    /// Show all of each
    #[arg(long)]
    really_long: bool,
}

/// See [`Verb`].
#[derive(Debug, Args)]
pub(crate) struct Toggle {
    #[command(flatten)]
    id: IdArgs,
    /// Pause it
    #[arg(long, conflicts_with = "unpause", required_unless_present = "unpause")]
    pause: bool,
    /// Let it go on
    #[arg(long)]
    unpause: bool,
    /// Why
    #[arg(long, value_name = "TEXT", default_value = "(no reason provided)")]
    reason: String,
}

impl Run for Verb {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        match self {
            Self::Create(create) => create.run(session).await,
            Self::Update(schedule) => update(session, &schedule).await,
            Self::Describe(id) => describe(session, &id.schedule_id).await,
            Self::List(list) => list.run(session).await,
            Self::Toggle(toggle) => toggle.run(session).await,
            Self::Trigger { id, overlap } => {
                let trigger = TriggerImmediatelyRequest {
                    overlap_policy: overlap.overlap_policy.into(),
                    ..TriggerImmediatelyRequest::default()
                };
                let patch = SchedulePatch {
                    trigger_immediately: Some(trigger),
                    ..SchedulePatch::default()
                };
                self::patch(session, &id.schedule_id, patch).await?;
                session.out.line("Trigger request sent")
            }
            Self::Backfill { id, overlap, times } => {
                let backfill = BackfillRequest {
                    start_time: Some(times.start_time),
                    end_time: Some(times.end_time),
                    overlap_policy: overlap.overlap_policy.into(),
                };
                let patch = SchedulePatch {
                    backfill_request: vec![backfill],
                    ..SchedulePatch::default()
                };
                self::patch(session, &id.schedule_id, patch).await?;
                session.out.line("Backfill request sent")
            }
            Self::Delete(id) => delete(session, id.schedule_id).await,
            Self::ListMatchingTimes { id, times } => {
                matching_times(session, id.schedule_id, times).await
            }
        }
    }
}

impl ScheduleArgs {
    fn schedule(&self) -> Result<Schedule, Problem> {
        let limited_actions = self.remaining_actions > 0;
        Ok(Schedule {
            spec: Some(self.spec()?),
            action: Some(ScheduleAction {
                action: Some(Action::StartWorkflow(self.start.scheduled(&self.input)?)),
            }),
            policies: Some(SchedulePolicies {
                overlap_policy: self.overlap.overlap_policy.into(),
                catchup_window: proto_span(self.catchup_window),
                pause_on_failure: self.pause_on_failure,
                ..SchedulePolicies::default()
            }),
            state: Some(ScheduleState {
                notes: self.notes.clone(),
                paused: self.paused,
                limited_actions,
                remaining_actions: self.remaining_actions.max(0),
            }),
        })
    }

    fn spec(&self) -> Result<ScheduleSpec, Problem> {
        let calendars = self.calendar.iter().map(|calendar| {
            let read = json::from_json::<CalendarSpec>(calendar);
            read.map_err(|error| Problem::user(format!("--calendar: {error}")))
        });
        let intervals = self.interval.iter().map(|(every, offset)| IntervalSpec {
            interval: proto_span(Some(*every)),
            phase: or_zero(*offset),
        });
        Ok(ScheduleSpec {
            calendar: calendars.collect::<Result<_, _>>()?,
            cron_string: self.cron.clone(),
            interval: intervals.collect(),
            start_time: self.start_time,
            end_time: self.end_time,
            jitter: or_zero(self.jitter),
            timezone_name: self.time_zone.clone(),
            ..ScheduleSpec::default()
        })
    }
}

impl Run for Create {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        let attributes = &self.schedule_search_attribute;
        let request = CreateScheduleRequest {
            namespace: session.namespace(),
            schedule_id: self.schedule.id.schedule_id.clone(),
            schedule: Some(self.schedule.schedule()?),
            identity: session.identity(),
            request_id: Uuid::new_v4().to_string(),
            memo: memo("--schedule-memo", &self.schedule_memo)?,
            search_attributes: search_attributes("--schedule-search-attribute", attributes)?,
            ..CreateScheduleRequest::default()
        };
        session
            .ask(request, async |mut c, r| c.create_schedule(r).await)
            .await?;
        Ok(())
    }
}

async fn update(session: &Session<'_>, args: &ScheduleArgs) -> Result<(), Problem> {
    let request = UpdateScheduleRequest {
        namespace: session.namespace(),
        schedule_id: args.id.schedule_id.clone(),
        schedule: Some(args.schedule()?),
        identity: session.identity(),
        request_id: Uuid::new_v4().to_string(),
        ..UpdateScheduleRequest::default()
    };
    session
        .ask(request, async |mut c, r| c.update_schedule(r).await)
        .await?;
    Ok(())
}

async fn patch(session: &Session<'_>, id: &str, patch: SchedulePatch) -> Result<(), Problem> {
    let request = PatchScheduleRequest {
        namespace: session.namespace(),
        schedule_id: id.to_owned(),
        patch: Some(patch),
        identity: session.identity(),
        request_id: Uuid::new_v4().to_string(),
    };
    session
        .ask(request, async |mut c, r| c.patch_schedule(r).await)
        .await?;
    Ok(())
}

impl Run for Toggle {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        let patch = match self.pause {
            true => SchedulePatch {
                pause: self.reason,
                ..SchedulePatch::default()
            },
            false => SchedulePatch {
                unpause: self.reason,
                ..SchedulePatch::default()
            },
        };
        self::patch(session, &self.id.schedule_id, patch).await
    }
}

async fn delete(session: &Session<'_>, schedule_id: String) -> Result<(), Problem> {
    let request = DeleteScheduleRequest {
        namespace: session.namespace(),
        schedule_id,
        identity: session.identity(),
    };
    session
        .ask(request, async |mut c, r| c.delete_schedule(r).await)
        .await?;
    session.out.line("Schedule deleted")
}

async fn matching_times(
    session: &Session<'_>,
    schedule_id: String,
    times: TimesArgs,
) -> Result<(), Problem> {
    let request = ListScheduleMatchingTimesRequest {
        namespace: session.namespace(),
        schedule_id,
        start_time: Some(times.start_time),
        end_time: Some(times.end_time),
    };
    let listed = session.ask(request, async |mut c, r| {
        c.list_schedule_matching_times(r).await
    });
    let listed = listed.await?;
    if session.out.is_json() {
        return session.out.message(&listed);
    }
    let mut table = Table::new(["Time"]);
    for time in &listed.start_time {
        table.row([iso(time)]);
    }
    session.out.table(&table)
}

async fn describe(session: &Session<'_>, schedule_id: &str) -> Result<(), Problem> {
    let request = DescribeScheduleRequest {
        namespace: session.namespace(),
        schedule_id: schedule_id.to_owned(),
    };
    let described = session
        .ask(request, async |mut c, r| c.describe_schedule(r).await)
        .await?;
    if session.out.is_json() {
        // temporal: cli commands.schedule.go, schedules are shown without shorthand.
        return session.out.canonical(&described);
    }
    session
        .out
        .card(&card(&session.out, schedule_id, described))
}

fn card(out: &Output<'_>, id: &str, described: DescribeScheduleResponse) -> Card {
    let schedule = described.schedule.unwrap_or_default();
    let (spec, policies) = (
        schedule.spec.unwrap_or_default(),
        schedule.policies.unwrap_or_default(),
    );
    let (state, info) = (
        schedule.state.unwrap_or_default(),
        described.info.unwrap_or_default(),
    );
    let time = |time: Option<&Timestamp>| out.times.show(time);
    let running = info
        .running_workflows
        .iter()
        .map(|it| it.workflow_id.clone());
    let remaining = state
        .limited_actions
        .then(|| state.remaining_actions.to_string());
    let action = schedule
        .action
        .as_ref()
        .map(|action| out.value(action).to_string());
    let last = info
        .recent_actions
        .last()
        .and_then(|action| action.schedule_time.as_ref());
    let counts = format!(
        "{} taken, {} missed the catchup window, {} skipped for overlap",
        info.action_count, info.missed_catchup_window, info.overlap_skipped
    );
    Card::default()
        .text("ScheduleId", id)
        .text("Action", &action.unwrap_or_default())
        .some("Spec", &spec_text(&spec))
        .some("StartAt", &time(spec.start_time.as_ref()))
        .some("EndAt", &time(spec.end_time.as_ref()))
        .some("Jitter", &span_text(spec.jitter.as_ref()))
        .some("TimeZoneName", &spec.timezone_name)
        .text(
            "OverlapPolicy",
            &short(
                policies.overlap_policy().as_str_name(),
                "SCHEDULE_OVERLAP_POLICY_",
            ),
        )
        .text(
            "CatchupWindow",
            &span_text(policies.catchup_window.as_ref()),
        )
        .text("PauseOnFailure", &policies.pause_on_failure.to_string())
        .some("Notes", &state.notes)
        .text("Paused", &state.paused.to_string())
        .some("RemainingActions", &remaining.unwrap_or_default())
        .text("NextRunTime", &time(info.future_action_times.first()))
        .text("LastRunTime", &time(last))
        .text("RunningWorkflows", &running.collect::<Vec<_>>().join(", "))
        .some("CreatedAt", &time(info.create_time.as_ref()))
        .some("LastUpdateAt", &time(info.update_time.as_ref()))
        .text("ActionCounts", &counts)
}

/// When, as JSON of its calendars and the spans of its intervals.
fn spec_text(spec: &ScheduleSpec) -> String {
    let calendars = spec
        .structured_calendar
        .iter()
        .map(|it| to_value(it).to_string());
    let given = spec.calendar.iter().map(|it| to_value(it).to_string());
    let intervals = spec.interval.iter().map(|it| {
        let every = span_text(it.interval.as_ref());
        match span_text(it.phase.as_ref()).as_str() {
            "" => format!("every {every}"),
            offset => format!("every {every} after {offset}"),
        }
    });
    let cron = spec.cron_string.iter().cloned();
    let all: Vec<_> = calendars
        .chain(given)
        .chain(cron)
        .chain(intervals)
        .collect();
    all.join(", ")
}

impl Run for List {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        session.out.begin_list();
        let mut next_page_token = bytes::Bytes::new();
        let mut headed = false;
        loop {
            let request = ListSchedulesRequest {
                namespace: session.namespace(),
                next_page_token,
                query: self.query.clone(),
                ..ListSchedulesRequest::default()
            };
            let page = session
                .ask(request, async |mut c, r| c.list_schedules(r).await)
                .await?;
            if session.out.is_json() {
                for entry in &page.schedules {
                    session.out.canonical(entry)?;
                }
            } else if !page.schedules.is_empty() {
                session
                    .out
                    .table(&self.table(&session.out, page.schedules).headed(headed))?;
                headed = true;
            }
            next_page_token = page.next_page_token;
            if next_page_token.is_empty() {
                return session.out.end_list();
            }
        }
    }
}

impl List {
    fn table(&self, out: &Output<'_>, entries: Vec<ScheduleListEntry>) -> Table {
        const SHORT: [&str; 5] = [
            "ScheduleId",
            "Workflow",
            "Paused",
            "NextRunTime",
            "LastRunTime",
        ];
        let mut table = match (self.long, self.really_long) {
            (_, true) => Table::new([
                "ScheduleId",
                "Workflow",
                "Paused",
                "NextRunTime",
                "LastRunTime",
                "Spec",
                "Notes",
                "Jitter",
                "TimeZone",
                "Memo",
            ]),
            (true, _) => Table::new([
                "ScheduleId",
                "Workflow",
                "Paused",
                "NextRunTime",
                "LastRunTime",
                "Spec",
                "Notes",
            ]),
            _ => Table::new(SHORT),
        };
        for entry in entries {
            let info = entry.info.unwrap_or_default();
            let spec = info.spec.unwrap_or_default();
            let last = info
                .recent_actions
                .last()
                .and_then(|action| action.schedule_time.as_ref());
            let memo = entry.memo.as_ref().map(|memo| out.value(memo).to_string());
            let row = [
                entry.schedule_id,
                info.workflow_type.unwrap_or_default().name,
                info.paused.to_string(),
                out.times.show(info.future_action_times.first()),
                out.times.show(last),
                spec_text(&spec),
                info.notes,
                span_text(spec.jitter.as_ref()),
                spec.timezone_name,
                memo.unwrap_or_default(),
            ];
            table.cut(row);
        }
        table
    }
}
