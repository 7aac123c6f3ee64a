//! Time travel.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::StatefulWidget;
use steadfast_sim::kernel::{NodeState, TraceEvent, TraceKind};

use super::{Cache, Pane as Scroll, rule, table_look};
use crate::app::Model;
use crate::app::travel::{MOST_CAUSES, Pane, Travel};
use crate::history::time;
use crate::text;
use crate::theme::{Role, Theme};
use crate::widgets::spacetime::{Alive, Lane, Look, Row, SpaceTime};
use crate::widgets::table::{Cell, Column, Table};
use crate::widgets::{dot, put, small};
use crate::worlds::{World, is_fault, sender};

/// Cells of time and number.
const LEAD: u16 = 22;

pub(super) fn draw(
    model: &Model,
    travel: &Travel,
    cache: &mut Cache,
    buf: &mut Buffer,
    area: Rect,
) {
    let theme = model.theme;
    let Some(world) = &travel.world else {
        let what = match &travel.trouble {
            Some(why) => why.as_str(),
            None => "the run is being made…",
        };
        rule(theme, buf, area, area.y, &travel.what);
        let role = if travel.trouble.is_some() {
            Role::Fail
        } else {
            Role::Muted
        };
        put(buf, area, (area.x + 2, area.y + 1), what, theme.style(role));
        return;
    };
    minimap(theme, travel, world, buf, Rect { height: 1, ..area });
    rule(theme, buf, area, area.y + 1, &title(travel, world));
    let rest = Rect {
        y: area.y + 2,
        height: area.height.saturating_sub(2),
        ..area
    };
    let beside = area.width >= 100;
    if !beside && travel.in_pane {
        draw_pane(model, travel, world, cache, buf, rest);
        return;
    }
    let width = if beside {
        area.width * 3 / 5
    } else {
        area.width
    };
    picture(model, travel, world, cache, buf, Rect { width, ..rest });
    if beside {
        for y in rest.top()..rest.bottom() {
            dot(
                buf,
                rest,
                (rest.x + width, y),
                theme.pick("│", "|"),
                theme.style(Role::Muted),
            );
        }
        let pane = Rect {
            x: rest.x + width + 2,
            width: rest.width.saturating_sub(width + 2),
            ..rest
        };
        draw_pane(model, travel, world, cache, buf, pane);
    }
}

fn title(travel: &Travel, world: &World) -> String {
    let events = world.events();
    let event = events.get(travel.cursor);
    let seq = event.map_or(0, |event| event.seq);
    let at = time::since(world.time(travel.cursor).as_nanos());
    let mut parts = vec![
        format!(
            "event {} of {}",
            text::count(usize::try_from(seq).unwrap_or(0)),
            text::count(events.len())
        ),
        at,
    ];
    if travel.cone.is_some() {
        parts.push(format!("only the {} that led there", travel.shown.len()));
    }
    if !travel.hidden.is_empty() {
        parts.push(format!("{} lanes hidden", travel.hidden.len()));
    }
    if let Some(search) = &travel.search {
        parts.push(format!("/{}", search.text()));
    }
    if let Some(workflow) = &travel.workflow {
        parts.push(format!("following {workflow}"));
    }
    parts.join(" · ")
}

