//! The only source of chance.
//!
//! Each (label, entity) has its own ChaCha8 stream, keyed by the seed, so switching one fault off
//! or removing one node never reshuffles the others. 0 always means that nothing bad happens, and
//! a choice that can only come out 0 draws nothing. A run can be recorded and played back; what a
//! log does not hold is 0 in playback.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::choices::{Choice, ChoiceLog, Series, UNKNOWN};
use super::hash::mix;
use super::label::{Entity, Label};
use super::time::{Time, nanos};

/// A probability in millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(u32);

impl Rate {
    /// Never.
    pub const OFF: Self = Self(0);
    /// Always.
    pub const ALWAYS: Self = Self(Self::UNIT);
    pub(crate) const UNIT: u32 = 1_000_000;

    /// So many in a million, at most all of them.
    pub const fn per_million(rate: u32) -> Self {
        Self(if rate > Self::UNIT { Self::UNIT } else { rate })
    }

    /// So many in a hundred, at most all of them.
    pub const fn percent(rate: u32) -> Self {
        Self::per_million(rate.saturating_mul(10_000))
    }

    /// The rate in millionths.
    pub const fn as_per_million(self) -> u32 {
        self.0
    }

    /// Whether it never happens.
    pub const fn is_off(self) -> bool {
        self.0 == 0
    }
}

/// The handle to a world's chance; clones share it.
#[derive(Clone)]
pub struct Chance(Rc<Shared>);

struct Shared {
    at: Cell<Time>,
    state: RefCell<State>,
}

/// Names a stream once found, so that hot paths need no second lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StreamId(u32);

struct State {
    seed: u64,
    drawing: bool,
    recording: bool,
    planned: BTreeMap<(String, Entity), Series>,
    by_label: Vec<Vec<u32>>,
    by_entity: BTreeMap<(usize, Entity), u32>,
    streams: Vec<Stream>,
    drift: Option<Drift>,
}

struct Stream {
    label: Label,
    entity: Entity,
    rng: Option<ChaCha8Rng>,
    entropy: Option<Box<ChaCha8Rng>>,
    draws: u64,
    last: u64,
    planned: Option<Planned>,
    recorded: Vec<Choice>,
}

struct Planned {
    series: Series,
    next: usize,
}

/// Where a playback first went another way than its recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// The label of the stream.
    pub label: String,
    /// The entity of the stream.
    pub entity: Entity,
    /// The choice of that stream, counted from 0.
    pub ordinal: u64,
    /// When playback asked for it; `None` if it never did.
    pub at: Option<Time>,
    /// How it differs.
    pub kind: DriftKind,
}

/// How a playback differs from its recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriftKind {
    /// The choice was made at another time.
    Moved {
        /// When it was recorded.
        recorded_at: Time,
    },
    /// The recorded value is no longer one of the possible ones; 0 was taken.
    Impossible {
        /// What was recorded.
        value: u64,
    },
    /// The recorded choice was never asked for.
    Unasked {
        /// When it was recorded.
        recorded_at: Time,
    },
}

/// Small entities are found by index; links and hashes by search.
const DENSE: u64 = 1024;
const ABSENT: u32 = u32::MAX;

impl Chance {
    /// Chance that draws everything from a seed.
    pub fn seeded(seed: u64) -> Self {
        Self::new(seed, true, BTreeMap::new())
    }

    /// Chance that takes every choice from a log; what the log does not hold is 0.
    pub fn playback(log: ChoiceLog) -> Self {
        Self::new(log.seed, false, log.series)
    }

    /// Chance that draws from the log's seed, except for the choices that the log holds.
    ///
    /// The streams stay in step with the seed: an overridden choice still uses up its draw.
    pub fn overridden(log: ChoiceLog) -> Self {
        Self::new(log.seed, true, log.series)
    }

    fn new(seed: u64, drawing: bool, planned: BTreeMap<(String, Entity), Series>) -> Self {
        let state = State {
            seed,
            drawing,
            recording: false,
            planned,
            by_label: Vec::new(),
            by_entity: BTreeMap::new(),
            streams: Vec::new(),
            drift: None,
        };
        Self(Rc::new(Shared {
            at: Cell::new(Time::ZERO),
            state: RefCell::new(state),
        }))
    }

    /// Keeps every choice from now on, for [`log`](Self::log).
    pub fn record(&self) {
        self.0.state.borrow_mut().recording = true;
    }

