//! Measures what the console may take: first frames, keys with very much behind them, large files, jumps in long runs.
//!
//! ```sh
//! cargo run --release -p steadfast-tui --example budgets
//! ```

use std::borrow::Cow;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use steadfast_proto::json::to_json;
use steadfast_proto::temporal::api::common::v1::Payload;
use steadfast_proto::temporal::api::enums::v1::EventType;
use steadfast_proto::temporal::api::history::v1::{
    HistoryEvent, WorkflowExecutionSignaledEventAttributes,
};
use steadfast_proto::time::timestamp;
use steadfast_sim::journal::Journal;
use steadfast_sim::kernel::{NodeId, Time, TraceEvent, TraceKind};
use steadfast_sim::report::{Coverage, RunReport};
use steadfast_tui::app::{Cmd, Model, Msg, Open, Setup, update};
use steadfast_tui::history::load;
use steadfast_tui::keys::Stroke;
use steadfast_tui::source::{Data, Read, Reference};
use steadfast_tui::theme::Theme;
use steadfast_tui::view::{Cache, view};
use steadfast_tui::worlds::World;

const NOW: i64 = 1_795_000_000_000_000_000;

/// A console and a terminal in memory.
struct Desk {
    model: Model,
    cache: Cache,
    terminal: Terminal<TestBackend>,
    asked: u64,
}

impl Desk {
    fn open(open: Open) -> Self {
        let setup = Setup {
            source: "budgets".to_owned(),
            open,
            builds: Vec::new(),
            theme: Theme::default(),
            size: (200, 60),
        };
        let (model, cmds) = Model::new(setup, NOW);
        let asked = cmds.iter().find_map(|cmd| match cmd {
            Cmd::Ask(id, _) => Some(*id),
            _ => None,
        });
        let terminal = Terminal::new(TestBackend::new(200, 60)).expect("memory");
        Self {
            model,
            cache: Cache::default(),
            terminal,
            asked: asked.unwrap_or(0),
        }
    }

    fn answer(&mut self, data: Data) {
        let _cmds = update(&mut self.model, Msg::Data(self.asked, data), NOW);
    }

    fn draw(&mut self) {
        let Self {
            model,
            cache,
            terminal,
            ..
        } = self;
        terminal
            .draw(|frame| view(model, cache, frame))
            .expect("memory");
    }

    /// Presses a key and draws; how long both took.
    fn press(&mut self, key: &str) -> Duration {
        let strokes = Stroke::sequence(key).expect("keys");
        let begin = Instant::now();
        for stroke in strokes {
            let _cmds = update(&mut self.model, Msg::Key(stroke), NOW);
        }
        self.draw();
        begin.elapsed()
    }

    /// The 99th of a hundred, of a thousand keys.
    fn keys(&mut self, keys: &[&str]) -> Duration {
        let mut all: Vec<Duration> = (0..1000)
            .map(|n| self.press(keys[n % keys.len()]))
            .collect();
        all.sort_unstable();
        all[989]
    }
}

fn tell(out: &mut impl Write, what: &str, took: Duration, budget: &str) {
    writeln!(
        out,
        "{what:<58} {:>9.2} ms   budget {budget}",
        took.as_secs_f64() * 1e3
    )
    .expect("stdout");
}

fn signal(id: i64, bytes: usize) -> HistoryEvent {
    let payload = Payload::json(&"x".repeat(bytes)).expect("text");
    let attributes = WorkflowExecutionSignaledEventAttributes {
        signal_name: format!("signal-{}", id % 7),
        input: Some(payload.into()),
        ..Default::default()
    };
    HistoryEvent {
        event_id: id,
        event_time: Some(timestamp(NOW + id * 1_000_000)),
        event_type: EventType::WorkflowExecutionSignaled.into(),
        attributes: Some(attributes.into()),
        ..HistoryEvent::default()
    }
}

fn history(events: i64, bytes: usize) -> String {
    let each: Vec<String> = (1..=events).map(|id| to_json(&signal(id, bytes))).collect();
    format!("{{\"events\":[{}]}}", each.join(",\n"))
}

