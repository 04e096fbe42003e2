"""Conditions of a terminating namespace, in kube-controller-manager's own words. Pure.

Source: pkg/controller/namespace/deletion/status_condition_utils.go; rules 3.10.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from resilience.sandbox.kube.api import Resource
from resilience.sandbox.kube.object_edits import Status, set_condition

_QUIET = {
    "NamespaceDeletionDiscoveryFailure": (
        "ResourcesDiscovered", "All resources successfully discovered",
    ),
    "NamespaceDeletionGroupVersionParsingFailure": (
        "ParsedGroupVersions", "All legacy kube types successfully parsed",
    ),
    "NamespaceDeletionContentFailure": (
        "ContentDeleted", "All content successfully deleted, may be waiting on finalization",
    ),
    "NamespaceContentRemaining": ("ContentRemoved", "All content successfully removed"),
    "NamespaceFinalizersRemaining": (
        "ContentHasNoFinalizers", "All content-preserving finalizers finished",
    ),
}  # fmt: skip


@dataclass(slots=True)
class Remains:
    """What is still in the namespace, and why deleting failed if it did."""

    objects: dict[Resource, int] = field(default_factory=dict)
    finalizers: dict[str, int] = field(default_factory=dict)
    failure: str = ""
    longest_grace: int = 0

    def note(self, resource: Resource, finalizers: Sequence[str], grace: int) -> None:
        """One object that is still there."""
        self.objects[resource] = self.objects.get(resource, 0) + 1
        self.longest_grace = max(self.longest_grace, grace)
        for name in finalizers:
            self.finalizers[name] = self.finalizers.get(name, 0) + 1

    @property
    def wait(self) -> float:
        """Seconds until the next look: half the estimate and one more."""
        estimate = max(self.longest_grace, 15 if self.finalizers else 0)
        return estimate / 2 + 1


def conditions_of(
    old: Sequence[Mapping[str, Any]], remains: Remains, now: float
) -> list[Mapping[str, Any]]:
    """All five conditions."""
    loud: dict[str, tuple[str, str]] = {}
    if remains.failure:
        text = f"Failed to delete all resource types, 1 remaining: {remains.failure}"
        loud["NamespaceDeletionContentFailure"] = ("ContentDeletionFailed", text)
    if remains.objects:
        parts = sorted(
            f"{r.plural}.{r.group} has {n} resource instances" for r, n in remains.objects.items()
        )
        text = f"Some resources are remaining: {', '.join(parts)}"
        loud["NamespaceContentRemaining"] = ("SomeResourcesRemain", text)
    if remains.finalizers:
        parts = sorted(
            f"{name} in {n} resource instances" for name, n in remains.finalizers.items()
        )
        text = f"Some content in the namespace has finalizers remaining: {', '.join(parts)}"
        loud["NamespaceFinalizersRemaining"] = ("SomeFinalizersRemain", text)
    conditions = list(old)
    for type, quiet in _QUIET.items():
        status: Status = "True" if type in loud else "False"
        conditions = set_condition(conditions, type, status, *loud.get(type, quiet), now)
    return conditions
