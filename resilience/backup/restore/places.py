"""Where the objects of a snapshot go, decided before the first write and checked at every write.

The namespaces are those of the objects themselves, never what a separate document says: a manifest
or Velero's `includedNamespaces` may name fewer, or patterns. An object in a namespace that the
snapshot does not declare, or that a closed mapping does not map, refuses the restore as a whole.
"""

from __future__ import annotations

from resilience.backup.catalog.catalog import Snapshot
from resilience.backup.catalog.contents import namespace_of
from resilience.backup.catalog.velero_volumes import unread
from resilience.backup.format.errors import RestoreRefused
from resilience.backup.format.manifest import ObjectLine
from resilience.backup.restore.restore_request import RestoreRequest
from resilience.cluster.interface import Object, Resource
from resilience.kube.path_segments import is_segment

_SHOWN = 5


def wanted(request: RestoreRequest, line: ObjectLine) -> bool:
    """Whether a restore includes an object, by its line in the list, which has no labels."""
    namespace, selection = namespace_of(line.address), request.selection
    if not namespace:
        return selection.cluster_scoped
    named = selection.names(line.address.resource, line.kind, line.address.name)
    return named and selection.in_namespace(namespace)


def places(request: RestoreRequest, snapshot: Snapshot) -> frozenset[str]:
    """The namespaces that a restore writes to; `RestoreRefused` when an object would go to a
    wrong place, and when volumes would silently stay empty."""
    found, held, odd = set[str](), set[str](), list[str]()
    for line in snapshot.contents:
        namespace = namespace_of(line.address)
        held.add(namespace)
        if namespace not in found and wanted(request, line):
            found.add(namespace)
        if not is_segment(line.address.name):
            odd.append(line.address.name)
    found.discard("")
    held.discard("")
    _require_names(snapshot, odd)
    _require_declared(snapshot, found)
    _require_mapped(request, snapshot, found, held)
    _require_apart(request, snapshot, found)
    _require_data(request, snapshot, found)
    return frozenset(map(request.targets.namespace, found))


def nameless(request: RestoreRequest, snapshot: Snapshot) -> list[Object]:
    """A Namespace for each place whose own object the snapshot lacks, as a backup by kinds does.
    Velero's restore creates those as well (its pkg/restore/restore.go)."""
    own, places = set[str](), set[str]()
    for line in snapshot.contents:
        if line.address.resource == "namespaces":
            own.add(line.address.name)  # included with the objects chosen in it
        namespace = namespace_of(line.address)
        if namespace not in places and wanted(request, line):
            places.add(namespace)
    bare = places - own - {""}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        for name in sorted(map(request.targets.namespace, bare))
    ]


def _require_names(snapshot: Snapshot, odd: list[str]) -> None:
    """Refuse names that no cluster allows and that would act as paths."""
    if odd:
        raise RestoreRefused(
            f"snapshot {snapshot.name} holds objects with names that no object can have: "
            f"{_some([repr(name) for name in odd])}; nothing was restored. It was not written by "
            "a backup: find out who may write to the store"
        )


def _require_declared(snapshot: Snapshot, found: set[str]) -> None:
    manifest = snapshot.manifest
    if manifest and (outside := sorted(found - set(manifest.namespaces))):
        raise RestoreRefused(
            f"snapshot {snapshot.name} holds objects in {_some(outside)}, which its manifest does "
            f"not name (it names {_some(manifest.namespaces) or 'none'}); nothing was restored"
        )


def _require_mapped(
    request: RestoreRequest, snapshot: Snapshot, found: set[str], held: set[str]
) -> None:
    mapping = request.targets.namespaces
    if unknown := sorted(mapping.keys() - held):
        raise RestoreRefused(
            f"snapshot {snapshot.name} holds no namespace {_some(unknown)}; it holds "
            f"{_some(sorted(held)) or 'none'}"
        )
    if request.mapped_only and (stray := sorted(found - mapping.keys())):
        raise RestoreRefused(
            f"snapshot {snapshot.name} holds objects in {_some(stray)}, which is mapped to no "
            "namespace; nothing was restored"
        )


def _require_apart(request: RestoreRequest, snapshot: Snapshot, found: set[str]) -> None:
    """Refuse two namespaces with the same target: objects of the same name would be written to one
    object, and the loss would go unnoticed."""
    sources: dict[str, list[str]] = {}
    for name in sorted(found):
        sources.setdefault(request.targets.namespace(name), []).append(name)
    for target, names in sources.items():
        if len(names) > 1:
            raise RestoreRefused(
                f"{_some(names)} of snapshot {snapshot.name} would both go to namespace {target}, "
                "where objects of the same name are one; nothing was restored. Map each to a "
                "namespace of its own, or restore one at a time with --namespace"
            )


def _require_data(request: RestoreRequest, snapshot: Snapshot, found: set[str]) -> None:
    if request.without_volume_data:
        return
    lost = [each for each in unread(snapshot) if not each.namespace or each.namespace in found]
    if lost:
        raise RestoreRefused(
            f"snapshot {snapshot.name} of Velero holds data of volumes that only Velero can read: "
            f"{_some(list(map(str, lost)))}; restore them with Velero, or restore the objects with "
            "empty volumes by --without-volume-data"
        )


def _some(names: list[str] | tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"


def require_place(resource: Resource, obj: Object, allowed: frozenset[str]) -> None:
    """Check a write: `RestoreRefused` unless the object goes to the namespace that `places` chose.
    A path with a namespace for a kind without one would be created cluster-wide."""
    metadata = obj["metadata"]
    name, namespace = metadata["name"], metadata.get("namespace", "")
    if resource.namespaced != bool(namespace):
        scope = "cluster-scoped" if namespace else "namespaced"
        raise RestoreRefused(
            f"{resource.kind} {name} is {scope} on this cluster but not in the snapshot: leave it "
            f"out with --exclude {resource.full_name}"
        )
    where = name if resource.plural == "namespaces" and not resource.group else namespace
    if where and where not in allowed:
        raise RestoreRefused(
            f"{resource.kind} {name} would go to namespace {where}, which was not planned"
        )
