"""What became of each mutation, and the table of it by room."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.mutants.mutations import Mutation


@dataclass(slots=True)
class Score:
    """Counts by room. `hung` of the noticed ones ended no test in time, `false` are mutations
    listed as equivalent that a test noticed."""

    noticed: Counter[str] = field(default_factory=Counter)
    survived: Counter[str] = field(default_factory=Counter)
    hung: int = 0
    false: list[Mutation] = field(default_factory=list)

    @property
    def tried(self) -> int:
        """Mutations that had to be noticed and were tried."""
        return self.noticed.total() + self.survived.total()

    @property
    def share(self) -> float:
        """Per cent of the tried ones that were noticed."""
        return 100 * self.noticed.total() / self.tried

    def table(self) -> str:
        """A line for each room, and one for all."""
        rooms = sorted(self.noticed.keys() | self.survived.keys())
        lines = [_line(room, self.noticed[room], self.survived[room]) for room in rooms]
        return "\n".join([*lines, _line("all", self.noticed.total(), self.survived.total())])


def _line(name: str, noticed: int, survived: int) -> str:
    tried = noticed + survived
    return f"{name:<8} {noticed:>5} of {tried:>5} noticed ({100 * noticed / tried:.1f} %)"
