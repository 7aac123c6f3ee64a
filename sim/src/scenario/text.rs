//! Small texts of scenario files: durations, dates, rates.

use std::time::Duration;

use crate::kernel::Rate;

/// Reads a duration such as `30s`, `1h30m`, `14d` or `500ms`; the error says what is wrong.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let mut rest = text;
    let mut nanos: u128 = 0;
    if rest.is_empty() {
        return Err("it is empty".to_owned());
    }
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let letters = after
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let unit = match unit {
            "ns" => 1,
            "us" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "d" => 86_400_000_000_000,
            "w" => 604_800_000_000_000,
            "" if number.is_empty() => return Err(format!("`{rest}` is no number")),
            "" => return Err(format!("`{number}` has no unit")),
            other => return Err(format!("`{other}` is no unit")),
        };
        let number: u64 = number
            .parse()
            .map_err(|_| format!("`{rest}` has no whole number"))?;
        nanos = nanos.saturating_add(u128::from(number) * unit);
        rest = after;
    }
    match i64::try_from(nanos) {
        Ok(nanos) => Ok(Duration::from_nanos(nanos.unsigned_abs())),
        Err(_) => Err("it is longer than 292 years".to_owned()),
    }
}

/// Writes a duration in the same way, with at most two units.
pub fn duration_text(duration: Duration) -> String {
    const UNITS: [(u128, &str); 8] = [
        (604_800_000_000_000, "w"),
        (86_400_000_000_000, "d"),
        (3_600_000_000_000, "h"),
        (60_000_000_000, "m"),
        (1_000_000_000, "s"),
        (1_000_000, "ms"),
        (1_000, "us"),
        (1, "ns"),
    ];
    let mut rest = duration.as_nanos();
    let mut out = String::new();
    let mut parts = 0;
    // Weeks are read but not written: 14d says more than 2w.
    for (unit, name) in UNITS.into_iter().skip(1) {
        let count = rest / unit;
        if count > 0 && parts < 2 {
            out.push_str(&format!("{count}{name}"));
            rest %= unit;
        }
        parts += usize::from(!out.is_empty());
    }
    if out.is_empty() { "0s".to_owned() } else { out }
}

/// A rate between 0 and 1 in millionths.
pub fn parse_rate(rate: f64) -> Result<Rate, String> {
    if !(0.0..=1.0).contains(&rate) {
        return Err(format!("{rate} is not between 0 and 1"));
    }
    let millionths = (rate * 1_000_000.0).round();
    if millionths == 0.0 && rate > 0.0 {
        return Err(format!("{rate} is too small; the least is 0.000001"));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is between 0 and a million"
    )]
    let millionths = millionths as u32;
    Ok(Rate::per_million(millionths))
}

/// Milliseconds from 1970 to a date and time in UTC (days-from-civil, proleptic Gregorian).
pub(super) fn unix_millis(date: toml::value::Date, time: Option<toml::value::Time>) -> i64 {
    let month = i64::from(date.month);
    let year = i64::from(date.year) - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted_month + 2) / 5 + i64::from(date.day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    let time = time.map_or(0, |time| {
        let seconds = time.second.map_or(0, i64::from);
        let millis = time.nanosecond.map_or(0, i64::from) / 1_000_000;
        (i64::from(time.hour) * 3_600 + i64::from(time.minute) * 60 + seconds) * 1_000 + millis
    });
    days * 86_400_000 + time
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_write() {
        for (text, seconds) in [
            ("30s", 30),
            ("1h30m", 5_400),
            ("14d", 1_209_600),
            ("2w", 1_209_600),
            ("0s", 0),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_secs(seconds)),
                "{text}"
            );
        }
        assert_eq!(parse_duration("1s500ms"), Ok(Duration::from_millis(1_500)));
        assert_eq!(duration_text(Duration::from_millis(5_400_500)), "1h30m");
        assert_eq!(duration_text(Duration::from_millis(3_600_500)), "1h");
        assert_eq!(duration_text(Duration::from_secs(14 * 86_400)), "14d");
        assert_eq!(duration_text(Duration::ZERO), "0s");
    }

    #[test]
    fn other_texts_are_no_durations() {
        for text in [
            "",
            "30",
            "s",
            "1.5s",
            "-1s",
            "30 s",
            "30x",
            "1h30",
            "99999999999999999999s",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        assert!(parse_duration("300000000h").is_err());
    }

    #[test]
    fn rates_are_between_0_and_1() {
        assert_eq!(parse_rate(0.0), Ok(Rate::OFF));
        assert_eq!(parse_rate(1.0), Ok(Rate::ALWAYS));
        assert_eq!(parse_rate(0.25), Ok(Rate::percent(25)));
        for rate in [-0.1, 1.1, f64::NAN, f64::INFINITY, 0.000_000_1] {
            assert!(parse_rate(rate).is_err(), "{rate}");
        }
    }

    #[test]
    fn dates_count_from_1970() {
        let millis = |text: &str| {
            let datetime: toml::value::Datetime = text.parse().expect("a date");
            unix_millis(datetime.date.expect("a date"), datetime.time)
        };
        assert_eq!(millis("1970-01-01T00:00:00Z"), 0);
        assert_eq!(millis("2024-02-29T12:30:15.250Z"), 1_709_209_815_250);
        assert_eq!(millis("1969-12-31"), -86_400_000);
    }
}
