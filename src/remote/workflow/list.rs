//! `list` and `count`.

use clap::Args;
use steadfast_proto::temporal::api::workflow::v1::WorkflowExecutionInfo;
use steadfast_proto::temporal::api::workflowservice::v1::{
    CountWorkflowExecutionsRequest, ListArchivedWorkflowExecutionsRequest,
    ListWorkflowExecutionsRequest,
};

use crate::problem::Problem;
use crate::remote::Run;
use crate::remote::count::{self, CountArgs};
use crate::remote::output::Output;
use crate::remote::session::Session;
use crate::remote::text::{Table, short};

/// See the module documentation.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only those that this list filter chooses
    #[arg(
        long,
        short,
        value_name = "FILTER",
        default_value = "",
        hide_default_value = true
    )]
    query: String,
    /// Those that are archived
    #[arg(long)]
    archived: bool,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Ask for so many at a time
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    page_size: i32,
}

impl Run for List {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        session.out.begin_list();
        let mut left = self.limit.filter(|limit| *limit > 0).unwrap_or(usize::MAX);
        let mut token = Default::default();
        let mut headed = false;
        loop {
            let (mut page, next) = self.page(session, token).await?;
            page.truncate(left);
            left -= page.len();
            if session.out.is_json() {
                for execution in &page {
                    session.out.message(execution)?;
                }
            } else if !page.is_empty() {
                session
                    .out
                    .table(&table(&session.out, &page).headed(headed))?;
                headed = true;
            }
            if next.is_empty() || left == 0 {
                return session.out.end_list();
            }
            token = next;
        }
    }
}

impl List {
    async fn page(
        &self,
        session: &Session<'_>,
        next_page_token: bytes::Bytes,
    ) -> Result<(Vec<WorkflowExecutionInfo>, bytes::Bytes), Problem> {
        let limit = self
            .limit
            .and_then(|limit| i32::try_from(limit).ok())
            .filter(|limit| *limit > 0);
        let page_size = limit
            .filter(|limit| self.page_size == 0 || *limit < self.page_size)
            .unwrap_or(self.page_size);
        if self.archived {
            let request = ListArchivedWorkflowExecutionsRequest {
                namespace: session.namespace(),
                page_size,
                next_page_token,
                query: self.query.clone(),
            };
            let page = session
                .ask(request, async |mut c, r| {
                    c.list_archived_workflow_executions(r).await
                })
                .await?;
            return Ok((page.executions, page.next_page_token));
        }
        let request = ListWorkflowExecutionsRequest {
            namespace: session.namespace(),
            page_size,
            next_page_token,
            query: self.query.clone(),
        };
        let page = session
            .ask(request, async |mut c, r| {
                c.list_workflow_executions(r).await
            })
            .await?;
        Ok((page.executions, page.next_page_token))
    }
}

fn table(out: &Output<'_>, page: &[WorkflowExecutionInfo]) -> Table {
    let mut table = Table::new(["Status", "WorkflowId", "Type", "StartTime"]);
    for execution in page {
        let id = execution.execution.clone().unwrap_or_default().workflow_id;
        let kind = execution.r#type.clone().unwrap_or_default().name;
        let start = out.times.show(execution.start_time.as_ref());
        table.row([status(execution), id, kind, start]);
    }
    table
}

/// The status of a workflow, as people read it.
pub(super) fn status(execution: &WorkflowExecutionInfo) -> String {
    short(
        execution.status().as_str_name(),
        "WORKFLOW_EXECUTION_STATUS_",
    )
}

/// See the module documentation.
#[derive(Debug, Args)]
pub(crate) struct Count {
    #[command(flatten)]
    what: CountArgs,
}

impl Run for Count {
    async fn run(self, session: &Session<'_>) -> Result<(), Problem> {
        let request = CountWorkflowExecutionsRequest {
            namespace: session.namespace(),
            query: self.what.query,
        };
        let counted = session.ask(request, async |mut c, r| {
            c.count_workflow_executions(r).await
        });
        let mut counted = counted.await?;
        count::forget_types(
            counted
                .groups
                .iter_mut()
                .flat_map(|it| &mut it.group_values),
        );
        if session.out.is_json() {
            return session.out.message(&counted);
        }
        let groups = counted.groups.iter();
        let groups = groups.map(|group| (group.count, group.group_values.as_slice()));
        count::tell(&session.out, counted.count, groups)
    }
}
