"""Runs that never were, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from resilience.report.digest import Number, Past

START = 1_790_000_000.0
DAY = 86400.0


def past(index: int, outcome: str = "passed", *, value: float = 1.0, figure: str = "recovery",
         **more: Any) -> Past:  # fmt: skip
    """The run of one day, with one number."""
    numbers = (Number(name="web.recovery", figure=figure, value=value, limit=30.0,
                      result="failed" if outcome == "service failed" else "passed"),)  # fmt: skip
    given: dict[str, Any] = {
        "run": f"{index:06x}-000000", "scenario": "lose-one", "label": "web loses one Pod",
        "file": "scenarios/web.scenario.yaml", "cluster": "prod", "outcome": outcome,
        "verdict": "", "started": START + index * DAY, "seconds": 9.0,
        "commit": f"{index:040x}", "numbers": numbers,
    }  # fmt: skip
    return Past(**{**given, **more})


def series(values: Sequence[float], **more: Any) -> list[Past]:
    """A passed run for each value."""
    return [past(index, value=value, **more) for index, value in enumerate(values)]


def outcomes(letters: str, **more: Any) -> list[Past]:
    """`p` passed, `f` failed, `n` not measured."""
    words = {"p": "passed", "f": "service failed", "n": "not measured"}
    return [past(index, words[letter], **more) for index, letter in enumerate(letters)]
