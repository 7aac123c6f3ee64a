//! A picture of what happens in many places: a lane for each place, time downwards, messages as arrows.
//!
//! A row is one event. The widget is given the rows that are seen, and asks for each whether a lane goes on there.

use std::borrow::Cow;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::StatefulWidget;

use super::{cut, dot, put, small, window};
use crate::text;

/// How a lane is at a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alive {
    /// It goes on.
    Yes,
    /// It stands still.
    Paused,
    /// It is not there.
    No,
}

/// A lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane<'a> {
    /// What stands above it.
    pub name: Cow<'a, str>,
    /// What it looks like.
    pub style: Style,
}

/// An event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row<'a> {
    /// What stands left of the lanes.
    pub lead: Cow<'a, str>,
    /// The lane on which it happens; none if it concerns all of them.
    pub at: Option<usize>,
    /// The lane from which a message came.
    pub from: Option<usize>,
    /// Its glyph.
    pub glyph: &'static str,
    /// What it says.
    pub label: Cow<'a, str>,
    /// What it looks like.
    pub style: Style,
    /// Whether a message was lost on its way.
    pub lost: bool,
}

/// What the picture is drawn with.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// The selected row.
    pub selected: Style,
    /// The selected lane's name.
    pub lane: Style,
    /// Times and numbers.
    pub muted: Style,
    /// What stands before the selected row, two cells.
    pub pointer: &'static str,
    /// A lane that goes on, and one that stands still.
    pub down: (&'static str, &'static str),
    /// The line of a message, and its head to the right and to the left.
    pub across: (&'static str, &'static str, &'static str),
    /// Where a message was lost.
    pub lost: &'static str,
}

/// The picture; its state is the number of the first row that is seen.
pub struct SpaceTime<'a> {
    /// The lanes.
    pub lanes: &'a [Lane<'a>],
    /// The first lane that is seen.
    pub first_lane: usize,
    /// The selected lane.
    pub lane: Option<usize>,
    /// Cells left of the lanes.
    pub lead: u16,
    /// How many rows there are.
    pub len: usize,
    /// A row.
    pub row: &'a dyn Fn(usize) -> Row<'a>,
    /// How a lane is at a row.
    pub alive: &'a dyn Fn(usize, usize) -> Alive,
    /// The selected row.
    pub selected: Option<usize>,
    /// What it looks like.
    pub look: Look,
}

impl std::fmt::Debug for SpaceTime<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SpaceTime")
            .field("lanes", &self.lanes)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

/// A lane is at least so wide, and at most.
const LANE: (u16, u16) = (5, 16);

