//! The screens of a run.

pub(super) mod compact;
mod events;
mod tables;
mod timeline;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Cache, rule};
use crate::app::Model;
use crate::app::run::{Run, Tab};
use crate::history::time;
use crate::text;
use crate::theme::Role;
use crate::widgets::{cells, put, put_right};

pub(super) use timeline::KnownAxis;

pub(super) fn draw(model: &Model, run: &Run, cache: &mut Cache, buf: &mut Buffer, area: Rect) {
    let mut rest = area;
    let mut line = |height: u16| {
        let row = Rect { height, ..rest };
        rest.y += height;
        rest.height -= height;
        row
    };
    if area.height >= 18 {
        about(model, run, buf, line(1));
    }
    tabs(model, run, buf, line(1));
    let title = title(run);
    rule(model.theme, buf, area, line(1).y, &title);
    if run.history.is_empty() {
        nothing(model, run, buf, rest);
        return;
    }
    match run.tab {
        Tab::Compact => compact::draw(model, run, cache, buf, rest),
        Tab::Timeline => timeline::draw(model, run, cache, buf, rest),
        Tab::Events => events::draw(model, run, cache, buf, rest),
        Tab::Json => events::draw_json(model, run, cache, buf, rest),
        Tab::Pending | Tab::Relations | Tab::Warnings | Tab::About => {
            tables::draw(model, run, cache, buf, rest)
        }
    }
}

fn nothing(model: &Model, run: &Run, buf: &mut Buffer, area: Rect) {
    let what = match &run.trouble {
        Some(why) => why.as_str(),
        None if run.request.is_some() => "reading…",
        None => "the history has no events",
    };
    let role = if run.trouble.is_some() {
        Role::Fail
    } else {
        Role::Muted
    };
    put(
        buf,
        area,
        (area.x + 2, area.y + 1),
        what,
        model.theme.style(role),
    );
}

/// What the run is, on one line.
fn about(model: &Model, run: &Run, buf: &mut Buffer, row: Rect) {
    let theme = model.theme;
    let summary = run.history.summary();
    let end = format!(
        "{} events · {}",
        text::count(run.history.len()),
        time::span(summary.took())
    );
    let right = put_right(buf, row, row.y, &end, theme.style(Role::Muted));
    let room = Rect {
        width: row.width.saturating_sub(right + 2),
        ..row
    };
    let mut x = room.x + 1;
    x += put(
        buf,
        room,
        (x, row.y),
        &summary.workflow_type,
        theme.style(Role::Title),
    ) + 2;
    for (name, value) in [
        ("queue", &summary.task_queue),
        ("parent", &summary.parent),
        ("worker", &summary.worker),
        ("run", &summary.run_id),
    ] {
        if !value.is_empty() && x + 8 < room.right() {
            x += put(buf, room, (x, row.y), name, theme.style(Role::Muted)) + 1;
            x += put(buf, room, (x, row.y), value, theme.style(Role::Text)) + 2;
        }
    }
}

fn tabs(model: &Model, run: &Run, buf: &mut Buffer, row: Rect) {
    let theme = model.theme;
    let pending = crate::app::run::tables::pending(run).len();
    // Where there is little room, only the tab that is seen has its name.
    let names: u16 = Tab::ALL.iter().map(|(.., name)| cells(name) + 5).sum();
    let short = names > row.width;
    let mut x = row.x + 1;
    for (tab, number, name) in Tab::ALL {
        let here = tab == run.tab;
        let count = match tab {
            Tab::Pending if pending > 0 => format!(" {pending}"),
            Tab::Warnings if !run.warnings.is_empty() => format!(" {}", run.warnings.len()),
            _ => String::new(),
        };
        let text = match (short && !here, here) {
            (true, _) => format!("{number}{count}"),
            (false, true) => format!(
                "{}{number} {name}{count}{}",
                theme.pick("▐", "["),
                theme.pick("▌", "]")
            ),
            (false, false) => format!("{number} {name}{count}"),
        };
        let role = match tab {
            _ if here => Role::Accent,
            Tab::Warnings if !run.warnings.is_empty() => Role::Warn,
            _ => Role::Text,
        };
        x += put(buf, row, (x, row.y), &text, theme.style(role)) + 2;
    }
}

/// The title of what is seen: how much, and what is hidden.
fn title(run: &Run) -> String {
    let mut parts = Vec::new();
    match run.tab {
        Tab::Compact => {
            let shown = run.history.groups().len() - run.compact.hidden;
            parts.push(format!("{} groups", text::count(shown)));
        }
        Tab::Events => {
            let at = run.selected() + usize::from(!run.events.is_empty());
            parts.push(format!(
                "{} of {} events",
                text::count(at),
                text::count(run.events.len())
            ));
        }
        Tab::Timeline => {
            parts.push(format!("zoom ×{}", run.lines.zoom));
            if !run.lines.fold {
                parts.push("idle time as it is".to_owned());
            }
        }
        Tab::Json => parts.push(
            if run.encoded {
                "payloads as they are"
            } else {
                "payloads decoded"
            }
            .to_owned(),
        ),
        Tab::Pending | Tab::Relations | Tab::Warnings | Tab::About => {
            parts.push(run.tab.name().to_lowercase())
        }
    }
    if matches!(run.tab, Tab::Compact | Tab::Events | Tab::Timeline) {
        let hidden = run.facets.told();
        if !hidden.is_empty() {
            parts.push(hidden);
        }
        if run.newest_first && run.tab != Tab::Timeline {
            parts.push("newest first".to_owned());
        }
    }
    if let Some(search) = &run.search {
        let more = if search.request.is_some() { "…" } else { "" };
        parts.push(format!(
            "/{} {} hits{more}",
            search.pattern.text(),
            text::count(search.hits.len())
        ));
    }
    if run.trouble.is_some() {
        parts.push("incomplete".to_owned());
    }
    parts.join(" · ")
}

/// Whether the search found an event.
fn is_hit(run: &Run, place: usize) -> bool {
    run.search
        .as_ref()
        .is_some_and(|search| search.hits.binary_search(&place).is_ok())
}
