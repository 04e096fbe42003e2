"""Whether something is due today: a random decision with a probability of one day in `mtbf`,
independent of earlier days.

The decision is a hash of a number from the seed, the day in UTC, and the workload or step. Each run
of a day with the same seed gets the same answer, so it is intended for one run a day. Pure.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime

from resilience.model.values import Duration

DAY = Duration.parse("1d")


def is_due(token: int, day: date, what: str, mtbf: Duration) -> bool:
    """`token` comes from the seed; `what` names the workload or the step."""
    digest = hashlib.sha256(f"{token}:{day.isoformat()}:{what}".encode()).digest()
    drawn = int.from_bytes(digest[:8], "big") / 2**64
    return drawn < DAY.exact / mtbf.exact


def day_of(wall: float) -> date:
    """The UTC day of a time in epoch seconds."""
    return datetime.fromtimestamp(wall, UTC).date()
