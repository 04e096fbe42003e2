"""Whoever applied an object on the server owns its fields again after a restore."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from resilience.backup.restore.writes.appliers import applied_by
from resilience.cluster.errors import Forbidden
from resilience.cluster.interface import Object
from tests.backup.fakes import FakeCluster, config_map
from tests.backup.restore.restoring import brought_back, stored

KEY = ("configmaps", "shop", "settings")


def entry(manager: str, operation: str = "Update", **more: Any) -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "apiVersion": "v1",
            "fieldsV1": {"f:data": {f"f:of-{manager}": {}}}} | more  # fmt: skip


FLUX = entry("flux", "Apply")
PERSON = entry("kubectl-edit")
CONTROLLER = entry("kube-controller-manager")
OURS = entry("pytest-resilience")


class Tracking(FakeCluster):
    """A create belongs to the restore; `beside` write at the same time."""

    beside: Sequence[dict[str, Any]] = ()
    conflicts = 0

    def admit(self, resource: Any, obj: Object) -> None:
        super().admit(resource, obj)
        if self.requests[-1][0] == "create":
            obj["metadata"]["managedFields"] = [OURS, *self.beside]

    def asked(self, verb: str, *arguments: Any, **options: Any) -> None:
        super().asked(verb, *arguments, **options)
        if verb == "patch" and self.conflicts:
            self.conflicts -= 1
            key = next(key for key in self.objects if key == KEY)
            self.objects[key]["metadata"]["resourceVersion"] += "0"


def source(*entries: dict[str, Any]) -> FakeCluster:
    cluster = FakeCluster()
    cluster.namespace("shop")
    applied = config_map("settings", greeting="hello")
    applied["metadata"]["managedFields"] = list(entries)
    cluster.add(applied)
    return cluster


def owners(target: FakeCluster) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = target.objects[KEY]["metadata"]["managedFields"]
    return found


def patches(target: FakeCluster) -> int:
    return sum(verb == "patch" for verb, _, _, _ in target.requests)


def test_the_record_is_written_again_beside_that_of_controllers() -> None:
    store, target = stored(source(FLUX, PERSON)), Tracking()
    target.beside = [CONTROLLER, entry("pytest-resilience", subresource="status")]
    report = brought_back(store, target)
    assert report.complete
    assert owners(target) == [FLUX, PERSON, *target.beside]
    assert not any("stores" in each for each in report.notes)


def test_a_newer_entry_of_the_same_manager_gives_way() -> None:
    store, target = stored(source(FLUX, PERSON)), Tracking()
    target.beside = [PERSON | {"fieldsV1": {}}]
    brought_back(store, target)
    assert owners(target) == [FLUX, PERSON]


def test_another_write_of_the_same_moment_is_met_again() -> None:
    store, target = stored(source(FLUX)), Tracking()
    target.conflicts = 3
    brought_back(store, target)
    assert owners(target) == [FLUX]
    assert patches(target) == 4


def test_an_object_that_is_never_quiet_is_named() -> None:
    store, target = stored(source(FLUX)), Tracking()
    target.conflicts = 100
    report = brought_back(store, target)
    assert any("at /metadata/managedFields than" in each for each in report.notes)
    assert report.complete


def test_credentials_that_may_not_patch_restore_the_object_and_name_it() -> None:
    store, target = stored(source(FLUX)), Tracking()

    def refuse(verb: str, *_: str) -> None:
        if verb == "patch":
            raise Forbidden(403, "no")

    target.faults.append(refuse)
    report = brought_back(store, target)
    assert report.complete
    assert any("at /metadata/managedFields than" in each for each in report.notes)


def test_one_that_is_deleted_meanwhile_is_no_failure() -> None:
    store, target = stored(source(FLUX)), Tracking()

    def gone(verb: str, *_: str) -> None:
        if verb == "patch":
            del target.objects[KEY]

    target.faults.append(gone)
    report = brought_back(store, target)
    assert report.complete
    assert not any("stores" in each for each in report.notes)


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize("applied", [True, False])
def test_only_what_was_applied_on_the_server_costs_a_request(applied: bool, dry_run: bool) -> None:
    store, target = stored(source(*[FLUX] * applied, PERSON)), Tracking()
    brought_back(store, target, dry_run=dry_run)
    assert patches(target) == (applied and not dry_run)


def test_an_update_and_a_continued_restore_write_it_too_and_an_equal_object_stays() -> None:
    store, target = stored(source(FLUX)), Tracking()
    target.namespace("shop")
    target.add(config_map("settings", greeting="hello"))
    brought_back(store, target, existing="update")
    assert owners(target) == [OURS]
    target.objects[KEY]["data"] = {"greeting": "good evening"}
    brought_back(store, target, existing="update")
    assert owners(target) == [FLUX]
    target.objects[KEY]["metadata"] |= {
        "managedFields": [OURS],
        "annotations": {"resilience/restore": "back"},
    }
    target.requests.clear()
    brought_back(store, target, dry_run=True)
    assert patches(target) == 0
    brought_back(store, target)
    assert owners(target) == [FLUX]


def test_a_drill_does_not_hand_its_copy_to_those_who_apply_the_original() -> None:
    store, target = stored(source(FLUX)), Tracking()
    brought_back(store, target, appliers=False)
    assert owners(target) == [OURS]


@pytest.mark.parametrize(
    ("entries", "kept"),
    [
        ([], []),
        ([PERSON], []),
        ([FLUX, PERSON], [FLUX, PERSON]),
        ([FLUX, entry("kubelet", subresource="status")], [FLUX]),
        ([FLUX, entry("hpa", subresource="scale")], [FLUX, entry("hpa", subresource="scale")]),
        ([entry("operator", "Apply", subresource="status")], []),
        (["text", FLUX], [FLUX]),
    ],
)
def test_the_status_is_written_by_its_controllers(entries: list[Any], kept: list[Any]) -> None:
    assert applied_by({"metadata": {"managedFields": entries}}) == kept
    assert applied_by({"metadata": {"managedFields": None}}) == []
