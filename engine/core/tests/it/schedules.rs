//! The scripts' language for schedules.
//!
//! ```text
//! schedule create S [every=10s] [phase=3s] [cron=EXPR_WITH_UNDERSCORES] [jitter=5s] [overlap=POLICY] [catchup=1m]
//!                   [limited=3] [workflow=ID] [request=ID] [paused] [pause-on-failure] [trigger] [nothing]
//! schedule update S … the same …  [token=1]
//! schedule trigger S [overlap=POLICY] [request=ID]      schedule backfill S -60s 0s [overlap=POLICY]
//! schedule pause S NOTES     schedule unpause S NOTES     schedule describe S     schedule times S 0s 60s
//! schedule delete S
//! ```
//! Times of ranges are relative to now. Policies: `skip`, `one`, `all`, `cancel`, `terminate`, `allow`.

use std::fmt::Write as _;

use prost_types::Timestamp as WireTime;
use steadfast_core::{Rejection, Request, Timestamp, parse, schedule::ScheduleReply};
use steadfast_proto::temporal::api::{
    common::v1::WorkflowType,
    enums::v1::{ScheduleOverlapPolicy, TaskQueueKind},
    schedule::v1::{
        BackfillRequest, IntervalSpec, Schedule, ScheduleAction, SchedulePatch, SchedulePolicies,
        ScheduleSpec, ScheduleState, TriggerImmediatelyRequest, schedule_action,
    },
    workflow::v1::NewWorkflowExecutionInfo,
    workflowservice::v1 as service,
};

use crate::script::{Words, duration, queue};

pub(crate) fn request(verb: &str, words: &Words<'_>, now: Timestamp) -> Result<Request, Rejection> {
    let schedule_id = words.at(1).to_owned();
    let namespace = "default".to_owned();
    let option = |key: &str, default: &str| words.options.get(key).unwrap_or(&default).to_string();
    let request_id = option("request", "");
    match verb {
        "create" => parse::create_schedule(service::CreateScheduleRequest {
            namespace,
            schedule_id,
            schedule: Some(schedule(words)),
            initial_patch: has(words, "trigger").then(|| trigger(words)),
            request_id: option("request", "create"),
            ..Default::default()
        }),
        "update" => parse::update_schedule(service::UpdateScheduleRequest {
            namespace,
            schedule_id,
            schedule: Some(schedule(words)),
            conflict_token: words
                .options
                .get("token")
                .map_or_else(Default::default, |token| {
                    let token: u64 = token.parse().expect("a number");
                    token.to_be_bytes().to_vec().into()
                }),
            request_id,
            ..Default::default()
        }),
        "describe" => parse::describe_schedule(&service::DescribeScheduleRequest {
            namespace,
            schedule_id,
        }),
        "delete" => parse::delete_schedule(&service::DeleteScheduleRequest {
            namespace,
            schedule_id,
            ..Default::default()
        }),
        "times" => parse::matching_times(&service::ListScheduleMatchingTimesRequest {
            namespace,
            schedule_id,
            start_time: Some(relative(words.at(2), now)),
            end_time: Some(relative(words.at(3), now)),
        }),
        _ => parse::patch_schedule(service::PatchScheduleRequest {
            namespace,
            schedule_id,
            patch: Some(patch(verb, words, now)),
            request_id,
            ..Default::default()
        }),
    }
}

fn has(words: &Words<'_>, word: &str) -> bool {
    words.plain.contains(&word)
}

fn relative(text: &str, now: Timestamp) -> WireTime {
    let time = match text.strip_prefix('-') {
        Some(back) => now.minus(duration(back)),
        None => now.plus(duration(text)),
    };
    time.to_proto()
}

fn overlap(words: &Words<'_>) -> i32 {
    let policy = match words.options.get("overlap") {
        None => ScheduleOverlapPolicy::Unspecified,
        Some(&"skip") => ScheduleOverlapPolicy::Skip,
        Some(&"one") => ScheduleOverlapPolicy::BufferOne,
        Some(&"all") => ScheduleOverlapPolicy::BufferAll,
        Some(&"cancel") => ScheduleOverlapPolicy::CancelOther,
        Some(&"terminate") => ScheduleOverlapPolicy::TerminateOther,
        Some(&"allow") => ScheduleOverlapPolicy::AllowAll,
        Some(other) => panic!("no such policy: {other}"),
    };
    policy.into()
}

