"""Strict JSON of bounded depth, with its duplicate keys."""

from __future__ import annotations

import json
from typing import Any

from resilience.sandbox.kube import refusals

_DEEPEST = 200


class Duplicates:
    """Collects the paths of duplicate keys, as "spec.replicas", while JSON is decoded."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._any = False

    def __call__(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        out = dict(pairs)
        self._any = self._any or len(out) != len(pairs)
        return out

    def read(self, data: bytes) -> None:
        """Find the paths after everything has been decoded; duplicates are rare, so a second pass
        is acceptable."""
        if self._any:
            self._walk(json.loads(data, object_pairs_hook=_Pairs), "")

    def _walk(self, value: Any, path: str) -> None:
        if isinstance(value, _Pairs):
            seen: set[str] = set()
            for key, inner in value:
                where = f"{path}.{key}" if path else key
                if key in seen and where not in self.found:
                    self.found.append(where)
                seen.add(key)
                self._walk(inner, where)
        elif isinstance(value, list):
            for at, inner in enumerate(value):
                self._walk(inner, f"{path}[{at}]")


class _Pairs(list[tuple[str, Any]]):
    """An object with all its keys, including duplicates."""


def decode_json(data: bytes, duplicates: Duplicates | None = None) -> Any:
    """Strict JSON of bounded depth."""
    try:
        value = json.loads(data, parse_constant=_refuse, object_pairs_hook=duplicates)
    except RecursionError:
        raise refusals.bad_request("json: exceeded max depth") from None
    except ValueError as error:
        raise refusals.bad_request(
            f"couldn't get version/kind; json parse error: {error}"
        ) from None
    if data.count(b"{") + data.count(b"[") > _DEEPEST:
        check_depth(value)
    if duplicates is not None:
        duplicates.read(data)
    return value


def check_depth(value: Any) -> None:
    """ApiError 400 for nesting that no kind has, so that recursion elsewhere stays bounded."""
    level = [value]
    for _ in range(_DEEPEST):
        inner: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                inner.extend(item.values())
            elif isinstance(item, list):
                inner.extend(item)
        if not inner:
            return
        level = inner
    raise refusals.bad_request("json: exceeded max depth")


def _refuse(word: str) -> Any:
    raise ValueError(f"invalid character in number: {word}")
