//! Widgets that know nothing of the application: they draw the window that is seen, whatever lies behind it.

pub mod spacetime;
pub mod table;
pub mod timeline;
pub mod tree;

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::text;

/// Puts a text on one line of an area, cleaned and cut; returns the cells that it took.
pub fn put(buf: &mut Buffer, area: Rect, at: (u16, u16), text: &str, style: Style) -> u16 {
    let area = area.intersection(buf.area);
    let (x, y) = at;
    if y < area.top() || y >= area.bottom() || x < area.left() || x >= area.right() {
        return 0;
    }
    let room = area.right() - x;
    let shown = text::fit(text, usize::from(room));
    let (end, _) = buf.set_stringn(x, y, &shown, usize::from(room), style);
    end - x
}

/// Puts a text so that it ends at the right edge of an area; what does not fit is left out.
pub fn put_right(buf: &mut Buffer, area: Rect, y: u16, text: &str, style: Style) -> u16 {
    let cells = cells(text);
    if cells > area.width {
        return 0;
    }
    put(buf, area, (area.right() - cells, y), text, style)
}

/// Puts one glyph into a cell, if the cell is there.
pub fn dot(buf: &mut Buffer, area: Rect, at: (u16, u16), glyph: &str, style: Style) {
    let inside = area.intersection(buf.area).contains(at.into());
    if inside && let Some(cell) = buf.cell_mut(at) {
        cell.set_symbol(glyph).set_style(style);
    }
}

/// How many cells a text takes.
pub fn cells(text: &str) -> u16 {
    small(text::width(text))
}

/// A number as cells; what is larger than any terminal is the largest.
pub fn small(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

/// Cuts a widget that has a column at its left and a line at its head: that line and everything, both beside the column,
/// and the rows under the line. The area has a line at least.
pub fn cut(area: Rect, left: u16) -> (Rect, Rect, Rect) {
    let left = left.min(area.width);
    let plot = Rect {
        x: area.x + left,
        width: area.width - left,
        ..area
    };
    let rows = Rect {
        y: area.y + 1,
        height: area.height - 1,
        ..area
    };
    (Rect { height: 1, ..plot }, plot, rows)
}

/// The rows that are seen: the offset moves as little as shows the selection.
pub fn window(
    offset: &mut usize,
    selected: Option<usize>,
    len: usize,
    height: u16,
) -> Range<usize> {
    let height = usize::from(height);
    if let Some(selected) = selected.map(|selected| selected.min(len.saturating_sub(1))) {
        if selected < *offset {
            *offset = selected;
        } else if selected >= *offset + height {
            *offset = (selected + 1).saturating_sub(height);
        }
    }
    *offset = (*offset).min(len.saturating_sub(height));
    *offset..(*offset + height).min(len)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_selection_is_always_seen(
            offset in 0_usize..100, selected in 0_usize..100, len in 1_usize..100, height in 1_u16..50,
        ) {
            let mut offset = offset;
            let seen = window(&mut offset, Some(selected), len, height);
            prop_assert!(seen.contains(&selected.min(len - 1)));
            prop_assert!(seen.end <= len && seen.len() <= usize::from(height));
            // No empty rows while there are rows above.
            prop_assert!(seen.start == 0 || seen.len() == usize::from(height));
        }
    }

    #[test]
    fn nothing_is_drawn_outside() {
        let mut buf = Buffer::empty(Rect::new(0, 0, 4, 2));
        let all = buf.area;
        assert_eq!(put(&mut buf, all, (9, 9), "x", Style::new()), 0);
        assert_eq!(
            put(
                &mut buf,
                Rect::new(0, 0, 90, 90),
                (2, 1),
                "abc",
                Style::new()
            ),
            2
        );
        dot(
            &mut buf,
            Rect::new(0, 0, 90, 90),
            (50, 50),
            "x",
            Style::new(),
        );
        assert_eq!(put_right(&mut buf, all, 0, "too long", Style::new()), 0);
        assert_eq!(buf, Buffer::with_lines(["    ", "  a…"]));
    }
}
