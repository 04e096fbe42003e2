"""The owners of an object through any number of others: Pod, StrimziPodSet, Kafka.

An owner that is gone, or whose name another object has now, ends its chain. One that may not be
read is named with the reason: what it is owned by is unknown. A server in trouble is an error of
the reader.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from resilience.cluster.errors import Forbidden, Invalid, NotFound
from resilience.cluster.interface import Cluster, Object, Resource
from resilience.kube import objects


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """`object` is None for one that is gone and one that may not be read (`unread` says why)."""

    uid: str
    title: str
    resource: Resource | None = None
    object: Object | None = None
    unread: str = ""

    @property
    def is_top(self) -> bool:
        """Whether it is there and nothing owns it."""
        return self.object is not None and not objects.owners(self.object)


class OwnerChains:
    """Reads each owner once."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._known: dict[str, tuple[Owner, ...]] = {}

    def of(self, obj: Object) -> tuple[Owner, ...]:
        """All that own it, each once, the nearest of each chain first."""
        namespace = objects.namespace(obj)
        found = {
            each.uid: each
            for reference in objects.owners(obj)
            for each in self._chain(reference, namespace)
        }
        return tuple(found.values())

    def _chain(self, reference: Mapping[str, Any], namespace: str) -> tuple[Owner, ...]:
        uid = str(reference.get("uid"))
        if uid not in self._known:
            self._known[uid] = ()  # an owner that owns itself ends here
            owner = self._read(reference, namespace)
            self._known[uid] = (owner, *(self.of(owner.object) if owner.object else ()))
        return self._known[uid]

    def _read(self, reference: Mapping[str, Any], namespace: str) -> Owner:
        uid, kind = str(reference.get("uid")), str(reference.get("kind"))
        name = str(reference.get("name"))
        title = f"{kind} {name}"
        try:
            resource = self._cluster.resource(str(reference.get("apiVersion")), kind)
            there = self._cluster.get(resource, name, namespace if resource.namespaced else "")
        except (NotFound, Invalid):  # gone, or its kind is
            return Owner(uid=uid, title=title)
        except Forbidden as error:
            return Owner(uid=uid, title=title, unread=error.message)
        if objects.uid(there) != uid:
            return Owner(uid=uid, title=title)
        return Owner(uid=uid, title=title, resource=resource, object=there)
