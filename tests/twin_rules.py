"""Two rules of an API server that a twin needs, as pure functions: field selectors, merging."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from resilience.cluster.interface import Object


def has_fields(obj: Object, fields: str) -> bool:
    """Whether a field selector such as `spec.nodeName=node-1` selects it; only `=` is known."""
    wanted = (each.partition("=") for each in fields.split(",") if each)
    return all(_at(obj, path.split(".")) == value for path, _, value in wanted)


def _at(value: Any, path: Sequence[str]) -> Any:
    for step in path:
        value = value.get(step, "") if isinstance(value, Mapping) else ""
    return value


def merged(old: Any, patch: Any) -> Any:
    """JSON merge patch (RFC 7386), of copies."""
    if not isinstance(patch, Mapping):
        return copy.deepcopy(patch)
    result = copy.deepcopy(dict(old)) if isinstance(old, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result
