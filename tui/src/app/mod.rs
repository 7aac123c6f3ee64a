//! The console as a machine: [`update`] takes a message and answers with commands; nothing in here reads a clock, a file
//! or the terminal.
//!
//! | message | what it does |
//! |---|---|
//! | key | a prefix, an overlay, or an action of the screen on top |
//! | data | goes to the screen that asked; answers that nobody waits for are passed over |
//! | resize, tick | change what is drawn |
//!
//! Screens stand on each other. `q` and `H` take the top one off, `L` puts it back.

pub mod campaign;
pub mod files;
pub mod overlay;
pub mod replay;
pub mod rows;
pub mod run;
pub mod travel;

use std::path::PathBuf;
use std::time::Duration;

use crate::keymap::{Action, Context, Found, Keymap};
use crate::keys::Stroke;
use crate::source::{Data, Reference, Request, RequestId};
use crate::theme::{Palette, Role, Theme};
use campaign::Campaign;
use files::Files;
use overlay::{Overlay, Prompt, Purpose};
use replay::Replay;
use run::Run;
use travel::Travel;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Msg {
    /// A key was pressed.
    Key(Stroke),
    /// A text was pasted.
    Paste(String),
    /// The terminal has this size now, in cells.
    Resize(u16, u16),
    /// Time has gone on.
    Tick,
    /// A piece of an answer.
    Data(RequestId, Data),
    /// Something to be told.
    Told(Role, String),
}

/// Something to be done outside.
#[derive(Clone, Debug)]
pub enum Cmd {
    /// Ask for something.
    Ask(RequestId, Request),
    /// Nobody waits for these answers any more.
    Cancel(RequestId),
    /// Put a text on the clipboard.
    Copy(String),
    /// Put what is on the screen on the clipboard.
    CopyScreen,
    /// Write a file.
    Save(PathBuf, String),
    /// Send [`Msg::Tick`] after this time.
    Wake(Duration),
    /// Draw everything again.
    Redraw,
    /// Go to the background.
    Suspend,
    /// End.
    Quit,
}

/// The time, in nanoseconds since the epoch.
pub type Now = i64;

const SECOND: i64 = 1_000_000_000;

/// How long a message stays on the screen.
const TOAST: i64 = 4 * SECOND;

/// Something that was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// When.
    pub at: Now,
    /// What it means.
    pub role: Role,
    /// What it says.
    pub text: String,
}

/// At most so many messages are kept.
const MOST_MESSAGES: usize = 500;

/// What the console opens at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Open {
    /// The list of histories.
    #[default]
    List,
    /// A history, perhaps at an event.
    History(Reference, Option<i64>),
    /// A simulated run: a repro file, or a scenario and a seed.
    World(String),
    /// A campaign: a scenario, and the first seed.
    Campaign(String, u64),
}

/// How the console begins.
#[derive(Clone, Debug)]
pub struct Setup {
    /// What the source is called.
    pub source: String,
    /// What to open at once.
    pub open: Open,
    /// The names of the builds whose workflows histories can be replayed against.
    pub builds: Vec<String>,
    /// Colours and glyphs.
    pub theme: Theme,
    /// The size of the terminal.
    pub size: (u16, u16),
}

/// A screen.
#[derive(Clone, Debug)]
pub enum Screen {
    /// The list of histories.
    Files(Box<Files>),
    /// A run.
    Run(Box<Run>),
    /// What came of a replay.
    Replay(Box<Replay>),
    /// A simulated run.
    Travel(Box<Travel>),
    /// A campaign of simulated runs.
    Campaign(Box<Campaign>),
}

/// Everything that the console knows.
#[derive(Clone, Debug)]
pub struct Model {
    /// The screens, the one that is seen last.
    pub screens: Vec<Screen>,
    /// Screens that were left, the last one last.
    pub left: Vec<Screen>,
    /// What lies over the screen.
    pub overlay: Option<Overlay>,
    /// The beginning of a sequence of keys.
    pub prefix: Vec<Stroke>,
    /// What keys do.
    pub keymap: Keymap,
    /// Colours and glyphs.
    pub theme: Theme,
    /// The size of the terminal.
    pub size: (u16, u16),
    /// What was told, the latest last.
    pub messages: Vec<Message>,
    /// The time of the latest message.
    pub now: Now,
    /// What the source is called.
    pub source: String,
    /// The names of the builds.
    pub builds: Vec<String>,
    requests: RequestId,
    interrupted: Option<Now>,
}

