//! Completions of workflow tasks that come in several parts, because one message may not be so big.
//!
//! | part | kept before | then |
//! |---|---|---|
//! | not the last | any | kept; the worker goes on |
//! | not the last | too many, or too much | refused |
//! | the last | all before it | the commands of all are one completion |
//! | the last | not all | refused: send them again |
//!
//! They are kept in memory: the worker sends again what was lost with an owner of the shard.
// temporal: respondworkflowtaskcompleted/api.go, `history.enableWorkflowTaskCompletionPagination`.

use std::collections::BTreeMap;

use crate::{
    command::Command,
    effect::{Rejection, Reply},
    limits::{MAX_COMPLETION_BYTES, MAX_COMPLETION_PAGES},
    request::{CommandError, CompleteWorkflowTask},
    token::TaskToken,
    tx::Tx,
};

/// The parts of a completion whose last part has not come.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pages {
    /// The task that they complete. Parts for another one take their place.
    token: TaskToken,
    /// Each with its bytes on the wire, by number.
    parts: BTreeMap<u32, (usize, Vec<Result<Command, CommandError>>)>,
}

impl Pages {
    fn is_too_much(&self) -> bool {
        let bytes: usize = self.parts.values().map(|(bytes, _)| bytes).sum();
        bytes > MAX_COMPLETION_BYTES || self.parts.len() > MAX_COMPLETION_PAGES
    }
}

impl Tx<'_> {
    /// Keeps a part that is not the last.
    pub(super) fn keep_page(&mut self, request: CompleteWorkflowTask) -> Result<Reply, Rejection> {
        let kept = self.volatile.pages.take();
        let kept = kept.filter(|pages| pages.token == request.token);
        let mut pages = kept.unwrap_or_else(|| Pages {
            token: request.token,
            parts: BTreeMap::new(),
        });
        let part = (request.page.bytes, request.commands);
        pages.parts.insert(request.page.number, part);
        if pages.is_too_much() {
            return Err(Rejection::InvalidArgument(format!(
                "a workflow task's completion has at most {MAX_COMPLETION_BYTES} bytes in {MAX_COMPLETION_PAGES} pages"
            )));
        }
        self.volatile.pages = Some(pages);
        Ok(Reply::WorkflowTaskCompleted {
            next: None,
            activities: Vec::new(),
            reset_to: None,
        })
    }

    /// Puts the commands of all earlier parts before those of the last one.
    pub(super) fn gather_pages(
        &mut self,
        last: &mut CompleteWorkflowTask,
    ) -> Result<(), Rejection> {
        let kept = self.volatile.pages.take();
        let kept = kept.filter(|pages| pages.token == last.token);
        let mut parts = kept.map(|pages| pages.parts).unwrap_or_default();
        let mut commands = Vec::new();
        for number in 0..last.page.number {
            let (_, part) = parts.remove(&number).ok_or(Rejection::PagesLost)?;
            commands.extend(part);
        }
        commands.append(&mut last.commands);
        last.commands = commands;
        Ok(())
    }
}
