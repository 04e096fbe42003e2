"""Cases by their values: a grid of two, a table of any other number, in the order of numbers."""

from __future__ import annotations

from dataclasses import replace

from resilience.report.document import document
from resilience.report.page.matrices import matrices
from tests.report.made import WALL, cases, record


def test_two_values_that_vary_make_a_grid() -> None:
    [found] = matrices(document([record(), *cases()], WALL))
    assert (found.rows, found.columns) == (["33%", "100%"], ["0s", "10s"])
    assert found.cells["100%", "0s"][1]["outcome"] == "service failed"
    assert [number for number, _ in found.cells.values()] == [2, 3, 4, 5]


def test_a_value_that_never_varies_is_said_once_and_three_make_a_table() -> None:
    runs = [replace(each, scenario=replace(each.scenario, matrix={
        **each.scenario.matrix, "zone": "a", "size": str(number)}))
        for number, each in enumerate(cases())]  # fmt: skip
    [found] = matrices(document(runs, WALL))
    assert found.fixed == {"zone": "a"}
    assert found.axes == ("share", "grace", "size")
    assert found.cells == {}
    assert [run["scenario"]["matrix"]["grace"] for _, run in found.cases] == [
        "0s", "10s", "0s", "10s",
    ]  # fmt: skip


def test_one_case_alone_is_no_matrix() -> None:
    assert matrices(document([cases()[0], record()], WALL)) == []
