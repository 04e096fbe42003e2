"""The input of an admission plugin, and its limited view of the cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from resilience.sandbox.kube.api import Obj, Resource
from resilience.sandbox.kube.call import Call
from resilience.sandbox.schema.facts import Kind


class View(Protocol):
    """Reads that admission needs; the registry implements it."""

    def resource(self, plural: str, group: str = "") -> Resource: ...

    def find(self, resource: Resource, namespace: str, name: str) -> Obj | None: ...

    def list(self, resource: Resource, namespace: str | None = None) -> Sequence[Obj]: ...


@dataclass(slots=True)
class Request:
    """One write on its way to the store.

    `obj` belongs to this request and may be changed in place; `old` is the stored object of an
    update and may not. `subresource` is "" or status, scale and so on.
    """

    view: View
    kind: Kind
    obj: Obj
    old: Obj | None
    call: Call
    subresource: str = ""
    unowned: set[tuple[str, ...]] = field(default_factory=set)
    """Paths of fields that the server filled and no manager owns, in the form of `fieldsV1`."""

    @property
    def resource(self) -> Resource:
        return self.kind.resource

    @property
    def key(self) -> tuple[str, str]:
        """Group and plural, to dispatch on."""
        return self.kind.resource.group, self.kind.resource.plural

    @property
    def namespace(self) -> str:
        return str(self.obj["metadata"].get("namespace", ""))

    @property
    def name(self) -> str:
        return str(self.obj["metadata"].get("name", ""))
