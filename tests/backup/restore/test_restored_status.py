"""A status that was asked for is part of what is restored, also of an object that exists."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from resilience.backup.format.errors import RestoreRefused
from resilience.backup.restore.outcome import Outcome, RestoreReport
from resilience.cluster.errors import Forbidden, Unreachable
from resilience.cluster.interface import Object, Resource
from tests.backup.fakes import RESOURCES, FakeCluster
from tests.backup.restore.restoring import brought_back, stored

WIDGETS = Resource("example.com", "v1", "widgets", "Widget")
WIDGET: Object = {
    "apiVersion": "example.com/v1",
    "kind": "Widget",
    "metadata": {"name": "w", "namespace": "shop"},
    "spec": {"a": 1},
    "status": {"phase": "Ready"},
}


def cluster(status: Object | None) -> FakeCluster:
    made = FakeCluster((*RESOURCES, WIDGETS))
    made.namespace("shop")
    widget = copy.deepcopy(WIDGET)
    widget["status"] = status
    made.add(widget)
    return made


def back(target: FakeCluster, **options: Any) -> RestoreReport:
    return brought_back(stored(cluster(WIDGET["status"])), target, status=("widgets.*",), **options)


def outcome(report: RestoreReport) -> Outcome:
    (item,) = [each for each in report.items if each.name == "w"]
    return item.outcome


def phase(target: FakeCluster) -> Any:
    return target.objects["widgets.example.com", "shop", "w"]["status"]


def test_a_status_that_differs_is_updated() -> None:
    target = cluster({"phase": "Broken", "since": 1})
    assert outcome(back(target, existing="update", dry_run=True)) is Outcome.WOULD_UPDATE
    assert phase(target)["phase"] == "Broken"
    assert outcome(back(target, existing="update")) is Outcome.UPDATED
    assert phase(target) == {"phase": "Ready", "since": 1}


def test_a_status_that_is_there_is_equal() -> None:
    target = cluster({"phase": "Ready", "since": 1})
    assert outcome(back(target)) is Outcome.EQUAL


def test_a_status_that_differs_is_left_when_what_exists_is_skipped() -> None:
    target = cluster({"phase": "Broken"})
    assert outcome(back(target, existing="skip")) is Outcome.SKIPPED
    assert phase(target) == {"phase": "Broken"}


def test_a_status_that_differs_stops_a_restore_that_changes_nothing() -> None:
    with pytest.raises(RestoreRefused, match="already exists; differs in status"):
        back(cluster({"phase": "Broken"}))
    report = back(cluster({"phase": "Broken"}), ask_first=False)
    assert outcome(report) is Outcome.FAILED


def test_a_status_that_may_not_be_written_is_named() -> None:
    target = cluster({"phase": "Broken"})

    def fault(verb: str, kind: str, namespace: str, name: str) -> None:
        if (verb, kind) == ("patch", "widgets.example.com"):
            raise Forbidden(403, "no")

    target.faults.append(fault)
    report = back(target, existing="update")
    assert [each.reason for each in report.bad] == [
        "updated, but its status could not be written: no"
    ]


def test_a_status_that_cannot_be_read_is_named() -> None:
    target, read = cluster({"phase": "Ready"}), 0

    def fault(verb: str, kind: str, namespace: str, name: str) -> None:
        nonlocal read
        read += (verb, kind) == ("get", "widgets.example.com")
        if read == 2:
            raise Unreachable("reset")

    target.faults.append(fault)
    report = back(target, ask_first=False)
    assert [each.reason for each in report.bad] == ["reset"]
