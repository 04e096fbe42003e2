"""Which fields of an object a client wrote, as opposed to the API server's defaults. Pure.

The API server allocates after it has recorded field ownership, so no manager's `managedFields`
contain allocated values; `kubectl apply` also leaves its input in an annotation. Without either
nothing is known, and nothing counts as written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

Step = str | Mapping[str, Any]
"""A field's name, or the keys that identify an item of a list: {"port": 80, "protocol": "TCP"}."""


def is_written(obj: Mapping[str, Any], *path: Step) -> bool:
    """Whether a client set the field."""
    applied = _applied(obj)
    return _has_value(applied, path) or any(_owns(fields, path) for fields in _owned(obj))


def is_known(obj: Mapping[str, Any]) -> bool:
    """Whether the object records who wrote it."""
    return bool(_applied(obj)) or any(True for _ in _owned(obj))


def _applied(obj: Mapping[str, Any]) -> Any:
    text = (obj["metadata"].get("annotations") or {}).get(LAST_APPLIED, "")
    try:
        return json.loads(text)
    except (ValueError, TypeError):  # no annotation, or someone edited it
        return None


def _owned(obj: Mapping[str, Any]) -> Iterator[Any]:
    for entry in obj["metadata"].get("managedFields") or ():
        if isinstance(entry, dict) and not entry.get("subresource") and entry.get("fieldsV1"):
            yield entry["fieldsV1"]


def _has_value(value: Any, path: tuple[Step, ...]) -> bool:
    for step in path:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
        else:
            items = value if isinstance(value, list) else ()
            value = next((each for each in items if _is_item(each, step)), None)
    return value not in (None, "", 0)


def _is_item(value: Any, keys: Mapping[str, Any]) -> bool:
    """`protocol` is TCP if a manifest leaves it out."""
    defaults = {"protocol": "TCP"}
    return isinstance(value, dict) and all(
        value.get(key, defaults.get(key)) == wanted for key, wanted in keys.items()
    )


def _owns(fields: Any, path: tuple[Step, ...]) -> bool:
    for step in path:
        if not isinstance(fields, dict):
            return False
        if isinstance(step, str):
            fields = fields.get(f"f:{step}")
        else:
            fields = next((inner for key, inner in fields.items() if _is_key(key, step)), None)
        if fields is None:
            return False
    return True


def _is_key(key: str, keys: Mapping[str, Any]) -> bool:
    if not key.startswith("k:"):
        return False
    try:
        return _is_item(json.loads(key[2:]), keys)
    except ValueError:
        return False
