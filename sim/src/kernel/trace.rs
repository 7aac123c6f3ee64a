//! What happened: one line per event, a hash over all of them, and a ladder to compare runs by.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::hash::{mix, name_hash};
use super::process::NodeId;
use super::time::Time;

/// The version of [`TraceEvent`] in its serialised form.
pub const TRACE_VERSION: u32 = 1;

/// What kind of event a line of the trace tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TraceKind {
    /// A process started.
    Start,
    /// A process died.
    Crash,
    /// A node stopped for a while.
    Pause,
    /// A paused node went on.
    Resume,
    /// A message arrived and was handled.
    Deliver,
    /// A message will never arrive; the label says why.
    Lost,
    /// A message was copied on its way.
    Duplicate,
    /// A timer fired.
    Timer,
    /// A sync of a disk completed or failed.
    Synced,
    /// A disk did something bad.
    DiskFault,
    /// A clock jumped or changed its speed.
    Clock,
    /// Links were cut, clogged or mended.
    Network,
    /// The world went from storm to calm, or back.
    Phase,
    /// The harness did something.
    Call,
    /// A process told something about itself.
    Note,
}

/// One line of the trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceEvent {
    /// Its place in the trace, counted from 1.
    pub seq: u64,
    /// The event that brought it about; 0 if it came from outside.
    pub cause: u64,
    /// True time, in nanoseconds.
    #[serde(with = "as_nanos")]
    pub time: Time,
    /// What kind of event it is.
    pub kind: TraceKind,
    /// Where it happened; absent if it concerns the world as a whole.
    pub node: Option<NodeId>,
    /// The other side of a message.
    pub peer: Option<NodeId>,
    /// The digest of what happened: of the message, for a message.
    pub digest: u64,
    /// What happened, in a word.
    pub label: Cow<'static, str>,
    /// What happened, for people.
    pub text: String,
}

mod as_nanos {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Time;

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde fixes the signature"
    )]
    pub(super) fn serialize<S: Serializer>(time: &Time, to: S) -> Result<S::Ok, S::Error> {
        time.as_nanos().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Time, D::Error> {
        i64::deserialize(from).map(Time)
    }
}

impl fmt::Display for TraceEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seq,
            cause,
            time,
            kind,
            label,
            text,
            ..
        } = self;
        write!(f, "{time} #{seq} <#{cause} ")?;
        match (self.node, self.peer) {
            (Some(node), Some(peer)) => write!(f, "n{peer}>n{node} ")?,
            (Some(node), None) => write!(f, "n{node} ")?,
            (None, _) => f.write_str("world ")?,
        }
        write!(f, "{kind:?} {label}")?;
        if text.is_empty() {
            Ok(())
        } else {
            write!(f, ": {text}")
        }
    }
}

/// Where trace events go.
pub trait TraceSink {
    /// Whether the event of this number is to be rendered.
    fn wants(&self, seq: u64) -> bool;

    /// Takes an event that it wants.
    fn take(&mut self, event: TraceEvent);
}

/// Keeps trace events in memory; clones share them.
#[derive(Clone, Debug)]
pub struct TraceBuffer(Rc<RefCell<Buffer>>);

#[derive(Debug)]
struct Buffer {
    window: Range<u64>,
    most: usize,
    events: VecDeque<TraceEvent>,
}

impl TraceBuffer {
    /// Keeps everything.
    pub fn full() -> Self {
        Self::new(0..u64::MAX, usize::MAX)
    }

    /// Keeps the last so many events.
    pub fn ring(most: usize) -> Self {
        Self::new(0..u64::MAX, most)
    }

    /// Keeps the events with these numbers.
    pub fn window(window: Range<u64>) -> Self {
        Self::new(window, usize::MAX)
    }

    fn new(window: Range<u64>, most: usize) -> Self {
        Self(Rc::new(RefCell::new(Buffer {
            window,
            most,
            events: VecDeque::new(),
        })))
    }

    /// The events that are kept.
    pub fn events(&self) -> Vec<TraceEvent> {
        self.0.borrow().events.iter().cloned().collect()
    }
}

impl TraceSink for TraceBuffer {
    fn wants(&self, seq: u64) -> bool {
        self.0.borrow().window.contains(&seq)
    }

    fn take(&mut self, event: TraceEvent) {
        let mut buffer = self.0.borrow_mut();
        if buffer.events.len() >= buffer.most {
            buffer.events.pop_front();
        }
        buffer.events.push_back(event);
    }
}