/// What a screen may do while it handles something.
#[derive(Debug)]
pub struct Effects<'a> {
    /// What is to be done outside.
    pub cmds: Vec<Cmd>,
    /// What is to be told.
    pub told: Vec<(Role, String)>,
    /// What becomes of the screens.
    pub go: Option<Go>,
    /// The height of the part of the screen that has rows.
    pub page: usize,
    /// Whether two panes stand beside each other.
    pub wide: bool,
    builds: &'a [String],
    requests: &'a mut RequestId,
}

/// What becomes of the screens.
#[derive(Clone, Debug)]
pub enum Go {
    /// A screen is put on top.
    Open(Screen),
    /// The screen on top is left.
    Leave,
    /// The run below is shown at an event.
    Event(i64),
    /// A run of the list is opened: by workflow id, and by run id if that is known.
    Related(String, String),
}

impl Effects<'_> {
    /// Asks for something; the answers carry the id.
    pub fn ask(&mut self, request: Request) -> RequestId {
        *self.requests += 1;
        self.cmds.push(Cmd::Ask(*self.requests, request));
        *self.requests
    }

    /// Tells that something cannot be done, or is done.
    pub fn tell(&mut self, role: Role, text: impl Into<String>) {
        self.told.push((role, text.into()));
    }

    /// Copies something that is not empty.
    pub fn copy(&mut self, text: &str) {
        if text.is_empty() {
            self.tell(Role::Warn, "there is nothing to copy");
        } else {
            self.cmds.push(Cmd::Copy(text.to_owned()));
        }
    }
}

impl Screen {
    /// The contexts of its keys, the narrowest first.
    pub const fn contexts(&self) -> &'static [Context] {
        use Context::{Everywhere, Json, Replay, Rows, Run, Timeline};
        match self {
            Self::Files(_) => &[Context::Files, Rows, Everywhere],
            Self::Replay(_) => &[Replay, Rows, Everywhere],
            Self::Travel(_) => &[Context::Travel, Rows, Everywhere],
            Self::Campaign(_) => &[Context::Campaign, Rows, Everywhere],
            Self::Run(run) => match run.tab {
                run::Tab::Timeline => &[Timeline, Run, Rows, Everywhere],
                run::Tab::Json => &[Json, Run, Rows, Everywhere],
                _ => &[Run, Rows, Everywhere],
            },
        }
    }

    fn act(&mut self, action: Action, effects: &mut Effects<'_>) {
        match self {
            Self::Files(files) => files.act(action, effects),
            Self::Run(run) => run.act(action, effects),
            Self::Replay(replay) => replay.act(action, effects),
            Self::Travel(travel) => travel.act(action, effects),
            Self::Campaign(campaign) => campaign.act(action, effects),
        }
    }

    fn data(&mut self, id: RequestId, data: Data, now: Now, effects: &mut Effects<'_>) {
        match self {
            Self::Files(files) => files.data(id, data, effects),
            Self::Run(run) => run.data(id, data, effects),
            Self::Replay(replay) => replay.data(id, data, effects),
            Self::Travel(travel) => travel.data(id, data, effects),
            Self::Campaign(campaign) => campaign.data(id, data, now, effects),
        }
    }

    /// What was typed into the line.
    fn entered(&mut self, purpose: Purpose, text: &str, effects: &mut Effects<'_>) {
        match self {
            Self::Files(files) => files.entered(text, effects),
            Self::Run(run) => run.entered(purpose, text, effects),
            Self::Travel(travel) => travel.entered(purpose, text, effects),
            Self::Replay(_) | Self::Campaign(_) => {}
        }
    }

    /// Undoes one thing; whether there was something to undo.
    fn undo(&mut self, effects: &mut Effects<'_>) -> bool {
        match self {
            Self::Files(files) => files.undo(),
            Self::Run(run) => run.undo(effects),
            Self::Travel(travel) => travel.undo(),
            Self::Replay(_) | Self::Campaign(_) => false,
        }
    }

    /// The requests whose answers it waits for.
    fn waits_for(&self) -> Vec<RequestId> {
        match self {
            Self::Files(files) => files.request.into_iter().collect(),
            Self::Run(run) => run.waits_for(),
            Self::Replay(replay) => replay.request.into_iter().collect(),
            Self::Travel(travel) => travel.request.into_iter().collect(),
            Self::Campaign(campaign) => campaign.request.into_iter().collect(),
        }
    }

    /// Why an action is not possible here and now.
    pub fn refuses(&self, action: Action) -> Option<&'static str> {
        match self {
            Self::Files(files) => files.refuses(action),
            Self::Run(run) => run.refuses(action),
            Self::Replay(replay) => replay.refuses(action),
            Self::Travel(travel) => travel.refuses(action),
            Self::Campaign(campaign) => campaign.refuses(action),
        }
    }

    /// Its place among the breadcrumbs.
    pub fn crumbs(&self) -> Vec<String> {
        match self {
            Self::Files(_) => Vec::new(),
            Self::Run(run) => run.crumbs(),
            Self::Replay(_) => vec!["replay".to_owned()],
            Self::Travel(travel) => vec![travel.what.clone()],
            Self::Campaign(campaign) => vec![campaign.scenario.clone()],
        }
    }
}

