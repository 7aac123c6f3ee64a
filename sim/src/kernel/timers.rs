//! Timers by a node's own clock. Cancelling is immediate; the queue forgets lazily.

use super::clock::Face;
use super::process::Peer;
use super::time::Time;

/// A timer that was set and may be cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerId {
    slot: u32,
    version: u32,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Timer {
    pub(crate) owner: Peer,
    pub(crate) token: u64,
    pub(crate) face: Face,
    pub(crate) reading: Time,
}

#[derive(Debug, Default)]
pub(crate) struct Timers {
    slots: Vec<(u32, Option<Timer>)>,
    free: Vec<u32>,
}

impl Timers {
    pub(crate) fn insert(&mut self, timer: Timer) -> TimerId {
        if let Some(slot) = self.free.pop() {
            let (version, place) = &mut self.slots[slot as usize];
            *place = Some(timer);
            return TimerId {
                slot,
                version: *version,
            };
        }
        let slot = u32::try_from(self.slots.len()).expect("fewer than 2^32 timers");
        self.slots.push((0, Some(timer)));
        TimerId { slot, version: 0 }
    }

    /// Takes a timer out, if it is still set; its id never means anything again.
    pub(crate) fn remove(&mut self, id: TimerId) -> Option<Timer> {
        let (version, place) = self.slots.get_mut(id.slot as usize)?;
        if *version != id.version {
            return None;
        }
        let timer = place.take()?;
        *version = version.wrapping_add(1);
        self.free.push(id.slot);
        Some(timer)
    }

    /// Whose timer this is, if it is still set.
    pub(crate) fn owner(&self, id: TimerId) -> Option<Peer> {
        let (version, timer) = self.slots.get(id.slot as usize)?;
        let timer = timer.as_ref().filter(|_| *version == id.version)?;
        Some(timer.owner)
    }

    pub(crate) fn is_set(&self, id: TimerId) -> bool {
        self.owner(id).is_some()
    }

    /// The timers of one incarnation, in the order of their slots.
    pub(crate) fn of(&self, owner: Peer) -> Vec<TimerId> {
        let slots = (0..).zip(&self.slots);
        let mine = slots.filter(|(_, (_, timer))| timer.is_some_and(|timer| timer.owner == owner));
        mine.map(|(slot, (version, _))| TimerId {
            slot,
            version: *version,
        })
        .collect()
    }
}
