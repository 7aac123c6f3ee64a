//! Bars over time, with the long gaps in which nothing happens folded to a few cells.
//!
//! [`Axis`] says where a time is: a list of segments, some of them folded, each with its place in cells. Zooming makes
//! the open segments wider; folded ones always take [`FOLDED`] cells.

use std::borrow::Cow;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::StatefulWidget;

use super::{cells, cut, dot, put, window};

/// Cells of a folded gap.
pub const FOLDED: u32 = 7;

/// At most so many gaps are folded: more would leave no room for what happens.
const MOST_FOLDED: usize = 8;

/// A piece of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Segment {
    from: i64,
    to: i64,
    folded: bool,
    /// Where it begins, in cells from the beginning of all time.
    cell: u32,
    cells: u32,
}

/// Where times are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Axis {
    segments: Vec<Segment>,
}

impl Axis {
    /// All of time from the first to the last of some moments, on `width` cells, `zoom` times wider; `moments` are
    /// sorted. With `fold`, gaps that would take most of the room are folded.
    pub fn new(moments: &[i64], width: u16, zoom: u32, fold: bool) -> Self {
        let (Some(&first), Some(&last)) = (moments.first(), moments.last()) else {
            return Self::default();
        };
        let mut gaps = if fold {
            longest_gaps(moments, u64::from(width))
        } else {
            Vec::new()
        };
        gaps.sort_unstable();
        let folded = gaps.iter().fold(0_i64, |sum, (from, to)| {
            sum.saturating_add(to.saturating_sub(*from))
        });
        let open = last.saturating_sub(first).saturating_sub(folded).max(1);
        let fixed = FOLDED * u32::try_from(gaps.len()).unwrap_or(0);
        let room = u32::from(width).saturating_sub(fixed).max(1) * zoom.max(1);
        let mut segments = Vec::new();
        let mut cell = 0;
        let mut push = |from: i64, to: i64, is_folded: bool| {
            let share = scale(to.saturating_sub(from), open, room);
            let cells = if is_folded { FOLDED } else { share };
            segments.push(Segment {
                from,
                to,
                folded: is_folded,
                cell,
                cells,
            });
            cell += cells;
        };
        let mut at = first;
        for (from, to) in gaps {
            push(at, from, false);
            push(from, to, true);
            at = to;
        }
        push(at, last, false);
        Self { segments }
    }

    /// How many cells all of it takes.
    pub fn cells(&self) -> u32 {
        self.segments
            .last()
            .map_or(0, |last| last.cell + last.cells)
    }

    /// The cell of a moment.
    pub fn place(&self, time: i64) -> u32 {
        let after = self
            .segments
            .partition_point(|segment| segment.from <= time);
        let Some(segment) = after
            .checked_sub(1)
            .and_then(|index| self.segments.get(index))
        else {
            return 0;
        };
        let into = time.min(segment.to).saturating_sub(segment.from);
        let span = segment.to.saturating_sub(segment.from).max(1);
        // The last moment is in the last cell, not behind it.
        segment.cell + scale(into, span, segment.cells.saturating_sub(1))
    }

    /// The moment at which a cell begins.
    pub fn moment(&self, cell: u32) -> i64 {
        let after = self
            .segments
            .partition_point(|segment| segment.cell <= cell);
        let Some(segment) = after
            .checked_sub(1)
            .and_then(|index| self.segments.get(index))
        else {
            return 0;
        };
        let into = cell.saturating_sub(segment.cell).min(segment.cells);
        let span = i128::from(segment.to.saturating_sub(segment.from));
        let part = span * i128::from(into) / i128::from(segment.cells.max(1));
        segment
            .from
            .saturating_add(i64::try_from(part).unwrap_or(i64::MAX))
    }

    /// The folded gaps: the first cell of each, and how long it is in nanoseconds.
    pub fn gaps(&self) -> impl Iterator<Item = (u32, i64)> {
        let folded = self.segments.iter().filter(|segment| segment.folded);
        folded.map(|segment| (segment.cell, segment.to.saturating_sub(segment.from)))
    }
}

fn scale(part: i64, whole: i64, room: u32) -> u32 {
    let scaled = i128::from(part.max(0)) * i128::from(room) / i128::from(whole.max(1));
    u32::try_from(scaled).unwrap_or(u32::MAX).min(room)
}

