"""Between the report room and pytest: lines past the capture, properties, sections, summary."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

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


def timeline(record: RunRecord) -> str:
    """The report section under a failure."""
    return "\n".join(
        f"{entry.monotonic - record.started:8.3f}  {entry.text}" for entry in record.timeline
    )


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
