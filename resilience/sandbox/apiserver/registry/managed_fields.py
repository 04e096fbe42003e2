"""Field ownership: `metadata.managedFields` after every write of a client.

Source: k8s.io/apimachinery/pkg/util/managedfields. The sandbox's own controllers and kubelet leave
no entries (their status writes would triple the size of every Pod without use); everything that
clients write is tracked, so that conflicts are found as on a real cluster.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

from resilience.sandbox.apiserver.validation.admission_request import Request
from resilience.sandbox.host.sandbox_clock import stamp
from resilience.sandbox.kube.api import Obj
from resilience.sandbox.patch import fieldset
from resilience.sandbox.patch.fieldset import Fields, Leaves
from resilience.sandbox.schema.facts import builtin

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
def writable_part(fields: Fields, part: str) -> Fields:
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
        for path in writable_part(after, door)
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
