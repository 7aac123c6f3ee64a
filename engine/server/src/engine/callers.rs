//! Who waits for which answer.

use std::collections::BTreeMap;

use steadfast_core::{ReplyTo, ShardId};
use tokio::sync::oneshot;

use super::handle::Outcome;

/// Which machine has a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Shard(ShardId),
    Matching,
    Clock,
}

#[derive(Debug)]
struct Caller {
    place: Place,
    answer: oneshot::Sender<Outcome>,
}

/// All who wait.
#[derive(Debug, Default)]
pub(super) struct Callers {
    waiting: BTreeMap<ReplyTo, Caller>,
}

impl Callers {
    pub(super) fn wait(&mut self, to: ReplyTo, place: Place, answer: oneshot::Sender<Outcome>) {
        self.waiting.insert(to, Caller { place, answer });
    }

    /// Answers one. Whoever is gone meanwhile is not told.
    pub(super) fn answer(&mut self, to: ReplyTo, outcome: Outcome) {
        if let Some(caller) = self.waiting.remove(&to) {
            caller.answer.send(outcome).unwrap_or_default();
        }
    }

    pub(super) fn waits(&self, to: ReplyTo) -> bool {
        self.waiting.contains_key(&to)
    }

    /// One has gone; says which machine has his request.
    pub(super) fn gone(&mut self, to: ReplyTo) -> Option<Place> {
        self.waiting.remove(&to).map(|caller| caller.place)
    }

    /// Everybody whose request a machine has.
    pub(super) fn at(&self, place: Place) -> Vec<ReplyTo> {
        let waiting = self.waiting.iter();
        let here = waiting.filter(|(_, caller)| caller.place == place);
        here.map(|(to, _)| *to).collect()
    }
}
