//! Workflows that are deleted.

use std::time::Duration;

use steadfast_proto::temporal::api::workflowservice::v1::{
    DeleteWorkflowExecutionRequest, DescribeWorkflowExecutionRequest, ListWorkflowExecutionsRequest,
};
use steadfast_server::Config;
use tonic::Code;

use crate::client::{Client, complete_command, execution, server, timer_command};

fn delete(id: &str) -> DeleteWorkflowExecutionRequest {
    DeleteWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_execution: execution(id),
    }
}

async fn listed(client: &mut Client) -> Vec<String> {
    let request = ListWorkflowExecutionsRequest {
        namespace: "default".to_owned(),
        ..ListWorkflowExecutionsRequest::default()
    };
    let page = client.0.list_workflow_executions(request).await.unwrap();
    let executions = page.into_inner().executions.into_iter();
    let ids = executions.map(|info| info.execution.unwrap_or_default().workflow_id);
    ids.collect()
}

#[tokio::test]
async fn open_and_closed_workflows_can_be_deleted() {
    let server = server(Config::default()).await;
    let mut client = Client::to(&server).await;
    client.start("closed").await.unwrap();
    let task = client.workflow_task().await;
    client.complete(&task, vec![complete_command("done")]).await;
    client.start("open").await.unwrap();
    let task = client.workflow_task().await;
    let timer = timer_command("t", Duration::from_secs(3600));
    client.complete(&task, vec![timer]).await;
    client.start("kept").await.unwrap();

    for id in ["closed", "open"] {
        client
            .0
            .delete_workflow_execution(delete(id))
            .await
            .unwrap();
        let again = client.0.delete_workflow_execution(delete(id)).await;
        assert_eq!(again.unwrap_err().code(), Code::NotFound);
        let request = DescribeWorkflowExecutionRequest {
            namespace: "default".to_owned(),
            execution: execution(id),
        };
        let gone = client.0.describe_workflow_execution(request).await;
        assert_eq!(gone.unwrap_err().code(), Code::NotFound);
    }
    assert_eq!(listed(&mut client).await, ["kept"]);
}
