//! The end of a run's life in the store: somebody deletes it, or it has been kept for as long as its namespace says.
//!
//! | run | event | next | recorded |
//! |---|---|---|---|
//! | open | deleted | closed as terminated, doomed | its end, no row, `Doomed` |
//! | closed | – | kept until its retention is over | `Expires` |
//! | closed | deleted, its retention is over | doomed | no row, `Doomed` |
//! | doomed | nobody waits for an answer of its outbox any more | gone | `Deleted` |
//!
//! A doomed run is there for nobody; it only finishes what it has to tell others. Where the retention is not known,
//! runs are kept.
// temporal: service/history/api/deleteworkflow/api.go, service/history/deletemanager/delete_manager.go.

use crate::{
    chain::Ending,
    effect::{Rejection, Reply, ReplyTo},
    ids::{EventId, RunId},
    record::{Entry, Record},
    request::Target,
    shard::{Loaded, Step},
    visibility::RowChange,
};

impl Step<'_> {
    /// Somebody wants a run to be deleted.
    pub(crate) fn delete(&mut self, loaded: &mut Loaded, reply_to: ReplyTo, target: &Target) {
        let found = self.find(loaded, target.run_id.as_ref());
        let answer = found.and_then(|run_id| {
            if loaded.execution.runs[&run_id].history.standalone.is_some() {
                return Err(Rejection::InvalidArgument(
                    "an activity that no workflow has scheduled cannot be deleted as a workflow"
                        .to_owned(),
                ));
            }
            self.doom(loaded, &run_id);
            Ok(Reply::Done)
        });
        self.reply(reply_to, answer);
    }

    /// The run is there for nobody from now on.
    pub(crate) fn doom(&mut self, loaded: &mut Loaded, run_id: &RunId) {
        if loaded.execution.runs[run_id].is_open() {
            let mut tx = self.open(loaded, run_id);
            tx.close(
                Ending::Terminated {
                    reason: "Delete workflow execution".to_owned(),
                    details: None,
                    identity: "history-service".to_owned(),
                },
                EventId::NONE,
            );
            tx.finish();
        }
        self.record(loaded, run_id, Record::Row(Box::new(RowChange::Removed)));
        self.record(loaded, run_id, Record::Doomed);
    }

    /// Runs that have been kept for long enough.
    pub(crate) fn expire(&mut self, loaded: &mut Loaded) {
        let now = self.now;
        let over = loaded
            .execution
            .runs
            .values()
            .filter(|run| !run.doomed && run.expires.is_some_and(|at| at <= now));
        let over: Vec<_> = over.map(|run| run.run_id.clone()).collect();
        for run_id in over {
            self.doom(loaded, &run_id);
        }
    }

    /// After any work: what has closed is kept for so long, and what is doomed and has nothing to tell is gone.
    pub(crate) fn keep_house(&mut self, loaded: &mut Loaded) {
        let mut changes = Vec::new();
        for run in loaded.execution.runs.values() {
            let Some(closed) = run.history.close_time else {
                continue;
            };
            if run.doomed && run.outbox.is_empty() {
                changes.push((run.run_id.clone(), Record::Deleted));
            } else if let Some(retention) = self.retention
                && run.expires.is_none()
                && !run.doomed
            {
                let expires = closed.plus(retention);
                changes.push((run.run_id.clone(), Record::Expires(expires)));
            }
        }
        for (run_id, record) in changes {
            self.record(loaded, &run_id, record);
        }
    }

    /// Changes something of a run that is in nobody's hand.
    fn record(&mut self, loaded: &mut Loaded, run_id: &RunId, record: Record) {
        let entry = Entry {
            key: self.key.clone(),
            run_id: run_id.clone(),
            record,
        };
        loaded.execution.apply(&entry);
        self.effects.batch.entries.push(entry);
    }
}
