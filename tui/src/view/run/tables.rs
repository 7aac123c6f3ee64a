//! The tabs that are plain tables.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::StatefulWidget as _;

use super::compact::title;
use crate::app::Model;
use crate::app::run::{Run, Tab, tables};
use crate::theme::Role;
use crate::view::{Cache, Pane, status_cell, table_look};
use crate::widgets::put;
use crate::widgets::table::{Cell, Column, Table};

const PENDING: [Column; 4] = [
    Column::cells("#", 6).right(),
    Column::share("WHAT", 20, 2),
    Column::cells("STATUS", 13),
    Column::share("EXPECTED", 14, 2),
];
const RELATIONS: [Column; 4] = [
    Column::cells("IS ITS", 13),
    Column::share("WORKFLOW ID", 16, 2),
    Column::share("STATUS", 12, 2),
    Column::share("RUN", 8, 2).drop(1),
];
const WARNINGS: [Column; 2] = [
    Column::cells("#", 6).right(),
    Column::share("WARNING", 20, 1),
];
const ABOUT: [Column; 2] = [Column::cells("", 22), Column::share("", 20, 1)];

pub(super) fn draw(model: &Model, run: &Run, cache: &mut Cache, buf: &mut Buffer, area: Rect) {
    let theme = model.theme;
    let style = |role| theme.style(role);
    let (columns, rows, none): (&[Column], Vec<Vec<Cell<'static>>>, &str) = match run.tab {
        Tab::Pending => {
            let over = run.history.summary().is_over();
            let each = tables::pending(run).into_iter().filter_map(|pending| {
                let group = run.history.groups().get(pending.group)?;
                let id = run.history.get(pending.place)?.id;
                Some(vec![
                    Cell::new(id.to_string(), style(Role::Muted)),
                    Cell::new(title(theme, group), style(Role::Text)),
                    status_cell(theme, &group.status(over)),
                    Cell::new(pending.expected, style(Role::Text)),
                ])
            });
            (&PENDING, each.collect(), "nothing is pending")
        }
        Tab::Relations => {
            let each = tables::relations(run).into_iter().map(|relation| {
                vec![
                    Cell::new(relation.kind, style(Role::Muted)),
                    Cell::new(relation.workflow, style(Role::Text)),
                    Cell::new(relation.status, style(Role::Text)),
                    Cell::new(relation.run, style(Role::Muted)),
                ]
            });
            (&RELATIONS, each.collect(), "this run has no relations")
        }
        Tab::Warnings => {
            let each = run.warnings.iter().map(|warning| {
                let id = run.history.get(warning.place).map_or(0, |event| event.id);
                let mark = theme.pick("▲ ", "! ");
                vec![
                    Cell::new(id.to_string(), style(Role::Muted)),
                    Cell::new(format!("{mark}{}", warning.text), style(warning.role)),
                ]
            });
            (&WARNINGS, each.collect(), "nothing looks like a mistake")
        }
        _ => {
            let each = tables::about(run).into_iter();
            let each = each.map(|(name, value)| {
                vec![
                    Cell::new(name, style(Role::Name)),
                    Cell::new(value, style(Role::Text)),
                ]
            });
            (&ABOUT, each.collect(), "nothing is known of this run")
        }
    };
    if rows.is_empty() {
        put(
            buf,
            area,
            (area.x + 2, area.y + 1),
            none,
            style(Role::Muted),
        );
        return;
    }
    let row = |row: usize| rows.get(row).cloned().unwrap_or_default();
    let table = Table {
        columns,
        len: rows.len(),
        row: &row,
        selected: Some(run.row.min(rows.len() - 1)),
        look: table_look(theme),
        head: run.tab != Tab::About,
    };
    (&table).render(area, buf, cache.offset(model, Pane::Rows));
}
