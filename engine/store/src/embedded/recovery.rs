//! Reading the log at opening: which groups are there, and what to make of one that is not as it should be. The
//! reasoning is in the documentation of [`super`].

use std::collections::BTreeMap;

use super::{
    MAX_SHARDS,
    format::{END, Found, GROUP_HEADER, GroupHeader, Mark, SECTOR, SegmentHeader, zero_sectors},
    log::{FIRST, disk_error, segment_name, segment_number},
};
use crate::{Damage, Disk, FileId, StoreError, convert::index, error::damaged};

/// What was found at opening.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Segments that hold something.
    pub segments: usize,
    /// Groups that were there as a whole.
    pub groups: usize,
    /// Unfinished groups that were dropped: file and offset. Nothing in them was ever reported durable.
    pub torn: Vec<(String, u64)>,
}

/// A log as the disk has it.
pub(crate) struct ReadLog {
    /// `None` for an empty one.
    pub(crate) shards: Option<u32>,
    /// The segments of the chain.
    pub(crate) files: BTreeMap<u32, FileId>,
    /// Other segments, which hold nothing once something was written after this.
    pub(crate) dead: Vec<u32>,
    pub(crate) next_segment: u32,
    /// After the last group that is known to be durable.
    pub(crate) durable: Mark,
    /// The one group after it, if there is one.
    pub(crate) carried: Carried,
    pub(crate) report: Recovery,
}

/// The frames of the last group, which may be durable or not.
#[derive(Debug, Default)]
pub(crate) struct Carried {
    pub(crate) frames: Vec<u8>,
    /// Where they were found.
    pub(crate) segment: u32,
    pub(crate) offset: u64,
}

/// Gets each durable group: its segment's header, the offset of its body, the frames in it.
pub(crate) type Visit<'a> = &'a mut dyn FnMut(&SegmentHeader, u64, &[u8]) -> Result<(), StoreError>;

/// Reads the log and shows every durable group, in order.
pub(crate) fn read_log<D: Disk>(disk: &mut D, visit: Visit<'_>) -> Result<ReadLog, StoreError> {
    let names = disk
        .list()
        .map_err(|e| disk_error("the directory", "list", e))?;
    let mut numbers: Vec<u32> = names.iter().filter_map(|n| segment_number(n)).collect();
    numbers.sort_unstable();
    let mut log = ReadLog {
        shards: None,
        files: BTreeMap::new(),
        dead: Vec::new(),
        next_segment: numbers.last().map_or(1, |last| last + 1),
        durable: FIRST,
        carried: Carried::default(),
        report: Recovery::default(),
    };
    if let Some(head) = find_head(disk, &numbers, &mut log.report)? {
        let chain = walk_back(disk, &head, &mut log.files)?;
        read_chain(disk, &chain, &head, &mut log, visit)?;
    }
    log.dead = numbers;
    log.dead.retain(|n| !log.files.contains_key(n));
    Ok(log)
}

/// The last segment that holds a group.
struct Head {
    header: SegmentHeader,
    file: FileId,
    bytes: Vec<u8>,
    groups: Vec<Group>,
}

/// A valid group.
struct Group {
    header: GroupHeader,
    /// After it.
    after: Mark,
}

fn find_head<D: Disk>(
    disk: &mut D,
    numbers: &[u32],
    report: &mut Recovery,
) -> Result<Option<Head>, StoreError> {
    for &number in numbers.iter().rev() {
        let (file, bytes) = read_file(disk, number)?;
        let Some(header) = segment_header(number, &bytes)? else {
            ends_at(number, &bytes, 0, 2 * SECTOR, report)?;
            continue;
        };
        let groups = read_groups(number, &bytes, header.after, report)?;
        if !groups.is_empty() {
            return Ok(Some(Head {
                header,
                file,
                bytes,
                groups,
            }));
        }
    }
    Ok(None)
}

/// The valid groups from the start of a segment to where it ends, or was left unfinished.
fn read_groups(
    number: u32,
    bytes: &[u8],
    start: Mark,
    report: &mut Recovery,
) -> Result<Vec<Group>, StoreError> {
    let mut groups: Vec<Group> = Vec::new();
    let mut mark = Mark {
        segment: number,
        end: SECTOR as u64,
        ..start
    };
    loop {
        match group_at(number, bytes, &mark)? {
            At::Group(group) => {
                mark = group.after;
                groups.push(group);
            }
            At::Unfinished { next } => {
                ends_at(number, bytes, index(mark.end), next, report)?;
                return Ok(groups);
            }
        }
    }
}

