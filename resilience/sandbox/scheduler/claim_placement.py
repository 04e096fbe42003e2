"""A Pod's claims in scheduling: whether the Pod can be placed at all, and on which nodes.

Immediate claims must be bound first. `WaitForFirstConsumer` claims are bound by the volume binder
once the scheduler has chosen a node and written it as `volume.kubernetes.io/selected-node`; the Pod
waits for that (rules 3.9). A bound volume's node affinity restricts the nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from resilience.sandbox.kube.api import Api, Obj, Resource
from resilience.sandbox.kube.node_affinity import NodeTerm, terms
from resilience.sandbox.kube.object_edits import annotations_of, is_deleting
from resilience.sandbox.scheduler.node_filters import Refusal
from resilience.sandbox.scheduler.node_picture import NodeInfo

SELECTED_NODE: Final = "volume.kubernetes.io/selected-node"
UNBOUND: Final = "pod has unbound immediate PersistentVolumeClaims"
CONFLICT: Final = Refusal(("node(s) didn't match PersistentVolume's node affinity",), True)


@dataclass(frozen=True, slots=True)
class ClaimPlacement:
    """The effect of one Pod's claims on its placement.

    `refusal` ends scheduling before any node is checked. `check` judges a node, None if all will
    do. `waiting` are claims that get the chosen node before the Pod can be bound.
    """

    refusal: str = ""
    check: Callable[[NodeInfo], Refusal | None] | None = None
    waiting: tuple[Obj, ...] = ()


NO_VOLUMES: Final = ClaimPlacement()


@dataclass(frozen=True, slots=True)
class VolumeReader:
    """Reads claims, volumes and classes; `kinds` are those three, in this order."""

    api: Api
    kinds: tuple[Resource, Resource, Resource]

    def read(self, namespace: str, names: Sequence[str]) -> ClaimPlacement:
        """The claims of one Pod."""
        waiting: list[Obj] = []
        affinities: list[tuple[NodeTerm, ...]] = []
        for name in names:
            claim = self.api.find(self.kinds[0], namespace, name)
            if claim is None:
                return ClaimPlacement(refusal=f'persistentvolumeclaim "{name}" not found')
            if is_deleting(claim):
                return ClaimPlacement(refusal=f'persistentvolumeclaim "{name}" is being deleted')
            if (claim.get("status") or {}).get("phase") == "Lost":
                volume = claim["spec"].get("volumeName", "")
                text = f'persistentvolumeclaim "{name}" bound to non-existent persistentvolume'
                return ClaimPlacement(refusal=f'{text} "{volume}"')
            if _is_bound(claim):
                affinities += self._affinity(claim)
            elif self._waits(claim):
                waiting.append(claim)
            else:
                return ClaimPlacement(refusal=UNBOUND)
        return ClaimPlacement(check=_checker(affinities), waiting=tuple(waiting))

    def _affinity(self, claim: Obj) -> list[tuple[NodeTerm, ...]]:
        volume = self.api.find(self.kinds[1], "", claim["spec"]["volumeName"])
        required = ((volume or {}).get("spec") or {}).get("nodeAffinity", {}).get("required")
        return [terms(required["nodeSelectorTerms"])] if required else []

    def _waits(self, claim: Obj) -> bool:
        name = claim["spec"].get("storageClassName")
        found = self.api.find(self.kinds[2], "", name) if name else None
        return found is not None and found.get("volumeBindingMode") == "WaitForFirstConsumer"


def is_told(claim: Obj, node: str) -> bool:
    """Whether the claim already names this node."""
    return annotations_of(claim).get(SELECTED_NODE) == node


def _is_bound(claim: Obj) -> bool:
    bound = "pv.kubernetes.io/bind-completed" in annotations_of(claim)
    return bound and bool(claim["spec"].get("volumeName"))


def _checker(
    affinities: Sequence[tuple[NodeTerm, ...]],
) -> Callable[[NodeInfo], Refusal | None] | None:
    if not affinities:
        return None

    def check(node: NodeInfo) -> Refusal | None:
        fits = all(any(t.matches(node.labels, node.name) for t in group) for group in affinities)
        return None if fits else CONFLICT

    return check
