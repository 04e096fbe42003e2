"""What no waiting mends is told long before the deadline, on the sandbox and by its own words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from resilience.checks import stuck
from resilience.cluster import connect
from resilience.cluster.access.embedded import sandbox
from resilience.cluster.interface import PODS, SECRETS
from resilience.cluster.transport import HttpCluster
from resilience.engine.python.fixture import NotHeld, Resilience
from tests.engine.helpers import by_hand
from tests.spaces import space

IMAGE = "registry.k8s.io/pause:3.10"
REQUIRED = {"secretKeyRef": {"name": "db", "key": "password"}}
QUOTA = {
    "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"},
    "spec": {"hard": {"limits.cpu": "2"}},
}  # fmt: skip

CASES: dict[str, tuple[dict[str, object], dict[str, object], str]] = {
    "image": ({"image": "registry.example.com/none:1"}, {}, "correct the image's name, or map it"),
    "name": ({"image": "Not A Name"}, {}, "correct the image's name"),
    "never": (
        {"image": "registry.example.com/x:1", "imagePullPolicy": "Never"},
        {},
        "load the image onto the node",
    ),
    "secret": ({"image": IMAGE, "env": [{"name": "P", "valueFrom": REQUIRED}]}, {}, "create it"),
    "node": ({"image": IMAGE}, {"nodeSelector": {"disk": "none"}}, "correct nodeSelector"),
    "volume": (
        {"image": IMAGE},
        {"volumes": [{"name": "c", "configMap": {"name": "none"}}]},
        "create it",
    ),
    "program": ({"image": "python:3.12", "command": ["nothing"]}, {}, "correct `command`"),
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[HttpCluster]:
    with sandbox(nodes=2) as embedded, connect(embedded.access) as opened:
        yield opened


@pytest.fixture
def run(cluster: HttpCluster, tmp_path: Path) -> Iterator[Resilience]:
    with space(cluster, "stuck") as namespace, by_hand(cluster, namespace, tmp_path) as opened:
        yield opened


def written(
    folder: Path, container: dict[str, object], spec: dict[str, object], *more: object
) -> str:
    """A Deployment of one such container."""
    labels = {"app": "x"}
    pod = {"terminationGracePeriodSeconds": 0, "containers": [{"name": "c", **container}], **spec}
    body = {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"},
        "spec": {"selector": {"matchLabels": labels}, "replicas": 1,
                 "template": {"metadata": {"labels": labels}, "spec": pod}},
    }  # fmt: skip
    (folder / "x.yaml").write_text(yaml.safe_dump_all([*more, body]))
    return "x.yaml"


@pytest.mark.parametrize("case", CASES)
def test_it_is_told_at_once_with_what_to_do(case: str, run: Resilience, tmp_path: Path) -> None:
    container, spec, remedy = CASES[case]
    run.apply(written(tmp_path, container, spec))
    with pytest.raises(NotHeld) as told:
        run.ready("deployment/x", within="600s")
    assert remedy in str(told.value)
    assert "not within" not in str(told.value)


def test_a_pod_that_is_not_admitted_is_told_of_its_workload(
    run: Resilience, tmp_path: Path
) -> None:
    run.apply(written(tmp_path, {"image": IMAGE}, {}, QUOTA))
    with pytest.raises(NotHeld, match="set requests and limits") as told:
        run.ready("all", within="600s")
    assert "not within" not in str(told.value)


def test_who_cannot_come_back_has_not_recovered(run: Resilience, tmp_path: Path) -> None:
    run.apply(written(tmp_path, {"image": IMAGE}, {}))
    run.ready("deployment/x", within="60s")
    (tmp_path / "q.yaml").write_text(yaml.safe_dump(QUOTA))
    run.apply("q.yaml")
    run.kill(pods="app=x", count=1)
    with pytest.raises(NotHeld, match=r"has 0 of 1 serving Pods back.*set requests and limits"):
        run.recovered(within="600s")


def test_what_somebody_makes_a_moment_later_is_waited_for(
    run: Resilience, cluster: HttpCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stuck, "_after", lambda *_: 600.0)  # a busy machine's moment is long
    run.apply(written(tmp_path, CASES["secret"][0], {}))
    namespace = run._state.namespace
    with cluster.view(PODS, namespace) as pods:
        assert pods.wait(lambda found: '"db" not found' in str(found), 60)
    with pytest.raises(NotHeld, match='secret "db" not found'):
        run.ready("deployment/x", within="10s")
    secret = {"metadata": {"name": "db"}, "stringData": {"password": "x"}}
    cluster.create(SECRETS, secret, namespace)
    run.ready("deployment/x", within="60s")


@pytest.mark.parametrize("check", ["recovered", "ready"])
def test_a_quarantined_pod_of_a_statefulset_is_told_to_keep_its_name(
    check: str, run: Resilience, tmp_path: Path
) -> None:
    labels = {"app": "db"}
    body = {
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"},
        "spec": {"selector": {"matchLabels": labels}, "replicas": 2, "serviceName": "db",
                 "template": {"metadata": {"labels": labels}, "spec": {
                     "terminationGracePeriodSeconds": 0,
                     "containers": [{"name": "c", "image": IMAGE}]}}},
    }  # fmt: skip
    (tmp_path / "db.yaml").write_text(yaml.safe_dump(body))
    run.apply("db.yaml")
    run.ready("statefulset/db")
    run.quarantine(pods="app=db", count=1)
    target = ["statefulset/db"] if check == "ready" else []
    with pytest.raises(NotHeld, match="is quarantined and keeps its name until the undo") as told:
        getattr(run, check)(*target, within="600s")
    assert "statefulset/db creates no other Pod of that name: use `kill`" in str(told.value)


def test_a_job_that_the_fault_made_fail_has_not_recovered(run: Resilience, tmp_path: Path) -> None:
    """It wants no Pod any more, which is not the end of the harm."""
    pod = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 0,
           "containers": [{"name": "c", "image": IMAGE}]}  # fmt: skip
    body = {
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "work"},
        "spec": {"backoffLimit": 0, "template": {"metadata": {"labels": {"app": "work"}},
                                                 "spec": pod}},
    }  # fmt: skip
    (tmp_path / "work.yaml").write_text(yaml.safe_dump(body))
    run.apply("work.yaml")
    run.ready(pods="app=work", at_least=1)
    run.evict(pods="app=work", count=1)
    with pytest.raises(NotHeld, match=r"job/work has failed for good: .*DisruptionTarget"):
        run.recovered(within="600s")
