"""A CronJob's Job, started now: what its end means for the verdict."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from resilience.cluster import connect
from resilience.cluster.access.embedded import sandbox
from resilience.cluster.interface import JOBS, NAMESPACES
from resilience.cluster.transport import HttpCluster
from resilience.engine.python.fixture import StepFailed
from resilience.model.verdict import Outcome
from tests.engine.helpers import by_hand

CRONJOB = """
apiVersion: batch/v1
kind: CronJob
metadata: {{name: report}}
spec:
  schedule: "0 0 1 1 *"
  suspend: true
  jobTemplate:
    spec:
      backoffLimit: {retries}
      template:
        spec:
          restartPolicy: Never
          {more}
          containers: [{{name: main, image: "python:3", command: [python3, -c, "{program}"]}}]
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[HttpCluster]:
    with sandbox(nodes=1) as embedded, connect(embedded.access) as opened:
        opened.create(NAMESPACES, {"metadata": {"name": "jobs"}})
        yield opened


def ran(
    cluster: HttpCluster, folder: Path, program: str, within: str = "60s", *,
    retries: int = 0, more: str = "",
) -> None:  # fmt: skip
    text = CRONJOB.format(program=program, retries=retries, more=more)
    (folder / "report.yaml").write_text(text)
    with by_hand(cluster, "jobs", folder) as run:
        run.apply("report.yaml")
        run.run_job("report", within=within)


def test_a_job_that_succeeds_is_awaited_and_deleted(cluster: HttpCluster, tmp_path: Path) -> None:
    ran(cluster, tmp_path, "print(1)")
    assert not cluster.list(JOBS, "jobs")


def test_a_job_that_fails_is_a_failure_of_the_service(cluster: HttpCluster, tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match=r"failed: Job has reached.*main ended with exit") as said:
        ran(cluster, tmp_path, "raise SystemExit(3)")
    assert said.value.outcome is Outcome.SERVICE_FAILED
    assert "main ended with exit code 3 (Error)" in str(said.value)
    assert not cluster.list(JOBS, "jobs")


def test_a_job_that_does_not_end_says_what_its_pod_waits_for(
    cluster: HttpCluster, tmp_path: Path
) -> None:
    nowhere = 'nodeSelector: {disk: "fast"}'
    with pytest.raises(StepFailed, match="did not end within 2s; jobs/report-") as said:
        ran(cluster, tmp_path, "print(1)", "2s", more=nowhere)
    assert said.value.outcome is Outcome.SERVICE_FAILED
    assert "is not scheduled (0/1 nodes are available" in str(said.value)


def test_a_job_that_still_runs_is_late_without_further_reason(
    cluster: HttpCluster, tmp_path: Path
) -> None:
    with pytest.raises(StepFailed) as said:
        ran(cluster, tmp_path, "import time; time.sleep(60)", "3s")
    assert str(said.value).endswith("did not end within 3s")
