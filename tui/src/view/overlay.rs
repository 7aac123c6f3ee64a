//! What lies over the screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{Clear, Widget};

use super::{Cache, Pane, table_look};
use crate::app::Model;
use crate::app::overlay::{Menu, Overlay, Prompt, Purpose};
use crate::history::time;
use crate::keymap::Keymap;
use crate::keys::{Stroke, written};
use crate::text;
use crate::theme::{Role, Theme};
use crate::widgets::table::{Cell, Column, Table};
use crate::widgets::{cells, dot, put, small};

/// Draws it; where the cursor stands, if something is typed.
pub(super) fn draw(
    model: &Model,
    cache: &mut Cache,
    buf: &mut Buffer,
    area: Rect,
) -> Option<(u16, u16)> {
    match &model.overlay {
        None => {
            which_key(model, buf, area);
            None
        }
        Some(Overlay::Prompt(prompt)) => Some(line(model, prompt, buf, area)),
        Some(Overlay::Help(menu)) => {
            let inside = frame(
                model.theme,
                buf,
                centred(area, 78, small(menu.items.len() + 2)),
                "keys: enter does it",
            );
            draw_menu(model, menu, cache, buf, inside);
            None
        }
        Some(Overlay::Palette(menu)) => {
            let inside = frame(model.theme, buf, centred(area, 78, 18), "commands");
            let theme = model.theme;
            put(
                buf,
                inside,
                (inside.x, inside.y),
                ": ",
                theme.style(Role::Key),
            );
            let typed = Rect {
                x: inside.x + 2,
                width: inside.width.saturating_sub(2),
                height: 1,
                ..inside
            };
            put(
                buf,
                typed,
                (typed.x, typed.y),
                &menu.typed.text,
                theme.style(Role::Text),
            );
            let at = typed.x
                + small(text::width(&menu.typed.text[..menu.typed.at]))
                    .min(typed.width.saturating_sub(1));
            let rows = Rect {
                y: inside.y + 1,
                height: inside.height.saturating_sub(1),
                ..inside
            };
            draw_menu(model, menu, cache, buf, rows);
            Some((at, typed.y))
        }
        Some(Overlay::Messages(from)) => {
            let inside = frame(model.theme, buf, centred(area, 100, 20), "messages");
            messages(model, *from, buf, inside);
            None
        }
    }
}

fn centred(area: Rect, width: u16, height: u16) -> Rect {
    let width = width.min(area.width.saturating_sub(2));
    let height = height.min(area.height.saturating_sub(2));
    let (x, y) = (
        area.x + (area.width - width) / 2,
        area.y + (area.height - height) / 2,
    );
    Rect {
        x,
        y,
        width,
        height,
    }
}

/// A box with a title; what is inside is empty.
fn frame(theme: Theme, buf: &mut Buffer, area: Rect, title: &str) -> Rect {
    Widget::render(Clear, area, buf);
    let style = theme.style(Role::Accent);
    let [across, down, a, b, c, d] = if theme.ascii {
        ["-", "|", "+", "+", "+", "+"]
    } else {
        ["─", "│", "╭", "╮", "╰", "╯"]
    };
    for x in area.left()..area.right() {
        dot(buf, area, (x, area.top()), across, style);
        dot(
            buf,
            area,
            (x, area.bottom().saturating_sub(1)),
            across,
            style,
        );
    }
    for y in area.top()..area.bottom() {
        dot(buf, area, (area.left(), y), down, style);
        dot(buf, area, (area.right().saturating_sub(1), y), down, style);
    }
    let (right, bottom) = (
        area.right().saturating_sub(1),
        area.bottom().saturating_sub(1),
    );
    for (at, glyph) in [
        ((area.x, area.y), a),
        ((right, area.y), b),
        ((area.x, bottom), c),
        ((right, bottom), d),
    ] {
        dot(buf, area, at, glyph, style);
    }
    put(
        buf,
        area,
        (area.x + 2, area.y),
        &format!(" {title} "),
        theme.style(Role::Title),
    );
    Rect {
        x: area.x + 1,
        y: area.y + 1,
        width: area.width.saturating_sub(2),
        height: area.height.saturating_sub(2),
    }
}

