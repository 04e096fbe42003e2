"""Strict JSON of bounded depth, with the duplicate keys that it holds."""

from __future__ import annotations

import json
from typing import Any

from resilience.sandbox.kube import refusals

_DEEPEST = 200


class Duplicates:
    """Collects duplicate keys while JSON is decoded."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def __call__(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        out = dict(pairs)
        if len(out) != len(pairs):
            seen: set[str] = set()
            for key, _ in pairs:
                if key in seen and key not in self.found:
                    self.found.append(key)
                seen.add(key)
        return out


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
