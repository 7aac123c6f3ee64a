//! What the cluster tells its checkers: the few things from which every invariant can be judged.
//!
//! Observations are made where something becomes true (a batch is durable, an answer leaves, an entry is written),
//! not where somebody believes it. Nothing in the cluster reads them back.

use std::{cell::RefCell, collections::BTreeMap, fmt, rc::Rc};

use steadfast_core::{
    Batch, Execution, ExecutionKey, Rejection, Reply, RunKey, ShardId, Timestamp,
};

use steadfast_proto::temporal::api::protocol::v1::Message;

use super::wire::{Answer, Rpc};
use crate::{checkers::Checkers, kernel::Time};

/// One thing that is true from now on.
#[derive(Debug)]
pub enum Observation<'a> {
    /// A shard is about to take an input while the wall clock of its node shows this.
    Stepped {
        /// Which shard.
        shard: ShardId,
        /// What the node's clock really shows.
        wall: Timestamp,
    },
    /// A step's batch was handed to the store.
    Submitted {
        /// Which shard.
        shard: ShardId,
        /// What is to become durable.
        batch: &'a Batch,
    },
    /// The oldest batch of the shard that was not durable is durable now.
    Durable {
        /// Which shard.
        shard: ShardId,
    },
    /// A new owner of the shard has loaded what the store has.
    Recovered {
        /// Which shard.
        shard: ShardId,
        /// The stored `high`.
        high: Timestamp,
        /// The stored executions.
        executions: &'a BTreeMap<ExecutionKey, Execution>,
    },
    /// What the shard holds in memory of one execution, at a moment at which nobody asked.
    Live {
        /// Which execution.
        key: &'a ExecutionKey,
        /// The machine's own state.
        execution: &'a Execution,
    },
    /// The engine lets an answer go.
    Replied {
        /// What was asked.
        rpc: &'a Rpc,
        /// What is answered.
        reply: &'a Result<Reply, Rejection>,
    },
    /// A caller has got a positive answer.
    Acknowledged {
        /// What it had asked.
        rpc: &'a Rpc,
        /// The answer.
        answer: &'a Answer,
    },
    /// A worker has answered a workflow task from its cache.
    TaskDone {
        /// Whose.
        run: &'a RunKey,
        /// The task's started event.
        started: i64,
        /// The digest of all commands of the run so far.
        digest: u64,
        /// The registered code that it ran, by worker build.
        build: usize,
        /// The updates that came with the task: the history need not have them yet.
        messages: &'a [Message],
    },
    /// Workflow code does not match its history.
    Nondeterminism {
        /// Whose.
        run: &'a RunKey,
        /// What differs.
        what: &'a str,
    },
    /// A client is about to ask a query.
    QueryAsked {
        /// Names the question.
        id: u64,
        /// Whom.
        key: &'a ExecutionKey,
    },
    /// A worker answers a query from a state that includes all events up to this one.
    QuerySeen {
        /// Names the question.
        id: u64,
        /// The run that was asked.
        run: &'a RunKey,
        /// The last event that the code has seen.
        upto: i64,
    },
    /// A client has got the answer to its query.
    QueryAnswered {
        /// Names the question.
        id: u64,
    },
}

/// The cluster's handle to the checkers; clones share it.
#[derive(Clone)]
pub struct Watch(Rc<RefCell<Checkers>>);

impl Watch {
    /// Everything observed goes to these checkers.
    #[must_use]
    pub fn new(checkers: Checkers) -> Self {
        Self(Rc::new(RefCell::new(checkers)))
    }

    /// Tells the checkers.
    pub fn see(&self, at: Time, observation: &Observation<'_>) {
        self.0.borrow_mut().see(at, observation);
    }

    /// A caller has got a positive answer.
    pub fn acknowledged(&self, at: Time, rpc: &Rpc, answer: &Answer) {
        self.see(at, &Observation::Acknowledged { rpc, answer });
    }

    /// Looks at the checkers.
    pub fn with<R>(&self, look: impl FnOnce(&mut Checkers) -> R) -> R {
        look(&mut self.0.borrow_mut())
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}
