//! The compact view.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::StatefulWidget as _;

use super::is_hit;
use crate::app::Model;
use crate::app::run::Run;
use crate::app::run::compact::Row;
use crate::history::facts::{Category, Facts, innermost};
use crate::history::group::Group;
use crate::history::{Event, History, document, time};
use crate::theme::{Role, Theme};
use crate::view::{Cache, Pane, rule, status_cell, table_look};
use crate::widgets::put;
use crate::widgets::table::{Cell, Column, Table};

/// How much of a payload one row can show.
const MOST: usize = 400;

const COLUMNS: [Column; 7] = [
    Column::cells("#", 6).right(),
    Column::cells("AFTER", 8).right().drop(2),
    Column::share("GROUP", 22, 2),
    Column::cells("STATUS", 13),
    Column::cells("TOOK", 7).right().drop(1),
    Column::cells("WAITED", 7).right().drop(3),
    Column::share("DETAIL", 12, 3).drop(1),
];

pub(super) fn draw(model: &Model, run: &Run, cache: &mut Cache, buf: &mut Buffer, area: Rect) {
    let theme = model.theme;
    let warnings = if area.height >= 18 {
        run.warnings.len().min(3)
    } else {
        0
    };
    let below = crate::widgets::small(warnings) + u16::from(warnings > 0);
    let list = Rect {
        height: area.height - below,
        ..area
    };
    let row = |row: usize| match run.compact.rows.get(row) {
        Some(Row::Group(number)) => group_row(theme, run, *number),
        Some(Row::Event(number, place)) => event_row(theme, run, *number, *place),
        None => Vec::new(),
    };
    let table = Table {
        columns: &COLUMNS,
        len: run.compact.rows.len(),
        row: &row,
        selected: Some(run.compact.selected),
        look: table_look(theme),
        head: true,
    };
    (&table).render(list, buf, cache.offset(model, Pane::Rows));
    if run.compact.rows.is_empty() {
        let what = format!(
            "{} groups are hidden: f 0 shows everything",
            run.compact.hidden
        );
        put(
            buf,
            list,
            (list.x + 2, list.y + 2),
            &what,
            theme.style(Role::Muted),
        );
    }
    if warnings > 0 {
        let more = run.warnings.len() - warnings;
        let title = if more > 0 {
            format!("warnings, and {more} more: 7")
        } else {
            "warnings: 7".to_owned()
        };
        rule(theme, buf, area, list.bottom(), &title);
        for (warning, y) in run.warnings.iter().take(warnings).zip(list.bottom() + 1..) {
            let style = theme.style(warning.role);
            let x = area.x + 2;
            let x = x + put(buf, area, (x, y), theme.pick("▲ ", "! "), style);
            put(buf, area, (x, y), &warning.text, style);
        }
    }
}

/// What a group is called, after the glyph of what it is.
pub(in crate::view) fn title(theme: Theme, group: &Group) -> String {
    let (glyph, ascii) = group.category.glyphs();
    let glyph = theme.pick(glyph, ascii);
    let kind = group.category.name();
    let name = match (group.category, group.name.as_str()) {
        (Category::Task, _) => group.id.as_str(),
        (_, "") => group.id.as_str(),
        (_, name) => name,
    };
    match (group.category, group.note.as_str()) {
        (Category::Timer, note) if !note.is_empty() => format!("{glyph} {kind} {name} ({note})"),
        _ => format!("{glyph} {kind} {name}"),
    }
}

fn after(run: &Run, time: i64) -> String {
    time::since(time.saturating_sub(run.history.start()))
}

fn hit(theme: Theme, run: &Run, places: &[usize], style: Style) -> Style {
    let found = run.search.is_some() && places.iter().any(|place| is_hit(run, *place));
    if found {
        style.patch(theme.style(Role::Hit))
    } else {
        style
    }
}

