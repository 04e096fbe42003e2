"""Tables of custom resources: NAME, the definition's own columns, AGE.

Source: k8s.io/apiextensions-apiserver/pkg/registry/customresource/tableconvertor. JSON paths are of
the simple form that columns use: `.a.b[0].c` and `[?(@.type=="Ready")]`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from resilience.sandbox.apiserver.tables import cell_texts

_PART = re.compile(
    r"\.([^.\[\]]+)|\[(\d+|\*)\]|\['([^']+)'\]"
    r"|\[\?\(@\.([A-Za-z]+)\s*==\s*[\"']([^\"']*)[\"']\)\]"
)


def read(obj: Any, path: str) -> Any:
    """The first value at a path, None if there is none."""
    for name, index, quoted, key, wanted in _PART.findall(path.replace("\\.", "\0")):
        if name or quoted:
            field = (name or quoted).replace("\0", ".")
            obj = obj.get(field) if isinstance(obj, Mapping) else None
        elif not isinstance(obj, list):
            return None
        elif key:
            obj = next(
                (item for item in obj if isinstance(item, Mapping) and item.get(key) == wanted),
                None,
            )
        else:
            at = 0 if index == "*" else int(index)
            obj = obj[at] if at < len(obj) else None
    return obj


def columns(version: Mapping[str, Any]) -> list[tuple[str, str, int]]:
    """Column names, types and priorities of a version."""
    given = version.get("additionalPrinterColumns")
    if not given:
        return [("Name", "string", 0), ("Age", "date", 0)]
    return [
        ("Name", "string", 0),
        *((entry["name"], entry["type"], int(entry.get("priority") or 0)) for entry in given),
    ]


def row(version: Mapping[str, Any], obj: Mapping[str, Any], now: float) -> list[Any]:
    """The cells of one object."""
    given = version.get("additionalPrinterColumns")
    if not given:
        return [obj["metadata"]["name"], cell_texts.age(obj, now)]
    return [obj["metadata"]["name"], *(_cell(entry, obj, now) for entry in given)]


def _cell(column: Mapping[str, Any], obj: Mapping[str, Any], now: float) -> Any:
    value = read(obj, column["jsonPath"])
    if value is None:
        return None
    if column["type"] == "date":
        return cell_texts.since(value, now)
    if column["type"] in ("integer", "number", "boolean"):
        return value
    return value if isinstance(value, str) else str(value)
