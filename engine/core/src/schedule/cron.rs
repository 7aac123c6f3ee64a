//! Cron strings of a schedule: five to seven fields or a nickname, with a time zone before and a comment behind, or
//! `@every` with a duration and a phase.

use steadfast_proto::temporal::api::schedule::v1::{
    CalendarSpec, IntervalSpec, StructuredCalendarSpec,
};

use super::field::Field;
use crate::{cron, time::duration_to_proto};

/// What a cron string stands for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Parsed {
    Calendar(Box<StructuredCalendarSpec>),
    Interval(IntervalSpec),
}

/// Reads a cron string: what it stands for and its time zone, which is empty if it names none.
///
/// # Errors
/// With Temporal's words.
// temporal: service/worker/scheduler/calendar.go parseCronString; `@every` takes no time zone.
pub(crate) fn parse(text: &str) -> Result<(Parsed, &str), String> {
    let (zone, text) = split_zone(text.trim())?;
    let (fields, comment) = text.split_once('#').unwrap_or((text, ""));
    let fields = fields.trim();
    if let Some(every) = fields.strip_prefix("@every") {
        return Ok((Parsed::Interval(interval(every)?), ""));
    }
    let calendar = calendar(cron::nickname(fields), comment.trim())?;
    Ok((Parsed::Calendar(Box::new(structured(&calendar)?)), zone))
}

fn split_zone(text: &str) -> Result<(&str, &str), String> {
    let Some(rest) = text
        .strip_prefix("CRON_TZ=")
        .or_else(|| text.strip_prefix("TZ="))
    else {
        return Ok(("", text));
    };
    rest.split_once(' ')
        .ok_or_else(|| "CronString has time zone but missing fields".to_owned())
}

fn interval(text: &str) -> Result<IntervalSpec, String> {
    let Some((_, text)) = text.split_once(' ') else {
        return Err("CronString does not have interval after @every".to_owned());
    };
    let (interval, phase) = text.split_once('/').unwrap_or((text, ""));
    let duration = |text: &str| {
        cron::go_duration(text, cron::Days::Allowed)
            .map(duration_to_proto)
            .ok_or_else(|| format!("time: invalid duration {text:?}"))
    };
    Ok(IntervalSpec {
        interval: Some(duration(interval)?),
        phase: match phase {
            "" => None,
            phase => Some(duration(phase)?),
        },
    })
}

fn calendar(fields: &str, comment: &str) -> Result<CalendarSpec, String> {
    // One more than there may be is enough to know that there are too many.
    let fields: Vec<_> = fields.split_whitespace().take(8).collect();
    let (second, fields, year) = match *fields.as_slice() {
        [a, b, c, d, e] => ("", [a, b, c, d, e], ""),
        [a, b, c, d, e, year] => ("", [a, b, c, d, e], year),
        [second, a, b, c, d, e, year] => (second, [a, b, c, d, e], year),
        _ => return Err("CronString does not have 5-7 fields".to_owned()),
    };
    let [minute, hour, day_of_month, month, day_of_week] = fields.map(str::to_owned);
    Ok(CalendarSpec {
        second: second.to_owned(),
        minute,
        hour,
        day_of_month,
        month,
        year: year.to_owned(),
        day_of_week,
        comment: comment.to_owned(),
    })
}