/// The whole run on one line: how much happened, what struck, what was found, and where one is.
fn minimap(theme: Theme, travel: &Travel, world: &World, buf: &mut Buffer, row: Rect) {
    const LEVELS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
    const ASCII: [&str; 9] = [" ", ".", ".", ":", ":", "=", "=", "#", "#"];
    let width = usize::from(row.width.saturating_sub(2));
    let end = world
        .events()
        .last()
        .map_or(1, |event| event.time.as_nanos().max(1));
    let place = |event: usize| {
        let at = i128::from(world.time(event).as_nanos().max(0))
            * i128::try_from(width.saturating_sub(1)).unwrap_or(0);
        row.x + 1 + u16::try_from(at / i128::from(end)).unwrap_or(0)
    };
    for (part, level) in world.density(width).into_iter().enumerate() {
        let glyphs = if theme.ascii { ASCII } else { LEVELS };
        let glyph = glyphs[usize::from(level.min(8))];
        dot(
            buf,
            row,
            (row.x + 1 + small(part), row.y),
            glyph,
            theme.style(Role::Muted),
        );
    }
    // Faults by the cell: there may be very many of them.
    let mut last = None;
    for fault in world.faults() {
        let x = place(*fault);
        if last == Some(x) {
            continue;
        }
        last = Some(x);
        if let Some(event) = world.events().get(*fault)
            && matches!(
                event.kind,
                TraceKind::Crash
                    | TraceKind::Network
                    | TraceKind::Clock
                    | TraceKind::DiskFault
                    | TraceKind::Pause
            )
        {
            dot(
                buf,
                row,
                (x, row.y),
                glyph(theme, event),
                theme.style(Role::Warn),
            );
        }
    }
    if let Some(mark) = travel.mark {
        dot(
            buf,
            row,
            (place(mark), row.y),
            "m",
            theme.style(Role::Accent),
        );
    }
    for finding in world.findings() {
        dot(
            buf,
            row,
            (place(*finding), row.y),
            theme.pick("✗", "x"),
            theme.style(Role::Fail),
        );
    }
    let x = place(travel.cursor);
    buf.set_style(Rect { x, width: 1, ..row }, theme.style(Role::Select));
}

/// The glyph of an event.
fn glyph(theme: Theme, event: &TraceEvent) -> &'static str {
    let (glyph, ascii) = match event.kind {
        TraceKind::Start => ("▲", "^"),
        TraceKind::Crash => ("!", "!"),
        TraceKind::Pause => ("‖", "="),
        TraceKind::Resume => ("▶", ">"),
        TraceKind::Deliver => ("●", "o"),
        TraceKind::Lost => ("○", "o"),
        TraceKind::Duplicate => ("◎", "2"),
        TraceKind::Timer => ("⧗", "t"),
        TraceKind::Synced => ("▪", "d"),
        TraceKind::DiskFault => ("#", "#"),
        TraceKind::Clock => ("Δ", "%"),
        TraceKind::Network => ("╳", "X"),
        TraceKind::Phase => ("═", "="),
        TraceKind::Call => ("◇", "c"),
        _ => ("·", "."),
    };
    theme.pick(glyph, ascii)
}

fn role(world: &World, place: usize, event: &TraceEvent) -> Role {
    if world.found_at(place).next().is_some() {
        return Role::Fail;
    }
    match event.kind {
        TraceKind::Crash => Role::Fail,
        _ if is_fault(event) => Role::Warn,
        TraceKind::Start | TraceKind::Resume => Role::Ok,
        TraceKind::Phase => Role::Accent,
        TraceKind::Note | TraceKind::Synced => Role::Muted,
        _ => Role::Text,
    }
}

/// What an event is, without what the picture shows by itself.
fn label(world: &World, place: usize, event: &TraceEvent) -> String {
    if let Some(found) = world.found_at(place).next() {
        return format!("{}: {}", found.checker, found.message);
    }
    if event.text.is_empty() || event.text == event.label {
        event.label.to_string()
    } else if event.text.starts_with(event.label.as_ref()) {
        event.text.clone()
    } else {
        format!("{} {}", event.label, event.text)
    }
}