impl SpaceTime<'_> {
    /// How wide a lane is, and how many are seen.
    pub fn lane_cells(lanes: usize, room: u16) -> (u16, usize) {
        let each = room
            .checked_div(small(lanes))
            .unwrap_or(room)
            .clamp(LANE.0, LANE.1);
        (each, usize::from(room / each).min(lanes))
    }

    /// The cell of a lane, if it is seen.
    fn place(&self, area: Rect, lane: usize) -> Option<u16> {
        let (each, seen) = Self::lane_cells(self.lanes.len(), area.width);
        let column = lane
            .checked_sub(self.first_lane)
            .filter(|column| *column < seen)?;
        Some(area.x + small(column) * each + each / 2)
    }

    fn head(&self, area: Rect, buf: &mut Buffer) {
        let (each, seen) = Self::lane_cells(self.lanes.len(), area.width);
        for (column, lane) in self
            .lanes
            .iter()
            .enumerate()
            .skip(self.first_lane)
            .take(seen)
        {
            let x = area.x + small(column - self.first_lane) * each;
            let cell = Rect {
                x,
                width: each.saturating_sub(1),
                ..area
            };
            let name = short(&lane.name, usize::from(cell.width));
            let inset = (cell.width - super::cells(&name).min(cell.width)) / 2;
            let style = if self.lane == Some(column) {
                lane.style.patch(self.look.lane)
            } else {
                lane.style
            };
            put(buf, cell, (cell.x + inset, cell.y), &name, style);
        }
    }

    fn event(&self, row: &Row<'_>, index: usize, area: Rect, buf: &mut Buffer) {
        for lane in 0..self.lanes.len() {
            if let Some(x) = self.place(area, lane) {
                let glyph = match (self.alive)(index, lane) {
                    Alive::Yes => self.look.down.0,
                    Alive::Paused => self.look.down.1,
                    Alive::No => " ",
                };
                dot(buf, area, (x, area.y), glyph, self.lanes[lane].style);
            }
        }
        let Some(at) = row.at else {
            let label = format!("{} {}", row.glyph, row.label);
            put(buf, area, (area.x, area.y), &label, row.style);
            return;
        };
        // What happens on a lane that is not seen happens at the edge.
        let edge = if at < self.first_lane {
            area.x
        } else {
            area.right().saturating_sub(1)
        };
        let x = self.place(area, at).unwrap_or(edge);
        let Some(from) = row.from else {
            dot(buf, area, (x, area.y), row.glyph, row.style);
            self.label(x + 2, &row.label, row.style, area, buf);
            return;
        };
        let edge = if from < self.first_lane {
            area.x
        } else {
            area.right().saturating_sub(1)
        };
        let start = self.place(area, from).unwrap_or(edge);
        let (left, right) = (start.min(x), start.max(x));
        for between in left + 1..right {
            dot(buf, area, (between, area.y), self.look.across.0, row.style);
        }
        let head = if start <= x {
            self.look.across.1
        } else {
            self.look.across.2
        };
        if row.lost {
            dot(
                buf,
                area,
                ((left + right) / 2, area.y),
                self.look.lost,
                row.style,
            );
        } else if right > left {
            let before = if start <= x { x - 1 } else { x + 1 };
            dot(buf, area, (before, area.y), head, row.style);
        }
        dot(buf, area, (start, area.y), row.glyph, row.style);
        if !row.lost {
            dot(buf, area, (x, area.y), row.glyph, row.style);
        }
        let room = right.saturating_sub(left + 4);
        if usize::from(room) >= text::width(&row.label) {
            let inside = Rect {
                x: left + 2,
                width: room,
                ..area
            };
            put(buf, inside, (inside.x, area.y), &row.label, row.style);
        } else {
            self.label(right + 2, &row.label, row.style, area, buf);
        }
    }

    fn label(&self, x: u16, label: &str, style: Style, area: Rect, buf: &mut Buffer) {
        if x >= area.right() {
            return;
        }
        let end = put(buf, area, (x, area.y), label, style);
        // A blank after it, so that the lanes that it covers do not read as a part of it.
        if end > 0 {
            dot(buf, area, (x.saturating_sub(1), area.y), " ", style);
            dot(buf, area, (x + end, area.y), " ", style);
        }
    }
}

impl StatefulWidget for &SpaceTime<'_> {
    type State = usize;

    fn render(self, area: Rect, buf: &mut Buffer, offset: &mut usize) {
        let area = area.intersection(buf.area);
        if area.is_empty() {
            return;
        }
        let lead = self.lead.min(area.width);
        let (head, lanes, rows) = cut(area, lead);
        self.head(head, buf);
        let seen = window(offset, self.selected, self.len, rows.height);
        for (index, y) in seen.zip(rows.y..) {
            let row = (self.row)(index);
            let left = Rect {
                y,
                height: 1,
                width: lead,
                ..area
            };
            put(buf, left, (left.x + 2, y), &row.lead, self.look.muted);
            self.event(
                &row,
                index,
                Rect {
                    y,
                    height: 1,
                    ..lanes
                },
                buf,
            );
            if self.selected == Some(index) {
                put(
                    buf,
                    left,
                    (left.x, y),
                    self.look.pointer,
                    self.look.selected,
                );
                buf.set_style(left, self.look.selected);
            }
        }
    }
}

