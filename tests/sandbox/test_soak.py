"""A short soak: accidents leave no process, address, descriptor, directory or memory behind."""

from __future__ import annotations

from tests.sandbox.soak import PARTS, soak

SECONDS = 15.0
SLACK_DESCRIPTORS = 16
"""Kept-alive connections of the parts among each other: pools of up to twelve."""
SLACK_MIB = dict.fromkeys(PARTS, 16) | {"apiserver": 64}
"""The API server keeps a history of changes for watches, which fills up at first."""


def test_random_accidents_leave_nothing_behind() -> None:
    before, after = soak(SECONDS, seed=7)
    for counted in ("processes", "addresses", "listening"):
        assert after[counted] == before[counted], (counted, before, after)
    assert after["addresses"] == 0
    for part in PARTS:
        grown = after["descriptors"][part] - before["descriptors"][part]
        assert grown <= SLACK_DESCRIPTORS, (part, before, after)
        grown = after["memory"][part] - before["memory"][part]
        assert grown <= SLACK_MIB[part], (part, before, after)
