"""The kubelet's safety net: compares the API's Pods with those it runs.

Every half minute the watched Pods are compared with the running ones. A difference that is seen
twice is corrected: a Pod that does not run is started, a terminating Pod that nothing will end is
deleted, and a Pod that no longer exists in the API is ended. Each correction is logged, because
none should ever be needed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from resilience.sandbox.kube.api import Obj

PERIOD = 30.0
TERMINAL = ("Succeeded", "Failed")


class HeldPod(Protocol):
    """A Pod that the kubelet runs."""

    gone: bool

    @property
    def spec(self) -> Obj:
        """The Pod's spec."""


class Strays:
    """Finds the differences; remembers those of the last check."""

    def __init__(self) -> None:
        self._suspects: set[str] = set()

    def found(
        self, known: Mapping[str, Obj], held: Mapping[str, HeldPod], running: Collection[str]
    ) -> set[str]:
        """Uids that differ now and differed at the last look; `running` are the nodes to
        compare."""
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
    """Whether a kubelet has to act on this Pod."""
    if obj["spec"].get("nodeName") not in running:
        return False
    if "deletionTimestamp" in obj["metadata"]:
        return not obj["metadata"].get("finalizers")
    return obj.get("status", {}).get("phase") not in TERMINAL