    /// The seed that this chance is named after.
    pub fn seed(&self) -> u64 {
        self.0.state.borrow().seed
    }

    /// Chooses one of the weighted alternatives; the first is the one in which nothing bad happens.
    pub fn choose(&self, label: Label, entity: impl Into<Entity>, weights: &[u32]) -> usize {
        let total: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
        if total == weights.first().map_or(0, |weight| u64::from(*weight)) {
            return 0;
        }
        let mut state = self.0.state.borrow_mut();
        let stream = state.stream(label, entity.into());
        let alternatives = Alternatives::Weighted(weights, total);
        let value = state.draw(stream, self.0.at.get(), alternatives);
        usize::try_from(value).expect("an index of the weights")
    }

    /// Chooses a number of the range; its start is what stands for nothing bad.
    pub fn choose_range(&self, label: Label, entity: impl Into<Entity>, range: Range<u64>) -> u64 {
        let span = range.end.saturating_sub(range.start);
        if span <= 1 {
            return range.start;
        }
        let mut state = self.0.state.borrow_mut();
        let stream = state.stream(label, entity.into());
        range.start + state.draw(stream, self.0.at.get(), Alternatives::Below(span))
    }

    /// Chooses a duration of any magnitude between two bounds; the shorter stands for less bad.
    pub fn choose_scaled(
        &self,
        label: Label,
        entity: impl Into<Entity>,
        range: Range<Duration>,
    ) -> Duration {
        let entity = entity.into();
        let (low, high) = (
            nanos(range.start).max(1).unsigned_abs(),
            nanos(range.end).unsigned_abs(),
        );
        let magnitudes = u64::from((high / low).checked_ilog2().unwrap_or(0)) + 1;
        let start = low << self.choose_range(label, entity, 0..magnitudes);
        let end = start.saturating_mul(2).min(high).max(start + 1);
        Duration::from_nanos(self.choose_range(label, entity, start..end))
    }

    /// Chooses whether something bad happens.
    pub fn roll(&self, label: Label, entity: impl Into<Entity>, rate: Rate) -> bool {
        self.choose(label, entity, &[Rate::UNIT - rate.0, rate.0]) == 1
    }

    /// Passes a point at which a test may want something bad to happen exactly once: 0, unless the
    /// log that this chance was made from says otherwise. A seed never does.
    ///
    /// The `draws` of the series count how often the point was passed. So a run without faults
    /// numbers all the points, and one run per number, with one choice [set](ChoiceLog::set) in an
    /// [overridden](Self::overridden) log, tries each.
    pub fn point(&self, label: Label, entity: impl Into<Entity>, alternatives: u64) -> u64 {
        let mut state = self.0.state.borrow_mut();
        let stream = state.stream(label, entity.into());
        state.draw(stream, self.0.at.get(), Alternatives::Planned(alternatives))
    }

    /// Sixteen bytes for ids and workflow randomness.
    ///
    /// They decide nothing bad, so they are never logged: playback derives the same from the seed.
    pub fn entropy(&self, label: Label, entity: impl Into<Entity>) -> [u8; 16] {
        let mut state = self.0.state.borrow_mut();
        let seed = state.seed;
        let id = state.stream(label, entity.into());
        let stream = &mut state.streams[id.0 as usize];
        let entity = stream.entity;
        let fresh = || Box::new(generator(seed, label, entity, *b"entropy1"));
        let mut bytes = [0; 16];
        stream
            .entropy
            .get_or_insert_with(fresh)
            .fill_bytes(&mut bytes);
        bytes
    }

    /// What was recorded so far.
    pub fn log(&self) -> ChoiceLog {
        let state = self.0.state.borrow();
        let drawn = state.streams.iter().filter(|stream| stream.draws > 0);
        let series = drawn.map(|stream| {
            let series = Series {
                draws: stream.draws,
                choices: stream.recorded.clone(),
            };
            ((stream.label.name().to_owned(), stream.entity), series)
        });
        ChoiceLog {
            seed: state.seed,
            series: series.collect(),
        }
    }

