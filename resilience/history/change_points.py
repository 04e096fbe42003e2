"""Finds where the level of a series changed permanently. Pure.

Pettitt's test (Pettitt 1979, "A non-parametric approach to the change-point problem") compares the
ranks before and after each moment: no assumption about the distribution, and a few wild values do
not matter. Found points split the series, and each part is tested again. A change is only marked
if the medians also differ by enough for a person to care.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

LEAST = 5
"""Minimum number of values on each side; fewer could be chance."""
CHANCE = 0.001
"""A series without a change is marked with at most this probability, approximately."""
ENOUGH = 0.1
"""Minimum change as a share of the larger median; a smaller one is not worth reporting."""


@dataclass(frozen=True, slots=True)
class Change:
    """The level changes from `before` to `after` at value `at`."""

    at: int
    before: float
    after: float

    @property
    def ratio(self) -> float:
        """The ratio of after to before; infinite if before is zero."""
        return self.after / self.before if self.before else math.inf


def changes(values: Sequence[float], *, floor: float = 0.0) -> list[Change]:
    """In order. Medians that differ by less than `floor` count as equal, whatever their ratio."""
    edges = sorted(_split(values, 0, len(values), floor))
    if not edges:
        return []
    bounds = [0, *edges, len(values)]
    levels = [median(values[a:b]) for a, b in pairwise(bounds)]
    return [Change(at, levels[index], levels[index + 1]) for index, at in enumerate(edges)]


def _split(values: Sequence[float], start: int, end: int, floor: float) -> list[int]:
    found: list[int] = []
    work = [(start, end)]
    while work:
        low, high = work.pop()
        at = _point(values[low:high])
        if at is None:
            continue
        before, after = median(values[low : low + at]), median(values[low + at : high])
        if abs(before - after) <= max(floor, ENOUGH * max(abs(before), abs(after))):
            continue
        found.append(low + at)
        work += [(low, low + at), (low + at, high)]
    return found


def _point(values: Sequence[float]) -> int | None:
    """The first index of the second part, None without a change."""
    count = len(values)
    if count < 2 * LEAST:
        return None
    total, best, at = 0.0, 0.0, 0
    for index, rank in enumerate(_ranks(values), 1):
        total += rank
        away = abs(2 * total - index * (count + 1))
        if LEAST <= index <= count - LEAST and away > best:
            best, at = away, index
    chance = 2 * math.exp(-6 * best**2 / (count**3 + count**2))
    return at if chance < CHANCE else None


def _ranks(values: Sequence[float]) -> list[float]:
    """Ranks from 1; equal values share their mean rank."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and values[order[end]] == values[order[start]]:
            end += 1
        for place in order[start:end]:
            ranks[place] = (start + end + 1) / 2
        start = end
    return ranks