/// The log may end at `at` only if nothing that was written later is there.
fn ends_at(
    number: u32,
    bytes: &[u8],
    at: usize,
    next: usize,
    report: &mut Recovery,
) -> Result<(), StoreError> {
    for later in (next..bytes.len()).step_by(SECTOR) {
        if let Found::Valid(..) = GroupHeader::decode(&bytes[later..]) {
            let later = later as u64;
            return Err(damaged(number, at as u64, Damage::Missing { later }));
        }
    }
    let rest = bytes.get(at..).unwrap_or_default();
    if at == 0 || rest.iter().any(|byte| *byte != 0) {
        report.torn.push((segment_name(number), at as u64));
    }
    Ok(())
}

enum At {
    Group(Group),
    /// No whole group; one that was written after it would be at `next` or later.
    Unfinished {
        next: usize,
    },
}

/// Reads the group at a mark's end.
fn group_at(number: u32, file: &[u8], mark: &Mark) -> Result<At, StoreError> {
    let at = index(mark.end);
    let bytes = file.get(at..).unwrap_or_default();
    let bad = |damage| damaged(number, mark.end, damage);
    let (header, chain) = match GroupHeader::decode(bytes) {
        Found::Valid(header, chain) => (header, chain),
        Found::Unwritten => return Ok(At::Unfinished { next: at + SECTOR }),
        Found::Bad(damage) => return Err(bad(damage)),
    };
    if (header.segment, header.offset) != (number, mark.end) {
        return Err(bad(Damage::Misplaced {
            segment: header.segment.into(),
            offset: header.offset,
        }));
    }
    if (header.sequence, header.chain) != (mark.sequence, mark.chain) {
        return Err(bad(Damage::Chain));
    }
    let next = at.saturating_add(header.extent());
    let Some(group) = bytes.get(..header.extent()) else {
        return Ok(At::Unfinished { next });
    };
    if crc32fast::hash(&group[GROUP_HEADER..]) != header.body_crc {
        return if was_torn(&header, group) {
            Ok(At::Unfinished { next })
        } else {
            Err(bad(Damage::Checksum))
        };
    }
    let after = Mark {
        segment: number,
        end: next as u64,
        sequence: mark.sequence + 1,
        chain,
    };
    Ok(At::Group(Group { header, after }))
}

/// Whether zeros stand where none were written.
fn was_torn(header: &GroupHeader, group: &[u8]) -> bool {
    let end = GROUP_HEADER + header.body as usize;
    let missing = zero_sectors(group) > header.zero_sectors as usize;
    missing || group[..end].ends_with(&[0])
}

/// The header of a segment; `None` if it was never finished.
fn segment_header(number: u32, bytes: &[u8]) -> Result<Option<SegmentHeader>, StoreError> {
    match SegmentHeader::decode(bytes) {
        Found::Unwritten => Ok(None),
        Found::Bad(damage) => Err(damaged(number, 0, damage)),
        Found::Valid(header, _) if !(1..=MAX_SHARDS).contains(&header.shards) => {
            let why = format!("{} shards", header.shards);
            Err(damaged(number, 0, Damage::Malformed(why)))
        }
        Found::Valid(header, _) if header.segment != number => {
            let misplaced = Damage::Misplaced {
                segment: header.segment.into(),
                offset: 0,
            };
            Err(damaged(number, 0, misplaced))
        }
        Found::Valid(header, _) => Ok(Some(header)),
    }
}

/// The segments that the head continues, oldest first, each with the place where it was left.
fn walk_back<D: Disk>(
    disk: &mut D,
    head: &Head,
    files: &mut BTreeMap<u32, FileId>,
) -> Result<Vec<(SegmentHeader, Mark)>, StoreError> {
    let mut chain = Vec::new();
    let mut newer = head.header;
    while newer.after.segment != 0 {
        let number = newer.after.segment;
        if number >= newer.segment {
            return Err(damaged(newer.segment, 0, Damage::Chain));
        }
        let (file, bytes) = read_start(disk, number)?;
        let Some(header) = segment_header(number, &bytes)? else {
            return Err(damaged(number, 0, Damage::Gone));
        };
        if header.shards != newer.shards {
            return Err(damaged(number, 0, Damage::Chain));
        }
        files.insert(number, file);
        chain.push((header, newer.after));
        newer = header;
    }
    chain.reverse();
    Ok(chain)
}

