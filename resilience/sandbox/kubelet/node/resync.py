"""The kubelet's safety net: what the API has of its Pods against what it holds itself.

Every half minute the watched Pods are compared with the Pods that are looked after. A difference
that stands twice is put right: a Pod that nobody looks after is taken up, one that is terminating
with nobody left to end it is removed, and one that the API has no more is ended. Each is said on
the kubelet's log, for none should ever be found.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from resilience.sandbox.kube.api import Obj

PERIOD = 30.0
TERMINAL = ("Succeeded", "Failed")


class Held(Protocol):
    """A Pod that is looked after."""

    gone: bool

    @property
    def spec(self) -> Obj:
        """The Pod's spec."""


class Strays:
    """Finds the differences; remembers those of the last look."""

    def __init__(self) -> None:
        self._suspects: set[str] = set()

    def found(
        self, known: Mapping[str, Obj], held: Mapping[str, Held], running: Collection[str]
    ) -> set[str]:
        """Uids that differ now and differed at the last look; `running` are the nodes asked."""
        now = {uid for uid, obj in known.items() if uid not in held and _wants(obj, running)}
        now |= {
            uid
            for uid, pod in held.items()
            if uid not in known and not pod.gone and pod.spec["nodeName"] in running
        }
        both = now & self._suspects
        self._suspects = now - both
        return both


def _wants(obj: Obj, running: Collection[str]) -> bool:
    """Whether a kubelet has to do something for this Pod."""
    if obj["spec"].get("nodeName") not in running:
        return False
    if "deletionTimestamp" in obj["metadata"]:
        return not obj["metadata"].get("finalizers")
    return obj.get("status", {}).get("phase") not in TERMINAL
