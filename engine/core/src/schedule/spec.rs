//! When a schedule acts: calendars and intervals, less what is excluded, within bounds, shifted by jitter.
//!
//! ```text
//! nominal times = (calendars ∪ intervals) − excluded calendars, within [start time, end time], in whole seconds
//! actual time   = nominal + a part of min(jitter, gap to the following nominal time)
//! ```
//!
//! Which part is a hash of the nominal time and the schedule's name, so that a schedule's times are the same whenever
//! they are asked for. A jittered time never passes the following nominal one; so searching on from an actual time
//! finds the following nominal time.
// temporal: service/worker/scheduler/spec.go.

use std::time::Duration;

use steadfast_proto::temporal::api::schedule::v1::{
    IntervalSpec, Range, ScheduleSpec, StructuredCalendarSpec,
};

use super::{
    calendar::Calendar,
    cron::{self, Parsed},
    field::{Field, YEARS},
    zone::{Zone, utc_year},
};
use crate::{
    limits::{MAX_SCHEDULE_COMMENT, MAX_SCHEDULE_SPEC_PARTS},
    time::{Timestamp, duration_from_proto},
};

const NANOS_PER_SEC: i64 = 1_000_000_000;

/// A specification, ready for questions.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    calendars: Vec<Calendar>,
    excluded: Vec<Calendar>,
    /// Interval and phase, in seconds.
    intervals: Vec<(i64, i64)>,
    start: Timestamp,
    end: Option<Timestamp>,
    jitter: Duration,
}

/// One time at which a schedule acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextTime {
    /// As the specification has it, in whole seconds.
    pub nominal: Timestamp,
    /// With jitter.
    pub actual: Timestamp,
}

/// How much may still be searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort(u32);

/// A search took too much effort: the specification excludes nearly all of its own times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMuch;

impl Effort {
    /// What one request or one step may spend: about a tenth of a second.
    // temporal: a search of more than `DefaultWarnIterations`, 86 400 excluded times, counts as broken there.
    pub const STEP: Self = Self(1_000_000);

    pub(crate) fn spend(&mut self, units: u32) -> Result<(), TooMuch> {
        self.0 = self.0.checked_sub(units).ok_or(TooMuch)?;
        Ok(())
    }
}

impl Spec {
    /// Makes a canonical specification ready.
    ///
    /// # Errors
    /// If its time zone is unknown, with Temporal's words.
    pub fn new(spec: &ScheduleSpec) -> Result<Self, String> {
        let zone = Zone::parse(&spec.timezone_name, &spec.timezone_data)?;
        let calendar = |spec: &StructuredCalendarSpec| Calendar::new(spec, &zone);
        let seconds = |d: Option<&_>| duration_from_proto(d).map_or(0, |d| d.as_secs());
        let intervals = spec.interval.iter().map(|interval| {
            let every = i64::try_from(seconds(interval.interval.as_ref())).unwrap_or(i64::MAX);
            let phase = i64::try_from(seconds(interval.phase.as_ref())).unwrap_or(0);
            (every.max(1), phase)
        });
        Ok(Self {
            calendars: spec.structured_calendar.iter().map(calendar).collect(),
            excluded: spec
                .exclude_structured_calendar
                .iter()
                .map(calendar)
                .collect(),
            intervals: intervals.collect(),
            start: spec
                .start_time
                .as_ref()
                .map_or(Timestamp::EPOCH, Timestamp::from_proto),
            end: spec.end_time.as_ref().map(Timestamp::from_proto),
            jitter: duration_from_proto(spec.jitter.as_ref()).unwrap_or_default(),
        })
    }

    /// How far an actual time may be from its nominal one.
    #[must_use]
    pub fn jitter(&self) -> Duration {
        self.jitter
    }

    /// The first time after another. `seed` tells schedules with the same specification apart.
    ///
    /// # Errors
    /// If the search takes too much effort.
    pub fn next(
        &self,
        seed: &str,
        after: Timestamp,
        effort: &mut Effort,
    ) -> Result<Option<NextTime>, TooMuch> {
        // A second less, so that the first second of the bounds may match.
        let first = Timestamp::from_nanos(self.start.as_nanos().saturating_sub(NANOS_PER_SEC));
        let mut nominal = seconds(after.max(first));
        loop {
            let Some(next) = self.raw_next(nominal, effort)? else {
                return Ok(None);
            };
            nominal = next;
            let time = Timestamp::from_secs(nominal);
            if self.end.is_some_and(|end| time > end) || utc_year(nominal) > YEARS.1 {
                return Ok(None);
            }
            if !self.is_excluded(nominal, effort)? {
                break;
            }
        }
        let nominal_time = Timestamp::from_secs(nominal);
        let gap = self
            .raw_next(nominal, effort)?
            .map(|following| Duration::from_secs(following.abs_diff(nominal)));
        let jitter = gap.map_or(self.jitter, |gap| gap.min(self.jitter));
        Ok(Some(NextTime {
            nominal: nominal_time,
            actual: nominal_time.plus(share(seed, nominal, jitter)),
        }))
    }