    /// Where playback first differed from the log, if it did.
    ///
    /// Choices that were never asked for count only when nothing else differed, the earliest first.
    pub fn drift(&self) -> Option<Drift> {
        let state = self.0.state.borrow();
        if state.drift.is_some() {
            return state.drift.clone();
        }
        let unused = state.planned.iter().flat_map(|((label, entity), series)| {
            series
                .choices
                .iter()
                .map(move |choice| (label.as_str(), *entity, *choice))
        });
        let unasked = state.streams.iter().flat_map(Stream::unasked).chain(unused);
        let first = unasked.min_by_key(|(_, _, choice)| choice.at)?;
        let (
            label,
            entity,
            Choice {
                ordinal,
                at: recorded_at,
                ..
            },
        ) = first;
        let kind = DriftKind::Unasked { recorded_at };
        Some(Drift {
            label: label.to_owned(),
            entity,
            ordinal,
            at: None,
            kind,
        })
    }

    /// A number that two runs share only if they made the same choices (an *unseed*).
    pub fn unseed(&self) -> u64 {
        let state = self.0.state.borrow();
        state.streams.iter().fold(0, |hash, stream| {
            let named = mix(hash, stream.label.key(), stream.entity.raw());
            mix(named, stream.draws, stream.last)
        })
    }

    pub(crate) fn set_time(&self, now: Time) {
        self.0.at.set(now);
    }

    pub(crate) fn stream(&self, label: Label, entity: Entity) -> StreamId {
        self.0.state.borrow_mut().stream(label, entity)
    }

    /// [`roll`](Self::roll) on a stream that was looked up before.
    pub(crate) fn roll_on(&self, stream: StreamId, rate: Rate) -> bool {
        let alternatives = [Rate::UNIT - rate.0, rate.0];
        let weighted = Alternatives::Weighted(&alternatives, u64::from(Rate::UNIT));
        !rate.is_off()
            && self
                .0
                .state
                .borrow_mut()
                .draw(stream, self.0.at.get(), weighted)
                == 1
    }

    /// [`choose_range`](Self::choose_range) from 0 on a stream that was looked up before.
    pub(crate) fn below_on(&self, stream: StreamId, span: u64) -> u64 {
        if span <= 1 {
            return 0;
        }
        self.0
            .state
            .borrow_mut()
            .draw(stream, self.0.at.get(), Alternatives::Below(span))
    }
}

#[derive(Clone, Copy)]
enum Alternatives<'a> {
    Weighted(&'a [u32], u64),
    Below(u64),
    /// Nothing is drawn: only a plan can say other than 0.
    Planned(u64),
}

impl Alternatives<'_> {
    fn allow(self, value: u64) -> bool {
        match self {
            Alternatives::Below(span) | Alternatives::Planned(span) => value < span,
            Alternatives::Weighted(weights, _) => usize::try_from(value)
                .ok()
                .and_then(|value| weights.get(value))
                .is_some_and(|weight| *weight > 0 || value == 0),
        }
    }

    /// Multiply and shift; the bias is below the total's share of 2^32, or of 2^64 above it.
    fn draw(self, rng: &mut ChaCha8Rng) -> u64 {
        match self {
            Alternatives::Below(span) => scale(rng, span),
            Alternatives::Planned(_) => 0,
            Alternatives::Weighted(weights, total) => {
                let mut point = scale(rng, total);
                for (value, weight) in weights.iter().enumerate() {
                    let weight = u64::from(*weight);
                    if point < weight {
                        return value as u64;
                    }
                    point -= weight;
                }
                0
            }
        }
    }
}

fn scale(rng: &mut ChaCha8Rng, span: u64) -> u64 {
    const SMALL: u64 = 1 << 24;
    if span <= SMALL {
        return (u64::from(rng.next_u32()) * span) >> 32;
    }
    let wide = u128::from(rng.next_u64()) * u128::from(span);
    u64::try_from(wide >> 64).expect("the high half of a 128-bit product has 64 bits")
}

fn generator(seed: u64, label: Label, entity: Entity, purpose: [u8; 8]) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&label.key().to_le_bytes());
    key[16..24].copy_from_slice(&entity.raw().to_le_bytes());
    key[24..].copy_from_slice(&purpose);
    ChaCha8Rng::from_seed(key)
}

impl State {
    fn stream(&mut self, label: Label, entity: Entity) -> StreamId {
        let found = self.find(label, entity);
        if found == ABSENT {
            return self.open(label, entity);
        }
        let other = self.streams[found as usize].label;
        assert!(
            other.key() == label.key(),
            "{label:?} and {other:?} share an index"
        );
        StreamId(found)
    }

