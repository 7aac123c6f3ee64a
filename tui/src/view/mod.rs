//! Draws the console. What is drawn is a function of the model; the work depends on the size of the terminal, never on
//! that of the data.

mod campaign;
mod chrome;
mod files;
mod overlay;
mod replay;
mod run;
mod travel;

use std::collections::BTreeMap;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::{Model, Screen};
use crate::history::History;
use crate::history::group::{Group, Status};
use crate::theme::{Role, Theme};
use crate::widgets::put;
use crate::widgets::table::{Cell, Look};

/// The smallest terminal that is drawn on.
pub const LEAST: (u16, u16) = (60, 16);

/// A part of a screen that scrolls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Pane {
    Rows,
    Detail,
    Overlay,
}

/// What drawing remembers from one time to the next: where the parts that scroll have been.
#[derive(Clone, Debug, Default)]
pub struct Cache {
    offsets: BTreeMap<(usize, u8, Pane), usize>,
    axis: Option<run::KnownAxis>,
}

impl Cache {
    fn offset(&mut self, model: &Model, pane: Pane) -> &mut usize {
        let tab = match model.top() {
            Some(Screen::Run(run)) => run.tab as u8,
            Some(Screen::Travel(travel)) => travel.pane as u8,
            _ => 0,
        };
        // Screens above the one that is seen are gone: what they remember must not be taken for that of others.
        let depth = model.screens.len();
        self.offsets.retain(|(of, ..), _| *of <= depth);
        self.offsets.entry((depth, tab, pane)).or_default()
    }
}

/// Draws the console.
pub fn view(model: &Model, cache: &mut Cache, frame: &mut Frame<'_>) {
    let area = frame.area();
    let buf = frame.buffer_mut();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let (width, height) = LEAST;
        let text = format!("need {width}x{height}, have {}x{}", area.width, area.height);
        put(
            buf,
            area,
            (area.x, area.y),
            &text,
            model.theme.style(Role::Warn),
        );
        return;
    }
    let body = chrome::draw(model, buf, area);
    match model.top() {
        Some(Screen::Files(files)) => files::draw(model, files, cache, buf, body),
        Some(Screen::Run(run)) => run::draw(model, run, cache, buf, body),
        Some(Screen::Replay(replay)) => replay::draw(model, replay, cache, buf, body),
        Some(Screen::Travel(travel)) => travel::draw(model, travel, cache, buf, body),
        Some(Screen::Campaign(campaign)) => campaign::draw(model, campaign, cache, buf, body),
        None => {}
    }
    let cursor = overlay::draw(model, cache, buf, area);
    scrub(buf, model.theme.ascii);
    if let Some(at) = cursor {
        frame.set_cursor_position(at);
    }
}

/// The last net: no cell holds anything that a terminal would obey.
fn scrub(buf: &mut Buffer, ascii: bool) {
    for cell in &mut buf.content {
        if ascii && !cell.symbol().is_ascii() {
            // What we draw ourselves has a likeness; other letters are somebody's words and stay.
            let likeness = match cell.symbol() {
                "…" => "~",
                "→" => ">",
                "×" => "x",
                "µ" => "u",
                "∞" => "-",
                "·" => "-",
                _ => continue,
            };
            cell.set_symbol(likeness);
        }
        if cell.symbol().chars().any(char::is_control) {
            cell.set_symbol("?");
        }
    }
}

/// What tables look like.
fn table_look(theme: Theme) -> Look {
    Look {
        head: theme.style(Role::Muted),
        selected: theme.style(Role::Select),
        pointer: theme.pick("› ", "> "),
    }
}

/// A status as a cell: glyph and word.
fn status_cell(theme: Theme, status: &Status) -> Cell<'static> {
    let glyph = theme.pick(status.glyph, status.ascii);
    Cell::new(format!("{glyph} {}", status.word), theme.style(status.role))
}

/// What a group is called, after the glyph of what it is.
pub(crate) fn group_title(theme: Theme, group: &Group) -> String {
    run::compact::title(theme, group)
}

/// What is most worth knowing of a group, and what that means.
pub(crate) fn group_detail(history: &History, group: &Group) -> (String, Role) {
    run::compact::detail(history, group)
}

/// A rule with a title.
fn rule(theme: Theme, buf: &mut Buffer, area: Rect, y: u16, title: &str) {
    let row = Rect {
        y,
        height: 1,
        ..area
    };
    let line = theme.pick("─", "-");
    for x in row.left()..row.right() {
        crate::widgets::dot(buf, row, (x, y), line, theme.style(Role::Muted));
    }
    if !title.is_empty() {
        let title = format!(" {title} ");
        let inside = Rect {
            x: row.x + 1,
            width: row.width.saturating_sub(2),
            ..row
        };
        put(buf, inside, (inside.x, y), &title, theme.style(Role::Title));
    }
}
