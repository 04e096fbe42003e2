"""JSON merge patch: the examples of RFC 7386, appendix A, and sharing."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.patch import merge


@pytest.mark.parametrize(
    ("target", "patch", "expected"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a"], ["c"], ["c"]),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_patch_gives_the_results_of_rfc_7386(
    target: Any, patch: Any, expected: Any
) -> None:
    assert merge.apply(target, patch) == expected


def test_the_target_is_not_changed_and_untouched_parts_are_shared() -> None:
    target = {"keep": {"x": 1}, "change": {"y": 1}}
    out = merge.apply(target, {"change": {"y": 2}})
    assert target["change"] == {"y": 1}
    assert out["keep"] is target["keep"]
