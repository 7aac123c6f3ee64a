//! All events with one of them unfolded, and all of them as JSON.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::StatefulWidget as _;

use super::compact::event_detail;
use super::is_hit;
use crate::app::Model;
use crate::app::run::Run;
use crate::app::run::json::Line;
use crate::history::facts::Facts;
use crate::history::{Event, time};
use crate::theme::{Role, Theme};
use crate::view::{Cache, Pane, table_look};
use crate::widgets::table::{Cell, Column, Table};
use crate::widgets::tree::{self, Look, TreeView};
use crate::widgets::{dot, put, window};

const COLUMNS: [Column; 4] = [
    Column::cells("#", 6).right(),
    Column::cells("AFTER", 8).right().drop(3),
    Column::share("EVENT", 22, 2),
    Column::share("DETAIL", 10, 3).drop(2),
];

pub(super) fn draw(model: &Model, run: &Run, cache: &mut Cache, buf: &mut Buffer, area: Rect) {
    let beside = area.width >= 100;
    if run.in_detail && !beside {
        draw_detail(model, run, cache, buf, area);
        return;
    }
    let width = if beside {
        area.width * 2 / 5
    } else {
        area.width
    };
    let list = Rect { width, ..area };
    draw_list(model, run, cache, buf, list);
    if beside {
        let line = model.theme.pick("│", "|");
        for y in area.top()..area.bottom() {
            dot(
                buf,
                area,
                (list.right(), y),
                line,
                model.theme.style(Role::Muted),
            );
        }
        let rest = Rect {
            x: list.right() + 2,
            width: area.width - width - 2,
            ..area
        };
        draw_detail(model, run, cache, buf, rest);
    }
}

fn draw_list(model: &Model, run: &Run, cache: &mut Cache, buf: &mut Buffer, area: Rect) {
    let theme = model.theme;
    let row = |row: usize| {
        let place = run.events.get(row).copied();
        let event = place.and_then(|place| Some((place, run.history.get(place)?)));
        event.map_or_else(Vec::new, |(place, event)| cells(theme, run, place, event))
    };
    let table = Table {
        columns: &COLUMNS,
        len: run.events.len(),
        row: &row,
        selected: Some(run.selected()),
        look: table_look(theme),
        head: true,
    };
    (&table).render(area, buf, cache.offset(model, Pane::Rows));
}

/// The glyph that ties an event to the others of the group in focus.
fn tie(theme: Theme, run: &Run, place: usize) -> &'static str {
    let focused = run.history.group_of(run.focus);
    if focused.is_none() || run.history.group_of(place) != focused {
        return " ";
    }
    let group = focused.and_then(|group| run.history.groups().get(group));
    match group.map(|group| {
        (
            group.events.first() == Some(&place),
            group.events.last() == Some(&place),
        )
    }) {
        Some((true, true)) | None => theme.pick("•", "*"),
        Some((true, false)) => theme.pick("┌", "."),
        Some((false, true)) => theme.pick("└", "`"),
        Some((false, false)) => theme.pick("├", "|"),
    }
}

fn cells(theme: Theme, run: &Run, place: usize, event: &Event) -> Vec<Cell<'static>> {
    let muted = theme.style(Role::Muted);
    let (glyph, ascii) = event.category.glyphs();
    let (mark, role) = match event.is_problem() {
        true if event.class.is_problem() => (theme.pick("✗", "x"), Role::Fail),
        true => (theme.pick("▲", "!"), Role::Warn),
        false => (theme.pick(glyph, ascii), Role::Text),
    };
    let mut style = theme.style(role);
    if is_hit(run, place) {
        style = style.patch(theme.style(Role::Hit));
    }
    let (detail, role) = event_detail(event);
    let after = time::since(event.time.saturating_sub(run.history.start()));
    vec![
        Cell::new(event.id.to_string(), muted),
        Cell::new(after, muted),
        Cell::new(
            format!("{}{mark} {}", tie(theme, run, place), event.name),
            style,
        ),
        Cell::new(detail, theme.style(role)),
    ]
}