fn group_row(theme: Theme, run: &Run, number: usize) -> Vec<Cell<'static>> {
    let Some(group) = run.history.groups().get(number) else {
        return Vec::new();
    };
    let text = theme.style(Role::Text);
    let muted = theme.style(Role::Muted);
    let over = run.history.summary().is_over();
    let status = group.status(over);
    let head = run.history.get(group.head());
    let fold = match (group.events.len(), run.compact.open.contains(&number)) {
        (0 | 1, _) => "  ",
        (_, true) => theme.pick("▾ ", "v "),
        (_, false) => theme.pick("▸ ", "> "),
    };
    let name_style = hit(theme, run, &group.events, text);
    let (detail, role) = detail(&run.history, group);
    vec![
        Cell::new(
            head.map_or_else(String::new, |event| event.id.to_string()),
            muted,
        ),
        Cell::new(after(run, group.asked), muted),
        Cell::new(format!("{fold}{}", title(theme, group)), name_style),
        status_cell(theme, &status),
        Cell::new(
            group
                .took()
                .map(|took| {
                    if group.events.len() > 1 {
                        time::span(took)
                    } else {
                        String::new()
                    }
                })
                .unwrap_or_default(),
            text,
        ),
        Cell::new(group.waited().map(time::span).unwrap_or_default(), muted),
        Cell::new(detail, theme.style(role)),
    ]
}

/// What is most worth knowing of a group: what went wrong, else what came of it, else what it was given.
pub(in crate::view) fn detail(history: &History, group: &Group) -> (String, Role) {
    let mut input = String::new();
    let mut output = String::new();
    let mut failure = None;
    let mut note = String::new();
    for place in &group.events {
        let Some(event) = history.get(*place) else {
            continue;
        };
        let facts = Facts::read(&event.message);
        if !facts.input.is_empty() {
            input = document::line(facts.input, MOST);
        }
        if !facts.output.is_empty() {
            output = document::line(facts.output, MOST);
        }
        if let Some(found) = facts.failure {
            failure = Some((failed(found), facts.class.is_problem()));
        }
        if facts.class.is_problem() && !facts.note.is_empty() {
            note = facts.note;
        }
    }
    match failure {
        Some((told, true)) => return (told, Role::Fail),
        Some((told, false)) if group.is_open() => return (told, Role::Warn),
        _ => {}
    }
    if !note.is_empty() {
        return (note, Role::Fail);
    }
    let text = match (input.is_empty(), output.is_empty()) {
        (_, true) => input,
        (true, false) => format!("→ {output}"),
        (false, false) => format!("{input} → {output}"),
    };
    let text = if text.is_empty() && group.category == Category::Child {
        group.id.clone()
    } else {
        text
    };
    (text, Role::Muted)
}

/// A failure on one line.
pub(super) fn failed(failure: &steadfast_proto::temporal::api::failure::v1::Failure) -> String {
    let (message, kind) = innermost(failure);
    let (message, _) = crate::text::head(message, MOST);
    if kind.is_empty() {
        message.to_owned()
    } else {
        format!("{kind}: {message}")
    }
}

fn event_row(theme: Theme, run: &Run, number: usize, place: usize) -> Vec<Cell<'static>> {
    let (Some(group), Some(event)) = (run.history.groups().get(number), run.history.get(place))
    else {
        return Vec::new();
    };
    let muted = theme.style(Role::Muted);
    let last = group.events.last() == Some(&place);
    let branch = if last {
        theme.pick("    └ ", "    ` ")
    } else {
        theme.pick("    ├ ", "    | ")
    };
    let style = hit(
        theme,
        run,
        &[place],
        theme.style(if event.is_problem() {
            Role::Fail
        } else {
            Role::Text
        }),
    );
    let (detail, role) = event_detail(event);
    vec![
        Cell::new(event.id.to_string(), muted),
        Cell::new(after(run, event.time), muted),
        Cell::new(format!("{branch}{}", event.name), style),
        Cell::default(),
        Cell::default(),
        Cell::default(),
        Cell::new(detail, theme.style(role)),
    ]
}

/// What an event says, on one line.
pub(super) fn event_detail(event: &Event) -> (String, Role) {
    let facts = Facts::read(&event.message);
    if let Some(failure) = facts.failure {
        return (
            failed(failure),
            if facts.class.is_problem() {
                Role::Fail
            } else {
                Role::Warn
            },
        );
    }
    let mut parts = Vec::new();
    if facts.attempt > 1 {
        parts.push(format!("attempt {}", facts.attempt));
    }
    if !facts.note.is_empty() {
        parts.push(facts.note.clone());
    }
    let carried = if facts.output.is_empty() {
        facts.input
    } else {
        facts.output
    };
    if carried.is_empty() {
        if !facts.id.is_empty() {
            parts.push(facts.id.to_owned());
        }
    } else {
        parts.push(document::line(carried, MOST));
    }
    (parts.join(" · "), Role::Muted)
}
