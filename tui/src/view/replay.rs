//! What came of a replay: history and code side by side.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::StatefulWidget as _;
use steadfast_replay::{NonDeterminism, NonDeterminismKind};

use super::{Cache, Pane, rule, table_look};
use crate::app::Model;
use crate::app::replay::Replay;
use crate::source::Outcome;
use crate::theme::Role;
use crate::widgets::table::{Cell, Column, Table};
use crate::widgets::{put, small};

const COLUMNS: [Column; 5] = [
    Column::cells("", 2),
    Column::cells("EVENT", 6).right(),
    Column::share("HISTORY: WHAT WAS RECORDED", 20, 1),
    Column::cells("", 1),
    Column::share("CODE: WHAT IT ASKS FOR NOW", 20, 1),
];

pub(super) fn draw(
    model: &Model,
    replay: &Replay,
    cache: &mut Cache,
    buf: &mut Buffer,
    area: Rect,
) {
    let theme = model.theme;
    rule(
        theme,
        buf,
        area,
        area.y,
        &format!("replay against {} builds", replay.builds.len()),
    );
    let mut y = area.y + 1;
    if replay.builds.is_empty() {
        let what = match &replay.trouble {
            Some(why) => why.as_str(),
            None if replay.request.is_some() => "replaying…",
            None => "no workflow is registered",
        };
        put(buf, area, (area.x + 2, y), what, theme.style(Role::Muted));
        return;
    }
    for (place, replayed) in replay
        .builds
        .iter()
        .enumerate()
        .take(usize::from(area.height / 3))
    {
        let (glyph, role, told) = match &replayed.outcome {
            Outcome::Same { events } => (
                theme.pick("✓", "+"),
                Role::Ok,
                format!("follows all {events} events"),
            ),
            Outcome::Differs(difference) => {
                (theme.pick("✗", "x"), Role::Fail, difference.message.clone())
            }
            Outcome::Failed(why) => (theme.pick("✗", "x"), Role::Fail, why.clone()),
            Outcome::Unusable(why) => ("?", Role::Muted, why.clone()),
        };
        let row = Rect {
            y,
            height: 1,
            ..area
        };
        let mut x = area.x + 2;
        x += put(
            buf,
            row,
            (x, y),
            &format!("{glyph} {}", replayed.build),
            theme.style(role),
        ) + 2;
        put(buf, row, (x, y), &told, theme.style(Role::Text));
        if place == replay.build {
            buf.set_style(row, theme.style(Role::Select));
        }
        y += 1;
    }
    let Some(Outcome::Differs(difference)) = replay.current().map(|replayed| &replayed.outcome)
    else {
        return;
    };
    let rest = Rect {
        y,
        height: area.bottom() - y,
        ..area
    };
    compare(model, replay, difference, cache, buf, rest);
}

fn compare(
    model: &Model,
    replay: &Replay,
    difference: &NonDeterminism,
    cache: &mut Cache,
    buf: &mut Buffer,
    area: Rect,
) {
    let theme = model.theme;
    let title = format!(
        "{} at event {} · task started by event {}",
        kind(difference.kind),
        difference.event_id,
        difference.started_event_id
    );
    rule(theme, buf, area, area.y, &title);
    let likely = replay.likely().unwrap_or_default();
    let lines: Vec<&str> = wrapped(&likely, usize::from(area.width.saturating_sub(4)));
    let below = small(lines.len()) + 1;
    let table_area = Rect {
        y: area.y + 1,
        height: area.height.saturating_sub(1 + below),
        ..area
    };
    let row = |row: usize| {
        let Some(row) = difference.rows.get(row) else {
            return Vec::new();
        };
        let (mark, role) = if row.differs {
            (theme.pick("✗", "x"), Role::Fail)
        } else if row.history == row.code {
            ("=", Role::Muted)
        } else {
            ("", Role::Text)
        };
        let style = theme.style(role);
        let text = |text: &Option<String>| {
            text.clone()
                .unwrap_or_else(|| theme.pick("·", ".").to_owned())
        };
        vec![
            Cell::new(mark, style),
            Cell::new(
                row.event_id.map_or_else(String::new, |id| id.to_string()),
                theme.style(Role::Muted),
            ),
            Cell::new(text(&row.history), style),
            Cell::new(theme.pick("│", "|"), theme.style(Role::Muted)),
            Cell::new(text(&row.code), style),
        ]
    };
    let table = Table {
        columns: &COLUMNS,
        len: difference.rows.len(),
        row: &row,
        selected: Some(replay.selected),
        look: table_look(theme),
        head: true,
    };
    (&table).render(table_area, buf, cache.offset(model, Pane::Rows));
    rule(theme, buf, area, table_area.bottom(), "likely cause");
    for (line, y) in lines.iter().zip(table_area.bottom() + 1..area.bottom()) {
        put(buf, area, (area.x + 2, y), line, theme.style(Role::Text));
    }
}

const fn kind(kind: NonDeterminismKind) -> &'static str {
    match kind {
        NonDeterminismKind::MissingCommand => "a command is missing",
        NonDeterminismKind::DifferentCommand => "another command",
        NonDeterminismKind::DifferentAttributes => "other attributes",
        NonDeterminismKind::ImpossibleOutcome => "an impossible outcome",
        NonDeterminismKind::MissingPatch => "a patch is missing",
        NonDeterminismKind::UnknownOperation => "an unknown operation",
        _ => "a difference",
    }
}

/// A text on lines of so many bytes, broken at blanks.
fn wrapped(text: &str, most: usize) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    while rest.len() > most && most > 0 {
        let end = rest.floor_char_boundary(most);
        let at = rest[..end].rfind(' ').unwrap_or(end).max(1);
        let at = rest.floor_char_boundary(at.max(1));
        let at = if at == 0 {
            rest.chars().next().map_or(1, char::len_utf8)
        } else {
            at
        };
        lines.push(&rest[..at]);
        rest = rest[at..].trim_start();
    }
    lines.push(rest);
    lines
}
