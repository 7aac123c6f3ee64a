//! Conversions between numbers that cannot fail here, each for its own reason.

/// An offset in something that is in memory, or is to be. Too large a one is past every end.
pub(crate) fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

/// The length of something that one commit wrote.
pub(crate) fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("a commit is below four gigabytes")
}

/// A number of shards, which was a `u32` once.
pub(crate) fn count(shards: usize) -> u32 {
    u32::try_from(shards).expect("made from a u32")
}
