"""`kill -9` of the worker that changes one cluster of a fleet."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest

from resilience.cluster import connect
from resilience.cluster.access.embedded import Embedded
from tests.harness.conftest import Run
from tests.harness.fleet.test_fleets import CHANGES, write
from tests.harness.sandboxed import Inner, exists

pytest.importorskip("xdist")

HOLDS = CHANGES.format(title="a").replace("sleep: 1ms", "sleep: ${HOLDS}")
FLEET = """\
[clusters.eu]
context = "eu"
environment = {HOLDS = "1ms"}
[clusters.us]
context = "us"
environment = {HOLDS = "170s"}
"""
NOTED = """
import os

def pytest_resilience_run_started(item, scenario):
    with open(item.member, "w") as file:
        file.write(str(os.getpid()))
"""


def outcomes(folder: Path) -> dict[str, str]:
    runs = json.loads((folder / "out/report.json").read_text())["runs"]
    return {each["environment"]["member"]: each["outcome"] for each in runs}


def test_what_it_left_is_undone_by_the_next_run_and_the_report_names_the_cluster(
    pytester: pytest.Pytester, run: Run, fleet: Path, sandboxes: Mapping[str, Embedded]
) -> None:
    write(pytester, "a", HOLDS)
    (pytester.path / "fleet.toml").write_text(FLEET)
    pytester.makeconftest(NOTED)
    whole = ("--resilience-fleet=fleet.toml", "-n2", "--resilience-report=out")
    with connect(sandboxes["us"].access) as us:
        with Inner(pytester.path, *whole) as inner:
            inner.wait_changed(us)
            os.kill(int((pytester.path / "us").read_text()), signal.SIGKILL)
            code = inner.end()
        assert exists(us)
        assert outcomes(pytester.path) == {"eu": "passed", "us": "interrupted"}, inner.output
        assert code == 25, inner.output
        assert "resilience recover" in inner.output
        (pytester.path / "fleet.toml").write_text(FLEET.replace("170s", "1ms"))
        run(*whole).assert_outcomes(passed=2)
        assert not exists(us)
