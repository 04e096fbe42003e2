"""Scenarios that share `given`, on one sandbox that is reached as a real cluster is: with locks."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from resilience.cluster.interface import CONFIGMAPS, LEASES
from resilience.cluster.transport import HttpCluster
from tests.harness.conftest import Run
from tests.harness.sandboxed import DEADLINE, MANIFEST, Inner, exists

SCENARIO = """\
scenario: {title}
namespace: default
settle: 10ms
share: given
given:
  - apply: mark.yaml
when:
  - apply: {title}.yaml
  - sleep: {sleep}
then:
  - ready: {then}
    within: 100ms
"""
CREATED = "ConfigMap default/mark created"
ANOTHER = "shared with run"


def one(title: str, *, sleep: str = "10ms", then: str = "all") -> str:
    return SCENARIO.format(title=title, sleep=sleep, then=then)


def written(folder: Path, *files: tuple[str, ...]) -> None:
    """A file for each tuple of scenarios, and what they apply."""
    (folder / "mark.yaml").write_text(MANIFEST)
    for title in ("first", "second", "third"):
        (folder / f"{title}.yaml").write_text(MANIFEST.replace("mark", title))
    for number, texts in enumerate(files):
        (folder / f"{number}.scenario.yaml").write_text("---\n".join(texts))


def said(folder: Path) -> list[str]:
    """The timeline of each run, as text."""
    runs: list[dict[str, Any]] = json.loads((folder / "rep/report.json").read_text())["runs"]
    return ["\n".join(entry["text"] for entry in run["timeline"]) for run in runs]


def nothing_is_left(folder: Path, cluster: HttpCluster) -> bool:
    names = {each["metadata"]["name"] for each in cluster.list(CONFIGMAPS, "default")}
    held = [
        each["metadata"]["name"]
        for each in cluster.list(LEASES, "resilience-journal")
        if each["spec"].get("holderIdentity")
    ]
    journals = cluster.list(CONFIGMAPS, "resilience-journal", labels="resilience/run")
    files = [*(folder / ".resilience/journal").glob("*.jsonl")]
    return not (names & {"mark", "first", "second", "third"} or held or journals or files)


@pytest.fixture
def ordered(run: Run) -> Run:
    return lambda *arguments, **more: run(
        "-p", "no:randomly", "--resilience-report=rep", *arguments, **more
    )


@pytest.mark.usefixtures("on_sandbox")
def test_given_is_set_up_once_for_files_of_a_folder_and_undone_after_the_last(
    pytester: pytest.Pytester, ordered: Run, cluster: HttpCluster
) -> None:
    written(pytester.path, (one("first"), one("second")), (one("third"),))
    ordered().assert_outcomes(passed=3)
    first, second, third = said(pytester.path)
    assert (CREATED in first, CREATED in second, CREATED in third) == (True, False, False)
    assert ANOTHER in second
    assert ANOTHER in third
    assert "undone: delete ConfigMap default/first" in first
    assert "undone: delete ConfigMap default/mark" not in first + second
    assert "undone: delete ConfigMap default/mark" in third
    assert nothing_is_left(pytester.path, cluster)


SKIPPING = """
import pytest

def pytest_runtest_setup(item):
    if item.name == "second":
        pytest.skip("not today")
"""


@pytest.mark.usefixtures("on_sandbox")
def test_a_scenario_that_fails_ends_the_sharing_and_one_that_is_skipped_does_not(
    pytester: pytest.Pytester, ordered: Run, cluster: HttpCluster
) -> None:
    pytester.makeconftest(SKIPPING)
    written(pytester.path, (one("first"), one("second"), one("third", then="deployment/no")))
    ordered().assert_outcomes(passed=1, skipped=1, failed=1)
    first, third = said(pytester.path)
    assert "undone: delete ConfigMap default/mark" not in first
    assert ANOTHER in third
    assert nothing_is_left(pytester.path, cluster)
    written(pytester.path, (one("first", then="deployment/no"), one("third"), one("second")))
    ordered().assert_outcomes(passed=1, skipped=1, failed=1)
    first, third = said(pytester.path)
    assert "undone: delete ConfigMap default/mark" in first
    assert CREATED in third
    assert nothing_is_left(pytester.path, cluster)  # what was kept for the skipped one as well


CHANGED = """
import subprocess, sys

def pytest_runtest_setup(item):
    if item.name == "second":
        from resilience.cluster import open_context
        from resilience.cluster.interface import CONFIGMAPS
        with open_context("", {kubeconfig!r}) as cluster:
            cluster.patch(CONFIGMAPS, "mark", {{"metadata": {{"labels": {{"b": "c"}}}}}}, "default")
"""


def test_what_somebody_changed_in_between_is_set_up_anew(
    pytester: pytest.Pytester,
    ordered: Run,
    cluster: HttpCluster,
    on_sandbox: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import os

    pytester.makeconftest(CHANGED.format(kubeconfig=os.environ["RESILIENCE_KUBECONFIG"]))
    written(pytester.path, (one("first"), one("second")))
    result = ordered()
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*set up again: ConfigMap default/mark changed*"])
    assert CREATED in said(pytester.path)[1]
    assert nothing_is_left(pytester.path, cluster)


def test_kill_9_of_the_second_is_undone_by_recover_with_what_both_share(
    pytester: pytest.Pytester, on_sandbox: None, cluster: HttpCluster
) -> None:
    written(pytester.path, (one("first"), one("second", sleep="60s")))
    with Inner(pytester.path, "-p", "no:randomly") as inner:
        with cluster.view(CONFIGMAPS, "default") as view:
            assert view.wait(lambda objects: any(is_second(o) for o in objects), DEADLINE)
        inner.send(signal.SIGKILL)
        inner.end()
    assert exists(cluster)
    command = [sys.executable, "-m", "resilience", "recover"]
    done = subprocess.run(command, cwd=pytester.path, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.index("second: done") < done.stdout.index("mark: done")
    assert nothing_is_left(pytester.path, cluster)


def is_second(obj: dict[str, Any]) -> bool:
    return bool(obj["metadata"]["name"] == "second")


def test_a_dry_run_says_what_is_shared(
    pytester: pytest.Pytester, on_sandbox: None, run: Run, cluster: HttpCluster
) -> None:
    written(pytester.path, (one("first"), one("second")))
    run("--resilience-dry-run").stdout.fnmatch_lines(["*share: given is set up once*"])
    assert not exists(cluster)
