//! Who waits for which answer.

use std::{collections::BTreeMap, rc::Rc};

use steadfast_core::{ExecutionKey, ReplyTo, ShardId};

use crate::{
    cluster::wire::{CallId, Rpc},
    kernel::Peer,
};

/// One who waits.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) peer: Peer,
    pub(super) call: CallId,
    pub(super) rpc: Rc<Rpc>,
    /// The shard that has the request; `None` if matching has it.
    pub(super) shard: Option<ShardId>,
    /// The execution that it is about, if a shard has the request.
    pub(super) key: Option<ExecutionKey>,
}

/// All who wait. The numbers that machines know them by also say at which engine, and in which life of it, so that a
/// late answer reaches nobody else.
#[derive(Debug)]
pub(super) struct Callers {
    home: u64,
    place: usize,
    next: u64,
    waiting: BTreeMap<ReplyTo, Caller>,
    /// Who waits for more history, by the timers that end it.
    held: BTreeMap<u64, ReplyTo>,
}

const PLACE: u32 = 56;
const GENERATION: u32 = 32;

impl Callers {
    pub(super) fn new(me: Peer) -> Self {
        let generation = u64::from(me.generation) & 0xff_ffff;
        Self {
            home: generation << GENERATION,
            place: 0,
            next: 0,
            waiting: BTreeMap::new(),
            held: BTreeMap::new(),
        }
    }

    /// This engine is the so-manieth of its cluster.
    pub(super) fn settle_at(&mut self, place: usize) {
        self.place = place;
        self.home |= (place as u64) << PLACE;
    }

    /// Somebody waits.
    pub(super) fn wait(&mut self, peer: Peer, call: CallId, rpc: Rc<Rpc>) -> ReplyTo {
        let to = ReplyTo(self.home | self.next);
        self.next += 1;
        self.waiting.insert(
            to,
            Caller {
                peer,
                call,
                rpc,
                shard: None,
                key: None,
            },
        );
        to
    }

    /// One who does not wait.
    pub(super) fn nobody(&self) -> ReplyTo {
        ReplyTo(self.home | 0xffff_ffff)
    }

    /// The request went to a shard.
    pub(super) fn belongs_to(&mut self, to: ReplyTo, shard: ShardId, key: &ExecutionKey) {
        if let Some(caller) = self.waiting.get_mut(&to) {
            caller.shard = Some(shard);
            caller.key = Some(key.clone());
        }
    }

    /// The shard and the execution of one who waits for an update: its machine knows what to say when the wait ends.
    pub(super) fn awaits_update(&self, to: ReplyTo) -> Option<(ShardId, ExecutionKey)> {
        let caller = self.waiting.get(&to)?;
        caller.rpc.is_update().then_some(())?;
        Some((caller.shard?, caller.key.clone()?))
    }

    /// The place of the engine that has this caller, if it is another one.
    pub(super) fn elsewhere(&self, to: ReplyTo) -> Option<usize> {
        let place = usize::try_from(to.0 >> PLACE).unwrap_or(0);
        (place != self.place).then_some(place)
    }

    /// Somebody is answered.
    pub(super) fn answer(&mut self, to: ReplyTo) -> Option<Caller> {
        self.waiting.remove(&to)
    }

    /// Somebody waits for more history; names the timer that is to end it.
    pub(super) fn hold(&mut self, to: ReplyTo) -> u64 {
        let token = to.0 & 0xffff_ffff;
        self.held.insert(token, to);
        token
    }

    /// Such a timer has fired.
    pub(super) fn release(&mut self, token: u64) -> Option<ReplyTo> {
        self.held.remove(&token)
    }

    /// The same call came again: forgets that it came before.
    pub(super) fn same_call(
        &mut self,
        peer: Peer,
        call: CallId,
    ) -> Option<(ReplyTo, Option<ShardId>)> {
        let mut waiting = self.waiting.iter();
        let same = waiting.find(|(_, caller)| caller.peer == peer && caller.call == call);
        let found = same.map(|(to, caller)| (*to, caller.shard))?;
        self.waiting.remove(&found.0);
        Some(found)
    }

    /// A caller has restarted: forgets all that waited in earlier lives of it.
    pub(super) fn gone(&mut self, now: Peer) -> Vec<(ReplyTo, Option<ShardId>)> {
        let old = |caller: &Caller| {
            caller.peer.node == now.node && caller.peer.generation < now.generation
        };
        let gone: Vec<_> = self
            .waiting
            .iter()
            .filter(|(_, caller)| old(caller))
            .map(|(to, caller)| (*to, caller.shard))
            .collect();
        for (to, _) in &gone {
            self.waiting.remove(to);
        }
        gone
    }

    /// Somebody who waits for an activity task.
    pub(super) fn another_poller(&mut self) -> Option<Caller> {
        let mut waiting = self.waiting.iter();
        let poller = waiting.find(|(_, caller)| matches!(*caller.rpc, Rpc::PollActivityTask(_)));
        let to = poller.map(|(to, _)| *to)?;
        self.waiting.remove(&to)
    }

    /// Everybody whose request a shard has.
    pub(super) fn of_shard(&self, shard: ShardId) -> Vec<ReplyTo> {
        let waiting = self.waiting.iter();
        let mine = waiting.filter(|(_, caller)| caller.shard == Some(shard));
        mine.map(|(to, _)| *to).collect()
    }
}
