package dev.steadfast.interop;

import java.util.List;
import java.util.Objects;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Runs cases beside each other, and says of each in one line how it went. */
final class Cases {
  /** How long a case may take on a machine that is busy with other things. */
  private static final long CASE_LIMIT_SECONDS = 300;
  /** How long a condition is waited for that the case itself has brought about. */
  private static final long EVENTUALLY_MILLIS = 60_000;
  private static final int AT_ONCE = 8;

  interface Case {
    void run(Context c) throws Exception;
  }

  interface Probe {
    boolean holds() throws Exception;
  }

  interface Call {
    void run() throws Exception;
  }

  /** The case cannot be run here; says why. */
  static final class Skip extends RuntimeException {
    Skip(String why) {
      super(why);
    }
  }

  final Context context;
  private final List<String> only;
  private final ExecutorService lanes = Executors.newFixedThreadPool(AT_ONCE);
  private final ExecutorService runners = Executors.newCachedThreadPool();
  int passed;
  int failed;
  int skipped;

  Cases(Context context, List<String> only) {
    this.context = context;
    this.only = only;
  }

  void add(String name, Case run) {
    if (only.isEmpty() || only.contains(name)) lanes.submit(() -> runOne(name, run));
  }

  /** A case that looks at what the others have left behind. */
  void afterwards(String name, Case run) {
    if (only.isEmpty() || only.contains(name)) runOne(name, run);
  }

  /** Waits for all that were added. */
  void await() throws InterruptedException {
    lanes.shutdown();
    if (!lanes.awaitTermination(1, TimeUnit.HOURS)) throw new IllegalStateException("cases do not end");
  }

  private void runOne(String name, Case run) {
    Future<?> result = runners.submit(() -> {
      run.run(context);
      return null;
    });
    try {
      result.get(CASE_LIMIT_SECONDS, TimeUnit.SECONDS);
      say(name, "ok " + name);
    } catch (TimeoutException tooLong) {
      result.cancel(true);
      say(name, "FAIL " + name + ": took too long");
    } catch (Exception failure) {
      Throwable why = failure.getCause() == null ? failure : failure.getCause();
      if (why instanceof Skip) say(name, "skip " + name + ": " + why.getMessage());
      else say(name, "FAIL " + name + ": " + told(why));
    }
  }

  private synchronized void say(String name, String line) {
    if (line.startsWith("ok ")) passed++;
    else if (line.startsWith("skip ")) skipped++;
    else failed++;
    System.out.println(line);
  }

  private static String told(Throwable error) {
    StringBuilder all = new StringBuilder();
    for (Throwable e = error; e != null && all.length() < 600; e = e.getCause()) all.append(e).append(" / ");
    for (StackTraceElement frame : error.getStackTrace()) {
      if (frame.getClassName().endsWith("Cases") || frame.getClassName().contains("Cases$")) {
        if (!frame.getClassName().endsWith(".Cases")) {
          all.append(" at ").append(frame);
          break;
        }
      }
    }
    return all.toString().replaceAll("\\s+", " ");
  }

  static void check(boolean holds, String what) {
    if (!holds) throw new AssertionError(what);
  }

  static void equal(Object actual, Object expected, String what) {
    check(Objects.equals(actual, expected), what + ": expected " + expected + ", got " + actual);
  }

  /** The error that a call must end with. */
  static <E extends Throwable> E fails(Class<E> kind, Call call) throws Exception {
    try {
      call.run();
    } catch (Exception error) {
      return cause(kind, error);
    }
    throw new AssertionError("expected " + kind.getSimpleName() + ", and it succeeded");
  }

  /** The first error of a kind in a chain of causes. */
  static <E extends Throwable> E cause(Class<E> kind, Throwable error) {
    for (Throwable e = error; e != null; e = e.getCause()) if (kind.isInstance(e)) return kind.cast(e);
    throw new AssertionError("expected " + kind.getSimpleName() + ", got " + error, error);
  }

  static void eventually(String what, Probe probe) throws Exception {
    long limit = System.currentTimeMillis() + EVENTUALLY_MILLIS;
    while (System.currentTimeMillis() < limit) {
      if (probe.holds()) return;
      Thread.sleep(100);
    }
    throw new AssertionError("never came to pass: " + what);
  }
}
