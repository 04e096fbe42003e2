"""Compares items of JSON lists in constant time: a hashable key for any value.

Lists in a request may hold tens of thousands of items; searching each of them in an equally long
list would stop the whole server. Equal values have equal keys.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable
from typing import Any


def identity(value: Any) -> Hashable:
    """The value itself if it is a scalar, else a key that only equal mappings or lists have."""
    if isinstance(value, dict | list):
        return type(value), json.dumps(value, sort_keys=True)
    return value  # type: ignore[no-any-return]


def identities(values: Iterable[Any]) -> set[Hashable]:
    """Keys of many values, for lookups."""
    return {identity(value) for value in values}
