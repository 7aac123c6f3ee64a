//! The fields of a calendar in text: `*`, `5`, `1-5`, `*/15`, `10/5`, `mon-fri`, lists of them.

use steadfast_proto::temporal::api::schedule::v1::Range;

/// The years that a calendar knows.
pub(crate) const YEARS: (i32, i32) = (2000, 2100);

/// A field of a calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Second,
    Minute,
    Hour,
    DayOfMonth,
    Month,
    Year,
    DayOfWeek,
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const DAYS: [&str; 7] = [
    "sunday",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
];

impl Field {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Second => "Second",
            Self::Minute => "Minute",
            Self::Hour => "Hour",
            Self::DayOfMonth => "DayOfMonth",
            Self::Month => "Month",
            Self::Year => "Year",
            Self::DayOfWeek => "DayOfWeek",
        }
    }

    /// The least and the greatest value of a range.
    pub(crate) fn bounds(self) -> (i32, i32) {
        match self {
            Self::Second | Self::Minute => (0, 59),
            Self::Hour => (0, 23),
            Self::DayOfMonth => (1, 31),
            Self::Month => (1, 12),
            Self::Year => YEARS,
            Self::DayOfWeek => (0, 6),
        }
    }

    /// What an absent field means.
    fn default_text(self) -> &'static str {
        match self {
            Self::Second | Self::Minute | Self::Hour => "0",
            Self::DayOfMonth | Self::Month | Self::Year | Self::DayOfWeek => "*",
        }
    }

    /// Reads the text of a field; no ranges mean every year.
    ///
    /// # Errors
    /// With Temporal's words.
    // temporal: service/worker/scheduler/calendar.go makeRange.
    pub(crate) fn parse(self, text: &str) -> Result<Vec<Range>, String> {
        let text = match text.trim() {
            "" => self.default_text(),
            text => text,
        };
        if text == "*" && self == Self::Year {
            return Ok(Vec::new());
        }
        let mut ranges = Vec::new();
        for part in text.split(',') {
            self.part(part, &mut ranges)?;
        }
        Ok(ranges)
    }

    fn part(self, part: &str, ranges: &mut Vec<Range>) -> Result<(), String> {
        let name = self.name();
        let (values, step) = match part.split_once('/') {
            None => (part, None),
            Some((_, step)) if step.contains('/') => {
                return Err(format!("{name} has too many slashes"));
            }
            Some((_, "")) => return Err(format!("{name} missing step value")),
            Some((values, step)) => (values, Some(self.step(step)?)),
        };
        let (start, end) = self.values(values, step.is_some())?;
        let step = step.unwrap_or(1);
        if self == Self::DayOfWeek && end == 7 {
            sunday(start, step, ranges);
        } else {
            ranges.push(range(start, end, step));
        }
        Ok(())
    }

    fn step(self, text: &str) -> Result<i32, String> {
        match text.parse::<i32>() {
            Ok(step) if step >= 1 => Ok(step),
            Ok(_) => Err(format!("{} has invalid Step", self.name())),
            Err(_) => Err(format!("strconv.Atoi: parsing {text:?}: invalid syntax")),
        }
    }

    fn values(self, text: &str, has_step: bool) -> Result<(i32, i32), String> {
        let name = self.name();
        let (min, max) = self.written_bounds();
        if text == "*" {
            return Ok((min, max));
        }
        let Some((from, to)) = text.split_once('-') else {
            let start = self
                .value(text, min)
                .ok_or_else(|| format!("{name} is not in range [{min}-{max}]"))?;
            return Ok((start, if has_step { max } else { start }));
        };
        if to.contains('-') {
            return Err(format!("{name} has too many dashes"));
        }
        let start = self
            .value(from, min)
            .ok_or_else(|| format!("{name} Start is not in range [{min}-{max}]"))?;
        let end = self
            .value(to, start)
            .ok_or_else(|| format!("{name} End is before Start or not in range [{min}-{max}]"))?;
        Ok((start, end))
    }

    /// In text, Sunday may also be 7.
    fn written_bounds(self) -> (i32, i32) {
        match self {
            Self::DayOfWeek => (0, 7),
            Self::Second
            | Self::Minute
            | Self::Hour
            | Self::DayOfMonth
            | Self::Month
            | Self::Year => self.bounds(),
        }
    }

    /// A number, or the name of a month or day, or the beginning of it; `None` if it is none or below `min`.
    fn value(self, text: &str, min: i32) -> Option<i32> {
        let named = match self {
            Self::Month if text.len() >= 3 => position(&MONTHS, text).map(|index| index + 1),
            Self::DayOfWeek if text.len() >= 2 => position(&DAYS, text),
            Self::Second
            | Self::Minute
            | Self::Hour
            | Self::DayOfMonth
            | Self::Month
            | Self::Year
            | Self::DayOfWeek => None,
        };
        let value = named.or_else(|| text.parse().ok())?;
        (min..=self.written_bounds().1)
            .contains(&value)
            .then_some(value)
    }
}

