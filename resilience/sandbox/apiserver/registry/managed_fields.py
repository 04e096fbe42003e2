"""Field ownership: `metadata.managedFields` after every client's write, and server-side apply.

Source: k8s.io/apimachinery/pkg/util/managedfields. The sandbox's own controllers and kubelet leave
no entries (their status writes would triple the size of every Pod without use); everything that
clients write is tracked, so that conflicts are found as on a real cluster.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from resilience.sandbox.apiserver.registry.metadata import check_names, mismatch
from resilience.sandbox.apiserver.validation.admission_request import Request
from resilience.sandbox.host.sandbox_clock import stamp
from resilience.sandbox.host.sandbox_config import Identity
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.api import ApiError, Obj
from resilience.sandbox.kube.call import Call
from resilience.sandbox.patch import apply, fieldset
from resilience.sandbox.patch.fieldset import Fields, Leaves
from resilience.sandbox.schema import strict, structural
from resilience.sandbox.schema.facts import Kind, builtin
from resilience.sandbox.store.store import clone

if TYPE_CHECKING:
    from resilience.sandbox.apiserver.registry.registry import Registry

_NODES = "system:nodes"
_NOTHING: Final = object()


@dataclass(frozen=True, slots=True)
class ManagedEntry:
    """One manager's fields."""

    manager: str
    operation: str
    api_version: str
    time: str
    subresource: str
    fields: Fields

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.manager, self.operation, self.api_version, self.subresource


@lru_cache(maxsize=512)
def _encoded(fields: Fields) -> dict[str, Any]:
    """Objects with the same fields share one immutable set."""
    return fieldset.encode(fields)


@lru_cache(maxsize=1024)
def _of(fields: Fields, part: str) -> Fields:
    """The part of a set that a subresource (`door`) may write: the status, or everything else."""
    inside = part == "status"
    return frozenset(path for path in fields if (path[0] == "f:status") == inside)


def entries(obj: Obj) -> list[ManagedEntry]:
    """An object's managedFields as values."""
    found = []
    for raw in obj["metadata"].get("managedFields") or ():
        if isinstance(raw, dict):
            found.append(
                ManagedEntry(
                    raw.get("manager", ""),
                    raw.get("operation", ""),
                    raw.get("apiVersion", ""),
                    raw.get("time", ""),
                    raw.get("subresource", ""),
                    fieldset.decode(raw.get("fieldsV1")),
                )
            )
    return found


def store(obj: Obj, found: Sequence[ManagedEntry]) -> None:
    """Write entries into an object that the caller owns; appliers first, then by age."""
    order = sorted(found, key=lambda entry: (entry.operation != "Apply", entry.time, entry.manager))
    raw = []
    for entry in order:
        if not entry.fields:
            continue
        value: dict[str, Any] = {
            "manager": entry.manager,
            "operation": entry.operation,
            "apiVersion": entry.api_version,
            "time": entry.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": _encoded(entry.fields),
        }
        if entry.subresource:
            value["subresource"] = entry.subresource
        raw.append(value)
    if raw:
        obj["metadata"]["managedFields"] = raw
    else:
        obj["metadata"].pop("managedFields", None)


class Memory:
    """The leaves of the newest objects: the next write to one starts from its previous state."""

    def __init__(self, size: int = 256) -> None:
        self._size = size
        self._known: OrderedDict[int, tuple[Obj, Leaves]] = OrderedDict()

    def leaves(self, model: str, obj: Obj) -> Leaves:
        """An object's leaves; remembered only after `keep`."""
        known = self._known.get(id(obj))
        if known is not None and known[0] is obj:
            return known[1]
        return fieldset.leaves(builtin(), model, obj)

    def keep(self, obj: Obj, found: Leaves) -> None:
        """`obj` is about to be stored and will never change; stripped fields do not count."""
        self._known[id(obj)] = obj, found
        if len(self._known) > self._size:
            self._known.popitem(last=False)


def track(request: Request, now: float, memory: Memory) -> None:
    """After a client's create or update: changed fields now belong to its manager."""
    call, obj, old = request.call, request.obj, request.old
    if not call.validation or _NODES in call.user.groups:
        return
    given = obj["metadata"].get("managedFields")
    base = entries(obj) if given is not None else entries(old) if old is not None else []
    if old is not None and given is not None and not any(entry.fields for entry in base):
        obj["metadata"].pop("managedFields", None)
        return
    facts, model = builtin(), request.kind.model
    is_, was = memory.leaves(model, obj), memory.leaves(model, old) if old is not None else {}
    after, before = fieldset.owned(facts, model, is_), fieldset.owned(facts, model, was)
    memory.keep(obj, is_)
    holders = {path[:at] for path in after for at in range(1, len(path))}
    door = "status" if request.subresource == "status" else ""
    changed = frozenset(
        path
        for path in _of(after, door)
        if path not in before or (path not in holders and was.get(path, _NOTHING) != is_.get(path))
    )
    changed -= request.unowned
    removed = before - after
    me = ManagedEntry(
        call.manager,
        "Update",
        request.resource.api_version,
        stamp(now),
        request.subresource,
        frozenset(),
    )
    out = [
        replace(entry, fields=entry.fields - changed - removed)
        for entry in base
        if entry.key != me.key
    ]
    mine = next((entry for entry in base if entry.key == me.key), me)
    owned = (mine.fields | changed) - removed
    out.append(replace(mine, fields=owned, time=me.time if owned != mine.fields else mine.time))
    store(obj, out)


