"""What a view holds, event by event."""

from __future__ import annotations

from typing import Any

from resilience.cluster.copy import Copy
from resilience.cluster.interface import WatchEvent


def obj(name: str, uid: str, version: int = 1) -> dict[str, Any]:
    return {"metadata": {"name": name, "uid": uid, "resourceVersion": str(version)}}


def told(copy: Copy, kind: str, name: str, uid: str, version: int = 1) -> list[str]:
    events = copy.apply(WatchEvent(kind, obj(name, uid, version), 0.0))
    return [f"{event.type} {event.object['metadata']['uid']}" for event in events]


def test_the_same_name_with_another_uid_is_another_object() -> None:
    copy = Copy()
    assert told(copy, "ADDED", "db-0", "old") == ["ADDED old"]
    assert told(copy, "ADDED", "db-0", "new", 2) == ["DELETED old", "ADDED new"]
    assert copy.by_uid("old") is None
    assert copy.by_uid("new") is not None


def test_a_late_deletion_of_the_predecessor_does_not_take_the_successor() -> None:
    copy = Copy()
    told(copy, "ADDED", "db-0", "new", 2)
    assert told(copy, "DELETED", "db-0", "old") == []
    assert copy.by_uid("new") is not None


def test_what_is_known_already_is_not_told_again() -> None:
    copy = Copy()
    told(copy, "ADDED", "a", "u")
    assert told(copy, "ADDED", "a", "u") == []
    assert told(copy, "MODIFIED", "a", "u", 2) == ["MODIFIED u"]


def test_a_change_of_an_unknown_object_is_its_arrival() -> None:
    assert told(Copy(), "MODIFIED", "a", "u") == ["ADDED u"]


def test_objects_are_sorted_by_name() -> None:
    copy = Copy()
    for name in ("c", "a", "b"):
        told(copy, "ADDED", name, name)
    assert [one["metadata"]["name"] for one in copy.objects()] == ["a", "b", "c"]
