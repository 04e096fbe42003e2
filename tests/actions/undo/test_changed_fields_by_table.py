"""Each half of each condition by which changes are found, compared, named and reverted."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.actions.undo.changed_fields import (
    ABSENT,
    WITHOUT_ITEM,
    Change,
    changes,
    content,
    differs,
    laid_over,
    same,
)
from resilience.actions.undo.reverted_fields import Kept, reverted, shown


def found(before: Any, after: Any) -> list[tuple[str, Any, Any, int]]:
    return [(each.name, each.was, each.set, each.at) for each in changes(before, after)]


A, B = {"name": "a"}, {"name": "b"}


@pytest.mark.parametrize(
    ("before", "after", "made"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, [("a", 1, 2, -1)]),
        ({"a": 1}, {}, [("a", 1, ABSENT, -1)]),
        ({}, {"a": 1}, [("a", ABSENT, 1, -1)]),
        ({"a": 1}, {"a": "1"}, [("a", 1, "1", -1)]),
        ({"a": {}}, {"a": 1}, [("a", {}, 1, -1)]),
        # a mapping that appears is its container and then its fields
        ({}, {"m": {"k": 1}}, [("m", ABSENT, {}, -1), ("m.k", ABSENT, 1, -1)]),
        ({}, {"m": {}}, [("m", ABSENT, {}, -1)]),
        # one that goes is its fields; alone only when it was empty
        ({"m": {"k": 1}}, {}, [("m.k", 1, ABSENT, -1)]),
        ({"m": {}}, {}, [("m", {}, ABSENT, -1)]),
        ({"m": {"k": 1}}, {"m": {}}, [("m.k", 1, ABSENT, -1)]),
        # so are lists whose items have an identity
        ({}, {"l": [A]}, [("l", ABSENT, [], -1), ("l[a]", ABSENT, A, 0)]),
        ({"l": [A]}, {}, [("l[a]", A, ABSENT, 0)]),
        ({"l": []}, {}, [("l", [], ABSENT, -1)]),
        ({}, {"l": []}, [("l", ABSENT, [], -1)]),
        ({"l": [A]}, {"l": [A, B]}, [("l[b]", ABSENT, B, 1)]),
        ({"l": [A, B]}, {"l": [B]}, [("l[a]", A, ABSENT, 0)]),
        ({"l": [A]}, {"l": [{"name": "a", "x": 1}]}, [("l[a].x", ABSENT, 1, -1)]),
        # lists without one are a value
        ({"l": [1]}, {"l": [2]}, [("l", [1], [2], -1)]),
        ({"l": [1]}, {}, [("l", [1], ABSENT, -1)]),
        ({"l": [A]}, {"l": [1]}, [("l", [A], [1], -1)]),
        ({"l": [A, A]}, {"l": [A]}, [("l", [A, A], [A], -1)]),
        ({"l": [A, B]}, {"l": [B, A]}, [("l", [A, B], [B, A], -1)]),
        ({"l": [{"name": True}]}, {"l": []}, [("l[True]", {"name": True}, ABSENT, 0)]),
        ({"l": [{"name": [1]}]}, {"l": []}, [("l", [{"name": [1]}], [], -1)]),
        ({"l": [{"x": 1}]}, {"l": []}, [("l", [{"x": 1}], [], -1)]),
        ({"l": ["a"]}, {"l": [A]}, [("l", ["a"], [A], -1)]),
        # every field of an identity counts
        ({"l": [{"key": "k", "effect": "e"}]}, {"l": [{"key": "k", "effect": "f"}]},
         [("l[k,e]", {"key": "k", "effect": "e"}, ABSENT, 0),
          ("l[k,f]", ABSENT, {"key": "k", "effect": "f"}, 1)]),
        ({"l": [{"key": "k"}]}, {"l": []}, [("l", [{"key": "k"}], [], -1)]),
        # an item that changed places beside one that stays is found by the whole list
        ({"l": [A, B]}, {"l": [{"name": "c"}, A, B]},
         [("l[c]", ABSENT, {"name": "c"}, 2)]),
    ],
)  # fmt: skip
def test_a_difference_is_found_where_it_is(before: Any, after: Any, made: Any) -> None:
    assert found(before, after) == made


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (("spec", "replicas"), "spec.replicas"),
        (("metadata", "annotations", "a.b/c"), "metadata.annotations[a.b/c]"),
        (("spec", {"key": "k", "effect": "e"}, "value"), "spec[k,e].value"),
        (({"name": "a"},), "[a]"),
    ],
)
def test_a_field_is_named_as_in_its_manifest(path: Any, name: str) -> None:
    assert Change(path=path, was=1, set=2).name == name


@pytest.mark.parametrize(
    ("change", "data"),
    [
        (Change(path=("a",), was=1, set=2), {"path": ["a"], "was": 1, "set": 2}),
        (Change(path=("a",), was=ABSENT, set=2), {"path": ["a"], "set": 2}),
        (Change(path=("a",), was=None, set=ABSENT), {"path": ["a"], "was": None}),
        (Change(path=("a",), was=1, set=2, at=0), {"path": ["a"], "was": 1, "set": 2, "at": 0}),
        (Change(path=("a",), was=1, set=2, at=1), {"path": ["a"], "was": 1, "set": 2, "at": 1}),
    ],
)
def test_a_record_holds_what_is_there_and_reads_back(change: Change, data: Any) -> None:
    assert change.data() == data
    assert Change.of(data) == change


SERVER = {"uid": "u", "resourceVersion": "1", "generation": 2, "managedFields": []}


@pytest.mark.parametrize(
    ("obj", "left"),
    [
        ({"metadata": {"name": "a", **SERVER}, "status": {"x": 1}, "spec": {}},
         {"metadata": {"name": "a"}, "spec": {}}),
        ({"spec": {}}, {"metadata": {}, "spec": {}}),
        ({"metadata": None}, {"metadata": {}}),
        ({"metadata": {"annotations": None}}, {"metadata": {"annotations": None}}),
        ({"metadata": {"annotations": {"mine": "1"}}},
         {"metadata": {"annotations": {"mine": "1"}}}),
        ({"metadata": {"annotations": {"deployment.kubernetes.io/revision": "3"}}},
         {"metadata": {}}),
        ({"metadata": {"annotations": {"deployment.kubernetes.io/revision": "3", "mine": "1"}}},
         {"metadata": {"annotations": {"mine": "1"}}}),
    ],
)  # fmt: skip
def test_the_servers_own_fields_are_no_content(obj: Any, left: Any) -> None:
    assert content(obj) == left


@pytest.mark.parametrize(
    ("wanted", "there", "lacks"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"a": 1}, {"b": 2}, True),
        ({"a": 1}, [1], True),
        ({}, {"b": 2}, False),
        ([1, 2], [1, 2], False),
        ([1, 2], [1, 3], True),
        ([1], [1, 2], True),
        ([1, 2], [1], True),
        ([1], {"a": 1}, True),
        ([1], 5, True),
        ([1], None, True),
        ([{"a": 1}], [{"a": 1, "b": 2}], False),
        (1, 1, False),
        (1, 2, True),
        ("a", None, True),
    ],
)
def test_what_is_missing_differs_and_what_is_added_does_not(
    wanted: Any, there: Any, lacks: bool
) -> None:
    assert differs(wanted, there) is lacks


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (ABSENT, "absent"),
        (None, "null"),
        ({"b": 1, "a": 2}, '{"a": 2, "b": 1}'),
        ("x" * 78, '"' + "x" * 78 + '"'),
        ("x" * 79, '"' + "x" * 76 + "..."),
    ],
)
def test_a_value_in_a_message_has_at_most_80_letters(value: Any, text: str) -> None:
    assert shown(value) == text
    assert len(text) <= 80


def test_the_order_of_keys_makes_no_difference() -> None:
    assert same({"a": 1, "b": 2}, {"b": 2, "a": 1})
    assert not same(ABSENT, WITHOUT_ITEM)
    assert not same(ABSENT, {"a": 1})
    assert not same({"a": 1}, ABSENT)


def undone(now: Any, *made: Change, **more: Any) -> tuple[Any, list[str]]:
    after, kept = reverted(now, made, **more)
    return after, [each.change.name for each in kept]


def field(name: str, was: Any, set: Any) -> Change:
    return Change(path=(name,), was=was, set=set)


def item(name: str, was: Any, set: Any, at: int) -> Change:
    return Change(path=("l", {"name": name}), was=was, set=set, at=at)


@pytest.mark.parametrize(
    ("now", "change", "options", "after", "kept"),
    [
        # still ours, already reverted, someone else's
        ({"f": 2}, field("f", 1, 2), {}, {"f": 1}, []),
        ({"f": 1}, field("f", 1, 2), {}, {"f": 1}, []),
        ({"f": 3}, field("f", 1, 2), {}, {"f": 3}, ["f"]),
        ({"f": 3}, field("f", 1, 2), {"force": True}, {"f": 1}, []),
        ({}, field("f", 1, 2), {}, {}, ["f"]),
        ({}, field("f", 1, 2), {"force": True}, {"f": 1}, []),
        ({"f": 2}, field("f", ABSENT, 2), {}, {}, []),
        ({}, field("f", 1, ABSENT), {}, {"f": 1}, []),
        ({"f": 3}, field("f", 1, ABSENT), {}, {"f": 3}, ["f"]),
        # only what was sent is known: defaults are the server's, other values are theirs
        ({"f": {"a": 1, "b": 2}}, field("f", 0, {"a": 1}), {"exact": False}, {"f": 0}, []),
        ({"f": {"a": 1, "b": 2}}, field("f", 0, {"a": 1}), {}, {"f": {"a": 1, "b": 2}}, ["f"]),
        ({"f": {"a": 3}}, field("f", 0, {"a": 1}), {"exact": False}, {"f": {"a": 3}}, ["f"]),
        ({"f": 3}, field("f", 0, ABSENT), {"exact": False}, {"f": 3}, ["f"]),
        # a container that the run made: goes when it is empty, stays when others use it
        ({"f": {}}, field("f", ABSENT, {}), {}, {}, []),
        ({"f": []}, field("f", ABSENT, []), {}, {}, []),
        ({"f": {"theirs": 1}}, field("f", ABSENT, {}), {}, {"f": {"theirs": 1}}, []),
        ({"f": {"theirs": 1}}, field("f", ABSENT, {}), {"force": True}, {"f": {"theirs": 1}}, []),
        ({"f": [1]}, field("f", ABSENT, []), {}, {"f": [1]}, []),
        ({"f": {"theirs": 1}}, field("f", 5, {}), {}, {"f": {"theirs": 1}}, ["f"]),
        ({"f": {"theirs": 1}}, field("f", ABSENT, {"a": 1}), {}, {"f": {"theirs": 1}}, ["f"]),
        ({"f": "theirs"}, field("f", ABSENT, {}), {}, {"f": "theirs"}, ["f"]),
    ],
)  # fmt: skip
def test_a_field_is_reverted_while_it_is_the_runs(
    now: Any, change: Change, options: Any, after: Any, kept: Any
) -> None:
    assert undone(now, change, **options) == (after, kept)


C = {"name": "c"}


@pytest.mark.parametrize(
    ("now", "made", "after", "kept"),
    [
        # an item that the run removed comes back at its place
        ([B], [item("a", A, ABSENT, 0)], [A, B], []),
        ([A], [item("b", B, ABSENT, 1)], [A, B], []),
        ([], [item("a", A, ABSENT, 0), item("b", B, ABSENT, 1)], [A, B], []),
        ([C], [item("a", A, ABSENT, 0), item("b", B, ABSENT, 1)], [A, B, C], []),
        # one that it added goes, whatever stands before and after
        ([C, A, B], [item("a", ABSENT, A, 0)], [C, B], []),
        ([C, {"name": "a", "x": 1}], [item("a", ABSENT, A, 0)],
         [C, {"name": "a", "x": 1}], ["l[a]"]),
        ([1, A], [item("a", ABSENT, A, 0)], [1], []),
        # one that someone removed, or changed, is not touched
        ([B], [item("a", ABSENT, A, 0)], [B], []),
        ([{"name": "a", "x": 1}], [item("a", A, ABSENT, 0)], [{"name": "a", "x": 1}], ["l[a]"]),
        # one that the run exchanged
        ([{"name": "a", "x": 2}, B], [item("a", {"name": "a", "x": 1}, {"name": "a", "x": 2}, 0)],
         [{"name": "a", "x": 1}, B], []),
    ],
)  # fmt: skip
def test_an_item_is_reverted_at_its_place(now: Any, made: Any, after: Any, kept: Any) -> None:
    assert undone({"l": now}, *made) == ({"l": after}, kept)


def test_an_item_without_a_place_comes_back_at_the_end() -> None:
    change = Change(path=("l", {"name": "a"}), was=A, set=ABSENT)
    assert undone({"l": [B]}, change) == ({"l": [B, A]}, [])


def test_a_removed_item_comes_back_before_items_that_follow_it() -> None:
    first, second = item("b", B, ABSENT, 1), item("a", A, ABSENT, 0)
    assert undone({"l": [C]}, second, first) == ({"l": [A, B, C]}, [])


@pytest.mark.parametrize(
    ("now", "path", "after"),
    [
        ({}, ("m", "k"), {"m": {"k": 1}}),
        ({"m": "text"}, ("m", "k"), {"m": {"k": 1}}),
        ({}, ("l", {"name": "a"}, "k"), {"l": [{"name": "a", "k": 1}]}),
        ({"l": [B]}, ("l", {"name": "a"}, "k"), {"l": [B, {"name": "a", "k": 1}]}),
        ({"l": [A]}, ("l", {"name": "a"}, "m", "k"), {"l": [{"name": "a", "m": {"k": 1}}]}),
        ({"l": {}}, ("l", "k"), {"l": {"k": 1}}),
    ],
)
def test_by_force_a_field_comes_back_with_what_it_stands_in(
    now: Any, path: Any, after: Any
) -> None:
    assert undone(now, Change(path=path, was=1, set=2), force=True) == (after, [])


@pytest.mark.parametrize(
    ("now", "path", "kept"),
    [
        # the item is gone: nothing of the run is there, but a value was to come back
        ({"l": [B]}, ("l", {"name": "a"}, "k"), ["l[a].k"]),
        ({"l": 5}, ("l", {"name": "a"}, "k"), ["l[a].k"]),
        # the item is there and lacks the field, as the run left it
        ({"l": [A]}, ("l", {"name": "a"}, "k"), []),
        ({"l": "text"}, ("l", "k"), []),
    ],
)
def test_a_field_of_an_item_that_is_gone_is_not_one_that_the_run_removed(
    now: Any, path: Any, kept: Any
) -> None:
    after, left = undone(now, Change(path=path, was=1, set=ABSENT))
    assert left == kept
    assert (after == now) is bool(kept)


def test_a_field_that_was_null_is_not_there_again_because_its_item_is_gone() -> None:
    change = Change(path=("l", {"name": "a"}, "k"), was=None, set=1)
    assert undone({"l": [B]}, change) == ({"l": [B]}, ["l[a].k"])


def test_a_field_that_went_with_its_item_needs_no_undo_when_the_run_added_both() -> None:
    change = Change(path=("l", {"name": "a"}), was=ABSENT, set=A, at=0)
    assert undone({"l": [B]}, change) == ({"l": [B]}, [])


def test_nothing_that_is_given_back_is_shared_with_the_record() -> None:
    was = {"a": 1}
    after, _ = reverted({"f": 2}, [field("f", was, 2)])
    after["f"]["a"] = 7
    assert was == {"a": 1}


def test_a_kept_field_says_all_three_values() -> None:
    kept = Kept(change=field("f", ABSENT, 2), now=3)
    assert str(kept) == "f is 3, and this run set 2 (before: absent)"


@pytest.mark.parametrize(
    ("obj", "manifest", "after"),
    [
        ({"a": 1, "b": 2}, {"b": 3}, {"a": 1, "b": 3}),
        ({"a": 1, "b": 2}, {"b": None}, {"a": 1}),
        ({"a": {"x": 1}}, {"a": {"y": 2}}, {"a": {"x": 1, "y": 2}}),
        ({"a": 1}, {"a": {"y": 2}}, {"a": {"y": 2}}),
        ({"a": {"y": 2}}, {"a": 1}, {"a": 1}),
        ([A, B], [{"name": "b", "x": 1}], [A, {"name": "b", "x": 1}]),
        ([A], [B], [A, B]),
        ([1, 2], [3], [3]),
        ([A, B], [B, A], [B, A]),
        ({"x": 1}, [A], [A]),
        ([A], {"x": 1}, {"x": 1}),
        ([A], None, None),
        (None, [A], [A]),
        (None, {"a": {"b": 1}}, {"a": {"b": 1}}),
    ],
)
def test_a_manifest_adds_replaces_and_removes(obj: Any, manifest: Any, after: Any) -> None:
    assert laid_over(obj, manifest) == after
