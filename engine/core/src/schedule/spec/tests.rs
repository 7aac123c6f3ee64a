use proptest::prelude::*;
use steadfast_proto::temporal::api::schedule::v1::CalendarSpec;

use super::*;
use crate::time::duration_to_proto;

const HOUR: u64 = 3_600;

/// A moment in UTC from text: `2022-03-23 12:53:02.000000009`.
fn utc(text: &str) -> Timestamp {
    let (date, time) = text.split_once(' ').unwrap();
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let numbers =
        |text: &str, by: char| -> Vec<u32> { text.split(by).map(|n| n.parse().unwrap()).collect() };
    let (date, time) = (numbers(date, '-'), numbers(time, ':'));
    let year = i32::try_from(date[0]).unwrap();
    let seconds = Zone::Utc.at(year, date[1], date[2], time[0], time[1], time[2]);
    let nanos: i64 = format!("{fraction:0<9}").parse().unwrap();
    Timestamp::from_nanos(seconds * NANOS_PER_SEC + nanos)
}

fn proto(text: &str) -> Option<prost_types::Timestamp> {
    Some(utc(text).to_proto())
}

fn every(interval: u64, phase: u64) -> IntervalSpec {
    IntervalSpec {
        interval: Some(duration_to_proto(Duration::from_secs(interval))),
        phase: Some(duration_to_proto(Duration::from_secs(phase))),
    }
}

fn jitter(seconds: u64) -> Option<prost_types::Duration> {
    Some(duration_to_proto(Duration::from_secs(seconds)))
}

fn hours(hour: &str, minute: &str) -> CalendarSpec {
    CalendarSpec {
        hour: hour.into(),
        minute: minute.into(),
        ..CalendarSpec::default()
    }
}

fn compiled(spec: &ScheduleSpec) -> Spec {
    Spec::new(&canonical(spec).unwrap()).unwrap()
}

/// The actual times from a moment on; `until` is later than all that are asked for.
fn sequence(spec: &ScheduleSpec, seed: &str, after: &str, count: usize) -> Vec<Timestamp> {
    let times = compiled(spec).times(seed, utc(after), Timestamp::MAX, count);
    times.unwrap().iter().map(|next| next.actual).collect()
}

fn all<const N: usize>(times: [&str; N]) -> Vec<Timestamp> {
    times.iter().map(|time| utc(time)).collect()
}

#[test]
fn text_becomes_ranges() {
    let spec = ScheduleSpec {
        calendar: vec![hours("5,7", "23")],
        cron_string: vec!["@every 43h".into()],
        ..ScheduleSpec::default()
    };
    let range = |start, end| Range {
        start,
        end,
        step: 0,
    };
    let expected = ScheduleSpec {
        structured_calendar: vec![StructuredCalendarSpec {
            second: vec![range(0, 0)],
            minute: vec![range(23, 0)],
            hour: vec![range(5, 0), range(7, 0)],
            day_of_month: vec![range(1, 31)],
            month: vec![range(1, 12)],
            day_of_week: vec![range(0, 6)],
            ..StructuredCalendarSpec::default()
        }],
        interval: vec![IntervalSpec {
            phase: None,
            ..every(43 * HOUR, 0)
        }],
        ..ScheduleSpec::default()
    };
    let canonical_spec = canonical(&spec).unwrap();
    assert_eq!(canonical_spec, expected);
    assert_eq!(
        canonical(&canonical_spec).unwrap(),
        expected,
        "once is enough"
    );
    let mut cleaned = expected;
    clean(&mut cleaned);
    assert_eq!(cleaned.structured_calendar[0].hour[1].end, 7);
    assert_eq!(cleaned.structured_calendar[0].hour[1].step, 1);
    assert_eq!(compiled(&cleaned), compiled(&spec), "the same times");
}

#[test]
fn time_zones_must_agree() {
    let spec = |crons: &[&str], zone: &str| ScheduleSpec {
        cron_string: crons.iter().map(|&cron| cron.into()).collect(),
        timezone_name: zone.into(),
        ..ScheduleSpec::default()
    };
    let london = "CRON_TZ=Europe/London 23 5,7 * * *";
    let new_york = "CRON_TZ=America/New_York 23 5,7 * * *";
    let none = "23 5,7 * * *";
    for (crons, zone) in [
        (&[none][..], "Europe/London"),
        (&[london], ""),
        (&[london, london], "Europe/London"),
    ] {
        let canonical = canonical(&spec(crons, zone)).unwrap();
        assert_eq!(canonical.timezone_name, "Europe/London", "{crons:?}");
    }
    for (crons, zone) in [
        (&[new_york][..], "Europe/London"),
        (&[london, new_york], ""),
        (&[london, none], ""),
        (&[none, london], ""),
    ] {
        let refused = canonical(&spec(crons, zone)).unwrap_err();
        assert_eq!(refused, "conflicting timezone names", "{crons:?}");
    }
}

