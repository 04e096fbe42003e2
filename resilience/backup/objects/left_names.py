"""Texts of a copy that still lead to the namespace it was copied from. Pure.

A restore into another namespace maps references, and leaves DNS names in texts unchanged: only a
person knows whether a copy should talk to the original's database. A restore lists each. Short
names (`db.shop`) are not found: too many words look like them.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import Any

from resilience.backup.objects.kind_identity import identity
from resilience.backup.objects.written_fields import LAST_APPLIED
from resilience.cluster.interface import Object
from resilience.kube import objects
from resilience.model.words import many

_MOST = 10
_NOT_READ = frozenset({"metadata", "status"})


class LeftNames:
    """Of one restore, which maps the namespaces `mapped` from old to new names."""

    def __init__(self, mapped: Mapping[str, str]) -> None:
        moved = [re.escape(old) for old, new in mapped.items() if old != new]
        self._pattern = re.compile(rf"[\w-]\.({'|'.join(moved)})\.svc(?![\w-])") if moved else None
        self._found: dict[str, str] = {}

    def see(self, kind: str, obj: Object) -> None:
        """Look for names in an object as it is written."""
        if self._pattern is None:
            return
        for place, text in _texts(obj):
            if ".svc" in text and (named := self._pattern.search(text)):
                self._found[f"{kind} {objects.title(obj)}: {place}"] = named[1]

    def notes(self) -> list[str]:
        """A line for each place, never with its text: it may be a secret."""
        lines = [f"{place} still leads to namespace {old}" for place, old in self._found.items()]
        more = len(lines) - _MOST
        rest = [f"{many(more, 'more text')} with such names"] if more > 0 else []
        return lines[:_MOST] + rest


def _texts(obj: Object) -> Iterator[tuple[str, str]]:
    """Each text with its place, such as `spec.externalName`."""
    secret = identity(obj) == "Secret"
    annotations = objects.metadata(obj).get("annotations") or {}
    yield from _inside(
        "metadata.annotations", {k: v for k, v in annotations.items() if k != LAST_APPLIED}
    )
    for key, value in obj.items():
        if key in _NOT_READ:
            continue
        encoded = secret and key == "data"
        for place, text in _inside(key, value):
            yield place, _decoded(text) if encoded else text


def _inside(place: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _inside(f"{place}.{key}", inner)
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from _inside(f"{place}[{at}]", inner)


def _decoded(text: str) -> str:
    try:
        return b64decode(text).decode("utf-8", "replace")
    except ValueError:
        return ""
