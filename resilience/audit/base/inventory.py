"""Everything that was read, and queries that several rules share. Pure.

Objects of manifests without a namespace have already got the default one. Kinds that may not be
read are in `unseen`: their absence proves nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from resilience.audit.base.kinds import is_known
from resilience.audit.base.makers import Account, controllers, makers
from resilience.audit.base.matching import Index
from resilience.audit.base.scraped import only_scraped
from resilience.audit.base.workloads import Workload, mapping, whole, workloads
from resilience.kube import objects
from resilience.kube.objects import Object
from resilience.model.place import Place

Key = tuple[str, str, str]
"""Kind, namespace, name."""


def key_of(obj: Object) -> Key:
    """Its identity here."""
    return str(obj["kind"]), objects.namespace(obj), objects.name(obj)


@dataclass(frozen=True)
class Inventory:
    """`backed_up` are names and patterns of namespaces that plans cover; `places` are the positions
    of objects in files; `unseen` maps a kind to why it could not be read."""

    objects: Sequence[Object]
    now: datetime
    live: bool = False
    backed_up: frozenset[str] = frozenset()
    unseen: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[Key, Place] = field(default_factory=dict)

    @cached_property
    def _kinds(self) -> Mapping[str, list[Object]]:
        found: defaultdict[str, list[Object]] = defaultdict(list)
        for obj in self.objects:
            if is_known(str(obj["apiVersion"]), obj["kind"]):
                found[obj["kind"]].append(obj)
        return found

    def of(self, *kinds: str) -> Sequence[Object]:
        """All objects of these Kubernetes kinds."""
        return [obj for kind in kinds for obj in self._kinds.get(kind, ())]

    @cached_property
    def _named(self) -> Mapping[Key, Object]:
        return {key_of(obj): obj for found in self._kinds.values() for obj in found}

    def get(self, kind: str, name: str, namespace: str = "") -> Object | None:
        """One object."""
        return self._named.get((kind, namespace, name))

    @cached_property
    def workloads(self) -> Sequence[Workload]:
        """Whatever makes Pods."""
        return tuple(workloads(obj for found in self._kinds.values() for obj in found))

    @cached_property
    def lasting(self) -> Sequence[Workload]:
        """Workloads whose Pods should run permanently."""
        return tuple(each for each in self.workloads if each.lasting)

    @cached_property
    def _indices(self) -> Mapping[str, Index]:
        found: defaultdict[str, list[Workload]] = defaultdict(list)
        for each in self.workloads:
            found[each.namespace].append(each)
        return {namespace: Index(inside) for namespace, inside in found.items()}

    def selected(self, namespace: str, selector: Any) -> Sequence[Workload]:
        """Workloads whose Pods a label selector takes; {} takes all, None takes none."""
        index = self._indices.get(namespace)
        return index.selected(selector) if index and isinstance(selector, dict) else ()

    def behind(self, service: Object) -> Sequence[Workload]:
        """Workloads whose Pods a Service selects."""
        wanted = mapping(service, "spec", "selector")
        if not wanted:
            return ()
        return self.selected(objects.namespace(service), {"matchLabels": wanted})

    @cached_property
    def _by_object(self) -> Mapping[int, Workload]:
        return {id(each.object): each for each in self.workloads}

    def workload(self, obj: Object) -> Workload | None:
        """The workload of this object."""
        return self._by_object.get(id(obj))

    @cached_property
    def served(self) -> Mapping[int, Sequence[Object]]:
        """The Services that select the Pods of each workload, by id() of its object."""
        found: defaultdict[int, list[Object]] = defaultdict(list)
        for service in self.of("Service"):
            for each in self.behind(service):
                found[id(each.object)].append(service)
        return found

    @cached_property
    def asked(self) -> frozenset[int]:
        """Workloads to which a Service sends requests, by id() of the object: not those from which
        a monitoring system only reads metrics."""
        return frozenset(
            found for found, services in self.served.items() if not only_scraped(services)
        )

    @cached_property
    def scalers(self) -> Mapping[Key, Object]:
        """The HorizontalPodAutoscaler that scales each workload."""
        found: dict[Key, Object] = {}
        for scaler in self.of("HorizontalPodAutoscaler"):
            target = mapping(scaler, "spec", "scaleTargetRef")
            name = str(target.get("name")), objects.namespace(scaler)
            found[str(target.get("kind")), name[1], name[0]] = scaler
        return found

    def fewest(self, workload: Workload) -> int | None:
        """The minimum number of Pods that the workload is scaled to; None for kinds without
        replicas."""
        scaler = self.scalers.get(key_of(workload.object))
        if scaler is None or workload.replicas is None:
            return workload.replicas
        return whole(mapping(scaler, "spec").get("minReplicas"), 1)

    @cached_property
    def budgets(self) -> Mapping[int, Sequence[Object]]:
        """The PodDisruptionBudgets that cover the Pods of each workload, by id() of its object."""
        found: defaultdict[int, list[Object]] = defaultdict(list)
        for budget in self.of("PodDisruptionBudget"):
            for each in self.selected(
                objects.namespace(budget), mapping(budget, "spec").get("selector")
            ):
                found[id(each.object)].append(budget)
        return found

    @cached_property
    def pods(self) -> Mapping[Key, Sequence[Object]]:
        """The living Pods of each workload; only a live cluster has any."""
        found: defaultdict[Key, list[Object]] = defaultdict(list)
        for pod in self.of("Pod"):
            if self.live and not objects.is_finished(pod) and not objects.is_terminating(pod):
                found[self._top(pod)].append(pod)
        return found

    def _top(self, obj: Object) -> Key:
        while owner := objects.controller(obj):
            kind, name = str(owner.get("kind")), str(owner.get("name"))
            above = self.get(kind, name, objects.namespace(obj))
            if above is None:
                return kind, objects.namespace(obj), name
            obj = above
        return key_of(obj)

    @cached_property
    def operated(self) -> frozenset[str]:
        """Namespaces where Pods may exist that the manifests do not show: those with custom
        resources, and those whose workloads may make Pods."""
        found = () if self.live else self.objects
        return makers(found) | {objects.namespace(obj) for obj in found if _is_custom(obj)}

    @cached_property
    def controllers(self) -> frozenset[Account]:
        """The ServiceAccounts that may watch objects. Roles are only read from manifests."""
        return controllers(self.objects)

    @cached_property
    def namespaces(self) -> Sequence[Object]:
        """Namespaces with workloads, also if only their names are known."""
        held = sorted({each.namespace for each in self.workloads if each.namespace})
        return [self.get("Namespace", name) or _namespace(name) for name in held]


def _namespace(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _is_custom(obj: Object) -> bool:
    """A namespaced object of an operator. By convention, names of cluster-scoped kinds begin with
    Cluster."""
    group = str(obj["apiVersion"]).rpartition("/")[0]
    if "." not in group or group.endswith(".k8s.io"):
        return False
    return bool(objects.namespace(obj)) and not str(obj["kind"]).startswith("Cluster")


def in_namespace(found: Iterable[Object], namespace: str) -> list[Object]:
    """The workloads of one namespace."""
    return [obj for obj in found if objects.namespace(obj) == namespace]


def is_system(namespace: Object) -> bool:
    """Whether Kubernetes itself runs there: a quota or a policy that denies everything would stop
    the cluster's own services, such as its DNS."""
    return objects.name(namespace).startswith("kube-")
