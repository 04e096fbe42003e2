"""Which owners an object has, through any number of others."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.cluster.errors import Forbidden, ServerTrouble
from resilience.cluster.interface import Object, Resource
from resilience.cluster.ownership.owner_chains import OwnerChains
from tests.engine.fakes import FakeClock, FakeCluster

KAFKAS = Resource(group="kafka.strimzi.io", version="v1", plural="kafkas", kind="Kafka")
SETS = Resource(group="core.strimzi.io", version="v1", plural="podsets", kind="PodSet")


def owned(name: str, *owners: tuple[Resource, str]) -> Object:
    references = [
        {"apiVersion": f"{each.group}/{each.version}", "kind": each.kind, "name": of, "uid": of}
        for each, of in owners
    ]
    meta = {"name": name, "uid": name, "namespace": "a", "ownerReferences": references}
    return {"metadata": meta}


def found(pod: Object, *there: tuple[Resource, Object], fault: Any = None) -> list[Any]:
    cluster = FakeCluster(FakeClock())
    for resource in (KAFKAS, SETS):
        cluster.serve(resource)
    for resource, obj in there:
        cluster.put(resource, obj)
    cluster.faults.append(fault or (lambda method, path: None))
    return [
        (owner.title, owner.is_top, owner.object is not None, owner.unread)
        for owner in OwnerChains(cluster).of(pod)
    ]


POD = owned("kafka-0", (SETS, "set"))
SET = (SETS, owned("set", (KAFKAS, "kafka")))
KAFKA = (KAFKAS, owned("kafka"))


def test_all_owners_are_found_the_nearest_first() -> None:
    assert found(POD, SET, KAFKA) == [
        ("PodSet set", False, True, ""), ("Kafka kafka", True, True, "")
    ]  # fmt: skip
    assert found(owned("bare")) == []


def test_an_owner_of_two_chains_is_there_once() -> None:
    twice = owned("kafka-0", (SETS, "set"), (KAFKAS, "kafka"))
    assert [title for title, *_ in found(twice, SET, KAFKA)] == ["PodSet set", "Kafka kafka"]


def test_a_circle_ends() -> None:
    circle = (SETS, owned("set", (SETS, "set")))
    assert found(POD, circle) == [("PodSet set", False, True, "")]


def test_one_that_is_gone_or_has_another_uid_by_now_ends_its_chain() -> None:
    assert found(POD, KAFKA) == [("PodSet set", False, False, "")]
    anew = owned("set", (KAFKAS, "kafka"))
    anew["metadata"]["uid"] = "anew"
    assert found(POD, (SETS, anew), KAFKA) == [("PodSet set", False, False, "")]
    unserved = Resource(group="x.io", version="v1", plural="xs", kind="X")
    assert found(owned("p", (unserved, "x"))) == [("X x", False, False, "")]


def test_one_that_may_not_be_read_says_why_and_trouble_is_the_readers() -> None:
    no = Forbidden(403, "not for you")
    assert found(POD, SET, KAFKA, fault=lambda method, path: no if "podsets" in path else None) == [
        ("PodSet set", False, False, "not for you")
    ]
    away = ServerTrouble(503, "starting")
    with pytest.raises(ServerTrouble):
        found(POD, SET, KAFKA, fault=lambda method, path: away if "kafkas" in path else None)


def test_each_owner_is_read_once() -> None:
    cluster = FakeCluster(FakeClock())
    for resource, obj in (SET, KAFKA):
        cluster.serve(resource)
        cluster.put(resource, obj)
    asked: list[str] = []
    cluster.faults.append(lambda method, path: asked.append(path))
    chains = OwnerChains(cluster)
    for name in ("kafka-0", "kafka-1"):
        assert len(chains.of(owned(name, (SETS, "set")))) == 2
    assert len(asked) == 2
