//! A campaign as it runs.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::StatefulWidget;

use super::{Cache, Pane, rule, table_look};
use crate::app::Model;
use crate::app::campaign::Campaign;
use crate::history::time;
use crate::text;
use crate::theme::Role;
use crate::widgets::put;
use crate::widgets::table::{Cell, Column, Table};

const COLUMNS: [Column; 5] = [
    Column::cells("", 10),
    Column::cells("SEED", 12).right(),
    Column::cells("EVENTS", 9).right(),
    Column::cells("FAULTS", 8).right().drop(1),
    Column::share("WHAT WENT WRONG", 20, 1),
];

pub(super) fn draw(
    model: &Model,
    campaign: &Campaign,
    cache: &mut Cache,
    buf: &mut Buffer,
    area: Rect,
) {
    let theme = model.theme;
    let state = match (&campaign.trouble, campaign.request) {
        (Some(_), _) => "stopped",
        (None, Some(_)) => "running",
        (None, None) => "paused",
    };
    rule(
        theme,
        buf,
        area,
        area.y,
        &format!("campaign {} · {state}", campaign.scenario),
    );
    let number = |count: u64| text::count(usize::try_from(count).unwrap_or(usize::MAX));
    let rate = campaign
        .rate()
        .map_or_else(String::new, |rate| format!("  {rate}/s"));
    let told = format!(
        "{} seeds{rate}   {} passed   {} failed in {} ways   {} simulated   {} faults",
        number(campaign.ran),
        number(campaign.ran - campaign.failed),
        number(campaign.failed),
        campaign.kinds.len(),
        time::span(campaign.simulated),
        number(campaign.faults),
    );
    put(
        buf,
        area,
        (area.x + 2, area.y + 1),
        &told,
        theme.style(Role::Text),
    );
    if let Some(why) = &campaign.trouble {
        put(
            buf,
            area,
            (area.x + 2, area.y + 2),
            why,
            theme.style(Role::Fail),
        );
    }
    let list = Rect {
        y: area.y + 3,
        height: area.height.saturating_sub(3),
        ..area
    };
    let kinds = campaign.kinds.len();
    let row = |row: usize| {
        if let Some(kind) = campaign.kinds.get(row) {
            return vec![
                Cell::new(
                    format!("{} ×{}", theme.pick("✗", "x"), kind.seeds),
                    theme.style(Role::Fail),
                ),
                Cell::new(kind.smallest.0.to_string(), theme.style(Role::Text)),
                Cell::new(number(kind.smallest.1), theme.style(Role::Text)),
                Cell::default(),
                Cell::new(kind.signature.clone(), theme.style(Role::Fail)),
            ];
        }
        let Some(ran) = campaign.latest.get(row - kinds) else {
            return Vec::new();
        };
        let (verdict, role) = if ran.failures.is_empty() {
            (theme.pick("✓ passed", "+ passed"), Role::Ok)
        } else {
            (theme.pick("✗ failed", "x failed"), Role::Fail)
        };
        let wrong = ran
            .failures
            .first()
            .map(|(checker, message)| format!("{checker}: {message}"));
        vec![
            Cell::new(verdict, theme.style(role)),
            Cell::new(ran.seed.to_string(), theme.style(Role::Text)),
            Cell::new(number(ran.events), theme.style(Role::Muted)),
            Cell::new(number(ran.faults), theme.style(Role::Muted)),
            Cell::new(wrong.unwrap_or_default(), theme.style(role)),
        ]
    };
    let table = Table {
        columns: &COLUMNS,
        len: campaign.len(),
        row: &row,
        selected: Some(campaign.selected),
        look: table_look(theme),
        head: true,
    };
    StatefulWidget::render(&table, list, buf, cache.offset(model, Pane::Rows));
}
