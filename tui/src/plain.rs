//! What the console shows, as lines of text: for pipes, for terminals that can do nothing, and for ears.

use std::io::{self, Write};

use crate::app::files::Entry;
use crate::history::facts::Category;
use crate::history::{History, lints, load, time};
use crate::source::files::Files;
use crate::text;
use crate::theme::{Palette, Theme};
use crate::view;

/// The widest column.
const WIDEST: usize = 60;

const THEME: Theme = Theme {
    palette: Palette::Mono,
    ascii: false,
};

/// Writes a table of all histories, or what one of them is.
pub fn write(files: &Files, out: &mut dyn Write) -> io::Result<bool> {
    match files.only() {
        Some(history) => {
            let mut read = History::default();
            let trouble = files.text(&history).and_then(|text| {
                load::load(&text, |events| {
                    read.push(events);
                    true
                })
            });
            let trouble = trouble.err();
            if !read.is_empty() {
                one(&read, out)?;
            }
            if let Some(why) = &trouble {
                writeln!(out, "error: {}: {}", history.0, text::clean(why))?;
            }
            Ok(trouble.is_none())
        }
        None => list(files, out),
    }
}

fn list(files: &Files, out: &mut dyn Write) -> io::Result<bool> {
    let all = match files.all() {
        Ok(all) => all,
        Err(why) => {
            writeln!(out, "error: {why}")?;
            return Ok(false);
        }
    };
    let mut rows = vec![
        [
            "STATUS",
            "WORKFLOW ID",
            "TYPE",
            "EVENTS",
            "PROBLEMS",
            "DURATION",
            "FILE",
        ]
        .map(str::to_owned),
    ];
    for history in all {
        let entry = Entry {
            read: Some(files.summary(&history).map(Box::new)),
            history,
        };
        let file = entry.history.0.clone();
        rows.push(match &entry.read {
            Some(Ok(read)) => {
                let summary = &read.summary;
                [
                    summary.status().word,
                    summary.workflow_id.clone(),
                    summary.workflow_type.clone(),
                    summary.events.to_string(),
                    read.problems.to_string(),
                    time::span(summary.took()),
                    file,
                ]
            }
            Some(Err(why)) => [
                "Unreadable".to_owned(),
                why.clone(),
                String::new(),
                String::new(),
                String::new(),
                String::new(),
                file,
            ],
            None => continue,
        });
    }
    table(&rows, out)?;
    Ok(true)
}

fn one(history: &History, out: &mut dyn Write) -> io::Result<()> {
    let summary = history.summary();
    for (name, value) in [
        ("workflow id", summary.workflow_id.as_str()),
        ("run id", &summary.run_id),
        ("type", &summary.workflow_type),
        ("task queue", &summary.task_queue),
        ("status", &summary.status().word),
        ("started", &time::date(summary.start)),
        ("duration", &time::span(summary.took())),
        ("events", &summary.events.to_string()),
        ("input", &summary.input),
        ("outcome", &summary.outcome),
    ] {
        if !value.is_empty() {
            writeln!(out, "{name:<12} {}", text::fit(value, 200))?;
        }
    }
    let head = ["EVENT", "AFTER", "GROUP", "STATUS", "TOOK", "DETAIL"].map(str::to_owned);
    let mut rows = vec![head];
    for group in history.groups() {
        if group.category == Category::Task && !group.problem {
            continue;
        }
        let id = history.get(group.head()).map_or(0, |event| event.id);
        rows.push([
            id.to_string(),
            time::since(group.asked.saturating_sub(history.start())),
            view::group_title(THEME, group),
            group.status(summary.is_over()).word,
            group
                .took()
                .filter(|_| group.events.len() > 1)
                .map(time::span)
                .unwrap_or_default(),
            view::group_detail(history, group).0,
        ]);
    }
    writeln!(out)?;
    table(&rows, out)?;
    let warnings = lints::check(history);
    if !warnings.is_empty() {
        writeln!(out)?;
    }
    for warning in warnings {
        let id = history.get(warning.place).map_or(0, |event| event.id);
        writeln!(out, "warning: event {id}: {}", text::clean(&warning.text))?;
    }
    Ok(())
}

/// Writes rows with their columns under each other, two blanks apart.
fn table<const N: usize>(rows: &[[String; N]], out: &mut dyn Write) -> io::Result<()> {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = text::width(&text::fit(cell, WIDEST)).max(*width);
        }
    }
    for row in rows {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            let cell = text::fit(cell, WIDEST);
            line.push_str(&cell);
            line.push_str(&" ".repeat(width + 2 - text::width(&cell)));
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