impl Model {
    /// The console as it begins, and what is to be done first.
    pub fn new(setup: Setup, now: Now) -> (Self, Vec<Cmd>) {
        let mut model = Self {
            screens: Vec::new(),
            left: Vec::new(),
            overlay: None,
            prefix: Vec::new(),
            keymap: Keymap::default(),
            theme: setup.theme,
            size: setup.size,
            messages: Vec::new(),
            now,
            source: setup.source,
            builds: setup.builds,
            requests: 0,
            interrupted: None,
        };
        let screen = match setup.open {
            Open::List => Screen::Files(Box::default()),
            Open::History(history, event) => Screen::Run(Box::new(Run::new(history, event))),
            Open::World(what) => Screen::Travel(Box::new(Travel::new(what))),
            Open::Campaign(scenario, first) => {
                Screen::Campaign(Box::new(Campaign::new(scenario, first)))
            }
        };
        let cmds = model.with(|_, effects| effects.go = Some(Go::Open(screen)));
        (model, cmds)
    }

    /// The screen that is seen.
    pub fn top(&self) -> Option<&Screen> {
        self.screens.last()
    }

    /// The contexts of the keys.
    pub fn contexts(&self) -> &'static [Context] {
        self.top().map_or(&[Context::Everywhere], Screen::contexts)
    }

    /// The message that is still to be shown.
    pub fn toast(&self) -> Option<&Message> {
        self.messages
            .last()
            .filter(|message| self.now < message.at + TOAST)
    }

    /// Whether answers are awaited on the screen that is seen.
    pub fn is_waiting(&self) -> bool {
        self.top()
            .is_some_and(|screen| !screen.waits_for().is_empty())
    }

    /// Why an action is not possible here and now.
    pub fn refuses(&self, action: Action) -> Option<&'static str> {
        match action {
            Action::Forward if self.left.is_empty() => Some("nothing was left"),
            Action::Back if self.screens.len() < 2 => Some("this is the first screen"),
            Action::Replay if self.builds.is_empty() => Some("no workflow is registered"),
            _ => self.top()?.refuses(action),
        }
    }

    /// The number of rows that a page has, at least one.
    fn page(&self) -> usize {
        usize::from(self.size.1).saturating_sub(6).max(1)
    }

    fn tell(&mut self, role: Role, text: impl Into<String>) -> Cmd {
        if self.messages.len() >= MOST_MESSAGES {
            self.messages.remove(0);
        }
        self.messages.push(Message {
            at: self.now,
            role,
            text: text.into(),
        });
        Cmd::Wake(Duration::from_nanos(TOAST.unsigned_abs() + 1))
    }

    /// Lets the screen that is seen do something, and carries out what it wants.
    fn with(&mut self, act: impl FnOnce(&mut Screen, &mut Effects<'_>)) -> Vec<Cmd> {
        let mut effects = Effects {
            cmds: Vec::new(),
            told: Vec::new(),
            go: None,
            page: self.page(),
            wide: self.size.0 >= 100,
            builds: &self.builds,
            requests: &mut self.requests,
        };
        match self.screens.last_mut() {
            Some(screen) => act(screen, &mut effects),
            // Only before the first screen: what is opened is all that counts.
            None => act(&mut Screen::Files(Box::default()), &mut effects),
        }
        let Effects {
            mut cmds, told, go, ..
        } = effects;
        for (role, text) in told {
            let wake = self.tell(role, text);
            cmds.push(wake);
        }
        if let Some(go) = go {
            cmds.extend(self.go(go));
        }
        cmds
    }

    fn go(&mut self, go: Go) -> Vec<Cmd> {
        match go {
            Go::Open(screen) => {
                self.left.clear();
                self.screens.push(screen);
                self.with(|screen, effects| match screen {
                    Screen::Files(files) => files.begin(effects),
                    Screen::Run(run) => run.begin(effects),
                    Screen::Replay(replay) => replay.begin(effects),
                    Screen::Travel(travel) => travel.begin(effects),
                    Screen::Campaign(campaign) => campaign.begin(effects),
                })
            }
            Go::Leave => self.leave(),
            Go::Event(id) => {
                let mut cmds = self.leave();
                cmds.extend(self.with(|screen, effects| {
                    if let Screen::Run(run) = screen {
                        run.go_to(id, effects);
                    }
                }));
                cmds
            }
            Go::Related(workflow, run) => self.related(&workflow, &run),
        }
    }

    /// Opens a run that the list has.
    fn related(&mut self, workflow: &str, run: &str) -> Vec<Cmd> {
        let lists = self.screens.iter().filter_map(|screen| match screen {
            Screen::Files(files) => Some(files),
            _ => None,
        });
        let found = lists
            .into_iter()
            .find_map(|files| files.find(workflow, run));
        match found {
            Some(history) => self.go(Go::Open(Screen::Run(Box::new(Run::new(history, None))))),
            None => vec![self.tell(Role::Warn, format!("no history of {workflow} is open here"))],
        }
    }

    fn leave(&mut self) -> Vec<Cmd> {
        if self.screens.len() < 2 {
            return vec![Cmd::Quit];
        }
        let screen = self.screens.pop();
        let waited = screen
            .iter()
            .flat_map(Screen::waits_for)
            .map(Cmd::Cancel)
            .collect();
        self.left.extend(screen);
        waited
    }
}

