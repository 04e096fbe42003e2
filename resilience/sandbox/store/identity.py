"""Telling items of JSON lists apart in constant time: a hashable stand-in for any value.

Lists of a request may hold tens of thousands of items; whoever looks for each of them in a list of
as many others stops the whole server. Equal values have equal stand-ins.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable
from typing import Any


def identity(value: Any) -> Hashable:
    """The value itself where it is a scalar, else one that only equal mappings or lists have."""
    if isinstance(value, dict | list):
        return type(value), json.dumps(value, sort_keys=True)
    return value  # type: ignore[no-any-return]


def identities(values: Iterable[Any]) -> set[Hashable]:
    """Of many at once, to look others up in."""
    return {identity(value) for value in values}