/// The gaps that would take more than twenty cells and a third of the room, and leave everything else too little: each of them is three times
/// as long as the longest that is not folded.
fn longest_gaps(moments: &[i64], width: u64) -> Vec<(i64, i64)> {
    let each = moments
        .windows(2)
        .map(|pair| (pair[1].saturating_sub(pair[0]), pair[0], pair[1]));
    // A few of the longest are enough; there may be many moments.
    let mut longest: Vec<(i64, i64, i64)> = Vec::new();
    for gap in each {
        if longest.len() <= MOST_FOLDED || longest.last().is_some_and(|least| gap.0 > least.0) {
            let at = longest.partition_point(|other| other.0 >= gap.0);
            longest.insert(at, gap);
            longest.truncate(MOST_FOLDED + 1);
        }
    }
    let span = |moments: &[i64]| Some(moments.last()?.saturating_sub(*moments.first()?));
    let mut left = i128::from(span(moments).unwrap_or(0));
    let mut folds = 0;
    for (place, gap) in longest.iter().enumerate().take(MOST_FOLDED) {
        let length = i128::from(gap.0);
        if length * i128::from(width) <= left * 20 || length * 3 <= left {
            break;
        }
        left -= length;
        let dwarfs = |next: &(i64, i64, i64)| length >= i128::from(next.0) * 3;
        if longest.get(place + 1).is_some_and(dwarfs) {
            folds = place + 1;
        }
    }
    longest
        .into_iter()
        .take(folds)
        .map(|(_, from, to)| (from, to))
        .collect()
}

/// How a bar is drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bar<'a> {
    /// What stands left of it.
    pub label: Cow<'a, str>,
    /// What the label looks like.
    pub label_style: Style,
    /// When it begins.
    pub from: i64,
    /// When it ends; `None` while it goes on.
    pub to: Option<i64>,
    /// The glyph of the line.
    pub line: &'static str,
    /// What the line looks like.
    pub style: Style,
    /// Moments on it, each with a glyph.
    pub marks: Vec<(i64, &'static str, Style)>,
}

/// What bars are drawn with.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// The selected row.
    pub selected: Style,
    /// What stands before the selected row.
    pub pointer: &'static str,
    /// Folded gaps and the scale.
    pub muted: Style,
    /// The edge and the inside of a folded gap.
    pub gap: (&'static str, &'static str),
    /// A line that goes on.
    pub going_on: &'static str,
}

/// Bars over time; its state is the number of the first row that is seen.
pub struct Timeline<'a> {
    /// Where times are.
    pub axis: &'a Axis,
    /// The first cell that is seen.
    pub pan: u32,
    /// Cells of the labels.
    pub labels: u16,
    /// How many bars there are.
    pub len: usize,
    /// A bar.
    pub bar: &'a dyn Fn(usize) -> Bar<'a>,
    /// The selected bar.
    pub selected: Option<usize>,
    /// What the scale says at a moment.
    pub tick: &'a dyn Fn(i64) -> String,
    /// How long a folded gap is, in few cells.
    pub span: &'a dyn Fn(i64) -> String,
    /// What it looks like.
    pub look: Look,
}

impl std::fmt::Debug for Timeline<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Timeline")
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

impl StatefulWidget for &Timeline<'_> {
    type State = usize;

    fn render(self, area: Rect, buf: &mut Buffer, offset: &mut usize) {
        let area = area.intersection(buf.area);
        if area.is_empty() {
            return;
        }
        let labels = self.labels.min(area.width);
        let (head, plot, rows) = cut(area, labels);
        self.scale(head, buf);
        let seen = window(offset, self.selected, self.len, rows.height);
        for (index, y) in seen.zip(rows.y..) {
            let bar = (self.bar)(index);
            let label = Rect::new(area.x, y, labels.saturating_sub(1), 1);
            put(buf, label, (area.x + 2, y), &bar.label, bar.label_style);
            self.line(&bar, Rect::new(plot.x, y, plot.width, 1), buf);
            if self.selected == Some(index) {
                put(
                    buf,
                    label,
                    (area.x, y),
                    self.look.pointer,
                    self.look.selected,
                );
                buf.set_style(label, self.look.selected);
            }
        }
    }
}

