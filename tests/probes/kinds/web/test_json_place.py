"""Places in a JSON document as people write them."""

from __future__ import annotations

import pytest

from resilience.probes.kinds.web.json_place import steps


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("status", ["status"]),
        ("items[0].name", ["items", 0, "name"]),
        ("[2]", [2]),
        ("a.b-c.$d", ["a", "b-c", "$d"]),
        ("", None),
        (".a", None),
        ("a..b", None),
        ("a[", None),
        ("a[x]", None),
        ("a[-1]", None),
        ("[0]a", None),
        ("a b", None),
    ],
)
def test_a_place_is_keys_and_indexes(text: str, expected: list[str | int] | None) -> None:
    assert steps(text) == expected
