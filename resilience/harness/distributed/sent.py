"""How much of a session a worker has already reported to the controller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from resilience.model.verdict import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The numbers of entries sent so far, and `outcomes` at that time."""

    records: int = 0
    left: int = 0
    put_back: int = 0
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
