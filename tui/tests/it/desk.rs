//! A console without a terminal: keys go in, answers come at once, and what would be drawn comes out.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};
use steadfast_sim::report::{Choices, Options, RunReport};
use steadfast_tui::app::{Cmd, Model, Msg, Now, Open, Setup, update};
use steadfast_tui::keys::Stroke;
use steadfast_tui::source::files::Files;
use steadfast_tui::source::jobs::{self, Builds};
use steadfast_tui::source::worlds::{Simulator, Worlds};
use steadfast_tui::source::{Reply, Source};
use steadfast_tui::terminal::as_text;
use steadfast_tui::theme::Theme;
use steadfast_tui::view::{Cache, view};
use tokio::sync::mpsc;

/// All times of tests: some moment in 2026.
pub(crate) const NOW: Now = 1_795_000_000_000_000_000;

pub(crate) struct Desk {
    pub(crate) model: Model,
    pub(crate) cache: Cache,
    pub(crate) now: Now,
    /// What was to be done outside, but for what was asked.
    pub(crate) outside: Vec<Cmd>,
    source: Arc<dyn Source>,
    builds: Arc<Builds>,
}

/// The scenarios that are shipped, up to some seed, perhaps with a bug planted.
#[derive(Debug)]
struct Shipped {
    sabotage: Option<&'static str>,
    most: u64,
}

impl Shipped {
    fn run(&self, scenario: &str, seed: u64, options: Options) -> Result<RunReport, String> {
        if seed >= self.most {
            return Err("enough".to_owned());
        }
        let shipped = steadfast_scenarios::suite();
        let planted = self.sabotage.map(|name| {
            let found = shipped.sabotages().iter().find(|it| it.name == name);
            shipped.sabotaged(found.expect("a planted bug"))
        });
        let suite = planted.as_ref().map_or(&shipped, |planted| &planted.suite);
        let source = suite
            .scenarios()
            .iter()
            .find(|it| it.file == format!("{scenario}.toml"));
        let source = source.ok_or_else(|| format!("there is no scenario {scenario}"))?;
        let loaded = steadfast_sim::scenario::load(suite, &source.file, &source.text)
            .map_err(|mistakes| mistakes.to_string())?;
        let options = Options {
            bug: planted.as_ref().and_then(|planted| planted.bug),
            ..options
        };
        Ok(steadfast_sim::run::run(
            suite,
            &loaded,
            Choices::Seed(seed),
            options,
        ))
    }
}

impl Simulator for Shipped {
    fn record(&self, what: &str) -> Result<RunReport, String> {
        let (scenario, seed) = what.rsplit_once(':').ok_or("no seed")?;
        let seed = seed.parse().map_err(|_| "no seed".to_owned())?;
        let everything = Options {
            trace: true,
            record: true,
            histories: true,
            ..Options::default()
        };
        Self {
            most: u64::MAX,
            ..*self
        }
        .run(scenario, seed, everything)
    }

    fn judge(&self, scenario: &str, seed: u64) -> Result<RunReport, String> {
        self.run(scenario, seed, Options::default())
    }

    fn command(&self, what: &str) -> String {
        format!("steadfast console {what}")
    }
}

/// The histories that are shipped.
pub(crate) fn histories() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/histories")
}

impl Desk {
    pub(crate) fn open(paths: Vec<PathBuf>, size: (u16, u16)) -> Self {
        Self::open_at(paths, size, None)
    }

    pub(crate) fn open_at(paths: Vec<PathBuf>, size: (u16, u16), event: Option<i64>) -> Self {
        let files = Arc::new(Files::new(paths, "steadfast"));
        let open = files
            .only()
            .map_or(Open::List, |history| Open::History(history, event));
        Self::new(files, "histories", open, size)
    }

    /// Opens a simulated run: a scenario and a seed.
    pub(crate) fn world(what: &str, sabotage: Option<&'static str>, size: (u16, u16)) -> Self {
        let worlds = Worlds::new(
            Arc::new(Shipped {
                sabotage,
                most: u64::MAX,
            }),
            what,
        );
        Self::new(
            Arc::new(worlds),
            "simulator",
            Open::World(what.to_owned()),
            size,
        )
    }

