"""The cases of one scenario by the values of its matrix.

If two values vary, the cases form a grid; otherwise a table with a column for each value. A value
that is the same in all cases is printed once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from resilience.report.shape import ReportJson, RunJson
from resilience.report.wording import on

Case = tuple[int, RunJson]
"""A run and its number on the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """`axes` are the names of the values that vary, `fixed` the names of the others. `rows` and
    `columns` are the values of two axes, `cells` the cases by (row, column); all three empty for a
    table."""

    title: str
    axes: tuple[str, ...]
    fixed: dict[str, str]
    cases: list[Case]
    rows: list[str]
    columns: list[str]
    cells: dict[tuple[str, str], Case]


def matrices(report: ReportJson) -> list[Matrix]:
    """Each scenario with at least two cases, in the order of the report."""
    groups: dict[tuple[str, int, str], list[Case]] = {}
    for number, run in enumerate(report["runs"], 1):
        scenario = run["scenario"]
        if scenario["matrix"] and not run["again"]:
            key = scenario["file"], scenario["line"], _member(run)
            groups.setdefault(key, []).append((number, run))
    return [_matrix(cases) for cases in groups.values() if len(cases) > 1]


def _matrix(cases: Sequence[Case]) -> Matrix:
    values: dict[str, list[str]] = {}
    for _, run in cases:
        for name, value in run["scenario"]["matrix"].items():
            values.setdefault(name, []).append(value)
    axes = tuple(name for name, each in values.items() if len(set(each)) > 1)
    fixed = {name: each[0] for name, each in values.items() if name not in axes}
    rows = columns = list[str]()
    cells: dict[tuple[str, str], Case] = {}
    if len(axes) == 2:
        rows, columns = (sorted(set(values[axis]), key=_natural) for axis in axes)
        for case in cases:
            matrix = case[1]["scenario"]["matrix"]
            cells[matrix.get(axes[0], ""), matrix.get(axes[1], "")] = case
    ordered = sorted(
        cases, key=lambda each: [_natural(each[1]["scenario"]["matrix"].get(a, "")) for a in axes]
    )
    return Matrix(
        title=on(cases[0][1]["scenario"]["title"], _member(cases[0][1])),
        axes=axes,
        fixed=fixed,
        cases=ordered,
        rows=rows,
        columns=columns,
        cells=cells,
    )


def _member(run: RunJson) -> str:
    return str(run["environment"].get("member", ""))


def _natural(text: str) -> list[tuple[int, float, str]]:
    """A sort key with 2 before 10, also within text such as `2s` and `10s`."""
    parts = re.split(r"([0-9]+(?:\.[0-9]+)?)", text)
    return [(0, float(part), "") if index % 2 else (1, 0.0, part)
            for index, part in enumerate(parts) if part]  # fmt: skip
