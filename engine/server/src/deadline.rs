//! How long a caller waits.

use std::time::Duration;

use steadfast_core::Rejection;
use tonic::metadata::MetadataMap;

/// How long a wait for history or for an update lasts. temporal: `history.longPollExpirationInterval`.
pub(crate) const HISTORY_WAIT: Duration = Duration::from_secs(20);
/// A long poll ends so much before its caller gives up.
const MARGIN: Duration = Duration::from_secs(1);
/// A caller who polls must wait so long. temporal: `common.CriticalLongPollTimeout` and its sibling.
const SHORTEST_POLL: Duration = Duration::from_secs(2);

/// The caller's own deadline, from the header `grpc-timeout`.
pub(crate) fn of_caller(metadata: &MetadataMap) -> Option<Duration> {
    parse(metadata.get("grpc-timeout")?.to_str().ok()?)
}

/// How long a poll for a task lasts.
// temporal: common/rpc.go ValidateLongPollContextTimeout.
pub(crate) fn poll(metadata: &MetadataMap, longest: Duration) -> Result<Duration, Rejection> {
    let Some(given) = of_caller(metadata) else {
        return Err(Rejection::InvalidArgument(
            "Context timeout is not set.".to_owned(),
        ));
    };
    if given < SHORTEST_POLL {
        return Err(Rejection::FailedPrecondition(
            "Context timeout is too short.".to_owned(),
        ));
    }
    Ok(longest.min(given - MARGIN))
}

/// How long a wait for more history lasts.
pub(crate) fn history(metadata: &MetadataMap) -> Duration {
    of_caller(metadata).map_or(HISTORY_WAIT, |given| {
        HISTORY_WAIT.min(given.saturating_sub(MARGIN))
    })
}

/// Up to eight digits and a unit, as the gRPC protocol has it.
fn parse(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let digits = &text[..text.len() - unit.len_utf8()];
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    Some(match unit {
        'H' => Duration::from_secs(count * 3600),
        'M' => Duration::from_secs(count * 60),
        'S' => Duration::from_secs(count),
        'm' => Duration::from_millis(count),
        'u' => Duration::from_micros(count),
        'n' => Duration::from_nanos(count),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use steadfast_core::limits::LONG_POLL;

    use super::*;

    fn with(timeout: &str) -> MetadataMap {
        let mut metadata = MetadataMap::new();
        metadata.insert("grpc-timeout", timeout.parse().unwrap());
        metadata
    }

    #[test]
    fn a_poll_ends_before_its_caller_gives_up() {
        assert_eq!(poll(&with("70S"), LONG_POLL), Ok(Duration::from_secs(60)));
        assert_eq!(poll(&with("10000m"), LONG_POLL), Ok(Duration::from_secs(9)));
        assert!(matches!(
            poll(&with("1S"), LONG_POLL),
            Err(Rejection::FailedPrecondition(_))
        ));
        assert!(matches!(
            poll(&MetadataMap::new(), LONG_POLL),
            Err(Rejection::InvalidArgument(_))
        ));
    }

    #[test]
    fn what_is_no_timeout_is_none() {
        for text in ["", "S", "1", "123456789S", "1X", "-1S", "1\u{e9}"] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(
            parse("99999999H"),
            Some(Duration::from_secs(99_999_999 * 3600))
        );
    }
}
