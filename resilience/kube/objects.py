"""Reading raw API objects: identity, ownership, state. Pure; missing fields read as empty.

`resilience.kube.readiness` defines what "ready" means.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Object = dict[str, Any]
"""One API object as the server sent it: raw JSON."""

ROOT_CERTIFICATES = frozenset({"kube-root-ca.crt", "openshift-service-ca.crt"})
"""ConfigMaps that the cluster publishes into each namespace, and mounts into Pods with their token
(pkg/controller/certificates/rootcacertpublisher; OpenShift adds the second)."""


def metadata(obj: Object) -> Mapping[str, Any]:
    """`metadata`, {} if there is none."""
    return obj.get("metadata") or {}


def uid(obj: Object) -> str:
    """`metadata.uid`."""
    return str(metadata(obj).get("uid", ""))


def resource_version(obj: Object) -> str:
    """metadata.resourceVersion, "" if the object has none."""
    return str(metadata(obj).get("resourceVersion", ""))


def name(obj: Object) -> str:
    """`metadata.name`."""
    return str(metadata(obj).get("name", ""))


def namespace(obj: Object) -> str:
    """`metadata.namespace`, "" for cluster-scoped objects."""
    return str(metadata(obj).get("namespace", ""))


def labels(obj: Object) -> Mapping[str, str]:
    """`metadata.labels`."""
    return metadata(obj).get("labels") or {}


def annotation(obj: Object, key: str) -> str:
    """One of `metadata.annotations`, "" without it."""
    return str((metadata(obj).get("annotations") or {}).get(key, ""))


MANAGED_BY = "app.kubernetes.io/managed-by"
OURS = "pytest-resilience"


def is_ours(obj: Object) -> bool:
    """Whether it is a helper that this project runs in the cluster: neither victim nor workload."""
    return labels(obj).get(MANAGED_BY) == OURS


def title(obj: Object) -> str:
    """Its name in messages: `shop/web-1`, or `node-2` where there is no namespace."""
    return "/".join(part for part in (namespace(obj), name(obj)) if part)


def owners(obj: Object) -> Sequence[Mapping[str, Any]]:
    """Its `ownerReferences`."""
    return metadata(obj).get("ownerReferences") or ()


def controller(obj: Object) -> Mapping[str, Any] | None:
    """The owner reference that controls it, None for a bare object."""
    for owner in metadata(obj).get("ownerReferences") or ():
        if owner.get("controller"):
            return dict(owner)
    return None


def controller_uid(obj: Object) -> str:
    """uid of its controller, "" for a bare object."""
    return str((controller(obj) or {}).get("uid", ""))


MIRROR = "kubernetes.io/config.mirror"


def is_mirror(pod: Object) -> bool:
    """Whether it only shows a static Pod, which its kubelet runs from a file on the node: deleting
    the object ends no container, and the kubelet writes it again."""
    return MIRROR in (metadata(pod).get("annotations") or {})


def is_terminating(obj: Object) -> bool:
    """Whether its deletion has begun."""
    return bool(metadata(obj).get("deletionTimestamp"))


def phase(pod: Object) -> str:
    """`status.phase`."""
    return str((pod.get("status") or {}).get("phase", ""))


def is_finished(pod: Object) -> bool:
    """Whether all its containers have ended for good."""
    return phase(pod) in ("Succeeded", "Failed")


def condition(obj: Object, kind: str) -> Mapping[str, Any]:
    """The status condition of that type, {} if it has none."""
    for entry in (obj.get("status") or {}).get("conditions") or ():
        if entry.get("type") == kind:
            return dict(entry)
    return {}


def container_statuses(pod: Object) -> list[Mapping[str, Any]]:
    """Statuses of all its containers in the order in which they start: init containers, some of
    which are sidecars that keep running, then the others."""
    status = pod.get("status") or {}
    init, main = status.get("initContainerStatuses"), status.get("containerStatuses")
    return [*(init or ()), *(main or ())]


def lasting_containers(pod: Object) -> list[Mapping[str, Any]]:
    """Its containers that are meant to keep running: the sidecars among the init containers
    (`restartPolicy: Always`), and all others."""
    spec = pod.get("spec") or {}
    sidecars = [
        each for each in spec.get("initContainers") or () if each.get("restartPolicy") == "Always"
    ]
    return [*sidecars, *(spec.get("containers") or ())]


def first_ordinal(statefulset: Object) -> int:
    """The number of its first Pod."""
    return int(((statefulset.get("spec") or {}).get("ordinals") or {}).get("start") or 0)


def ordinal(pod: Object) -> int:
    """The number at the end of a StatefulSet's Pod; 0 where the name has none."""
    last = name(pod).rpartition("-")[2]
    return int(last) if last.isdecimal() else 0


def restarts(pod: Object) -> int:
    """Restarts of all its containers, sidecars included."""
    return sum(int(entry.get("restartCount", 0)) for entry in container_statuses(pod))


def node(pod: Object) -> str:
    """Name of the Node it is bound to, "" before."""
    return str((pod.get("spec") or {}).get("nodeName", ""))


def grace(pod: Object) -> float:
    """Seconds it may take to end: the grace of its deletion, else its own, else 30."""
    given = metadata(pod).get("deletionGracePeriodSeconds")
    own = (pod.get("spec") or {}).get("terminationGracePeriodSeconds")
    return float(next((value for value in (given, own) if value is not None), 30))


def generations(obj: Object) -> tuple[int, int]:
    """Of its spec: the newest that its controller has seen, and the one that is written."""
    seen = mapping(obj.get("status")).get("observedGeneration")
    return int(seen or 0), int(metadata(obj).get("generation") or 0)


def in_order(objects: Iterable[Object]) -> list[Object]:
    """Sorted by namespace and name."""
    return sorted(objects, key=lambda obj: (namespace(obj), name(obj)))


def mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is a mapping, else an empty one: a manifest holds anything."""
    return value if isinstance(value, Mapping) else {}
