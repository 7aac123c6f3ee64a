//! The events of a workflow's run, page by page, or as they come.

use std::collections::VecDeque;

use bytes::Bytes;
use steadfast_proto::temporal::api::enums::v1::HistoryEventFilterType;
use steadfast_proto::temporal::api::history::v1::HistoryEvent;
use steadfast_proto::temporal::api::history::v1::history_event::Attributes;
use steadfast_proto::temporal::api::workflowservice::v1::{
    GetWorkflowExecutionHistoryRequest, GetWorkflowExecutionHistoryReverseRequest,
};

use super::session::Session;
use super::target::execution;
use crate::problem::Problem;

/// Which events, and in which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// From the first on.
    Forward,
    /// From the first on, and then as they come until the run ends.
    Follow,
    /// From the last back.
    Reverse,
    /// Only the one that ends the run, when it comes.
    Close,
    /// Only the latest, without waiting: in a run that has ended, the one that ended it.
    Last,
}

/// The events of one run.
#[derive(Debug)]
pub(super) struct Events<'s, 'a> {
    session: &'s Session<'a>,
    workflow_id: String,
    run_id: String,
    order: Order,
    page: VecDeque<HistoryEvent>,
    token: Bytes,
    asked: bool,
}

impl<'s, 'a> Events<'s, 'a> {
    pub(super) fn of(
        session: &'s Session<'a>,
        workflow_id: &str,
        run_id: &str,
        order: Order,
    ) -> Self {
        Self {
            session,
            workflow_id: workflow_id.to_owned(),
            run_id: run_id.to_owned(),
            order,
            page: VecDeque::new(),
            token: Bytes::new(),
            asked: false,
        }
    }

    /// Goes on with another run.
    pub(super) fn go_on(&mut self, run_id: &str) {
        // A history read backwards ends with its own beginning.
        if self.order != Order::Reverse {
            *self = Self::of(self.session, &self.workflow_id.clone(), run_id, self.order);
        }
    }

    /// The next event, or nothing when there will be no more.
    pub(super) async fn next(&mut self) -> Result<Option<HistoryEvent>, Problem> {
        while self.page.is_empty() {
            if self.asked && self.token.is_empty() {
                return Ok(None);
            }
            match self.order {
                Order::Reverse => self.turn_back().await?,
                _ => self.turn().await?,
            }
        }
        Ok(self.page.pop_front())
    }

    async fn turn(&mut self) -> Result<(), Problem> {
        let waits = matches!(self.order, Order::Follow | Order::Close);
        let filter = match self.order {
            Order::Close | Order::Last => HistoryEventFilterType::CloseEvent,
            _ => HistoryEventFilterType::AllEvent,
        };
        let request = GetWorkflowExecutionHistoryRequest {
            namespace: self.session.namespace(),
            execution: Some(execution(&self.workflow_id, &self.run_id)),
            next_page_token: self.token.clone(),
            wait_new_event: waits,
            history_event_filter_type: filter.into(),
            skip_archival: true,
            ..GetWorkflowExecutionHistoryRequest::default()
        };
        let asked = self.session.wait(request, async |mut c, r| {
            c.get_workflow_execution_history(r).await
        });
        // Nothing has happened before the call had to end: it is asked again.
        let Some(answer) = asked.await? else {
            return Ok(());
        };
        self.asked = true;
        self.token = answer.next_page_token;
        self.page.extend(answer.history.unwrap_or_default().events);
        Ok(())
    }

    async fn turn_back(&mut self) -> Result<(), Problem> {
        let request = GetWorkflowExecutionHistoryReverseRequest {
            namespace: self.session.namespace(),
            execution: Some(execution(&self.workflow_id, &self.run_id)),
            next_page_token: self.token.clone(),
            ..GetWorkflowExecutionHistoryReverseRequest::default()
        };
        let asked = self.session.ask(request, async |mut c, r| {
            c.get_workflow_execution_history_reverse(r).await
        });
        let answer = asked.await?;
        self.asked = true;
        self.token = answer.next_page_token;
        self.page.extend(answer.history.unwrap_or_default().events);
        Ok(())
    }
}

/// Waits for the end of a workflow, through all its runs.
pub(super) async fn close_event(
    session: &Session<'_>,
    workflow_id: &str,
    run_id: &str,
) -> Result<HistoryEvent, Problem> {
    let mut run_id = run_id.to_owned();
    loop {
        let found = Events::of(session, workflow_id, &run_id, Order::Close)
            .next()
            .await?;
        let event = found.ok_or_else(|| Problem::refused("the history has no end"))?;
        match next_run(&event) {
            Some(next) => run_id = next.to_owned(),
            None => return Ok(event),
        }
    }
}

/// The run that a workflow goes on in after this event.
pub(super) fn next_run(event: &HistoryEvent) -> Option<&str> {
    match &event.attributes {
        Some(Attributes::WorkflowExecutionContinuedAsNewEventAttributes(attributes)) => {
            Some(&attributes.new_execution_run_id)
        }
        _ => None,
    }
}
