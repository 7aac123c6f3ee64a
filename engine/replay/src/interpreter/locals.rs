//! Local activities: what has to run, and what history already knows about them.

use std::collections::{BTreeSet, VecDeque};

use steadfast_proto::temporal::api::history::v1::{HistoryEvent, MarkerRecordedEventAttributes};

use super::Interpreter;
use crate::{
    error::{Result, Trouble},
    event,
    flags::Flag,
    language::{LocalActivity, Notes},
    machines::{
        Key, Machine, Op,
        local::{self, CancelEffect, Local, LocalEnd, LocalResult},
    },
    markers,
    nondeterminism::{Mismatch, NonDeterminismKind},
    run::{LocalActivityCall, LocalActivityResult},
};

/// A result that history has further on.
#[derive(Debug)]
struct Known {
    seq: u32,
    result: LocalResult,
}

#[derive(Debug, Default)]
pub(super) struct Locals {
    /// To be run by the host.
    new: Vec<LocalActivity>,
    /// To be cancelled by the host.
    cancels: Vec<u32>,
    /// Handed to the host, not ended yet.
    executing: BTreeSet<u32>,
    known: VecDeque<Known>,
    /// The place of the next activation within this workflow task. Markers record it, so that a replay delivers each
    /// result in the activation that saw it first.
    pub(super) activation_index: u64,
}

impl Locals {
    /// The run ends: nothing more is to be run, and nobody waits.
    pub(super) fn clear(&mut self) {
        self.new.clear();
        self.cancels.extend(std::mem::take(&mut self.executing));
    }

    fn is_held(&self, known: &Known) -> bool {
        known
            .result
            .activation_index
            .is_some_and(|index| index > self.activation_index)
    }

    fn take_known(&mut self, seq: u32) -> Option<LocalResult> {
        let index = self.known.iter().position(|known| known.seq == seq)?;
        self.known.remove(index).map(|known| known.result)
    }
}

impl Interpreter {
    /// Local activities that the host has not ended yet.
    pub(crate) fn waits_for_locals(&self) -> bool {
        !self.locals.new.is_empty() || !self.locals.executing.is_empty()
    }

    /// What the host has to do about local activities now.
    pub(crate) fn local_calls(&mut self) -> Vec<LocalActivityCall> {
        let locals = &mut self.locals;
        let cancels = locals
            .cancels
            .drain(..)
            .map(|seq| LocalActivityCall::Cancel { seq });
        let mut calls: Vec<_> = cancels.collect();
        for activity in locals.new.drain(..) {
            locals.executing.insert(activity.seq);
            calls.push(LocalActivityCall::Start(Box::new(activity)));
        }
        calls
    }

    pub(super) fn schedule_local(&mut self, mut activity: LocalActivity, notes: Notes) {
        if activity.original_schedule_time.is_none() {
            activity.original_schedule_time = self.time;
        }
        if !self.replaying {
            self.locals.new.push(activity.clone());
        }
        let seq = activity.seq;
        let machine = Local::new(activity, self.replaying, self.time, notes);
        self.insert(Op::LocalActivity, seq, Machine::Local(Box::new(machine)));
    }

    /// The host ended a local activity.
    pub(crate) fn end_local(&mut self, ended: LocalActivityResult) -> Result<()> {
        let seq = ended.seq;
        self.locals.executing.remove(&seq);
        self.locals.new.retain(|new| new.seq != seq);
        let index = self.locals.activation_index;
        let key = Key::new(Op::LocalActivity, seq);
        let Some(Machine::Local(local)) = self.machines.get_mut(&key) else {
            return self.must_be_over(Op::LocalActivity, seq);
        };
        let result = LocalResult {
            end: ended.outcome.into(),
            attempt: ended.attempt,
            complete_time: local.ended_at(ended.runtime),
            backoff: ended.backoff,
            original_schedule_time: local.schedule.original_schedule_time,
            activation_index: Some(index),
        };
        local.resolve(key, result, &mut self.effects);
        self.apply_time();
        self.prepare();
        Ok(())
    }

    pub(super) fn cancel_local(&mut self, seq: u32) -> Result<()> {
        let index = self.locals.activation_index;
        let key = Key::new(Op::LocalActivity, seq);
        let Some(Machine::Local(local)) = self.machines.get_mut(&key) else {
            return self.must_be_over(Op::LocalActivity, seq);
        };
        let abandons =
            local.schedule.cancellation == crate::language::ActivityCancellation::Abandon;
        let effect = local.cancel(key, index, &mut self.effects);
        if abandons && local.state == local::State::Marking {
            self.locals.executing.remove(&seq);
            self.locals.new.retain(|new| new.seq != seq);
        }
        if effect == CancelEffect::Ask {
            self.ask_to_cancel(seq);
        }
        Ok(())
    }

