//! Update-with-start: a run is started unless one is open, and updated, as one request.
//!
//! | current run | the request comes to |
//! |---|---|
//! | any, the update completed in it | that outcome |
//! | open, made by this request, or knows the update, or `USE_EXISTING` | the update alone |
//! | open, `FAIL` | refused: the start |
//! | open, `TERMINATE_EXISTING` | terminate, start, update |
//! | none, or closed and the id may be used again | start, update |
//! | closed, made by this request | the update of a closed run |
//! | closed, the id may not be used again | refused: the start |
//!
//! A run that is found and closes before a worker has accepted the update has not served: the whole is tried once
//! more. What was started stays started, whatever comes of the update.
// temporal: service/history/api/multioperation/api.go.

use std::sync::Arc;

use crate::{
    chain::Origin,
    effect::{OperationStatus, Rejection, ReplyTo},
    ids::RunId,
    policy::IdConflictPolicy,
    request::{Request, StartRequest, UpdateRequest},
    shard::{Loaded, Step},
    start::{Verdict, judge},
    update::{Again, Asked, KnownUpdate},
};

impl Step<'_> {
    pub(crate) fn update_with_start(
        &mut self,
        loaded: &mut Loaded,
        reply_to: ReplyTo,
        start: Arc<StartRequest>,
        update: Box<UpdateRequest>,
        again: bool,
    ) {
        let serving = serving_run(loaded, &start, &update);
        let verdict = match serving {
            Some(run_id) => Verdict::Same(run_id),
            None => judge(&start, &loaded.execution),
        };
        if let Verdict::Refused(rejection) = verdict {
            let refused = Rejection::MultiOperation {
                start: Box::new(OperationStatus::Failed(rejection)),
                update: Box::new(OperationStatus::Aborted),
            };
            return self.reply(reply_to, Err(refused));
        }
        let new_run = RunId::new(self.ids.uuid());
        let mut tx = match &verdict {
            Verdict::Same(run_id) => self.open(loaded, run_id),
            Verdict::Start | Verdict::Existing | Verdict::Refused(_) => {
                self.current_or_none(loaded)
            }
        };
        let starts = matches!(verdict, Verdict::Start);
        if starts {
            tx.start_run(&start, new_run, Origin::Client);
        }
        let started = tx.started(starts);
        let asked = Asked::WithStart {
            start,
            update,
            started,
            again,
        };
        tx.ask_update(asked, reply_to);
        tx.finish();
    }

    /// The run that a request was asked of has closed: it is asked again, of the one that is current now.
    pub(crate) fn ask_again(&mut self, loaded: &mut Loaded, again: Again) {
        let Again { reply_to, asked } = again;
        match asked {
            Asked::Update(update) => self.request(loaded, reply_to, Request::Update(update)),
            Asked::WithStart {
                start,
                update,
                started,
                again,
            } if !started.started => {
                self.update_with_start(loaded, reply_to, start, update, again);
            }
            Asked::WithStart { .. } | Asked::Poll => {
                let mut tx = self.current_or_none(loaded);
                tx.ask_update(asked, reply_to);
                tx.finish();
            }
        }
    }
}

/// The run that needs no start to serve the update.
fn serving_run(loaded: &Loaded, start: &StartRequest, update: &UpdateRequest) -> Option<RunId> {
    let run = loaded.execution.current_run()?;
    let known = run.history.updates.get(&update.update_id);
    let completed = matches!(known, Some(KnownUpdate::Completed { .. }));
    let serves = run.is_open()
        && (run.created.request_id == start.request_id
            || known.is_some()
            || loaded.volatile.updates.has(&update.update_id)
            || start.conflict == IdConflictPolicy::UseExisting);
    (completed || serves).then(|| run.run_id.clone())
}
