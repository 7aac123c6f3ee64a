//! A table that is given the rows that are seen and no others.

use std::borrow::Cow;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::StatefulWidget;

use super::{put, put_right, small, window};

/// How wide a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// So many cells.
    Cells(u16),
    /// At least so many, and a share of what is left.
    Share(u16, u16),
}

impl Width {
    const fn least(self) -> u16 {
        match self {
            Self::Cells(cells) | Self::Share(cells, _) => cells,
        }
    }
}

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its head.
    pub title: &'static str,
    /// How wide it is.
    pub width: Width,
    /// Whether its cells end at its right edge.
    pub right: bool,
    /// Where there is not room for all, columns of a greater number go first; those of 0 stay.
    pub drop: u8,
}

impl Column {
    /// A column of so many cells that is always there.
    pub const fn cells(title: &'static str, cells: u16) -> Self {
        Self {
            title,
            width: Width::Cells(cells),
            right: false,
            drop: 0,
        }
    }

    /// A column that takes a share of what is left.
    pub const fn share(title: &'static str, least: u16, share: u16) -> Self {
        Self {
            title,
            width: Width::Share(least, share),
            right: false,
            drop: 0,
        }
    }

    /// The same, and its cells end at its right edge.
    #[must_use]
    pub const fn right(self) -> Self {
        Self {
            right: true,
            ..self
        }
    }

    /// The same, and it goes where there is not enough room.
    #[must_use]
    pub const fn drop(self, drop: u8) -> Self {
        Self { drop, ..self }
    }
}

/// What stands in a column of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell<'a> {
    /// What it says.
    pub text: Cow<'a, str>,
    /// What it looks like.
    pub style: Style,
}

impl<'a> Cell<'a> {
    /// A cell.
    pub fn new(text: impl Into<Cow<'a, str>>, style: Style) -> Self {
        Self {
            text: text.into(),
            style,
        }
    }
}

/// What the table looks like.
#[derive(Clone, Copy, Debug, Default)]
pub struct Look {
    /// The heads of the columns.
    pub head: Style,
    /// The selected row.
    pub selected: Style,
    /// What stands before the selected row, two cells.
    pub pointer: &'static str,
}

/// A table; its state is the number of the first row that is seen.
pub struct Table<'a> {
    /// The columns.
    pub columns: &'a [Column],
    /// How many rows there are.
    pub len: usize,
    /// The cells of a row.
    pub row: &'a dyn Fn(usize) -> Vec<Cell<'a>>,
    /// The selected row.
    pub selected: Option<usize>,
    /// What it looks like.
    pub look: Look,
    /// Whether it has a head.
    pub head: bool,
}

impl std::fmt::Debug for Table<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table")
            .field("columns", &self.columns)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

/// Cells before the first column: the pointer.
const MARGIN: u16 = 2;

impl StatefulWidget for &Table<'_> {
    type State = usize;

    fn render(self, area: Rect, buf: &mut Buffer, offset: &mut usize) {
        let area = area.intersection(buf.area);
        if area.is_empty() {
            return;
        }
        let places = layout(self.columns, area.width.saturating_sub(MARGIN));
        let mut rows = area;
        if self.head {
            for (column, place) in self.columns.iter().zip(&places) {
                if let Some((x, width)) = *place {
                    let at = Rect::new(area.x + MARGIN + x, area.y, width, 1);
                    line(buf, at, column, column.title, self.look.head);
                }
            }
            rows.y += 1;
            rows.height -= 1;
        }
        let seen = window(offset, self.selected, self.len, rows.height);
        for (index, y) in seen.zip(rows.y..) {
            let selected = self.selected == Some(index);
            for (cell, (column, place)) in (self.row)(index)
                .iter()
                .zip(self.columns.iter().zip(&places))
            {
                if let Some((x, width)) = *place {
                    let at = Rect::new(area.x + MARGIN + x, y, width, 1);
                    line(buf, at, column, &cell.text, cell.style);
                }
            }
            if selected {
                let whole = Rect::new(area.x, y, area.width, 1);
                put(
                    buf,
                    whole,
                    (area.x, y),
                    self.look.pointer,
                    self.look.selected,
                );
                buf.set_style(whole, self.look.selected);
            }
        }
    }
}

