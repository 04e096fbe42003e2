"""Texts of a copy that still lead to the namespace it was copied from. Pure.

A restore into another namespace maps references, and leaves DNS names in texts and fields of custom
resources unchanged: only a person knows whether a copy should talk to the original's database, or
its operator watch the original's namespace. A restore lists each. The name alone is found where a
key says that it is a namespace's: a field, a variable, an argument, a line of a configuration.
Short DNS names (`db.shop`) are not found: too many words look like them.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import Any
from zlib import decompressobj
from zlib import error as ZlibError

from resilience.backup.objects.kind_identity import identity
from resilience.backup.objects.written_fields import LAST_APPLIED
from resilience.cluster.interface import Object
from resilience.kube import objects
from resilience.model.words import many

_MOST = 10
_NOT_READ = frozenset({"metadata", "status"})
_KEY = re.compile(r"(namespaces?|matchNames)$", re.IGNORECASE)
_SAID = re.compile(r"namespace", re.IGNORECASE)
_WORD = re.compile(r"[\w.-]+")
_RELEASE = "helm.sh/release.v1"
"""The type of the Secrets in which Helm records its releases: JSON, compressed and encoded."""

_LARGEST_RELEASE = 64 << 20


class LeftNames:
    """Of one restore, which maps the namespaces `mapped` from old to new names."""

    def __init__(self, mapped: Mapping[str, str]) -> None:
        self._moved = {old for old, new in mapped.items() if old != new}
        names = "|".join(map(re.escape, sorted(self._moved)))
        self._host = re.compile(rf"[\w-]\.({names})\.svc(?![\w-])")
        self._setting = re.compile(
            rf"namespaces?[\"']?(?:\s*[:=]\s*|/)[\"']?({names})(?![\w.-])", re.IGNORECASE
        )
        self._found: dict[str, str] = {}

    def see(self, kind: str, obj: Object) -> None:
        """Look for names in an object as it is written."""
        if not self._moved:
            return
        for place, key, text in _texts(obj):
            if named := self._named(key, text):
                self._found[f"{kind} {objects.title(obj)}: {place}"] = named

    def _named(self, key: str, text: str) -> str:
        """The old namespace that a text leads to; "" if none."""
        if ".svc" in text and (host := self._host.search(text)):
            return str(host[1])
        if _KEY.search(key):
            return next((each for each in _WORD.findall(text) if each in self._moved), "")
        if _SAID.search(text) and (setting := self._setting.search(text)):
            return str(setting[1])
        return ""

    def notes(self) -> list[str]:
        """A line for each place, never with its text: it may be a secret."""
        lines = [f"{place} still leads to namespace {old}" for place, old in self._found.items()]
        more = len(lines) - _MOST
        rest = [f"{many(more, 'more text')} with such names"] if more > 0 else []
        return lines[:_MOST] + rest


def _texts(obj: Object) -> Iterator[tuple[str, str, str]]:
    """Each text with its place, such as `spec.externalName`, and the key that says what it is."""
    secret = identity(obj) == "Secret"
    annotations = objects.metadata(obj).get("annotations") or {}
    told = {key: value for key, value in annotations.items() if key != LAST_APPLIED}
    yield from _inside("metadata.annotations", "", told)
    yield from _inside("metadata.labels", "", objects.metadata(obj).get("labels") or {})
    if secret and obj.get("type") == _RELEASE:
        yield "data.release", "", _release(objects.mapping(obj.get("data")).get("release"))
    for key, value in obj.items():
        if key in _NOT_READ:
            continue
        encoded = secret and key == "data"
        for place, named, text in _inside(key, key, value):
            yield place, named, _decoded(text) if encoded else text


def _inside(place: str, named: str, value: Any) -> Iterator[tuple[str, str, str]]:
    if isinstance(value, str):
        yield place, named, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            variable = key == "value" and isinstance(value.get("name"), str)
            yield from _inside(f"{place}.{key}", value["name"] if variable else key, inner)
    elif isinstance(value, list):
        option = ""
        for at, inner in enumerate(value):
            yield from _inside(f"{place}[{at}]", option or named, inner)
            option = inner if isinstance(inner, str) and inner.startswith("-") else ""


def _release(recorded: Any) -> str:
    """What Helm recorded of a release, "" if that cannot be read (helm, storage/driver/util.go)."""
    try:
        packed = b64decode(b64decode(str(recorded)))
        return decompressobj(31).decompress(packed, _LARGEST_RELEASE).decode("utf-8", "replace")
    except (ValueError, ZlibError):
        return ""


def _decoded(text: str) -> str:
    try:
        return b64decode(text).decode("utf-8", "replace")
    except ValueError:
        return ""