    fn find(&self, label: Label, entity: Entity) -> u32 {
        if entity.raw() < DENSE {
            let place = usize::try_from(entity.raw()).unwrap_or(usize::MAX);
            let row = self.by_label.get(label.index());
            return row
                .and_then(|row| row.get(place))
                .copied()
                .unwrap_or(ABSENT);
        }
        self.by_entity
            .get(&(label.index(), entity))
            .copied()
            .unwrap_or(ABSENT)
    }

    #[cold]
    fn open(&mut self, label: Label, entity: Entity) -> StreamId {
        let id = u32::try_from(self.streams.len()).expect("fewer than 2^32 streams");
        let planned = match self.planned.is_empty() {
            true => None,
            false => self.planned.remove(&(label.name().to_owned(), entity)),
        };
        let rng = self
            .drawing
            .then(|| generator(self.seed, label, entity, *b"choices1"));
        let planned = planned.map(|series| Planned { series, next: 0 });
        self.streams.push(Stream {
            label,
            entity,
            rng,
            entropy: None,
            draws: 0,
            last: 0,
            planned,
            recorded: Vec::new(),
        });
        self.index(label, entity, id);
        StreamId(id)
    }

    fn index(&mut self, label: Label, entity: Entity, id: u32) {
        if entity.raw() >= DENSE {
            self.by_entity.insert((label.index(), entity), id);
            return;
        }
        if self.by_label.len() <= label.index() {
            self.by_label.resize(label.index() + 1, Vec::new());
        }
        let place = usize::try_from(entity.raw()).expect("dense entities are small");
        let row = &mut self.by_label[label.index()];
        if row.len() <= place {
            row.resize(place + 1, ABSENT);
        }
        row[place] = id;
    }

    fn draw(&mut self, id: StreamId, at: Time, alternatives: Alternatives<'_>) -> u64 {
        let stream = &mut self.streams[id.0 as usize];
        let mut value = stream.rng.as_mut().map_or(0, |rng| alternatives.draw(rng));
        if stream.planned.is_some() {
            let (planned, drift) = stream.planned(at, alternatives);
            value = planned.unwrap_or(value);
            self.drift = self.drift.take().or(drift);
        }
        if self.recording && value != 0 {
            stream.recorded.push(Choice {
                ordinal: stream.draws,
                value,
                at,
            });
        }
        stream.draws += 1;
        stream.last = value;
        value
    }
}

impl Stream {
    fn planned(
        &mut self,
        at: Time,
        alternatives: Alternatives<'_>,
    ) -> (Option<u64>, Option<Drift>) {
        let ordinal = self.draws;
        let Some(planned) = &mut self.planned else {
            return (None, None);
        };
        let Some(choice) = planned.series.choices.get(planned.next) else {
            return (None, None);
        };
        if choice.ordinal != ordinal {
            return (None, None);
        }
        planned.next += 1;
        let Choice {
            value,
            at: recorded_at,
            ..
        } = *choice;
        let kind = if !alternatives.allow(value) {
            Some(DriftKind::Impossible { value })
        } else if recorded_at != at && recorded_at != UNKNOWN {
            Some(DriftKind::Moved { recorded_at })
        } else {
            None
        };
        let value = if alternatives.allow(value) { value } else { 0 };
        let label = self.label.name();
        let drift = kind.map(|kind| Drift {
            label: label.to_owned(),
            entity: self.entity,
            ordinal,
            at: Some(at),
            kind,
        });
        (Some(value), drift)
    }

    fn unasked(&self) -> impl Iterator<Item = (&str, Entity, Choice)> {
        let rest = self
            .planned
            .iter()
            .flat_map(|plan| &plan.series.choices[plan.next..]);
        rest.map(|choice| (self.label.name(), self.entity, *choice))
    }
}

impl fmt::Debug for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.state.borrow();
        let streams = state.streams.len();
        f.debug_struct("Chance")
            .field("seed", &state.seed)
            .field("streams", &streams)
            .finish()
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            label,
            entity,
            ordinal,
            ..
        } = self;
        write!(f, "choice #{ordinal} of {label} {entity} ")?;
        match (self.kind, self.at) {
            (DriftKind::Moved { recorded_at }, Some(at)) => {
                write!(f, "was made at {at}; when recorded, at {recorded_at}")
            }
            (DriftKind::Impossible { value }, _) => write!(f, "was {value}, which cannot be now"),
            (DriftKind::Unasked { recorded_at } | DriftKind::Moved { recorded_at }, _) => {
                write!(f, "was recorded at {recorded_at} and never asked for")
            }
        }
    }
}
