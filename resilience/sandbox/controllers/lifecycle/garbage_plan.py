"""What garbage collection does to one object, from the state of its owners. Pure.

Source: attemptToDeleteItem in pkg/controller/garbagecollector/garbagecollector.go; rules 3.11. An
owner is identified by its uid: another object with the same name is not the owner.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.object_edits import finalizers_of, is_deleting

FOREGROUND: Final = "foregroundDeletion"
ORPHAN: Final = "orphan"

Reference = Mapping[str, Any]


class OwnerState(Enum):
    """The state of an owner reference."""

    SOLID = "there"
    DANGLING = "not there"
    WAITING = "being deleted in the foreground"


class GarbageVerdict(Enum):
    """What to do with the dependent."""

    KEEP = "keep"
    TRIM = "drop the references that no longer hold"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Garbage:
    """A decision, and the references to keep when trimming."""

    verdict: GarbageVerdict
    keep: tuple[Reference, ...] = ()


def owner_state(owner: Obj | None, uid: str) -> OwnerState:
    """State of one reference, given what is found under its name."""
    if owner is None or owner["metadata"]["uid"] != uid:
        return OwnerState.DANGLING
    if is_deleting(owner) and FOREGROUND in finalizers_of(owner):
        return OwnerState.WAITING
    return OwnerState.SOLID


def judge(references: Sequence[Reference], states: Sequence[OwnerState]) -> Garbage:
    """One solid owner keeps an object; without any, it is deleted."""
    if not references:
        return Garbage(GarbageVerdict.KEEP)
    solid = tuple(
        r for r, state in zip(references, states, strict=True) if state is OwnerState.SOLID
    )
    if not solid:
        return Garbage(GarbageVerdict.DELETE)
    if len(solid) == len(references):
        return Garbage(GarbageVerdict.KEEP)
    return Garbage(GarbageVerdict.TRIM, solid)


def blocks(dependent: Obj, owner_uid: str) -> bool:
    """Whether a dependent blocks the foreground deletion of its owner."""
    return any(
        r["uid"] == owner_uid and r.get("blockOwnerDeletion")
        for r in dependent["metadata"].get("ownerReferences") or ()
    )
