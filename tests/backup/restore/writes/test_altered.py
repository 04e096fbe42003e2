"""A cluster that stores something else than it was sent: the restore names the places."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.backup.restore.writes.altered import altered
from resilience.backup.restore.writes.altered_objects import AlteredObjects
from resilience.cluster.interface import Object
from tests.backup.fakes import FakeClock, FakeCluster, config_map, shop
from tests.backup.restore.restoring import brought_back, stored


@pytest.mark.parametrize(
    ("sent", "got", "places"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, []),
        ({"a": 1}, {"a": 2}, ["/a"]),
        ({"a": {"b": 1}}, {"a": {}}, ["/a/b"]),
        ({"a": {"b": 1}}, {}, ["/a"]),
        ({"a": {"b": 1}}, {"a": "text"}, ["/a"]),
        ({"a": "x", "b/c": 1}, {}, ["/a", "/b~1c"]),
        ({"a": None, "b": {}, "c": [], "d": {"e": {"f": None}}, "g": 0, "h": ""}, {}, []),
        ({"a": None}, {"a": 1}, []),
        ({"a": {}}, {"a": None}, []),
        ({"a": [1, 2]}, {"a": [1, 3]}, ["/a/1"]),
        ({"a": [{"n": 1}]}, {"a": [{"n": 1, "d": 2}]}, []),
        ({"a": [{"n": 1}]}, {"a": [{"n": 1, "d": 2}, {"n": 2}]}, []),
        ({"a": [{"n": 1}]}, {"a": [{"n": 2}, {"n": 1}]}, []),
        ({"a": [1, 2]}, {"a": [2, 1, 3]}, ["/a"]),
        ({"a": [1, 2]}, {"a": [1]}, ["/a"]),
        ({"a": [1]}, {"a": []}, ["/a"]),
        ({"a": 1}, {"a": 1.0}, []),
    ],
)
def test_what_changed_or_is_gone_counts_and_what_was_added_does_not(
    sent: Any, got: Any, places: list[str]
) -> None:
    assert list(altered(sent, got)) == places


class Admitting(FakeCluster):
    """A webhook turns every greeting into `hi`, also in a dry run."""

    def admit(self, resource: Any, obj: Object) -> None:
        super().admit(resource, obj)
        if "greeting" in (obj.get("data") or {}):
            obj["data"]["greeting"] = "hi"


NOTE = (
    "configmaps shop/settings: the cluster stores something else at /data/greeting than the "
    "snapshot holds: a webhook or policy changes it, or this version of its kind lacks the field"
)


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_restore_names_what_a_webhook_changed(dry_run: bool) -> None:
    snapshot = stored(shop())
    target = Admitting()
    target.namespace("shop")
    report = brought_back(snapshot, target, dry_run=dry_run, existing="skip")
    assert [each for each in report.notes if "stores" in each] == [NOTE]
    plain = brought_back(snapshot, FakeCluster(), dry_run=dry_run)
    assert not any("stores" in each for each in plain.notes)


class Patching(FakeCluster):
    """A webhook that sees updates."""

    def patch(self, *arguments: Any, **options: Any) -> Object:
        patched = super().patch(*arguments, **options)
        return patched | {"data": {"greeting": "hi"}} if "data" in patched else patched


@pytest.mark.parametrize("dry_run", [True, False])
def test_an_update_that_a_webhook_changes_is_named_too(dry_run: bool) -> None:
    snapshot = stored(shop())
    target = Patching()
    target.namespace("shop", labels={"team": "checkout"})
    target.add(config_map("settings", greeting="good evening"))
    report = brought_back(snapshot, target, FakeClock(), dry_run=dry_run, existing="update")
    assert [each for each in report.notes if "stores" in each] == [NOTE]


def test_many_objects_and_places_are_counted() -> None:
    found = AlteredObjects()
    found.see("configmaps", config_map("none"), ())
    found.see("configmaps", config_map("as sent now"), ["/a"])
    found.see("configmaps", config_map("as sent now"), ())
    for number in range(12):
        found.see("configmaps", config_map(f"c{number:02}"), [f"/{each}" for each in range(7)])
    lines = found.notes()
    assert len(lines) == 11
    assert "at /0, /1, /2, /3, /4 and 2 more places than" in lines[0]
    assert lines[-1] == "2 more objects that the cluster changes"
