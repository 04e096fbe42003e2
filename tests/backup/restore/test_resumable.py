"""`--resume NAME`: a name that no object bears begins no restore of its own."""

from __future__ import annotations

import re

import pytest

from resilience.backup.catalog.catalog import opened
from resilience.backup.format.errors import BadRequest
from resilience.backup.objects.mapping import Targets
from resilience.backup.objects.rules import RESTORE, SNAPSHOT
from resilience.backup.restore.resumable import require_resumable
from resilience.cluster.errors import Forbidden
from resilience.cluster.interface import Object
from tests.backup.fakes import FakeCluster, shop
from tests.backup.restore.restoring import brought_back, stored


def bearing(target: FakeCluster, name: str, snapshot: str) -> None:
    """Only one object bears the name, as after a kill at the first write."""
    for (kind, _, _), obj in target.objects.items():
        obj["metadata"].pop("annotations", None)
        if kind == "services":
            obj["metadata"]["annotations"] = {RESTORE: name, SNAPSHOT: snapshot}


def asked(name: str, target: FakeCluster) -> None:
    require_resumable(name, opened(stored(shop()), "one"), {"shop"}, target)


def test_a_name_on_one_object_is_resumed() -> None:
    target = shop()
    bearing(target, "first-20260301", "one")
    asked("first-20260301", target)


def test_an_unknown_name_lists_what_can_be_resumed() -> None:
    target = shop()
    snapshot = opened(stored(shop()), "one").name
    bearing(target, "first-20260301", snapshot)
    said = (
        "--resume frist-20260301: no object of such a restore exists; did you mean "
        f"`first-20260301`?; restores of {snapshot} here: first-20260301 (1 object)"
    )
    with pytest.raises(BadRequest, match=re.escape(said)):
        asked("frist-20260301", target)
    bearing(target, "first-20260301", "another")
    with pytest.raises(BadRequest, match="has left an object here: omit --resume"):
        asked("frist-20260301", target)


def test_the_empty_name_of_an_unmarked_object_is_no_restore() -> None:
    target = shop()
    bearing(target, "", opened(stored(shop()), "one").name)
    with pytest.raises(BadRequest, match="omit --resume"):
        asked("x", target)


def test_where_a_kind_may_not_be_listed_nothing_is_refused() -> None:
    target = shop()

    def forbid(verb: str, kind: str, namespace: str, name: str) -> None:
        if verb == "list" and kind == "secrets":
            raise Forbidden(403, "no")

    target.faults.append(forbid)
    asked("x", target)


def test_classes_that_no_restored_object_has_are_told() -> None:
    claim: Object = {"apiVersion": "v1", "kind": "PersistentVolumeClaim",
                     "metadata": {"name": "data", "namespace": "shop"},
                     "spec": {"storageClassName": "fast"}}  # fmt: skip
    source = shop()
    source.add(claim)
    targets = Targets(storage_classes={"fats": "slow", "fast": "slow"})
    brought_back(stored(source), FakeCluster(), targets=targets)
    assert targets.idle() == [
        "--map-storage-class fats=slow matches nothing in what is restored; did you mean `fast`?; "
        "its storage classes: fast"
    ]
    unused = Targets(storage_classes={"fast": "slow"})
    brought_back(stored(shop()), FakeCluster(), targets=unused)
    assert unused.idle() == [
        "--map-storage-class fast=slow matches nothing in what is restored; it has no storage "
        "classes"
    ]
