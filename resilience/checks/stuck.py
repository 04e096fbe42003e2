"""Finds Pods that waiting does not bring: those that cannot start by themselves, are not admitted,
or whose name another Pod has.

A finding of `prospects` counts once the state has lasted, by the run's own watch, for as long as
the rule requires. On the sandbox, which pulls nothing, a missing image is final at once. A node
that an autoscaler is bringing is waited for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from resilience.checks import prospects
from resilience.checks.prospects import Stuck
from resilience.cluster.interface import (
    DEPLOYMENTS,
    EVENTS,
    PODS,
    REPLICASETS,
    STATEFULSETS,
    Object,
    WatchEvent,
)
from resilience.kube import objects
from resilience.verbs.context import CheckContext, Fate

_SCALING = frozenset({"TriggeredScaleUp", "Nominated", "NominatedPod"})
"""Reasons of Events of the Cluster Autoscaler and of Karpenter: a node is coming."""

_BEFORE_MOUNT = frozenset({"ContainerCreating", "PodInitializing"})
"""What each container waits for while volumes are not mounted (pkg/kubelet/kubelet_pods.go)."""

_CREATION = frozenset({"FailedCreate", "SuccessfulCreate"})


def remedies(
    pods: Iterable[Object], context: CheckContext, owners: Sequence[Object] = ()
) -> list[str]:
    """Advice for each problem that waiting cannot solve; empty if waiting may help. `owners` are
    the workloads whose Pods are missing."""
    found = _of_pods([pod for pod in pods if not objects.is_terminating(pod)], context)
    found += _of_creation(owners, context) if owners else []
    found += _of_names(owners, context)
    found += [(failed, 0.0) for owner in owners if (failed := prospects.of_job(owner))]
    now = context.clock.monotonic()
    final = [stuck.remedy for stuck, since in found if now - since >= _after(stuck, context)]
    return list(dict.fromkeys(final))


def _after(stuck: Stuck, context: CheckContext) -> float:
    final = stuck.kind == prospects.IMAGE and not context.cluster.means.registry
    return prospects.AT_ONCE if final else stuck.after


def _of_pods(pods: Sequence[Object], context: CheckContext) -> list[tuple[Stuck, float]]:
    """(what, since when) of each that is stuck in the state that `pods` shows: a later one belongs
    to the next answer, which also says why."""
    shown = {objects.uid(pod): objects.resource_version(pod) for pod in pods}
    passed: set[str] = set()
    states: dict[str, tuple[Stuck, float]] = {}
    for event in context.history(PODS) if shown else ():
        uid = objects.uid(event.object)
        if uid in shown and uid not in passed:
            before = states.pop(uid, None)
            now = prospects.of_pod(event.object, before[0] if before else None)
            _keep(states, uid, now, before, event)
            if objects.resource_version(event.object) == shown[uid]:
                passed.add(uid)
    mounts = _by_events({objects.uid(pod) for pod in pods if not _is_mounted(pod)}, context)
    for uid, state in mounts.items():
        states.setdefault(uid, state)
    coming = _coming(context) if states else frozenset[str]()
    return [state for uid, state in states.items() if uid not in coming]


def _is_mounted(pod: Object) -> bool:
    """Whether its volumes are mounted: a kubelet does that before the first container, and
    no Event follows an earlier FailedMount."""
    status = pod.get("status") or {}
    found = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    waiting = (((each.get("state") or {}).get("waiting") or {}).get("reason") for each in found)
    return any(each not in _BEFORE_MOUNT for each in waiting)


def _by_events(uids: set[str], context: CheckContext) -> dict[str, tuple[Stuck, float]]:
    """Findings for Pods whose volumes cannot be mounted, which their status does not show."""
    states: dict[str, tuple[Stuck, float]] = {}
    for event in context.history(EVENTS) if uids else ():
        uid = _about(event)
        if uid in uids and event.object.get("reason") == "FailedMount":
            before = states.pop(uid, None)
            _keep(states, uid, prospects.of_mount(_text(event)), before, event)
    return states


def _of_creation(owners: Sequence[Object], context: CheckContext) -> list[tuple[Stuck, float]]:
    """Findings for workloads whose Pods are not admitted, by the last Event about their
    creation."""
    uids = {objects.uid(owner) for owner in owners}
    if any(owner.get("kind") == DEPLOYMENTS.kind for owner in owners):
        replicasets = context.view(REPLICASETS, context.namespace).objects()
        uids |= {objects.uid(rs) for rs in replicasets if objects.controller_uid(rs) in uids}
    states: dict[str, tuple[Stuck, float]] = {}
    for event in context.history(EVENTS):
        uid = _about(event)
        if uid in uids and event.object.get("reason") in _CREATION:
            failed = event.object["reason"] == "FailedCreate"
            now = prospects.of_creation(_text(event)) if failed else None
            _keep(states, uid, now, states.pop(uid, None), event)
    return list(states.values())


def _of_names(owners: Sequence[Object], context: CheckContext) -> list[tuple[Stuck, float]]:
    """Findings for StatefulSets: a Pod has the name of a missing one. It keeps it until this run's
    undo if it was quarantined; anyone may delete another one."""
    sets = [owner for owner in owners if owner.get("kind") == STATEFULSETS.kind]
    if not sets:
        return []
    kept = {victim.uid for victim in context.victims if victim.fate is Fate.KEPT}
    pods = context.view(PODS, context.namespace).objects()
    return [
        (prospects.of_name(owner, pod, kept=objects.uid(pod) in kept), _since(pod, owner, context))
        for owner in sets
        for pod in prospects.in_the_way(owner, pods)
    ]


def _since(pod: Object, owner: Object, context: CheckContext) -> float:
    """Since when the Pod has not been the owner's; now if the watch does not tell."""
    since = context.clock.monotonic()
    for event in reversed(context.history(PODS)):
        if objects.uid(event.object) == objects.uid(pod):
            if objects.controller_uid(event.object) == objects.uid(owner):
                break
            since = event.received
    return since


def _coming(context: CheckContext) -> frozenset[str]:
    """uids of Pods for which a node is being made."""
    return frozenset(
        _about(event) for event in context.history(EVENTS) if event.object.get("reason") in _SCALING
    )


def _keep(
    states: dict[str, tuple[Stuck, float]],
    uid: str,
    now: Stuck | None,
    before: tuple[Stuck, float] | None,
    event: WatchEvent,
) -> None:
    if now is not None:
        same = before is not None and before[0].kind == now.kind
        states[uid] = (now, before[1] if same and before else event.received)


def _about(event: WatchEvent) -> str:
    about = event.object.get("involvedObject") or event.object.get("regarding") or {}
    return str(about.get("uid", ""))


def _text(event: WatchEvent) -> str:
    return str(event.object.get("message") or event.object.get("note") or "")
