package dev.steadfast.interop;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;

/**
 * Runs the cases of tests/interop with Temporal's official Java SDK against a server.
 *
 * <pre>Main --address HOST:PORT --namespace NAME --out DIR [--test-server PATH] [--only CASE,…]</pre>
 *
 * Prints `ok NAME`, `FAIL NAME: why` or `skip NAME: why` for each, and a last line with the counts.
 * Exit code 1 if one failed.
 */
public final class Main {
  public static void main(String[] args) throws Exception {
    Map<String, String> options = new HashMap<>();
    for (int i = 0; i + 1 < args.length; i += 2) options.put(args[i], args[i + 1]);
    for (String needed : List.of("--address", "--namespace", "--out")) {
      if (!options.containsKey(needed)) {
        System.err.println(needed + " is needed");
        System.exit(2);
      }
    }
    Context c = new Context(options.get("--address"), options.get("--namespace"), options.get("--out"),
        options.get("--test-server"));
    if (options.containsKey("--worker")) {
      c.worker(options.get("--worker"), Versions.AFTER, w -> w.setStickyQueueScheduleToStartTimeout(Duration.ofSeconds(1)));
      new CountDownLatch(1).await(); // until killed
    }
    String only = options.getOrDefault("--only", "");
    Cases cases = new Cases(c, only.isEmpty() ? List.of() : List.of(only.split(",")));
    try (Context.Running ignored = c.worker(c.queue, Versions.AFTER, w -> w)) {
      SeedCases.add(cases);
      ActivityCases.add(cases);
      MessageCases.add(cases);
      LifecycleCases.add(cases);
      VisibilityCases.add(cases);
      ScheduleCases.add(cases);
      RestartCases.add(cases);
      cases.await();
      ReplayCases.add(cases);
      TimeSkippingCases.add(cases);
    }
    System.out.println(cases.passed + " passed, " + cases.failed + " failed, " + cases.skipped + " skipped");
    System.exit(cases.failed > 0 || cases.passed == 0 ? 1 : 0);
  }
}
