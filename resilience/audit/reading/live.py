"""Objects of a live cluster, read in pages. A kind that may not be read is reported, and the others
are still read.

Reads only: `list` of the kinds in `kinds.READ`, in one namespace or in all, `get` of one Namespace.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from resilience.audit.base.kinds import OPTIONAL, READ
from resilience.audit.reading.trim import trimmed
from resilience.cluster.errors import Forbidden, NotFound
from resilience.cluster.interface import EVENTS, NAMESPACES, Cluster, Resource
from resilience.kube import objects
from resilience.kube.objects import Object

PAGE = 500


@dataclass
class Read:
    """The objects that were read; `unseen` maps a kind to why it was not read."""

    objects: list[Object] = field(default_factory=list)
    unseen: dict[str, str] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)


def read(cluster: Cluster, namespace: str = "") -> Read:
    """One namespace and the cluster-scoped objects; with "", everything. NotFound when the
    namespace does not exist."""
    found = Read()
    for resource in READ:
        try:
            found.objects += _objects(cluster, resource, namespace)
        except Forbidden as error:
            found.unseen[resource.kind] = f"no permission to list {resource.plural} ({error.code})"
        except NotFound as error:
            if resource == NAMESPACES:
                raise
            if resource.kind not in OPTIONAL:
                found.unseen[resource.kind] = f"{resource.plural} are not served ({error.code})"
    for obj in found.objects:
        if obj["kind"] == "Namespace" and objects.is_terminating(obj):
            found.notices.append(f"namespace {objects.name(obj)} is being deleted")
    return found


def _objects(cluster: Cluster, resource: Resource, namespace: str) -> Iterator[Object]:
    head = {"apiVersion": resource.api_version, "kind": resource.kind}
    if resource == NAMESPACES and namespace:
        yield trimmed({**cluster.get(resource, namespace), **head})
        return
    inside = namespace if resource.namespaced else ""
    fields = "reason=Failed" if resource == EVENTS else ""
    for page in cluster.pages(resource, inside, fields=fields, limit=PAGE):
        for item in page.get("items") or ():
            yield trimmed({**item, **head})
