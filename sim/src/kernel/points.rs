//! Points: the places of a run at which something can be made to happen exactly once.
//!
//! A run without faults passes its points in an order that it always repeats, and numbers them. One more run per point
//! and fault, with that one choice set in an [overridden](super::Chance::overridden) log, shows what the fault does
//! exactly there.
//!
//! | point | is passed | what can happen |
//! |---|---|---|
//! | `point.node` | after each event that a node handles | [`PointFault`] |
//! | `point.reply` | when a reply is sent, after what it replies to took effect | it is lost |
//! | others | where a process says so, by [`Ctx::point`](super::Ctx::point) | what the process says |

use std::collections::BTreeMap;
use std::time::Duration;

use super::chance::Chance;
use super::faults::FaultClass;
use super::label::{Entity, Label};

crate::labels! { 48;
    pub(crate) NODE_POINT = "point.node";
    pub(crate) REPLY_POINT = "point.reply";
}

/// How long a node pauses at a point: longer than whoever waits for it is patient.
pub const POINT_PAUSE: Duration = Duration::from_secs(120);
/// How far a clock jumps forward at a point: over most deadlines.
pub const POINT_JUMP: Duration = Duration::from_secs(3_600);
/// How far a clock jumps back at a point. Whatever the node's clock decides is late by as much.
pub const POINT_JUMP_BACK: Duration = Duration::from_secs(60);

/// What can happen to a node at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PointFault {
    /// Its process dies and is started again.
    Crash,
    /// It loses power and is started again.
    PowerCut,
    /// It stops for [`POINT_PAUSE`] and goes on as if nothing had been.
    Pause,
    /// Its wall clock jumps forward, by [`POINT_JUMP`].
    ClockForward,
    /// Its wall clock jumps back, by [`POINT_JUMP_BACK`].
    ClockBack,
}

impl PointFault {
    /// All, in the order of their values: the first is chosen by 1.
    pub const ALL: [Self; 5] = [
        Self::Crash,
        Self::PowerCut,
        Self::Pause,
        Self::ClockForward,
        Self::ClockBack,
    ];

    /// What a node must not be immune to.
    #[must_use]
    pub const fn class(self) -> FaultClass {
        match self {
            Self::Crash => FaultClass::Crash,
            Self::PowerCut => FaultClass::PowerCut,
            Self::Pause => FaultClass::Pause,
            Self::ClockForward | Self::ClockBack => FaultClass::ClockJump,
        }
    }

    /// The value by which it is chosen.
    #[must_use]
    pub fn value(self) -> u64 {
        let place = Self::ALL.iter().position(|fault| *fault == self);
        place.map_or(0, |place| place as u64 + 1)
    }

    pub(crate) fn chosen(value: u64) -> Option<Self> {
        let place = usize::try_from(value.checked_sub(1)?).ok()?;
        Self::ALL.get(place).copied()
    }
}

/// A point that a run has passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// What kind of point it is.
    pub label: &'static str,
    /// Whom it is about: a node or a link.
    pub entity: Entity,
    /// The how-manieth of its kind and entity it is, counted from 0.
    pub ordinal: u64,
    /// The trace's event in which it lies.
    pub seq: u64,
}

/// The points that a run passes, if anybody wants to know.
#[derive(Clone, Debug, Default)]
pub(crate) struct Points(Option<Passed>);

#[derive(Clone, Debug, Default)]
struct Passed {
    list: Vec<Point>,
    counts: BTreeMap<(&'static str, Entity), u64>,
}

impl Points {
    /// Numbers points if `wanted`; else passing one costs nothing and does nothing.
    pub(crate) fn new(wanted: bool) -> Self {
        Self(wanted.then(Passed::default))
    }

    /// Passes a point; says which of the alternatives is to happen, 0 for none.
    pub(crate) fn pass(
        &mut self,
        chance: &Chance,
        label: Label,
        entity: impl Into<Entity>,
        alternatives: u64,
        seq: u64,
    ) -> u64 {
        let Some(passed) = &mut self.0 else {
            return 0;
        };
        let entity = entity.into();
        let count = passed.counts.entry((label.name(), entity)).or_default();
        passed.list.push(Point {
            label: label.name(),
            entity,
            ordinal: *count,
            seq,
        });
        *count += 1;
        chance.point(label, entity, alternatives + 1)
    }

    pub(crate) fn list(&self) -> Vec<Point> {
        self.0.as_ref().map_or_else(Vec::new, |it| it.list.clone())
    }
}
