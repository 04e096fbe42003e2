"""Connects reports with pytest: lines past the capture, properties, sections, summary."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from resilience.harness import SESSION
from resilience.harness.terminal import Terminal

if TYPE_CHECKING:
    from resilience.model.report import RunRecord
    from resilience.model.timeline import Entry
    from resilience.report.live import Live


TERMINAL = pytest.StashKey[Terminal]()

MARKUP = {"good": {"green": True}, "bad": {"red": True}, "doubt": {"yellow": True}}
"""pytest's markup for coloured lines."""


def terminal(config: pytest.Config) -> Terminal:
    """The terminal of this session."""
    found = config.stash.get(TERMINAL, None)
    if found is None:
        found = config.stash[TERMINAL] = Terminal(config)
    return found


def write(config: pytest.Config, lines: Sequence[str]) -> None:
    """Print lines to the real terminal, whatever captures output now."""
    terminal(config).write(lines)


@contextmanager
def live(config: pytest.Config, *, moving: bool = True) -> Iterator[Live]:
    """Shows a run while it happens: on a terminal with a moving line, otherwise in plain lines.
    While the line moves, output is not captured, except for tests that print."""
    from resilience.report import live as progress

    reporter = terminal(config).reporter
    if not shows_steps(config):
        with progress.plain(lambda line: None) as shown:
            yield shown
    elif moving and reporter.isatty() and os.environ.get("TERM") != "dumb":
        with terminal(config).uncaptured():
            reporter.ensure_newline()
            with progress.animated(sys.stdout) as shown:
                yield shown
    else:
        with progress.plain(lambda line: write(config, [line])) as shown:
            yield shown


def shows_steps(config: pytest.Config) -> bool:
    """Whether a run's steps are printed while it runs."""
    wanted = config.stash[SESSION].settings.live
    quiet = wanted == "off" or (wanted == "auto" and config.get_verbosity() < 0)
    return not quiet and terminal(config).reporter is not None


def properties(record: RunRecord) -> list[tuple[str, object]]:
    """For JUnit."""
    from resilience import report

    return [*report.properties(record)]


def timeline(entries: Sequence[Entry], started: float, *, whole: bool) -> str:
    """The report section under a failure: the most important lines; everything with -vv."""
    from resilience.report.live import line, lines

    if whole:
        return "\n".join(line(entry, started) for entry in entries)
    told = lines(entries, started)
    return "\n".join([*told, f"({len(entries) - len(told)} more with -vv)"])


def nodes(config: pytest.Config, *categories: str) -> set[str]:
    """Node ids of everything that pytest reported in these categories."""
    reporter: Any = config.pluginmanager.getplugin("terminalreporter")
    if reporter is None:
        return set()
    reports = [each for category in categories for each in reporter.stats.get(category, ())]
    return {str(report.nodeid) for report in reports}


def shield(item: pytest.Item) -> None:
    """A timeout set for all tests applies to the scenario, not to starting and ending the
    cluster around it, which it would interrupt."""
    if item.config.pluginmanager.hasplugin("timeout"):
        item.add_marker(pytest.mark.timeout(method="signal", func_only=True))


def summary(reporter: Any, records: Sequence[RunRecord], files: Sequence[str]) -> None:
    """The table at the end of the session, and the report's path."""
    from resilience import report

    reporter.section("resilience")
    for line in report.summary(records, reporter._tw.fullwidth):
        reporter.write_line(line.text, **MARKUP.get(line.tone, {}))
    for text in files:
        reporter.write_line(text)
