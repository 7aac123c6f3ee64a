//! Long histories, the workflows that they are of, and how fast something goes through them. `benches/replayer` gives the
//! same to Temporal's own replayer.

#[path = "../../tests/it/history.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod history;

use std::{fs, io, time::Duration};

use steadfast_proto::temporal::api::history::v1::History;
use temporalio_workflow::{
    ActivityOptions, WorkflowContext, WorkflowResult, common::ActivityDefinition, workflow,
    workflow_methods,
};

use history::{Events, payloads};

/// Replays until so many ticks of CPU time have passed.
const TICKS: u64 = 100;
/// The length of a tick in `/proc/self/stat`.
const TICKS_PER_SECOND: u64 = 100;

/// Adds one to its argument.
struct Inc;

impl ActivityDefinition for Inc {
    type Input = u32;
    type Output = u32;

    fn name(&self) -> &str {
        "inc"
    }
}

/// Waits so many times.
#[workflow]
#[derive(Default)]
pub(crate) struct Timers;

#[workflow_methods]
impl Timers {
    #[run(name = "Timers")]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>, count: u32) -> WorkflowResult<u32> {
        for _ in 0..count {
            ctx.timer(Duration::from_secs(1)).await;
        }
        Ok(count)
    }
}

/// Runs so many activities, one after another.
#[workflow]
#[derive(Default)]
pub(crate) struct Activities;

#[workflow_methods]
impl Activities {
    #[run(name = "Activities")]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>, count: u32) -> WorkflowResult<u32> {
        let options = ActivityOptions::start_to_close_timeout(Duration::from_secs(1));
        let mut sum = 0;
        for i in 0..count {
            sum += ctx.execute_activity(Inc, i, options.clone()).await?;
        }
        Ok(sum)
    }
}

/// What [`Timers`] leaves behind.
pub(crate) fn timers(count: u32) -> History {
    let mut events = Events::start("Timers", payloads(count));
    events.task();
    for id in 1..=count {
        let id = id.to_string();
        let started = events.timer_started(&id);
        events.timer_fired(&id, started);
        events.task();
    }
    events.completed(count);
    events.history()
}

/// What [`Activities`] leaves behind.
pub(crate) fn activities(count: u32) -> History {
    let mut events = Events::start("Activities", payloads(count));
    events.task();
    for id in 1..=count {
        let scheduled = events.activity_scheduled(&id.to_string(), "inc");
        events.activity_completed(scheduled, 1);
        events.task();
    }
    events.completed(count);
    events.history()
}

fn cpu_ticks() -> io::Result<u64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The command name before it may hold spaces; user and system time are fields 14 and 15.
    let fields = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace();
    Ok(fields
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum())
}

/// Events per second of CPU time that `step`, working on so many events, achieves.
pub(crate) fn rate(events: usize, mut step: impl FnMut() -> io::Result<()>) -> io::Result<u64> {
    step()?;
    let begin = cpu_ticks()?;
    let mut done = 0;
    loop {
        step()?;
        done += events as u64;
        let ticks = cpu_ticks()? - begin;
        if ticks >= TICKS {
            return Ok(done * TICKS_PER_SECOND / ticks);
        }
    }
}
