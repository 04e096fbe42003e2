"""Subresources with their own kind: scale and binding. (Eviction: `eviction.py`.)

Sources: pkg/registry/apps/*/storage (ScaleREST) and pkg/registry/core/pod/storage (BindingREST).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from resilience.sandbox.apiserver.admission import topology_labels
from resilience.sandbox.apiserver.registry import patching
from resilience.sandbox.apiserver.tables import custom_tables
from resilience.sandbox.apiserver.webhooks.hook_matching import Attempt
from resilience.sandbox.host.sandbox_clock import stamp
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.api import Obj, PatchType, Resource
from resilience.sandbox.kube.call import Call
from resilience.sandbox.kube.labels import selector_text
from resilience.sandbox.schema.facts import Kind
from resilience.sandbox.store.store import clone

if TYPE_CHECKING:
    from resilience.sandbox.apiserver.registry.registry import Registry

_PATHS = {
    "specReplicasPath": ".spec.replicas",
    "statusReplicasPath": ".status.replicas",
    "labelSelectorPath": ".spec.selector",
}
_SCALE_KIND = Kind(
    resource=Resource("autoscaling", "v1", "scales", "Scale", True),
    model="V1Scale",
    subresources=frozenset(),
    singular="scale",
    short=(),
    categories=(),
)


def scale_of(obj: Obj, paths: Mapping[str, str] = _PATHS) -> Obj:
    """The autoscaling/v1 Scale of a workload; `paths` are those of a custom resource."""
    metadata = obj["metadata"]
    about = {
        field: metadata[field]
        for field in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
        if field in metadata
    }
    replicas = custom_tables.read(obj, paths["specReplicasPath"])
    out_spec = {"replicas": replicas} if replicas else {}
    out_status: dict[str, Any] = {
        "replicas": custom_tables.read(obj, paths["statusReplicasPath"]) or 0
    }
    selector = custom_tables.read(obj, paths.get("labelSelectorPath") or ".none")
    text = selector if isinstance(selector, str) else selector_text(selector)
    if text:
        out_status["selector"] = text
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": about,
        "spec": out_spec,
        "status": out_status,
    }


def _set(obj: Obj, path: str, value: int) -> None:
    """Set the value at a simple path such as `.spec.replicas`."""
    *parents, last = path.strip(".").split(".")
    for name in parents:
        obj = obj.setdefault(name, {})
    obj[last] = value


class Subresources:
    """Bound to one registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def write(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: Obj,
        subresource: str,
        call: Call,
    ) -> Obj:
        """A Scale, a Binding or an Eviction for the named object."""
        if subresource == "scale":
            return self.scale(resource, namespace, name, body, call)
        if subresource == "binding":
            return self.bind(resource, namespace, name, body, call)
        from resilience.sandbox.apiserver.registry.eviction import evict

        eviction = {**body, "apiVersion": "policy/v1", "kind": "Eviction"}
        self._judge(resource, namespace, name, eviction, subresource, call)
        return evict(self._registry, namespace, name, body, call)

    def _judge(
        self, resource: Resource, namespace: str, name: str, body: Obj, subresource: str, call: Call
    ) -> None:
        """Policies and webhooks come before the request itself: some that watch evictions let
        an operator move the Pod, whatever its budgets say."""
        self._registry.chain.judge(
            Attempt(
                kind=self._registry.kinds.of(resource),
                operation="CREATE",
                namespace=namespace,
                name=name,
                obj=body,
                old=None,
                call=call,
                subresource=subresource,
            )
        )

    def paths(self, resource: Resource) -> Mapping[str, str]:
        """Where a resource keeps the values of its Scale."""
        version = self._registry.chain.definitions.version(resource) or {}
        found: Mapping[str, str] = (version.get("subresources") or {}).get("scale") or _PATHS
        return found

    def scale(self, resource: Resource, namespace: str, name: str, body: Obj, call: Call) -> Obj:
        """Set `spec.replicas` only; 409 for a stale version in the Scale's metadata."""
        old = self._registry.current(resource, namespace, name, call)
        given = body.get("metadata") or {}
        if given.get("resourceVersion") not in (None, "", old["metadata"]["resourceVersion"]):
            raise refusals.conflict(resource, name)
        replicas = (body.get("spec") or {}).get("replicas", 0)
        if not isinstance(replicas, int) or isinstance(replicas, bool):
            raise refusals.bad_request(
                'Scale in version "v1" cannot be handled as a Scale: json: cannot unmarshal into'
                " Go struct field ScaleSpec.spec.replicas of type int32"
            )
        if replicas < 0:
            raise refusals.invalid(
                _SCALE_KIND.resource,
                name,
                [
                    refusals.value_invalid(
                        "spec.replicas", replicas, "must be greater than or equal to 0"
                    )
                ],
            )
        fresh = clone(old)
        paths = self.paths(resource)
        _set(fresh, paths["specReplicasPath"], replicas)
        return scale_of(self._registry.replace(resource, old, fresh, call, "scale"), paths)

    def patch_scale(
        self, kind: Kind, namespace: str, name: str, patch: Any, type: PatchType, call: Call
    ) -> Obj:
        """Patch the Scale of an object."""
        old = self._registry.current(kind.resource, namespace, name, call)
        wanted = patching.patched(
            _SCALE_KIND,
            scale_of(old, self.paths(kind.resource)),
            patch,
            "merge" if type == "apply" else type,
        )
        if call.validation:
            patching.checked(_SCALE_KIND, wanted, call)
        return self.scale(kind.resource, namespace, name, wanted, call)

    def bind(self, resource: Resource, namespace: str, name: str, body: Obj, call: Call) -> Obj:
        """Assign a Pod to a node, once; the Pod's PodScheduled becomes True in the same write."""
        old = self._registry.get(resource, namespace, name)
        target = body.get("target") or {}
        node = target.get("name")
        if not node or target.get("kind", "Node") not in ("", "Node"):
            raise refusals.invalid(
                Resource("", "v1", "bindings", "Binding", True),
                name,
                [refusals.value_required("target.name")],
            )
        if "deletionTimestamp" in old["metadata"]:
            raise refusals.conflict(
                resource, name, f"pod {name} is being deleted, cannot be assigned to a host"
            )
        spec = old.get("spec") or {}
        if spec.get("nodeName"):
            raise refusals.conflict(
                resource, name, f'pod {name} is already assigned to node "{spec["nodeName"]}"'
            )
        if spec.get("schedulingGates"):
            raise refusals.conflict(
                resource, name, f"pod {name} has non-empty .spec.schedulingGates"
            )
        fresh = clone(old)
        fresh["spec"]["nodeName"] = node
        annotations = (body.get("metadata") or {}).get("annotations") or {}
        if annotations:
            fresh["metadata"].setdefault("annotations", {}).update(annotations)
        topology_labels.put(fresh, self._registry, str(node))
        _scheduled(fresh, stamp(self._registry.clock.now()))
        fresh["status"].pop("nominatedNodeName", None)
        self._registry.replace(resource, old, fresh, call, "binding")
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Success",
            "code": 201,
        }


def _scheduled(pod: Obj, now: str) -> None:
    conditions = pod.setdefault("status", {}).setdefault("conditions", [])
    conditions[:] = [entry for entry in conditions if entry.get("type") != "PodScheduled"]
    conditions.append(
        {"type": "PodScheduled", "status": "True", "lastProbeTime": None, "lastTransitionTime": now}
    )
