//! A selection in a list, and how keys move it.

use crate::keymap::Action;

/// Moves a selection within so many rows; whether the action was one that does.
pub fn moved(selected: &mut usize, len: usize, page: usize, action: Action) -> bool {
    let last = len.saturating_sub(1);
    let half = (page / 2).max(1);
    *selected = match action {
        Action::Down => *selected + 1,
        Action::Up => selected.saturating_sub(1),
        Action::Top => 0,
        Action::Bottom => last,
        Action::HalfDown => *selected + half,
        Action::HalfUp => selected.saturating_sub(half),
        Action::PageDown => *selected + page,
        Action::PageUp => selected.saturating_sub(page),
        _ => return false,
    }
    .min(last);
    true
}

/// The next of some sorted places after one, or before it; around the end.
pub fn next(places: &[usize], from: usize, forward: bool) -> Option<usize> {
    if forward {
        let after = places.partition_point(|place| *place <= from);
        places.get(after).or_else(|| places.first()).copied()
    } else {
        let before = places.partition_point(|place| *place < from);
        before
            .checked_sub(1)
            .and_then(|at| places.get(at))
            .or_else(|| places.last())
            .copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_stays_within() {
        let mut selected = 0;
        for (action, expected) in [
            (Action::Up, 0),
            (Action::Down, 1),
            (Action::PageDown, 6),
            (Action::HalfDown, 8),
            (Action::PageDown, 9),
            (Action::Top, 0),
            (Action::Bottom, 9),
            (Action::HalfUp, 7),
        ] {
            assert!(moved(&mut selected, 10, 5, action));
            assert_eq!(selected, expected, "{action:?}");
        }
        assert!(!moved(&mut selected, 10, 5, Action::Open));
        moved(&mut selected, 0, 5, Action::Down);
        assert_eq!(selected, 0);
    }

    #[test]
    fn the_next_is_found_around_the_end() {
        let places = [3, 7, 9];
        assert_eq!(next(&places, 3, true), Some(7));
        assert_eq!(next(&places, 9, true), Some(3));
        assert_eq!(next(&places, 3, false), Some(9));
        assert_eq!(next(&places, 8, false), Some(7));
        assert_eq!(next(&[], 8, false), None);
    }
}
