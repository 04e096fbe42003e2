"""Kubernetes' own conformance specs against a sandbox, each in a process of its own.

`python -m tests.referee.conformance E2E_TEST --out DIRECTORY` takes the binary that
`go test -c ./test/e2e` makes of a Kubernetes tree. A spec that hangs costs `--limit` seconds and no
more, and cannot take others along. Results stand in DIRECTORY/results.jsonl, one line a spec, and
as junit.xml; a second run with the same directory asks only what has not passed.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

GRACE = 15.0
"""Seconds an interrupted spec gets to clean up behind itself."""
SERIAL = "[Serial]"
"""Marks specs that wait until no other spec's namespace is there: they run by themselves."""
_LAST_LINES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one spec; `state` is passed, failed, skipped or timed out."""

    name: str
    state: str
    seconds: float
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """How specs are run: the binary, whom it asks, where its reports go, how long a spec may."""

    binary: Path
    kubeconfig: Path
    directory: Path
    limit: float

    def names(self, focus: str) -> list[str]:
        """Full names of the conformance specs that match `focus`, in the binary's order."""
        report = self.directory / "specs.json"
        subprocess.run(
            [*self._command(r"\[Conformance\]"), "--ginkgo.dry-run",
             f"--ginkgo.json-report={report}"],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=self._environment(),
        )  # fmt: skip
        wanted = re.compile(focus)
        return [name for name, state, _ in _specs(report)
                if state == "passed" and wanted.search(name)]  # fmt: skip

    def run(self, name: str, number: int) -> Result:
        """One spec, by its whole name."""
        report = self.directory / f"spec-{number}.json"
        report.unlink(missing_ok=True)
        began = time.monotonic()
        with open(self.directory / f"spec-{number}.log", "wb") as log:
            process = subprocess.Popen(
                [*self._command(f" {re.escape(name)}$"), f"--ginkgo.json-report={report}"],
                stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                env=self._environment(), start_new_session=True,
            )  # fmt: skip
            late = not _ended(process, self.limit)
        seconds = round(time.monotonic() - began, 1)
        found = [(state, why) for spec, state, why in _specs(report) if spec == name]
        state, why = found[0] if found else ("failed", f"exit code {process.returncode}")
        if late and state != "passed":
            state = "timed out"
            self._free_nodes()
        return Result(name=name, state=state, seconds=seconds, message=why)

    def _free_nodes(self) -> None:
        """Take away what a killed spec left on nodes and in kube-system: beside it none begins."""
        kubectl = [os.environ.get("KUBECTL", "kubectl"), f"--kubeconfig={self.kubeconfig}"]
        listed = subprocess.run(
            [*kubectl, "get", "nodes", "-o", "name"], capture_output=True, text=True, check=False
        )
        patch = json.dumps({"spec": {"taints": None, "unschedulable": None}})
        subprocess.run(
            [*kubectl, "delete", "pods", "-n", "kube-system", "--all", "--wait=false"],
            capture_output=True, check=False,
        )  # fmt: skip
        for node in listed.stdout.split():
            subprocess.run(
                [*kubectl, "patch", node, "--type=merge", "-p", patch],
                capture_output=True, check=False,
            )  # fmt: skip

    def _command(self, focus: str) -> list[str]:
        return [
            str(self.binary), "--provider=skeleton", f"--kubeconfig={self.kubeconfig}",
            "--dump-logs-on-failure=false", "--node-schedulable-timeout=20s",
            "--system-pods-startup-timeout=20s",
            "--ginkgo.no-color", f"--ginkgo.focus={focus}",
            f"--kubectl-path={os.environ.get('KUBECTL', 'kubectl')}",
        ]  # fmt: skip

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "KUBECONFIG": str(self.kubeconfig)}


def _ended(process: subprocess.Popen[bytes], limit: float) -> bool:
    """Whether it ended by itself; what does not is interrupted, and then killed."""
    try:
        process.wait(limit)
        return True
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    return False


