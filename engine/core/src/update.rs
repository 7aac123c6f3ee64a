//! Workflow updates: a caller has the open run's code do something, and gets its answer.
//!
//! | state | kept | event | next | written |
//! |---|---|---|---|---|
//! | – | – | asked for | admitted; a speculative workflow task if none is pending | – |
//! | – | – | a worker accepts or rejects one that this owner never saw | admitted, then as below | – |
//! | admitted | memory | a workflow task starts | sent with it | – |
//! | sent | memory | another start, unless by a heartbeat | sent again | – |
//! | admitted, sent | memory | accepted | accepted | `…UpdateAccepted` |
//! | admitted, sent | memory | rejected | gone; its callers have the failure | – |
//! | sent | memory | the task completes without a word about it | gone, as rejected | – |
//! | sent | memory | the task's completion breaks a rule | gone; its callers are told that the run is not ready | – |
//! | admitted, sent | memory | the run closes | gone; its callers are told, or asked for again | – |
//! | admitted, sent | memory | the shard changes hands | gone; its callers ask again | – |
//! | admitted, by a reset | history | accepted, rejected | as above | `…UpdateAccepted` without the request |
//! | accepted | history | completed | completed | `…UpdateCompleted` |
//! | accepted | history | the run closes | accepted for ever; the outcome is a failure | – |
//! | any | – | asked for again | as it was; the caller waits like the first | – |
//!
//! What no worker has accepted lives in memory only ([`Registry`]), so that an update that is refused leaves no
//! trace. What was accepted is in the history ([`KnownUpdates`]), and is found there after a restart and after the
//! run's end.
//!
//! A caller waits for a stage. Its long poll ends when the update has reached it, or when the owner of the shard says
//! that the wait has lasted long enough ([`crate::InputEvent::WaitEnded`]): then it is told how far the update is.
// temporal: service/history/workflow/update/{update,registry,abort_reason}.go, history/api/{updateworkflow,pollupdate}.

mod known;
mod messages;
mod registry;

use std::{mem, sync::Arc};

use steadfast_proto::temporal::api::failure::v1::Failure;

pub use known::{KnownUpdate, KnownUpdates};
pub(crate) use registry::{Again, Asked, PendingUpdate, Registry, Sending, UpdateWaiter};

use crate::{
    effect::{Exhausted, Rejection, Reply, ReplyTo, UpdateOutcome, UpdateReply},
    ids::{RequestId, UpdateId},
    limits::{
        MAX_UPDATE_BYTES_IN_FLIGHT, MAX_UPDATE_WAITERS, MAX_UPDATES, MAX_UPDATES_IN_FLIGHT,
        SUGGEST_CAN_UPDATES, UPDATE_REFUSING_ATTEMPT,
    },
    request::{PollUpdate, UpdateRequest, UpdateStage},
    signal::already_completed,
    tx::Tx,
};

/// How far an update is.
struct Progress {
    stage: UpdateStage,
    outcome: UpdateOutcome,
}

impl Progress {
    fn of(stage: UpdateStage) -> Self {
        Self {
            stage,
            outcome: UpdateOutcome::None,
        }
    }

    fn failed(failure: Failure) -> Self {
        Self {
            stage: UpdateStage::Completed,
            outcome: UpdateOutcome::Failed(Box::new(failure)),
        }
    }
}