    /// At most `limit` times after `after` and not after `until`.
    ///
    /// # Errors
    /// If the search takes too much effort.
    pub fn times(
        &self,
        seed: &str,
        after: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<NextTime>, TooMuch> {
        let mut effort = Effort::STEP;
        let mut times: Vec<NextTime> = Vec::new();
        let mut from = after;
        while times.len() < limit {
            match self.next(seed, from, &mut effort)? {
                Some(next) if next.actual <= until => {
                    from = next.actual;
                    times.push(next);
                }
                Some(_) | None => break,
            }
        }
        Ok(times)
    }

    /// The first nominal time after another, whether excluded or not, in seconds since the epoch.
    fn raw_next(&self, after: i64, effort: &mut Effort) -> Result<Option<i64>, TooMuch> {
        let mut first: Option<i64> = None;
        let mut offer = |time: i64| first = Some(first.map_or(time, |first| first.min(time)));
        for calendar in &self.calendars {
            if let Some(time) = calendar.next(after, effort)? {
                offer(time);
            }
        }
        for (every, phase) in &self.intervals {
            effort.spend(1)?;
            let ticks = (after - phase) / every + 1;
            if let Some(time) = ticks
                .checked_mul(*every)
                .and_then(|t| t.checked_add(*phase))
            {
                offer(time);
            }
        }
        Ok(first)
    }

    fn is_excluded(&self, nominal: i64, effort: &mut Effort) -> Result<bool, TooMuch> {
        for calendar in &self.excluded {
            effort.spend(1)?;
            if calendar.matches(nominal) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn seconds(time: Timestamp) -> i64 {
    time.as_nanos().div_euclid(NANOS_PER_SEC)
}

/// A part of the jitter, in whole milliseconds, that depends on nothing but the nominal time and the seed.
// temporal: spec.go addJitter hashes Go's binary form of the nominal time, in UTC, followed by the seed.
fn share(seed: &str, nominal: i64, jitter: Duration) -> Duration {
    /// Seconds from the year 1, where Go's time begins, to the epoch.
    const EPOCH_OF_GO: i64 = 62_135_596_800;
    let mut bytes = vec![1];
    bytes.extend((nominal + EPOCH_OF_GO).to_be_bytes());
    bytes.extend([0, 0, 0, 0, 0xff, 0xff]);
    bytes.extend(seed.as_bytes());
    let hash = u64::from(farmhash::fingerprint32(&bytes));
    let milliseconds = jitter.as_millis().min(u32::MAX.into());
    let milliseconds = u64::try_from(milliseconds).expect("at most a u32");
    Duration::from_millis((hash * milliseconds) >> 32)
}

/// The specification as it is kept: all that is text becomes ranges.
///
/// # Errors
/// With Temporal's words for what is wrong.
// temporal: spec.go canonicalizeSpec.
pub fn canonical(spec: &ScheduleSpec) -> Result<ScheduleSpec, String> {
    let parts = parts(spec);
    if parts > MAX_SCHEDULE_SPEC_PARTS {
        return Err(format!(
            "specification has {parts} parts, more than {MAX_SCHEDULE_SPEC_PARTS}"
        ));
    }
    let mut spec = spec.clone();
    for calendar in std::mem::take(&mut spec.calendar) {
        spec.structured_calendar.push(cron::structured(&calendar)?);
    }
    #[expect(deprecated, reason = "old clients still send it")]
    for calendar in std::mem::take(&mut spec.exclude_calendar) {
        let structured = cron::structured(&calendar)?;
        spec.exclude_structured_calendar.push(structured);
    }
    take_cron_strings(&mut spec)?;
    let calendars = spec.structured_calendar.iter();
    for calendar in calendars.chain(&spec.exclude_structured_calendar) {
        check_calendar(calendar)?;
    }
    spec.interval.iter().try_for_each(check_interval)?;
    if duration_from_proto(spec.jitter.as_ref()).is_none() {
        return Err("jitter is negative".to_owned());
    }
    Zone::parse(&spec.timezone_name, &spec.timezone_data)?;
    Ok(spec)
}

fn parts(spec: &ScheduleSpec) -> usize {
    let ranges = |calendar: &StructuredCalendarSpec| {
        fields(calendar)
            .iter()
            .map(|(_, ranges)| ranges.len())
            .sum::<usize>()
    };
    let calendars = spec.structured_calendar.iter();
    let in_calendars = calendars.chain(&spec.exclude_structured_calendar);
    #[expect(deprecated, reason = "old clients still send it")]
    let texts = spec.calendar.iter().chain(&spec.exclude_calendar);
    // A list in text has as many ranges as commas, and one.
    let in_texts = texts.map(|text| {
        [
            &text.second,
            &text.minute,
            &text.hour,
            &text.day_of_month,
            &text.month,
            &text.year,
            &text.day_of_week,
        ]
        .iter()
        .map(|field| field.matches(',').count() + 1)
        .sum::<usize>()
    });
    let in_crons = spec.cron_string.iter().map(|c| c.matches(',').count() + 7);
    in_calendars.map(ranges).sum::<usize>()
        + in_texts.sum::<usize>()
        + in_crons.sum::<usize>()
        + spec.structured_calendar.len()
        + spec.exclude_structured_calendar.len()
        + spec.interval.len()
}

/// Cron strings become calendars and intervals; all of them must name the same time zone, or none.
fn take_cron_strings(spec: &mut ScheduleSpec) -> Result<(), String> {
    let conflict = || Err("conflicting timezone names".to_owned());
    let mut named: Option<String> = None;
    for text in std::mem::take(&mut spec.cron_string) {
        let (parsed, zone) = cron::parse(&text)?;
        if named.as_deref().is_some_and(|named| named != zone) {
            return conflict();
        }
        named = Some(zone.to_owned());
        match parsed {
            Parsed::Calendar(calendar) => spec.structured_calendar.push(*calendar),
            Parsed::Interval(interval) => spec.interval.push(interval),
        }
    }
    let Some(named) = named.filter(|named| !named.is_empty()) else {
        return Ok(());
    };
    let other_name = !spec.timezone_name.is_empty() && spec.timezone_name != named;
    if other_name || !spec.timezone_data.is_empty() {
        return conflict();
    }
    spec.timezone_name = named;
    Ok(())
}

fn fields(calendar: &StructuredCalendarSpec) -> [(Field, &[Range]); 7] {
    [
        (Field::Second, &calendar.second),
        (Field::Minute, &calendar.minute),
        (Field::Hour, &calendar.hour),
        (Field::DayOfMonth, &calendar.day_of_month),
        (Field::Month, &calendar.month),
        (Field::Year, &calendar.year),
        (Field::DayOfWeek, &calendar.day_of_week),
    ]
}

// temporal: spec.go validateStructuredCalendar; there excluded calendars go unchecked.
fn check_calendar(calendar: &StructuredCalendarSpec) -> Result<(), String> {
    let mut errors = Vec::new();
    for (field, ranges) in fields(calendar) {
        let (name, (min, max)) = (field.name(), field.bounds());
        for range in ranges {
            if !(min..=max).contains(&range.start) {
                errors.push(format!("{name} Start is not in range [{min}-{max}]"));
            }
            if range.end != 0 && (range.end < range.start || range.end > max) {
                errors.push(format!(
                    "{name} End is before Start or not in range [{min}-{max}]"
                ));
            }
            if range.step < 0 {
                errors.push(format!("{name} has invalid Step"));
            }
        }
    }
    if calendar.comment.len() > MAX_SCHEDULE_COMMENT {
        errors.push("comment is too long".to_owned());
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(format!("invalid calendar spec: {}", errors.join(", ")))
    }
}

// temporal: spec.go validateInterval.
fn check_interval(interval: &IntervalSpec) -> Result<(), String> {
    // A negative interval is smaller than a second, too.
    let every = duration_from_proto(interval.interval.as_ref()).unwrap_or_default();
    let Some(phase) = duration_from_proto(interval.phase.as_ref()) else {
        return Err("phase is negative".to_owned());
    };
    if every < Duration::from_secs(1) {
        Err("interval is too small".to_owned())
    } else if phase >= every {
        Err("phase cannot be greater than Interval".to_owned())
    } else {
        Ok(())
    }
}

/// Fills in what goes without saying in ranges, as clients are shown it.
// temporal: spec.go CleanSpec.
pub fn clean(spec: &mut ScheduleSpec) {
    let calendars = spec.structured_calendar.iter_mut();
    for calendar in calendars.chain(&mut spec.exclude_structured_calendar) {
        let fields = [
            &mut calendar.second,
            &mut calendar.minute,
            &mut calendar.hour,
            &mut calendar.day_of_month,
            &mut calendar.month,
            &mut calendar.year,
            &mut calendar.day_of_week,
        ];
        for range in fields.into_iter().flatten() {
            range.end = range.end.max(range.start);
            range.step = range.step.max(1);
        }
    }
}

#[cfg(test)]
mod tests;