def _specs(report: Path) -> list[tuple[str, str, str]]:
    """Name, state and message of every spec in a report; none where there is no report."""
    if not report.exists():
        return []
    out = []
    try:
        suites = json.loads(report.read_bytes())
    except ValueError:  # It was killed while it wrote.
        return []
    for suite in suites:
        for spec in suite.get("SpecReports") or ():
            if spec["LeafNodeType"] != "It":
                continue
            words = [*(spec.get("ContainerHierarchyTexts") or ()), spec.get("LeafNodeText", "")]
            why = (spec.get("Failure") or {}).get("Message", "")
            out.append((" ".join(words), spec["State"], why))
    return out


def run_all(suite: Suite, names: Sequence[str], workers: int) -> list[Result]:
    """Every spec; results are written as they come."""
    todo: queue.SimpleQueue[tuple[int, str]] = queue.SimpleQueue()
    for entry in enumerate(names):
        todo.put(entry)
    done: list[Result] = []
    lock = threading.Lock()

    def work() -> None:
        while True:
            try:
                number, name = todo.get_nowait()
            except queue.Empty:
                return
            result = suite.run(name, number)
            with lock:
                done.append(result)
                with open(suite.directory / "results.jsonl", "a") as file:
                    file.write(json.dumps(asdict(result)) + "\n")
                print(
                    f"{len(done)}/{len(names)} {result.state} {result.seconds}s {name}", flush=True
                )
                if result.state != "passed":
                    print(
                        "    " + "\n    ".join(result.message.splitlines()[:_LAST_LINES]),
                        flush=True,
                    )

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done


def known(directory: Path) -> dict[str, Result]:
    """The last result of each spec in the directory."""
    file = directory / "results.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    return {result.name: result for result in (Result(**json.loads(line)) for line in lines)}


def junit(results: Sequence[Result]) -> str:
    """The results as one JUnit suite."""
    cases = []
    for result in sorted(results, key=lambda each: each.name):
        head = f"<testcase name={quoteattr(result.name)} time={quoteattr(str(result.seconds))}"
        why = f"<failure message={quoteattr(result.state + ': ' + result.message[:2000])}/>"
        tail = "/>" if result.state == "passed" else f">{why}</testcase>"
        cases.append(head + tail)
    return (
        f"<testsuite name='conformance' tests='{len(cases)}'>\n"
        + "\n".join(cases)
        + "\n</testsuite>\n"
    )


def main(arguments: Sequence[str]) -> int:
    """Run what has not passed yet, and sum up."""
    parser = argparse.ArgumentParser(prog="python -m tests.referee.conformance")
    parser.add_argument("binary", type=Path, help="what `go test -c ./test/e2e` made")
    parser.add_argument("--out", type=Path, required=True, help="directory of results")
    parser.add_argument("--focus", default="", help="only specs that match this expression")
    parser.add_argument("--limit", type=float, default=90.0, help="seconds one spec may take")
    parser.add_argument("--workers", type=int, default=2, help="specs at a time")
    parser.add_argument("--nodes", type=int, default=3, help="nodes of the sandbox")
    parser.add_argument("--fresh", action="store_true", help="ask those that have passed, too")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "resilience.sandbox", "up", "--owner-stdin",
               "--nodes", str(given.nodes)]  # fmt: skip
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as sandbox:
        assert sandbox.stdout is not None
        assert sandbox.stdin is not None
        kubeconfig = Path(json.loads(sandbox.stdout.readline())["kubeconfig"])
        suite = Suite(binary=given.binary.resolve(), kubeconfig=kubeconfig, directory=given.out,
                      limit=given.limit)  # fmt: skip
        before = {} if given.fresh else known(given.out)
        names = [name for name in suite.names(given.focus)
                 if name not in before or before[name].state != "passed"]  # fmt: skip
        alone = [name for name in names if SERIAL in name]
        run_all(suite, [name for name in names if SERIAL not in name], given.workers)
        run_all(suite, alone, 1)
        sandbox.stdin.close()
    results = list(known(given.out).values())
    (given.out / "junit.xml").write_text(junit(results))
    states = Counter(result.state for result in results)
    print(", ".join(f"{count} {state}" for state, count in sorted(states.items())))
    return 0 if set(states) <= {"passed"} else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