#[test]
fn ranges_are_checked() {
    /// A field, and a range that it cannot have.
    type Wrong = fn(&mut StructuredCalendarSpec) -> (&mut Vec<Range>, [i32; 3]);
    let wrong: [Wrong; 13] = [
        |c| (&mut c.second, [100, 0, 0]),
        |c| (&mut c.second, [-3, 0, 0]),
        |c| (&mut c.second, [30, 60, 0]),
        |c| (&mut c.second, [30, 40, -3]),
        |c| (&mut c.minute, [60, 0, 0]),
        |c| (&mut c.hour, [0, 24, 0]),
        |c| (&mut c.hour, [16, 12, 0]),
        |c| (&mut c.day_of_month, [0, 0, 0]),
        |c| (&mut c.day_of_month, [0, 33, 0]),
        |c| (&mut c.month, [0, 13, 0]),
        |c| (&mut c.day_of_week, [6, 7, 0]),
        |c| (&mut c.year, [1999, 0, 0]),
        |c| (&mut c.year, [2112, 0, 0]),
    ];
    for wrong in wrong {
        let mut calendar = StructuredCalendarSpec::default();
        let (ranges, [start, end, step]) = wrong(&mut calendar);
        ranges.push(Range { start, end, step });
        for excluded in [false, true] {
            let mut spec = ScheduleSpec::default();
            let calendars = if excluded {
                &mut spec.exclude_structured_calendar
            } else {
                &mut spec.structured_calendar
            };
            calendars.push(calendar.clone());
            let refused = canonical(&spec).unwrap_err();
            assert!(refused.starts_with("invalid calendar spec: "), "{refused}");
        }
    }
}

#[test]
fn intervals_are_checked() {
    let refused = |interval: IntervalSpec| {
        let spec = ScheduleSpec {
            interval: vec![interval],
            ..ScheduleSpec::default()
        };
        canonical(&spec).unwrap_err()
    };
    let negative = Some(prost_types::Duration {
        seconds: -1,
        nanos: 0,
    });
    assert_eq!(refused(every(0, 0)), "interval is too small");
    let interval = IntervalSpec {
        interval: negative,
        phase: None,
    };
    assert_eq!(refused(interval), "interval is too small");
    let phase = IntervalSpec {
        phase: negative,
        ..every(60, 0)
    };
    assert_eq!(refused(phase), "phase is negative");
    let phase = "phase cannot be greater than Interval";
    assert_eq!(refused(every(3 * HOUR, 4 * HOUR)), phase);
}

#[test]
fn a_specification_is_bounded() {
    let spec = ScheduleSpec {
        interval: vec![every(60, 0); MAX_SCHEDULE_SPEC_PARTS + 1],
        ..ScheduleSpec::default()
    };
    assert!(canonical(&spec).unwrap_err().contains("parts, more than"));
    let commas = ScheduleSpec {
        cron_string: vec![format!("{} * * * *", "1,".repeat(MAX_SCHEDULE_SPEC_PARTS))],
        ..ScheduleSpec::default()
    };
    assert!(canonical(&commas).unwrap_err().contains("parts, more than"));
}

// The times below are those of the real server's own tests.

#[test]
fn intervals_count_from_the_epoch() {
    let spec = ScheduleSpec {
        interval: vec![every(90 * 60, 0)],
        ..ScheduleSpec::default()
    };
    assert_eq!(
        sequence(&spec, "", "2022-03-23 12:53:02.000000009", 3),
        all([
            "2022-03-23 13:30:00",
            "2022-03-23 15:00:00",
            "2022-03-23 16:30:00"
        ])
    );
    let phased = ScheduleSpec {
        interval: vec![every(90 * 60, 5 * 60 + 44), every(157 * 60, 22 * 60 + 11)],
        ..ScheduleSpec::default()
    };
    assert_eq!(
        sequence(&phased, "", "2022-03-23 12:53:02.000000009", 7),
        all([
            "2022-03-23 13:35:44",
            "2022-03-23 15:05:44",
            "2022-03-23 15:26:11",
            "2022-03-23 16:35:44",
            "2022-03-23 18:03:11",
            "2022-03-23 18:05:44",
            "2022-03-23 19:35:44",
        ])
    );
}