fn draw_menu(model: &Model, menu: &Menu, cache: &mut Cache, buf: &mut Buffer, area: Rect) {
    const COLUMNS: [Column; 3] = [
        Column::cells("", 9),
        Column::share("", 20, 2),
        Column::share("", 10, 1).drop(1),
    ];
    let theme = model.theme;
    let row = |row: usize| {
        let Some(item) = menu.shown.get(row).and_then(|place| menu.items.get(*place)) else {
            return Vec::new();
        };
        let role = if item.refused.is_some() {
            Role::Muted
        } else {
            Role::Text
        };
        vec![
            Cell::new(item.key.as_str(), theme.style(Role::Key)),
            Cell::new(item.name, theme.style(role)),
            Cell::new(item.refused.unwrap_or_default(), theme.style(Role::Muted)),
        ]
    };
    let table = Table {
        columns: &COLUMNS,
        len: menu.shown.len(),
        row: &row,
        selected: Some(menu.selected),
        look: table_look(theme),
        head: false,
    };
    ratatui::widgets::StatefulWidget::render(&table, area, buf, cache.offset(model, Pane::Overlay));
}

fn line(model: &Model, prompt: &Prompt, buf: &mut Buffer, area: Rect) -> (u16, u16) {
    let theme = model.theme;
    let row = Rect {
        y: area.bottom() - 1,
        height: 1,
        ..area
    };
    Widget::render(Clear, row, buf);
    let what = match prompt.purpose {
        Purpose::Search => "/",
        Purpose::Event => "event ",
    };
    let x = row.x + 1;
    let x = x + put(buf, row, (x, row.y), what, theme.style(Role::Key));
    let room = row.right().saturating_sub(x + 1);
    // What is being typed is seen, also where it is longer than its place.
    let before = &prompt.line.text[..prompt.line.at];
    let mut skip = 0;
    while text::width(&before[skip..]) > usize::from(room) {
        skip += before[skip..].chars().next().map_or(1, char::len_utf8);
    }
    put(
        buf,
        row,
        (x, row.y),
        &prompt.line.text[skip..],
        theme.style(Role::Text),
    );
    if prompt.line.text.is_empty() {
        let help = match prompt.purpose {
            Purpose::Search => "text in events and payloads · ! without · re: expression",
            Purpose::Event => "an event id",
        };
        put(buf, row, (x, row.y), help, theme.style(Role::Muted));
    }
    (x + small(text::width(&before[skip..])), row.y)
}

/// What a prefix can go on with.
fn which_key(model: &Model, buf: &mut Buffer, area: Rect) {
    if model.prefix.is_empty() {
        return;
    }
    let theme = model.theme;
    let contexts = model.contexts();
    let goes_on = Keymap::bindings(contexts).filter_map(|binding| {
        let key = model.keymap.keys(contexts, binding.action)?;
        let strokes = Stroke::sequence(&key)?;
        let more = strokes.len() > model.prefix.len() && strokes.starts_with(&model.prefix);
        more.then(|| (written(&strokes[model.prefix.len()..]), binding))
    });
    let items: Vec<_> = goes_on.collect();
    let columns = (area.width / 40).max(1);
    let height = small(items.len()).div_ceil(columns) + 2;
    let place = Rect {
        y: area.bottom().saturating_sub(height + 1),
        height,
        ..area
    };
    let inside = frame(theme, buf, place, &written(&model.prefix));
    let width = inside.width / columns;
    for (place, (key, binding)) in items.iter().enumerate() {
        let place = small(place);
        let (x, y) = (
            inside.x + place % columns * width,
            inside.y + place / columns,
        );
        let cell = Rect {
            x,
            y,
            width: width.saturating_sub(1),
            height: 1,
        };
        put(buf, cell, (x, y), key, theme.style(Role::Key));
        let refused = model.refuses(binding.action).is_some();
        let style = theme.style(if refused { Role::Muted } else { Role::Text });
        put(buf, cell, (x + cells(key) + 1, y), binding.name, style);
    }
}

fn messages(model: &Model, from: usize, buf: &mut Buffer, area: Rect) {
    let theme = model.theme;
    if model.messages.is_empty() {
        put(
            buf,
            area,
            (area.x + 1, area.y),
            "nothing was said",
            Style::new(),
        );
    }
    let latest = model.messages.iter().rev().skip(from);
    for (message, y) in latest.zip(area.y..area.bottom()) {
        let x = area.x + 1;
        let x =
            x + put(
                buf,
                area,
                (x, y),
                &time::clock(message.at),
                theme.style(Role::Muted),
            ) + 1;
        put(buf, area, (x, y), &message.text, theme.style(message.role));
    }
}