impl Tx<'_> {
    /// Somebody asks for an update.
    pub(crate) fn update_request(&mut self, request: UpdateRequest, reply_to: ReplyTo) {
        self.ask_update(Asked::Update(Box::new(request)), reply_to);
    }

    /// Admits the update that was asked for, unless it is known, and has its caller wait.
    pub(crate) fn ask_update(&mut self, asked: Asked, reply_to: ReplyTo) {
        let request = asked.request().expect("a poll asks for nothing");
        match self.admit(request) {
            Ok(()) => {
                let (id, stage) = (request.update_id.clone(), request.stage);
                self.await_update(UpdateWaiter {
                    id,
                    stage,
                    reply_to,
                    asked,
                });
            }
            Err(rejection) => self.reply(reply_to, Err(asked.refused(rejection))),
        }
    }

    /// Somebody asks how far an update is.
    pub(crate) fn poll_update(&mut self, poll: PollUpdate, reply_to: ReplyTo) {
        self.await_update(UpdateWaiter {
            id: poll.update_id,
            stage: poll.stage,
            reply_to,
            asked: Asked::Poll,
        });
    }

    fn admit(&mut self, request: &UpdateRequest) -> Result<(), Rejection> {
        self.check_chain(request.first_run.as_ref())?;
        let id = &request.update_id;
        if !self.run.is_open() {
            let known = self.update_progress(id).is_some();
            return if known {
                Ok(())
            } else {
                Err(already_completed())
            };
        }
        if self
            .task()
            .is_some_and(|task| task.attempt >= UPDATE_REFUSING_ATTEMPT)
        {
            return Err(Rejection::NotReady(
                "Unable to perform workflow execution update due to Workflow Task in failed state."
                    .to_owned(),
            ));
        }
        if self.run.closing_attempted && self.task_started() {
            return Err(closing());
        }
        if self.update_progress(id).is_some() {
            return Ok(());
        }
        let update = PendingUpdate::new(id.clone(), Arc::clone(&request.request));
        self.check_updates_in_flight(&update)?;
        self.check_updates_in_all()?;
        self.volatile.updates.admit(update);
        self.schedule_task_for_update();
        Ok(())
    }

    fn check_updates_in_flight(&self, more: &PendingUpdate) -> Result<(), Rejection> {
        let pending = &self.volatile.updates;
        let in_flight = pending.len() + self.run.history.updates.in_flight();
        if in_flight >= MAX_UPDATES_IN_FLIGHT {
            return Err(Rejection::ResourceExhausted(
                Exhausted::Callers,
                format!(
                    "limit on number of concurrent in-flight updates has been reached ({MAX_UPDATES_IN_FLIGHT})"
                ),
            ));
        }
        if pending.bytes() + more.bytes() >= MAX_UPDATE_BYTES_IN_FLIGHT {
            return Err(Rejection::ResourceExhausted(
                Exhausted::Callers,
                format!(
                    "limit on total payload size of in-flight updates has been reached ({MAX_UPDATE_BYTES_IN_FLIGHT} bytes)"
                ),
            ));
        }
        Ok(())
    }

    fn check_updates_in_all(&self) -> Result<(), Rejection> {
        if self.updates_in_all() >= MAX_UPDATES {
            return Err(Rejection::FailedPrecondition(format!(
                "The limit on the total number of distinct updates in this workflow has been reached ({MAX_UPDATES}). \
                 Make sure any duplicate updates share an Update ID so the server can deduplicate them, and consider \
                 rejecting updates that you aren't going to process. You can also Continue-as-New to avoid this; we \
                 recommend you check Continue-as-New Suggested in your Workflow."
            )));
        }
        Ok(())
    }

    fn updates_in_all(&self) -> usize {
        self.volatile.updates.len() + self.run.history.updates.len()
    }

    /// Whether the run has had so many updates that it should go on in a new run.
    pub(crate) fn has_many_updates(&self) -> bool {
        self.updates_in_all() >= SUGGEST_CAN_UPDATES
    }

    /// A workflow task that is pending carries the update, or the next one will; without one, a speculative one is
    /// made, also if the run's first workflow task still waits for its time. A child's waits for its parent.
    fn schedule_task_for_update(&mut self) {
        let coming = self.wants_task || self.task().is_some();
        let held = !self.run.begun || self.run.history.paused.is_some();
        if !coming && !held {
            self.schedule_speculative_task();
        }
    }

    fn await_update(&mut self, waiter: UpdateWaiter) {
        let Some(progress) = self.update_progress(&waiter.id) else {
            let unknown = Rejection::NotFound(format!("update \"{}\" not found", waiter.id));
            return self.reply(waiter.reply_to, Err(unknown));
        };
        if progress.stage >= waiter.stage {
            return self.tell(waiter, progress);
        }
        if self.volatile.updates.waiters.len() >= MAX_UPDATE_WAITERS {
            let busy = Rejection::ResourceExhausted(
                Exhausted::Callers,
                "too many callers wait for the updates of this workflow".to_owned(),
            );
            return self.reply(waiter.reply_to, Err(waiter.asked.refused(busy)));
        }
        self.volatile.updates.waiters.push(waiter);
    }

    /// How far an update of the run in hand is; `None` if it is not known.
    fn update_progress(&self, id: &UpdateId) -> Option<Progress> {
        let open = self.run.is_open();
        Some(match self.run.history.updates.get(id) {
            Some(KnownUpdate::Completed { event, .. }) => Progress {
                stage: UpdateStage::Completed,
                outcome: UpdateOutcome::InHistory(event),
            },
            Some(KnownUpdate::Accepted(_)) if open => Progress::of(UpdateStage::Accepted),
            Some(KnownUpdate::Accepted(_)) => Progress::failed(outlived()),
            Some(KnownUpdate::Admitted(_)) if open => Progress::of(UpdateStage::Admitted),
            Some(KnownUpdate::Admitted(_)) => return None,
            // Only one run is open, so the registry is its own.
            None if open && self.volatile.updates.has(id) => Progress::of(UpdateStage::Admitted),
            None => return None,
        })
    }

    fn tell(&mut self, waiter: UpdateWaiter, progress: Progress) {
        let UpdateWaiter {
            id,
            reply_to,
            asked,
            ..
        } = waiter;
        let request = asked.request().map(|r| r.request.request_id.as_str());
        let reply = UpdateReply {
            run: self.run_key(),
            update_id: id,
            stage: progress.stage,
            outcome: progress.outcome,
            request_id: RequestId::new(request.unwrap_or_default()),
            start: asked.started().cloned(),
        };
        self.reply(reply_to, Ok(Reply::Update(Box::new(reply))));
    }

    /// Answers those whose update has got as far as they wait for.
    pub(crate) fn answer_update_waiters(&mut self) {
        if self.volatile.updates.waiters.is_empty() || !self.run.is_open() {
            return;
        }
        for waiter in mem::take(&mut self.volatile.updates.waiters) {
            let progress = self.awaited_progress(&waiter);
            if progress.stage >= waiter.stage {
                self.tell(waiter, progress);
            } else {
                self.volatile.updates.waiters.push(waiter);
            }
        }
    }

    /// A caller has waited for as long as it may: it is told how far the update is.
    pub(crate) fn end_update_wait(&mut self, reply_to: ReplyTo) {
        if let Some(waiter) = self.volatile.updates.take_waiter(reply_to) {
            let progress = self.awaited_progress(&waiter);
            self.tell(waiter, progress);
        }
    }

    fn awaited_progress(&self, waiter: &UpdateWaiter) -> Progress {
        self.update_progress(&waiter.id)
            .expect("an update that goes takes its waiters along")
    }

    /// The run has just been closed: what is accepted will not be completed, what is not accepted never will be.
    // temporal: update/abort_reason.go, reasonStateMatrix, WorkflowCompleted and WorkflowContinuing.
    pub(crate) fn end_updates(&mut self, continues: bool) {
        for waiter in mem::take(&mut self.volatile.updates).waiters {
            match self.update_progress(&waiter.id) {
                Some(progress) => self.tell(waiter, progress),
                None => self.abort_update(waiter, continues),
            }
        }
    }

    /// Whoever meant the workflow and not one run of it is served by the run that goes on; who would have started a
    /// run if there had been none gets one, but only once, so that two who race cannot go on for ever.
    // temporal: history/api/multioperation/api.go, updateOnlyWasAbortedByClosingWorkflow.
    fn abort_update(&mut self, waiter: UpdateWaiter, continues: bool) {
        let UpdateWaiter {
            reply_to,
            mut asked,
            ..
        } = waiter;
        let served_later = match &mut asked {
            Asked::Update(request) => continues && request.target.run_id.is_none(),
            Asked::Poll => false,
            Asked::WithStart { started, again, .. } => {
                let retried = mem::replace(again, *again || !continues);
                continues || !started.started && !retried
            }
        };
        if served_later {
            self.volatile.again.push(Again { reply_to, asked });
            return;
        }
        let gone = "workflow update was aborted by closing workflow".to_owned();
        let rejection = match &asked {
            _ if continues => closing(),
            Asked::WithStart { started, .. } if !started.started => Rejection::Aborted(gone),
            Asked::WithStart { .. } | Asked::Update(_) | Asked::Poll => Rejection::NotFound(gone),
        };
        self.reply(reply_to, Err(asked.refused(rejection)));
    }

    /// The completion of the task that updates were sent with breaks a rule. Those that no worker has seen wait on.
    // temporal: update/abort_reason.go, reasonStateMatrix, WorkflowTaskFailed: those that were not sent are refused as
    // UNAVAILABLE and asked for again at once, which comes to the same.
    pub(crate) fn abort_sent_updates(&mut self) {
        for update in self.volatile.updates.take_sent() {
            for UpdateWaiter {
                reply_to, asked, ..
            } in self.volatile.updates.take_waiters_of(update.id())
            {
                let rejection = Rejection::NotReady(
                    "Unable to perform workflow execution update due to unexpected workflow task failure."
                        .to_owned(),
                );
                self.reply(reply_to, Err(asked.refused(rejection)));
            }
        }
    }

    /// No event says that an update was refused: whoever waits for it is told now.
    fn refuse_update(&mut self, id: &UpdateId, failure: &Failure) {
        self.volatile.updates.remove(id);
        for waiter in self.volatile.updates.take_waiters_of(id) {
            self.tell(waiter, Progress::failed(failure.clone()));
        }
    }
}

/// The run is about to be closed, or has gone on in another one: the same may be asked again soon.
// temporal: history/consts/const.go ErrWorkflowClosing.
pub(crate) fn closing() -> Rejection {
    Rejection::ResourceExhausted(
        Exhausted::Workflow,
        "workflow operation can not be applied because workflow is closing".to_owned(),
    )
}

/// The outcome of an update that its workflow accepted and did not live to complete.
// temporal: update/errors_failures.go.
fn outlived() -> Failure {
    by_server(
        "Workflow Update failed because the Workflow completed before the Update completed.",
        "AcceptedUpdateCompletedWorkflow",
    )
}

/// The outcome of an update that a worker was sent and said nothing about.
// temporal: update/errors_failures.go.
fn unprocessed() -> Failure {
    by_server(
        "Workflow Update is rejected because it wasn't processed by worker. Probably, Workflow Update is not \
         supported by the worker.",
        "UnprocessedUpdate",
    )
}

fn by_server(message: &str, kind: &str) -> Failure {
    Failure {
        source: "Server".to_owned(),
        ..Failure::non_retryable(message, kind)
    }
}
