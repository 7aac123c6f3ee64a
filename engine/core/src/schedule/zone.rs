//! Time zones: where a calendar is read. Everything follows from one question: how far local time is from UTC.

use std::{fmt, str::FromStr as _};

use chrono::{DateTime, Datelike as _, NaiveDate, Offset as _, TimeZone as _};
use chrono_tz::Tz;

use crate::time::Timestamp;

const DAY: i64 = 86_400;

/// A time zone by its name in the IANA database, or by its data.
#[derive(Clone)]
pub(crate) enum Zone {
    Utc,
    Named(Tz),
    Data(Box<tz::TimeZone>),
}

/// A moment as a clock on the wall in some zone shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Local {
    pub(crate) year: i32,
    /// From 1.
    pub(crate) month: u32,
    /// From 1.
    pub(crate) day: u32,
    pub(crate) hour: u32,
    pub(crate) minute: u32,
    pub(crate) second: u32,
    /// 0 is Sunday.
    pub(crate) weekday: u32,
}

impl Zone {
    /// The zone of a specification: its data if there is some, else its name; no name is UTC.
    ///
    /// # Errors
    /// With Temporal's words.
    pub(crate) fn parse(name: &str, data: &[u8]) -> Result<Self, String> {
        if !data.is_empty() {
            return tz::TimeZone::from_tz_data(data)
                .map(|zone| Self::Data(Box::new(zone)))
                .map_err(|_| "malformed time zone information".to_owned());
        }
        match name {
            "" | "UTC" => Ok(Self::Utc),
            _ => Tz::from_str(name)
                .map(Self::Named)
                .map_err(|_| format!("unknown time zone {name}")),
        }
    }

    /// Seconds that local time is ahead of UTC at a moment, in seconds since the epoch.
    fn offset(&self, at: i64) -> i64 {
        match self {
            Self::Utc => 0,
            Self::Named(zone) => DateTime::from_timestamp(at, 0).map_or(0, |utc| {
                let offset = zone.offset_from_utc_datetime(&utc.naive_utc());
                offset.fix().local_minus_utc().into()
            }),
            Self::Data(zone) => zone
                .find_local_time_type(at)
                .map_or(0, |kind| kind.ut_offset().into()),
        }
    }

    /// What the clock shows.
    pub(crate) fn local(&self, at: i64) -> Local {
        let shown = at + self.offset(at);
        let date = date(shown.div_euclid(DAY));
        let second = u32::try_from(shown.rem_euclid(DAY)).expect("less than a day");
        Local {
            year: date.year(),
            month: date.month(),
            day: date.day(),
            hour: second / 3_600,
            minute: second / 60 % 60,
            second: second % 60,
            weekday: date.weekday().num_days_from_sunday(),
        }
    }

    /// When the clock shows this; an hour past 23 belongs to the next day.
    ///
    /// A time that a change of the clocks leaves out is read with the offset before the change, which makes it an
    /// hour earlier; of a time that comes twice this is the first.
    // temporal: Go's time.Date, which schedules lean on.
    pub(crate) fn at(
        &self,
        year: i32,
        month: u32,
        day: u32,
        hour: u32,
        minute: u32,
        s: u32,
    ) -> i64 {
        let days = NaiveDate::from_ymd_opt(year, month, day).map_or(0, days_of);
        let shown = days * DAY + i64::from(hour) * 3_600 + i64::from(minute) * 60 + i64::from(s);
        match self.offset(shown) {
            0 => shown,
            guess => shown - self.offset(shown - guess),
        }
    }
}

/// Two zones are the same if they were named, or described, alike.
impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Utc, Self::Utc) => true,
            (Self::Named(a), Self::Named(b)) => a == b,
            (Self::Data(a), Self::Data(b)) => a == b,
            (Self::Utc | Self::Named(_) | Self::Data(_), _) => false,
        }
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Utc => f.write_str("UTC"),
            Self::Named(zone) => f.write_str(zone.name()),
            Self::Data(_) => f.write_str("by its data"),
        }
    }
}

