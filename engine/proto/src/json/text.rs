//! Values that documents show as text: timestamps, durations, field masks, unusual numbers.
//!
//! Forms follow Go's `protojson`, which the `temporal` command line uses: fractions have 0, 3, 6 or
//! 9 digits.

const SECONDS_PER_DAY: i64 = 86_400;
const NANOS_PER_SECOND: i64 = 1_000_000_000;
/// 0001-01-01T00:00:00Z to 9999-12-31T23:59:59Z, what a timestamp may be.
const TIMESTAMPS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
/// About 10,000 years, what a duration may be, either way.
const DURATION_MAX: i64 = 315_576_000_000;

/// RFC 3339 in UTC, if the parts are a valid timestamp.
pub(super) fn timestamp(seconds: i64, nanos: i64) -> Option<String> {
    if !TIMESTAMPS.contains(&seconds) || !(0..NANOS_PER_SECOND).contains(&nanos) {
        return None;
    }
    let (year, month, day) = civil(seconds.div_euclid(SECONDS_PER_DAY));
    let rest = seconds.rem_euclid(SECONDS_PER_DAY);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    let fraction = fraction(nanos);
    Some(format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z"
    ))
}

/// Seconds and nanoseconds of an RFC 3339 time with any offset.
pub(super) fn parse_timestamp(text: &str) -> Option<(i64, i64)> {
    let bytes = text.as_bytes();
    let shape = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
    let in_shape = bytes.len() >= 20 && shape.iter().all(|&(at, byte)| bytes[at] == byte);
    if !in_shape || !text.is_ascii() || !matches!(bytes[10], b'T' | b't') {
        return None;
    }
    let part = |from: usize, to: usize| digits(&text[from..to]);
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    let (hour, minute, second) = (part(11, 13)?, part(14, 16)?, part(17, 19)?);
    let (nanos, zone) = parse_fraction(&text[19..])?;
    let days = days(year, month, day);
    let valid = civil(days) == (year, month, day) && hour < 24 && minute < 60 && second < 60;
    let seconds = days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second - offset(zone)?;
    (valid && TIMESTAMPS.contains(&seconds)).then_some((seconds, nanos))
}

/// Seconds with a fraction and `s`, if the parts are a valid duration.
pub(super) fn duration(seconds: i64, nanos: i64) -> Option<String> {
    let valid = seconds.unsigned_abs() <= DURATION_MAX.unsigned_abs()
        && nanos.unsigned_abs() < NANOS_PER_SECOND.unsigned_abs()
        && (seconds == 0 || nanos == 0 || (seconds < 0) == (nanos < 0));
    let sign = if seconds < 0 || nanos < 0 { "-" } else { "" };
    valid.then(|| format!("{sign}{}{}s", seconds.abs(), fraction(nanos.abs())))
}

/// Seconds and nanoseconds of a duration in seconds.
pub(super) fn parse_duration(text: &str) -> Option<(i64, i64)> {
    let text = text.strip_suffix('s')?;
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let whole = text.find('.').unwrap_or(text.len());
    let seconds = digits(&text[..whole])?;
    let (nanos, rest) = parse_fraction(&text[whole..])?;
    (rest.is_empty() && seconds <= DURATION_MAX).then_some((sign * seconds, sign * nanos))
}

/// `user.displayName,photo` of `["user.display_name", "photo"]`, if it leads back to the same
/// paths.
pub(super) fn field_mask(paths: &[&str]) -> Option<String> {
    let text = paths
        .iter()
        .map(|path| camel(path))
        .collect::<Vec<_>>()
        .join(",");
    let back = parse_field_mask(&text)?;
    (back == paths).then_some(text)
}

/// The paths of a field mask.
pub(super) fn parse_field_mask(text: &str) -> Option<Vec<String>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    text.split(',')
        .map(|path| (!path.is_empty() && !path.contains('_')).then(|| snake(path)))
        .collect()
}

/// What stands for a number that JSON has no digits for.
pub(super) fn special_float(value: f64) -> Option<&'static str> {
    if value.is_nan() {
        Some("NaN")
    } else if value.is_infinite() {
        Some(if value > 0.0 { "Infinity" } else { "-Infinity" })
    } else {
        None
    }
}

/// The integer that a number is, where that loses nothing (negative zero has a sign to lose).
pub(super) fn whole(value: f64) -> Option<i64> {
    // Below 2^63, so that the conversion is exact.
    const EXACT: f64 = 9_000_000_000_000_000_000.0;
    let exact =
        value.fract() == 0.0 && value.abs() < EXACT && !(value == 0.0 && value.is_sign_negative());
    #[expect(clippy::cast_possible_truncation, reason = "integral and within range")]
    exact.then_some(value as i64)
}

/// The integer that a text or a number with exponent means, as in `"1e3"`.
pub(super) fn parse_integer(text: &str) -> Option<i64> {
    let number = || text.parse().ok().filter(|_: &f64| looks_numeric(text));
    text.parse().ok().or_else(|| whole(number()?))
}

/// The number that a text means.
pub(super) fn parse_float(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => text
            .parse()
            .ok()
            .filter(|n: &f64| looks_numeric(text) && n.is_finite()),
    }
}

/// Rust also reads `inf` and a leading `+`, JSON does not.
fn looks_numeric(text: &str) -> bool {
    let first = text.strip_prefix('-').unwrap_or(text).bytes().next();
    first.is_some_and(|b| b.is_ascii_digit())
}

fn fraction(nanos: i64) -> String {
    match nanos {
        0 => String::new(),
        n if n % 1_000_000 == 0 => format!(".{:03}", n / 1_000_000),
        n if n % 1_000 == 0 => format!(".{:06}", n / 1_000),
        n => format!(".{n:09}"),
    }
}

