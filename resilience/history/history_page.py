"""`history.html`: one self-contained page over many reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from resilience import __version__
from resilience.history import plots
from resilience.history.reading import Archive
from resilience.history.trends import ScenarioHistory, Trend
from resilience.model.words import many, percent
from resilience.report.page.figures import text
from resilience.report.page.fleet_grid import Cell, Grid, grid
from resilience.report.page.masthead import share
from resilience.report.page.sealed import Sealed, rendered

MOST_UNREAD = 20
"""Lines about reports that could not be read."""


def page(archive: Archive, histories: Sequence[ScenarioHistory], *, place: str, now: float) -> str:
    """The page; `place` is what was read, `now` in epoch seconds."""
    from markupsafe import Markup

    outcomes = counted(histories)
    helpers: dict[str, Any] = {
        "strip": lambda history, most: Markup(plots.strip(history, archive.pages, most)),
        "plot": lambda trend, history: Markup(plots.plot(trend, history)),
        "share": lambda: Markup(share(outcomes)),
        "text": text,
        "newest": newest,
        "failing": failing,
        "flaky": flaky,
        "rate": rate,
        "passed": passed,
        "told": plots.told,
        "words": words,
    }
    return rendered(
        Sealed("history.html", ("page.css", "history.css"), "page.js"),
        helpers,
        archive=archive,
        histories=plots.rows(histories),
        fleet=fleet(histories),
        outcomes=outcomes,
        gist=gist(histories),
        place=place,
        written=plots.date(now),
        generator=f"pytest-resilience {__version__}",
        unread=archive.unread[:MOST_UNREAD],
    )


def fleet(histories: Sequence[ScenarioHistory]) -> Grid | None:
    """Scenarios that ran on several clusters, by clusters, with the outcome of the newest run."""
    numbered = [(number, history) for number, history in plots.rows(histories)]
    places = Counter((each.file, each.scenario) for _, each in numbered)
    return grid(
        Cell(
            key=(each.file, each.scenario),
            label=each.label,
            cluster=each.cluster,
            outcome=each.outcome,
            number=number,
        )
        for number, each in numbered
        if places[each.file, each.scenario] > 1
    )


def counted(histories: Sequence[ScenarioHistory]) -> list[tuple[str, int]]:
    """Scenarios by the outcome of their newest run, passed first."""
    found = Counter(history.outcome for history in histories)
    return sorted(found.items(), key=lambda item: (item[0] != "passed", item[0]))


def gist(histories: Sequence[ScenarioHistory]) -> str:
    """The summary in one sentence."""
    broken = sum(each.first_failing is not None for each in histories)
    shaky = sum(bool(each.flaky) for each in histories)
    moved = sum(bool(trend.changes) for each in histories for trend in each.trends)
    parts = [
        many(len(histories), "scenario"),
        f"{broken} failing now" if broken else "none failing now",
    ]
    parts += [f"{shaky} flaky"] if shaky else []
    parts += [f"{many(moved, 'number')} changed level"] if moved else []
    return ", ".join(parts) + "."


def rate(history: ScenarioHistory) -> str:
    """`188 of 200 (94%)`; inconclusive runs are counted separately."""
    return f"{history.passed:,} of {history.judged:,}{_share(history)}{_silent(history)}"


def passed(history: ScenarioHistory) -> str:
    """The same as a sentence: `188 of 200 runs passed (94%)`."""
    counted = f"{history.passed:,} of {many(history.judged, 'run')} passed"
    return f"{counted}{_share(history)}{_silent(history)}"


def _share(history: ScenarioHistory) -> str:
    judged = history.judged
    return f" ({percent(Fraction(history.passed, judged))})" if judged else ""


def _silent(history: ScenarioHistory) -> str:
    silent = len(history.runs) - history.judged
    return f", {silent:,} more {'is' if silent == 1 else 'are'} inconclusive" if silent else ""


def failing(history: ScenarioHistory) -> str:
    """When the current series of failures began; "" if there is none."""
    if history.first_failing is None:
        return ""
    first = history.runs[history.first_failing]
    commit = f", commit {first.commit[:12]}" if first.commit else ""
    since = f"Fails since {plots.date(first.started)} (run {first.run}{commit})"
    if history.last_good is None:
        return f"{since}; it never passed before."
    good = history.runs[history.last_good]
    commit = f", commit {good.commit[:12]}" if good.commit else ""
    return f"{since}; it last passed {plots.date(good.started)}{commit}."


def flaky(history: ScenarioHistory) -> str:
    """Why a scenario is flaky; "" if it is not."""
    if not history.flaky:
        return ""
    parts = []
    if history.flaky.commits:
        shown = ", ".join(commit[:12] for commit in history.flaky.commits[:3])
        parts.append(f"it both passed and failed on commit {shown}")
    if history.flaky.flips:
        parts.append(f"its outcome changed {many(history.flaky.flips, 'time')} recently")
    return f"Flaky: {' and '.join(parts)}."


def newest(history: ScenarioHistory) -> list[Trend]:
    """The trends of numbers that the newest run has."""
    last = len(history.runs) - 1
    return [trend for trend in history.trends if trend.runs[-1] == last]


def words(history: ScenarioHistory) -> str:
    """The text that is searched."""
    parts = [history.label, history.scenario, history.file, history.cluster, history.outcome]
    parts += ["flaky"] if history.flaky else []
    return " ".join([*parts, *(trend.name for trend in history.trends)]).lower()
