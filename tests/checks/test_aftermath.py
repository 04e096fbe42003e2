"""What `ready` wants after the run changed a template that the controller rolls out by halves."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from resilience.checks import aftermath
from resilience.cluster.interface import PODS, Object
from resilience.verbs.context import NotMet

CHANGED = 10.0
"""When the run changed the template."""


def workload(kind: str, strategy: dict[str, Any], **status: Any) -> Object:
    spec = {"replicas": 3, "template": {"new": "yes"}, "updateStrategy": strategy}
    return {
        "kind": kind,
        "metadata": {"name": "db", "namespace": "shop", "uid": "db"},
        "spec": spec,
        "status": {"desiredNumberScheduled": 3, **status},
    }


def pod(name: str, revision: str, ready: str = "True") -> Object:
    owner = {"controller": True, "uid": "db", "kind": "StatefulSet", "name": "db"}
    labels = {"controller-revision-hash": revision}
    return {
        "metadata": {"name": name, "uid": name, "labels": labels, "ownerReferences": [owner]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]},
    }


def judged(changed: Object, *pods: tuple[Object, float]) -> None:
    """`pods` with the moment at which the run first saw each."""
    events = [SimpleNamespace(object=each, received=when) for each, when in pods]
    here: Any = SimpleNamespace(
        namespace="shop",
        changes=[SimpleNamespace(uid="db", template={"new": "no"}, since=CHANGED)],
        history=lambda resource: events if resource == PODS else [],
        view=lambda resource, namespace: SimpleNamespace(objects=lambda: [p for p, _ in pods]),
    )
    aftermath.require_begun(changed, here)


ON_DELETE = {"type": "OnDelete"}
PARTITION = {"rollingUpdate": {"partition": 2}}
OLD = ((pod("a", "1"), 0.0), (pod("b", "1"), 0.0))


@pytest.mark.parametrize(
    ("kind", "field"), [("DaemonSet", "updatedNumberScheduled"), ("StatefulSet", "updatedReplicas")]
)
def test_a_status_that_is_behind_the_pods_is_waited_for(kind: str, field: str) -> None:
    revision = {"updateRevision": "2"} if kind == "StatefulSet" else {}
    new = (pod("c", "2"), CHANGED + 1)
    with pytest.raises(NotMet, match=r"counts 0 of 1 Pod with the new template") as told:
        judged(workload(kind, ON_DELETE, **revision), *OLD, new)
    assert not told.value.final
    assert not told.value.unknown
    judged(workload(kind, ON_DELETE, **revision, **{field: 1}), *OLD, new)


@pytest.mark.parametrize("kind", ["DaemonSet", "StatefulSet"])
def test_no_pod_of_the_new_template_is_not_measured(kind: str) -> None:
    revision = {"updateRevision": "2"} if kind == "StatefulSet" else {}
    with pytest.raises(NotMet, match="no Pod has the new one") as told:
        judged(workload(kind, ON_DELETE, **revision), *OLD, (pod("c", "1"), 0.0))
    assert told.value.unknown


def test_a_pod_below_the_partition_is_new_and_has_the_old_template() -> None:
    below = (pod("c", "1"), CHANGED + 1)
    with pytest.raises(NotMet, match="no Pod has the new one, because of its partition"):
        judged(workload("StatefulSet", PARTITION, updateRevision="2"), *OLD, below)


def test_a_pod_that_does_not_serve_yet_is_not_counted() -> None:
    starting = (pod("c", "2", ready="False"), CHANGED + 1)
    with pytest.raises(NotMet, match="no Pod has the new one"):
        judged(workload("DaemonSet", ON_DELETE), *OLD, starting)


def test_a_pod_since_the_change_has_a_replicasets_new_template() -> None:
    judged(workload("ReplicaSet", {}), *OLD, (pod("c", ""), CHANGED + 1))
    with pytest.raises(NotMet, match="a ReplicaSet replaces no Pod"):
        judged(workload("ReplicaSet", {}), *OLD)


def test_a_rolled_workload_needs_no_pod_of_the_new_template_here() -> None:
    """Its status says when all are replaced, which is asked elsewhere."""
    judged(workload("Deployment", {}), *OLD)
