//! Prints how many history events Temporal's official replayer goes through per second of CPU time.
//!
//! `cd benches/replayer && cargo run --release [TIMERS_OR_ACTIVITIES]`

#[path = "../../../engine/replay/examples/long/mod.rs"]
mod long;

use std::io;

use prost::Message as _;
use steadfast_proto::temporal::api::history::v1::History;
use temporalio_protos::temporal::api::history::v1::History as TheirHistory;
use temporalio_sdk::workflow_replayer::{WorkflowReplayer, WorkflowReplayerOptions};

use long::{Activities, Timers, activities, rate, timers};

fn main() -> anyhow::Result<()> {
    let count = std::env::args()
        .nth(1)
        .map_or(Ok(2_000), |arg| arg.parse())?;
    let runtime = tokio::runtime::Runtime::new()?;
    let options = WorkflowReplayerOptions::new()
        .register_workflow::<Timers>()?
        .register_workflow::<Activities>()?
        .build();
    let replayer = WorkflowReplayer::new(options)?;
    for (name, history) in [("timers", timers(count)), ("activities", activities(count))] {
        let history = theirs(&history)?;
        let events = history.events.len();
        let rate = rate(events, || {
            let replayed = runtime.block_on(replayer.replay_workflow(history.clone().into()));
            replayed.map(drop).map_err(io::Error::other)
        })?;
        println!("{count} {name}, {events} events: {rate} events per CPU second");
    }
    Ok(())
}

fn theirs(history: &History) -> anyhow::Result<TheirHistory> {
    Ok(TheirHistory::decode(history.encode_to_vec().as_slice())?)
}
