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
        query_workflow: workflow::QueryWorkflowRequest => workflow::QueryWorkflowResponse;
        describe_workflow_execution: workflow::DescribeWorkflowExecutionRequest => workflow::DescribeWorkflowExecutionResponse;
        get_workflow_execution_history: workflow::GetWorkflowExecutionHistoryRequest => workflow::GetWorkflowExecutionHistoryResponse;
        get_workflow_execution_history_reverse: workflow::GetWorkflowExecutionHistoryReverseRequest => workflow::GetWorkflowExecutionHistoryReverseResponse;
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
        delete_namespace: operator::DeleteNamespaceRequest => operator::DeleteNamespaceResponse;
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
