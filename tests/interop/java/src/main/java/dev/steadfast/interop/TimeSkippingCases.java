package dev.steadfast.interop;

import static dev.steadfast.interop.Cases.check;
import static dev.steadfast.interop.Cases.equal;
import static dev.steadfast.interop.Cases.eventually;

import com.google.protobuf.Empty;
import io.temporal.api.testservice.v1.LockTimeSkippingRequest;
import io.temporal.api.testservice.v1.SleepRequest;
import io.temporal.api.testservice.v1.UnlockTimeSkippingRequest;
import io.temporal.client.WorkflowStub;
import io.temporal.internal.common.ProtobufTimeUtils;
import io.temporal.serviceclient.TestServiceStubs;
import io.temporal.serviceclient.TestServiceStubsOptions;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * Time skipping. The SDK's own test environment skips only in a server that it brings along; the server under test is
 * started as the environments of the other SDKs do it, and driven by this SDK's client of the test service.
 */
final class TimeSkippingCases {
  private record Skipping(Context context, TestServiceStubs time) {
    /** Waits for a result, while time may be skipped. */
    <T> T result(WorkflowStub stub, Class<T> type) {
      time.blockingStub().unlockTimeSkipping(UnlockTimeSkippingRequest.getDefaultInstance());
      T result = stub.getResult(type);
      time.blockingStub().lockTimeSkipping(LockTimeSkippingRequest.getDefaultInstance());
      return result;
    }

    Instant now() {
      return ProtobufTimeUtils.toJavaInstant(
          time.blockingStub().getCurrentTime(Empty.getDefaultInstance()).getTime());
    }
  }

  private interface Body {
    void run(Skipping skipping) throws Exception;
  }

  static void add(Cases cases) {
    cases.afterwards("time-skipping", c -> with(c, s -> {
      WorkflowStub late = s.context.start("late", "subscriptionTrial", "late", 14);
      equal(s.result(late, String.class), "expired", "nobody converts in 17 days");
      equal(s.context.seeds.sent("late"), List.of("trial-started", "trial-halfway", "trial-expired"), "mails");
      Instant began = s.now();
      WorkflowStub patient = s.context.start("patient", "Patient");
      List<String> expected = List.of("3", "fired and cancelled", "32");
      equal(Arrays.asList(s.result(patient, String[].class)), expected, "two retries, a child, and a month");
      check(Duration.between(began, s.now()).toDays() >= 32, "the clock of the server");
    }));
    // Time goes on only as far as it is told to, while a workflow is being signalled.
    cases.afterwards("time-skipping-manual", c -> with(c, s -> {
      WorkflowStub grace = s.context.start("grace", "subscriptionTrial", "grace", 2);
      s.time.blockingStub().unlockTimeSkippingWithSleep(SleepRequest.newBuilder()
          .setDuration(ProtobufTimeUtils.toProtoDuration(Duration.ofDays(3))).build());
      eventually("the trial expires", () -> s.context.seeds.sent("grace").contains("trial-expired"));
      grace.signal("convertToPaying", Map.of("planId", "late"));
      equal(s.result(grace, String.class), "converted-grace-period", "result");
    }));
  }

  private static void with(Context c, Body body) throws Exception {
    if (c.testServer == null) throw new Cases.Skip("no test server was given");
    int port;
    try (ServerSocket socket = new ServerSocket(0)) {
      port = socket.getLocalPort();
    }
    Process server = new ProcessBuilder(c.testServer, "" + port, "--enable-time-skipping")
        .redirectOutput(ProcessBuilder.Redirect.DISCARD).redirectError(ProcessBuilder.Redirect.DISCARD).start();
    try {
      eventually("the test server is ready", () -> {
        try (Socket ignored = new Socket("127.0.0.1", port)) {
          return true;
        } catch (java.io.IOException notYet) {
          return false;
        }
      });
      String target = "127.0.0.1:" + port;
      Context context = new Context(target, "default", c.out, null);
      TestServiceStubs time =
          TestServiceStubs.newServiceStubs(
              TestServiceStubsOptions.newBuilder().setTarget(target).validateAndBuildWithDefaults());
      time.blockingStub().lockTimeSkipping(LockTimeSkippingRequest.getDefaultInstance());
      try (var worker = context.worker(context.queue, Versions.AFTER, w -> w)) {
        body.run(new Skipping(context, time));
      }
    } finally {
      server.destroyForcibly().waitFor();
    }
  }

  private TimeSkippingCases() {}
}
