//! What happens next: events by (time, order of scheduling).
//!
//! A four-ary heap of small keys over a slab of events, with a first-in-first-out lane beside it for
//! events of the current instant, which need no heap at all.

use std::collections::VecDeque;

use super::time::Time;

/// Orders events: earlier first, and in the order of scheduling within an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    time: Time,
    order: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    key: Key,
    slot: u32,
}

#[derive(Debug)]
pub(crate) struct Queue<E> {
    heap: Vec<Entry>,
    slab: Vec<Option<E>>,
    free: Vec<u32>,
    lane: VecDeque<(Key, E)>,
    order: u64,
}

const ARITY: usize = 4;

impl<E> Queue<E> {
    pub(crate) fn new() -> Self {
        let (heap, slab, free) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            heap,
            slab,
            free,
            lane: VecDeque::new(),
            order: 0,
        }
    }

    /// Schedules an event. `now` decides the lane: what is due now goes behind what already is.
    pub(crate) fn push(&mut self, now: Time, time: Time, event: E) {
        let key = Key {
            time: time.max(now),
            order: self.order,
        };
        self.order += 1;
        if key.time == now {
            self.lane.push_back((key, event));
            return;
        }
        let slot = self.keep(event);
        self.heap.push(Entry { key, slot });
        self.sift_up(self.heap.len() - 1);
    }

    /// When the next event is due.
    pub(crate) fn next_time(&self) -> Option<Time> {
        let lane = self.lane.front().map(|(key, _)| key.time);
        let heap = self.heap.first().map(|entry| entry.key.time);
        match (lane, heap) {
            (Some(lane), Some(heap)) => Some(lane.min(heap)),
            (lane, heap) => lane.or(heap),
        }
    }

    /// Takes the next event if it is due by `limit`.
    pub(crate) fn pop(&mut self, limit: Time) -> Option<(Time, E)> {
        let top = self.heap.first().map(|entry| entry.key);
        if let Some((key, _)) = self.lane.front()
            && top.is_none_or(|top| *key < top)
        {
            if key.time > limit {
                return None;
            }
            return self.lane.pop_front().map(|(key, event)| (key.time, event));
        }
        let top = top.filter(|top| top.time <= limit)?;
        Some((top.time, self.pop_heap()))
    }

    /// How many events wait.
    pub(crate) fn len(&self) -> usize {
        self.heap.len() + self.lane.len()
    }

    /// Drops the events that are no longer wanted.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&E) -> bool) {
        self.lane.retain(|(_, event)| keep(event));
        let (slab, free) = (&mut self.slab, &mut self.free);
        self.heap.retain(|entry| {
            let event = &mut slab[entry.slot as usize];
            let kept = event.as_ref().is_some_and(&mut keep);
            if !kept {
                *event = None;
                free.push(entry.slot);
            }
            kept
        });
        // A sorted array is a heap.
        self.heap.sort_unstable_by_key(|entry| entry.key);
    }

    fn keep(&mut self, event: E) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.slab[slot as usize] = Some(event);
            return slot;
        }
        let slot = u32::try_from(self.slab.len()).expect("fewer than 2^32 events wait");
        self.slab.push(Some(event));
        slot
    }

    fn pop_heap(&mut self) -> E {
        let top = self.heap.swap_remove(0);
        if !self.heap.is_empty() {
            self.sift_down();
        }
        self.free.push(top.slot);
        self.slab[top.slot as usize]
            .take()
            .expect("a queued slot holds its event")
    }

    fn sift_up(&mut self, mut at: usize) {
        let entry = self.heap[at];
        while at > 0 {
            let parent = (at - 1) / ARITY;
            if self.heap[parent].key <= entry.key {
                break;
            }
            self.heap[at] = self.heap[parent];
            at = parent;
        }
        self.heap[at] = entry;
    }

    fn sift_down(&mut self) {
        let entry = self.heap[0];
        let mut at = 0;
        loop {
            let first = at * ARITY + 1;
            let Some(children) = self.heap.get(first..) else {
                break;
            };
            let children = &children[..children.len().min(ARITY)];
            let Some(least) = least(children) else { break };
            if entry.key <= children[least].key {
                break;
            }
            self.heap[at] = children[least];
            at = first + least;
        }
        self.heap[at] = entry;
    }
}

fn least(children: &[Entry]) -> Option<usize> {
    let mut least = 0;
    let mut key = children.first()?.key;
    for (i, child) in children.iter().enumerate().skip(1) {
        if child.key < key {
            (least, key) = (i, child.key);
        }
    }
    Some(least)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The queue agrees with a sorted list, whatever is pushed, popped and dropped.
        #[test]
        fn pops_like_a_sorted_list(steps in prop::collection::vec((0..4_u8, 0..50_i64), 1..400)) {
            let mut queue = Queue::new();
            let mut model: Vec<(Time, usize)> = Vec::new();
            let mut now = Time::ZERO;
            for (i, (kind, delay)) in steps.into_iter().enumerate() {
                match kind {
                    0 | 1 => {
                        let time = Time(now.0 + delay - 5);
                        queue.push(now, time, i);
                        model.push((time.max(now), i));
                        model.sort();
                    }
                    2 => {
                        let limit = Time(now.0 + delay);
                        let due = model.first().copied().filter(|(time, _)| *time <= limit);
                        prop_assert_eq!(queue.pop(limit), due);
                        if let Some((time, _)) = due {
                            now = time;
                            model.remove(0);
                        }
                    }
                    _ => {
                        queue.retain(|event| event % 5 != 0);
                        model.retain(|(_, event)| event % 5 != 0);
                    }
                }
                prop_assert_eq!(queue.len(), model.len());
                prop_assert_eq!(queue.next_time(), model.first().map(|(time, _)| *time));
            }
        }
    }
}