/// The trace hash after every so many events.
///
/// Two runs of the same inputs have the same ladder. When they do not, the first rung that differs
/// bounds the first event that does, and a third and fourth run that record only that window show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ladder {
    every: u64,
    rungs: Vec<u64>,
    events: u64,
    hash: u64,
}

impl Ladder {
    /// How many events there were.
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// The hash over all of them.
    pub const fn hash(&self) -> u64 {
        self.hash
    }

    /// The numbers among which the first event is that differs from another run's; `None` if the
    /// runs are equal.
    pub fn first_difference(&self, other: &Self) -> Option<Range<u64>> {
        if self == other {
            return None;
        }
        let rungs = self.rungs.iter().zip(&other.rungs);
        let same = rungs.take_while(|(mine, theirs)| mine == theirs).count() as u64;
        let start = same * self.every + 1;
        Some(start..start + self.every)
    }
}

/// An event as it is hashed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub(crate) kind: TraceKind,
    pub(crate) node: Option<NodeId>,
    pub(crate) peer: Option<NodeId>,
    pub(crate) digest: u64,
    pub(crate) label: &'static str,
}

pub(crate) struct Tracer {
    now: Time,
    cause: u64,
    ladder: Ladder,
    next_rung: u64,
    sink: Option<Box<dyn TraceSink>>,
}

const NOWHERE: u64 = 0xffff_ffff;

impl Tracer {
    pub(crate) fn new(every: u64) -> Self {
        let every = every.max(1);
        let ladder = Ladder {
            every,
            rungs: Vec::new(),
            events: 0,
            hash: 0,
        };
        Self {
            now: Time::ZERO,
            cause: 0,
            ladder,
            next_rung: every,
            sink: None,
        }
    }

    pub(crate) fn set_sink(&mut self, sink: Option<Box<dyn TraceSink>>) {
        self.sink = sink;
    }

    /// Begins an event of the queue: what follows at this time is caused by `cause`, until the
    /// event itself is told.
    pub(crate) fn begin(&mut self, now: Time, cause: u64) {
        (self.now, self.cause) = (now, cause);
    }

    pub(crate) const fn is_recording(&self) -> bool {
        self.sink.is_some()
    }

    /// The number of the event that whatever happens now is caused by.
    pub(crate) const fn cause(&self) -> u64 {
        self.cause
    }

    pub(crate) const fn ladder(&self) -> &Ladder {
        &self.ladder
    }

    /// Tells an event of which the following ones are effects.
    pub(crate) fn lead(&mut self, line: Line, text: impl FnOnce(&mut String)) {
        self.tell(line, text);
        self.cause = self.ladder.events;
    }

    /// Tells an event.
    #[inline]
    pub(crate) fn tell(&mut self, line: Line, text: impl FnOnce(&mut String)) {
        let ladder = &mut self.ladder;
        ladder.events += 1;
        let id = |node: Option<NodeId>| node.map_or(NOWHERE, |node| u64::from(node.0));
        let places = id(line.node) << 32 | id(line.peer);
        let what = (line.kind as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ line.digest;
        let hash = mix(
            ladder.hash,
            self.now.as_nanos().cast_unsigned(),
            ladder.events,
        );
        ladder.hash = mix(hash, places, what);
        if ladder.events == self.next_rung {
            self.next_rung += ladder.every;
            ladder.rungs.push(ladder.hash);
        }
        if self.sink.is_some() {
            self.record(line, text);
        }
    }

    #[cold]
    fn record(&mut self, line: Line, text: impl FnOnce(&mut String)) {
        let Some(sink) = &mut self.sink else { return };
        let seq = self.ladder.events;
        if !sink.wants(seq) {
            return;
        }
        let Line {
            kind,
            node,
            peer,
            digest,
            label,
        } = line;
        let mut rendered = String::new();
        text(&mut rendered);
        let (cause, time, label) = (self.cause, self.now, Cow::Borrowed(label));
        sink.take(TraceEvent {
            seq,
            cause,
            time,
            kind,
            node,
            peer,
            digest,
            label,
            text: rendered,
        });
    }
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracer")
            .field("ladder", &self.ladder)
            .finish_non_exhaustive()
    }
}

/// The digest of a label that stands for itself.
pub(crate) const fn label_digest(label: &'static str) -> u64 {
    name_hash(label)
}
