"""Which volumes an earlier run of the same snapshot has saved well enough not to be read again.

The claim must be the same one, with the same disk. Where hooks freeze an application, its volumes
belong together: all volumes of such a namespace come from between the same hooks, or all are read
again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from resilience.backup.store.unfinished.saved_volumes import Claim, SavedVolumes
from resilience.cluster.interface import Object
from resilience.model.inside import Volumes


class VolumeReader(Protocol):
    """What reads the volumes."""

    @property
    def wanted(self) -> Volumes:
        """What a plan wants of volumes."""

    @property
    def frozen(self) -> Callable[[str], bool]:
        """Whether hooks run around the reading of a namespace."""

    def claim(self, namespace: str, claim: str) -> Object | None:
        """A claim as it is now, None where there is none."""


def identity(claim: Object) -> tuple[str, str]:
    """The uid and the disk of a claim."""
    uid = (claim.get("metadata") or {}).get("uid") or ""
    return str(uid), str((claim.get("spec") or {}).get("volumeName") or "")


def again(reader: VolumeReader, saved: SavedVolumes, bound: Sequence[Claim]) -> frozenset[Claim]:
    """The claims whose saved data is used; the data of all others is deleted."""
    namespaces = {namespace for namespace, _ in bound}
    have = frozenset(each for each in bound if _same(reader, saved, *each))
    for namespace in sorted(namespaces):
        of_it = {each for each in bound if each[0] == namespace}
        if not of_it <= have or len({_sitting(saved, each) for each in of_it}) > 1:
            have -= of_it if reader.frozen(namespace) else set()
    saved.keep(have)
    return have


def _same(reader: VolumeReader, saved: SavedVolumes, namespace: str, claim: str) -> bool:
    found = saved.of((namespace, claim))
    if found is None or (found.volume.warnings and reader.wanted.changing == "fail"):
        return False
    return bool(found.uid) and identity(reader.claim(namespace, claim) or {}) == (
        found.uid, found.disk,
    )  # fmt: skip


def _sitting(saved: SavedVolumes, claim: Claim) -> str:
    found = saved.of(claim)
    return found.sitting if found else ""
