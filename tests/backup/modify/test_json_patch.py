"""JSON Patch as RFC 6902 has it, with the examples of its appendix A."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from resilience.backup.modify.json_patch import PatchFailed, patched

DOCUMENT: dict[str, Any] = {"foo": "bar", "list": ["a", "b"], "deep": {"x/y": 1, "m~n": 2}}


def op(name: str, path: str, **more: Any) -> dict[str, Any]:
    return {"op": name, "path": path, **more}


@pytest.mark.parametrize(
    ("patch", "path", "value"),
    [
        (op("add", "/baz", value="qux"), "baz", "qux"),
        (op("add", "/list/1", value="c"), "list", ["a", "c", "b"]),
        (op("add", "/list/-", value="c"), "list", ["a", "b", "c"]),
        (op("add", "/list/2", value="c"), "list", ["a", "b", "c"]),
        (op("add", "/foo", value=None), "foo", None),
        (op("remove", "/list/0"), "list", ["b"]),
        (op("replace", "/foo", value={"a": 1}), "foo", {"a": 1}),
        (op("replace", "/deep/x~1y", value=5), "deep", {"x/y": 5, "m~n": 2}),
        (op("remove", "/deep/m~0n"), "deep", {"x/y": 1}),
        ({**op("move", "/list/1"), "from": "/list/0"}, "list", ["b", "a"]),
        ({**op("copy", "/list/-"), "from": "/foo"}, "list", ["a", "b", "bar"]),
        (op("test", "/list/1", value="b"), "foo", "bar"),
    ],
)
def test_each_operation_does_what_the_rfc_says(
    patch: dict[str, Any], path: str, value: object
) -> None:
    before = copy.deepcopy(DOCUMENT)
    assert patched(DOCUMENT, [patch])[path] == value
    assert before == DOCUMENT


@pytest.mark.parametrize(
    "patch",
    [
        op("remove", "/none"),
        op("replace", "/none", value=1),
        op("add", "/none/x", value=1),
        op("add", "/list/3", value=1),
        op("add", "/list/01", value=1),
        op("add", "/list/x", value=1),
        op("remove", "/list/-"),
        op("replace", "/foo/bar", value=1),
        op("test", "/foo", value="baz"),
        op("test", "/deep/x~1y", value=True),
        op("test", "/list", value=["a"]),
        {**op("move", "/deep/in"), "from": "/deep"},
        {**op("copy", "/x"), "from": "/none"},
        op("add", "no-pointer", value=1),
    ],
)
def test_what_does_not_fit_changes_nothing(patch: dict[str, Any]) -> None:
    before = copy.deepcopy(DOCUMENT)
    with pytest.raises(PatchFailed):
        patched(DOCUMENT, [op("add", "/first", value=1), patch])
    assert before == DOCUMENT


JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.text(max_size=3),
    lambda inner: (
        some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(JSON, some.text(max_size=8), JSON)
def test_any_pointer_into_anything_is_an_answer(document: Any, text: str, value: Any) -> None:
    for name in ("add", "replace", "remove", "test"):
        before = copy.deepcopy(document)
        try:
            patched(document, [op(name, text, value=value)])
        except PatchFailed:
            pass
        assert before == document


@given(some.dictionaries(some.text(max_size=3), JSON, max_size=3), some.text(max_size=3), JSON)
def test_what_was_added_passes_its_test_and_goes_again(
    document: dict[str, Any], key: str, value: Any
) -> None:
    path = "/" + key.replace("~", "~0").replace("/", "~1")
    added = patched(document, [op("add", path, value=value), op("test", path, value=value)])
    assert added[key] == value or value != value
    assert key not in patched(added, [op("remove", path)])
