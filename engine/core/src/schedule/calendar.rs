//! One calendar: the moments, in whole seconds, at which all of its fields match.

use steadfast_proto::temporal::api::schedule::v1::{Range, StructuredCalendarSpec};

use super::{
    field::{YEARS, values},
    spec::{Effort, TooMuch},
    zone::{Zone, days_in_month},
};

const HOUR: i64 = 3_600;

/// A calendar, ready for questions.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Calendar {
    zone: Zone,
    /// Bit 0 is the first year that a calendar knows.
    years: u128,
    months: Bits,
    days_of_month: Bits,
    days_of_week: Bits,
    hours: Bits,
    minutes: Bits,
    seconds: Bits,
}

/// A set of small numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bits(u64);

impl Bits {
    fn of(ranges: &[Range]) -> Self {
        let bits = ranges.iter().flat_map(values);
        Self(bits.fold(0, |bits, value| bits | 1 << value))
    }

    fn has(self, value: u32) -> bool {
        self.0 & 1 << value != 0
    }
}

/// A moment of the search, field by field; an hour or a minute may be one past the end.
#[derive(Clone, Copy)]
struct Cursor {
    year: i32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
    /// In the second copy of an hour that comes twice.
    second_copy: bool,
}

impl Calendar {
    /// A calendar whose ranges are valid.
    pub(crate) fn new(spec: &StructuredCalendarSpec, zone: &Zone) -> Self {
        let years = spec.year.iter().flat_map(values);
        let years = years.fold(0, |bits, year| bits | 1 << (year - YEARS.0));
        Self {
            zone: zone.clone(),
            // No ranges are every year.
            years: if spec.year.is_empty() {
                u128::MAX
            } else {
                years
            },
            months: Bits::of(&spec.month),
            days_of_month: Bits::of(&spec.day_of_month),
            days_of_week: Bits::of(&spec.day_of_week),
            hours: Bits::of(&spec.hour),
            minutes: Bits::of(&spec.minute),
            seconds: Bits::of(&spec.second),
        }
    }

    fn has_year(&self, year: i32) -> bool {
        // Years before the first are those of no range.
        match u32::try_from(year - YEARS.0) {
            Ok(bit) => self.years >> bit.min(127) & 1 != 0,
            Err(_) => self.years == u128::MAX,
        }
    }

    /// Whether all fields match at a moment, in seconds since the epoch.
    pub(crate) fn matches(&self, at: i64) -> bool {
        let shown = self.zone.local(at);
        self.has_year(shown.year)
            && self.months.has(shown.month)
            && self.days_of_month.has(shown.day)
            && self.days_of_week.has(shown.weekday)
            && self.hours.has(shown.hour)
            && self.minutes.has(shown.minute)
            && self.seconds.has(shown.second)
    }

    /// The first match after a moment, in seconds since the epoch.
    ///
    /// # Errors
    /// If that takes too much effort.
    // temporal: service/worker/scheduler/calendar.go next: a local time that does not exist is passed over to the
    // next hour; an hour that comes twice matches in both copies.
    pub(crate) fn next(&self, after: i64, effort: &mut Effort) -> Result<Option<i64>, TooMuch> {
        let shown = self.zone.local(after);
        let mut at = Cursor {
            year: shown.year,
            month: shown.month,
            day: shown.day,
            hour: shown.hour,
            minute: shown.minute,
            second: shown.second + 1,
            second_copy: self.zone.local(after - HOUR).hour == shown.hour,
        };
        loop {
            effort.spend(1)?;
            self.carry(&mut at);
            if at.year > YEARS.1 {
                return Ok(None);
            }
            if !self.seek(&mut at, effort)? {
                continue;
            }
            let found = self.moment(&at);
            if self.zone.local(found).hour != at.hour {
                at.hour += 1;
                (at.minute, at.second) = (0, 0);
                continue;
            }
            return Ok(Some(found + if at.second_copy { HOUR } else { 0 }));
        }
    }

    fn moment(&self, at: &Cursor) -> i64 {
        self.zone
            .at(at.year, at.month, at.day, at.hour, at.minute, at.second)
    }

    /// Carries what is past its end over to the next field.
    fn carry(&self, at: &mut Cursor) {
        if at.second >= 60 {
            at.minute += 1;
            at.second = 0;
        }
        if at.minute >= 60 {
            self.next_hour(at);
        }
        if at.hour >= 24 {
            at.day += 1;
            at.hour = 0;
        }
        if at.day > days_in_month(at.year, at.month) {
            at.month += 1;
            at.day = 1;
        }
        if at.month > 12 {
            at.year += 1;
            at.month = 1;
        }
    }

    /// The next hour, or the second copy of this one if it comes twice.
    // temporal: service/worker/scheduler/calendar.go next, where Go's time.Date means the second copy of an hour, the
    // hour before it is taken for the one that comes twice.
    fn next_hour(&self, at: &mut Cursor) {
        let hour = |hour| self.zone.at(at.year, at.month, at.day, hour, 0, 0);
        let twice = hour(at.hour + 1) - hour(at.hour) > HOUR;
        at.minute = 0;
        if twice && !at.second_copy {
            at.second_copy = true;
        } else {
            at.second_copy = false;
            at.hour += 1;
        }
    }

    /// Moves on until all fields match, from the greatest to the least. `false`: a field ran past its end.
    fn seek(&self, at: &mut Cursor, effort: &mut Effort) -> Result<bool, TooMuch> {
        if !self.has_year(at.year) {
            *at = Cursor::begin(at.year + 1, 1, 1, 0);
            return Ok(false);
        }
        while !self.months.has(at.month) {
            *at = Cursor::begin(at.year, at.month + 1, 1, 0);
            if at.month > 12 {
                return Ok(false);
            }
        }
        while !self.days_of_month.has(at.day)
            || !self
                .days_of_week
                .has(self.zone.local(self.moment(at)).weekday)
        {
            effort.spend(1)?;
            *at = Cursor::begin(at.year, at.month, at.day + 1, 0);
            if at.day > days_in_month(at.year, at.month) {
                return Ok(false);
            }
        }
        while !self.hours.has(at.hour) {
            *at = Cursor::begin(at.year, at.month, at.day, at.hour + 1);
            if at.hour >= 24 {
                return Ok(false);
            }
        }
        while !self.minutes.has(at.minute) {
            at.minute += 1;
            at.second = 0;
            if at.minute >= 60 {
                return Ok(false);
            }
        }
        while !self.seconds.has(at.second) {
            at.second += 1;
            if at.second >= 60 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Cursor {
    /// The beginning of an hour.
    fn begin(year: i32, month: u32, day: u32, hour: u32) -> Self {
        Self {
            year,
            month,
            day,
            hour,
            minute: 0,
            second: 0,
            second_copy: false,
        }
    }
}