/// Nanoseconds of a leading `.123`, which may be absent, and the rest of the text.
fn parse_fraction(text: &str) -> Option<(i64, &str)> {
    let Some(text) = text.strip_prefix('.') else {
        return Some((0, text));
    };
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (shown, rest) = text.split_at(end);
    let missing = 9_usize.checked_sub(shown.len())?;
    let nanos = digits(shown)? * 10_i64.pow(u32::try_from(missing).ok()?);
    Some((nanos, rest))
}

/// Seconds east of UTC.
fn offset(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let (sign, rest) = match zone.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let two = hours.len() == 2 && minutes.len() == 2;
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    (two && hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

/// A number of nothing but 1 to 18 digits.
fn digits(text: &str) -> Option<i64> {
    let plain = (1..=18).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

/// Year, month and day of a day since the epoch, in the proleptic Gregorian calendar.
fn civil(days: i64) -> (i64, i64, i64) {
    // Years begin in March here, so that the leap day is the last of its year; an era is 400 years.
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

/// Days from the epoch to a date; the inverse of [`civil`] for dates that exist.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn camel(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut upper = false;
    for c in path.chars() {
        match c {
            '_' => upper = true,
            c if std::mem::take(&mut upper) => out.push(c.to_ascii_uppercase()),
            c => out.push(c),
        }
    }
    out
}

fn snake(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for c in path.chars() {
        if c.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn timestamps_as_go_writes_them() {
        for (seconds, nanos, text) in [
            (0, 0, "1970-01-01T00:00:00Z"),
            (1_791_293_096, 515_407_000, "2026-10-06T13:24:56.515407Z"),
            (951_782_400, 1, "2000-02-29T00:00:00.000000001Z"),
            (-1, 500_000_000, "1969-12-31T23:59:59.500Z"),
            (
                253_402_300_799,
                999_999_999,
                "9999-12-31T23:59:59.999999999Z",
            ),
            (-62_135_596_800, 0, "0001-01-01T00:00:00Z"),
        ] {
            assert_eq!(timestamp(seconds, nanos).as_deref(), Some(text));
            assert_eq!(parse_timestamp(text), Some((seconds, nanos)), "{text}");
        }
        assert_eq!(timestamp(253_402_300_800, 0), None);
        assert_eq!(timestamp(0, -1), None);
    }

    #[test]
    fn times_of_other_zones_are_read() {
        assert_eq!(parse_timestamp("1970-01-01T01:30:00+01:30"), Some((0, 0)));
        assert_eq!(
            parse_timestamp("1969-12-31t22:00:00.5-02:00"),
            Some((0, 500_000_000))
        );
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2026-10-06",
            "2026-10-06 13:24:56Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-10-06T24:00:00Z",
            "2026-10-06T13:24:56",
            "2026-10-06T13:24:56.Z",
            "2026-10-06T13:24:56.0000000001Z",
            "2026-10-06T13:24:56+1:00",
            "0001-01-01T00:00:00+00:01",
            "2026-10-06T13:24:5\u{e9}Z",
        ] {
            assert_eq!(parse_timestamp(text), None, "{text}");
        }
    }

    #[test]
    fn durations_as_go_writes_them() {
        for (seconds, nanos, text) in [
            (10, 0, "10s"),
            (0, -500_000_000, "-0.500s"),
            (-3, -1, "-3.000000001s"),
            (0, 0, "0s"),
        ] {
            assert_eq!(duration(seconds, nanos).as_deref(), Some(text));
            assert_eq!(parse_duration(text), Some((seconds, nanos)));
        }
        assert_eq!(duration(1, -1), None);
        for text in [
            "",
            "s",
            "1",
            "1.s",
            ".5s",
            "1.0000000001s",
            "1m",
            "--1s",
            "+1s",
            "315576000001s",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn masks_that_would_not_lead_back_have_no_text() {
        assert_eq!(field_mask(&["a.b_c", "d"]).as_deref(), Some("a.bC,d"));
        assert_eq!(field_mask(&["a_1"]), None);
        assert_eq!(field_mask(&["aB"]), None);
        assert_eq!(parse_field_mask("a_b"), None);
    }

    #[test]
    fn integers_may_have_an_exponent() {
        assert_eq!(parse_integer("-12"), Some(-12));
        assert_eq!(parse_integer("1e3"), Some(1000));
        assert_eq!(parse_integer("1.5"), None);
        assert_eq!(parse_integer("inf"), None);
        assert_eq!(parse_integer("9223372036854775808"), None);
        assert_eq!(parse_float("-Infinity"), Some(f64::NEG_INFINITY));
        assert_eq!(parse_float("inf"), None);
    }

    proptest! {
        #[test]
        fn valid_parts_lead_back(seconds in TIMESTAMPS, nanos in 0..NANOS_PER_SECOND) {
            let text = timestamp(seconds, nanos).expect("in range");
            prop_assert_eq!(parse_timestamp(&text), Some((seconds, nanos)));
            let nanos = i32::try_from(nanos).expect("less than a second");
            let theirs = prost_types::Timestamp { seconds, nanos };
            prop_assert_eq!(text, theirs.to_string());
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            if let Some((seconds, nanos)) = parse_timestamp(&text) {
                prop_assert!(timestamp(seconds, nanos).is_some());
            }
            if let Some((seconds, nanos)) = parse_duration(&text) {
                prop_assert!(duration(seconds, nanos).is_some());
            }
            if let Some(paths) = parse_field_mask(&text) {
                prop_assert!(!paths.iter().any(String::is_empty));
            }
        }
    }
}
