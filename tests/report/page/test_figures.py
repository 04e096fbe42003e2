"""One number for each column: the worst counts, and a missed one before a worse-looking one."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from resilience.model.finding import Figure, Finding, Result, Unit
from resilience.report.document import document, run
from resilience.report.page.figures import NONE, columns, shown
from tests.report.made import WALL, drill, record


def test_each_number_is_shown_with_its_objective() -> None:
    found = shown(run(record(broken=False)))
    assert {key: (one.text, one.limit, one.note) for key, one in found.items()} == {
        "availability": ("100%", "≥ 99%", ""),
        "longest outage": ("none", "≤ 2s", ""),
        "recovery": ("1.9s", "≤ 30s", ""),
        "latency": ("5ms", "≤ 300ms", "p95"),
    }


def test_columns_are_those_that_some_run_has() -> None:
    report = document([record(), drill()], WALL)
    assert columns(report) == ["availability", "longest outage", "recovery", "latency", "rto"]


@pytest.mark.parametrize("values", [(0, 3), (3, 0)])
def test_of_several_findings_the_worst_is_the_figure(values: tuple[int, int]) -> None:
    lost = [Finding(name=f"{name}.lost", figure=Figure.LOST, subject=name, value=float(value),
                    limit=0.0, unit=Unit.COUNT,
                    result=Result.FAILED if value else Result.PASSED)
            for name, value in zip(("orders", "carts"), values, strict=True)]  # fmt: skip
    one = shown(run(replace(record(False), findings=lost)))["lost writes"]
    assert (one.text, one.result) == ("3", "failed")
    assert one.note in ("orders", "carts")


def test_a_missed_objective_outranks_a_worse_value_that_was_allowed() -> None:
    missed = Finding(name="a", figure=Figure.RECOVERY, subject="a", value=2.0, limit=1.0,
                     result=Result.FAILED, unit=Unit.SECONDS)  # fmt: skip
    allowed = replace(missed, name="b", subject="b", value=9.0, limit=30.0, result=Result.PASSED)
    assert shown(run(replace(record(False), findings=[allowed, missed])))["recovery"].text == "2s"


def test_what_was_not_measured_has_no_number() -> None:
    blind = Finding(name="rpo", figure=Figure.RPO, result=Result.NOT_MEASURED, unit=Unit.SECONDS)
    one = shown(run(replace(record(False), findings=[blind])))["rpo"]
    assert (one.text, one.spark) == (NONE, "")


def test_every_sparkline_is_well_formed() -> None:
    for made in (record(), record(False), drill(), drill(90.0)):
        for one in shown(run(made)).values():
            assert len(ElementTree.fromstring(one.spark)) >= 1, one.key