fn picture(
    model: &Model,
    travel: &Travel,
    world: &World,
    cache: &mut Cache,
    buf: &mut Buffer,
    area: Rect,
) {
    let theme = model.theme;
    let lanes: Vec<usize> = (0..world.nodes().len())
        .filter(|lane| !travel.hidden.contains(lane))
        .collect();
    let named: Vec<Lane<'_>> = lanes
        .iter()
        .map(|lane| Lane {
            name: world.nodes()[*lane].as_str().into(),
            style: theme.style(Role::Lane(u8::try_from(*lane % 5).unwrap_or(0))),
        })
        .collect();
    let column = |node: usize| lanes.iter().position(|lane| *lane == node);
    let row = |index: usize| {
        let place = travel.shown.get(index).copied().unwrap_or(0);
        let Some(event) = world.events().get(place) else {
            return Row::default();
        };
        let node =
            |id: Option<steadfast_sim::kernel::NodeId>| id.and_then(|id| column(id.0 as usize));
        let clock = time::since(event.time.as_nanos());
        Row {
            lead: format!("{clock:>10} {:>7}", event.seq).into(),
            at: node(event.node),
            from: sender(event).and_then(|id| node(Some(id))),
            glyph: glyph(theme, event),
            label: label(world, place, event).into(),
            style: theme.style(role(world, place, event)),
            lost: event.kind == TraceKind::Lost,
        }
    };
    let alive = |index: usize, lane: usize| {
        let place = travel.shown.get(index).copied().unwrap_or(0);
        match lanes.get(lane).map(|lane| world.state(place, *lane)) {
            Some(NodeState::Up) => Alive::Yes,
            Some(NodeState::Paused) => Alive::Paused,
            _ => Alive::No,
        }
    };
    let lane = column(travel.lane);
    let (_, seen) = SpaceTime::lane_cells(lanes.len(), area.width.saturating_sub(LEAD));
    let first_lane = lane.map_or(0, |lane| (lane + 1).saturating_sub(seen));
    let picture = SpaceTime {
        lanes: &named,
        first_lane,
        lane,
        lead: LEAD,
        len: travel.shown.len(),
        row: &row,
        alive: &alive,
        selected: Some(travel.selected()),
        look: Look {
            selected: theme.style(Role::Select),
            lane: theme.style(Role::Select),
            muted: theme.style(Role::Muted),
            pointer: theme.pick("› ", "> "),
            down: (theme.pick("│", "|"), theme.pick("┊", ":")),
            across: (
                theme.pick("─", "-"),
                theme.pick("▸", ">"),
                theme.pick("◂", "<"),
            ),
            lost: theme.pick("╳", "x"),
        },
    };
    StatefulWidget::render(&picture, area, buf, cache.offset(model, Scroll::Rows));
}

fn draw_pane(
    model: &Model,
    travel: &Travel,
    world: &World,
    cache: &mut Cache,
    buf: &mut Buffer,
    area: Rect,
) {
    let theme = model.theme;
    let mut x = area.x;
    for (number, (pane, name)) in Pane::ALL.into_iter().enumerate() {
        let here = pane == travel.pane;
        let text = format!("{} {name}", number + 1);
        let style = theme.style(if here { Role::Accent } else { Role::Muted });
        x += put(buf, area, (x, area.y), &text, style) + 2;
    }
    let rest = Rect {
        y: area.y + 1,
        height: area.height.saturating_sub(1),
        ..area
    };
    let (columns, rows) = match travel.pane {
        Pane::Event => return event(model, travel, world, buf, rest),
        Pane::Nodes => (&NODES[..], nodes(theme, travel, world)),
        Pane::Histories => (&HISTORIES[..], histories(theme, travel, world)),
        Pane::Ledger => (&LEDGER[..], ledger(theme, travel, world)),
        Pane::Checks => (&CHECKS[..], checks(theme, travel, world)),
    };
    table(model, travel, cache, buf, rest, columns, rows);
}

