"""Moves scenarios that share `given` next to each other, so that it is set up once for all of them.

Files in alphabetical order, and plugins that shuffle tests, put others in between. The first of
each group stays where it is, and the others follow it in the order that they had, except that those
after which `given` has to be set up again come last. Tests in Python and scenarios that share
nothing keep their order. Each worker of pytest-xdist moves them alike.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from resilience.harness.items import ScenarioItem
from resilience.model.scenario import flattened


def gather(items: list[pytest.Item]) -> None:
    """Reorder `items` in place."""
    groups = _groups(items)
    members = {id(item) for group in groups for item in group}
    first = {id(group[0]): sorted(group, key=_spoils_given) for group in groups}
    items[:] = [
        each
        for item in items
        if id(item) in first or id(item) not in members
        for each in first.get(id(item), (item,))
    ]


def _groups(items: Iterable[pytest.Item]) -> list[list[ScenarioItem]]:
    """Items that may use one `given`: of one folder and one cluster."""
    groups: list[list[ScenarioItem]] = []
    for item in items:
        if not isinstance(item, ScenarioItem) or not item.scenario.shares_given:
            continue
        mine = next((group for group in groups if _together(group[0], item)), None)
        if mine is None:
            groups.append([item])
        else:
            mine.append(item)
    return groups


def _together(one: ScenarioItem, other: ScenarioItem) -> bool:
    return one.member == other.member and one.scenario.same_given(other.scenario)


def _spoils_given(item: ScenarioItem) -> bool:
    return any(step.verb.spoils_given for step in flattened(item.scenario.when))
