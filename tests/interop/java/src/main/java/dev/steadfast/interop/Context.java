package dev.steadfast.interop;

import io.temporal.api.common.v1.Payload;
import io.temporal.api.common.v1.Payloads;
import io.temporal.api.common.v1.WorkflowExecution;
import io.temporal.api.enums.v1.EventType;
import io.temporal.api.history.v1.HistoryEvent;
import io.temporal.api.workflowservice.v1.DescribeWorkflowExecutionRequest;
import io.temporal.api.workflowservice.v1.DescribeWorkflowExecutionResponse;
import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowClientOptions;
import io.temporal.client.WorkflowOptions;
import io.temporal.client.WorkflowStub;
import io.temporal.serviceclient.WorkflowServiceStubs;
import io.temporal.serviceclient.WorkflowServiceStubsOptions;
import io.temporal.worker.Worker;
import io.temporal.worker.WorkerFactory;
import io.temporal.worker.WorkerOptions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;

/** What a case works with. `queue` is polled by the worker of this program. */
final class Context {
  /** A run whose whole history is replayed at the end. */
  record Started(String id, String run) {}

  final String address;
  final String namespace;
  final String out;
  final String testServer;
  final String run = UUID.randomUUID().toString().substring(0, 8);
  final String queue = "java-" + run;
  final WorkflowServiceStubs stubs;
  final WorkflowClient client;
  final Seeds.ActivitiesImpl seeds;
  final Activities activities = new Activities();
  final List<Started> started = Collections.synchronizedList(new ArrayList<>());

  Context(String address, String namespace, String out, String testServer) {
    this.address = address;
    this.namespace = namespace;
    this.out = out;
    this.testServer = testServer;
    stubs = connect();
    client = client(namespace);
    seeds = new Seeds.ActivitiesImpl(client);
  }

  /** A connection of its own, made at the first call; patient, for machines that are busy with other things. */
  private WorkflowServiceStubs connect() {
    Duration patience = Duration.ofSeconds(60);
    return WorkflowServiceStubs.newServiceStubs(
        WorkflowServiceStubsOptions.newBuilder().setTarget(address).setSystemInfoTimeout(patience).build());
  }

  WorkflowClient client(String namespace) {
    return WorkflowClient.newInstance(stubs, WorkflowClientOptions.newBuilder().setNamespace(namespace).build());
  }

  String id(String name) {
    return "java-" + run + "-" + name;
  }

  void remember(String id, String run) {
    started.add(new Started(id, run));
  }

  WorkflowOptions.Builder options(String name) {
    return WorkflowOptions.newBuilder().setWorkflowId(id(name)).setTaskQueue(queue);
  }

  WorkflowStub start(WorkflowOptions.Builder options, String type, Object... arguments) {
    WorkflowStub stub = client.newUntypedWorkflowStub(type, options.build());
    WorkflowExecution execution = stub.start(arguments);
    remember(execution.getWorkflowId(), execution.getRunId());
    return stub;
  }

  WorkflowStub start(String name, String type, Object... arguments) {
    return start(options(name), type, arguments);
  }

  WorkflowStub existing(String id, String run) {
    return client.newUntypedWorkflowStub(id, Optional.ofNullable(run), Optional.empty());
  }

  DescribeWorkflowExecutionResponse describe(String id, String run) {
    WorkflowExecution.Builder execution = WorkflowExecution.newBuilder().setWorkflowId(id);
    if (run != null) execution.setRunId(run);
    return stubs.blockingStub().describeWorkflowExecution(DescribeWorkflowExecutionRequest.newBuilder()
        .setNamespace(namespace).setExecution(execution).build());
  }

  String status(String id, String run) {
    return describe(id, run).getWorkflowExecutionInfo().getStatus().name().substring("WORKFLOW_EXECUTION_STATUS_".length());
  }

  String status(WorkflowStub stub) {
    return status(stub.getExecution().getWorkflowId(), null);
  }

  List<HistoryEvent> history(String id, String run) {
    return client.fetchHistory(id, run).getEvents();
  }

  List<EventType> events(String id) {
    return history(id, null).stream().map(HistoryEvent::getEventType).toList();
  }

  long count(String id, EventType type) {
    return events(id).stream().filter(type::equals).count();
  }

  static List<String> data(Payloads payloads) {
    return payloads.getPayloadsList().stream().map(Payload::getData).map(bytes -> bytes.toStringUtf8()).toList();
  }

  /** A worker that runs until it is closed. */
  record Running(WorkerFactory factory) implements AutoCloseable {
    @Override
    public void close() {
      factory.shutdownNow();
      factory.awaitTermination(20, TimeUnit.SECONDS);
    }
  }

  /** A worker of one build of the workflows; none at all if there are no classes. */
  Running worker(String queue, Class<?>[] build, UnaryOperator<WorkerOptions.Builder> options) {
    return worker(client, queue, build, options);
  }

  Running worker(WorkflowClient client, String queue, Class<?>[] build, UnaryOperator<WorkerOptions.Builder> options) {
    WorkerFactory factory = WorkerFactory.newInstance(client);
    Worker worker = factory.newWorker(queue, options.apply(WorkerOptions.newBuilder()).build());
    if (build.length > 0) worker.registerWorkflowImplementationTypes(build);
    worker.registerActivitiesImplementations(seeds, activities);
    factory.start();
    return new Running(factory);
  }
}