/// The event, what was found at it, and what led to it.
fn event(model: &Model, travel: &Travel, world: &World, buf: &mut Buffer, area: Rect) {
    let theme = model.theme;
    let Some(event) = world.events().get(travel.cursor) else {
        return;
    };
    let name = |id: Option<steadfast_sim::kernel::NodeId>| {
        id.and_then(|id| world.nodes().get(id.0 as usize))
            .map_or("the world", String::as_str)
    };
    let mut y = area.y;
    let mut line = |text: &str, role: Role| {
        put(buf, area, (area.x, y), text, theme.style(role));
        y += 1;
    };
    let place = match sender(event) {
        Some(from) => format!(
            "{} {} {}",
            name(Some(from)),
            theme.pick("→", "->"),
            name(event.node)
        ),
        None => name(event.node).to_owned(),
    };
    line(
        &format!("#{} {:?} on {place}", event.seq, event.kind),
        Role::Title,
    );
    line(&event.label, Role::Text);
    let width = usize::from(area.width.max(8));
    for piece in text::lines(&event.text, width).take(8) {
        line(piece, Role::Text);
    }
    for found in world.found_at(travel.cursor).take(4) {
        line(
            &format!("{} {}", theme.pick("✗", "x"), found.checker),
            Role::Fail,
        );
        for piece in text::lines(&found.message, width).take(4) {
            line(piece, Role::Fail);
        }
    }
    line("", Role::Text);
    line("what led here", Role::Muted);
    let first = y;
    for (row, cause) in world
        .causes(travel.cursor, MOST_CAUSES)
        .into_iter()
        .enumerate()
    {
        let Some(event) = world.events().get(cause) else {
            continue;
        };
        let back = world.time(travel.cursor).as_nanos() - event.time.as_nanos();
        let text = format!(
            "{} #{} -{} {} {}",
            glyph(theme, event),
            event.seq,
            time::span(back),
            name(event.node),
            label(world, cause, event)
        );
        let y = first + small(row);
        put(
            buf,
            area,
            (area.x, y),
            &text,
            theme.style(role(world, cause, event)),
        );
        if travel.in_pane && travel.row == row + 1 {
            buf.set_style(
                Rect {
                    y,
                    height: 1,
                    ..area
                }
                .intersection(area),
                theme.style(Role::Select),
            );
        }
    }
}

const NODES: [Column; 4] = [
    Column::share("NODE", 10, 2),
    Column::cells("STATE", 8),
    Column::cells("CLOCK", 10).right(),
    Column::cells("DRIFT", 9).right().drop(1),
];
const HISTORIES: [Column; 3] = [
    Column::share("WORKFLOW", 12, 3),
    Column::cells("EVENTS", 6).right(),
    Column::share("RUN", 8, 1).drop(1),
];
const LEDGER: [Column; 5] = [
    Column::cells("#", 4).right(),
    Column::share("OPERATION", 14, 2),
    Column::cells("KIND", 12).drop(1),
    Column::share("KEY", 8, 1).drop(2),
    Column::share("WORKFLOW", 8, 1).drop(3),
];
const CHECKS: [Column; 3] = [
    Column::cells("", 8),
    Column::share("CHECKER", 14, 1),
    Column::cells("CHECKED", 9).right(),
];

fn nodes(theme: Theme, travel: &Travel, world: &World) -> Vec<Vec<Cell<'static>>> {
    let each = world.nodes().iter().enumerate().map(|(node, name)| {
        let (glyph, word, role) = match world.state(travel.cursor, node) {
            NodeState::Up => (theme.pick("●", "*"), "up", Role::Ok),
            NodeState::Paused => (theme.pick("‖", "="), "paused", Role::Warn),
            NodeState::Down => (theme.pick("✗", "x"), "down", Role::Fail),
        };
        let (ahead, drift) = world.clock(travel.cursor, node);
        let clock = match ahead {
            0 => "true".to_owned(),
            ahead if ahead > 0 => format!("+{}", time::span(ahead)),
            behind => time::span(behind),
        };
        let drift = if drift == 0 {
            String::new()
        } else {
            format!("{drift:+}ppm")
        };
        vec![
            Cell::new(
                name.clone(),
                theme.style(Role::Lane(u8::try_from(node % 5).unwrap_or(0))),
            ),
            Cell::new(format!("{glyph} {word}"), theme.style(role)),
            Cell::new(
                clock,
                theme.style(if ahead == 0 { Role::Muted } else { Role::Warn }),
            ),
            Cell::new(drift, theme.style(Role::Muted)),
        ]
    });
    each.collect()
}