fn read_chain<D: Disk>(
    disk: &D,
    chain: &[(SegmentHeader, Mark)],
    head: &Head,
    log: &mut ReadLog,
    visit: Visit<'_>,
) -> Result<(), StoreError> {
    for (header, left) in chain {
        check_start(header, log.durable)?;
        let bytes = read_all(disk, header.segment, log.files[&header.segment])?;
        log.report.groups += read_closed(header, *left, &bytes, visit)?;
        log.durable = *left;
    }
    check_start(&head.header, log.durable)?;
    let (last, proven) = head.groups.split_last().expect("a head has groups");
    for group in proven {
        visit_group(&head.header, &head.bytes, group, visit)?;
        log.durable = group.after;
    }
    log.carried = Carried {
        frames: frames_of(&head.bytes, &last.header).to_vec(),
        segment: last.header.segment,
        offset: last.header.offset + GROUP_HEADER as u64,
    };
    if !proven.is_empty() {
        log.files.insert(head.header.segment, head.file);
    }
    log.shards = Some(head.header.shards);
    log.report.groups += head.groups.len();
    log.report.segments = chain.len() + 1;
    Ok(())
}

/// A segment must continue where the one before it was left.
fn check_start(header: &SegmentHeader, mark: Mark) -> Result<(), StoreError> {
    if header.after == mark {
        Ok(())
    } else {
        Err(damaged(header.segment, 0, Damage::Chain))
    }
}

/// Reads a segment up to the place where it was left: all of that was durable. Returns how many groups it has.
fn read_closed(
    header: &SegmentHeader,
    left: Mark,
    bytes: &[u8],
    visit: Visit<'_>,
) -> Result<usize, StoreError> {
    let number = header.segment;
    let mut mark = Mark {
        segment: number,
        end: SECTOR as u64,
        ..header.after
    };
    let mut groups = 0;
    let length = bytes.len() as u64;
    if length < left.end {
        let expected = left.end;
        return Err(damaged(number, length, Damage::Short { expected }));
    }
    while mark.end < left.end {
        let At::Group(group) = group_at(number, bytes, &mark)? else {
            return Err(damaged(number, mark.end, Damage::Gone));
        };
        visit_group(header, bytes, &group, visit)?;
        mark = group.after;
        groups += 1;
    }
    if mark != left {
        return Err(damaged(number, mark.end, Damage::Chain));
    }
    check_rest(number, bytes, left.end)?;
    Ok(groups)
}

/// What was left behind in a segment is of no use, but must not be something that belongs elsewhere.
fn check_rest(number: u32, bytes: &[u8], left: u64) -> Result<(), StoreError> {
    for at in (index(left)..bytes.len()).step_by(SECTOR) {
        if let Found::Valid(header, _) = GroupHeader::decode(&bytes[at..])
            && (header.segment, header.offset) != (number, at as u64)
        {
            let misplaced = Damage::Misplaced {
                segment: header.segment.into(),
                offset: header.offset,
            };
            return Err(damaged(number, at as u64, misplaced));
        }
    }
    Ok(())
}

fn visit_group(
    header: &SegmentHeader,
    bytes: &[u8],
    group: &Group,
    visit: Visit<'_>,
) -> Result<(), StoreError> {
    let body = group.header.offset + GROUP_HEADER as u64;
    visit(header, body, frames_of(bytes, &group.header))
}

/// The body of a valid group, without its end mark.
fn frames_of<'a>(file: &'a [u8], header: &GroupHeader) -> &'a [u8] {
    let start = index(header.offset) + GROUP_HEADER;
    let end = start + (header.body as usize).saturating_sub(END.len());
    &file[start..end]
}

fn read_file<D: Disk>(disk: &mut D, number: u32) -> Result<(FileId, Vec<u8>), StoreError> {
    let file = open(disk, number)?;
    let bytes = read_all(disk, number, file)?;
    Ok((file, bytes))
}

fn read_all<D: Disk>(disk: &D, number: u32, file: FileId) -> Result<Vec<u8>, StoreError> {
    read_part(disk, number, file, u64::MAX)
}

fn read_start<D: Disk>(disk: &mut D, number: u32) -> Result<(FileId, Vec<u8>), StoreError> {
    let file = open(disk, number)?;
    let bytes = read_part(disk, number, file, SECTOR as u64)?;
    Ok((file, bytes))
}

fn open<D: Disk>(disk: &mut D, number: u32) -> Result<FileId, StoreError> {
    disk.open(&segment_name(number))
        .map_err(|error| match error {
            crate::DiskError::NotFound => damaged(number, 0, Damage::NoSegment),
            error => disk_error(&segment_name(number), "open", error),
        })
}

fn read_part<D: Disk>(
    disk: &D,
    number: u32,
    file: FileId,
    most: u64,
) -> Result<Vec<u8>, StoreError> {
    let read = || {
        let length = disk.len(file)?.min(most);
        let mut bytes = vec![0; index(length)];
        disk.read_at(file, 0, &mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|error| disk_error(&segment_name(number), "read", error))
}