fn days_of(date: NaiveDate) -> i64 {
    date.signed_duration_since(NaiveDate::default()).num_days()
}

fn date(days: i64) -> NaiveDate {
    let time = DateTime::from_timestamp(days * DAY, 0);
    time.map_or_else(NaiveDate::default, |time| time.date_naive())
}

/// How many days a month has.
pub(crate) fn days_in_month(year: i32, month: u32) -> u32 {
    let (next_year, next_month) = match month {
        12 => (year + 1, 1),
        _ => (year, month + 1),
    };
    let first = NaiveDate::from_ymd_opt(next_year, next_month, 1);
    first
        .and_then(|first| first.pred_opt())
        .map_or(31, |last| last.day())
}

/// The year of a moment in UTC; the greatest number for one that no calendar reaches.
pub(crate) fn utc_year(at: i64) -> i32 {
    DateTime::from_timestamp(at, 0).map_or(i32::MAX, |time| time.year())
}

/// A moment as RFC 3339 in UTC with whole seconds: `2009-11-10T23:00:00Z`.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    let secs = at.as_nanos().div_euclid(1_000_000_000);
    let shown = Zone::Utc.local(secs);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        shown.year, shown.month, shown.day, shown.hour, shown.minute, shown.second
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_is_left_out_is_an_hour_earlier() {
        let zone = Zone::parse("US/Pacific", b"").unwrap();
        let left_out = zone.at(2022, 3, 13, 2, 33, 33);
        assert_eq!(left_out, zone.at(2022, 3, 13, 1, 33, 33));
        assert_eq!(zone.local(left_out).hour, 1);
    }

    #[test]
    fn of_a_time_that_comes_twice_the_first_is_meant() {
        let zone = Zone::parse("US/Pacific", b"").unwrap();
        let first = zone.at(2021, 11, 7, 1, 33, 33);
        assert_eq!(zone.local(first), zone.local(first + 3_600));
        assert_eq!(zone.local(first - 3_600).hour, 0);
    }

    #[test]
    fn an_hour_past_23_is_the_next_day() {
        let zone = Zone::parse("Europe/London", b"").unwrap();
        assert_eq!(zone.at(2022, 7, 1, 24, 0, 0), zone.at(2022, 7, 2, 0, 0, 0));
    }

    #[test]
    fn lengths_of_months() {
        let lengths = (1..=12).map(|month| days_in_month(2022, month));
        let expected = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        assert_eq!(lengths.collect::<Vec<_>>(), expected);
        assert_eq!(days_in_month(2024, 2), 29);
        assert_eq!(days_in_month(2000, 2), 29);
        assert_eq!(days_in_month(2100, 2), 28);
    }

    #[test]
    fn unknown_zones_are_refused() {
        let unknown = Zone::parse("Mars/Base", b"").unwrap_err();
        assert_eq!(unknown, "unknown time zone Mars/Base");
        let malformed = Zone::parse("", b"not a zone").unwrap_err();
        assert_eq!(malformed, "malformed time zone information");
    }

    /// A zone of version 1 data: two hours ahead of UTC, always.
    fn two_hours_ahead() -> Vec<u8> {
        let mut data = b"TZif\0".to_vec();
        data.extend([0; 15]);
        // No leap seconds or transitions, one type of local time, four characters of names.
        for count in [0_u32, 0, 0, 0, 1, 4] {
            data.extend(count.to_be_bytes());
        }
        data.extend(7_200_i32.to_be_bytes());
        data.extend([0, 0]);
        data.extend(b"TWO\0");
        data
    }

    #[test]
    fn a_zone_may_come_as_data() {
        let zone = Zone::parse("whatever", &two_hours_ahead()).unwrap();
        assert_eq!(zone.local(0).hour, 2);
        assert_eq!(zone.at(1970, 1, 1, 2, 0, 0), 0);
    }

    #[test]
    fn moments_as_text() {
        let time = Timestamp::from_nanos(1_257_894_000_999_999_999);
        assert_eq!(rfc3339(time), "2009-11-10T23:00:00Z");
    }
}