fn trigger(words: &Words<'_>) -> SchedulePatch {
    SchedulePatch {
        trigger_immediately: Some(TriggerImmediatelyRequest {
            overlap_policy: overlap(words),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn patch(verb: &str, words: &Words<'_>, now: Timestamp) -> SchedulePatch {
    match verb {
        "trigger" => trigger(words),
        "backfill" => SchedulePatch {
            backfill_request: vec![BackfillRequest {
                start_time: Some(relative(words.at(2), now)),
                end_time: Some(relative(words.at(3), now)),
                overlap_policy: overlap(words),
            }],
            ..Default::default()
        },
        "pause" => SchedulePatch {
            pause: words.at(2).into(),
            ..Default::default()
        },
        "unpause" => SchedulePatch {
            unpause: words.at(2).into(),
            ..Default::default()
        },
        _ => panic!("no such line: schedule {verb}"),
    }
}

fn schedule(words: &Words<'_>) -> Schedule {
    let limited = words.options.get("limited");
    let workflow = words.options.get("workflow").unwrap_or(&"job");
    let action = schedule_action::Action::StartWorkflow(NewWorkflowExecutionInfo {
        workflow_id: (*workflow).into(),
        workflow_type: Some(WorkflowType {
            name: "Type".into(),
        }),
        task_queue: queue("queue", TaskQueueKind::Normal),
        ..Default::default()
    });
    Schedule {
        spec: Some(ScheduleSpec {
            interval: words
                .time("every")
                .map(|every| IntervalSpec {
                    interval: Some(every),
                    phase: words.time("phase"),
                })
                .into_iter()
                .collect(),
            cron_string: words
                .options
                .get("cron")
                .map(|cron| cron.replace('_', " "))
                .into_iter()
                .collect(),
            jitter: words.time("jitter"),
            ..Default::default()
        }),
        action: Some(ScheduleAction {
            action: (!has(words, "nothing")).then_some(action),
        }),
        policies: Some(SchedulePolicies {
            overlap_policy: overlap(words),
            catchup_window: words.time("catchup"),
            pause_on_failure: has(words, "pause-on-failure"),
            ..Default::default()
        }),
        state: Some(ScheduleState {
            notes: String::new(),
            paused: has(words, "paused"),
            limited_actions: limited.is_some(),
            remaining_actions: limited.map_or(0, |n| n.parse().expect("a number")),
        }),
    }
}

/// The time of day and what is behind the second.
fn clock(time: Option<&WireTime>) -> String {
    let time = time.copied().unwrap_or_default();
    let second = time.seconds.rem_euclid(86_400);
    let mut text = format!(
        "{:02}:{:02}:{:02}",
        second / 3600,
        second / 60 % 60,
        second % 60
    );
    if time.nanos > 0 {
        write!(text, ".{:03}", time.nanos / 1_000_000).expect("a string");
    }
    text
}

pub(crate) fn describe(reply: &ScheduleReply) -> String {
    match reply {
        ScheduleReply::Created(token) => format!("created, token {token}"),
        ScheduleReply::Done => "ok".to_owned(),
        ScheduleReply::Entry(entry) => format!("{} is there", entry.schedule_id),
        ScheduleReply::Ids(ids) => format!("schedules {}", ids.join(" ")),
        ScheduleReply::Times(times) => {
            let times = times
                .iter()
                .map(|next| clock(Some(&next.actual.to_proto())));
            format!("times {}", times.collect::<Vec<_>>().join(" "))
        }
        ScheduleReply::Described(described) => all_about(described),
    }
}

fn all_about(described: &service::DescribeScheduleResponse) -> String {
    let info = described.info.as_ref().expect("always there");
    let schedule = described.schedule.as_ref().expect("always there");
    let state = schedule.state.as_ref().expect("always there");
    let mut text = format!(
        "{} actions, {} missed, {} skipped, {} dropped, {} waiting",
        info.action_count,
        info.missed_catchup_window,
        info.overlap_skipped,
        info.buffer_dropped,
        info.buffer_size,
    );
    let ids = info
        .running_workflows
        .iter()
        .map(|w| w.workflow_id.as_str());
    let running = ids.collect::<Vec<_>>().join(" ");
    let recent = info.recent_actions.iter().map(|action| {
        format!(
            "{} at {} {:?}",
            clock(action.schedule_time.as_ref()),
            clock(action.actual_time.as_ref()),
            action.start_workflow_status()
        )
    });
    let next = info
        .future_action_times
        .iter()
        .take(3)
        .map(|time| clock(Some(time)));
    write!(text, "\n    running [{running}]").expect("a string");
    for line in recent {
        write!(text, "\n    {line}").expect("a string");
    }
    let next = next.collect::<Vec<_>>().join(" ");
    write!(text, "\n    next [{next}]").expect("a string");
    if state.limited_actions {
        write!(text, ", {} left", state.remaining_actions).expect("a string");
    }
    if state.paused {
        text.push_str(", paused");
    }
    if !state.notes.is_empty() {
        write!(text, " {:?}", state.notes).expect("a string");
    }
    let token = described.conflict_token.last().copied().unwrap_or(0);
    write!(text, ", token {token}").expect("a string");
    text
}
