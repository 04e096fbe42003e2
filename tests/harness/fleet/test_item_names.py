"""A cluster in the name of an item."""

from __future__ import annotations

import pytest

from resilience.harness.fleet.item_names import named


@pytest.mark.parametrize(
    ("identity", "member", "expected"),
    [
        ("a", "", "a"),
        ("a", "eu", "a[cluster=eu]"),
        ("a[share=33%,grace=0s]", "eu", "a[share=33%,grace=0s,cluster=eu]"),
        ("a[share=33%]", "", "a[share=33%]"),
    ],
)
def test_it_stands_behind_the_values_of_the_matrix(
    identity: str, member: str, expected: str
) -> None:
    assert named(identity, member) == expected
