"""The scope of a snapshot: namespaces, kinds and labels, by names, globs and selectors. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal, Self

from resilience.cluster.interface import Object

EXCLUDE_LABEL = "velero.io/exclude-from-backup"

NEVER: Mapping[str, str] = {
    "events": "events are a log, not state",
    "events.events.k8s.io": "events are a log, not state",
    "nodes": "nodes belong to the infrastructure",
    "csinodes.storage.k8s.io": "nodes belong to the infrastructure",
    "csistoragecapacities.storage.k8s.io": "reported by the storage driver",
    "volumeattachments.storage.k8s.io": "created by the attach controller",
    "leases.coordination.k8s.io": "run-time state of controllers",
    "backups.velero.io": "Velero's own bookkeeping",
    "restores.velero.io": "Velero's own bookkeeping",
    "resticrepositories.velero.io": "Velero's own bookkeeping",
    "backuprepositories.velero.io": "Velero's own bookkeeping",
    "volumesnapshots.snapshot.storage.k8s.io": "taken by the volume layer",
    "volumesnapshotcontents.snapshot.storage.k8s.io": "taken by the volume layer",
}
"""Kinds that no snapshot takes, and why (velero pkg/controller/restore_controller.go and
pkg/backup/item_backupper.go; leases and capacities are ours)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """`kinds` and the exclusions are globs over `secrets`, `deployments.apps`, `*.example.com`.

    `cluster`: which cluster-scoped objects, "related" those that the included ones need, "all", or
    "none" without permission to read any. `accept` names kinds or group/versions that may be
    missing.
    """

    namespaces: tuple[str, ...] = ("*",)
    exclude_namespaces: tuple[str, ...] = ()
    namespace_labels: str = ""
    kinds: tuple[str, ...] = ("*",)
    exclude_kinds: tuple[str, ...] = ()
    labels: str = ""
    cluster: Literal["related", "all", "none"] = "related"
    accept: tuple[str, ...] = ()

    @property
    def everything(self) -> bool:
        """Whether no namespace is left out."""
        return "*" in self.namespaces and not self.exclude_namespaces and not self.namespace_labels

    def as_json(self) -> dict[str, Any]:
        """For the manifest."""
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in dataclasses.asdict(self).items()
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """What a manifest recorded; unknown keys of a later version are left out."""
        known = {each.name for each in dataclasses.fields(cls)}
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in document.items()
            if key in known
        }
        return cls(**values)

    def exclusion(self, kind: str) -> str:
        """The rule that leaves a kind out, "" when it is included."""
        if kind in NEVER:
            return NEVER[kind]
        for pattern in self.exclude_kinds:
            if fnmatchcase(kind, pattern):
                return f"excluded by kind {pattern}"
        if not any(fnmatchcase(kind, pattern) for pattern in self.kinds):
            return f"not among the kinds {', '.join(self.kinds)}"
        return ""

    def chosen(self, namespaces: Iterable[Object]) -> list[str]:
        """Names of the included namespaces, sorted; `namespaces` match the label selector."""
        return sorted(
            name
            for each in namespaces
            if self._takes(name := each["metadata"]["name"]) and not left_out(each)
        )

    def _takes(self, name: str) -> bool:
        return any(fnmatchcase(name, p) for p in self.namespaces) and not any(
            fnmatchcase(name, p) for p in self.exclude_namespaces
        )

    @property
    def literal_namespaces(self) -> tuple[str, ...]:
        """The namespaces written by name, which must exist."""
        return tuple(name for name in self.namespaces if not set(name) & set("*?["))


def left_out(obj: Object) -> str:
    """The rule that leaves one object out, "" when it is included."""
    metadata = obj["metadata"]
    if (metadata.get("labels") or {}).get(EXCLUDE_LABEL) == "true":
        return f"labelled {EXCLUDE_LABEL}"
    if metadata.get("deletionTimestamp"):
        return "being deleted"
    return ""
