//! The list of histories.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::StatefulWidget as _;

use super::{Cache, Pane, rule, status_cell, table_look};
use crate::app::Model;
use crate::app::files::{Entry, Files};
use crate::history::time;
use crate::text;
use crate::theme::Role;
use crate::widgets::put;
use crate::widgets::table::{Cell, Column, Table};

/// The columns.
const COLUMNS: [Column; 8] = [
    Column::cells("STATUS", 13),
    Column::share("WORKFLOW ID", 14, 3),
    Column::share("TYPE", 10, 2).drop(2),
    Column::cells("EVENTS", 6).right().drop(3),
    Column::cells("PROBLEMS", 8).right().drop(1),
    Column::cells("DURATION", 8).right().drop(4),
    Column::cells("STARTED", 19).drop(5),
    Column::share("FILE", 16, 2).drop(6),
];

pub(super) fn draw(model: &Model, files: &Files, cache: &mut Cache, buf: &mut Buffer, area: Rect) {
    let theme = model.theme;
    let mut title = format!("histories by {}", files.order.name());
    if let Some(filter) = &files.filter {
        title.push_str(&format!(" · with {}", filter.text()));
    }
    rule(theme, buf, area, area.y, &title);
    let preview = if area.height >= 18 { 5 } else { 0 };
    let list = Rect {
        y: area.y + 1,
        height: area.height - 1 - preview,
        ..area
    };
    if files.shown.is_empty() && files.request.is_none() {
        let what = match &files.trouble {
            Some(why) => why.as_str(),
            None if files.filter.is_some() => "no history has this: esc shows all",
            None => "there is no history here",
        };
        put(
            buf,
            list,
            (list.x + 2, list.y + 1),
            what,
            theme.style(Role::Muted),
        );
        return;
    }
    let row = |row: usize| -> Vec<Cell<'_>> {
        let entry = files
            .shown
            .get(row)
            .and_then(|place| files.entries.get(*place));
        entry.map_or_else(Vec::new, |entry| cells(model, entry))
    };
    let table = Table {
        columns: &COLUMNS,
        len: files.shown.len(),
        row: &row,
        selected: Some(files.selected),
        look: table_look(theme),
        head: true,
    };
    (&table).render(list, buf, cache.offset(model, Pane::Rows));
    if preview > 0
        && let Some(entry) = files.current()
    {
        draw_preview(
            model,
            entry,
            buf,
            Rect {
                y: list.bottom(),
                height: preview,
                ..area
            },
        );
    }
}

fn name(entry: &Entry) -> &str {
    entry
        .history
        .0
        .rsplit('/')
        .next()
        .unwrap_or(&entry.history.0)
}

fn cells<'a>(model: &Model, entry: &'a Entry) -> Vec<Cell<'a>> {
    let theme = model.theme;
    let muted = theme.style(Role::Muted);
    let text_style = theme.style(Role::Text);
    match &entry.read {
        Some(Ok(read)) => {
            let summary = &read.summary;
            let problems = match read.problems {
                0 => String::new(),
                some => some.to_string(),
            };
            vec![
                status_cell(theme, &summary.status()),
                Cell::new(summary.workflow_id.as_str(), text_style),
                Cell::new(summary.workflow_type.as_str(), text_style),
                Cell::new(text::count(summary.events), text_style),
                Cell::new(problems, theme.style(Role::Warn)),
                Cell::new(time::span(summary.took()), text_style),
                Cell::new(time::date(summary.start), muted),
                Cell::new(name(entry), muted),
            ]
        }
        Some(Err(why)) => vec![
            Cell::new(theme.pick("? unreadable", "? unreadable"), muted),
            Cell::new(why.as_str(), muted),
            Cell::default(),
            Cell::default(),
            Cell::default(),
            Cell::default(),
            Cell::default(),
            Cell::new(name(entry), muted),
        ],
        None => vec![
            Cell::new(
                theme.pick("◌ reading", "o reading"),
                theme.style(Role::Pending),
            ),
            Cell::new(name(entry), muted),
        ],
    }
}

/// A few lines about the selected history.
fn draw_preview(model: &Model, entry: &Entry, buf: &mut Buffer, area: Rect) {
    let theme = model.theme;
    rule(theme, buf, area, area.y, name(entry));
    let Some(Ok(read)) = &entry.read else {
        if let Some(Err(why)) = &entry.read {
            put(
                buf,
                area,
                (area.x + 2, area.y + 1),
                why,
                theme.style(Role::Fail),
            );
        }
        return;
    };
    let summary = &read.summary;
    let mut about = format!("queue {}", summary.task_queue);
    for (name, value) in [
        ("parent", &summary.parent),
        ("run", &summary.run_id),
        ("worker", &summary.worker),
    ] {
        if !value.is_empty() {
            about.push_str(&format!("   {name} {value}"));
        }
    }
    let lines = [
        ("", &about, Role::Text),
        ("input    ", &summary.input, Role::Text),
        ("outcome  ", &summary.outcome, summary.status().role),
    ];
    for ((name, value, role), y) in lines.into_iter().zip(area.y + 1..area.bottom()) {
        let x = area.x + 2;
        let x = x + put(buf, area, (x, y), name, theme.style(Role::Muted));
        put(buf, area, (x, y), value, theme.style(role));
    }
}