/// Takes a message.
pub fn update(model: &mut Model, msg: Msg, now: Now) -> Vec<Cmd> {
    model.now = now;
    match msg {
        Msg::Key(stroke) => key(model, stroke),
        Msg::Paste(text) => match &mut model.overlay {
            Some(Overlay::Prompt(prompt)) => {
                prompt.paste(&text);
                Vec::new()
            }
            Some(Overlay::Palette(palette)) => {
                palette.paste(&text);
                Vec::new()
            }
            _ => vec![model.tell(Role::Warn, "there is nothing to paste into")],
        },
        Msg::Resize(width, height) => {
            model.size = (width, height);
            Vec::new()
        }
        Msg::Tick => Vec::new(),
        Msg::Told(role, text) => vec![model.tell(role, text)],
        Msg::Data(id, data) => answered(model, id, data),
    }
}

/// An answer goes to whoever asked, seen or not.
fn answered(model: &mut Model, id: RequestId, data: Data) -> Vec<Cmd> {
    let Some(place) = model
        .screens
        .iter()
        .position(|screen| screen.waits_for().contains(&id))
    else {
        return Vec::new();
    };
    // The screen comes to the top for as long as it takes the answer.
    let last = model.screens.len() - 1;
    model.screens.swap(place, last);
    let now = model.now;
    let cmds = model.with(|screen, effects| screen.data(id, data, now, effects));
    if model.screens.len() == last + 1 {
        model.screens.swap(place, last);
    }
    cmds
}

fn key(model: &mut Model, stroke: Stroke) -> Vec<Cmd> {
    if stroke == Stroke::ctrl('c') {
        return interrupt(model);
    }
    if let Some(overlay) = model.overlay.take() {
        return overlay::key(model, overlay, stroke);
    }
    model.prefix.push(stroke);
    match model.keymap.find(model.contexts(), &model.prefix) {
        Found::Prefix => Vec::new(),
        Found::Nothing if model.prefix.len() > 1 => {
            let escape = stroke == Stroke::key(crossterm::event::KeyCode::Esc);
            let written = crate::keys::written(&model.prefix);
            model.prefix.clear();
            if escape {
                Vec::new()
            } else {
                vec![model.tell(Role::Warn, format!("{written} means nothing here"))]
            }
        }
        Found::Nothing => {
            model.prefix.clear();
            Vec::new()
        }
        Found::Action(action) => {
            model.prefix.clear();
            act(model, action)
        }
    }
}

