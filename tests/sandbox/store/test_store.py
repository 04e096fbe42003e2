"""The store: one version for all, commit order, indexes, history."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.sandbox.kube.api import Change, Resource
from resilience.sandbox.store.history import FRESH
from resilience.sandbox.store.store import Store

PODS = Resource("", "v1", "pods", "Pod", True)
MAPS = Resource("", "v1", "configmaps", "ConfigMap", True)


def obj(name: str, namespace: str = "a", node: str = "", owners: tuple[str, ...] = ()) -> Any:
    references = [{"uid": uid} for uid in owners]
    return {
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "ownerReferences": references},
        "spec": {"nodeName": node},
    }


def test_every_write_of_any_kind_gets_a_higher_version() -> None:
    store = Store()
    versions = [store.put(kind, obj("x")).version for kind in (PODS, MAPS, PODS)]
    assert versions == sorted(set(versions))
    assert store.remove(PODS, ("a", "x"))["metadata"]["resourceVersion"] == str(store.version)


def test_subscribers_see_a_callback_write_after_the_change_that_caused_it() -> None:
    store = Store()
    seen: list[Change] = []
    late: list[Change] = []

    def first(change: Change) -> None:
        seen.append(change)
        if change.obj["metadata"]["name"] == "x":
            store.put(PODS, obj("caused"))

    store.subscribe(PODS, first)
    store.subscribe(PODS, late.append)
    store.put(PODS, obj("x"))
    for order in (seen, late):
        assert [change.obj["metadata"]["name"] for change in order] == ["x", "caused"]


def test_a_cancelled_subscriber_hears_nothing_more() -> None:
    store = Store()
    seen: list[Change] = []
    cancel = store.subscribe(PODS, seen.append)
    cancel()
    store.put(PODS, obj("x"))
    assert seen == []


def test_indexes_follow_moves_and_removals() -> None:
    store = Store()
    table = store.table(PODS)
    store.put(PODS, obj("x", node="n1", owners=("u1",)))
    store.put(PODS, obj("x", node="n2", owners=("u1", "u2")))
    assert "n1" not in table.by_node
    assert list(table.by_node["n2"]) == [("a", "x")]
    assert list(table.by_owner["u2"]) == [("a", "x")]
    store.remove(PODS, ("a", "x"))
    assert not table.by_node
    assert not table.by_owner


def test_a_watch_resumes_from_what_was_packed_long_ago() -> None:
    store = Store()
    first = store.put(PODS, obj("x", node="n1")).version
    seen: list[Change] = []
    store.subscribe(PODS, seen.append)
    for number in range(3 * FRESH):
        store.put(PODS, obj("x", node=f"n{number}"))
    store.remove(PODS, ("a", "x"))
    assert list(store.table(PODS).after(first)) == seen
    assert list(store.table(PODS).after(seen[99].version)) == seen[100:]


def test_old_changes_take_a_small_part_of_what_their_objects_would() -> None:
    store = Store()
    big = {f"key-{number}": {"value": str(number)} for number in range(100)}
    tracemalloc.start()
    for _ in range(1000):
        store.put(MAPS, {**obj("x"), "data": json.loads(json.dumps(big))})
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 5 << 20  # of the 20 MiB that a thousand of them take


def test_history_is_bounded_and_says_what_was_lost() -> None:
    store = Store(history=3)
    versions = [store.put(PODS, obj(f"p{number}")).version for number in range(5)]
    table = store.table(PODS)
    assert table.lost == versions[1]
    assert [change.version for change in table.after(versions[2])] == versions[3:]


def test_the_bytes_of_a_record_are_made_once() -> None:
    record = Store().put(PODS, obj("x"))
    assert record.body is record.body


@given(st.sets(st.tuples(st.sampled_from(["a", "a-b", "b"]), st.text("ab-0", min_size=1))))
def test_a_namespace_scope_is_exactly_its_keys_in_order(keys: set[tuple[str, str]]) -> None:
    store = Store()
    for namespace, name in keys:
        store.put(PODS, obj(name, namespace))
    table = store.table(PODS)
    assert list(table.scope(None)) == sorted(keys)
    for namespace in ("a", "a-b", "b"):
        assert list(table.scope(namespace)) == sorted(key for key in keys if key[0] == namespace)


def test_removing_what_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError):
        Store().remove(PODS, ("a", "x"))