def serve_apply(
    registry: Registry,
    kind: Kind,
    namespace: str,
    name: str,
    config: Any,
    subresource: str,
    call: Call,
) -> Obj:
    """PATCH of type apply; ApiError 400, 404, 409 (conflicts), 422."""
    resource, facts = kind.resource, builtin()
    custom = registry.versions.find(resource)
    schema = None if custom is None else custom.schema(resource.api_version)
    config = _checked(kind, config, namespace, name, call, schema)
    found = registry.find(resource, namespace, name)
    live = None if found is None else registry.versions.shown(resource, found, call)
    if live is None and subresource:
        raise refusals.not_found(resource, name)
    door = "status" if subresource == "status" else ""
    wanted = _of(fieldset.of(facts, kind.model, config), door)
    now = stamp(registry.clock.now())
    me = ManagedEntry(call.manager, "Apply", resource.api_version, now, subresource, wanted)
    if live is None:
        if config["metadata"].get("uid"):
            raise refusals.conflict(
                resource,
                name,
                "uid mismatch: the provided object specified uid"
                f" {config['metadata']['uid']}, and no existing object was found",
            )
        return registry.create_applied(kind, config, me, call)
    known = entries(live)
    others = [entry for entry in known if entry.key != me.key]
    mine = next((entry for entry in known if entry.key == me.key), None)
    others = _contest(live, config, wanted, others, call)
    merged = apply.merge(facts, kind.model, live, _only(config, door))
    if mine is not None:
        gone = apply.given_up(mine.fields, wanted, [entry.fields for entry in others])
        merged = apply.remove(merged, gone)
        if mine.fields == wanted:
            me = mine
    fresh = clone(merged)
    fresh["metadata"]["resourceVersion"] = config["metadata"].get("resourceVersion", "")
    store(fresh, [*others, me])
    return registry.replace_applied(kind, live, fresh, subresource, call)


def _checked(
    kind: Kind,
    patch: Any,
    namespace: str,
    name: str,
    call: Call,
    schema: Mapping[str, Any] | None,
) -> Obj:
    if not isinstance(patch, dict):
        raise refusals.bad_request("an apply patch must be an object")
    resource = kind.resource
    config: Obj = clone(patch)
    if config.get("apiVersion") != resource.api_version or config.get("kind") != resource.kind:
        raise refusals.bad_request(
            f"invalid object type: {config.get('apiVersion', '')}, Kind={config.get('kind', '')}"
        )
    _declared(kind, config, schema)
    strict.check(kind.model, config, call)
    check_names(resource, config, namespace, name)
    if config["metadata"].get("managedFields"):
        raise refusals.bad_request("metadata.managedFields must be nil")
    if config["metadata"].get("name") != name:
        raise mismatch("name", str(config["metadata"].get("name")), name)
    return config


def _declared(kind: Kind, config: Obj, schema: Mapping[str, Any] | None) -> None:
    """An apply refuses unknown fields under any fieldValidation, with a 500."""
    asked = Call(user=Identity(""), validation="Warn")
    strict.check(kind.model, clone(config), asked)
    unknown = [text.partition('"')[2].rstrip('"') for text in asked.warnings]
    if schema is not None:
        unknown += structural.prune(schema, clone(config))
    if unknown:
        path = unknown[0]
        about = config.get("metadata") or {}
        raise ApiError(
            500,
            "",
            f"failed to create typed patch object ({about.get('namespace', '')}/"
            f"{about.get('name', '')}; {kind.resource.api_version}, Kind={kind.resource.kind}):"
            f" .{path}: field not declared in schema",
        )


def _only(config: Obj, door: str) -> Obj:
    """The part of a configuration that this subresource may write; the identity is that of the live
    object."""
    metadata = {
        field: value
        for field, value in config["metadata"].items()
        if field in ("labels", "annotations", "finalizers", "ownerReferences")
    }
    out = {
        field: value
        for field, value in config.items()
        if field not in ("metadata", "apiVersion", "kind")
        and (field == "status") == (door == "status")
    }
    return {**out, "metadata": metadata}


def _contest(
    live: Obj, config: Obj, wanted: Fields, others: Sequence[ManagedEntry], call: Call
) -> list[ManagedEntry]:
    """Take fields from other managers by force, or report their owners; ApiError 409."""
    out, conflicts = [], []
    for entry in others:
        shared = apply.differing(live, config, sorted(wanted & entry.fields))
        if shared and call.force:
            entry = replace(entry, fields=entry.fields - frozenset(shared))
        elif shared:
            conflicts.append((entry, [fieldset.text(path) for path in shared]))
        out.append(entry)
    if conflicts:
        raise _conflict(conflicts)
    return out


def _conflict(conflicts: Sequence[tuple[ManagedEntry, list[str]]]) -> ApiError:
    total = sum(len(paths) for _, paths in conflicts)
    lines, causes = [], []
    for entry, paths in conflicts:
        whose = f'with "{entry.manager}"'
        if entry.subresource:
            whose += f' with subresource "{entry.subresource}"'
        whose += f" using {entry.api_version}"
        if len(paths) == 1:
            lines.append(f"conflict {whose}: {paths[0]}")
        else:
            lines.append(f"conflicts {whose}:" + "".join(f"\n- {path}" for path in paths))
        causes += [
            {"reason": "FieldManagerConflict", "message": f"conflict {whose}", "field": path}
            for path in paths
        ]
    word = "conflict" if total == 1 else "conflicts"
    return ApiError(
        409,
        "Conflict",
        f"Apply failed with {total} {word}: " + "\n".join(lines),
        details={"causes": causes},
    )