    /// Runs so many seeds of a scenario.
    pub(crate) fn campaign(
        scenario: &str,
        sabotage: Option<&'static str>,
        most: u64,
        size: (u16, u16),
    ) -> Self {
        let worlds = Worlds::new(Arc::new(Shipped { sabotage, most }), scenario);
        Self::new(
            Arc::new(worlds),
            "simulator",
            Open::Campaign(scenario.to_owned(), 0),
            size,
        )
    }

    fn new(source: Arc<dyn Source>, name: &str, open: Open, size: (u16, u16)) -> Self {
        let builds = Arc::new(steadfast_scenarios::suite().builds().clone());
        let setup = Setup {
            source: name.to_owned(),
            open,
            builds: builds.keys().cloned().collect(),
            theme: Theme::default(),
            size,
        };
        let (model, cmds) = Model::new(setup, NOW);
        let mut desk = Self {
            model,
            cache: Cache::default(),
            now: NOW,
            outside: Vec::new(),
            source,
            builds,
        };
        desk.carry_out(cmds);
        desk
    }

    /// Opens one of the shipped histories.
    pub(crate) fn history(name: &str, size: (u16, u16)) -> Self {
        Self::open(vec![histories().join(name)], size)
    }

    pub(crate) fn send(&mut self, msg: Msg) {
        let cmds = update(&mut self.model, msg, self.now);
        self.carry_out(cmds);
    }

    /// Presses keys, as people write them.
    pub(crate) fn press(&mut self, keys: &str) -> &mut Self {
        for stroke in Stroke::sequence(keys).expect("keys") {
            self.send(Msg::Key(stroke));
        }
        self
    }

    /// Types a text.
    pub(crate) fn type_in(&mut self, text: &str) -> &mut Self {
        for c in text.chars() {
            self.send(Msg::Key(Stroke::char(c)));
        }
        self
    }

    /// Asks, and takes all answers.
    fn carry_out(&mut self, cmds: Vec<Cmd>) {
        let mut waiting = VecDeque::from(cmds);
        while let Some(cmd) = waiting.pop_front() {
            let Cmd::Ask(id, request) = cmd else {
                self.outside.push(cmd);
                continue;
            };
            let (to, mut from) = mpsc::channel(16);
            jobs::ask(
                &self.source,
                &self.builds,
                request,
                Reply::new(id, to, Arc::default()),
            );
            while let Some(msg) = from.blocking_recv() {
                waiting.extend(update(&mut self.model, msg, self.now));
            }
        }
    }

    pub(crate) fn buffer(&mut self) -> Buffer {
        let (width, height) = self.model.size;
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("memory");
        let frame = terminal
            .draw(|frame| view(&self.model, &mut self.cache, frame))
            .expect("memory");
        frame.buffer.clone()
    }

    /// What the screen says.
    pub(crate) fn screen(&mut self) -> String {
        as_text(&self.buffer())
    }

    /// What the screen looks like: runs of cells of one style, the style after each that is not plain.
    pub(crate) fn styled(&mut self) -> String {
        let buffer = self.buffer();
        let mut out = String::new();
        for row in buffer.content().chunks(usize::from(buffer.area.width)) {
            let mut rest = row;
            let mut line = String::new();
            while let Some(first) = rest.first() {
                let style = first.style();
                let same = rest.iter().take_while(|cell| cell.style() == style).count();
                let text: String = rest[..same]
                    .iter()
                    .map(ratatui::buffer::Cell::symbol)
                    .collect();
                let plain = style.fg.is_none_or(|fg| fg == Color::Reset)
                    && style.add_modifier == Modifier::empty();
                if plain {
                    line.push_str(&text);
                } else {
                    let colour = style
                        .fg
                        .filter(|fg| *fg != Color::Reset)
                        .map(|fg| format!("{fg}"));
                    let modifier = (!style.add_modifier.is_empty())
                        .then(|| format!("{:?}", style.add_modifier));
                    let told: Vec<String> = colour.into_iter().chain(modifier).collect();
                    line.push_str(&format!("[{}|{}]", text, told.join(",")));
                }
                rest = &rest[same..];
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}
