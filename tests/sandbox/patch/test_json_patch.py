"""JSON patch: the examples of RFC 6902, appendix A, and refusals."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.sandbox.patch import json_patch
from resilience.sandbox.patch.json_patch import MalformedPatch, PatchError


@pytest.mark.parametrize(
    ("document", "operation", "expected"),
    [
        ({"foo": "bar"}, {"op": "add", "path": "/baz", "value": "q"}, {"foo": "bar", "baz": "q"}),
        (
            {"foo": ["a", "c"]},
            {"op": "add", "path": "/foo/1", "value": "b"},
            {"foo": ["a", "b", "c"]},
        ),
        ({"foo": ["a"]}, {"op": "add", "path": "/foo/-", "value": "b"}, {"foo": ["a", "b"]}),
        ({"a": 1, "b": 2}, {"op": "remove", "path": "/a"}, {"b": 2}),
        ({"foo": ["a", "b"]}, {"op": "remove", "path": "/foo/0"}, {"foo": ["b"]}),
        ({"a": 1}, {"op": "replace", "path": "/a", "value": 2}, {"a": 2}),
        (
            {"a": {"x": 1}, "b": {}},
            {"op": "move", "from": "/a/x", "path": "/b/y"},
            {"a": {}, "b": {"y": 1}},
        ),
        ({"a": [1]}, {"op": "copy", "from": "/a", "path": "/b"}, {"a": [1], "b": [1]}),
        ({"/": 9, "~1": 10}, {"op": "test", "path": "/~01", "value": 10}, {"/": 9, "~1": 10}),
        ({"a": 1}, {"op": "add", "path": "", "value": {"b": 1}}, {"b": 1}),
        ({"a": None}, {"op": "test", "path": "/a", "value": None}, {"a": None}),
    ],
)
def test_the_operations_of_a_json_patch_follow_rfc_6902(
    document: Any, operation: Any, expected: Any
) -> None:
    assert json_patch.apply(document, [operation]) == expected


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "add", "path": "/a/b", "value": 1},
        {"op": "remove", "path": "/x"},
        {"op": "replace", "path": "/x", "value": 1},
        {"op": "test", "path": "/l/0", "value": 2},
        {"op": "test", "path": "/t", "value": 1},
        {"op": "add", "path": "/l/7", "value": 1},
        {"op": "add", "path": "/l/01x", "value": 1},
        {"op": "move", "from": "/x", "path": "/y"},
    ],
)
def test_what_does_not_apply_is_a_patch_error(operation: Any) -> None:
    with pytest.raises(PatchError):
        json_patch.apply({"a": 1, "l": [1], "t": True}, [operation])


@pytest.mark.parametrize(
    "patch",
    [
        {},
        None,
        [1],
        [{"path": "/a"}],
        [{"op": "add", "path": "a", "value": 1}],
        [{"op": "add", "path": "/a"}],
        [{"op": "fly", "path": "/a"}],
        [{"op": "move", "path": "/a"}],
        [{"op": "remove", "path": "/a"}] * 10_001,
    ],
)
def test_what_is_no_patch_is_malformed(patch: Any) -> None:
    with pytest.raises(MalformedPatch):
        json_patch.apply({"a": 1}, patch)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=8,
)


@given(json_values, json_values)
def test_an_arbitrary_patch_is_applied_or_refused(document: Any, patch: Any) -> None:
    try:
        json_patch.apply(document, patch)
    except PatchError:
        pass
