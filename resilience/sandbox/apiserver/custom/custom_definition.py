"""One CustomResourceDefinition as it is served: its versions, their schemas, its conversion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from resilience.sandbox.kube.api import Obj


@dataclass(frozen=True, slots=True, kw_only=True)
class Custom:
    """`versions` are the entries of `spec.versions` by name, also those that are not served;
    `storage` is the version of new objects. `epoch` grows with each change of the spec."""

    name: str
    group: str
    kind: str
    storage: str
    versions: Mapping[str, Mapping[str, Any]]
    conversion: Mapping[str, Any]
    epoch: int

    @classmethod
    def of(cls, crd: Obj, epoch: int) -> Custom:
        """Read an admitted object."""
        spec = crd["spec"]
        return cls(
            name=crd["metadata"]["name"],
            group=spec["group"],
            kind=spec["names"]["kind"],
            storage=next(each["name"] for each in spec["versions"] if each.get("storage")),
            versions={each["name"]: each for each in spec["versions"]},
            conversion=spec.get("conversion") or {},
            epoch=epoch,
        )

    @property
    def stored_in(self) -> str:
        """The apiVersion of new objects in the store."""
        return f"{self.group}/{self.storage}"

    @property
    def webhook(self) -> Mapping[str, Any] | None:
        """The conversion webhook; None if only `apiVersion` changes."""
        if self.conversion.get("strategy") != "Webhook":
            return None
        found: Mapping[str, Any] = self.conversion.get("webhook") or {}
        return found

    def has(self, api_version: str) -> bool:
        """Whether the definition still knows a version, served or not."""
        group, _, version = api_version.rpartition("/")
        return group == self.group and version in self.versions

    def schema(self, api_version: str) -> Mapping[str, Any] | None:
        """The schema of one version, if it has one."""
        version = self.versions.get(api_version.rpartition("/")[2]) or {}
        found: Mapping[str, Any] | None = (version.get("schema") or {}).get("openAPIV3Schema")
        return found


def selectable(version: Mapping[str, Any] | None) -> frozenset[str]:
    """The fields of a version that field selectors may name, without the leading dot."""
    fields = (version or {}).get("selectableFields") or ()
    return frozenset(str(field.get("jsonPath") or "").removeprefix(".") for field in fields)