#[test]
fn calendars_and_intervals_together() {
    let spec = ScheduleSpec {
        calendar: vec![hours("5,7", "23")],
        cron_string: vec!["55 11,13 * * *".into()],
        interval: vec![every(24 * HOUR, 7 * 60)],
        ..ScheduleSpec::default()
    };
    assert_eq!(
        sequence(&spec, "", "2022-03-23 03:00:00", 6),
        all([
            "2022-03-23 05:23:00",
            "2022-03-23 07:23:00",
            "2022-03-23 11:55:00",
            "2022-03-23 13:55:00",
            "2022-03-24 00:07:00",
            "2022-03-24 05:23:00",
        ])
    );
}

#[test]
fn excluded_times_are_passed_over() {
    let excluded = CalendarSpec {
        second: "*".into(),
        ..hours("12-14", "*")
    };
    #[expect(deprecated, reason = "old clients still send it")]
    let spec = ScheduleSpec {
        interval: vec![every(90 * 60, 0)],
        exclude_calendar: vec![excluded],
        jitter: jitter(1),
        ..ScheduleSpec::default()
    };
    assert_eq!(
        sequence(&spec, "", "2022-03-23 08:00:00", 4),
        all([
            "2022-03-23 09:00:00.235",
            "2022-03-23 10:30:00.139",
            "2022-03-23 15:00:00.089",
            "2022-03-23 16:30:00.687",
        ])
    );
}

#[test]
fn nothing_is_left_when_all_is_excluded() {
    let always = CalendarSpec {
        second: "*".into(),
        ..hours("*", "*")
    };
    #[expect(deprecated, reason = "old clients still send it")]
    let weekly = ScheduleSpec {
        interval: vec![every(7 * 24 * HOUR, 0)],
        exclude_calendar: vec![always.clone()],
        ..ScheduleSpec::default()
    };
    assert!(sequence(&weekly, "", "2022-03-23 12:53:02", 1).is_empty());
    // Second by second until the year 2100 is too much.
    #[expect(deprecated, reason = "old clients still send it")]
    let mirrored = ScheduleSpec {
        calendar: vec![always.clone()],
        exclude_calendar: vec![always],
        ..ScheduleSpec::default()
    };
    let times = compiled(&mirrored).times("", Timestamp::EPOCH, Timestamp::MAX, 1);
    assert_eq!(times, Err(TooMuch));
}

#[test]
fn bounds_are_inclusive() {
    let spec = ScheduleSpec {
        interval: vec![every(90 * 60, 0)],
        start_time: proto("2022-03-23 12:00:00"),
        end_time: proto("2022-03-23 14:00:00"),
        jitter: jitter(1),
        ..ScheduleSpec::default()
    };
    assert_eq!(
        sequence(&spec, "", "2022-03-23 08:00:00", 9),
        all(["2022-03-23 12:00:00.162", "2022-03-23 13:30:00.587"])
    );
    let within = ScheduleSpec {
        interval: vec![every(HOUR, 0)],
        start_time: proto("2022-03-23 12:00:00.456"),
        ..ScheduleSpec::default()
    };
    assert_eq!(
        sequence(&within, "", "2022-03-23 12:00:00.123", 1),
        all(["2022-03-23 13:00:00"])
    );
}

#[test]
fn jitter_stays_below_the_following_time() {
    let spec = ScheduleSpec {
        interval: vec![every(90 * 60, 0)],
        jitter: jitter(24 * HOUR),
        ..ScheduleSpec::default()
    };
    assert_eq!(
        sequence(&spec, "", "2022-03-23 11:00:00", 3),
        all([
            "2022-03-23 12:14:36.524",
            "2022-03-23 14:22:54.562",
            "2022-03-23 15:08:03.724",
        ])
    );
}

#[test]
fn jitter_of_a_single_time() {
    let once = CalendarSpec {
        day_of_month: "7".into(),
        month: "4".into(),
        year: "2022".into(),
        ..hours("13", "55")
    };
    let spec = ScheduleSpec {
        calendar: vec![once],
        jitter: jitter(HOUR),
        ..ScheduleSpec::default()
    };
    assert_eq!(
        sequence(&spec, "", "2022-03-23 11:00:00", 9),
        all(["2022-04-07 13:57:26.927"])
    );
}

