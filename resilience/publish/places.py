"""The places that the settings name: a folder, a store, metrics, a collector of traces, people.

`check` reads them before anything is touched; `publish` fills them at the end. Each place is tried
even when an earlier one failed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from resilience import report
from resilience.config.settings import Settings
from resilience.model.masks import shown
from resilience.model.report import RunRecord
from resilience.model.verdict import Outcome

if TYPE_CHECKING:
    from resilience.publish.notify import Before


class Unpublished(OSError):
    """At least one place did not accept its data. `lines` names those that did."""

    def __init__(self, text: str, lines: Sequence[str]) -> None:
        super().__init__(text)
        self.lines = list(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The facts about a session that publishing needs. `mark` is six random hex digits."""

    settings: Settings
    environment: Mapping[str, str]
    now: datetime
    mark: str


def check(settings: Settings) -> None:
    """ValueError for a report's URL that cannot be used."""
    if url := settings.report_url:
        from resilience.backup.format.errors import BadRequest
        from resilience.backup.store.url import open_store

        try:
            open_store(url)
        except BadRequest as error:
            raise ValueError(f"{settings.origin('report')}: {error}") from None


def publish(records: Sequence[RunRecord], session: Session) -> list[str]:
    """Lines that name what was written. Unpublished when a place failed."""
    lines: list[str] = []
    failed: list[str] = []
    for place in _places(session):
        try:
            lines += place(records, session)
        except OSError as error:
            failed.append(str(error))
        except ValueError as error:  # a setting that its library refuses, in a header say
            failed.append(shown(str(error)))
    if failed:
        raise Unpublished("; ".join(failed), lines)
    return lines


Place = Callable[[Sequence[RunRecord], Session], list[str]]


def _places(session: Session) -> Iterator[Place]:
    from resilience.publish import notify

    settings = session.settings
    if to := notify.urls(session.environment):
        before = _before(session)  # read before the steps below replace it
    if settings.report_directory:
        yield _directory
    if settings.report_url:
        yield _store
    if settings.metrics_file:
        yield _metrics
    if settings.push:
        yield _gateway
    if settings.traces:
        yield _collector
    if to:
        yield lambda records, session: _people(records, session, to, before)


def _directory(records: Sequence[RunRecord], session: Session) -> list[str]:
    assert session.settings.report_directory is not None
    step = session.environment.get("GITHUB_STEP_SUMMARY")
    paths = report.write(
        records, session.settings.report_directory, step_summary=Path(step) if step else None
    )
    return [f"report: {paths.html}", f"        {paths.json}"]


def _store(records: Sequence[RunRecord], session: Session) -> list[str]:
    from resilience.backup.format.errors import BackupError
    from resilience.backup.store.url import open_store
    from resilience.publish import report_store

    keep = session.settings.report_keep
    try:
        saved = report_store.save(
            report.rendered(records, session.now.timestamp()),
            open_store(session.settings.report_url),
            now=session.now.astimezone(UTC),
            mark=session.mark,
            keep=timedelta(seconds=keep) if keep else None,
        )
    except BackupError as error:
        raise OSError(str(error)) from error
    more = f" (deleted {saved.deleted} older)" if saved.deleted else ""
    return [f"report: {saved.url}{more}"]


def _metrics(records: Sequence[RunRecord], session: Session) -> list[str]:
    assert session.settings.metrics_file is not None
    report.write_metrics(records, session.settings.metrics_file)
    return [f"metrics: {session.settings.metrics_file}"]


def _gateway(records: Sequence[RunRecord], session: Session) -> list[str]:
    from resilience.publish import pushgateway

    pushgateway.push(records, session.settings.push, session.environment)
    return [f"metrics: pushed to {session.settings.push}"]


def _collector(records: Sequence[RunRecord], session: Session) -> list[str]:
    from resilience.publish import traces

    count = traces.send(records, session.settings.traces, session.environment)
    return [f"traces: {count} spans sent to {session.settings.traces}"]


def _people(
    records: Sequence[RunRecord], session: Session, to: Sequence[str], before: Before
) -> list[str]:
    from resilience.publish import notify

    wanted = [each for each in notify.messages(records, before)
              if each.event in session.settings.notify_on]  # fmt: skip
    if not wanted:
        return []
    notify.send(wanted, to)
    return [f"notified: {', '.join(each.event for each in wanted)}"]


def _before(session: Session) -> Before:
    """The content of the last report in the report store; nothing if there is none."""
    from resilience.backup.format.errors import BackupError
    from resilience.backup.store.url import open_store
    from resilience.publish import report_store
    from resilience.report.digest import Unreadable, read

    settings = session.settings
    try:
        if settings.report_directory:
            text = (settings.report_directory / "runs.json").read_bytes()
        elif settings.report_url:
            text = report_store.newest(open_store(settings.report_url), "runs.json")
        else:
            return {}
        return {(past.scenario, past.file, past.cluster): past.outcome == Outcome.PASSED.value
                for past in read(text) if not past.again}  # fmt: skip
    except (OSError, BackupError, Unreadable):
        return {}
