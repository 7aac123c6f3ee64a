//! The tables of calls: which method of [`Frontend`] answers which.

use std::{future::Future, pin::Pin};

use steadfast_proto::temporal::api::{
    operatorservice::v1 as operator, operatorservice::v1::operator_service_server::OperatorService,
    testservice::v1 as test, testservice::v1::test_service_server::TestService,
    workflowservice::v1 as workflow, workflowservice::v1::workflow_service_server::WorkflowService,
};
use tonic::{Request, Response, Status};

use super::Frontend;

/// The longest request. temporal: grpc-go's default receive limit.
pub(crate) const MAX_MESSAGE_BYTES: usize = 4 << 20;

type Answering<'a, T> = Pin<Box<dyn Future<Output = Result<Response<T>, Status>> + Send + 'a>>;

/// Writes the methods of a service's trait: `name: Request => Response;` is answered by the method of that name.
macro_rules! calls {
    ($($name:ident: $request:ty => $response:ty;)*) => {$(
        fn $name<'s, 'a>(&'s self, request: Request<$request>) -> Answering<'a, $response>
        where
            's: 'a,
            Self: 'a,
        {
            Box::pin(async move { Self::$name(self, request).await.map(Response::new) })
        }
    )*};
}

impl WorkflowService for Frontend {
    calls! {
        // Clients.
        start_workflow_execution: workflow::StartWorkflowExecutionRequest => workflow::StartWorkflowExecutionResponse;
        signal_with_start_workflow_execution: workflow::SignalWithStartWorkflowExecutionRequest => workflow::SignalWithStartWorkflowExecutionResponse;
        signal_workflow_execution: workflow::SignalWorkflowExecutionRequest => workflow::SignalWorkflowExecutionResponse;
        request_cancel_workflow_execution: workflow::RequestCancelWorkflowExecutionRequest => workflow::RequestCancelWorkflowExecutionResponse;
        terminate_workflow_execution: workflow::TerminateWorkflowExecutionRequest => workflow::TerminateWorkflowExecutionResponse;
        delete_workflow_execution: workflow::DeleteWorkflowExecutionRequest => workflow::DeleteWorkflowExecutionResponse;
        reset_workflow_execution: workflow::ResetWorkflowExecutionRequest => workflow::ResetWorkflowExecutionResponse;
        query_workflow: workflow::QueryWorkflowRequest => workflow::QueryWorkflowResponse;
        describe_workflow_execution: workflow::DescribeWorkflowExecutionRequest => workflow::DescribeWorkflowExecutionResponse;
        get_workflow_execution_history: workflow::GetWorkflowExecutionHistoryRequest => workflow::GetWorkflowExecutionHistoryResponse;
        get_workflow_execution_history_reverse: workflow::GetWorkflowExecutionHistoryReverseRequest => workflow::GetWorkflowExecutionHistoryReverseResponse;
        // Visibility.
        list_workflow_executions: workflow::ListWorkflowExecutionsRequest => workflow::ListWorkflowExecutionsResponse;
        list_open_workflow_executions: workflow::ListOpenWorkflowExecutionsRequest => workflow::ListOpenWorkflowExecutionsResponse;
        list_closed_workflow_executions: workflow::ListClosedWorkflowExecutionsRequest => workflow::ListClosedWorkflowExecutionsResponse;
        list_archived_workflow_executions: workflow::ListArchivedWorkflowExecutionsRequest => workflow::ListArchivedWorkflowExecutionsResponse;
        scan_workflow_executions: workflow::ScanWorkflowExecutionsRequest => workflow::ScanWorkflowExecutionsResponse;
        count_workflow_executions: workflow::CountWorkflowExecutionsRequest => workflow::CountWorkflowExecutionsResponse;
        get_search_attributes: workflow::GetSearchAttributesRequest => workflow::GetSearchAttributesResponse;
        // Updates.
        update_workflow_execution: workflow::UpdateWorkflowExecutionRequest => workflow::UpdateWorkflowExecutionResponse;
        poll_workflow_execution_update: workflow::PollWorkflowExecutionUpdateRequest => workflow::PollWorkflowExecutionUpdateResponse;
        execute_multi_operation: workflow::ExecuteMultiOperationRequest => workflow::ExecuteMultiOperationResponse;
        // Workers.
        poll_workflow_task_queue: workflow::PollWorkflowTaskQueueRequest => workflow::PollWorkflowTaskQueueResponse;
        respond_workflow_task_completed: workflow::RespondWorkflowTaskCompletedRequest => workflow::RespondWorkflowTaskCompletedResponse;
        respond_workflow_task_failed: workflow::RespondWorkflowTaskFailedRequest => workflow::RespondWorkflowTaskFailedResponse;
        respond_query_task_completed: workflow::RespondQueryTaskCompletedRequest => workflow::RespondQueryTaskCompletedResponse;
        poll_activity_task_queue: workflow::PollActivityTaskQueueRequest => workflow::PollActivityTaskQueueResponse;
        respond_activity_task_completed: workflow::RespondActivityTaskCompletedRequest => workflow::RespondActivityTaskCompletedResponse;
        respond_activity_task_completed_by_id: workflow::RespondActivityTaskCompletedByIdRequest => workflow::RespondActivityTaskCompletedByIdResponse;
        respond_activity_task_failed: workflow::RespondActivityTaskFailedRequest => workflow::RespondActivityTaskFailedResponse;
        respond_activity_task_failed_by_id: workflow::RespondActivityTaskFailedByIdRequest => workflow::RespondActivityTaskFailedByIdResponse;
        respond_activity_task_canceled: workflow::RespondActivityTaskCanceledRequest => workflow::RespondActivityTaskCanceledResponse;
        respond_activity_task_canceled_by_id: workflow::RespondActivityTaskCanceledByIdRequest => workflow::RespondActivityTaskCanceledByIdResponse;
        record_activity_task_heartbeat: workflow::RecordActivityTaskHeartbeatRequest => workflow::RecordActivityTaskHeartbeatResponse;
        record_activity_task_heartbeat_by_id: workflow::RecordActivityTaskHeartbeatByIdRequest => workflow::RecordActivityTaskHeartbeatByIdResponse;
        reset_sticky_task_queue: workflow::ResetStickyTaskQueueRequest => workflow::ResetStickyTaskQueueResponse;
        poll_nexus_task_queue: workflow::PollNexusTaskQueueRequest => workflow::PollNexusTaskQueueResponse;
        respond_nexus_task_completed: workflow::RespondNexusTaskCompletedRequest => workflow::RespondNexusTaskCompletedResponse;
        respond_nexus_task_failed: workflow::RespondNexusTaskFailedRequest => workflow::RespondNexusTaskFailedResponse;
        record_worker_heartbeat: workflow::RecordWorkerHeartbeatRequest => workflow::RecordWorkerHeartbeatResponse;
        list_workers: workflow::ListWorkersRequest => workflow::ListWorkersResponse;
        count_workers: workflow::CountWorkersRequest => workflow::CountWorkersResponse;
        describe_worker: workflow::DescribeWorkerRequest => workflow::DescribeWorkerResponse;
        describe_worker_deployment: workflow::DescribeWorkerDeploymentRequest => workflow::DescribeWorkerDeploymentResponse;
        set_worker_deployment_current_version: workflow::SetWorkerDeploymentCurrentVersionRequest => workflow::SetWorkerDeploymentCurrentVersionResponse;
        set_worker_deployment_ramping_version: workflow::SetWorkerDeploymentRampingVersionRequest => workflow::SetWorkerDeploymentRampingVersionResponse;
        // Activities of their own.
        start_activity_execution: workflow::StartActivityExecutionRequest => workflow::StartActivityExecutionResponse;
        describe_activity_execution: workflow::DescribeActivityExecutionRequest => workflow::DescribeActivityExecutionResponse;
        poll_activity_execution: workflow::PollActivityExecutionRequest => workflow::PollActivityExecutionResponse;
        request_cancel_activity_execution: workflow::RequestCancelActivityExecutionRequest => workflow::RequestCancelActivityExecutionResponse;
        terminate_activity_execution: workflow::TerminateActivityExecutionRequest => workflow::TerminateActivityExecutionResponse;
        list_activity_executions: workflow::ListActivityExecutionsRequest => workflow::ListActivityExecutionsResponse;
        count_activity_executions: workflow::CountActivityExecutionsRequest => workflow::CountActivityExecutionsResponse;
        shutdown_worker: workflow::ShutdownWorkerRequest => workflow::ShutdownWorkerResponse;
        // Schedules.
        create_schedule: workflow::CreateScheduleRequest => workflow::CreateScheduleResponse;
        describe_schedule: workflow::DescribeScheduleRequest => workflow::DescribeScheduleResponse;
        update_schedule: workflow::UpdateScheduleRequest => workflow::UpdateScheduleResponse;
        patch_schedule: workflow::PatchScheduleRequest => workflow::PatchScheduleResponse;
        list_schedule_matching_times: workflow::ListScheduleMatchingTimesRequest => workflow::ListScheduleMatchingTimesResponse;
        delete_schedule: workflow::DeleteScheduleRequest => workflow::DeleteScheduleResponse;
        list_schedules: workflow::ListSchedulesRequest => workflow::ListSchedulesResponse;
        count_schedules: workflow::CountSchedulesRequest => workflow::CountSchedulesResponse;
        // Operators.
        pause_activity: workflow::PauseActivityRequest => workflow::PauseActivityResponse;
        unpause_activity: workflow::UnpauseActivityRequest => workflow::UnpauseActivityResponse;
        reset_activity: workflow::ResetActivityRequest => workflow::ResetActivityResponse;
        update_activity_options: workflow::UpdateActivityOptionsRequest => workflow::UpdateActivityOptionsResponse;
        pause_workflow_execution: workflow::PauseWorkflowExecutionRequest => workflow::PauseWorkflowExecutionResponse;
        unpause_workflow_execution: workflow::UnpauseWorkflowExecutionRequest => workflow::UnpauseWorkflowExecutionResponse;
        // Batch operations.
        start_batch_operation: workflow::StartBatchOperationRequest => workflow::StartBatchOperationResponse;
        stop_batch_operation: workflow::StopBatchOperationRequest => workflow::StopBatchOperationResponse;
        describe_batch_operation: workflow::DescribeBatchOperationRequest => workflow::DescribeBatchOperationResponse;
        list_batch_operations: workflow::ListBatchOperationsRequest => workflow::ListBatchOperationsResponse;
        // Namespaces.
        register_namespace: workflow::RegisterNamespaceRequest => workflow::RegisterNamespaceResponse;
        describe_namespace: workflow::DescribeNamespaceRequest => workflow::DescribeNamespaceResponse;
        list_namespaces: workflow::ListNamespacesRequest => workflow::ListNamespacesResponse;
        update_namespace: workflow::UpdateNamespaceRequest => workflow::UpdateNamespaceResponse;
        deprecate_namespace: workflow::DeprecateNamespaceRequest => workflow::DeprecateNamespaceResponse;
        // The system.
        get_system_info: workflow::GetSystemInfoRequest => workflow::GetSystemInfoResponse;
        get_cluster_info: workflow::GetClusterInfoRequest => workflow::GetClusterInfoResponse;
    }
}

impl OperatorService for Frontend {
    calls! {
        add_search_attributes: operator::AddSearchAttributesRequest => operator::AddSearchAttributesResponse;
        remove_search_attributes: operator::RemoveSearchAttributesRequest => operator::RemoveSearchAttributesResponse;
        list_search_attributes: operator::ListSearchAttributesRequest => operator::ListSearchAttributesResponse;
        create_nexus_endpoint: operator::CreateNexusEndpointRequest => operator::CreateNexusEndpointResponse;
        update_nexus_endpoint: operator::UpdateNexusEndpointRequest => operator::UpdateNexusEndpointResponse;
        delete_nexus_endpoint: operator::DeleteNexusEndpointRequest => operator::DeleteNexusEndpointResponse;
        get_nexus_endpoint: operator::GetNexusEndpointRequest => operator::GetNexusEndpointResponse;
        list_nexus_endpoints: operator::ListNexusEndpointsRequest => operator::ListNexusEndpointsResponse;
        delete_namespace: operator::DeleteNamespaceRequest => operator::DeleteNamespaceResponse;
        list_clusters: operator::ListClustersRequest => operator::ListClustersResponse;
    }
}

impl TestService for Frontend {
    calls! {
        lock_time_skipping: test::LockTimeSkippingRequest => test::LockTimeSkippingResponse;
        unlock_time_skipping: test::UnlockTimeSkippingRequest => test::UnlockTimeSkippingResponse;
        sleep: test::SleepRequest => test::SleepResponse;
        sleep_until: test::SleepUntilRequest => test::SleepResponse;
        unlock_time_skipping_with_sleep: test::SleepRequest => test::SleepResponse;
        get_current_time: () => test::GetCurrentTimeResponse;
    }
}
