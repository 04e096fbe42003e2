"""JSON merge patches (RFC 7386): computes the patch from the live object to the recorded one, and
applies patches. Pure.

Unlike Velero's update it also removes fields: a live field that was not recorded is nulled, unless
the rules assign it to the server.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any


def merge_patch(live: Any, wanted: Any) -> dict[str, Any]:
    """The patch; {} when the objects are equal. Both sides have passed `rules.strip`."""
    patch: dict[str, Any] = {}
    for key in live.keys() - wanted.keys():
        patch[key] = None
    for key, value in wanted.items():
        if isinstance(value, dict) and isinstance(live.get(key), dict):
            if inner := merge_patch(live[key], value):
                patch[key] = inner
        elif key not in live or live[key] != value or type(live[key]) is not type(value):
            patch[key] = value
    return patch


def merged(old: Any, patch: Any) -> Any:
    """The result of a merge patch on a value; neither argument is changed."""
    if not isinstance(patch, Mapping):
        return copy.deepcopy(patch)
    result = dict(old) if isinstance(old, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result
