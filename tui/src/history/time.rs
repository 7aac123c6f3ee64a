//! Times and spans as people read them.

use chrono::DateTime;
use steadfast_proto::time::duration_nanos_saturating;

const SECOND: i64 = 1_000_000_000;
const MILLI: i64 = 1_000_000;

/// A time of day, to the millisecond, in UTC.
pub fn clock(nanos: i64) -> String {
    format(nanos, "%H:%M:%S%.3f")
}

/// A day and a time of day, to the second, in UTC.
pub fn date(nanos: i64) -> String {
    format(nanos, "%Y-%m-%d %H:%M:%S")
}

fn format(nanos: i64, pattern: &str) -> String {
    DateTime::from_timestamp_nanos(nanos)
        .format(pattern)
        .to_string()
}

/// A span in three digits or so: `120ms`, `4.2s`, `3m09s`, `2h05m`, `12d4h`.
pub fn span(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.saturating_abs();
    let seconds = nanos / SECOND;
    let text = match nanos {
        0 => "0s".to_owned(),
        n if n < 10_000 => format!("{n}ns"),
        n if n < MILLI => format!("{}µs", n / 1000),
        n if n < 10 * MILLI => format!("{}.{}ms", n / MILLI, n % MILLI * 10 / MILLI),
        n if n < SECOND => format!("{}ms", n / MILLI),
        n if n < 60 * SECOND => match n % SECOND * 10 / SECOND {
            0 => format!("{seconds}s"),
            tenth => format!("{seconds}.{tenth}s"),
        },
        _ if seconds < 3600 => two(seconds / 60, "m", seconds % 60, "s"),
        _ if seconds < 86_400 => two(seconds / 3600, "h", seconds % 3600 / 60, "m"),
        _ => match seconds % 86_400 / 3600 {
            0 => format!("{}d", seconds / 86_400),
            hours => format!("{}d{hours}h", seconds / 86_400),
        },
    };
    format!("{sign}{text}")
}

fn two(large: i64, large_unit: &str, small: i64, small_unit: &str) -> String {
    match small {
        0 => format!("{large}{large_unit}"),
        small => format!("{large}{large_unit}{small:02}{small_unit}"),
    }
}

/// The span of a duration; nothing if there is none.
pub fn span_of(duration: Option<&prost_types::Duration>) -> String {
    duration.map_or_else(String::new, |duration| {
        span(duration_nanos_saturating(duration))
    })
}

/// Time since a beginning: `0.000s`, `12.3s`, `3m09s`.
pub fn since(nanos: i64) -> String {
    if nanos.saturating_abs() < 60 * SECOND {
        let millis = nanos / MILLI;
        let sign = if millis < 0 { "-" } else { "" };
        format!("{sign}{}.{:03}s", millis.abs() / 1000, millis.abs() % 1000)
    } else {
        span(nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short() {
        let cases = [
            (0, "0s"),
            (250, "250ns"),
            (45_000, "45µs"),
            (1_500_000, "1.5ms"),
            (120 * MILLI, "120ms"),
            (4_200 * MILLI, "4.2s"),
            (5 * SECOND, "5s"),
            (189 * SECOND, "3m09s"),
            (300 * SECOND, "5m"),
            (7_500 * SECOND, "2h05m"),
            (1_051_200 * SECOND, "12d4h"),
            (-4_200 * MILLI, "-4.2s"),
            (i64::MIN, "-106751d23h"),
        ];
        for (nanos, text) in cases {
            assert_eq!(span(nanos), text);
        }
        assert_eq!(since(1_234 * MILLI), "1.234s");
        assert_eq!(since(-5 * MILLI), "-0.005s");
    }

    #[test]
    fn times_are_utc() {
        assert_eq!(date(1_763_879_387 * SECOND), "2025-11-23 06:29:47");
        assert_eq!(clock(1_763_879_387_415_623_239), "06:29:47.415");
        assert_eq!(date(i64::MIN).len(), 19);
    }
}
