package dev.steadfast.interop;

import io.temporal.activity.ActivityInterface;
import io.temporal.activity.ActivityMethod;

/** The activities of all cases but the seeds', by the names that workflows call them. */
@ActivityInterface
public interface CaseActivities {
  @ActivityMethod(name = "echo")
  Object echo(Object value);

  @ActivityMethod(name = "countCalls")
  int countCalls();

  @ActivityMethod(name = "flaky")
  int flaky(int failures);

  @ActivityMethod(name = "failing")
  void failing(String kind, boolean nonRetryable);

  @ActivityMethod(name = "stuck")
  void stuck() throws InterruptedException;

  @ActivityMethod(name = "heartbeats")
  String heartbeats(String progress) throws InterruptedException;

  @ActivityMethod(name = "untilCancelled")
  String untilCancelled() throws InterruptedException;

  @ActivityMethod(name = "failsWhenCancelled")
  void failsWhenCancelled() throws InterruptedException;

  @ActivityMethod(name = "later")
  String later(String key);

  @ActivityMethod(name = "never")
  void never();
}
