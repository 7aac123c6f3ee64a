//! What a batch job does to one workflow, and how the workflow sees to it that it is done once.
//!
//! | operation | a second question |
//! |---|---|
//! | terminate | finds the run closed |
//! | cancel | finds cancel requested |
//! | signal | finds the request id taken |
//! | delete | finds no run |
//! | reset | finds the run that its request id made |

use serde::{Deserialize, Serialize};
use steadfast_proto::temporal::api::common::v1::{Header, Payloads};

use crate::{
    chain::Ending,
    effect::Rejection,
    ids::{EventId, ExecutionKey, RequestId, RunId},
    message::{OutboxItem, OutboxResult},
    outbox::taken_before,
    record::Proto,
    request::Target,
    reset::{Asker, ResetPoint, ResetRequest, Without},
    shard::{Loaded, Step},
    signal::Signal,
};

/// What is done to each workflow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Operation {
    /// End it, with details for whoever reads the history.
    Terminate(Option<Proto<Payloads>>),
    /// Ask it to cancel.
    Cancel,
    /// Signal it.
    Signal {
        /// The signal's name.
        name: String,
        /// Its arguments.
        input: Option<Proto<Payloads>>,
        /// Headers for interceptors.
        header: Option<Proto<Header>>,
    },
    /// Delete it.
    Delete,
    /// Go on from an earlier point of its history.
    Reset(ResetPoint, Without),
}

/// What a job asks of one workflow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BatchWork {
    /// What.
    pub operation: Operation,
    /// The run; `None` means the current one.
    pub run_id: Option<RunId>,
    /// Why.
    pub reason: String,
    /// Who asks.
    pub identity: String,
    /// Makes a repeated question harmless.
    pub request_id: RequestId,
}

impl Step<'_> {
    /// Does what a batch job asks. `None`: not now, or the answer comes later.
    // temporal: service/worker/batcher/activities.go, a workflow that is closed or gone counts as done.
    pub(crate) fn batch_work(
        &mut self,
        loaded: &mut Loaded,
        item: &OutboxItem,
        work: &BatchWork,
    ) -> Option<OutboxResult> {
        if let Operation::Reset(point, without) = &work.operation {
            let request = ResetRequest {
                target: self.target_of(work),
                point: *point,
                reason: work.reason.clone(),
                request_id: work.request_id.clone(),
                without: *without,
                signals: Vec::new(),
                identity: work.identity.clone(),
            };
            self.reset(loaded, Asker::Work(Box::new(item.clone())), request);
            return None;
        }
        let Ok(run_id) = self.find(loaded, work.run_id.as_ref()) else {
            return Some(OutboxResult::Done);
        };
        match &work.operation {
            Operation::Terminate(details) => {
                if loaded.execution.runs[&run_id].is_open() {
                    let mut tx = self.open(loaded, &run_id);
                    tx.close(
                        Ending::Terminated {
                            reason: work.reason.clone(),
                            details: details.as_ref().map(|details| details.0.clone()),
                            identity: work.identity.clone(),
                        },
                        EventId::NONE,
                    );
                    tx.finish();
                }
                Some(OutboxResult::Done)
            }
            Operation::Cancel => {
                let mut tx = self.open(loaded, &run_id);
                tx.request_cancel(work.reason.clone(), work.identity.clone(), None);
                tx.finish();
                Some(OutboxResult::Done)
            }
            Operation::Signal {
                name,
                input,
                header,
            } => {
                let signal = Signal {
                    name: name.clone(),
                    input: input.as_ref().map(|input| input.0.clone()),
                    header: header.as_ref().map(|header| header.0.clone()),
                    identity: work.identity.clone(),
                    request_id: work.request_id.clone(),
                    links: Vec::new(),
                    sender: None,
                };
                self.batch_signal(loaded, &run_id, signal)
            }
            Operation::Delete => {
                self.doom(loaded, &run_id);
                Some(OutboxResult::Done)
            }
            Operation::Reset(..) => unreachable!("it was seen to above"),
        }
    }

    fn batch_signal(
        &mut self,
        loaded: &mut Loaded,
        run_id: &RunId,
        signal: Signal,
    ) -> Option<OutboxResult> {
        if taken_before(loaded, &signal.request_id) {
            return Some(OutboxResult::Done);
        }
        let mut tx = self.open(loaded, run_id);
        let result = match tx.signal(signal) {
            Ok(()) | Err(Rejection::NotFound(_)) => Some(OutboxResult::Done),
            Err(Rejection::ResourceExhausted(..)) => None,
            Err(_) => Some(OutboxResult::TooManySignals),
        };
        tx.finish();
        result
    }

    fn target_of(&self, work: &BatchWork) -> Target {
        Target {
            key: ExecutionKey::clone(self.key),
            run_id: work.run_id.clone(),
        }
    }
}
