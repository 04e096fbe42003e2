"""The read half of the in-process `Api`: objects by name, by list, by index; their changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from resilience.sandbox.apiserver.kinds.served_kinds import Kinds
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.api import Change, Obj, Resource
from resilience.sandbox.store.store import Record, Store, Table


class Reader:
    """Reads one store through the served kinds."""

    def __init__(self, store: Store, kinds: Kinds) -> None:
        self.store = store
        self.kinds = kinds

    def resource(self, plural: str, group: str = "") -> Resource:
        return self.kinds.preferred(group, plural).resource

    def table(self, resource: Resource) -> Table:
        """The store's table of a resource."""
        group, plural = self.kinds.storage(resource)
        if (group, plural) != (resource.group, resource.plural):
            resource = self.resource(plural, group)
        return self.store.table(resource)

    def record(self, resource: Resource, namespace: str, name: str) -> Record:
        """The stored record; ApiError 404."""
        found = self.table(resource).records.get((namespace, name))
        if found is None:
            raise refusals.not_found(resource, name)
        return found

    def get(self, resource: Resource, namespace: str, name: str) -> Obj:
        return self.record(resource, namespace, name).obj

    def find(self, resource: Resource, namespace: str, name: str) -> Obj | None:
        found = self.table(resource).records.get((namespace, name))
        return found.obj if found else None

    def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        labels: Mapping[str, str] | None = None,
        node: str | None = None,
        owner: str | None = None,
    ) -> Sequence[Obj]:
        table = self.table(resource)
        if owner is not None:
            keys: Sequence[tuple[str, str]] = sorted(table.by_owner.get(owner, ()))
        elif node is not None:
            keys = sorted(table.by_node.get(node, ()))
        else:
            keys = table.scope(namespace)
        records = table.records
        found = [records[key].obj for key in keys]
        if namespace is not None and (owner is not None or node is not None):
            found = [obj for obj in found if obj["metadata"].get("namespace", "") == namespace]
        if node is not None and owner is not None:
            found = [obj for obj in found if (obj.get("spec") or {}).get("nodeName") == node]
        if owner is not None:
            found = [obj for obj in found if _controlled_by(obj, owner)]
        if labels:
            wanted = labels.items()
            found = [
                obj for obj in found if wanted <= (obj["metadata"].get("labels") or {}).items()
            ]
        return found

    def dependents(self, uid: str) -> Iterator[tuple[Resource, Obj]]:
        """Every object, of any kind, with an ownerReference to `uid`."""
        for table in self.store.tables():
            for key in sorted(table.by_owner.get(uid, ())):
                yield table.resource, table.records[key].obj

    def served(self) -> Sequence[Resource]:
        """Every stored resource in its preferred version, custom ones included."""
        found = {
            (kind.resource.group, kind.resource.plural)
            for kind in self.kinds.all()
            if kind.stored
            and self.kinds.storage(kind.resource) == (kind.resource.group, kind.resource.plural)
        }
        return [self.resource(plural, group) for group, plural in sorted(found)]

    def subscribe(
        self, resource: Resource, callback: Callable[[Change], None]
    ) -> Callable[[], None]:
        self.table(resource)
        group, plural = self.kinds.storage(resource)
        return self.store.subscribe(self.resource(plural, group), callback)


def _controlled_by(obj: Obj, uid: str) -> bool:
    return any(
        reference.get("uid") == uid and reference.get("controller")
        for reference in obj["metadata"].get("ownerReferences") or ()
    )
