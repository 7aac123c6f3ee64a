package dev.steadfast.interop;

import io.temporal.workflow.SignalMethod;
import io.temporal.workflow.Workflow;
import io.temporal.workflow.WorkflowInterface;
import io.temporal.workflow.WorkflowMethod;
import java.time.Duration;
import java.util.stream.Stream;

/** Workflows whose code changes while they run: the build before, the one after, and later ones. */
final class Versions {
  @WorkflowInterface
  public interface Patched {
    @WorkflowMethod(name = "Patched")
    String run();

    @SignalMethod
    void proceed();
  }

  @WorkflowInterface
  public interface Repaired {
    @WorkflowMethod(name = "Repaired")
    String run();
  }

  abstract static class Waits implements Patched {
    private boolean go;

    @Override
    public void proceed() {
      go = true;
    }

    void awaitGo() {
      Workflow.await(() -> go);
    }
  }

  public static final class PatchedBefore extends Waits {
    @Override
    public String run() {
      awaitGo();
      return Workflows.echo("old way");
    }
  }

  public static final class PatchedAfter extends Waits {
    @Override
    public String run() {
      if (Workflow.getVersion("another-way", Workflow.DEFAULT_VERSION, 1) == 1) {
        Workflows.echo("extra step");
        awaitGo();
        return Workflows.echo("new way");
      }
      awaitGo();
      return Workflows.echo("old way");
    }
  }

  /** Supposes that no run from before the patch is left. */
  public static final class PatchedLast extends Waits {
    @Override
    public String run() {
      Workflow.getVersion("another-way", 1, 1);
      Workflows.echo("extra step");
      awaitGo();
      return Workflows.echo("new way");
    }
  }

  /** Changed without a patch: no history of the others fits it. */
  public static final class PatchedWrongly extends Waits {
    @Override
    public String run() {
      Workflow.sleep(Duration.ofSeconds(1));
      return "unpatched";
    }
  }

  public static final class RepairedBefore implements Repaired {
    @Override
    public String run() {
      throw new Error("a bug, which fails the task and not the workflow");
    }
  }

  public static final class RepairedAfter implements Repaired {
    @Override
    public String run() {
      return "repaired";
    }
  }

  static final Class<?>[] BEFORE = {PatchedBefore.class, RepairedBefore.class};
  static final Class<?>[] LAST = {PatchedLast.class};
  static final Class<?>[] WRONG = {PatchedWrongly.class};
  /** All workflows, with the newest code. */
  static final Class<?>[] AFTER = Stream.concat(Stream.of(Workflows.ALL), Stream.of(PatchedAfter.class, RepairedAfter.class))
      .toArray(Class<?>[]::new);

  private Versions() {}
}