/// A calendar in text, with its ranges read.
///
/// # Errors
/// With Temporal's words for all fields that are wrong.
// temporal: service/worker/scheduler/calendar.go parseCalendarToStructured.
pub(crate) fn structured(calendar: &CalendarSpec) -> Result<StructuredCalendarSpec, String> {
    let mut errors = Vec::new();
    let mut read = |field: Field, text: &str| {
        field.parse(text).unwrap_or_else(|error| {
            errors.push(error);
            Vec::new()
        })
    };
    let structured = StructuredCalendarSpec {
        second: read(Field::Second, &calendar.second),
        minute: read(Field::Minute, &calendar.minute),
        hour: read(Field::Hour, &calendar.hour),
        day_of_week: read(Field::DayOfWeek, &calendar.day_of_week),
        day_of_month: read(Field::DayOfMonth, &calendar.day_of_month),
        month: read(Field::Month, &calendar.month),
        year: read(Field::Year, &calendar.year),
        comment: calendar.comment.clone(),
    };
    if errors.is_empty() {
        Ok(structured)
    } else {
        Err(errors.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use steadfast_proto::temporal::api::schedule::v1::Range;

    use super::*;

    fn range(start: i32, end: i32, step: i32) -> Range {
        Range { start, end, step }
    }

    fn calendar(text: &str) -> (StructuredCalendarSpec, &str) {
        match parse(text).unwrap() {
            (Parsed::Calendar(calendar), zone) => (*calendar, zone),
            (Parsed::Interval(interval), _) => panic!("not a calendar: {interval:?}"),
        }
    }

    fn every(text: &str) -> (i64, Option<i64>) {
        match parse(text).unwrap() {
            (Parsed::Interval(every), "") => {
                let phase = every.phase.map(|phase| phase.seconds);
                (every.interval.unwrap().seconds, phase)
            }
            other => panic!("not an interval: {other:?}"),
        }
    }

    #[test]
    fn five_fields() {
        let expected = StructuredCalendarSpec {
            second: vec![range(0, 0, 0)],
            minute: vec![range(5, 0, 0), range(9, 0, 0)],
            hour: vec![range(0, 23, 2)],
            day_of_month: vec![range(1, 31, 0)],
            month: vec![range(1, 12, 0)],
            year: Vec::new(),
            day_of_week: vec![range(0, 6, 0)],
            comment: String::new(),
        };
        assert_eq!(calendar("5,9 */2 * * *"), (expected, ""));
    }

    #[test]
    fn seven_fields_with_zone_and_comment() {
        let text = "CRON_TZ=US/Pacific 55 55,57 5 2/2 * wed-thurs *  # explanation";
        let (calendar, zone) = calendar(text);
        assert_eq!(zone, "US/Pacific");
        assert_eq!(calendar.comment, "explanation");
        assert_eq!(calendar.second, [range(55, 0, 0)]);
        assert_eq!(calendar.minute, [range(55, 0, 0), range(57, 0, 0)]);
        assert_eq!(calendar.hour, [range(5, 0, 0)]);
        assert_eq!(calendar.day_of_month, [range(2, 31, 2)]);
        assert_eq!(calendar.day_of_week, [range(3, 4, 0)]);
    }

    #[test]
    fn nicknames() {
        assert_eq!(calendar("@monthly").0, calendar("0 0 1 * *").0);
        assert_eq!(calendar("@midnight").0, calendar("0 0 * * *").0);
    }

    #[test]
    fn every_with_phase() {
        assert_eq!(every("@every 5d"), (5 * 86_400, None));
        assert_eq!(every("@every 1.5d"), (36 * 3_600, None));
        assert_eq!(every("@every 5h/45m"), (5 * 3_600, Some(45 * 60)));
        assert_eq!(every("TZ=US/Pacific @every 1h30m # why"), (5_400, None));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let refused = |text| parse(text).unwrap_err();
        let fields = "CronString does not have 5-7 fields";
        assert_eq!(refused("* * * *"), fields);
        assert_eq!(refused("1 2 3 4 5 6 7 8 9"), fields);
        assert_eq!(refused(""), fields);
        let year = "Year is not in range [2000-2100]";
        assert_eq!(refused("0 1 2 3 4 1999"), year);
        let missing = "CronString has time zone but missing fields";
        assert_eq!(refused("TZ=US/Pacific"), missing);
        let missing = "CronString does not have interval after @every";
        assert_eq!(refused("@every"), missing);
        assert_eq!(refused("@every x"), "time: invalid duration \"x\"");
        let both = "Minute is not in range [0-59], Hour is not in range [0-23]";
        assert_eq!(refused("99 99 * * *"), both);
    }
}