#[test]
fn jitter_depends_on_the_seed() {
    let spec = ScheduleSpec {
        interval: vec![every(24 * HOUR, 0)],
        jitter: jitter(HOUR),
        ..ScheduleSpec::default()
    };
    for (seed, expected) in [
        ("", "2022-03-24 00:35:24.276"),
        ("seed-1", "2022-03-24 00:06:12.519"),
        ("seed-2", "2022-03-24 00:39:16.922"),
    ] {
        let times = sequence(&spec, seed, "2022-03-23 11:00:00", 1);
        assert_eq!(times, all([expected]), "{seed}");
    }
}

/// Times of a cron string, shown in its own zone as seconds since the epoch.
fn crons(text: &str, zone: &Zone, after: [u32; 6], count: usize) -> Vec<i64> {
    let spec = compiled(&ScheduleSpec {
        cron_string: vec![text.into()],
        ..ScheduleSpec::default()
    });
    let after = Timestamp::from_secs(at(zone, after));
    let times = spec.times("", after, Timestamp::MAX, count).unwrap();
    let found: Vec<_> = times.iter().map(|next| seconds(next.nominal)).collect();
    // From whichever second between two times the search begins, the later one is found.
    let mut from = seconds(after);
    for next in &found {
        for second in from..*next {
            let again = spec.next("", Timestamp::from_secs(second), &mut Effort::STEP.clone());
            let again = again.unwrap().map(|n| seconds(n.nominal));
            assert_eq!(again, Some(*next), "from {second}");
        }
        from = *next;
    }
    found
}

fn at(zone: &Zone, [year, month, day, hour, minute, second]: [u32; 6]) -> i64 {
    let year = i32::try_from(year).unwrap();
    zone.at(year, month, day, hour, minute, second)
}

#[test]
fn a_time_that_does_not_exist_is_passed_over() {
    let zone = Zone::parse("US/Pacific", b"").unwrap();
    let text = "CRON_TZ=US/Pacific 33 33 2 * * * *";
    assert_eq!(
        crons(text, &zone, [2022, 3, 11, 20, 0, 0], 2),
        [
            at(&zone, [2022, 3, 12, 2, 33, 33]),
            at(&zone, [2022, 3, 14, 2, 33, 33]),
        ]
    );
}

#[test]
fn an_hour_that_comes_twice_matches_twice() {
    let zone = Zone::parse("US/Pacific", b"").unwrap();
    let text = "CRON_TZ=US/Pacific 33 33,44 1 * * * *";
    let first = at(&zone, [2021, 11, 7, 1, 33, 33]);
    let second = at(&zone, [2021, 11, 7, 1, 44, 33]);
    assert_eq!(
        crons(text, &zone, [2021, 11, 7, 0, 15, 15], 5),
        [
            first,
            second,
            first + 3_600,
            second + 3_600,
            at(&zone, [2021, 11, 8, 1, 33, 33]),
        ]
    );
}

#[test]
fn a_search_may_begin_in_an_hour_that_comes_twice() {
    let zone = Zone::parse("Europe/London", b"").unwrap();
    let spec = compiled(&ScheduleSpec {
        cron_string: vec!["TZ=Europe/London 0 1 0 2 Jan Sun *".into()],
        ..ScheduleSpec::default()
    });
    for after in [[2004, 1, 1, 0, 0, 5], [2004, 10, 31, 1, 7, 3]] {
        let after = Timestamp::from_secs(at(&zone, after));
        let next = spec.next("", after, &mut Effort::STEP.clone()).unwrap();
        let expected = at(&zone, [2005, 1, 2, 0, 1, 0]);
        assert_eq!(next.unwrap().nominal, Timestamp::from_secs(expected));
    }
}

/// Where clocks change at midnight, the day that begins at one o'clock is taken for the day before: a search that
/// comes from earlier passes it over if the calendar has days of the week, as the real server's does.
#[test]
fn a_day_without_midnight() {
    let zone = Zone::parse("Cuba", b"").unwrap();
    // The clocks went from 0:00 to 1:00 on Sunday, 14 March 2021.
    let sundays = compiled(&ScheduleSpec {
        cron_string: vec!["TZ=Cuba 30 12 * * sun".into()],
        ..ScheduleSpec::default()
    });
    for (after, expected) in [([2021, 3, 10, 0, 0, 0], 21), ([2021, 3, 14, 1, 0, 0], 14)] {
        let after = Timestamp::from_secs(at(&zone, after));
        let next = sundays.next("", after, &mut Effort::STEP.clone()).unwrap();
        let expected = at(&zone, [2021, 3, expected, 12, 30, 0]);
        assert_eq!(next.unwrap().nominal, Timestamp::from_secs(expected));
    }
    let daily = crons("TZ=Cuba 30 12 * * *", &zone, [2021, 3, 13, 13, 0, 0], 1);
    assert_eq!(daily, [at(&zone, [2021, 3, 14, 12, 30, 0])]);
}

