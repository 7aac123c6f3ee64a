//! What every screen has: where one is, what is going on, and what can be done.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::rule;
use crate::app::{Model, Screen};
use crate::keymap::Keymap;
use crate::keys::written;
use crate::text;
use crate::theme::Role;
use crate::widgets::{cells, put, put_right};

/// Draws it; what is left is for the screen.
pub(super) fn draw(model: &Model, buf: &mut Buffer, area: Rect) -> Rect {
    head(model, buf, Rect { height: 1, ..area });
    foot(
        model,
        buf,
        Rect {
            y: area.bottom() - 1,
            height: 1,
            ..area
        },
    );
    rule(model.theme, buf, area, area.bottom() - 2, "");
    Rect {
        y: area.y + 1,
        height: area.height - 3,
        ..area
    }
}

fn head(model: &Model, buf: &mut Buffer, row: Rect) {
    let theme = model.theme;
    let state = state(model);
    let right = put_right(buf, row, row.y, &state.0, theme.style(state.1));
    let room = Rect {
        width: row.width.saturating_sub(right + 2),
        ..row
    };
    let mut crumbs = vec![model.source.clone()];
    crumbs.extend(model.screens.iter().flat_map(Screen::crumbs));
    let arrow = theme.pick(" ▸ ", " > ");
    // The end of the way is what matters: what does not fit is left out at its beginning.
    let width = |crumbs: &[String]| {
        crumbs
            .iter()
            .map(|crumb| text::width(crumb).min(40) + 3)
            .sum::<usize>()
    };
    let mut first = 0;
    while first + 1 < crumbs.len() && width(&crumbs[first..]) > usize::from(room.width) {
        first += 1;
    }
    let mut x = room.x;
    x += put(
        buf,
        room,
        (x, row.y),
        theme.pick("▌", "|"),
        theme.style(Role::Accent),
    );
    if first > 0 {
        x += put(
            buf,
            room,
            (x, row.y),
            theme.pick("…", "..."),
            theme.style(Role::Muted),
        );
    }
    for (place, crumb) in crumbs.iter().enumerate().skip(first) {
        if place > first || first > 0 {
            x += put(buf, room, (x, row.y), arrow, theme.style(Role::Muted));
        }
        let last = place + 1 == crumbs.len();
        let role = if last { Role::Title } else { Role::Text };
        let shown = text::fit(crumb, if last { usize::from(room.width) } else { 40 });
        x += put(buf, room, (x, row.y), &shown, theme.style(role));
    }
}

/// What is going on.
fn state(model: &Model) -> (String, Role) {
    if model.is_waiting() {
        return (
            model.theme.pick("◌ reading", "o reading").to_owned(),
            Role::Pending,
        );
    }
    match model.top() {
        Some(Screen::Run(run)) => {
            let status = run.history.summary().status();
            let glyph = model.theme.pick(status.glyph, status.ascii);
            (format!("{glyph} {}", status.word), status.role)
        }
        Some(Screen::Files(files)) => {
            let all = files.entries.len();
            (
                format!("{} of {}", text::count(files.shown.len()), text::count(all)),
                Role::Muted,
            )
        }
        Some(Screen::Travel(travel)) => match &travel.world {
            Some(world) if world.findings().is_empty() => (
                model.theme.pick("✓ passed", "+ passed").to_owned(),
                Role::Ok,
            ),
            Some(_) => (
                model.theme.pick("✗ failed", "x failed").to_owned(),
                Role::Fail,
            ),
            None => (String::new(), Role::Muted),
        },
        _ => (String::new(), Role::Muted),
    }
}

fn foot(model: &Model, buf: &mut Buffer, row: Rect) {
    let theme = model.theme;
    if let Some(toast) = model.toast().filter(|_| model.prefix.is_empty()) {
        put(
            buf,
            row,
            (row.x + 1, row.y),
            &toast.text,
            theme.style(toast.role),
        );
        return;
    }
    let contexts = model.contexts();
    let mut x = row.x + 1;
    let mut push = |key: &str, word: &str| {
        if x + cells(key) + cells(word) + 3 > row.right() {
            return;
        }
        x += put(buf, row, (x, row.y), key, theme.style(Role::Key)) + 1;
        x += put(buf, row, (x, row.y), word, theme.style(Role::Text)) + 2;
    };
    if !model.prefix.is_empty() {
        push(&format!("{} …", written(&model.prefix)), "");
        return;
    }
    let searched = matches!(model.top(), Some(Screen::Run(run)) if run.search.is_some());
    if searched {
        push("n N", "hits");
    }
    for binding in Keymap::bindings(contexts) {
        let key = model.keymap.keys(contexts, binding.action);
        if let Some(key) =
            key.filter(|_| !binding.hint.is_empty() && model.refuses(binding.action).is_none())
        {
            push(&key, binding.hint);
        }
    }
}
