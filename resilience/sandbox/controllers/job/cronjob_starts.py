"""When a CronJob starts its next Job, and which old Jobs it deletes (rules 3.5). Pure.

Source: pkg/controller/cronjob/utils.go. Of several missed starts only the latest is caught up on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from resilience.sandbox.controllers.deployment.rollout_facts import created
from resilience.sandbox.controllers.job.cron_expression import Schedule
from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.object_edits import is_true
from resilience.sandbox.kube.times import parse_or_zero

MANY: Final = 100


@dataclass(frozen=True, slots=True)
class Due:
    """`at` is the start that is due now, if any; `following` the next one after now."""

    at: float | None
    following: float | None
    missed: int = 0
    too_late: bool = False


def due(cronjob: Obj, schedule: Schedule, now: float) -> Due:
    """The schedule's state now."""
    spec, status = cronjob["spec"], cronjob.get("status") or {}
    since = parse_or_zero(status.get("lastScheduleTime")) or created(cronjob)
    deadline = spec.get("startingDeadlineSeconds")
    following = schedule.after(now)
    earliest = since if deadline is None else max(since, now - float(deadline))
    latest, missed = _latest(schedule, earliest, now)
    if latest is None:
        return Due(None, following)
    late = deadline is not None and latest + float(deadline) < now
    return Due(latest, following, missed, late)


def _latest(schedule: Schedule, earliest: float, now: float) -> tuple[float | None, int]:
    """The last start in (earliest, now], and the number of starts; beyond 100 it is estimated."""
    first = schedule.after(earliest)
    if first is None or first > now:
        return None, 0
    number, latest = 1, first
    while (following := schedule.after(latest)) is not None and following <= now:
        number, latest = number + 1, following
        if number > MANY:
            return _jump(schedule, latest, now), number
    return latest, number


def _jump(schedule: Schedule, known: float, now: float) -> float:
    """The last start up to now, found by bisection instead of stepping through years of minutes."""
    low, high = known, now
    while high - low > 60:
        middle = (low + high) / 2
        found = schedule.after(middle)
        if found is not None and found <= now:
            low = found
        else:
            high = middle
    while (found := schedule.after(low)) is not None and found <= now:
        low = found
    return low


def to_forget(cronjob: Obj, jobs: Sequence[Obj]) -> list[Obj]:
    """Finished Jobs beyond the history limits, oldest first."""
    result: list[Obj] = []
    for type, field, default in (
        ("Complete", "successfulJobsHistoryLimit", 3),
        ("Failed", "failedJobsHistoryLimit", 1),
    ):
        limit = cronjob["spec"].get(field, default)
        ended = sorted((job for job in jobs if is_true(job, type)), key=created)
        result += ended[: max(0, len(ended) - int(limit))]
    return result
