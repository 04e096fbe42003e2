"""Whether someone else has asked for the very value that the run had set: a release of the same
image, for instance. Then the value is theirs, and its undo would take their release back. Pure.

A write that changes a field takes it from all other managers (server-side apply's `managedFields`),
so another owner of it has asked for it since. `kubectl apply` of a value that is there
already leaves no trace but in its annotation.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from resilience.actions.undo.changed_fields import ABSENT, Change, Step, same
from resilience.actions.undo.reverted_fields import value_at
from resilience.cluster.interface import Object
from resilience.kube import objects

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def is_declared(obj: Object, change: Change) -> bool:
    """Whether the last `kubectl apply` asked for the value that the run sets."""
    try:
        applied = json.loads(objects.annotation(obj, LAST_APPLIED) or "{}")
    except ValueError:
        return False
    return _is_value(change) and same(value_at(applied, change.path), change.set)


def by_others(there: Object, field: Mapping[str, Any], *, subresource: str) -> str:
    """Who asked for the run's value since; "" for nobody. `field` is the record of one change. A
    write through a subresource need not take the field from other managers."""
    change = Change.of(field)
    if not _is_value(change) or not same(value_at(there, change.path), change.set):
        return ""
    if is_declared(there, change) and not field.get("declared"):
        return "kubectl apply"
    return "" if subresource else ", ".join(sorted(set(_managers(there, change.path))))


def _is_value(change: Change) -> bool:
    """Whether it set one value: a mapping or list may be owned in parts."""
    return change.set is not ABSENT and not isinstance(change.set, dict | list)


def _managers(there: Object, path: tuple[Step, ...]) -> Iterator[str]:
    for entry in objects.metadata(there).get("managedFields") or ():
        manager = str(entry.get("manager"))
        if manager != objects.OURS and _owns(entry.get("fieldsV1"), path):
            yield manager


def _owns(fields: Any, path: tuple[Step, ...]) -> bool:
    for step in path:
        fields = next((below for key, below in _below(fields) if _is(key, step)), None)
    return fields is not None


def _below(fields: Any) -> Iterator[tuple[str, Any]]:
    yield from fields.items() if isinstance(fields, Mapping) else ()


def _is(key: str, step: Step) -> bool:
    """Whether a key of `fieldsV1` (`f:image`, `k:{"name":"web"}`) means this step."""
    if isinstance(step, str):
        return key == f"f:{step}"
    return key.startswith("k:") and bool(json.loads(key[2:]) == step)
