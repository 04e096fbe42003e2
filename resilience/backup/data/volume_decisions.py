"""What happens to each volume, decided before a restore writes anything.

A claim that does not exist is created and filled. One that this very restore began to fill is
emptied and filled again; one that it has filled is done. Any other existing claim belongs to
someone: by default the restore is refused, and `VolumesMode` offers alternatives.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import Literal

from resilience.backup.format.manifest import VolumeRecord
from resilience.backup.objects.rules import FILLED, FILLING, RESTORE
from resilience.cluster.interface import Object
from resilience.kube import objects
from resilience.model.quantity import parse_quantity

VolumesMode = Literal["fail", "skip", "fill-empty", "overwrite"]
"""What to do with a claim that exists: refuse the restore unless it is empty, leave its data alone,
fill it if it is empty and leave it otherwise, or replace its data."""

BY_EXISTING: dict[str, VolumesMode] = {"fail": "fail", "skip": "skip", "update": "fill-empty"}
"""The mode if only `existing` is given."""


class Act(Enum):
    """What a restore does with one volume."""

    FILL = "filled"
    REFILL = "emptied and filled again"
    LEAVE = "left"
    REFUSE = "refused"
    LOOK = "looked at"  # depends on whether it is empty; a dry run mounts nothing


@dataclass(frozen=True, slots=True)
class Decision:
    """One volume: `namespace` is the target's."""

    record: VolumeRecord
    namespace: str
    act: Act
    why: str

    @property
    def title(self) -> str:
        """The target's claim."""
        return f"{self.namespace}/{self.record.claim}"

    def foretold(self) -> str:
        """For a rehearsal."""
        would = {
            Act.FILL: "would be filled",
            Act.REFILL: "would be emptied and filled again",
            Act.LEAVE: "would be left",
            Act.REFUSE: "would be refused",
            Act.LOOK: "cannot be checked yet",
        }
        return f"volume {self.title}: {would[self.act]}: {self.why}"

    def __str__(self) -> str:
        return f"volume {self.title}: {self.act.value}: {self.why}"


def decide(
    record: VolumeRecord,
    namespace: str,
    claim: Object | None,
    user: str,
    *,
    restore: str,
    mode: VolumesMode,
) -> Decision:
    """`claim` is its current state, None if it does not exist; `user` is a Pod that mounts it,
    if any."""

    def so(act: Act, why: str) -> Decision:
        return Decision(record, namespace, act, why)

    if claim is None:
        return so(Act.FILL, "its claim is created")
    if is_going(claim):
        return so(Act.FILL, "its claim is being deleted, and is created again")
    if objects.annotation(claim, FILLED) == restore:
        return so(Act.LEAVE, "this restore has already filled it")
    used = f"Pod {user} uses it" if user else ""
    if objects.annotation(claim, FILLING) == restore:
        if used:
            return so(Act.REFUSE, f"this restore began to fill it, but {used}: stop that Pod first")
        return so(Act.REFILL, "this restore began to fill it")
    if mode == "skip":
        return so(Act.LEAVE, "its claim exists")
    if used:
        return so(*_in_use(used, mode))
    if not (claim.get("spec") or {}).get("volumeName"):
        return so(Act.FILL, "its claim exists and has no volume yet")
    if mode == "overwrite":
        return so(Act.REFILL, "its claim exists, and its data is to be overwritten")
    return so(Act.LOOK, "its claim exists; whether it is empty is checked before any write")


def _in_use(used: str, mode: VolumesMode) -> tuple[Act, str]:
    if mode == "fill-empty":
        return Act.LEAVE, f"{used}; its data stays unchanged"
    if mode == "overwrite":
        return Act.REFUSE, f"{used}: scale its workload down first, then restore again"
    return Act.REFUSE, (
        f"its claim exists and {used}: leave its data with --volumes skip, or scale the workload "
        "down and replace the data with --volumes overwrite"
    )


def is_going(claim: Object) -> bool:
    """Whether it is being deleted: no Pod can mount it any more."""
    return bool(claim["metadata"].get("deletionTimestamp"))


def too_small(decision: Decision, claim: Object, recorded: Object | None) -> Decision:
    """Refused when the claim that exists has less room than the data takes. Some provisioners
    enforce no size, so a claim no smaller than the `recorded` one is believed to hold what that one
    held."""
    room, had = _size(claim), _size(recorded) if recorded else Fraction(0)
    if decision.act in (Act.LEAVE, Act.REFUSE) or not room or room >= decision.record.bytes:
        return decision
    if recorded is not None and room >= had:
        return decision
    return Decision(decision.record, decision.namespace, Act.REFUSE, (
        f"its claim exists and has a size of {_size_text(claim)}, but its data takes "
        f"{decision.record.bytes} bytes: expand the claim first, or leave its data with --volumes "
        "skip"
    ))  # fmt: skip


def size_of(claim: Object) -> int:
    """The bytes for which a claim has room; 0 if it cannot be read."""
    return int(_size(claim))


def _size(claim: Object) -> Fraction:
    """The size; 0 if it cannot be read."""
    with suppress(ValueError):
        return parse_quantity(_size_text(claim))
    return Fraction(0)


def _size_text(claim: Object) -> str:
    """The claim's actual size, or else the size that it requests."""
    given = ((claim.get("status") or {}).get("capacity") or {}).get("storage")
    wanted = ((claim.get("spec") or {}).get("resources") or {}).get("requests") or {}
    return str(given or wanted.get("storage") or "")


def found_full(decision: Decision, mode: VolumesMode) -> Decision:
    """For a claim that was just created but was bound to a volume with data: a retained disk of an
    earlier claim, perhaps its only remaining copy."""
    record, namespace = decision.record, decision.namespace
    if mode == "overwrite":
        why = "its volume was retained with data, which is overwritten"
        return Decision(record, namespace, Act.REFILL, why)
    if mode == "fail":
        return Decision(record, namespace, Act.REFUSE, (
            "the claim was bound to a volume that was retained and is not empty; its data was not "
            "touched. Leave it with --volumes skip, or replace it with --volumes overwrite"
        ))  # fmt: skip
    why = "its volume was retained and is not empty; --volumes overwrite replaces its data"
    return Decision(record, namespace, Act.LEAVE, why)


def looked(decision: Decision, empty: bool, mode: VolumesMode, claim: Object) -> Decision:
    """The decision after the content of the volume of `claim` is known."""
    record, namespace = decision.record, decision.namespace
    if empty:
        return Decision(record, namespace, Act.FILL, "its claim exists and is empty")
    if mode == "fill-empty":
        why = "it is not empty; --volumes overwrite replaces its data"
        return Decision(record, namespace, Act.LEAVE, why)
    why = (
        "its claim exists and is not empty: leave its data with --volumes skip, or replace it with "
        "--volumes overwrite"
    )
    if earlier := objects.annotation(claim, RESTORE):
        why += f"; if restore {earlier} was interrupted, continue it with --resume {earlier}"
    return Decision(record, namespace, Act.REFUSE, why)
