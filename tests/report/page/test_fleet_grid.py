"""Scenarios by clusters, as a person looks at them."""

from __future__ import annotations

from collections.abc import Sequence

from resilience.report.page.fleet_grid import MOST_COLUMNS, Cell, Grid, grid


def cells(scenarios: int, clusters: int) -> list[Cell]:
    return [
        Cell(key=s, label=f"s{s}", cluster=f"c{c:02}", outcome="passed", number=s * clusters + c)
        for s in range(scenarios)
        for c in range(clusters)
    ]


def made(found: Sequence[Cell]) -> Grid:
    whole = grid(found)
    assert whole is not None
    return whole


def test_one_cluster_needs_no_grid() -> None:
    assert grid(cells(3, 1)) is None
    assert grid([]) is None


def test_a_fleet_of_few_clusters_has_them_as_columns() -> None:
    found = made(cells(2, 3))
    assert (found.rows, found.columns) == (["s0", "s1"], ["c00", "c01", "c02"])
    assert found.cells["s1", "c02"].number == 5


def test_a_fleet_of_many_clusters_has_them_as_rows() -> None:
    found = made(cells(2, MOST_COLUMNS + 1))
    assert found.columns == ["s0", "s1"]
    assert len(found.rows) == MOST_COLUMNS + 1
    assert found.cells["c08", "s1"].number == 17
    assert found.corner == "cluster \\ scenario"


def test_a_scenario_that_did_not_run_on_a_cluster_has_no_cell_there() -> None:
    found = made(cells(2, 2)[:-1])
    assert ("s1", "c01") not in found.cells


def test_scenarios_of_one_name_stay_two() -> None:
    twins = [
        Cell(key=(file, "a"), label="a", cluster=cluster, outcome="passed", number=1)
        for file in ("x", "y")
        for cluster in ("eu", "us")
    ]
    assert made(twins).rows == ["a", "a (2)"]
    assert len(made(twins).cells) == 4
