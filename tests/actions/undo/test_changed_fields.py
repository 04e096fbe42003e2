"""What one write changed, and taking exactly that back: nothing of anybody else's is lost."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.actions.undo.changed_fields import ABSENT, Change, changes, laid_over, same
from resilience.actions.undo.reverted_fields import reverted

NAMES = ("a", "b", "c")
scalars = st.sampled_from(["red", "blue", 1, 3, True, None, ["x"], ["x", "y"]])
items = st.dictionaries(st.sampled_from(("image", "env")), scalars, max_size=2)
lists = st.dictionaries(st.sampled_from(NAMES), items, max_size=3).map(
    lambda found: [{"name": name, **found[name]} for name in sorted(found)]
)
maps = st.dictionaries(st.sampled_from(NAMES), scalars, max_size=3)
specs = st.fixed_dictionaries(
    {}, optional={"replicas": st.integers(0, 9), "labels": maps, "containers": lists}
)
objects = specs.map(lambda spec: {"kind": "Thing", "spec": spec})


def leaves(value: Any, path: tuple[Any, ...] = ()) -> dict[tuple[Any, ...], Any]:
    """Path to value of everything that is no container, be it empty; items by their name."""
    found: dict[tuple[Any, ...], Any] = {}
    if isinstance(value, dict):
        for key, inner in value.items():
            found |= leaves(inner, (*path, key))
    elif isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
        for each in value:
            found |= leaves(each, (*path, each["name"]))
    elif value != []:
        found[path] = value
    return found


@given(before=objects, after=objects)
def test_without_anybody_else_everything_is_put_back(before: Any, after: Any) -> None:
    found, kept = reverted(after, changes(before, after))
    assert (found, kept) == (before, [])


@given(before=objects, after=objects)
def test_a_record_survives_the_journal(before: Any, after: Any) -> None:
    made = changes(before, after)
    assert [Change.of(each.data()) for each in made] == made


@given(before=objects, after=objects)
def test_what_was_never_changed_is_left_alone(before: Any, after: Any) -> None:
    assert reverted(before, changes(before, after)) == (before, [])


@given(before=objects, ours=objects, theirs=objects)
def test_nothing_of_anybody_elses_is_lost(before: Any, ours: Any, theirs: Any) -> None:
    """Each leaf that they wrote is as they wrote it; each that only we wrote is what it was."""
    found, kept = reverted(theirs, changes(before, ours))
    was, set_, now, after = (leaves(each) for each in (before, ours, theirs, found))
    for path in was.keys() | set_.keys() | now.keys() | after.keys():
        old, mine, given, result = (each.get(path, ABSENT) for each in (was, set_, now, after))
        if not same(given, mine):
            inside = any(path[: len(field)] == field for field in map(_names, kept))
            assert same(result, given) or same(given, old) or inside, path
        if same(mine, old):
            assert same(result, given), path


def _names(kept: Any) -> tuple[Any, ...]:
    return tuple(step if isinstance(step, str) else step["name"] for step in kept.change.path)


@given(before=objects, ours=objects, theirs=objects)
def test_by_force_every_field_of_ours_is_what_it_was(before: Any, ours: Any, theirs: Any) -> None:
    made = changes(before, ours)
    found, kept = reverted(theirs, made, force=True)
    assert kept == []
    assert reverted(found, made)[1] == []


def deployment(**more: Any) -> dict[str, Any]:
    containers = [{"name": "web", "image": "web:1"}, {"name": "log", "image": "log:1"}]
    return {"kind": "Deployment", "spec": {"replicas": 3, "containers": containers, **more}}


def test_a_field_that_somebody_changed_is_named_with_all_three_values() -> None:
    made = changes(deployment(), deployment(replicas=5))
    found, [kept] = reverted(deployment(replicas=7), made)
    assert found == deployment(replicas=7)
    assert str(kept) == "spec.replicas is 7, and this run set 5 (before: 3)"


def test_containers_are_told_apart_by_name() -> None:
    ours = deployment()
    ours["spec"]["containers"][0]["image"] = "web:broken"
    made = changes(deployment(), ours)
    theirs = copy.deepcopy(ours)
    theirs["spec"]["containers"][1]["image"] = "log:2"
    theirs["spec"]["containers"].insert(0, {"name": "sidecar", "image": "proxy:1"})
    found, kept = reverted(theirs, made)
    assert kept == []
    assert [each["image"] for each in found["spec"]["containers"]] == ["proxy:1", "web:1", "log:2"]
    assert [each.name for each in made] == ["spec.containers[web].image"]


def test_a_taint_beside_ours_stays_and_ours_with_another_value_too() -> None:
    ours = {"key": "fire", "effect": "NoSchedule", "value": "1"}
    other = {"key": "dedicated", "effect": "NoSchedule"}
    made = changes({"spec": {}}, {"spec": {"taints": [ours]}})
    assert reverted({"spec": {"taints": [other, ours]}}, made)[0] == {"spec": {"taints": [other]}}
    changed = {"spec": {"taints": [{**ours, "value": "2"}]}}
    found, kept = reverted(changed, made)
    assert found == changed
    assert len(kept) == 1
    assert reverted({"spec": {"taints": [ours]}}, made)[0] == {"spec": {}}


def test_a_container_of_fields_goes_only_when_nobody_else_uses_it() -> None:
    made = changes({"data": {}}, {"data": {}, "labels": {"ours": "1"}})
    assert reverted({"data": {}, "labels": {"ours": "1"}}, made) == ({"data": {}}, [])
    theirs = {"data": {}, "labels": {"ours": "1", "theirs": "2"}}
    assert reverted(theirs, made) == ({"data": {}, "labels": {"theirs": "2"}}, [])


def test_an_item_that_somebody_took_away_does_not_come_back_in_pieces() -> None:
    before = {"spec": [{"name": "a", "image": "a:1", "env": "x"}, {"name": "b", "image": "b"}]}
    ours = {"spec": [{"name": "a", "image": "a:1"}, {"name": "b", "image": "b"}]}
    theirs = {"spec": [{"name": "b", "image": "b"}]}
    found, kept = reverted(theirs, changes(before, ours))
    assert found == theirs
    assert [each.change.name for each in kept] == ["spec[a].env"]


def test_lists_whose_items_changed_places_are_one_value() -> None:
    before = {"spec": [{"name": "a"}, {"name": "b"}]}
    after = {"spec": [{"name": "b"}, {"name": "a"}]}
    [made] = changes(before, after)
    assert made.path == ("spec",)
    assert reverted(after, [made]) == (before, [])


def test_defaults_that_the_server_adds_are_ours_while_only_the_request_is_known() -> None:
    made = changes({"spec": {}}, {"spec": {"side": {"image": "a"}}})
    more = {"spec": {"side": [{"image": "a", "pullPolicy": "Always"}]}}
    listed = changes({"spec": {"side": []}}, {"spec": {"side": [{"image": "a"}]}})
    assert reverted(more, listed, exact=False)[0] == {"spec": {"side": []}}
    assert len(reverted(more, listed)[1]) == 1
    assert len(made) == 2


@pytest.mark.parametrize(("now", "was"), [(1, True), (0, False), (None, ABSENT), ("1", 1)])
def test_values_are_compared_as_json(now: Any, was: Any) -> None:
    assert not same(now, was)


def test_a_manifest_is_laid_over_by_the_names_of_items() -> None:
    manifest = {"spec": {"replicas": None, "containers": [{"name": "log", "image": "log:2"}]}}
    found = laid_over(deployment(), manifest)
    assert [each["image"] for each in found["spec"]["containers"]] == ["web:1", "log:2"]
    assert "replicas" not in found["spec"]