/// Ctrl-C cancels what is on its way; a second one within a second, or one with nothing to cancel, asks or ends.
fn interrupt(model: &mut Model) -> Vec<Cmd> {
    let again = model.interrupted.is_some_and(|at| model.now < at + SECOND);
    if again {
        return vec![Cmd::Quit];
    }
    model.interrupted = Some(model.now);
    let overlay = model.overlay.take().is_some();
    let prefix = !std::mem::take(&mut model.prefix).is_empty();
    let waited: Vec<Cmd> = model
        .top()
        .map_or_else(Vec::new, Screen::waits_for)
        .into_iter()
        .map(Cmd::Cancel)
        .collect();
    let done = match (overlay || prefix, waited.is_empty()) {
        (_, false) => "stopped; ",
        _ => "",
    };
    let mut cmds = model.with(|screen, _| match screen {
        Screen::Files(files) => files.request = None,
        Screen::Run(run) => run.stop(),
        Screen::Replay(replay) => replay.request = None,
        Screen::Travel(travel) => travel.request = None,
        Screen::Campaign(campaign) => campaign.request = None,
    });
    cmds.extend(waited);
    cmds.push(model.tell(Role::Warn, format!("{done}ctrl-c again ends the console")));
    cmds
}

/// Carries out an action.
pub(crate) fn act(model: &mut Model, action: Action) -> Vec<Cmd> {
    if let Some(why) = model.refuses(action) {
        return vec![model.tell(Role::Warn, why)];
    }
    match action {
        Action::Quit => interrupt(model),
        Action::Leave | Action::Back => model.leave(),
        Action::Forward => {
            let screen = model.left.pop();
            model.screens.extend(screen);
            model.with(|screen, effects| {
                // What was under way when it was left has been canceled.
                match screen {
                    Screen::Run(run) => run.resume(effects),
                    Screen::Travel(travel) if travel.world.is_none() => travel.begin(effects),
                    Screen::Campaign(campaign) if campaign.request.is_some() => {
                        campaign.begin(effects)
                    }
                    _ => {}
                }
            })
        }
        Action::Undo => {
            let mut undone = false;
            let cmds = model.with(|screen, effects| undone = screen.undo(effects));
            if undone || model.screens.len() < 2 {
                return cmds;
            }
            model.leave()
        }
        Action::Help => {
            model.overlay = Some(Overlay::help(model));
            Vec::new()
        }
        Action::Palette => {
            model.overlay = Some(Overlay::palette(model));
            Vec::new()
        }
        Action::Messages => {
            model.overlay = Some(Overlay::Messages(0));
            Vec::new()
        }
        Action::Search => {
            model.overlay = Some(Overlay::Prompt(Prompt::new(Purpose::Search)));
            Vec::new()
        }
        Action::GotoEvent => {
            model.overlay = Some(Overlay::Prompt(Prompt::new(Purpose::Event)));
            Vec::new()
        }
        Action::Theme => {
            let all = Palette::ALL;
            let place = all
                .iter()
                .position(|it| *it == model.theme.palette)
                .unwrap_or(0);
            model.theme.palette = all[(place + 1) % all.len()];
            let name = model.theme.palette.name();
            vec![model.tell(Role::Ok, format!("theme {name}"))]
        }
        Action::Redraw => vec![Cmd::Redraw],
        Action::Suspend => vec![Cmd::Suspend],
        Action::CopyScreen => vec![Cmd::CopyScreen],
        action => model.with(|screen, effects| screen.act(action, effects)),
    }
}

/// What was typed into the line is there.
pub(crate) fn entered(model: &mut Model, purpose: Purpose, text: &str) -> Vec<Cmd> {
    model.with(|screen, effects| screen.entered(purpose, text, effects))
}

impl Effects<'_> {
    /// The names of the builds.
    pub const fn builds(&self) -> &[String] {
        self.builds
    }
}

#[cfg(test)]
mod tests;
