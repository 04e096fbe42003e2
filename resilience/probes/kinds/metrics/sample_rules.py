"""Which values of a query say something about the time that is judged.

Prometheus repeats a sample for five minutes, longer than most scenarios last: all values of a fault
could be of one sample before it. So a sample counts for a stated time only (`lasts` seconds), and a
query that has a value without any sample says nothing. A range in the query itself,
`rate(x[30s])`, states that time as well.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from resilience.model.verdict import Window
from resilience.model.words import span

AHEAD = 10.0
"""Seconds from now at which no sample exists, even if a clock is a little ahead."""

STEPS = 5
"""How often a query is evaluated while a sample counts, but at most once a second."""

_TEXT = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`')


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """The rules for one query."""

    query: str
    lasts: float

    @property
    def ranged(self) -> bool:
        """Whether the query says itself which samples it uses."""
        return "[" in _TEXT.sub("", self.query)

    @property
    def step(self) -> float:
        """Seconds between two values."""
        return max(1.0, self.lasts // STEPS)

    @property
    def ahead(self) -> float:
        """Seconds from now at which a value would need no sample."""
        return self.lasts + AHEAD

    def unneeded(self, value: str) -> str:
        """What to say of a query that has this value when there is no sample."""
        return (
            f"{self.query} has the value {value} {span(self.ahead)} from now, when there is no "
            "sample, so its values may be older than the time that is judged: Prometheus before "
            "2.44 repeats each sample for 5 minutes, `or vector(0)` and `absent` need none; say in "
            "the query for how long a sample counts, for example "
            f"`last_over_time(METRIC[{self.lasts:g}s])`"
        )

    def hole(self, moments: Sequence[float], window: Window) -> str:
        """A hole that is longer than what one missing sample explains; "" for none. `moments` are
        those of the values, in any order."""
        marks = [window.since, *sorted(moments), window.until]
        longest = max(later - earlier for earlier, later in pairwise(marks))
        if longest <= self.lasts + self.step + 1:
            return ""
        return (
            f"no data for {span(longest)} of {span(window.length)}; where samples are more than "
            f"{span(self.lasts)} apart, `resolution` has to say so"
        )

    def early(self, moments: Sequence[float], window: Window) -> str:
        """Whether every value may be of a sample before the window; "" if one cannot be."""
        if self.ranged or max(moments) - self.lasts >= window.since:
            return ""
        return (
            f"every value may be of a sample before the {span(window.length)} that are judged: "
            f"measure for longer than `resolution`, {span(self.lasts)}, with a longer `settle`"
        )
