"""Snapshots named by time: `latest`, `2026-03-01`, `2026-03-01T10:00`, and `PLAN@...` for each.

A time means the newest snapshot that began at or before it; a date includes its whole day. Times
without a zone are UTC. An exact name always wins. An ambiguous time is refused: in a store with
several plans, or if the snapshot meant may be one that cannot be read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from resilience.backup.catalog.catalog import Listed, Snapshot, snapshots
from resilience.backup.format.errors import UNREADABLE, BadRequest, NoSnapshot
from resilience.backup.store import Store

LATEST = "latest"
_STAMP = re.compile(r"-\d{14}(-\d)?$")
_TIME = re.compile(r"\d{4}-\d\d-\d\d([T ].*)?")


def resolved(store: Store, text: str) -> str:
    """The snapshot's name; `text` itself if it is already a name."""
    plan, at, when = text.rpartition("@")
    moment = _moment(when)
    if moment is None and when != LATEST:
        return text
    there = snapshots(store)
    if any(each.name == text for each in there):
        return text
    of_plan = [each for each in there if not at or group(each.name) == plan]
    groups = sorted({group(each.name) for each in of_plan})
    if len(groups) > 1:
        raise BadRequest(
            f"{text!r} is ambiguous: {store.url} holds snapshots of {', '.join(groups)}; "
            f"write {groups[0]}@{when}"
        )
    return _newest(store, of_plan, text, moment)


def start_of(text: str) -> str:
    """A date, or PLAN@DATE, as the beginning of that day. A time stays unchanged."""
    plan, at, when = text.rpartition("@")
    if when == LATEST or _moment(when) is None:
        raise BadRequest(f"{text!r} is not a time; expected 2026-03-01 or 2026-03-01T10:00")
    return f"{plan}{at}{when}T00:00" if len(when) == 10 else text


def group(name: str) -> str:
    """The part of a name before its time: the plan, or the namespace that was backed up."""
    return _STAMP.sub("", name)


def _moment(text: str) -> datetime | None:
    """None if the text is not a time; `BadRequest` if it looks like one but is invalid."""
    if not _TIME.fullmatch(text):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as problem:
        raise BadRequest(
            f"{text!r} is not a time: {problem}; expected 2026-03-01 or 2026-03-01T10:00"
        ) from None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return found + timedelta(days=1, microseconds=-1) if len(text) == 10 else found


def _newest(store: Store, there: Sequence[Listed], text: str, until: datetime | None) -> str:
    began: list[tuple[datetime, str]] = []
    damaged: list[tuple[datetime, str]] = []
    for each in there:
        try:
            began.append((Snapshot(store, each).started, each.name))
        except UNREADABLE:
            damaged.append((each.newest, each.name))
    fitting = [found for found in began if until is None or found[0] <= until]
    newest = max(fitting, default=None)
    for last_written, name in damaged:
        if newest is None or last_written > newest[0]:
            raise NoSnapshot(
                f"{store.url}: {text} may mean {name}, which cannot be read (see `resilience "
                f"backup list`); name the snapshot to use"
            )
    if newest is None:
        oldest = min(began, default=None)
        if oldest is None:
            raise NoSnapshot(f"{store.url} holds no snapshot that {text!r} could mean")
        known = f"the oldest, {oldest[1]}, began {oldest[0]:%Y-%m-%d %H:%M} UTC"
        raise NoSnapshot(f"{store.url}: no snapshot began at or before {text}: {known}")
    return newest[1]
