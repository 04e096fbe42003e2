"""Who owns which fields of an object that was applied on the server (`apply --server-side`).

A restored object would belong to the restore: the one who applied it (Flux, Argo CD, Helm) would
meet a conflict at the next change, and what a manifest no longer contains would stay for good. So
the record is written again, as Velero does it (velero#5701). Objects that no one applied on the
server keep the new record: nothing depends on theirs.
"""

from __future__ import annotations

from typing import Any

from resilience.cluster.errors import ClusterError, Conflict, NotFound
from resilience.cluster.interface import Cluster, Object, Resource
from resilience.cluster.transport import MANAGER

Entry = dict[str, Any]
PLACE = "/metadata/managedFields"
_TRIES = 5


def applied_by(obj: Object) -> list[Entry]:
    """The record of an object that someone applied on the server; [] for all others. Controllers
    write the status again."""
    found = [
        each
        for each in obj["metadata"].get("managedFields") or ()
        if isinstance(each, dict) and each.get("subresource") != "status"
    ]
    return found if any(each.get("operation") == "Apply" for each in found) else []


def record_appliers(
    cluster: Cluster, resource: Resource, obj: Object, recorded: list[Entry]
) -> bool:
    """Whether the object has its record. Another write of the same moment keeps its own entry."""
    metadata = obj["metadata"]
    name, namespace = metadata["name"], metadata.get("namespace", "")
    for _ in range(_TRIES):
        try:
            live = cluster.get(resource, name, namespace)["metadata"]
            body = {
                "managedFields": _with(recorded, live.get("managedFields") or []),
                "resourceVersion": live["resourceVersion"],
            }
            cluster.patch(resource, name, {"metadata": body}, namespace)
        except Conflict:
            continue
        except NotFound:  # deleted meanwhile
            return True
        except ClusterError:
            return False
        return True
    return False


def _with(recorded: list[Entry], live: list[Entry]) -> list[Entry]:
    known = {_key(each) for each in recorded}
    others = [
        each
        for each in live
        if _key(each) not in known
        and not (each.get("manager") == MANAGER and not each.get("subresource"))
    ]
    return [*recorded, *others]


def _key(entry: Entry) -> tuple[Any, ...]:
    return tuple(
        entry.get(field, "") for field in ("manager", "operation", "apiVersion", "subresource")
    )
