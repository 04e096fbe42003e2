"""What the page shows of a long list: a run may have tens of thousands of Events or victims, and a
browser has to open the page. `report.json` has everything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from resilience.report.shape import EntryJson, RunJson, StepJson

MOST = 600
"""Rows of one table."""

MOST_NAMED = 60
"""Steps in the key to the charts."""

QUIET = {"watch", "call"}
"""Kinds of entries that the page leaves out."""

Item = TypeVar("Item")


def timeline(run: RunJson) -> list[EntryJson]:
    """The entries that are shown to people: Events are left out first, warnings last."""
    told = [entry for entry in run["timeline"] if entry["what"] not in QUIET]
    return selection(told, _weight)


def steps(run: RunJson) -> list[StepJson]:
    """Those that did not pass are left out last."""
    return selection(run["steps"], lambda step: int(step["result"] != "passed"))


def selection(
    items: Sequence[Item], weight: Callable[[Item], int] = lambda item: 0, most: int = MOST
) -> list[Item]:
    """At most so many, in their order: the weightiest, and of equal ones the first and the last."""
    left, chosen = most, list[int]()
    for level in sorted({weight(each) for each in items}, reverse=True):
        mine = [number for number, each in enumerate(items) if weight(each) == level]
        chosen += _ends(mine, left)
        left = most - len(chosen)
    return [items[number] for number in sorted(chosen)]


def _weight(entry: EntryJson) -> int:
    if entry["what"] != "event":
        return 2
    return int(entry["facts"].get("type") == "Warning")


def _ends(numbers: Sequence[int], most: int) -> Sequence[int]:
    if len(numbers) <= most:
        return numbers
    last = most // 2
    return [*numbers[: most - last], *numbers[len(numbers) - last :]]
