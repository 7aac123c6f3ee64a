//! Prints how many history events are replayed per second of CPU time, for long histories of timers and of activities.
//!
//! `cargo run --release -p steadfast-replay --example replay_speed [TIMERS_OR_ACTIVITIES]`

mod long;

use std::{io, io::Write as _};

use prost::Message as _;
use steadfast_proto::temporal::api::history::v1::History;
use steadfast_replay::{Registry, replay_history};

use long::{Activities, Timers, activities, rate, timers};

fn main() -> io::Result<()> {
    let count = std::env::args()
        .nth(1)
        .and_then(|arg| arg.parse().ok())
        .unwrap_or(10_000);
    let mut registry = Registry::default();
    registry.register::<Timers>().register::<Activities>();
    let mut out = io::stdout().lock();
    for (name, history) in [("timers", timers(count)), ("activities", activities(count))] {
        let replay = |history: &History| {
            replay_history(&registry, history)
                .map(drop)
                .map_err(io::Error::other)
        };
        let events = history.events.len();
        let bytes = history.encode_to_vec();
        let decoded = rate(events, || replay(&history))?;
        let encoded = rate(events, || {
            replay(&History::decode(bytes.as_slice()).map_err(io::Error::other)?)
        })?;
        writeln!(
            out,
            "{count} {name}, {events} events: {decoded} events per CPU second; with decoding {encoded}"
        )?;
    }
    Ok(())
}
