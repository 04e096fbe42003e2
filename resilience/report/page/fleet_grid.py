"""Scenarios by clusters: the table that shows the whole fleet. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

MOST_COLUMNS = 8
"""Beyond, clusters are rows if there are fewer scenarios."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One scenario on one cluster. `key` tells scenarios apart, `number` is its place on a page."""

    key: Hashable
    label: str
    cluster: str
    outcome: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """`corner` names the rows and columns; a missing cell means that nothing was to run there."""

    corner: str
    rows: Sequence[str]
    columns: Sequence[str]
    cells: dict[tuple[str, str], Cell]


def grid(found: Iterable[Cell]) -> Grid | None:
    """None unless there are two clusters. A later cell of a scenario and a cluster counts."""
    cells = [*found]
    clusters = sorted({each.cluster for each in cells})
    if len(clusters) < 2:
        return None
    labels = _labels(cells)
    across = len(clusters) <= MOST_COLUMNS or len(clusters) <= len(labels)
    by_place = {(labels[each.key], each.cluster): each for each in cells}
    scenarios = [*labels.values()]
    return Grid(
        corner="scenario \\ cluster" if across else "cluster \\ scenario",
        rows=scenarios if across else clusters,
        columns=clusters if across else scenarios,
        cells=by_place if across else {(b, a): each for (a, b), each in by_place.items()},
    )


def _labels(cells: Sequence[Cell]) -> dict[Hashable, str]:
    """The name of each scenario; a name that several share is numbered."""
    labels: dict[Hashable, str] = {}
    for each in cells:
        if each.key in labels:
            continue
        name, number = each.label, 1
        while name in labels.values():
            number += 1
            name = f"{each.label} ({number})"
        labels[each.key] = name
    return labels
