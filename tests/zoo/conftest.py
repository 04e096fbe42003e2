"""`--zoo-rounds N`: all services N times, and the confusion matrix at the end.

`--zoo-workers N` runs N scenarios at a time, `--zoo-busy N` lets N processes that never sleep run
next to them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pytest

from tests.zoo.expected import services


@dataclass(slots=True)
class Matrix:
    """Verdicts so far: (wanted, given) to how often; `wrong` are lines."""

    cells: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def add(self, name: str, wanted: str, given: str, why: str) -> None:
        """One verdict; `why` is "" for one that is right for the right reason."""
        self.cells[wanted, given] += 1
        if why:
            self.wrong.append(f"{name}: {given}, wanted {wanted}: {why}")

    def lines(self) -> list[str]:
        """A row for each wanted verdict, a column for each given one."""
        given = sorted({each for _, each in self.cells})
        width = max([20, *(len(wanted) for wanted, _ in self.cells)])
        rows = [f"{'wanted, given':<{width}}" + "".join(f"  {each:>17}" for each in given)]
        for wanted in sorted({each for each, _ in self.cells}):
            counts = "".join(f"  {self.cells[wanted, each]:>17}" for each in given)
            rows.append(f"{wanted:<{width}}{counts}")
        total = sum(self.cells.values())
        return [*rows, f"{total} verdicts, {len(self.wrong)} wrong", *self.wrong]


MATRIX = Matrix()
"""Of this session; its report section prints it."""


def chosen(config: pytest.Config) -> list[str]:
    """The services that run: all with `--zoo-rounds`, else the sample."""
    whole = int(config.getoption("--zoo-rounds")) > 0
    return [name for name, each in services().items() if whole or each.sample]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--zoo-rounds", type=int, default=0, metavar="N", help="run all services N times"
    )
    parser.addoption(
        "--zoo-workers", type=int, default=2, metavar="N", help="run N scenarios at a time"
    )
    parser.addoption(
        "--zoo-busy", type=int, default=0, metavar="N", help="next to N processes that never sleep"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "zoo_round" in metafunc.fixturenames:
        rounds = max(1, metafunc.config.getoption("--zoo-rounds"))
        metafunc.parametrize("zoo_round", range(1, rounds + 1), scope="module")
    if "zoo_service" in metafunc.fixturenames:
        metafunc.parametrize("zoo_service", chosen(metafunc.config))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if MATRIX.cells:
        terminalreporter.section("the zoo")
        for line in MATRIX.lines():
            terminalreporter.write_line(line)
