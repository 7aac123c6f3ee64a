//! Timestamps and durations as plain nanoseconds, the only form in which the engine counts time.
//!
//! An `i64` of nanoseconds holds 292 years around the epoch. The published language reaches further
//! (years 1 to 9999), so reading is either checked, or saturating where "longer than we can count"
//! means "never".

use prost_types::{Duration, Timestamp};

const PER_SECOND: i64 = 1_000_000_000;

/// A time or duration outside of what 64 bits of nanoseconds can hold, or whose parts are not
/// normal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{seconds} s and {nanos} ns is out of range")]
pub struct OutOfRange {
    /// Whole seconds of the refused value.
    pub seconds: i64,
    /// The rest of the refused value.
    pub nanos: i32,
}

/// The timestamp that is `nanos` after the epoch; before it when negative.
pub fn timestamp(nanos: i64) -> Timestamp {
    // `nanos` of a timestamp counts forward also before the epoch.
    Timestamp {
        seconds: nanos.div_euclid(PER_SECOND),
        nanos: small(nanos.rem_euclid(PER_SECOND)),
    }
}

/// Nanoseconds from the epoch to `timestamp`.
pub fn timestamp_nanos(timestamp: &Timestamp) -> Result<i64, OutOfRange> {
    let Timestamp { seconds, nanos } = *timestamp;
    match clamped(seconds, nanos) {
        (total, true) if nanos >= 0 => Ok(total),
        _ => Err(OutOfRange { seconds, nanos }),
    }
}

/// Nanoseconds from the epoch to `timestamp`, or the nearest that can be counted.
pub fn timestamp_nanos_saturating(timestamp: &Timestamp) -> i64 {
    clamped(timestamp.seconds, timestamp.nanos).0
}

/// The duration of `nanos`, negative or not.
pub fn duration(nanos: i64) -> Duration {
    Duration {
        seconds: nanos / PER_SECOND,
        nanos: small(nanos % PER_SECOND),
    }
}

/// Nanoseconds in `duration`.
pub fn duration_nanos(duration: &Duration) -> Result<i64, OutOfRange> {
    let Duration { seconds, nanos } = *duration;
    let same_sign = seconds == 0 || nanos == 0 || (seconds < 0) == (nanos < 0);
    match clamped(seconds, nanos) {
        (total, true) if same_sign => Ok(total),
        _ => Err(OutOfRange { seconds, nanos }),
    }
}

/// Nanoseconds in `duration`, or the nearest that can be counted.
pub fn duration_nanos_saturating(duration: &Duration) -> i64 {
    clamped(duration.seconds, duration.nanos).0
}

/// The total, held within `i64`, and whether it is exact with a part below one second.
fn clamped(seconds: i64, nanos: i32) -> (i64, bool) {
    let total = i128::from(seconds) * i128::from(PER_SECOND) + i128::from(nanos);
    let normal = i64::from(nanos).abs() < PER_SECOND;
    match i64::try_from(total) {
        Ok(exact) => (exact, normal),
        Err(_) if total < 0 => (i64::MIN, false),
        Err(_) => (i64::MAX, false),
    }
}

/// A rest of a division by [`PER_SECOND`], which always fits.
fn small(rest: i64) -> i32 {
    i32::try_from(rest).expect("less than a second of nanoseconds fits in 32 bits")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_count_survives_both_forms(nanos: i64) {
            prop_assert_eq!(timestamp_nanos(&timestamp(nanos)), Ok(nanos));
            prop_assert_eq!(duration_nanos(&duration(nanos)), Ok(nanos));
        }

        #[test]
        fn saturating_agrees_with_checked(seconds: i64, nanos: i32) {
            let (time, span) = (Timestamp { seconds, nanos }, Duration { seconds, nanos });
            if let Ok(exact) = timestamp_nanos(&time) {
                prop_assert_eq!(timestamp_nanos_saturating(&time), exact);
            }
            if let Ok(exact) = duration_nanos(&span) {
                prop_assert_eq!(duration_nanos_saturating(&span), exact);
            }
        }
    }

    #[test]
    fn before_the_epoch_the_rest_counts_forward() {
        assert_eq!(
            timestamp(-1),
            Timestamp {
                seconds: -1,
                nanos: 999_999_999
            }
        );
        assert_eq!(
            duration(-1),
            Duration {
                seconds: 0,
                nanos: -1
            }
        );
    }

    #[test]
    fn what_cannot_be_counted_is_refused_or_held() {
        let year_9999 = Timestamp {
            seconds: 253_402_300_799,
            nanos: 0,
        };
        assert!(timestamp_nanos(&year_9999).is_err());
        assert_eq!(timestamp_nanos_saturating(&year_9999), i64::MAX);
        let odd = Duration {
            seconds: 1,
            nanos: -1,
        };
        assert_eq!(
            duration_nanos(&odd),
            Err(OutOfRange {
                seconds: 1,
                nanos: -1
            })
        );
        assert_eq!(
            duration_nanos_saturating(&Duration {
                seconds: i64::MIN,
                nanos: 0
            }),
            i64::MIN
        );
    }
}
