"""Decides which Pods of a node a drain evicts, leaves alone or refuses; pure functions.

The rules and their order are those of `kubectl drain` (k8s.io/kubectl/pkg/drain/filters.go), so
that users do not have to learn a second set. One exception: a Pod that is being deleted already is
never refused, since the drain takes nothing more from it. A refusal is reported per Pod; whether it
stops the whole drain is the caller's choice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import Enum

from resilience.cluster.interface import Object
from resilience.kube import objects

FINISHED = ("Succeeded", "Failed")
VOLUME_HELPER = "resilience-volume-"
"""Name prefixes of a backup's helper Pods: bare Pods, restarted wherever one is lost."""


class Fate(Enum):
    """What happens to one Pod."""

    EVICT = "evict"
    IGNORE = "ignored"
    REFUSE = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Allow:
    """What the caller is willing to lose: data in emptyDir volumes, Pods without a controller."""

    empty_dir: bool = False
    bare: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """A fate and its reason as text ("" for a plain eviction)."""

    fate: Fate
    reason: str = ""


def controller_of(pod: Object) -> Object | None:
    """The owner reference with `controller: true`, if any."""
    for owner in pod["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            return dict(owner)
    return None


def daemonset_of(pod: Object) -> str:
    """The name of the DaemonSet that controls the Pod, "" if none does."""
    owner = controller_of(pod)
    if owner is None or owner["kind"] != "DaemonSet" or owner["apiVersion"] != "apps/v1":
        return ""
    return str(owner["name"])


def is_volume_helper(pod: Object) -> bool:
    """A helper Pod that reads a volume for a backup: a drain beneath a backup tests that the
    backup survives this Pod's eviction.
    """
    return objects.is_ours(pod) and objects.name(pod).startswith(VOLUME_HELPER)


def _has_empty_dir(pod: Object) -> bool:
    return any("emptyDir" in volume for volume in pod["spec"].get("volumes") or ())


def decide(pod: Object, allow: Allow, *, orphaned: bool = False) -> Decision:
    """The first rule that matches the Pod wins. `orphaned`: the DaemonSet that it names does not
    exist (`resilience.drain.orphans`)."""
    finished = (pod.get("status") or {}).get("phase") in FINISHED
    daemonset = daemonset_of(pod)
    if daemonset and not finished and not orphaned:
        return Decision(Fate.IGNORE, "managed by a DaemonSet, which would recreate it at once")
    if objects.is_mirror(pod):
        return Decision(Fate.IGNORE, "mirrors a static Pod of the node")
    if finished or objects.is_terminating(pod) or is_volume_helper(pod):
        return Decision(Fate.EVICT)
    if daemonset and not allow.bare:
        gone = f"nothing would recreate it (DaemonSet {daemonset} does not exist)"
        return Decision(Fate.REFUSE, f"{gone}; allow it with bare: true")
    if _has_empty_dir(pod) and not allow.empty_dir:
        return Decision(
            Fate.REFUSE, "has data in an emptyDir volume; allow it with empty_dir: true"
        )
    if controller_of(pod) is None and not allow.bare:
        return Decision(
            Fate.REFUSE, "nothing would recreate it (a bare Pod); allow it with bare: true"
        )
    return Decision(Fate.EVICT)


def leaving(pods: Iterable[Object], orphans: Collection[str] = ()) -> list[Object]:
    """The Pods that a drain evicts if losing everything is allowed. `orphans` are uids."""
    allow_all = Allow(empty_dir=True, bare=True)
    return [
        pod
        for pod in pods
        if decide(pod, allow_all, orphaned=pod["metadata"].get("uid") in orphans).fate is Fate.EVICT
    ]