fn tree_look(theme: Theme) -> Look {
    Look {
        name: theme.style(Role::Name),
        text: theme.style(Role::Quoted),
        word: theme.style(Role::Value),
        muted: theme.style(Role::Muted),
        selected: theme.style(Role::Select),
        folds: (theme.pick("▾ ", "v "), theme.pick("▸ ", "> ")),
    }
}

fn draw_detail(model: &Model, run: &Run, cache: &mut Cache, buf: &mut Buffer, area: Rect) {
    let theme = model.theme;
    let (Some(detail), Some(event)) = (&run.detail, run.history.get(run.focus)) else {
        return;
    };
    let role = if event.is_problem() {
        Role::Fail
    } else {
        Role::Title
    };
    let x = area.x + put(buf, area, (area.x, area.y), &event.name, theme.style(role)) + 2;
    let at = format!("#{}  {} UTC", event.id, time::clock(event.time));
    put(buf, area, (x, area.y), &at, theme.style(Role::Muted));
    put(
        buf,
        area,
        (area.x, area.y + 1),
        &causes(theme, run, event),
        theme.style(Role::Muted),
    );
    let rows = Rect {
        y: area.y + 2,
        height: area.height.saturating_sub(2),
        ..area
    };
    let selected = run.in_detail.then_some(detail.selected);
    let view = TreeView {
        lines: detail.tree.lines(),
        selected,
        look: tree_look(theme),
    };
    let offset = cache.offset(model, Pane::Detail);
    if !run.in_detail {
        *offset = 0;
    }
    view.render(rows, buf, offset);
}

/// Which events this one follows, nearest first.
fn causes(theme: Theme, run: &Run, event: &Event) -> String {
    let arrow = theme.pick(" ← ", " < ");
    let named = event.causes.iter().map(|id| {
        let cause = run
            .history
            .place_of(*id)
            .and_then(|place| run.history.get(place));
        let name = cause.map_or("?", |cause| cause.name.as_ref());
        let subject = cause
            .map(|cause| Facts::read(&cause.message).name.to_owned())
            .unwrap_or_default();
        if subject.is_empty() {
            format!("#{id} {name}")
        } else {
            format!("#{id} {name} {subject}")
        }
    });
    let all: Vec<String> = named.collect();
    if all.is_empty() {
        "from outside".to_owned()
    } else {
        format!("after {}", all.join(arrow))
    }
}

pub(super) fn draw_json(model: &Model, run: &Run, cache: &mut Cache, buf: &mut Buffer, area: Rect) {
    let theme = model.theme;
    let look = tree_look(theme);
    let selected = run.forest.selected;
    let seen = window(
        cache.offset(model, Pane::Rows),
        Some(selected),
        run.forest.len(),
        area.height,
    );
    for (row, y) in seen.zip(area.y..) {
        let at = Rect {
            y,
            height: 1,
            ..area
        };
        match run.forest.line(row) {
            Line::Event(place, open) => {
                let Some(event) = run.history.get(place) else {
                    continue;
                };
                let mut x = at.x
                    + put(
                        buf,
                        at,
                        (at.x, y),
                        if open { look.folds.0 } else { look.folds.1 },
                        look.muted,
                    );
                x += put(buf, at, (x, y), &format!("{:>5}  ", event.id), look.muted);
                let style = if is_hit(run, place) {
                    look.name.patch(theme.style(Role::Hit))
                } else {
                    look.name
                };
                x += put(buf, at, (x, y), &event.name, style) + 2;
                if !open {
                    put(buf, at, (x, y), &event_detail(event).0, look.muted);
                }
            }
            Line::Part(_, tree, line) => {
                if let Some(line) = tree.lines().get(line) {
                    let inside = Rect {
                        x: at.x + 4,
                        width: at.width.saturating_sub(4),
                        ..at
                    };
                    tree::line(line, inside, buf, &look);
                }
            }
        }
        if row == selected {
            buf.set_style(at, look.selected);
        }
    }
}
