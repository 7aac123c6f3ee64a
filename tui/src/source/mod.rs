//! Where what is shown comes from. A source answers requests in pieces and never makes anybody wait.

pub mod files;
pub mod jobs;
pub mod worlds;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use steadfast_replay::NonDeterminism;
use tokio::sync::mpsc;

use crate::app::Msg;
use crate::history::search::Pattern;
use crate::history::summary::Summary;
use crate::history::{Event, Segment};
use crate::worlds::World;
use worlds::Ran;

/// Names a request; its answers carry it, and those that nobody waits for any more are passed over.
pub type RequestId = u64;

/// A history, by the name under which its source knows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference(pub String);

/// What can be asked for.
#[derive(Clone, Debug)]
pub enum Request {
    /// All histories that there are.
    List,
    /// The events of a history.
    History(Reference),
    /// The events that have something in them.
    Search(Vec<Segment>, Pattern),
    /// What the registered workflows make of a history.
    Replay(Vec<Segment>),
    /// A simulated run with everything recorded: of a repro file, or of a scenario and a seed.
    World(String),
    /// One seed of a scenario after another, from this one on.
    Campaign(String, u64),
}

/// A piece of an answer.
#[derive(Clone, Debug)]
pub enum Data {
    /// There are these histories.
    Listed(Vec<Reference>),
    /// What the history at this place of the list is, or why it cannot be read.
    Summary(usize, Result<Box<Read>, String>),
    /// More events of a history.
    Events(Vec<Event>),
    /// More places at which something was found.
    Hits(Vec<usize>),
    /// What each build made of a history.
    Replayed(Vec<Replayed>),
    /// A simulated run.
    World(Arc<World>),
    /// What came of a seed.
    Ran(Box<Ran>),
    /// There is no more. Perhaps something was wrong.
    Done(Option<String>),
}

/// What is told of a history in a list.
#[derive(Clone, Debug)]
pub struct Read {
    /// What the run is.
    pub summary: Summary,
    /// At how many events something went wrong.
    pub problems: usize,
}

/// What a build made of a history.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// The build.
    pub build: String,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a replay.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The code does what the history says.
    Same {
        /// How many events were replayed.
        events: usize,
    },
    /// The code does something else.
    Differs(Box<NonDeterminism>),
    /// The code failed.
    Failed(String),
    /// It cannot be replayed.
    Unusable(String),
}

impl Outcome {
    /// How much is to be told of it: more of a difference than of code that is not there.
    pub const fn rank(&self) -> u8 {
        match self {
            Self::Same { .. } => 3,
            Self::Differs(_) => 2,
            Self::Failed(_) => 1,
            Self::Unusable(_) => 0,
        }
    }
}

/// Something that can be looked at.
pub trait Source: fmt::Debug + Send + Sync {
    /// What it is, for the first place of the breadcrumbs.
    fn name(&self) -> String;

    /// The command that opens it again, or one history of it at an event.
    fn command(&self, history: Option<&Reference>, event: Option<i64>) -> String;

    /// Begins to answer, elsewhere, and returns at once.
    fn ask(self: Arc<Self>, request: Request, reply: Reply);
}

/// Takes the pieces of an answer.
#[derive(Clone, Debug)]
pub struct Reply {
    id: RequestId,
    to: mpsc::Sender<Msg>,
    canceled: Arc<AtomicBool>,
}

impl Reply {
    /// The answers of a request go there, until the flag says that nobody wants them.
    pub const fn new(id: RequestId, to: mpsc::Sender<Msg>, canceled: Arc<AtomicBool>) -> Self {
        Self { id, to, canceled }
    }

    /// Sends a piece; waits while too many are on their way. Whether anybody wants more.
    pub fn send(&self, data: Data) -> bool {
        !self.canceled.load(Ordering::Relaxed)
            && self.to.blocking_send(Msg::Data(self.id, data)).is_ok()
    }

    /// The last piece.
    pub fn done(&self, trouble: Option<String>) {
        // Whether anybody hears it is no longer of interest.
        let _heard = self.send(Data::Done(trouble));
    }
}
