"""How each object of a restore ended: a value, never a log line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from resilience.backup.format.errors import RestoreRefused
from resilience.model.words import many, one_line


class Outcome(Enum):
    """One object. FAILED, REJECTED and FIXED make a restore incomplete; FIXED does not stop it."""

    CREATED = "created"
    RESUMED = "created before the interruption"
    UPDATED = "updated"
    EQUAL = "exists and is equal"
    SKIPPED = "exists and was left unchanged"
    LEFT = "not to be created"
    FIXED = "cannot be changed in place"
    FAILED = "failed"
    WOULD_CREATE = "would be created"
    WOULD_UPDATE = "would be updated"
    UNASKED = "cannot be checked yet"
    REJECTED = "would be refused"

    def of(self, count: int) -> str:
        """`1 exists and is equal`, `8 exist and are equal`."""
        return f"{count} {self.value if count == 1 else _OF_SEVERAL.get(self, self.value)}"


_OF_SEVERAL = {
    Outcome.EQUAL: "exist and are equal",
    Outcome.SKIPPED: "exist and were left unchanged",
}


STATUS_LEFT = "status left to its controller"
"""The rewrite of a custom resource whose status is not restored."""

BLOCKING = frozenset({Outcome.FAILED, Outcome.REJECTED})
"""What a dry run may not find, if the restore is to begin."""

BAD = BLOCKING | {Outcome.FIXED}


@dataclass(frozen=True, slots=True)
class Item:
    """One object: what happened, why, and which rules changed it on the way (pointers by rule)."""

    kind: str
    namespace: str
    name: str
    outcome: Outcome
    reason: str = ""
    rewrites: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __str__(self) -> str:
        where = f"{self.namespace}/" if self.namespace else ""
        why = f" ({self.reason})" if self.reason else ""
        return f"{one_line(f'{self.kind} {where}{self.name}')}: {self.outcome.value}{why}"


@dataclass(slots=True)
class RestoreReport:
    """A whole restore. `seconds` is by part: verify, ask, create, of which guard was
    spent waiting for `before_workloads` alone. `hooks` are hooks of Pods that did not run; `notes`
    are further remarks."""

    name: str
    snapshot: str
    items: list[Item] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    volumes: list[str] = field(default_factory=list)
    hooks: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def counts(self) -> Mapping[Outcome, int]:
        """How many objects had each outcome."""
        return Counter(item.outcome for item in self.items)

    @property
    def counted(self) -> str:
        """The counts in words; "nothing" without an object."""
        each = sorted(self.counts.items(), key=lambda pair: pair[0].value)
        return ", ".join(outcome.of(count) for outcome, count in each) or "nothing"

    @property
    def bad(self) -> Iterator[Item]:
        """The objects that are not, or would not be, as they were recorded."""
        return (item for item in self.items if item.outcome in BAD)

    @property
    def complete(self) -> bool:
        """Whether every object is as it was recorded."""
        return not any(self.bad)

    def require(self, what: str) -> None:
        """`RestoreRefused` that names what blocks it."""
        bad = [str(item) for item in self.items if item.outcome in BLOCKING]
        if bad:
            more = f"\n  and {len(bad) - 10} more" if len(bad) > 10 else ""
            raise RestoreRefused(
                f"snapshot {self.snapshot}: {what}: {many(len(bad), 'object')} in the way:\n  "
                + "\n  ".join(bad[:10])
                + more
            )
