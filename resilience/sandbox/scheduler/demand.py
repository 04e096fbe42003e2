"""The requirements of a Pod on a node, read once per kind of Pod.

Pods of one template demand the same; `demand_key` is equal for them, so everything derived from it
is computed once. Requests follow resourcehelper.PodRequests: the sum of containers and sidecars
against each init container, plus overhead; Pod-level resources take precedence.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from resilience.sandbox.kube import node_affinity
from resilience.sandbox.kube.amounts import amount
from resilience.sandbox.kube.api import Obj
from resilience.sandbox.kube.node_affinity import NodeAffinity
from resilience.sandbox.kube.object_edits import controller_of, labels_of
from resilience.sandbox.kube.selector_index import Labels
from resilience.sandbox.scheduler.interpod import PodRules, rules_of

Resources = dict[str, int]
_EVERY = "0.0.0.0"
Port = tuple[str, str, int]
"""Host IP, protocol, number."""

NONZERO_CPU: Final = 100
NONZERO_MEMORY: Final = 200 * 1024 * 1024
"""What a Pod without requests counts as in scores (never in filters)."""

_RELEVANT: Final = (
    "nodeSelector", "affinity", "tolerations", "topologySpreadConstraints", "overhead",
    "nodeName", "resources", "priority",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """See the module. `owner` is the controller's uid, whose Pods are spread by default."""

    namespace: str
    labels: Labels
    owner: str
    requests: Mapping[str, int]
    scored_cpu: int
    scored_memory: int
    ports: frozenset[Port]
    affinity: NodeAffinity
    tolerations: tuple[Mapping[str, Any], ...]
    rules: PodRules
    claims: tuple[str, ...]
    priority: int


def demand_key(pod: Obj) -> str:
    """Equal for Pods with the same demand."""
    spec = pod["spec"]
    owner = controller_of(pod)
    parts = [
        pod["metadata"]["namespace"],
        labels_of(pod),
        owner["uid"] if owner else "",
        [spec.get(field) for field in _RELEVANT],
        [
            (c.get("resources"), c.get("ports"), c.get("restartPolicy"))
            for c in (*(spec.get("initContainers") or ()), *spec["containers"])
        ],
        claims_of(pod),
    ]
    return json.dumps(parts, sort_keys=True)


def demand_of(pod: Obj) -> Demand:
    """Read a Pod."""
    spec = pod["spec"]
    owner = controller_of(pod)
    requests = requests_of(spec)
    return Demand(
        namespace=pod["metadata"]["namespace"],
        labels=labels_of(pod),
        owner=owner["uid"] if owner else "",
        requests=requests,
        scored_cpu=requests.get("cpu", 0) or NONZERO_CPU,
        scored_memory=requests.get("memory", 0) or NONZERO_MEMORY,
        ports=ports_of(spec),
        affinity=node_affinity.of_pod(spec),
        tolerations=tuple(spec.get("tolerations") or ()),
        rules=rules_of(pod),
        claims=claims_of(pod),
        priority=spec.get("priority") or 0,
    )


def requests_of(spec: Mapping[str, Any]) -> Resources:
    """The Pod's requests by resource name, in `amount` units."""
    running: Resources = {}
    for container in spec["containers"]:
        _add(running, _requests(container))
    peak: Resources = {}
    sidecars: Resources = {}
    for container in spec.get("initContainers") or ():
        if container.get("restartPolicy") == "Always":
            _add(sidecars, _requests(container))
            _raise(peak, sidecars)
        else:
            _raise(peak, _sum(sidecars, _requests(container)))
    _add(running, sidecars)
    _raise(running, peak)
    pod_level = ((spec.get("resources") or {}).get("requests")) or {}
    running.update({name: amount(name, value) for name, value in pod_level.items()})
    overhead = {name: amount(name, value) for name, value in (spec.get("overhead") or {}).items()}
    return _sum(running, overhead)


def ports_of(spec: Mapping[str, Any]) -> frozenset[Port]:
    """Host ports of all containers."""
    return frozenset(
        (port.get("hostIP") or _EVERY, port.get("protocol") or "TCP", port["hostPort"])
        for container in (*spec["containers"], *(spec.get("initContainers") or ()))
        for port in container.get("ports") or ()
        if port.get("hostPort")
    )


def meet(one: Port, two: Port) -> bool:
    """Whether two host ports conflict on one node."""
    return one[1:] == two[1:] and (one[0] == two[0] or _EVERY in (one[0], two[0]))


def claims_of(pod: Obj) -> tuple[str, ...]:
    """Names of the PersistentVolumeClaims a Pod mounts; ephemeral ones are POD-VOLUME."""
    found: list[str] = []
    for volume in pod["spec"].get("volumes") or ():
        if volume.get("persistentVolumeClaim"):
            found.append(volume["persistentVolumeClaim"]["claimName"])
        elif volume.get("ephemeral"):
            found.append(f"{pod['metadata']['name']}-{volume['name']}")
    return tuple(found)


def _requests(container: Mapping[str, Any]) -> Resources:
    given = (container.get("resources") or {}).get("requests") or {}
    return {name: amount(name, value) for name, value in given.items()}


def _add(into: Resources, more: Mapping[str, int]) -> None:
    for name, value in more.items():
        into[name] = into.get(name, 0) + value


def _raise(into: Resources, other: Mapping[str, int]) -> None:
    for name, value in other.items():
        into[name] = max(into.get(name, 0), value)


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> Resources:
    result = dict(one)
    _add(result, other)
    return result
