"""Where things go: other namespaces, other storage classes. Pure.

Velero's namespace mapping rewrites the same places (pkg/restore, the role-bindings and PV actions)
and, like it, leaves alone what only a person can judge: DNS names in text, Ingress hosts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from resilience.cluster.interface import Object


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Old name to new name; what is not named stays."""

    namespaces: Mapping[str, str] = field(default_factory=dict)
    storage_classes: Mapping[str, str] = field(default_factory=dict)

    def namespace(self, name: str) -> str:
        """Where a namespace goes."""
        return self.namespaces.get(name, name)

    def apply(self, obj: Object) -> None:
        """Rewrite an object in place."""
        metadata = obj["metadata"]
        if metadata.get("namespace"):
            metadata["namespace"] = self.namespace(metadata["namespace"])
        if obj["kind"] == "Namespace":
            metadata["name"] = self.namespace(metadata["name"])
        self._references(obj)
        self._classes(obj)

    def _references(self, obj: Object) -> None:
        for subject in obj.get("subjects") or ():
            self._namespace_of(subject)
        for webhook in obj.get("webhooks") or ():
            self._namespace_of((webhook.get("clientConfig") or {}).get("service"))
        spec = obj.get("spec") or {}
        if obj["kind"] == "PersistentVolume":
            self._namespace_of(spec.get("claimRef"))
        if obj["kind"] == "APIService":
            self._namespace_of(spec.get("service"))

    def _namespace_of(self, holder: Any) -> None:
        if holder and holder.get("namespace"):
            holder["namespace"] = self.namespace(holder["namespace"])

    def _classes(self, obj: Object) -> None:
        spec = obj.get("spec") or {}
        holders = [spec] if obj["kind"] in ("PersistentVolumeClaim", "PersistentVolume") else []
        if obj["kind"] == "StatefulSet":
            holders += [each.get("spec") or {} for each in spec.get("volumeClaimTemplates") or ()]
        for holder in holders:
            name = holder.get("storageClassName", "")
            if name in self.storage_classes:
                holder["storageClassName"] = self.storage_classes[name]
