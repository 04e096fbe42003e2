"""A workload as the rules see it: any object that creates Pods, and its Pod template.

Pods, ReplicaSets and Jobs that something else controls do not count as workloads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from resilience.kube import objects
from resilience.kube.objects import Object

SCALED = frozenset({"Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"})
"""Kinds with replicas."""

LASTING = SCALED | {"DaemonSet"}
"""Kinds whose Pods should run forever."""

KINDS = LASTING | {"Job", "CronJob", "Pod"}

MIRROR = "kubernetes.io/config.mirror"
"""Annotation of a static Pod's mirror: the kubelet runs it, no controller could."""


@dataclass(frozen=True, slots=True)
class Workload:
    """`labels` and `spec` are those of its Pods."""

    object: Object
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    spec: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """`Deployment`."""
        return str(self.object["kind"])

    @property
    def name(self) -> str:
        """metadata.name."""
        return objects.name(self.object)

    @property
    def namespace(self) -> str:
        """metadata.namespace."""
        return objects.namespace(self.object)

    @property
    def reference(self) -> str:
        """`deployment/checkout`, as scenarios write it."""
        return f"{self.kind.lower()}/{self.name}"

    @property
    def replicas(self) -> int | None:
        """The replicas that it asks for, 1 by default; None for kinds without replicas."""
        if self.kind not in SCALED:
            return None
        return whole(mapping(self.object, "spec").get("replicas"), 1)

    @property
    def lasting(self) -> bool:
        """Whether its Pods should run forever; a bare Pod that never restarts is a task."""
        if self.kind == "Pod":
            return str(self.spec.get("restartPolicy", "Always")) == "Always"
        return self.kind in LASTING

    @property
    def containers(self) -> tuple[Mapping[str, Any], ...]:
        """Containers that run all the time: the main ones, and init containers that restart
        (sidecars)."""
        sidecars = (each for each in listed(self.spec, "initContainers") if _restarts(each))
        return (*listed(self.spec, "containers"), *sidecars)

    @property
    def every_container(self) -> tuple[Mapping[str, Any], ...]:
        """Init containers too."""
        return (*listed(self.spec, "containers"), *listed(self.spec, "initContainers"))

    @property
    def volumes(self) -> tuple[Mapping[str, Any], ...]:
        """The volumes of its Pods."""
        return tuple(listed(self.spec, "volumes"))


def _restarts(container: Mapping[str, Any]) -> bool:
    return container.get("restartPolicy") == "Always"


def listed(value: Mapping[str, Any], key: str) -> Iterator[Mapping[str, Any]]:
    """The mappings of a list field; manifests of others may hold anything there."""
    found = value.get(key)
    if isinstance(found, list):
        yield from (each for each in found if isinstance(each, dict))


def whole(value: Any, default: int) -> int:
    """A whole number, `default` for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def texts(value: Any) -> tuple[str, ...]:
    """A list as texts, () for anything else."""
    return tuple(str(each) for each in value) if isinstance(value, list) else ()


def labels_in(value: Mapping[str, Any], key: str) -> dict[str, str]:
    """Labels or annotations, as texts."""
    return {str(name): str(held) for name, held in mapping(value, key).items()}


def mapping(value: Any, *keys: str) -> dict[str, Any]:
    """A mapping some levels down, {} where there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def workloads(found: Iterable[Object]) -> Iterator[Workload]:
    """The workloads among these objects, in their order."""
    for obj in found:
        if obj.get("kind") not in KINDS or objects.controller(obj) or objects.is_ours(obj):
            continue
        if objects.annotation(obj, MIRROR) or _has_ended(obj):
            continue
        template = _template(obj)
        spec = mapping(template, "spec")
        if spec:
            meta = mapping(template, "metadata")
            yield Workload(obj, labels_in(meta, "labels"), labels_in(meta, "annotations"), spec)


def _has_ended(obj: Object) -> bool:
    if obj["kind"] == "Pod":
        return objects.is_finished(obj)
    return obj["kind"] == "Job" and any(
        objects.condition(obj, each).get("status") == "True" for each in ("Complete", "Failed")
    )


def _template(obj: Object) -> Mapping[str, Any]:
    if obj["kind"] == "Pod":
        return obj
    path = ("spec", "jobTemplate", "spec") if obj["kind"] == "CronJob" else ("spec",)
    return mapping(obj, *path, "template")
