//! The bytes of headers: one sector at the start of a segment, and forty-eight bytes at the start of a group.

use crate::error::Damage;

/// What a disk writes as one. Groups begin at multiples of it.
pub(crate) const SECTOR: usize = 512;
/// The format that this release writes and reads: of the log, and of the records in it. Whoever changes either counts on.
pub(crate) const VERSION: u32 = 2;

pub(crate) const GROUP_HEADER: usize = 48;
/// The last bytes of a header and of a group. The very last is not zero, so that a zero in its place shows that the
/// write did not get that far.
pub(crate) const END: [u8; 4] = *b"END.";

const SEGMENT_MAGIC: [u8; 8] = *b"STEADLOG";
const GROUP_MAGIC: [u8; 4] = *b"GRP:";
const SEGMENT_CRC: usize = SECTOR - 8;
const GROUP_CRC: usize = GROUP_HEADER - 8;

/// The first sector of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) shards: u32,
    pub(crate) segment: u32,
    /// What the first group continues.
    pub(crate) after: Mark,
}

/// A place between two groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The segment of the group before; 0 if there is none.
    pub(crate) segment: u32,
    /// Where that group ends.
    pub(crate) end: u64,
    /// The number of the group after.
    pub(crate) sequence: u64,
    /// The header checksum of the group before: what the group after must name.
    pub(crate) chain: u32,
}

/// The start of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GroupHeader {
    pub(crate) segment: u32,
    pub(crate) offset: u64,
    pub(crate) sequence: u64,
    /// [`Mark::chain`] of the group before.
    pub(crate) chain: u32,
    /// Bytes of frames and end mark, without header and padding.
    pub(crate) body: u32,
    /// Of everything after the header, padding included.
    pub(crate) body_crc: u32,
    /// How many sectors of the group are nothing but zeros as they were written.
    pub(crate) zero_sectors: u32,
}

impl GroupHeader {
    /// The bytes of the whole group on disk.
    pub(crate) fn extent(&self) -> usize {
        (GROUP_HEADER + self.body as usize).next_multiple_of(SECTOR)
    }
}

/// What a header's place holds.
pub(crate) enum Found<T> {
    /// A header with the right checksum. The number is that checksum.
    Valid(T, u32),
    /// The write of it did not get that far.
    Unwritten,
    /// It was written, and is not what was written.
    Bad(Damage),
}

impl SegmentHeader {
    /// The sector.
    pub(crate) fn encode(&self, sector: &mut [u8]) {
        sector[..8].copy_from_slice(&SEGMENT_MAGIC);
        put(sector, 8, VERSION);
        put(sector, 12, self.shards);
        put(sector, 16, self.segment);
        put(sector, 20, self.after.segment);
        put_long(sector, 24, self.after.end);
        put_long(sector, 32, self.after.sequence);
        put(sector, 40, self.after.chain);
        let crc = crc32fast::hash(&sector[..SEGMENT_CRC]);
        put(sector, SEGMENT_CRC, crc);
        sector[SECTOR - 4..SECTOR].copy_from_slice(&END);
    }

    /// Reads the start of a file.
    pub(crate) fn decode(file: &[u8]) -> Found<Self> {
        let mut sector = [0; SECTOR];
        let there = file.len().min(SECTOR);
        sector[..there].copy_from_slice(&file[..there]);
        if sector[SECTOR - 1] == 0 {
            return Found::Unwritten;
        }
        if sector[..8] != SEGMENT_MAGIC {
            return Found::Bad(Damage::NotALog);
        }
        let version = get(&sector, 8);
        if version != VERSION {
            return Found::Bad(Damage::Version {
                found: version,
                known: VERSION,
            });
        }
        let crc = get(&sector, SEGMENT_CRC);
        if crc != crc32fast::hash(&sector[..SEGMENT_CRC]) || sector[SECTOR - 4..] != END {
            return Found::Bad(Damage::Checksum);
        }
        let header = Self {
            shards: get(&sector, 12),
            segment: get(&sector, 16),
            after: Mark {
                segment: get(&sector, 20),
                end: get_long(&sector, 24),
                sequence: get_long(&sector, 32),
                chain: get(&sector, 40),
            },
        };
        Found::Valid(header, crc)
    }
}

impl GroupHeader {
    /// Writes the header; its checksum is the chain of the next group.
    pub(crate) fn encode(&self, into: &mut [u8]) -> u32 {
        into[..4].copy_from_slice(&GROUP_MAGIC);
        put(into, 4, self.segment);
        put_long(into, 8, self.offset);
        put_long(into, 16, self.sequence);
        put(into, 24, self.chain);
        put(into, 28, self.body);
        put(into, 32, self.body_crc);
        put(into, 36, self.zero_sectors);
        let crc = crc32fast::hash(&into[..GROUP_CRC]);
        put(into, GROUP_CRC, crc);
        into[GROUP_CRC + 4..GROUP_HEADER].copy_from_slice(&END);
        crc
    }

    /// Reads what is at the start of `bytes`, which may be too short.
    pub(crate) fn decode(bytes: &[u8]) -> Found<Self> {
        let mut header = [0; GROUP_HEADER];
        let there = bytes.len().min(GROUP_HEADER);
        header[..there].copy_from_slice(&bytes[..there]);
        if header[GROUP_HEADER - 1] == 0 {
            return Found::Unwritten;
        }
        let crc = get(&header, GROUP_CRC);
        if header[..4] != GROUP_MAGIC
            || header[GROUP_HEADER - 4..] != END
            || crc != crc32fast::hash(&header[..GROUP_CRC])
        {
            return Found::Bad(Damage::Checksum);
        }
        let header = Self {
            segment: get(&header, 4),
            offset: get_long(&header, 8),
            sequence: get_long(&header, 16),
            chain: get(&header, 24),
            body: get(&header, 28),
            body_crc: get(&header, 32),
            zero_sectors: get(&header, 36),
        };
        Found::Valid(header, crc)
    }
}

/// How many of these sectors, the last one perhaps short, hold nothing but zeros.
pub(crate) fn zero_sectors(bytes: &[u8]) -> usize {
    bytes
        .chunks(SECTOR)
        .filter(|sector| sector.iter().all(|byte| *byte == 0))
        .count()
}

fn put(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

fn put_long(bytes: &mut [u8], at: usize, value: u64) {
    bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

fn get(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn get_long(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}
