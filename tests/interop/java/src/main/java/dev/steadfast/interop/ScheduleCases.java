package dev.steadfast.interop;

import static dev.steadfast.interop.Cases.check;
import static dev.steadfast.interop.Cases.equal;
import static dev.steadfast.interop.Cases.eventually;
import static dev.steadfast.interop.Cases.fails;

import io.temporal.api.enums.v1.ScheduleOverlapPolicy;
import io.temporal.client.schedules.Schedule;
import io.temporal.client.schedules.ScheduleActionExecutionStartWorkflow;
import io.temporal.client.schedules.ScheduleActionStartWorkflow;
import io.temporal.client.schedules.ScheduleAlreadyRunningException;
import io.temporal.client.schedules.ScheduleBackfill;
import io.temporal.client.schedules.ScheduleCalendarSpec;
import io.temporal.client.schedules.ScheduleClient;
import io.temporal.client.schedules.ScheduleClientOptions;
import io.temporal.client.schedules.ScheduleDescription;
import io.temporal.client.schedules.ScheduleException;
import io.temporal.client.schedules.ScheduleHandle;
import io.temporal.client.schedules.ScheduleIntervalSpec;
import io.temporal.client.schedules.ScheduleOptions;
import io.temporal.client.schedules.ScheduleRange;
import io.temporal.client.schedules.ScheduleSpec;
import io.temporal.client.schedules.ScheduleState;
import io.temporal.client.schedules.ScheduleUpdate;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;

/** Schedules. */
final class ScheduleCases {
  private static final ScheduleOverlapPolicy ALL = ScheduleOverlapPolicy.SCHEDULE_OVERLAP_POLICY_ALLOW_ALL;

  static void add(Cases cases) {
    cases.add("schedule", c -> {
      ScheduleClient client = client(c);
      String id = c.id("schedule");
      Schedule made = Schedule.newBuilder()
          .setAction(action(c, "scheduled"))
          .setSpec(every(Duration.ofSeconds(1)))
          .setState(ScheduleState.newBuilder().setNote("ours").build())
          .build();
      ScheduleOptions options = ScheduleOptions.newBuilder().setMemo(Map.of("why", "interop")).build();
      ScheduleHandle handle = client.createSchedule(id, made, options);
      fails(ScheduleAlreadyRunningException.class, () -> client.createSchedule(id, made, options));
      eventually("two actions", () -> handle.describe().getInfo().getNumActions() >= 2);
      String started = started(handle).get(0);
      check(started.startsWith(c.id("scheduled") + "-"), "the id has the time");
      equal(c.existing(started, null).getResult(String[].class).length, 1, "the action ran");
      eventually("the schedule is listed",
          () -> client.listSchedules().anyMatch(row -> row.getScheduleId().equals(id)));

      handle.pause("enough");
      ScheduleState state = handle.describe().getSchedule().getState();
      equal(List.of(state.isPaused(), state.getNote()), List.of(true, "enough"), "paused");
      handle.update(input -> new ScheduleUpdate(
          Schedule.newBuilder(input.getDescription().getSchedule()).setSpec(every(Duration.ofDays(99))).build()));
      handle.unpause("go on");
      ScheduleDescription changed = handle.describe();
      equal(changed.getSchedule().getSpec().getIntervals().get(0).getEvery(), Duration.ofDays(99), "updated");
      equal(changed.getSchedule().getState().isPaused(), false, "unpaused");
      handle.trigger(ALL);
      long before = changed.getInfo().getNumActions();
      eventually("the trigger's action", () -> handle.describe().getInfo().getNumActions() > before);
      handle.delete();
      fails(ScheduleException.class, handle::describe);
    });
    cases.add("schedule-backfill", c -> {
      ScheduleRange zero = new ScheduleRange(0);
      ScheduleSpec hourly = ScheduleSpec.newBuilder()
          .setCalendars(List.of(ScheduleCalendarSpec.newBuilder()
              .setHour(List.of(new ScheduleRange(0, 23)))
              .setMinutes(List.of(zero))
              .setSeconds(List.of(zero))
              .build()))
          .setTimeZoneName("Europe/Berlin")
          .build();
      ScheduleHandle handle = client(c).createSchedule(c.id("backfill"), Schedule.newBuilder()
          .setAction(action(c, "backfilled"))
          .setSpec(hourly)
          .setState(ScheduleState.newBuilder().setPaused(true).build())
          .build(), ScheduleOptions.newBuilder().build());
      List<Instant> times = handle.describe().getInfo().getNextActionTimes();
      equal(Duration.between(times.get(0), times.get(1)), Duration.ofHours(1), "hourly");
      Instant begin = Instant.parse("2026-03-01T00:30:00Z");
      handle.backfill(List.of(new ScheduleBackfill(begin, begin.plus(Duration.ofHours(3)), ALL)));
      eventually("an action for each hour", () -> handle.describe().getInfo().getNumActions() == 3);
      List<String> expected = List.of("1", "2", "3").stream()
          .map(hour -> c.id("backfilled") + "-2026-03-01T0" + hour + ":00:00Z").toList();
      equal(started(handle).stream().sorted().toList(), expected, "the ids tell the times");
      handle.delete();
    });
  }

  private static ScheduleClient client(Context c) {
    return ScheduleClient.newInstance(c.stubs, ScheduleClientOptions.newBuilder().setNamespace(c.namespace).build());
  }

  private static ScheduleActionStartWorkflow action(Context c, String name) {
    return ScheduleActionStartWorkflow.newBuilder()
        .setWorkflowType("Chain").setArguments(0, List.of()).setOptions(c.options(name).build()).build();
  }

  private static ScheduleSpec every(Duration interval) {
    return ScheduleSpec.newBuilder().setIntervals(List.of(new ScheduleIntervalSpec(interval))).build();
  }

  private static List<String> started(ScheduleHandle handle) {
    return handle.describe().getInfo().getRecentActions().stream()
        .map(result -> ((ScheduleActionExecutionStartWorkflow) result.getAction()).getWorkflowId())
        .toList();
  }

  private ScheduleCases() {}
}