fn world(events: u64) -> World {
    let node = |n: u64| Some(NodeId(u32::try_from(n % 12).unwrap_or(0)));
    let each = (1..=events).map(|seq| TraceEvent {
        seq,
        cause: seq.saturating_sub(1 + seq % 5),
        time: Time(i64::try_from(seq * 1_000).unwrap_or(i64::MAX)),
        kind: if seq.is_multiple_of(997) {
            TraceKind::Crash
        } else {
            TraceKind::Deliver
        },
        node: node(seq),
        peer: node(seq * 7 + 1),
        digest: seq,
        label: Cow::Borrowed("append"),
        text: format!("append {seq} of order-{}", seq % 40),
    });
    let ladder =
        steadfast_sim::kernel::World::<Nothing>::new(steadfast_sim::kernel::WorldConfig::seeded(0))
            .ladder()
            .clone();
    let report = RunReport {
        scenario: "budgets".to_owned(),
        seed: 0,
        hash: 0,
        failures: Vec::new(),
        coverage: Coverage::default(),
        ladder,
        trace: each.collect(),
        journal: Journal::default(),
        nodes: (0..12).map(|n| format!("node-{n}")).collect(),
        choices: None,
        drift: None,
        points: Vec::new(),
        histories: std::collections::BTreeMap::new(),
    };
    World::new("budgets:0", report)
}

/// Messages of a world in which nothing is sent.
#[derive(Clone, Debug)]
struct Nothing;

impl steadfast_sim::kernel::Digest for Nothing {
    fn feed(&self, _: &mut steadfast_sim::kernel::Digester) {}
}

impl steadfast_sim::kernel::Message for Nothing {
    fn label(&self) -> &'static str {
        "nothing"
    }
}

fn main() {
    let out = &mut std::io::stdout().lock();
    let begin = Instant::now();
    let mut desk = Desk::open(Open::List);
    desk.draw();
    tell(out, "first frame", begin.elapsed(), "50");

    let listed: Vec<Reference> = (0..1_000_000)
        .map(|n| Reference(format!("history-{n}.json")))
        .collect();
    desk.answer(Data::Listed(listed));
    let read = Read {
        summary: steadfast_tui::history::summary::Summary::default(),
        problems: 0,
    };
    desk.answer(Data::Summary(0, Ok(Box::new(read))));
    let took = desk.keys(&["j", "pgdn", "G", "k", "g g"]);
    tell(
        out,
        "key to frame, list of 1,000,000 histories, p99",
        took,
        "16, update and view 4",
    );

    let text = history(50_000, 700);
    writeln!(
        out,
        "a history of {} MB and 50,000 events",
        text.len() >> 20
    )
    .expect("stdout");
    let mut desk = Desk::open(Open::History(Reference("large.json".to_owned()), None));
    let begin = Instant::now();
    let mut first = None;
    load::load(&text, |events| {
        desk.answer(Data::Events(events));
        if first.is_none() {
            desk.draw();
            first = Some(begin.elapsed());
        }
        true
    })
    .expect("it is whole");
    desk.answer(Data::Done(None));
    desk.draw();
    tell(out, "  first rows", first.unwrap_or_default(), "300");
    tell(out, "  complete", begin.elapsed(), "3000");
    for (tab, name) in [
        ("1", "compact"),
        ("2", "timeline"),
        ("3", "all events"),
        ("4", "JSON"),
    ] {
        desk.press(tab);
        let took = desk.keys(&["j", "pgdn", "G", "k", "g g"]);
        tell(
            out,
            &format!("  key to frame, {name}, p99"),
            took,
            "16, update and view 4",
        );
    }

    let world = Arc::new(world(1_000_000));
    let mut desk = Desk::open(Open::World("budgets:0".to_owned()));
    desk.answer(Data::World(world));
    let took = desk.keys(&["G", "g g", "f", "j", "pgdn", "c"]);
    tell(out, "a jump in a run of 1,000,000 events, p99", took, "50");
}
