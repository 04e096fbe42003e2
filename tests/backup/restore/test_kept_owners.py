"""Owners get their new uids; one outside the snapshot is kept if it lives."""

from __future__ import annotations

import pytest

from resilience.backup.objects.selection import Pattern, Selection
from resilience.backup.restore.outcome import Outcome
from tests.backup.fakes import (
    RESOURCES,
    FakeCluster,
    config_map,
    secret,
    shop,
)
from tests.backup.restore.restoring import brought_back, created, owned, stored


def test_owner_references_are_linked_to_the_new_uid() -> None:
    source = shop()
    owner = source.objects["deployments.apps", "shop", "checkout"]
    source.add(owned(config_map("generated"), owner))
    source.add(owned(secret("deeper"), source.objects["configmaps", "shop", "generated"]))
    target = FakeCluster()
    target.version = 5000
    brought_back(stored(source), target)
    uid = target.objects["deployments.apps", "shop", "checkout"]["metadata"]["uid"]
    found = target.objects["configmaps", "shop", "generated"]["metadata"]
    assert [each["uid"] for each in found["ownerReferences"]] == [uid]
    deeper = target.objects["secrets", "shop", "deeper"]["metadata"]["ownerReferences"]
    assert deeper[0]["uid"] == found["uid"]


def test_an_owner_outside_the_snapshot_is_dropped_so_that_the_object_lives() -> None:
    source = shop()
    stranger = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n", "uid": "u-9"}}
    source.add(owned(config_map("orphan"), stranger))
    target = FakeCluster()
    brought_back(stored(source), target)
    assert "ownerReferences" not in target.objects["configmaps", "shop", "orphan"]["metadata"]


def test_a_claim_keeps_its_wave_and_is_linked_to_an_owner_that_comes_later() -> None:
    source = shop()
    owner = source.objects["deployments.apps", "shop", "checkout"]
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": "shop"},
        "spec": {"volumeName": "pv-1"},
    }
    source.add(owned(claim, owner), owned(secret("generated", value="eA=="), owner))
    target = FakeCluster()
    target.version = 5000
    assert brought_back(stored(source), target, workers=1).complete
    order = created(target)
    assert order.index("persistentvolumeclaims") < order.index("services")
    assert order[-1] == "deployments.apps"
    uid = target.objects["deployments.apps", "shop", "checkout"]["metadata"]["uid"]
    for kind, name in (("persistentvolumeclaims", "data"), ("secrets", "generated")):
        owners = target.objects[kind, "shop", name]["metadata"]["ownerReferences"]
        assert [each["uid"] for each in owners] == [uid]


def test_an_owner_outside_the_snapshot_that_lives_is_kept() -> None:
    source, target = shop(), shop()
    for cluster in (source, target):
        cluster.put(RESOURCES[0], {"metadata": {"name": "tenant", "uid": "u-t"}})
    tenant = source.objects["namespaces", "", "tenant"]
    source.add(owned(config_map("mine"), tenant))
    report = brought_back(stored(source), target)
    assert report.complete
    owners = target.objects["configmaps", "shop", "mine"]["metadata"]["ownerReferences"]
    assert [each["uid"] for each in owners] == ["u-t"]
    assert brought_back(stored(source), target, name="again").counts[Outcome.EQUAL] == 6


@pytest.mark.parametrize(
    ("selection", "linked"),
    [
        (Selection(exclude=(Pattern("nothing"),)), True),
        (Selection(namespaces=("shop",)), True),
        (Selection(exclude=(Pattern("deployments"),)), False),
        (Selection(include=(Pattern("secrets"),)), False),
    ],
)
@pytest.mark.parametrize("dry_run", [True, False])
def test_an_owner_that_is_restored_later_is_not_told_as_left_out(
    selection: Selection, linked: bool, dry_run: bool
) -> None:
    source, target = shop(), FakeCluster()
    source.add(owned(secret("made"), source.objects["deployments.apps", "shop", "checkout"]))
    report = brought_back(stored(source), target, selection=selection, dry_run=dry_run)
    (item,) = [each for each in report.items if each.name == "made"]
    assert ("without its owner Deployment checkout" in item.rewrites) is not linked
    if not dry_run:
        there = target.objects["secrets", "shop", "made"]["metadata"]
        assert ("ownerReferences" in there) is linked