    /// History may know how it ended; it may not have begun; or it is running.
    fn ask_to_cancel(&mut self, seq: u32) {
        if self
            .locals
            .known
            .iter()
            .any(|known| known.seq == seq && self.locals.is_held(known))
        {
            return;
        }
        let key = Key::new(Op::LocalActivity, seq);
        let known = self.locals.take_known(seq);
        let index = self.locals.activation_index;
        let Some(Machine::Local(local)) = self.machines.get_mut(&key) else {
            return;
        };
        if let Some(result) = known {
            local.resolve_known(key, result, &mut self.effects);
            return;
        }
        let queued = self.locals.new.len();
        self.locals.new.retain(|new| new.seq != seq);
        if self.locals.new.len() == queued {
            self.locals.cancels.push(seq);
            return;
        }
        let result = LocalResult {
            end: LocalEnd::Cancelled(local::cancelled_failure()),
            attempt: local.schedule.attempt,
            complete_time: local.ended_at(Default::default()),
            backoff: None,
            original_schedule_time: local.schedule.original_schedule_time,
            activation_index: Some(index),
        };
        local.resolve(key, result, &mut self.effects);
    }

    /// A marker further on says how a local activity ended.
    pub(super) fn foresee_local(
        &mut self,
        event_id: i64,
        marker: &MarkerRecordedEventAttributes,
    ) -> Result<()> {
        let data = markers::local_activity_data(&marker.details)
            .ok_or_else(|| Trouble::invalid(event_id, "unreadable local activity marker"))?;
        let waits = match self.machines.get(&Key::new(Op::LocalActivity, data.seq)) {
            Some(Machine::Local(local)) => local.state == local::State::Waiting,
            _ => true,
        };
        if waits {
            let result = local::result_of(&data, marker);
            self.locals.known.push_back(Known {
                seq: data.seq,
                result,
            });
            self.apply_known_locals(false);
        }
        Ok(())
    }

    /// Delivers foreseen results in order, up to the first whose activity has not been scheduled yet or, unless
    /// `also_held`, whose activation has not come yet.
    pub(super) fn apply_known_locals(&mut self, also_held: bool) {
        while let Some(front) = self.locals.known.front() {
            if !also_held && self.locals.is_held(front) {
                return;
            }
            let key = Key::new(Op::LocalActivity, front.seq);
            let Some(Machine::Local(local)) = self.machines.get_mut(&key) else {
                return;
            };
            let Some(known) = self.locals.known.pop_front() else {
                return;
            };
            local.resolve_known(key, known.result, &mut self.effects);
        }
    }

    /// Without a job there is no later activation to hold results for.
    pub(super) fn release_held_locals(&mut self) {
        if !self.has_jobs() {
            self.apply_known_locals(true);
        }
    }

    /// A new task begins, so history has no marker for those that still wait: they run.
    pub(super) fn run_waiting_locals(&mut self) {
        for machine in self.machines.values_mut() {
            if let Machine::Local(local) = machine
                && let Some(activity) = local.run_after_all()
            {
                self.locals.new.push(activity);
            }
        }
    }

    pub(super) fn apply_time(&mut self) {
        let time = self.effects.move_time.take();
        self.move_time(time);
    }

    /// Applies the marker of a local activity whose result was foreseen; false if it is to meet a command.
    pub(super) fn known_local_marker(
        &mut self,
        event: &HistoryEvent,
        marker: &MarkerRecordedEventAttributes,
    ) -> Result<bool> {
        let data = markers::local_activity_data(&marker.details)
            .ok_or_else(|| Trouble::invalid(event.event_id, "unreadable local activity marker"))?;
        let key = Key::new(Op::LocalActivity, data.seq);
        let Some(Machine::Local(local)) = self.machines.get_mut(&key) else {
            return Err(Mismatch {
                kind: NonDeterminismKind::MissingCommand,
                event_id: event.event_id,
                history: event::describe(event),
                code: "nothing".to_owned(),
                message: format!("the code never scheduled local activity {}", data.seq),
            }
            .into());
        };
        if local.state == local::State::Marking {
            return Ok(false);
        }
        let ids = self
            .flags
            .try_use(Flag::IdAndTypeChecks, !local.was_replayed());
        local.recorded(event, marker, ids)?;
        self.machines.remove(&key);
        Ok(true)
    }
}
