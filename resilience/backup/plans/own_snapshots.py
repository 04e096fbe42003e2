"""Which snapshots in a store count for a plan, in this cluster and at this moment.

A store may hold snapshots of several clusters under one plan id, and a wrong clock dates them into
the future. Neither may count as the newest snapshot of the judged cluster, and neither may push
another one out of the retention.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from resilience.backup.catalog.catalog import Listed, Snapshot
from resilience.backup.format.errors import UNREADABLE
from resilience.backup.store import Store

TOLERANCE = timedelta(minutes=5)
"""The clock skew beyond which a snapshot counts as one from the future."""


EARLY = "began in the future"


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """`cluster` is the uid of its kube-system, "" for any cluster; `now` None for any time."""

    cluster: str = ""
    now: datetime | None = None


ANYWHERE = Here()


def is_early(started: datetime, now: datetime) -> bool:
    """Whether it began in the future."""
    return started > now + TOLERANCE


def why_not(snapshot: Snapshot, here: Here) -> str:
    """Why a snapshot does not count, "" when it does. A snapshot with an unreadable manifest
    counts, because an older snapshot must not hide it."""
    try:
        manifest = snapshot.manifest
        if here.now and is_early(snapshot.started, here.now):
            return f"it {EARLY}, at {snapshot.started:%Y-%m-%d %H:%M:%S} UTC"
        uid = manifest.cluster_uid if manifest else ""
    except UNREADABLE:
        return ""
    if here.cluster and uid and uid != here.cluster:
        return f"it is of another cluster, whose kube-system has uid {uid}"
    return ""


def own(store: Store, found: Iterable[Listed], here: Here) -> list[Listed]:
    """Those that count, in the same order."""
    if here == ANYWHERE:
        return list(found)
    return [each for each in found if not why_not(Snapshot(store, each), here)]


def newest_own(store: Store, found: Sequence[Listed], here: Here) -> Listed | None:
    """The newest snapshot that counts; reads no more manifests than necessary."""
    for each in reversed(found):
        if not why_not(Snapshot(store, each), here):
            return each
    return None


def others(store: Store, found: Sequence[Listed], here: Here) -> list[str]:
    """One line for each snapshot that does not count."""
    return [
        f"{each.name} does not count: {reason}"
        for each in found
        if (reason := why_not(Snapshot(store, each), here))
    ]


def advice(lines: Sequence[str]) -> str:
    """What to do when no snapshot counts."""
    if any("another cluster" in line for line in lines):
        return (
            "; use a store or a plan id of its own for each cluster, or, to prove another "
            "cluster's snapshots here, write its uid in the plan as `source_cluster: UID`"
        )
    early = any(EARLY in line for line in lines)
    return "; check the clocks of the hosts that take snapshots" if early else ""
