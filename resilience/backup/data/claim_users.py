"""Which Pods of a snapshot mount which claim, and what a helper Pod needs to run in their place.

A volume is filled before the Pods that use it are restored, so the cluster cannot tell on which
nodes they may run, with what secrets their images are pulled, and as which user they run. The
snapshot contains that information: in its Pods or, for a workload without Pods, in its template.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from resilience.backup.data.helper.helper_pod import in_place_of
from resilience.backup.format.velero import Found
from resilience.cluster.stand_in import NOBODY, StandIn

_TEMPLATES = frozenset(
    {"deployments.apps", "statefulsets.apps", "daemonsets.apps", "replicasets.apps", "jobs.batch",
     "replicationcontrollers"}
)  # fmt: skip

Key = tuple[str, str]
"""Namespace and claim."""


class ClaimUsers:
    """The users of claims, read once from the objects of a snapshot."""

    def __init__(self, objects: Iterable[Found] = ()) -> None:
        self._pods: dict[Key, StandIn] = {}
        self._templates: dict[Key, StandIn] = {}
        self._sets: list[tuple[str, re.Pattern[str], StandIn]] = []
        for found in objects:
            if found.address.resource == "pods" or found.address.resource in _TEMPLATES:
                self._see(found.address.resource, found.parsed())

    def of(self, namespace: str, claim: str) -> StandIn:
        """`namespace` is the name in the snapshot."""
        key = (namespace, claim)
        for known in (self._pods, self._templates):
            if key in known:
                return known[key]
        for where, pattern, stand_in in self._sets:
            if where == namespace and pattern.fullmatch(claim):
                return stand_in
        return NOBODY

    def _see(self, resource: str, obj: dict[str, Any]) -> None:
        namespace, spec = obj["metadata"].get("namespace", ""), obj.get("spec") or {}
        into = self._pods if resource == "pods" else self._templates
        pod = spec if resource == "pods" else (spec.get("template") or {}).get("spec") or {}
        for claim in _claims(pod):
            into.setdefault((namespace, claim), in_place_of(pod, claim))
        for template in spec.get("volumeClaimTemplates") or ():
            name = template["metadata"]["name"]
            pattern = re.compile(rf"{re.escape(name)}-{re.escape(obj['metadata']['name'])}-\d+")
            self._sets.append((namespace, pattern, in_place_of(_mounting(pod, name), name)))


def _claims(pod: dict[str, Any]) -> Iterator[str]:
    for volume in pod.get("volumes") or ():
        if claim := (volume.get("persistentVolumeClaim") or {}).get("claimName"):
            yield str(claim)


def _mounting(pod: dict[str, Any], template: str) -> dict[str, Any]:
    """A StatefulSet's template, as if its volume were a claim with the template's name."""
    volume = {"name": template, "persistentVolumeClaim": {"claimName": template}}
    return {**pod, "volumes": [*(pod.get("volumes") or ()), volume]}
