//! Cron schedules of workflow chains: standard five fields, `@hourly` and friends, `@every`, time zones.
// temporal: common/backoff/cron.go over robfig/cron's standard parser.

use std::{str::FromStr as _, time::Duration};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};

use crate::time::Timestamp;

/// A parsed schedule.
#[derive(Clone, Debug)]
pub enum Schedule {
    /// Ticks of the calendar in a time zone.
    Calendar(Box<Cron>, Tz),
    /// Ticks at a distance from the start.
    Every(Duration),
}

impl Schedule {
    /// Parses a schedule; the empty string is none.
    ///
    /// # Errors
    /// With Temporal's words.
    pub fn parse(text: &str) -> Result<Option<Self>, String> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        let invalid = || format!("invalid CronSchedule \"{text}\"");
        let (zone, fields) = split_zone(text).ok_or_else(invalid)?;
        if let Some(every) = fields.strip_prefix("@every ") {
            let every =
                go_duration(every.trim(), Days::Refused).filter(|d| *d >= Duration::from_secs(1));
            return every.map(|d| Some(Self::Every(d))).ok_or_else(invalid);
        }
        let fields = nickname(fields);
        if fields.split_whitespace().count() != 5 {
            return Err(invalid());
        }
        let parser = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build();
        let cron = parser.parse(fields).map_err(|_| invalid())?;
        Ok(Some(Self::Calendar(Box::new(cron), zone)))
    }

    /// The pause, in whole seconds, from `now` to the next tick of a chain whose run began at `start`; `None` if
    /// there is no further tick.
    #[must_use]
    pub fn pause_after(&self, start: Timestamp, now: Timestamp) -> Option<Duration> {
        let from = start.max(now);
        let pause = match self {
            Self::Every(every) => {
                let behind = now.since(start).as_nanos();
                let ticks = behind / every.as_nanos() + 1;
                let total = every.checked_mul(u32::try_from(ticks).ok()?)?;
                start.plus(total).since(now)
            }
            Self::Calendar(cron, zone) => {
                let from = utc(from)?.with_timezone(zone);
                let next = cron.find_next_occurrence(&from, false).ok()?;
                let next = Timestamp::from_nanos(next.timestamp_nanos_opt()?);
                next.since(now)
            }
        };
        let whole = pause.as_secs() + u64::from(pause.subsec_nanos() > 0);
        Some(Duration::from_secs(whole))
    }
}

fn utc(time: Timestamp) -> Option<DateTime<Utc>> {
    Some(DateTime::from_timestamp_nanos(time.as_nanos()))
}

fn split_zone(text: &str) -> Option<(Tz, &str)> {
    let Some(rest) = text
        .strip_prefix("CRON_TZ=")
        .or_else(|| text.strip_prefix("TZ="))
    else {
        return Some((Tz::UTC, text));
    };
    let (zone, fields) = rest.split_once(' ')?;
    Some((Tz::from_str(zone).ok()?, fields.trim()))
}

/// What a nickname stands for; anything else stands for itself.
pub(crate) fn nickname(fields: &str) -> &str {
    match fields {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        other => other,
    }
}

/// Whether a duration may be in days of 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Days {
    Allowed,
    Refused,
}

/// A duration as Go prints it: `1h30m`, `90s`, `1.5h`, `250ms`.
pub(crate) fn go_duration(text: &str, days: Days) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(digits);
        let unit_len = tail
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_len);
        let nanos: u64 = match unit {
            "d" if days == Days::Allowed => 86_400_000_000_000,
            "h" => 3_600_000_000_000,
            "m" => 60_000_000_000,
            "s" => 1_000_000_000,
            "ms" => 1_000_000,
            "us" | "µs" => 1_000,
            "ns" => 1,
            _ => return None,
        };
        total = total.checked_add(scaled(number, nanos)?)?;
        rest = tail;
    }
    Some(total)
}

/// A decimal number of units, without floating point.
fn scaled(number: &str, nanos: u64) -> Option<Duration> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.len() > 9 {
        return None;
    }
    let whole: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let part: u64 = if fraction.is_empty() {
        0
    } else {
        fraction.parse().ok()?
    };
    let digits = u32::try_from(fraction.len()).ok()?;
    let part = u128::from(part) * u128::from(nanos) / u128::from(10_u64.pow(digits));
    let total = whole
        .checked_mul(nanos)?
        .checked_add(u64::try_from(part).ok()?)?;
    Some(Duration::from_nanos(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause(schedule: &str, start: i64, now: i64) -> Option<u64> {
        let parsed = Schedule::parse(schedule).ok()??;
        let pause = parsed.pause_after(Timestamp::from_secs(start), Timestamp::from_secs(now));
        pause.map(|p| p.as_secs())
    }

    #[test]
    fn ticks_of_the_calendar() {
        assert_eq!(pause("* * * * *", 0, 0), Some(60));
        assert_eq!(pause("*/5 * * * *", 0, 61), Some(239));
        assert_eq!(pause("@hourly", 0, 3_599), Some(1));
        assert_eq!(pause("CRON_TZ=Asia/Kolkata 30 5 * * *", 0, 1), Some(86_399));
    }

    #[test]
    fn ticks_at_a_distance() {
        assert_eq!(pause("@every 1m30s", 0, 0), Some(90));
        assert_eq!(pause("@every 1m30s", 0, 90), Some(90));
        assert_eq!(pause("@every 1.5m", 0, 100), Some(80));
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in [
            "* * * *",
            "61 * * * *",
            "@every x",
            "@never",
            "TZ=Mars/Base * * * * *",
            "@every 1",
        ] {
            assert!(Schedule::parse(bad).is_err(), "{bad}");
        }
        assert!(Schedule::parse("").unwrap().is_none());
    }
}
