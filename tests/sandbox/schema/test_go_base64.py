"""base64 as Go's decoder reads it; where it stops was asked of Go itself."""

from __future__ import annotations

import pytest

from resilience.sandbox.schema.go_base64 import illegal_at


@pytest.mark.parametrize(
    "text", ["", "Zm9v", "Zm8=", "Zg==", "Zm9\nv", "Zg=\n=", "Zg\r\n==\n", "Zh=="]
)
def test_what_go_reads(text: str) -> None:
    assert illegal_at(text) is None


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("Zm9v=", 4),
        ("Zm8", 0),
        ("Zm9vYm\n", 5),
        ("Zm-_", 2),
        ("Zm9v YmFy", 4),
        (" Zm9v", 0),
        ("Z===", 1),
        ("Zg=", 3),
        ("Zg=\n", 4),
        ("Zg=a", 2),
        ("Zg=\na", 3),
        ("Zg==x", 4),
        ("Zm8=\nx", 5),
        ("Zm9v=YmFy", 4),
        ("Zm9vé", 4),
    ],
)
def test_where_go_stops(text: str, at: int) -> None:
    assert illegal_at(text) == at
