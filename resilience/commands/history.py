"""`resilience history DIR|s3://...`: one page, a badge and OpenMetrics over many reports."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resilience.commands import CommandError
from resilience.commands.outputs import answer
from resilience.commands.saying import warn

if TYPE_CHECKING:
    from resilience.history.reading import Archive
    from resilience.history.trends import ScenarioHistory


def history(options: argparse.Namespace) -> int:
    """Read, judge, write. CommandError when there is nothing to read or no place to write to."""
    from resilience.backup.format.errors import BackupError
    from resilience.history.reading import archive
    from resilience.history.trends import histories

    try:
        found = archive(options.place)
    except (BackupError, OSError) as problem:
        raise CommandError(str(problem)) from problem
    for line in found.unread:
        warn(f"warning: left out: {line}")
    if not found.runs:
        raise CommandError(
            f"{options.place} holds no report; expected report.json in it or below, as "
            "`pytest --resilience-report` writes it"
        )
    trends = histories(found.runs)
    out = Path(options.out)
    _write(found, trends, out, options.place)
    answer(options.output, _data(found, trends), lambda: _lines(found, trends, out))
    return 0


def _write(found: Archive, trends: Sequence[ScenarioHistory], out: Path, place: str) -> None:
    from resilience.history.badge import badge
    from resilience.history.history_page import page
    from resilience.history.openmetrics import openmetrics
    from resilience.report.files import put

    _relink(found, out, place)
    files = {
        "history.html": page(found, trends, place=place, now=time.time()),
        "badge.svg": badge(trends),
        "history.om": openmetrics(trends),
    }
    try:
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, text in files.items():
            put(out / name, text)
    except OSError as problem:
        raise CommandError(f"{out} cannot be written: {problem}") from problem


def _relink(found: Archive, out: Path, place: str) -> None:
    """Convert links: pages are relative to the folder that was read, links to the folder that is
    written."""
    from urllib.parse import quote

    for run, path in found.pages.items():
        found.pages[run] = quote(Path(os.path.relpath(Path(place) / path, out)).as_posix())


def _data(found: Archive, trends: Sequence[ScenarioHistory]) -> dict[str, Any]:
    return {
        "reports": found.reports,
        "runs": len(found.runs),
        "unread": found.unread,
        "scenarios": [_scenario(each) for each in trends],
    }


def _scenario(history: ScenarioHistory) -> dict[str, Any]:
    first = None if history.first_failing is None else history.runs[history.first_failing]
    return {
        "scenario": history.scenario,
        "file": history.file,
        "cluster": history.cluster,
        "outcome": history.outcome,
        "runs": len(history.runs),
        "passed": history.passed,
        "judged": history.judged,
        "flaky": bool(history.flaky),
        "first_failing": None if first is None else {"run": first.run, "commit": first.commit},
        "numbers": [
            {
                "name": trend.name,
                "figure": trend.figure,
                "newest": trend.values[-1],
                "limit": trend.limit,
                "changes": [
                    {
                        "run": history.runs[trend.runs[change.at]].run,
                        "before": change.before,
                        "after": change.after,
                    }
                    for change in trend.changes
                ],
            }
            for trend in history.trends
        ],
    }


def _lines(found: Archive, trends: Sequence[ScenarioHistory], out: Path) -> Iterator[str]:
    from resilience.history.history_page import failing, flaky, gist, rate

    yield f"{gist(trends)} ({len(found.runs):,} runs in {found.reports:,} reports)"
    for each in trends:
        yield f"{each.outcome:<15} {each.label}: passed {rate(each)}"
        for told in (failing(each), flaky(each)):
            if told:
                yield f"{'':<15} {told}"
    yield f"history: {out / 'history.html'}"