/// East of Greenwich, Go's `time.Date` means the second copy of an hour that comes twice. So the hour before it seems to
/// last two hours, and the real server takes that one for the one that comes twice: what is due in it is due again an
/// hour later, unless the search begins after it.
#[test]
fn the_hour_before_the_one_that_comes_twice() {
    let zone = Zone::parse("Europe/London", b"").unwrap();
    let spec = compiled(&ScheduleSpec {
        cron_string: vec!["TZ=Europe/London 31 0 * * *".into()],
        ..ScheduleSpec::default()
    });
    // The clocks went from 2:00 to 1:00 on Sunday, 30 October 2016.
    let first = at(&zone, [2016, 10, 30, 0, 31, 0]);
    let monday = at(&zone, [2016, 10, 31, 0, 31, 0]);
    let times = |from| {
        let from = Timestamp::from_secs(from);
        let times = spec.times("", from, Timestamp::MAX, 3).unwrap();
        times
            .iter()
            .map(|next| seconds(next.nominal))
            .collect::<Vec<_>>()
    };
    assert_eq!(times(first - 60)[..], [first, first + 3_600, monday]);
    assert_eq!(times(first + 1_800)[0], monday);
}

fn calendar_text() -> impl Strategy<Value = String> {
    let field = |max: u32| {
        prop_oneof![
            Just("*".to_owned()),
            (0..=max).prop_map(|n| n.to_string()),
            (0..=max, 1..=max).prop_map(|(n, step)| format!("{n}/{step}")),
            (0..=max, 0..=max).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))),
        ]
    };
    // None of the zones in which `the_hour_before_the_one_that_comes_twice` or `a_day_without_midnight` matters.
    let zone = prop::sample::select(vec!["UTC", "US/Pacific"]);
    (zone, field(59), field(59), field(23), field(6))
        .prop_map(|(zone, s, m, h, dow)| format!("TZ={zone} {s} {m} {h} * * {dow} *"))
}

proptest! {
    #[test]
    fn times_grow_and_match(text in calendar_text(), after in 1_000_000_000_i64..2_000_000_000) {
        let spec = ScheduleSpec { cron_string: vec![text], ..ScheduleSpec::default() };
        let spec = compiled(&spec);
        let mut from = Timestamp::from_secs(after);
        for next in spec.times("", from, Timestamp::MAX, 50).unwrap() {
            prop_assert!(next.nominal > from);
            prop_assert!(spec.calendars[0].matches(seconds(next.nominal)));
            let middle = i64::midpoint(from.as_nanos(), next.nominal.as_nanos() - NANOS_PER_SEC);
            let middle = Timestamp::from_nanos(middle).max(from);
            let again = spec.next("", middle, &mut Effort::STEP.clone()).unwrap();
            prop_assert_eq!(again, Some(next));
            from = next.nominal;
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
        let spec = ScheduleSpec { cron_string: vec![text], ..ScheduleSpec::default() };
        if let Ok(canonical_spec) = canonical(&spec) {
            prop_assert_eq!(&canonical(&canonical_spec).unwrap(), &canonical_spec);
            let spec = Spec::new(&canonical_spec).unwrap();
            let _times = spec.times("", Timestamp::EPOCH, Timestamp::MAX, 3);
        }
    }

    #[test]
    fn jittered_times_keep_their_order(interval in 1_u64..5_000, jitter_seconds in 0_u64..10_000) {
        let spec = ScheduleSpec {
            interval: vec![every(interval, 0)],
            jitter: jitter(jitter_seconds),
            ..ScheduleSpec::default()
        };
        let times = compiled(&spec).times("seed", Timestamp::EPOCH, Timestamp::MAX, 50).unwrap();
        for pair in times.windows(2) {
            prop_assert!(pair[0].actual <= pair[1].nominal);
            prop_assert_eq!(pair[1].nominal.since(pair[0].nominal), Duration::from_secs(interval));
        }
    }
}
