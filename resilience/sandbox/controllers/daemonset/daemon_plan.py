"""Which nodes a DaemonSet wants a Pod on, and which old Pods it may replace (rules 3.4). Pure.

Source: pkg/controller/daemon/{daemon_controller,update}.go. maxUnavailable and maxSurge both round
up; an old Pod that is already unavailable is replaced without counting.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from resilience.sandbox.controllers.deployment.rollout_facts import created
from resilience.sandbox.controllers.podsets.controller_revisions import POD_LABEL
from resilience.sandbox.kube import node_affinity
from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.object_edits import is_deleting, labels_of
from resilience.sandbox.kube.pod_facts import is_available, node_of
from resilience.sandbox.kube.rounding import scaled
from resilience.sandbox.kube.taints import NO_EXECUTE, NO_SCHEDULE, untolerated

_ALWAYS_TOLERATED: Final = (
    ("not-ready", NO_EXECUTE), ("unreachable", NO_EXECUTE), ("disk-pressure", NO_SCHEDULE),
    ("memory-pressure", NO_SCHEDULE), ("pid-pressure", NO_SCHEDULE),
    ("unschedulable", NO_SCHEDULE),
)  # fmt: skip
REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"


def tolerations_of(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The template's tolerations and those of every DaemonSet Pod."""
    wanted = list(_ALWAYS_TOLERATED)
    if spec.get("hostNetwork"):
        wanted.append(("network-unavailable", NO_SCHEDULE))
    own: list[Mapping[str, Any]] = list(spec.get("tolerations") or ())
    for name, effect in wanted:
        entry = {"key": f"node.kubernetes.io/{name}", "operator": "Exists", "effect": effect}
        if entry not in own:
            own.append(entry)
    return own


def placement(template_spec: Mapping[str, Any], node: Obj) -> tuple[bool, bool]:
    """(should run, should continue to run) on a node."""
    if template_spec.get("nodeName") not in (None, "", node["metadata"]["name"]):
        return False, False
    if not node_affinity.node_matches(node, node_affinity.of_pod(template_spec)):
        return False, False
    tolerations = tolerations_of(template_spec)
    taints = node["spec"].get("taints") or ()
    stays = not untolerated(taints, tolerations, (NO_EXECUTE,))
    return stays and not untolerated(taints, tolerations, (NO_SCHEDULE,)), stays


def pin(spec: Mapping[str, Any], node: str) -> dict[str, Any]:
    """The Pod spec that makes the default scheduler choose exactly this node."""
    pinned = copy.deepcopy(dict(spec))
    field = {"key": "metadata.name", "operator": "In", "values": [node]}
    affinity = pinned.setdefault("affinity", {}).setdefault("nodeAffinity", {})
    terms = (affinity.get(REQUIRED) or {}).get("nodeSelectorTerms") or [{}]
    fresh = [{**term, "matchFields": [field]} for term in terms]
    affinity[REQUIRED] = {"nodeSelectorTerms": fresh}
    pinned["tolerations"] = tolerations_of(spec)
    return pinned


def target_of(pod: Obj) -> str:
    """The node a DaemonSet Pod is on or meant for."""
    if node_of(pod):
        return node_of(pod)
    names = node_affinity.of_pod(pod["spec"]).only_nodes()
    return next(iter(names)) if names else ""


@dataclass(frozen=True, slots=True)
class Limits:
    """maxSurge and maxUnavailable in nodes; one of them is 0."""

    surge: int
    unavailable: int


def limits_of(daemonset: Obj, nodes: int) -> Limits:
    """Both round up; both 0 means one unavailable."""
    strategy = daemonset["spec"].get("updateStrategy") or {}
    rolling = strategy.get("rollingUpdate") or {}
    surge = scaled(rolling.get("maxSurge", 0), nodes, "up")
    unavailable = scaled(rolling.get("maxUnavailable", 1), nodes, "up")
    return Limits(surge, 1 if not surge and not unavailable else unavailable)


@dataclass(slots=True)
class Update:
    """Old Pods to delete now, and nodes that may get a second, new Pod."""

    delete: list[Obj]
    surge: list[str]


@dataclass(frozen=True, slots=True)
class Pair:
    """The newest old and the newest new Pod of one node."""

    old: Obj | None
    new: Obj | None


def pair(pods: Sequence[Obj], label: str) -> Pair:
    """Sort a node's Pods by revision."""
    ordered = sorted((p for p in pods if not is_deleting(p)), key=created)
    old = [pod for pod in ordered if labels_of(pod).get(POD_LABEL) != label]
    new = [pod for pod in ordered if labels_of(pod).get(POD_LABEL) == label]
    return Pair(old[-1] if old else None, new[-1] if new else None)


def update(pairs: Mapping[str, Pair], limits: Limits, min_ready: int, now: float) -> Update:
    """What the rolling update may do now, over the nodes that want a Pod."""
    if limits.surge:
        return _with_surge(pairs, limits.surge, min_ready, now)
    unavailable, free, candidates = 0, [], []
    for one in pairs.values():
        if one.new is not None and one.old is None:
            unavailable += not is_available(one.new, min_ready, now)
        elif one.old is None or one.new is not None:
            unavailable += 1
        elif not is_available(one.old, min_ready, now):
            free.append(one.old)
            unavailable += 1
        else:
            candidates.append(one.old)
    return Update([*free, *candidates[: max(0, limits.unavailable - unavailable)]], [])


def _with_surge(pairs: Mapping[str, Pair], surge: int, min_ready: int, now: float) -> Update:
    surging, free, candidates = 0, [], []
    delete: list[Obj] = []
    for node, one in pairs.items():
        if one.old is None:
            continue
        if one.new is not None:
            if is_available(one.new, min_ready, now):
                delete.append(one.old)
            else:
                surging += 1
        elif not is_available(one.old, min_ready, now):
            free.append(node)
        else:
            candidates.append(node)
    return Update(delete, [*free, *candidates[: max(0, surge - surging)]])
