"""Each line once, whatever is repeated; stamps as runtimes write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resilience.probes.kinds.logs.log_lines import LONGEST, Lines

A = b"2026-03-01T10:00:00.100000000Z "
B = b"2026-03-01T10:00:00.200000000Z "
C = b"2026-03-01T10:00:01Z "


def texts(lines: Lines, *raws: bytes) -> list[str]:
    return [found.text for raw in raws if (found := lines.take(raw))]


def test_what_a_second_stream_repeats_is_passed_over() -> None:
    lines = Lines()
    assert texts(lines, A + b"one", B + b"two") == ["one", "two"]
    assert lines.since == "2026-03-01T10:00:00Z"
    assert texts(lines, A + b"one", B + b"two", B + b"three", C + b"four") == ["three", "four"]
    assert texts(lines, B + b"three", C + b"four") == []
    assert lines.count == 4


@pytest.mark.parametrize(
    ("stamp", "at"),
    [
        (b"1970-01-01T00:00:10Z ", 10.0),
        (b"1970-01-01T00:00:10.5Z ", 10.5),
        (b"1970-01-01T02:00:10.250000000+02:00 ", 10.25),
    ],
)
def test_a_stamp_is_read_in_every_zone(stamp: bytes, at: float) -> None:
    found = Lines().take(stamp + b"x")
    assert found is not None
    assert abs(found.at - at) < 1e-6
    assert found.text == "x"


@pytest.mark.parametrize(
    "raw", [b"", b"unable to retrieve container logs for x", b"\xff\xfe", b"12"]
)
def test_what_has_no_stamp_is_no_line_of_the_container(raw: bytes) -> None:
    assert Lines().take(raw) is None


def test_a_line_without_end_is_cut() -> None:
    found = Lines().take(A + b"x" * (1 << 20))
    assert found is not None
    assert len(found.text) <= LONGEST


@given(st.lists(st.sampled_from([A + b"1", A + b"2", B + b"1", C + b"1"]), max_size=12))
def test_no_line_comes_twice_whatever_the_order(raws: list[bytes]) -> None:
    lines = Lines()
    taken = [raw for raw in raws if lines.take(raw)]
    assert len(taken) == len(set(taken)) == lines.count