fn position(names: &[&str], text: &str) -> Option<i32> {
    let text = text.to_lowercase();
    let index = names.iter().position(|name| name.starts_with(&text))?;
    i32::try_from(index).ok()
}

/// A range that ends on the seventh day, which is day 0 of the week.
fn sunday(start: i32, step: i32, ranges: &mut Vec<Range>) {
    let met = (7 - start) % step == 0;
    if met && (step > 1 || start > 1) {
        ranges.push(range(0, 0, 1));
        if start == 7 {
            return;
        }
    }
    ranges.push(range(start, 6, step));
}

/// A range with what goes without saying left out.
fn range(start: i32, end: i32, step: i32) -> Range {
    Range {
        start,
        end: if end == start { 0 } else { end },
        step: if step == 1 { 0 } else { step },
    }
}

/// The values of a range.
pub(crate) fn values(range: &Range) -> impl Iterator<Item = i32> + use<> {
    let step = usize::try_from(range.step.max(1)).expect("at least one");
    (range.start..=range.end.max(range.start)).step_by(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(field: Field, text: &str) -> Vec<(i32, i32, i32)> {
        let ranges = field.parse(text).unwrap();
        ranges.iter().map(|r| (r.start, r.end, r.step)).collect()
    }

    fn refused(field: Field, text: &str) -> String {
        field.parse(text).unwrap_err()
    }

    fn meets(field: Field, text: &str) -> Vec<i32> {
        let ranges = field.parse(text).unwrap();
        let mut all: Vec<_> = ranges.iter().flat_map(values).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    #[test]
    fn ranges() {
        assert_eq!(parsed(Field::Minute, "13"), [(13, 0, 0)]);
        assert_eq!(parsed(Field::Minute, "13,18,44").len(), 3);
        assert_eq!(parsed(Field::Minute, "13-18"), [(13, 18, 0)]);
        assert_eq!(parsed(Field::Minute, "2-5,11"), [(2, 5, 0), (11, 0, 0)]);
        assert_eq!(parsed(Field::DayOfMonth, "*/3"), [(1, 31, 3)]);
        assert_eq!(parsed(Field::Hour, "2/3"), [(2, 23, 3)]);
        assert_eq!(parsed(Field::Hour, "2-6/4,7-8"), [(2, 6, 4), (7, 8, 0)]);
        assert_eq!(parsed(Field::Month, "Sept"), [(9, 0, 0)]);
        assert_eq!(parsed(Field::DayOfWeek, "mon-Friday"), [(1, 5, 0)]);
        assert_eq!(parsed(Field::Year, "*"), []);
        assert_eq!(parsed(Field::Hour, " "), [(0, 0, 0)]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert_eq!(
            refused(Field::Minute, "133"),
            "Minute is not in range [0-59]"
        );
        assert_eq!(
            refused(Field::Minute, "1,2,"),
            "Minute is not in range [0-59]"
        );
        let backwards = "Minute End is before Start or not in range [0-59]";
        assert_eq!(refused(Field::Minute, "18-13"), backwards);
        assert_eq!(refused(Field::Minute, "1,3,18-13"), backwards);
        assert_eq!(refused(Field::Hour, "2/3/5"), "Hour has too many slashes");
        assert_eq!(refused(Field::Hour, "2/"), "Hour missing step value");
        assert_eq!(refused(Field::Hour, "2/0"), "Hour has invalid Step");
        assert_eq!(
            refused(Field::DayOfWeek, "1-5-7"),
            "DayOfWeek has too many dashes"
        );
        let backwards = "DayOfWeek End is before Start or not in range [0-7]";
        assert_eq!(refused(Field::DayOfWeek, "Fri-Tues"), backwards);
        assert_eq!(refused(Field::DayOfWeek, "monday-"), backwards);
        assert_eq!(
            refused(Field::Year, "1999"),
            "Year is not in range [2000-2100]"
        );
    }

    #[test]
    fn steps_and_lists() {
        assert_eq!(meets(Field::Month, "February/5"), [2, 7, 12]);
        assert_eq!(meets(Field::Hour, "2-4,8,1-5/2"), [1, 2, 3, 4, 5, 8]);
        let years = meets(Field::Year, "2020-2022,2024,2026/3");
        assert!(years.starts_with(&[2020, 2021, 2022, 2024, 2026, 2029]));
        assert_eq!(years.last(), Some(&2098));
    }

    #[test]
    fn sunday_is_0_and_7() {
        for text in "0 7 sun * 0-3 5-7 5-7/2 6-7 2-7/5 0-7/7 0/7".split(' ') {
            assert!(meets(Field::DayOfWeek, text).contains(&0), "{text}");
        }
        for text in "1-6 3-7/3 2/4 1/5".split(' ') {
            assert!(!meets(Field::DayOfWeek, text).contains(&0), "{text}");
        }
        for text in "* 5-7 6-7 2/4 2-7/4".split(' ') {
            assert!(meets(Field::DayOfWeek, text).contains(&6), "{text}");
        }
        assert_eq!(meets(Field::DayOfWeek, "6,7"), [0, 6]);
    }
}