impl Timeline<'_> {
    /// The cell on the screen of a cell of the axis, if it is seen.
    fn seen(&self, plot: Rect, cell: u32) -> Option<u16> {
        let x = u16::try_from(cell.checked_sub(self.pan)?).ok()?;
        (x < plot.width).then(|| plot.x + x)
    }

    fn scale(&self, plot: Rect, buf: &mut Buffer) {
        let mut free = 0;
        let gaps: Vec<_> = self.axis.gaps().collect();
        let mut x = 0;
        while x < plot.width {
            let cell = self.pan + u32::from(x);
            let gap = gaps
                .iter()
                .find(|(from, _)| (*from..*from + FOLDED).contains(&cell));
            let (text, step) = match gap {
                Some((from, length)) => {
                    let left = FOLDED - (cell - from);
                    ((self.span)(*length), u16::try_from(left).unwrap_or(1))
                }
                None if cell > self.axis.cells() => break,
                None => ((self.tick)(self.axis.moment(cell)), 10),
            };
            if x >= free {
                let until =
                    gap.map_or_else(|| plot.right(), |_| plot.x + (x + step).min(plot.width));
                let at = Rect {
                    width: until - plot.x,
                    ..plot
                };
                if gap.is_some() || plot.x + x + cells(&text) < plot.right() {
                    put(buf, at, (plot.x + x, plot.y), &text, self.look.muted);
                }
                free = x + if gap.is_some() {
                    step
                } else {
                    cells(&text) + 1
                };
            }
            // The next scale mark stands at the next gap or ten cells on.
            let next_gap = gaps.iter().map(|(from, _)| *from).find(|from| *from > cell);
            let upto = next_gap.map_or_else(
                || u32::from(step),
                |from| (from - cell).min(u32::from(step)),
            );
            x += u16::try_from(upto).unwrap_or(step).max(1);
        }
    }

    fn line(&self, bar: &Bar<'_>, plot: Rect, buf: &mut Buffer) {
        let from = self.axis.place(bar.from);
        let to = bar.to.map_or_else(
            || self.axis.cells().saturating_sub(1),
            |to| self.axis.place(to),
        );
        let glyph = if bar.to.is_some() {
            bar.line
        } else {
            self.look.going_on
        };
        let first = from.max(self.pan);
        let last = to.min(self.pan + u32::from(plot.width));
        for cell in first..=last.max(first) {
            if to > from
                && cell <= last
                && let Some(x) = self.seen(plot, cell)
            {
                dot(buf, plot, (x, plot.y), glyph, bar.style);
            }
        }
        for (from, _) in self.axis.gaps() {
            for cell in from..from + FOLDED {
                if let Some(x) = self.seen(plot, cell) {
                    let edge = cell == from || cell == from + FOLDED - 1;
                    let glyph = if edge {
                        self.look.gap.0
                    } else {
                        self.look.gap.1
                    };
                    if edge
                        || (bar.from <= self.axis.moment(from)
                            && bar.to.is_none_or(|to| self.axis.place(to) > cell))
                    {
                        dot(buf, plot, (x, plot.y), glyph, self.look.muted);
                    }
                }
            }
        }
        for (time, glyph, style) in &bar.marks {
            if let Some(x) = self.seen(plot, self.axis.place(*time)) {
                dot(buf, plot, (x, plot.y), glyph, *style);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn months_of_waiting_take_seven_cells() {
        let day = 86_400 * SECOND;
        let moments = [
            0,
            SECOND,
            2 * SECOND,
            90 * day,
            90 * day + SECOND,
            90 * day + 3 * SECOND,
        ];
        let axis = Axis::new(&moments, 80, 1, true);
        assert_eq!(axis.gaps().count(), 1);
        assert!(axis.place(2 * SECOND) > 20);
        assert!(axis.place(90 * day) - axis.place(2 * SECOND) <= FOLDED + 1);
        let flat = Axis::new(&moments, 80, 1, false);
        assert_eq!(flat.place(2 * SECOND), 0);
    }

    #[test]
    fn even_times_are_not_folded() {
        let moments: Vec<i64> = (0..50).map(|n| n * SECOND).collect();
        assert_eq!(Axis::new(&moments, 80, 1, true).gaps().count(), 0);
    }

    proptest! {
        #[test]
        fn later_is_never_left_of_earlier(
            mut moments in prop::collection::vec(any::<i64>(), 1..40), width in 0_u16..200, zoom in 1_u32..64, fold: bool,
        ) {
            moments.sort_unstable();
            let axis = Axis::new(&moments, width, zoom, fold);
            let places: Vec<u32> = moments.iter().map(|time| axis.place(*time)).collect();
            prop_assert!(places.is_sorted());
            prop_assert!(places.iter().all(|place| *place <= axis.cells()));
        }
    }
}
