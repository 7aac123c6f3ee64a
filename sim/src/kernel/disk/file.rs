//! One file: what programs see, what the platter holds, and the writes between the two.

use std::collections::VecDeque;

/// The unit in which a power cut tears a write.
pub(super) const SECTOR: usize = 512;

#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    /// `len` bytes for `offset`, kept from `bytes` on. `to` is where they really go.
    Write {
        to: usize,
        len: usize,
        bytes: usize,
    },
    SetLen(usize),
}

/// A file as its own small machine; it draws no chance.
#[derive(Debug, Default)]
pub(super) struct File {
    /// What programs see.
    seen: Vec<u8>,
    /// What survives a power cut for certain.
    durable: Vec<u8>,
    /// What changed since, oldest first.
    pending: VecDeque<Op>,
    /// The bytes of pending writes.
    bytes: Vec<u8>,
    /// The number of the first pending change.
    first: u64,
}

impl File {
    pub(super) fn seen(&self) -> &[u8] {
        &self.seen
    }

    pub(super) fn durable_mut(&mut self) -> &mut [u8] {
        &mut self.durable
    }

    /// Writes; the platter may be told another place than programs see.
    pub(super) fn write(&mut self, offset: usize, data: &[u8], to: usize) {
        put(&mut self.seen, offset, data);
        let bytes = self.bytes.len();
        self.bytes.extend_from_slice(data);
        self.pending.push_back(Op::Write {
            to,
            len: data.len(),
            bytes,
        });
    }

    pub(super) fn set_len(&mut self, len: usize) {
        self.seen.resize(len, 0);
        self.pending.push_back(Op::SetLen(len));
    }

    /// The number that the next change will have: what a sync now has to cover.
    pub(super) fn end(&self) -> u64 {
        self.first + self.pending.len() as u64
    }

    /// Makes the changes before `end` durable.
    pub(super) fn sync(&mut self, end: u64) {
        while self.first < end
            && let Some(op) = self.pending.pop_front()
        {
            self.first += 1;
            apply(&mut self.durable, op, &self.bytes);
        }
        self.forget_bytes();
    }

    /// A sync of the changes before `end` failed. They will never be durable, though nothing says
    /// so; `drop_pages` makes them vanish from sight at once, too.
    pub(super) fn fail_sync(&mut self, end: u64, drop_pages: bool) {
        while self.first < end && self.pending.pop_front().is_some() {
            self.first += 1;
        }
        if drop_pages {
            self.seen.clone_from(&self.durable);
            for op in &self.pending {
                apply(&mut self.seen, *op, &self.bytes);
            }
        }
        self.forget_bytes();
    }

    pub(super) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Cuts the power: of the pending changes, those that `fate` keeps reach the platter.
    pub(super) fn power_cut(&mut self, mut fate: impl FnMut(usize, &Op) -> Kept) {
        let pending = std::mem::take(&mut self.pending);
        self.first += pending.len() as u64;
        for (i, op) in pending.into_iter().enumerate() {
            match (fate(i, &op), op) {
                (Kept::Lost, _) => {}
                (Kept::Sectors(keeps), Op::Write { to, len, bytes }) => {
                    let data = &self.bytes[bytes..bytes + len];
                    apply_torn(&mut self.durable, to, data, &keeps);
                }
                (Kept::Whole | Kept::Sectors(_), op) => apply(&mut self.durable, op, &self.bytes),
            }
        }
        self.bytes.clear();
        self.seen.clone_from(&self.durable);
    }

    /// Shows programs what the platter holds.
    pub(super) fn reload(&mut self) {
        self.seen.clone_from(&self.durable);
    }

    /// Frees the room of bytes that no pending write needs.
    fn forget_bytes(&mut self) {
        const MUCH: usize = 1 << 16;
        let Some(used) = self.pending.iter().find_map(|op| match op {
            Op::Write { bytes, .. } => Some(*bytes),
            Op::SetLen(_) => None,
        }) else {
            return self.bytes.clear();
        };
        if used < MUCH || used * 2 < self.bytes.len() {
            return;
        }
        self.bytes.drain(..used);
        for op in &mut self.pending {
            if let Op::Write { bytes, .. } = op {
                *bytes -= used;
            }
        }
    }
}

/// What a power cut leaves of a change.
#[derive(Debug)]
pub(super) enum Kept {
    Lost,
    Whole,
    /// Of a write, the sectors for which this says so.
    Sectors(Vec<bool>),
}

/// How many sectors a write touches.
pub(super) fn sectors(op: &Op) -> usize {
    match op {
        Op::Write { to, len, .. } if *len > 0 => (to + len - 1) / SECTOR - to / SECTOR + 1,
        Op::Write { .. } | Op::SetLen(_) => 0,
    }
}

fn put(image: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if offset == image.len() {
        return image.extend_from_slice(data);
    }
    if image.len() < end {
        image.resize(end, 0);
    }
    image[offset..end].copy_from_slice(data);
}

fn apply(image: &mut Vec<u8>, op: Op, bytes: &[u8]) {
    match op {
        Op::Write {
            to,
            len,
            bytes: from,
        } => put(image, to, &bytes[from..from + len]),
        Op::SetLen(len) => image.resize(len, 0),
    }
}

fn apply_torn(image: &mut Vec<u8>, to: usize, data: &[u8], keeps: &[bool]) {
    let mut done = 0;
    for keep in keeps {
        let at = to + done;
        let len = (SECTOR - at % SECTOR).min(data.len() - done);
        if *keep {
            put(image, at, &data[done..done + len]);
        }
        done += len;
    }
}
