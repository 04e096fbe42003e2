"""Whether a write may add an owner, by which the garbage collector deletes the object."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.cluster.permit.consent_keys import (
    CONSENT,
    PROTECTED,
    adds_owner,
    altered,
    changed,
    closed_systems,
)

OWNER = {"kind": "ConfigMap", "name": "a", "uid": "u"}
OTHER = {**OWNER, "uid": "v"}


def owned(*owners: Any) -> dict[str, Any]:
    return {"metadata": {"ownerReferences": list(owners)}}


@pytest.mark.parametrize(
    ("there", "body", "adds"),
    [
        (None, owned(OWNER), True),
        (owned(), owned(OWNER), True),
        (owned(OWNER), owned(OWNER, OTHER), True),
        (owned(OWNER), owned(OWNER), False),
        (owned(OWNER), owned(), False),
        (owned(OWNER), {"metadata": {"ownerReferences": None}}, False),
        (owned(OWNER), {"metadata": None}, False),
        (owned(), None, False),
        (owned(), [{"op": "add", "path": "/metadata/ownerReferences/-", "value": OWNER}], True),
        (owned(), [{"op": "replace", "path": "/metadata/ownerReferences", "value": []}], True),
        (owned(), [{"op": "test", "path": "/metadata/ownerReferences", "value": []}], False),
        (owned(), [{"op": "add", "path": "/metadata/labels/a", "value": "b"}], False),
        (owned(), ["text", {"op": "add"}], False),
    ],
)
def test_a_write_may_add_an_owner(there: Any, body: Any, adds: bool) -> None:
    assert adds_owner(there, body) is adds


def test_an_operation_on_a_parent_is_named() -> None:
    for path, said in (("", "the whole object"), ("/metadata/labels", "/metadata/labels"),
                       ("/metadata/labels/resilience~1consent", CONSENT)):  # fmt: skip
        assert changed({}, ["text", {"op": "replace", "path": path}], (), "patch") == [said]


@pytest.mark.parametrize(
    ("named", "open_ones"),
    [((), ()), (("kube-system",), ("kube-system",)), (("shop", "kube-*", "*"), ())],
)
def test_pods_of_a_system_namespace_are_evicted_only_where_a_target_names_it(
    named: tuple[str, ...], open_ones: tuple[str, ...]
) -> None:
    assert closed_systems(named) == PROTECTED - set(open_ones)


@pytest.mark.parametrize("metadata", [None, {"$patch": "replace"}, {"labels": None}])
def test_what_replaces_the_whole_alters_it(metadata: Any) -> None:
    there = {"metadata": {"labels": {"a": "b"}}}
    assert altered(there, {"metadata": metadata}, "patch")
    assert altered(there, {}, "patch") == []
