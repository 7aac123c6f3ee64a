//! The timeline.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::StatefulWidget as _;

use super::compact::{detail, title};
use crate::app::Model;
use crate::app::run::Run;
use crate::history::facts::{Category, Class, Facts};
use crate::history::time;
use crate::theme::{Role, Theme};
use crate::view::{Cache, Pane, rule};
use crate::widgets::put;
use crate::widgets::timeline::{Axis, Bar, Look, Timeline};

/// An axis and of what it is one: making it looks at all moments, so it is kept while nothing changes.
#[derive(Clone, Debug)]
pub(crate) struct KnownAxis {
    of: (usize, usize, u16, u32, u32, bool),
    axis: Axis,
    pan: u32,
}

pub(super) fn draw(model: &Model, run: &Run, cache: &mut Cache, buf: &mut Buffer, area: Rect) {
    let theme = model.theme;
    let labels = (area.width / 3).clamp(20, 40);
    let width = area.width - labels;
    let of = (
        model.screens.len(),
        run.history.len(),
        width,
        run.lines.zoom,
        run.lines.from,
        run.lines.fold,
    );
    let known = cache
        .axis
        .take()
        .filter(|known| known.of == of)
        .unwrap_or_else(|| {
            let (axis, pan) = run.lines.axis(width);
            KnownAxis { of, axis, pan }
        });
    let start = run.history.start();
    let tick = |moment: i64| time::since(moment.saturating_sub(start));
    let bar = |row: usize| bar(theme, run, row);
    let timeline = Timeline {
        axis: &known.axis,
        pan: known.pan,
        labels,
        len: run.lines.groups.len(),
        bar: &bar,
        selected: Some(run.lines.selected),
        tick: &tick,
        span: &|gap| time::span(gap),
        look: Look {
            selected: theme.style(Role::Select),
            pointer: theme.pick("› ", "> "),
            muted: theme.style(Role::Muted),
            gap: (theme.pick("┊", ":"), theme.pick("░", " ")),
            going_on: theme.pick("╍", "~"),
        },
    };
    let list = Rect {
        height: area.height.saturating_sub(3),
        ..area
    };
    (&timeline).render(list, buf, cache.offset(model, Pane::Rows));
    cache.axis = Some(known);
    let legend = [
        (theme.pick("●", "o"), "begins, ends"),
        (theme.pick("✗", "x"), "fails"),
        (theme.pick("━", "="), "runs"),
        (theme.pick("╌", "-"), "waits"),
        (theme.pick("╍", "~"), "goes on"),
        (theme.pick("┊", ":"), "idle time, folded"),
    ];
    rule(theme, buf, area, list.bottom(), "");
    let mut x = area.x + 2;
    for (glyph, word) in legend {
        x += put(
            buf,
            area,
            (x, list.bottom() + 2),
            glyph,
            theme.style(Role::Accent),
        ) + 1;
        x += put(
            buf,
            area,
            (x, list.bottom() + 2),
            word,
            theme.style(Role::Muted),
        ) + 2;
    }
    let group = run
        .lines
        .groups
        .get(run.lines.selected)
        .and_then(|group| run.history.groups().get(*group));
    if let Some(group) = group {
        let (detail, role) = detail(&run.history, group);
        let took = group.took().map(time::span).unwrap_or_default();
        let waited = group
            .waited()
            .map(|waited| format!(" after waiting {}", time::span(waited)))
            .unwrap_or_default();
        let x = area.x + 2;
        let y = list.bottom() + 1;
        let x =
            x + put(
                buf,
                area,
                (x, y),
                &format!("{} {took}{waited}", title(theme, group)),
                theme.style(Role::Text),
            ) + 2;
        put(buf, area, (x, y), &detail, theme.style(role));
    }
}

fn bar<'a>(theme: Theme, run: &Run, row: usize) -> Bar<'a> {
    let Some(group) = run
        .lines
        .groups
        .get(row)
        .and_then(|group| run.history.groups().get(*group))
    else {
        return Bar::default();
    };
    let over = run.history.summary().is_over();
    let end = run.history.end();
    let status = group.status(over);
    let role = status.role;
    let whole = group.category == Category::Workflow && group.class == Class::Started;
    let to = match group.ended {
        _ if whole => over.then_some(end),
        Some(ended) => Some(ended),
        None if over => Some(end),
        None if group.is_open() => None,
        None => Some(group.asked),
    };
    let marks = group.events.iter().filter_map(|place| {
        let event = run.history.get(*place)?;
        let facts = Facts::read(&event.message);
        let (glyph, role) = match facts.class {
            class if class.is_problem() => (theme.pick("✗", "x"), Role::Fail),
            Class::Started if facts.failure.is_some() => (theme.pick("▲", "!"), Role::Warn),
            Class::Received => (theme.pick("◆", "s"), Role::Accent),
            Class::Recorded => (theme.pick("▣", "m"), Role::Muted),
            _ if group.category == Category::Task => (theme.pick("·", "."), Role::Muted),
            _ => (theme.pick("●", "o"), role),
        };
        Some((event.time, glyph, theme.style(role)))
    });
    let waits = group.category == Category::Timer;
    Bar {
        label: title(theme, group).into(),
        label_style: theme.style(if group.problem { role } else { Role::Text }),
        from: group.asked,
        to,
        line: if waits {
            theme.pick("╌", "-")
        } else {
            theme.pick("━", "=")
        },
        style: theme.style(role),
        marks: marks.collect(),
    }
}