fn histories(theme: Theme, travel: &Travel, world: &World) -> Vec<Vec<Cell<'static>>> {
    let before = travel.cursor.checked_sub(1);
    let each = world.histories(travel.cursor).map(|(grown, length)| {
        let earlier = before.map_or(0, |before| grown.length_at(world, before));
        let role = if earlier == length {
            Role::Text
        } else {
            Role::Accent
        };
        vec![
            Cell::new(grown.workflow_id.clone(), theme.style(role)),
            Cell::new(length.to_string(), theme.style(role)),
            Cell::new(grown.run_id.clone(), theme.style(Role::Muted)),
        ]
    });
    each.collect()
}

fn ledger(theme: Theme, travel: &Travel, world: &World) -> Vec<Vec<Cell<'static>>> {
    let seq = world
        .events()
        .get(travel.cursor)
        .map_or(0, |event| event.seq);
    // The latest is what one looks for.
    let each = world
        .ledger(travel.cursor)
        .iter()
        .rev()
        .take(1000)
        .map(|(of, entry)| {
            let role = match entry.kind.as_str() {
                _ if *of == seq => Role::Accent,
                "read" => Role::Muted,
                "compensation" => Role::Warn,
                _ => Role::Text,
            };
            let kind = if entry.undoes > 0 {
                format!("undoes {}", entry.undoes)
            } else {
                entry.kind.clone()
            };
            vec![
                Cell::new(entry.id.to_string(), theme.style(Role::Muted)),
                Cell::new(
                    format!("{}.{}", entry.service, entry.operation),
                    theme.style(role),
                ),
                Cell::new(kind, theme.style(role)),
                Cell::new(entry.key.clone(), theme.style(Role::Muted)),
                Cell::new(entry.workflow_id.clone(), theme.style(Role::Muted)),
            ]
        });
    each.collect()
}

fn checks(theme: Theme, travel: &Travel, world: &World) -> Vec<Vec<Cell<'static>>> {
    let each = world
        .checks(travel.cursor)
        .into_iter()
        .map(|(name, count, found)| {
            let (badge, role) = match (count, found) {
                (_, 1..) => (theme.pick("✗ broken", "x broken"), Role::Fail),
                (0, 0) => (theme.pick("· idle", ". idle"), Role::Muted),
                _ => (theme.pick("✓ holds", "+ holds"), Role::Ok),
            };
            let count = text::count(usize::try_from(count).unwrap_or(usize::MAX));
            vec![
                Cell::new(badge, theme.style(role)),
                Cell::new(name.to_owned(), theme.style(Role::Text)),
                Cell::new(count, theme.style(Role::Muted)),
            ]
        });
    each.collect()
}

fn table(
    model: &Model,
    travel: &Travel,
    cache: &mut Cache,
    buf: &mut Buffer,
    area: Rect,
    columns: &[Column],
    rows: Vec<Vec<Cell<'static>>>,
) {
    if rows.is_empty() {
        put(
            buf,
            area,
            (area.x, area.y),
            "nothing yet",
            model.theme.style(Role::Muted),
        );
        return;
    }
    let row = |row: usize| rows.get(row).cloned().unwrap_or_default();
    let selected = travel.in_pane.then(|| travel.row.min(rows.len() - 1));
    let table = Table {
        columns,
        len: rows.len(),
        row: &row,
        selected,
        look: table_look(model.theme),
        head: true,
    };
    StatefulWidget::render(&table, area, buf, cache.offset(model, Scroll::Detail));
}
