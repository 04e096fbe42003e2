"""Which Pods leave a node without an eviction, by what is wanted now.

A budget that allows nothing is no reason to give up on such a Pod: it finishes by itself, its
controller removes it (scaled down, rolled out, deleted), or an operator moves it at an eviction.
Every other Pod stays until it is evicted. A controller that may not be read counts as one that
keeps its Pods.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resilience.cluster.errors import Forbidden, NotFound
from resilience.cluster.interface import (
    DEPLOYMENTS,
    REPLICASETS,
    REPLICATIONCONTROLLERS,
    STATEFULSETS,
    Cluster,
    Object,
)
from resilience.kube import objects, readiness
from resilience.model.words import many

OWN_GROUPS = ("", "apps", "batch")
"""Groups of the controllers that Kubernetes itself has."""

READ = (REPLICASETS, DEPLOYMENTS, STATEFULSETS, REPLICATIONCONTROLLERS)
_BY_KIND = {resource.kind: resource for resource in READ}
_REVISION = "deployment.kubernetes.io/revision"


@dataclass(frozen=True, slots=True)
class Owner:
    """A controller as it is now: `object` is None if it does not exist any more (`gone`), may not
    be read, or is of a kind whose numbers say nothing."""

    object: Object | None = None
    gone: bool = False


Read = Callable[[str, Mapping[str, Any]], Owner]
"""The controller that an owner reference names, in that namespace."""


def is_operators(pod: Object) -> bool:
    """Whether something other than Kubernetes' own controllers runs the Pod. An eviction may make
    it move the Pod, although the budget refuses (KubeVirt, Strimzi, CloudNativePG)."""
    owner = objects.controller(pod)
    return owner is not None and str(owner.get("apiVersion")).rpartition("/")[0] not in OWN_GROUPS


def passing(leaving: Sequence[Object], pods: Sequence[Object], read: Read) -> Mapping[str, str]:
    """Why each Pod of `leaving` goes by itself, by its uid. `pods` are all Pods of their
    namespaces."""
    found = {objects.uid(pod): _why(pod, leaving, pods, read) for pod in leaving}
    return {uid: why for uid, why in found.items() if why}


def _why(pod: Object, leaving: Sequence[Object], pods: Sequence[Object], read: Read) -> str:
    if why := _ends(pod):
        return why
    owner = objects.controller(pod)
    if owner is None:
        return ""
    if is_operators(pod):
        return f"may be moved by its {owner['kind']} {owner['name']} at an eviction"
    controller = read(objects.namespace(pod), owner)
    if controller.gone:
        return f"is deleted soon: its {owner['kind']} {owner['name']} does not exist any more"
    if controller.object is None:
        return ""
    return _by_controller(pod, controller.object, leaving, pods, read)


def _ends(pod: Object) -> str:
    spec = pod.get("spec") or {}
    if (policy := spec.get("restartPolicy") or "Always") != "Always":
        return f"ends by itself once its containers have (restartPolicy {policy})"
    if limit := spec.get("activeDeadlineSeconds"):
        return f"ends by itself (activeDeadlineSeconds {limit})"
    return ""


def _by_controller(
    pod: Object, owner: Object, leaving: Sequence[Object], pods: Sequence[Object], read: Read
) -> str:
    name = f"{owner.get('kind')} {objects.name(owner)}"
    if objects.is_terminating(owner):
        return f"is deleted soon: its {name} is being deleted"
    seen, written = objects.generations(owner)
    if seen < written:
        return f"may be deleted: its {name} was changed, and its controller has not seen that yet"
    if owner.get("kind") == STATEFULSETS.kind:
        return _of_set(pod, owner)
    living = [each for each in pods if not _leaves_already(each)]
    want = readiness.wanted(owner)
    mine = _of(owner, living)
    if want is not None and len(mine) - want >= len(_of(owner, leaving)):
        return f"is deleted soon: its {name} wants {want} of its {len(mine)} Pods"
    top = objects.controller(owner)
    if owner.get("kind") != REPLICASETS.kind or top is None:
        return ""
    return _by_deployment(owner, top, read(objects.namespace(owner), top))


def _leaves_already(pod: Object) -> bool:
    return objects.is_terminating(pod) or objects.is_finished(pod)


def _of(owner: Object, pods: Sequence[Object]) -> list[Object]:
    return [pod for pod in pods if objects.controller_uid(pod) == objects.uid(owner)]


def _by_deployment(replicaset: Object, top: Mapping[str, Any], owner: Owner) -> str:
    name = f"{top['kind']} {top['name']}"
    if owner.gone:
        return f"is deleted soon: its {name} does not exist any more"
    deployment = owner.object
    if deployment is None:
        return ""
    if objects.is_terminating(deployment):
        return f"is deleted soon: its {name} is being deleted"
    seen, written = objects.generations(deployment)
    if seen < written:
        return f"may be deleted: its {name} was changed, and its controller has not seen that yet"
    if (deployment.get("spec") or {}).get("paused"):
        return ""
    newest = objects.annotation(deployment, _REVISION)
    is_old = bool(newest) and objects.annotation(replicaset, _REVISION) != newest
    failed = objects.condition(deployment, "Progressing").get("reason")
    if is_old and failed != "ProgressDeadlineExceeded":
        return f"is replaced by the rollout of its {name}"
    return ""


def _of_set(pod: Object, owner: Object) -> str:
    """A StatefulSet's Pod goes if its ordinal is not wanted, or the rollout reaches it."""
    name = f"{owner.get('kind')} {objects.name(owner)}"
    spec, ordinal = owner.get("spec") or {}, objects.ordinal(pod)
    first = objects.first_ordinal(owner)
    want = readiness.wanted(owner) or 0
    if not first <= ordinal < first + want:
        return f"is deleted soon: its {name} wants {many(want, 'Pod')} now"
    newest = (owner.get("status") or {}).get("updateRevision")
    here = objects.labels(pod).get("controller-revision-hash")
    strategy = spec.get("updateStrategy") or {}
    if not newest or here == newest or strategy.get("type") == "OnDelete":
        return ""
    kept = first + int((strategy.get("rollingUpdate") or {}).get("partition") or 0)
    return f"is replaced by the rollout of its {name}" if ordinal >= kept else ""


def reader(cluster: Cluster) -> Read:
    """Reads each controller once."""
    known: dict[tuple[str, str], Owner] = {}

    def read(namespace: str, reference: Mapping[str, Any]) -> Owner:
        uid = str(reference.get("uid"))
        if (namespace, uid) not in known:
            known[namespace, uid] = _read(cluster, namespace, reference)
        return known[namespace, uid]

    return read


def _read(cluster: Cluster, namespace: str, reference: Mapping[str, Any]) -> Owner:
    resource = _BY_KIND.get(str(reference.get("kind")))
    if resource is None:
        return Owner()
    try:
        found = cluster.get(resource, str(reference.get("name")), namespace)
    except NotFound:
        return Owner(gone=True)
    except Forbidden:
        return Owner()
    return Owner(found) if objects.uid(found) == reference.get("uid") else Owner(gone=True)