/// A name in few cells: what tells it from its likes stays, so that `worker-2` is `wo-2`.
fn short(name: &str, cells: usize) -> Cow<'_, str> {
    if text::width(name) <= cells {
        return text::clean(name);
    }
    let (head, tail) = match name.rsplit_once('-') {
        Some((head, tail)) if tail.len() + 1 < cells && tail.is_ascii() => {
            (head, format!("-{tail}"))
        }
        _ => (name, String::new()),
    };
    let room = cells - tail.len();
    let head: String = text::clean(head).chars().take(room).collect();
    Cow::Owned(text::fit(&format!("{head}{tail}"), cells).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Look = Look {
        selected: Style::new(),
        lane: Style::new(),
        muted: Style::new(),
        pointer: "> ",
        down: ("|", ":"),
        across: ("-", ">", "<"),
        lost: "x",
    };

    fn drawn(width: u16) -> Buffer {
        let lanes: Vec<Lane<'_>> = ["a", "b", "c"]
            .iter()
            .map(|name| Lane {
                name: (*name).into(),
                style: Style::new(),
            })
            .collect();
        let row = |index: usize| match index {
            0 => Row {
                lead: "1".into(),
                at: Some(0),
                glyph: "!",
                label: "dies".into(),
                ..Row::default()
            },
            1 => Row {
                lead: "2".into(),
                at: Some(2),
                from: Some(0),
                glyph: "o",
                label: "hello".into(),
                ..Row::default()
            },
            2 => Row {
                lead: "3".into(),
                at: Some(0),
                from: Some(1),
                glyph: "o",
                lost: true,
                ..Row::default()
            },
            _ => Row {
                lead: "4".into(),
                glyph: "=",
                label: "calm".into(),
                ..Row::default()
            },
        };
        let alive = |index: usize, lane: usize| match (index, lane) {
            (1.., 0) => Alive::No,
            (_, 1) => Alive::Paused,
            _ => Alive::Yes,
        };
        let picture = SpaceTime {
            lanes: &lanes,
            first_lane: 0,
            lane: None,
            lead: 5,
            len: 4,
            row: &row,
            alive: &alive,
            selected: Some(1),
            look: LOOK,
        };
        let mut buf = Buffer::empty(Rect::new(0, 0, width, 5));
        (&picture).render(buf.area, &mut buf, &mut 0);
        buf
    }

    #[test]
    fn messages_are_arrows_between_lanes() {
        let expected = [
            "        a       b       c    ",
            "  1      ! dies :       |    ",
            "> 2      o-hello-------->o   ",
            "  3      o---x---:       |   ",
            "  4  = calm                  ",
        ];
        let buf = drawn(29);
        for (row, line) in expected.iter().enumerate() {
            let text: String = buf.content()[row * 29..(row + 1) * 29]
                .iter()
                .map(ratatui::buffer::Cell::symbol)
                .collect();
            assert_eq!(
                text.split_whitespace().next(),
                line.split_whitespace().next(),
                "{text}"
            );
        }
        let text: String = buf.content()[2 * 29..3 * 29]
            .iter()
            .map(ratatui::buffer::Cell::symbol)
            .collect();
        assert!(text.contains("hello") && text.contains('>'), "{text}");
        let text: String = buf.content()[3 * 29..4 * 29]
            .iter()
            .map(ratatui::buffer::Cell::symbol)
            .collect();
        assert!(text.contains('x'), "{text}");
    }

    #[test]
    fn names_in_few_cells_differ() {
        assert_eq!(short("worker-2", 4), "wo-2");
        assert_eq!(short("accounts", 4), "acco");
        assert_eq!(short("n1", 4), "n1");
        assert_eq!(short("worker-2", 0), "");
    }

    #[test]
    fn no_terminal_is_too_small() {
        for width in 0..30 {
            drawn(width);
        }
    }
}
