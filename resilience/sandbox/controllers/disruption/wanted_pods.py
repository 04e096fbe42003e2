"""How many Pods a Pod's controller wants, computed as in the disruption controller.

A ReplicaSet of a Deployment counts with its Deployment, anything else with its own scale. Kinds
without a scale (Job, DaemonSet) are an error: a percentage of an unknown number cannot be computed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from resilience.sandbox.kube.api import Obj, Resource
from resilience.sandbox.kube.object_edits import controller_of
from resilience.sandbox.reconcile.controller_context import Context


class NoScale(Exception):
    """The message names the Pod or kind without a scale."""


class Scales:
    """Looks up each controller once."""

    def __init__(self, context: Context) -> None:
        self._api = context.api

    def wanted(self, pods: Iterable[Obj]) -> tuple[int, list[str]]:
        """Sum over the distinct controllers of Pods, and names of Pods without one."""
        seen: set[str] = set()
        scales: dict[str, int] = {}
        bare: list[str] = []
        for pod in pods:
            reference = controller_of(pod)
            if reference is None:
                bare.append(pod["metadata"]["name"])
            elif reference["uid"] not in seen:
                seen.add(reference["uid"])
                # Two ReplicaSets of one Deployment share one scale.
                uid, scale = self._scale(pod, reference)
                scales[uid] = scale
        return sum(scales.values()), bare

    def _scale(self, pod: Obj, reference: Mapping[str, Any]) -> tuple[str, int]:
        owner = self._find(pod, reference)
        if owner is None or owner["metadata"]["uid"] != reference["uid"]:
            raise NoScale(f'found no controllers for pod "{pod["metadata"]["name"]}"')
        above = controller_of(owner)
        if owner["kind"] == "ReplicaSet" and above is not None and above["kind"] == "Deployment":
            deployment = self._find(owner, above)
            if deployment is not None and deployment["metadata"]["uid"] == above["uid"]:
                owner = deployment
        replicas = (owner.get("spec") or {}).get("replicas")
        if not isinstance(replicas, int):
            group = reference["apiVersion"].rpartition("/")[0]
            plural = self._plural(reference)
            name = f"{plural}.{group}" if group else plural
            raise NoScale(f"{name} does not implement the scale subresource")
        return owner["metadata"]["uid"], replicas

    def _find(self, child: Obj, reference: Mapping[str, Any]) -> Obj | None:
        resource = self._resource(reference)
        if resource is None:
            return None
        return self._api.find(resource, child["metadata"]["namespace"], reference["name"])

    def _plural(self, reference: Mapping[str, Any]) -> str:
        resource = self._resource(reference)
        return resource.plural if resource is not None else reference["kind"].lower()

    def _resource(self, reference: Mapping[str, Any]) -> Resource | None:
        group = reference["apiVersion"].rpartition("/")[0]
        for resource in self._api.served():
            if (resource.group, resource.kind) == (group, reference["kind"]):
                return resource
        return None
