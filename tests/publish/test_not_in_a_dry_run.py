"""A rehearsal, and a run that was refused, leave no trace outside: no report, no metrics, nothing
pushed, no older report deleted."""

from __future__ import annotations

from pathlib import Path

import pytest

from resilience.cluster.transport import HttpCluster
from tests.engine.guard.test_one_door import project, run, scenario, there
from tests.engine.journal.test_trust import Thief
from tests.real_cluster import admin, embedded

__all__ = ["admin", "embedded", "project", "there"]

OLDER = "20200101T000000Z-abcdef"


@pytest.mark.parametrize("dry", [True, False])
def test_where_nothing_ran_nothing_is_published(
    dry: bool, project: Path, there: HttpCluster
) -> None:
    gateway = Thief()
    older = project / "reports" / OLDER
    older.mkdir(parents=True)
    (older / "report.json").write_text("{}")
    scenario(project, when="kill: {pods: app=web, count: 1}")
    options = [
        f"--resilience-push=http://127.0.0.1:{gateway.port}",
        "--resilience-report=file:./reports",
        "--resilience-report-keep=1d",
        "--resilience-metrics=./metrics.prom",
    ]
    try:
        done = run(project, *options, *(["--resilience-dry-run"] if dry else []),
                   "one.scenario.yaml")  # fmt: skip
    finally:
        gateway.close()
    assert done.returncode in ((0,) if dry else (22,)), done.stdout  # it answers nothing
    left = sorted(str(each.relative_to(project)) for each in (project / "reports").rglob("*"))
    untouched = [f"reports/{OLDER}", f"reports/{OLDER}/report.json"]
    published = (bool(gateway.heard), (project / "metrics.prom").exists(), left != untouched)
    assert published == ((False,) * 3 if dry else (True,) * 3), done.stdout
