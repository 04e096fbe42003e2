"""Decides which scenarios must not run at the same time. Pure.

Scenarios that act in a common namespace form one group, transitively, and a group is executed by
one worker, one scenario after the other. A scenario that changes nodes, objects outside of
namespaces, or namespaces that are only known later may disturb every other measurement, so it runs
alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from resilience.model.step_reach import Reach

ALONE = "resilience: alone"
"""The group of scenarios that run alone."""


def grouped(reaches: Mapping[str, Reach]) -> dict[str, str]:
    """Item to group. Items that act on nothing are in no group: they may run anywhere."""
    groups: dict[str, str] = {}
    shared: list[tuple[set[str], set[str]]] = []  # namespaces, items
    for item, reach in reaches.items():
        if _disturbs(reach):
            groups[item] = ALONE
        elif reach.namespaces:
            _join(shared, set(reach.namespaces), item)
    for namespaces, items in shared:
        name = "resilience: " + ", ".join(sorted(namespaces))
        groups |= dict.fromkeys(items, name)
    return groups


def grouped_in_fleet(fleet: Mapping[str, Mapping[str, Reach]]) -> dict[str, str]:
    """Groups the items of each cluster of a fleet separately. Where anything must run alone, a
    cluster's items form one group: it is alone there, and no other cluster waits for it."""
    groups: dict[str, str] = {}
    for member, reaches in fleet.items():
        inside = grouped(reaches)
        if ALONE in inside.values():
            inside = dict.fromkeys(reaches, ALONE)
        groups |= {item: f"{name} on {member}" for item, name in inside.items()}
    return groups


def _disturbs(reach: Reach) -> bool:
    return bool(reach.nodes or reach.cluster_scoped or reach.selected)


def _join(shared: list[tuple[set[str], set[str]]], namespaces: set[str], item: str) -> None:
    """Merge all groups that have one of these namespaces."""
    items = {item}
    for other in [one for one in shared if _meet(one[0], namespaces)]:
        shared.remove(other)
        namespaces |= other[0]
        items |= other[1]
    shared.append((namespaces, items))


def _meet(left: Iterable[str], right: Iterable[str]) -> bool:
    return any(_same(one, other) for one in left for other in right)


def _same(one: str, other: str) -> bool:
    """Two patterns count as overlapping, since it is unknown here whether any namespace matches
    both."""
    if _is_pattern(one) and _is_pattern(other):
        return True
    return fnmatchcase(one, other) or fnmatchcase(other, one)


def _is_pattern(text: str) -> bool:
    return bool(set(text) & set("*?["))
