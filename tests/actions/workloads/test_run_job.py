"""A CronJob's Job, started now: what its end means for the verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from resilience.cluster import connect
from resilience.cluster.access.embedded import sandbox
from resilience.cluster.interface import JOBS, PODS, Object
from resilience.cluster.transport import HttpCluster
from resilience.engine.python.fixture import StepFailed
from resilience.kube import objects, readiness
from resilience.model.verdict import Outcome
from tests.engine.helpers import by_hand
from tests.engine.hurried import Hurried
from tests.spaces import space

CRONJOB = """
apiVersion: batch/v1
kind: CronJob
metadata: {{name: report}}
spec:
  schedule: "0 0 1 1 *"
  suspend: true
  jobTemplate:
    spec:
      backoffLimit: 0
      template:
        spec:
          restartPolicy: Never
          {more}
          containers: [{{name: main, image: "python:3", command: [python3, -c, "{program}"]}}]
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[HttpCluster]:
    with sandbox(nodes=1) as embedded, connect(embedded.access) as opened:
        yield opened


Pods = Sequence[Object]


def ran(
    cluster: HttpCluster, folder: Path, program: str, *,
    more: str = "", late: Callable[[Pods], bool] = lambda pods: False,
) -> None:  # fmt: skip
    """The Job has two minutes, or until its Pods are `late`; at the end it is gone."""
    text = CRONJOB.format(program=program, more=more)
    (folder / "report.yaml").write_text(text)
    clock = Hurried()
    with space(cluster, "jobs") as namespace:
        with by_hand(cluster, namespace, folder, clock) as run:
            run.apply("report.yaml")
            pods = run._state.views.open(PODS, namespace, "")
            clock.seen = lambda: late(pods.objects())
            try:
                run.run_job("report", within="2m")
            finally:
                clock.seen = lambda: False
        assert not cluster.list(JOBS, namespace)


def test_a_job_that_succeeds_is_awaited_and_deleted(cluster: HttpCluster, tmp_path: Path) -> None:
    ran(cluster, tmp_path, "print(1)")


def test_a_job_that_fails_is_a_failure_of_the_service(cluster: HttpCluster, tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match=r"failed: Job has reached.*main ended with exit") as said:
        ran(cluster, tmp_path, "raise SystemExit(3)")
    assert said.value.outcome is Outcome.SERVICE_FAILED
    assert "main ended with exit code 3 (Error)" in str(said.value)


def unscheduled(pods: Pods) -> bool:
    return any(objects.condition(pod, "PodScheduled").get("status") == "False" for pod in pods)


def running(pods: Pods) -> bool:
    return any(map(readiness.serves, pods))


def test_a_job_that_does_not_end_says_what_its_pod_waits_for(
    cluster: HttpCluster, tmp_path: Path
) -> None:
    nowhere = 'nodeSelector: {disk: "fast"}'
    with pytest.raises(StepFailed, match=r"did not end within 2m; jobs-.*/report-") as said:
        ran(cluster, tmp_path, "print(1)", more=nowhere, late=unscheduled)
    assert said.value.outcome is Outcome.SERVICE_FAILED
    assert "is not scheduled (0/1 nodes are available" in str(said.value)


def test_a_job_that_still_runs_is_late_without_further_reason(
    cluster: HttpCluster, tmp_path: Path
) -> None:
    with pytest.raises(StepFailed) as said:
        ran(cluster, tmp_path, "import time; time.sleep(600)", late=running)
    assert str(said.value).endswith("did not end within 2m")
