"""Reads a prober's output line by line, wherever it runs: samples go into the log, the rest is
kept.

A prober elsewhere has another monotonic clock. Each line contains the time at which it was written,
by the prober's clock; we know when it arrived, by ours. Times are corrected by the smallest
difference seen so far. It is the best estimate of the difference between the two clocks, too large
by the travel time of the fastest line.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resilience.model.masks import excerpt
from resilience.model.samples import Answer
from resilience.probes.prober.samples import SampleLog

TOLD = 240
"""Characters of a reason that are kept."""


@dataclass(frozen=True, slots=True)
class Part:
    """One step of a question that consists of several. `at` is monotonic seconds."""

    at: float
    name: str
    answer: Answer
    seconds: float


class News:
    """Reads the lines of one prober. `ended` says whether it ended by its own last line."""

    def __init__(self, log: SampleLog) -> None:
        self.log = log
        self.reasons: list[tuple[str, str]] = []
        self.cost: Mapping[str, Any] = {}
        self.ended = False
        self.apart: float | None = None
        self._answers: list[str] = []
        self._parts: dict[int, tuple[int, str, Answer, float]] = {}
        self._start = 0.0

    @property
    def parts(self) -> Sequence[Part]:
        """Steps of questions, by our clock."""
        return [Part(self.log.start + at / 1e6, name, answer, seconds)
                for at, name, answer, seconds in list(self._parts.values())]  # fmt: skip

    def all_costs(self) -> Mapping[str, Any]:
        """The resource usage, and the difference between its clock and ours if they differ."""
        apart = {} if self.apart is None else {"clock_apart": round(self.apart, 6)}
        return {**self.cost, **apart}

    def take(self, line: bytes, received: float | None = None) -> None:
        """One line. `received` is our monotonic time where the prober's clock is not ours."""
        try:
            news = json.loads(line)
        except ValueError:
            return  # a last line that was cut off by a kill; the missing `end` shows that
        if rows := news.get("samples"):
            for row in rows:
                self.log.add(row)
            self._arrived(news.get("at"), received)
        elif "note" in news:
            answer, text = news["note"][0], excerpt(news["note"][1], TOLD)
            if (self._answers[answer], text) not in self.reasons:
                self.reasons.append((self._answers[answer], text))
        elif "part" in news:
            number, at, name, answer, seconds = news["part"]
            self._parts[number] = at, str(name), Answer[self._answers[answer]], seconds
        elif "end" in news:
            self.cost, self.ended = news["end"], True
        elif "start" in news:
            self._answers, self._start = news["answers"], news["start"]
            self.log.begin(news["start"], news["interval"], news["answers"])
            self._arrived(0, received)

    def _arrived(self, at: int | None, received: float | None) -> None:
        if at is None or received is None:
            return
        bound = received - (self._start + at / 1e6)
        if self.apart is None or bound < self.apart:
            self.apart = bound
        self.log.start = self._start + self.apart


def remarks(cost: Mapping[str, Any]) -> Sequence[str]:
    """What went wrong and spoiled no request, the most frequent first. `cost` is of one prober, or
    has those of several in `agents`."""
    said: Counter[str] = Counter()
    for each in cost.get("agents", [cost]):
        said.update(each.get("remarks", {}))
    return [f"{text} ({number})" for text, number in said.most_common()]
