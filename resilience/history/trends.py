"""Trends of each scenario over many runs. Pure.

A scenario is one id in one file on one cluster: a sandbox's times are never compared with those of
production. A run that was measured once more does not count; one that was not measured is neither
good nor bad, and does not end a streak.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from resilience.history.change_points import Change, changes
from resilience.report.digest import Number, Past

PASSED, FAILED, UNKNOWN = "passed", "service failed", "not measured"
BROKEN = {FAILED, "undo incomplete", "harness error"}
"""Outcomes of a run that went wrong. Others say nothing: refused, interrupted, not measured."""

FLIPS, LATELY = 4, 20
"""A scenario is flaky with this many changes between passed and failed in this many runs."""

FLOORS = {"availability": 0.0005}
"""Differences that never count as a change, in the figure's own unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """One number over time. `runs` are indices into the scenario's runs, beside `values`; `limit`
    is the newest objective."""

    name: str
    figure: str
    runs: tuple[int, ...]
    values: tuple[float, ...]
    results: tuple[str, ...]
    limit: float | None
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaky:
    """Why a scenario counts as flaky, as data: changes within the last runs, and the commits on
    which it both passed and failed."""

    flips: int
    commits: tuple[str, ...]

    def __bool__(self) -> bool:
        return self.flips >= FLIPS or bool(self.commits)


@dataclass(slots=True, kw_only=True)
class ScenarioHistory:
    """All runs of a scenario, by their start. `first_failing` is the index of the first run of the
    current series of failures, None if the last verdict was good; `last_good` the last one that
    passed before it."""

    scenario: str
    file: str
    cluster: str
    label: str
    runs: list[Past]
    trends: list[Trend] = field(default_factory=list)
    first_failing: int | None = None
    last_good: int | None = None
    flaky: Flaky = Flaky(flips=0, commits=())

    @property
    def outcome(self) -> str:
        """The value of the newest run."""
        return self.runs[-1].outcome

    @property
    def passed(self) -> int:
        """How many runs passed."""
        return sum(run.outcome == PASSED for run in self.runs)

    @property
    def judged(self) -> int:
        """How many runs said something about the service."""
        return sum(_says(run) is not None for run in self.runs)


def histories(pasts: Iterable[Past]) -> list[ScenarioHistory]:
    """Scenarios that fail now come first, then flaky ones, then the others by name."""
    groups: defaultdict[tuple[str, str, str], list[Past]] = defaultdict(list)
    for past in pasts:
        if not past.again:
            groups[past.cluster, past.file, past.scenario].append(past)
    found = [_history(key, runs) for key, runs in groups.items()]
    return sorted(found, key=lambda each: (each.first_failing is None, not each.flaky,
                                           each.label, each.cluster, each.file))  # fmt: skip


def _history(key: tuple[str, str, str], runs: list[Past]) -> ScenarioHistory:
    runs = sorted(runs, key=lambda run: (run.started, run.run))
    cluster, file, scenario = key
    first, good = _failing(runs)
    return ScenarioHistory(
        scenario=scenario,
        file=file,
        cluster=cluster,
        label=runs[-1].label or scenario,
        runs=runs,
        trends=_trends(runs),
        first_failing=first,
        last_good=good,
        flaky=_flaky(runs),
    )


def _says(run: Past) -> bool | None:
    """Passed, failed, or nothing."""
    if run.outcome == PASSED:
        return True
    return False if run.outcome in BROKEN else None


def _failing(runs: Sequence[Past]) -> tuple[int | None, int | None]:
    first = None
    for index in range(len(runs) - 1, -1, -1):
        says = _says(runs[index])
        if says is True:
            return first, (index if first is not None else None)
        if says is False:
            first = index
    return first, None


def _flaky(runs: Sequence[Past]) -> Flaky:
    said = [(run, says) for run in runs if (says := _says(run)) is not None]
    lately = [says for _, says in said[-LATELY:]]
    flips = sum(a != b for a, b in pairwise(lately))
    by_commit: defaultdict[str, set[bool]] = defaultdict(set)
    for run, says in said[-LATELY:]:
        if run.commit:
            by_commit[run.commit].add(says)
    both = tuple(commit for commit, answers in by_commit.items() if len(answers) == 2)
    return Flaky(flips=flips, commits=both)


def _trends(runs: Sequence[Past]) -> list[Trend]:
    """The trend of each number that reports compare, in the order of the newest run."""
    series: dict[tuple[str, str], list[tuple[int, Number]]] = {}
    for index in range(len(runs) - 1, -1, -1):
        for number in runs[index].numbers:
            if number.figure and number.value is not None:
                series.setdefault((number.figure, number.name), []).append((index, number))
    return [_trend(figure, name, found[::-1]) for (figure, name), found in series.items()]


def _trend(figure: str, name: str, found: Sequence[tuple[int, Number]]) -> Trend:
    values = tuple(number.value or 0.0 for _, number in found)
    return Trend(
        name=name,
        figure=figure,
        runs=tuple(index for index, _ in found),
        values=values,
        results=tuple(number.result for _, number in found),
        limit=found[-1][1].limit,
        changes=tuple(changes(values, floor=FLOORS.get(figure, 0.0))),
    )
