"""One object at a time: what exists, what passes, what is refused, and what got lost."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from resilience.backup.catalog.catalog import opened
from resilience.backup.format.errors import RestoreRefused
from resilience.backup.objects.rules import RESTORE, SNAPSHOT
from resilience.backup.restore.outcome import Outcome
from resilience.backup.restore.restore import restore
from resilience.backup.restore.restore_request import RestoreRequest
from resilience.backup.store.memory import MemoryStore
from resilience.cluster.errors import Forbidden, Invalid, ServerTrouble, Throttled, Unreachable
from resilience.cluster.interface import Object, Resource
from resilience.cluster.permit.door import NotCovered
from tests.backup.fakes import (
    FakeClock,
    FakeCluster,
    secret,
    shop,
)
from tests.backup.restore.restoring import brought_back, created, stored

VOLUME: Object = {
    "apiVersion": "v1",
    "kind": "PersistentVolume",
    "metadata": {"name": "disk"},
    "spec": {
        "persistentVolumeReclaimPolicy": "Retain",
        "claimRef": {
            "kind": "PersistentVolumeClaim",
            "namespace": "shop",
            "name": "data",
            "uid": "1",
        },
    },
}


def test_an_existing_object_that_differs_stops_the_restore_before_it_begins() -> None:
    store, target = stored(shop()), shop()
    target.objects["configmaps", "shop", "settings"]["data"] = {"greeting": "bye"}
    before = target.version
    with pytest.raises(RestoreRefused, match=r"configmaps shop/settings.*already exists"):
        brought_back(store, target)
    assert target.version == before


def test_equal_objects_are_no_conflict() -> None:
    store, target = stored(shop()), shop()
    report = brought_back(store, target)
    assert report.counts == {Outcome.EQUAL: 5}


def test_skip_leaves_what_exists_and_says_where_it_differs() -> None:
    store, target = stored(shop()), shop()
    target.objects["configmaps", "shop", "settings"]["data"] = {"greeting": "bye"}
    report = brought_back(store, target, existing="skip")
    (item,) = [item for item in report.items if item.outcome is Outcome.SKIPPED]
    assert (item.name, item.reason) == ("settings", "differs in data")
    assert target.objects["configmaps", "shop", "settings"]["data"] == {"greeting": "bye"}


def test_update_also_removes_what_was_added_since() -> None:
    store, target = stored(shop()), shop()
    target.objects["configmaps", "shop", "settings"]["data"] = {"greeting": "bye", "new": "1"}
    report = brought_back(store, target, existing="update")
    assert report.counts[Outcome.UPDATED] == 1
    assert target.objects["configmaps", "shop", "settings"]["data"] == {"greeting": "hello"}


def with_volume(
    phase: str, *, bound: bool = True, **annotations: str
) -> tuple[MemoryStore, FakeCluster]:
    """Its snapshot, and a cluster where only the volume is left."""
    cluster, target, volume = FakeCluster(), FakeCluster(), copy.deepcopy(VOLUME)
    volume["metadata"]["annotations"] = annotations
    cluster.namespace("shop")
    claim = {"kind": "PersistentVolumeClaim", "metadata": {"name": "data", "namespace": "shop"}}
    cluster.add({"apiVersion": "v1", **claim, "spec": {"volumeName": "disk"}})
    cluster.add(copy.deepcopy(volume))
    store = stored(cluster, "shop")
    if not bound:
        del volume["spec"]["claimRef"]
    target.add(volume | {"status": {"phase": phase}})
    return store, target


def test_a_released_volume_is_refused_before_anything_is_written() -> None:
    store, target = with_volume("Released")
    for dry_run in (True, False):
        request = RestoreRequest(name="r", dry_run=dry_run)
        if dry_run:
            (bad,) = restore(request, opened(store, "one"), target, clock=FakeClock()).bad
            assert "it is Released" in bad.reason
        else:
            with pytest.raises(RestoreRefused, match=r"it is Released.*--existing update"):
                restore(request, opened(store, "one"), target, clock=FakeClock())
    assert created(target) == []


def test_an_update_makes_a_released_volume_available_to_its_claim() -> None:
    store, target = with_volume("Released")
    request = RestoreRequest(name="r", existing="update")
    assert restore(request, opened(store, "one"), target, clock=FakeClock()).complete
    found = target.objects["persistentvolumes", "", "disk"]["spec"]["claimRef"]
    assert (found["namespace"], found["name"]) == ("shop", "data")
    assert not found.get("uid")


@pytest.mark.parametrize(
    ("phase", "bound", "annotations"),
    [
        ("Released", True, {"pv.kubernetes.io/provisioned-by": "csi.example.com"}),
        ("Available", False, {}),
        ("Bound", True, {}),
    ],
)
def test_a_volume_that_does_not_stand_in_the_way_is_equal(
    phase: str, bound: bool, annotations: dict[str, str]
) -> None:
    store, target = with_volume(phase, bound=bound, **annotations)
    request = RestoreRequest(name="r", dry_run=True)
    report = restore(request, opened(store, "one"), target, clock=FakeClock())
    outcomes = {item.kind: item.outcome for item in report.items}
    assert outcomes["persistentvolumes"] is Outcome.EQUAL


@pytest.mark.parametrize(
    "trouble",
    [
        Throttled(429, "too many requests", retry_after=7.0),
        ServerTrouble(500, 'failed calling webhook "check.example.com": connection refused'),
        Unreachable("connection reset"),
        Forbidden(
            403,
            "being terminated",
            status={"details": {"causes": [{"reason": "NamespaceTerminating"}]}},
        ),
    ],
)
def test_what_passes_is_waited_for(trouble: Exception) -> None:
    store, target, clock = stored(shop()), FakeCluster(), FakeClock()
    troubles = [trouble, trouble]

    def fault(verb: str, kind: str, namespace: str, name: str) -> None:
        if (verb, kind) == ("create", "services") and troubles:
            raise troubles.pop()

    target.faults.append(fault)
    assert brought_back(store, target, clock).complete
    assert len(clock.waited) == 2
    if isinstance(trouble, Throttled):
        assert clock.waited == [7.0, 7.0]


def test_what_does_not_pass_ends_with_the_servers_words() -> None:
    store, target = stored(shop()), FakeCluster()

    def quota(verb: str, kind: str, namespace: str, name: str) -> None:
        if (verb, kind) == ("create", "secrets"):
            raise Forbidden(403, "exceeded quota: compute, requested: secrets=1, used: secrets=9")

    target.faults.append(quota)
    report = brought_back(store, target)
    (item,) = report.bad
    assert (item.kind, item.name) == ("secrets", "password")
    assert "exceeded quota: compute" in item.reason


class Guarded(FakeCluster):
    """Secrets may not be written: the door is asked before the API server is."""

    shut = False

    def create(
        self, resource: Resource, body: Object, namespace: str = "", *, dry_run: bool = False
    ) -> Object:
        if self.shut and resource.plural == "secrets":
            raise NotCovered("POST secrets was not sent: no target lists it")
        return super().create(resource, body, namespace, dry_run=dry_run)


def beyond_consent(*there: Object) -> FakeCluster:
    """A target where Secrets may not be written, with those that exist."""
    target = Guarded()
    target.namespace("shop", labels={"team": "checkout"})
    target.add(*there)
    target.shut = True
    return target


def test_an_object_beyond_consent_that_is_there_already_is_equal() -> None:
    report = brought_back(stored(shop()), beyond_consent(secret("password", value="c2VjcmV0")))
    assert report.complete
    assert [item.outcome for item in report.items if item.kind == "secrets"] == [Outcome.EQUAL]


@pytest.mark.parametrize("there", [[], [secret("password", value="b3RoZXI=")]])
def test_an_object_beyond_consent_that_would_have_to_be_written_is_refused(
    there: list[Object],
) -> None:
    with pytest.raises(RestoreRefused, match="no target lists it"):
        brought_back(stored(shop()), beyond_consent(*there))


def test_a_server_that_stays_down_fails_the_object_when_patience_ends() -> None:
    store, target, clock = stored(shop()), FakeCluster(), FakeClock()

    def down(verb: str, kind: str, namespace: str, name: str) -> None:
        if (verb, kind) == ("create", "services"):
            raise ServerTrouble(503, "etcd is down")

    target.faults.append(down)
    (item,) = brought_back(store, target, clock, patience=30.0).bad
    assert item.reason == "etcd is down (still so after waiting)"
    assert sum(clock.waited) <= 30


def test_an_answer_that_was_lost_is_no_conflict() -> None:
    store, target = stored(shop()), FakeCluster()
    lost = [True]

    def lose(obj: Object) -> None:
        if obj["kind"] == "Secret" and lost and target.requests[-1][0] == "create":
            lost.pop()
            obj["metadata"] |= {"uid": "uid-x", "resourceVersion": "1"}
            target.objects["secrets", "shop", "password"] = obj
            raise Unreachable("the connection broke before the answer")

    target.on_create = lose
    report = brought_back(store, target, ask_first=False)
    assert report.complete
    assert report.counts[Outcome.RESUMED] == 1


class Frozen(FakeCluster):
    """Its ConfigMaps are immutable."""

    def patch(
        self, resource: Resource, name: str, body: Object, namespace: str = "", **options: Any
    ) -> Object:
        if "data" in body:
            causes = [{"field": "data", "message": "field is immutable"}]
            raise Invalid(422, "data: Forbidden", status={"details": {"causes": causes}})
        return super().patch(resource, name, body, namespace, **options)


@pytest.mark.parametrize("asked", [True, False])
def test_a_field_that_cannot_change_stops_no_other_object(asked: bool) -> None:
    store, target = stored(shop()), Frozen()
    target.objects.update(shop().objects)
    target.objects["configmaps", "shop", "settings"]["data"] = {"greeting": "bye"}
    target.objects["deployments.apps", "shop", "checkout"]["spec"]["replicas"] = 7
    dry = brought_back(store, target, existing="update", dry_run=True)
    report = brought_back(store, target, existing="update", ask_first=asked)
    assert report.counts == {Outcome.EQUAL: 3, Outcome.FIXED: 1, Outcome.UPDATED: 1}
    assert not report.complete
    assert [str(each) for each in report.bad] == [str(each) for each in dry.bad]
    assert 'data.greeting is "bye" here and "hello"' in next(report.bad).reason
    report.require("not started")


@pytest.mark.parametrize(
    ("room", "marks"),
    [
        (len("resilience/restoreback" + "resilience/snapshotone"), {RESTORE, SNAPSHOT}),
        (len("resilience/restoreback" + "resilience/snapshotone") - 1, {RESTORE}),
        (len("resilience/restoreback") - 1, set()),
    ],
)
def test_annotations_that_fill_the_space_are_restored_without_marks(
    room: int, marks: set[str]
) -> None:
    source, target = shop(), FakeCluster()
    settings = source.objects["configmaps", "shop", "settings"]
    text = "\u00e9" * 1000
    fill = 256 * 1024 - room - len("text" + "fill") - len(text.encode())
    settings["metadata"]["annotations"] = {"text": text, "fill": "x" * fill}
    store = stored(source)
    assert brought_back(store, target).complete
    there = target.objects["configmaps", "shop", "settings"]["metadata"]["annotations"]
    assert set(there) == {"text", "fill"} | marks
    assert Outcome.CREATED not in brought_back(store, target).counts
