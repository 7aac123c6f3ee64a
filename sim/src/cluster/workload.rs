//! What clients have to do in a run, and how far they are.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc, time::Duration};

use crate::scenario::{OperationKind, WorkflowStart};

/// One thing that a client does.
#[derive(Clone, Debug)]
pub struct Job {
    /// When, after the beginning of the world.
    pub at: Duration,
    /// Its number in the run, from 0; request ids are made of it.
    pub number: u32,
    /// The workflow id it is about.
    pub workflow_id: String,
    /// The number of the instance, from 1.
    pub instance: u32,
    /// What to do.
    pub what: What,
    /// Whether it can only be done once the workflow was started by a client.
    pub after_start: bool,
}

/// What to do.
#[derive(Clone, Debug)]
pub enum What {
    /// Start a workflow and wait for its end.
    Start(Rc<WorkflowStart>),
    /// Do what the scenario's operation says; signal-with-start also needs the entry.
    Operate(Rc<OperationKind>, Option<Rc<WorkflowStart>>),
}

/// How far the clients are; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Progress(Rc<RefCell<Count>>);

#[derive(Debug, Default)]
struct Count {
    begun: u64,
    unfinished: BTreeMap<u32, String>,
}

impl Progress {
    /// There is something to do.
    pub fn expect(&self, number: u32, name: String) {
        let mut count = self.0.borrow_mut();
        count.begun += 1;
        count.unfinished.insert(number, name);
    }

    /// It is done.
    pub fn done(&self, number: u32) {
        self.0.borrow_mut().unfinished.remove(&number);
    }

    /// Whether everything is done.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.0.borrow().unfinished.is_empty()
    }

    /// How much there was to do.
    #[must_use]
    pub fn begun(&self) -> u64 {
        self.0.borrow().begun
    }

    /// What is not done.
    #[must_use]
    pub fn unfinished(&self) -> Vec<String> {
        self.0.borrow().unfinished.values().cloned().collect()
    }
}

impl Job {
    /// What it is, for people.
    #[must_use]
    pub fn name(&self) -> String {
        let verb = match &self.what {
            What::Start(_) => "start of",
            What::Operate(kind, _) => match &**kind {
                OperationKind::Signal { .. } => "signal to",
                OperationKind::SignalWithStart { .. } => "signal-with-start of",
                OperationKind::Update { .. } => "update of",
                OperationKind::UpdateWithStart { .. } => "update-with-start of",
                OperationKind::Query { .. } => "query of",
                OperationKind::Cancel { .. } => "cancel of",
                OperationKind::Terminate { .. } => "terminate of",
                OperationKind::Reset { .. } => "reset of",
                OperationKind::Deploy { .. } => "deploy for",
                OperationKind::Schedule { step, .. } => step.name(),
            },
        };
        format!("{verb} {}", self.workflow_id)
    }
}
