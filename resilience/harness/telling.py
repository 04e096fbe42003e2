"""Between the report room and pytest: lines past the capture, properties, sections, summary."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from resilience.model.timeline import What
from resilience.model.verdict import Result

if TYPE_CHECKING:
    from resilience.model.report import RunRecord
    from resilience.model.timeline import Entry


def write(config: pytest.Config, lines: Sequence[str]) -> None:
    """Print lines to the real terminal, whatever captures output now."""
    reporter: Any = config.pluginmanager.getplugin("terminalreporter")
    if reporter is None:
        return
    capture: Any = config.pluginmanager.getplugin("capturemanager")
    if capture is None:
        _print(reporter, lines)
        return
    with capture.global_and_fixture_disabled():
        _print(reporter, lines)


def _print(reporter: Any, lines: Sequence[str]) -> None:
    reporter.ensure_newline()
    for line in lines:
        reporter.write_line(line)


@contextmanager
def live(config: pytest.Config, title: str) -> Iterator[Callable[[Entry], None]]:
    """Receives the timeline while it happens."""
    yield lambda entry: None


def properties(record: RunRecord) -> list[tuple[str, object]]:
    """For JUnit."""
    return [
        ("resilience.outcome", record.outcome.value),
        ("resilience.seed", record.seed),
        ("resilience.run", record.run),
    ]


SHORT = frozenset({What.RUN, What.STEP, What.VICTIM, What.PROOF, What.PROBE, What.UNDO, What.NOTE})
"""What the section under a failure shows; everything is in the report, and here with -vv."""


def timeline(record: RunRecord, *, whole: bool) -> str:
    """The report section under a failure."""
    lines = [
        f"{entry.monotonic - record.started:8.3f}  {entry.text}"
        for entry in record.timeline
        if whole or entry.what in SHORT
    ]
    if not whole and len(lines) < len(record.timeline):
        lines.append(f"          ({len(record.timeline) - len(lines)} more with -vv)")
    return "\n".join(lines)


def failure(record: RunRecord) -> str:
    """The engine's message; its first line alone must say enough for pytest's short summary."""
    first, _, rest = record.message.partition("\n")
    brief = _brief(record)
    if not first.endswith(":") or not brief:
        return record.message
    return f"{first} {brief}\n{rest}"


def _brief(record: RunRecord) -> str:
    broken = [finding for finding in record.findings if finding.result is not Result.PASSED]
    worst = [finding for finding in broken if finding.result is Result.FAILED] or broken
    if worst:
        return f"{worst[0].name} {worst[0].measured}, promised {worst[0].promised}"
    steps = [step for step in record.steps if step.result is not Result.PASSED and step.message]
    return f"{steps[0].title}: {steps[0].message.splitlines()[0]}" if steps else ""


def failed_nodes(config: pytest.Config) -> set[str]:
    """Node ids of everything that failed or erred in this session."""
    reporter: Any = config.pluginmanager.getplugin("terminalreporter")
    if reporter is None:
        return set()
    reports = [*reporter.stats.get("failed", ()), *reporter.stats.get("error", ())]
    return {str(report.nodeid) for report in reports}


def shield(item: pytest.Item) -> None:
    """A timeout that somebody set for all tests counts for the scenario, not for starting and
    ending the cluster around it, where it would cut through."""
    if item.config.pluginmanager.hasplugin("timeout"):
        item.add_marker(pytest.mark.timeout(method="signal", func_only=True))


def summary(reporter: Any, records: Sequence[RunRecord], directory: Path | None) -> None:
    """The table at the end of the session."""
    reporter.section("resilience")
    for record in records:
        reporter.write_line(f"{record.outcome.value:18} {record.scenario.title}")