fn line(buf: &mut Buffer, at: Rect, column: &Column, text: &str, style: Style) {
    let right = column.right && put_right(buf, at, at.y, text, style) > 0;
    if !right {
        put(buf, at, (at.x, at.y), text, style);
    }
}

/// Where each column begins and how wide it is; `None` for those that have no room.
fn layout(columns: &[Column], room: u16) -> Vec<Option<(u16, u16)>> {
    let mut shown: Vec<bool> = columns.iter().map(|_| true).collect();
    let needed = |shown: &[bool]| -> usize {
        let each = columns.iter().zip(shown).filter(|(_, shown)| **shown);
        each.map(|(column, _)| usize::from(column.width.least()) + 1)
            .sum::<usize>()
            .saturating_sub(1)
    };
    while needed(&shown) > usize::from(room) {
        let still = columns
            .iter()
            .enumerate()
            .filter(|(index, column)| shown[*index] && column.drop > 0);
        match still.max_by_key(|(index, column)| (column.drop, *index)) {
            Some((index, _)) => shown[index] = false,
            None => break,
        }
    }
    let spare = usize::from(room).saturating_sub(needed(&shown));
    let shares = columns.iter().zip(&shown).filter(|(_, shown)| **shown);
    let shares: usize = shares.map(|(column, _)| share(column)).sum();
    let mut x = 0_usize;
    let mut given = 0;
    let mut seen = 0;
    let places = columns.iter().zip(&shown).map(|(column, shown)| {
        if !shown || x >= usize::from(room) {
            return None;
        }
        seen += share(column);
        // What rounding leaves goes to later columns, so that all is given out.
        let upto = (spare * seen).checked_div(shares).unwrap_or(0);
        let width = usize::from(column.width.least()) + upto - given;
        given = upto;
        let place = (small(x), small(width.min(usize::from(room) - x)));
        x += width + 1;
        Some(place)
    });
    places.collect()
}

fn share(column: &Column) -> usize {
    match column.width {
        Width::Cells(_) => 0,
        Width::Share(_, share) => usize::from(share),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell as Counter;

    use super::*;

    const COLUMNS: [Column; 3] = [
        Column::cells("N", 3).right(),
        Column::share("NAME", 4, 1),
        Column::cells("MORE", 4).drop(1),
    ];

    fn drawn(width: u16, height: u16, offset: &mut usize, selected: usize) -> Buffer {
        let asked = Counter::new(0);
        let row = |index: usize| {
            asked.set(asked.get() + 1);
            let plain = Style::new();
            vec![
                Cell::new(index.to_string(), plain),
                Cell::new("name", plain),
                Cell::new("more", plain),
            ]
        };
        let table = Table {
            columns: &COLUMNS,
            len: 1_000_000,
            row: &row,
            selected: Some(selected),
            look: Look {
                pointer: "> ",
                ..Look::default()
            },
            head: true,
        };
        let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
        StatefulWidget::render(&table, buf.area, &mut buf, offset);
        assert!(asked.get() <= usize::from(height));
        buf
    }

    #[test]
    fn only_what_is_seen_is_asked_for() {
        let mut offset = 0;
        let buf = drawn(20, 4, &mut offset, 700_001);
        assert_eq!(offset, 699_999);
        let expected = [
            "    N NAME      MORE",
            "  69… name      more",
            "  70… name      more",
            "> 70… name      more",
        ];
        assert_eq!(buf, Buffer::with_lines(expected));
    }

    #[test]
    fn columns_go_where_there_is_not_enough_room() {
        let buf = drawn(12, 2, &mut 0, 0);
        assert_eq!(buf, Buffer::with_lines(["    N NAME  ", ">   0 name  "]));
        for width in 0..6 {
            drawn(width, 2, &mut 0, 0);
        }
    }
}
