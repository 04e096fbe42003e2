"""What `ready` wants of an operator's resource that the run wrote and that shows no template."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from resilience.checks.operators import acted
from resilience.cluster.errors import (
    ClusterError,
    Forbidden,
    NotFound,
    ServerTrouble,
    Unreachable,
)
from resilience.cluster.interface import Object, Resource, WatchEvent
from resilience.engine.evidence.victims import Affected

CNPG = "postgresql.cnpg.io/v1"
WRITTEN = 10.0
"""When the run wrote the resource."""

READY = {"type": "Ready", "status": "True"}


def wrote(api_version: str = CNPG, kind: str = "Cluster", **more: Any) -> Affected:
    values: dict[str, Any] = {
        "uid": "pg", "title": "shop/pg", "text": "changed", "step": "when[0]", "since": WRITTEN,
        "namespace": "shop", "api_version": api_version, "kind": kind, "name": "pg",
        "new_spec": {"imageName": "pg:17"},
    }  # fmt: skip
    return Affected(**(values | more))


def cluster(*conditions: Object, generation: int = 2, **status: Any) -> Object:
    return owned_by(
        "pg", "Cluster", status=status | {"conditions": list(conditions)}, generation=generation
    )


def owned_by(uid: str, kind: str, owner: str = "", status: Any = None, **metadata: Any) -> Object:
    """An object of this uid and kind; `owner` is KIND/UID."""
    above, _, of = owner.partition("/")
    reference = {"apiVersion": CNPG, "kind": above, "name": of, "uid": of, "controller": False}
    metadata |= {"name": uid, "uid": uid, "namespace": "shop"}
    metadata["ownerReferences"] = [reference] if owner else []
    return {"apiVersion": CNPG, "kind": kind, "metadata": metadata, "status": status or {}}


def pod(name: str, owner: str = "Cluster/pg", image: str = "pg:16") -> Object:
    spec = {"containers": [{"name": "pg", "image": image}]}
    return {**owned_by(name, "Pod", owner), "spec": spec}


@dataclass
class Here:
    """What a check sees: changes, other objects by kind and name, Pods as the watch saw them."""

    changes: tuple[Affected, ...]
    there: tuple[Object, ...]
    events: tuple[tuple[float, Object], ...]
    namespace: str = "shop"
    read: list[str] = field(default_factory=list)

    @property
    def cluster(self) -> Here:
        return self

    def resource(self, api_version: str, kind: str) -> Resource:
        return Resource(group=api_version.partition("/")[0], version="v1", plural="x", kind=kind)

    def get(self, resource: Resource, name: str, namespace: str) -> Object:
        assert namespace == "shop"
        self.read.append(f"{resource.kind}/{name}")
        for each in self.there:
            if (each["kind"], each["metadata"]["name"]) == (resource.kind, name):
                return each
        raise NotFound(404, f"{name} not found")

    def history(self, resource: Resource) -> list[WatchEvent]:
        return [WatchEvent("MODIFIED", pod, at) for at, pod in self.events]


def told(
    there: Object,
    *events: tuple[float, Object],
    change: Affected | None = None,
    every: bool = False,
) -> list[str]:
    here = Here((change or wrote(),), (there,), events)
    latest = {each["metadata"]["uid"]: each for _, each in events}
    return acted.behind(list(latest.values()), here, every=every)  # type: ignore[arg-type]


OLD = (1.0, pod("pg-1"))


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (cluster(observedGeneration=1), "observedGeneration 1 of 2"),
        (cluster(READY | {"observedGeneration": 1}), "observedGeneration 1 of 2"),
        (cluster(READY | {"observedGeneration": 1}, observedGeneration=2), "1 of 2"),
        (cluster({"type": "Ready", "status": "False", "message": "upgrading"},
                 observedGeneration=2), "its condition Ready is False (upgrading)"),
        (cluster({"type": "Available", "status": "Unknown"}), "its condition Available is Unknown"),
        (cluster({"type": "Reconciling", "status": "True"}), "its condition Reconciling is True"),
        (cluster({"type": "Stalled", "status": "True"}), "its condition Stalled is True"),
        (cluster(READY), "tells no observedGeneration, and 1 Pod of it is as before (shop/pg-1)"),
        (cluster(), "tells no observedGeneration, and 1 Pod"),
    ],
)  # fmt: skip
def test_a_resource_whose_operator_has_not_acted_proves_nothing_by_its_pods(
    there: Object, said: str
) -> None:
    (text,) = told(there, OLD)
    assert text.startswith("cluster/pg, which this run wrote")
    assert said in text


@pytest.mark.parametrize(
    "there",
    [
        cluster(observedGeneration=2),
        cluster(READY | {"observedGeneration": 2}),
        cluster(READY, observedGeneration=3),
        cluster({"type": "Reconciling", "status": "False"}, observedGeneration=2),
        cluster({"type": "ContinuousArchiving", "status": "False"}, observedGeneration=2),
    ],
)
def test_a_status_of_the_newest_spec_is_believed(there: Object) -> None:
    assert told(there, OLD) == []


@pytest.mark.parametrize(
    "events",
    [
        ((11.0, pod("pg-2")),),
        (OLD, (12.0, pod("pg-1", image="pg:17"))),  # in place
    ],
)
def test_without_a_generation_pods_that_are_new_or_changed_since_show_that_it_acted(
    events: tuple[tuple[float, Object], ...],
) -> None:
    assert told(cluster(), *events) == []


def test_one_pod_of_before_is_enough_for_a_doubt() -> None:
    (text,) = told(cluster(), OLD, (11.0, pod("pg-2")))
    assert "1 Pod of it is as before (shop/pg-1)" in text
    unchanged = pod("pg-1") | {"status": {"phase": "Running"}}
    assert told(cluster(), OLD, (12.0, unchanged)), "a new status is no new spec"


@pytest.mark.parametrize(
    "change",
    [
        wrote("v1", "ConfigMap"),
        wrote("batch/v1", "CronJob"),
        wrote(namespace="bank"),
        wrote(new_spec={}),
        wrote(new_spec={"template": {"metadata": {"labels": {"app": "pg"}},
                                     "spec": {"containers": [{"name": "pg"}]}}}),
    ],
)  # fmt: skip
def test_what_is_known_or_elsewhere_or_shows_its_template_is_not_asked(change: Affected) -> None:
    there = cluster(observedGeneration=1) | {"kind": change.kind}
    assert told(there, OLD, change=change) == []


def test_a_resource_that_owns_none_of_these_pods_is_asked_only_for_everything() -> None:
    stranger = (1.0, pod("web", owner=""))
    assert told(cluster(observedGeneration=1), stranger) == []
    assert told(cluster(observedGeneration=1), stranger, every=True)
    assert told(cluster(), stranger, every=True) == [], "it may be of a kind without Pods"


def test_a_resource_that_is_gone_is_not_asked() -> None:
    assert told(owned_by("other", "Cluster"), OLD) == []


def test_pods_are_owned_through_any_number_of_objects() -> None:
    """Strimzi: Kafka, StrimziPodSet, Pod, without a controller; a set of its own ends nowhere."""
    between = owned_by("set", "PodSet", "Cluster/pg")
    circle = owned_by("ring", "Ring", "Ring/ring")
    pods = [pod("a", "PodSet/set"), pod("b", "PodSet/set"), pod("c", "Ring/ring")]
    here = Here((wrote(),), (cluster(), between, circle), ((1.0, pods[0]), (1.0, pods[1])))
    (text,) = acted.behind(pods, here)  # type: ignore[arg-type]
    assert "2 Pods of it are as before" in text
    assert here.read.count("PodSet/set") == 1
    assert "Ring/ring" in here.read


def test_the_last_change_of_a_resource_counts() -> None:
    here = Here((wrote(), wrote(since=20.0)), (cluster(),), ((15.0, pod("pg-2")),))
    assert acted.behind([pod("pg-2")], here)  # type: ignore[arg-type]


class Hiding(Here):
    """Nobody may read a PodSet."""

    error: ClusterError = Forbidden(403, "podsets is forbidden")

    def get(self, resource: Resource, name: str, namespace: str) -> Object:
        if resource.kind == "PodSet":
            raise self.error
        return super().get(resource, name, namespace)


def test_a_pod_whose_owner_may_not_be_read_could_be_one() -> None:
    old = pod("a", "PodSet/set")
    hiding = Hiding((wrote(),), (cluster(),), ((1.0, old),))
    (text,) = acted.behind([old], hiding)  # type: ignore[arg-type]
    assert "1 Pod that may be of it is as before (shop/a, whose PodSet set may not be read:" in text
    assert "podsets is forbidden" in text
    new = Hiding((wrote(),), (cluster(),), ())
    assert acted.behind([old], new) == []  # type: ignore[arg-type]
    told_by_itself = Hiding((wrote(),), (cluster(observedGeneration=2),), ((1.0, old),))
    assert acted.behind([old], told_by_itself) == []  # type: ignore[arg-type]
    known = pod("b")
    both = Hiding((wrote(),), (cluster(),), ((1.0, old), (1.0, known)))
    (text,) = acted.behind([old, known], both)  # type: ignore[arg-type]
    assert "2 Pods of it are as before (shop/b):" in text


def test_a_server_in_trouble_is_no_sign_that_an_owner_is_gone() -> None:
    old = pod("a", "PodSet/set")
    troubled = Hiding((wrote(),), (cluster(),), ((1.0, old),))
    troubled.error = ServerTrouble(503, "starting")
    with pytest.raises(ServerTrouble):
        acted.behind([old], troubled)  # type: ignore[arg-type]
    late = Here((wrote(),), (), ((1.0, pod("b")),))
    late.get = lambda *_: (_ for _ in ()).throw(Unreachable("reset"))  # type: ignore[method-assign]
    with pytest.raises(Unreachable):
        acted.behind([], late, every=True)  # type: ignore[arg-type]
