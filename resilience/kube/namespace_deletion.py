"""A namespace that is being deleted: whether it is, and what keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Namespace = Mapping[str, Any]


def is_going(namespace: Namespace) -> bool:
    """Whether its deletion has begun: the API server creates nothing in it any more."""
    return bool(namespace["metadata"].get("deletionTimestamp"))


def why_it_stays(namespace: Namespace) -> str:
    """What the namespace controller found in it (pkg/controller/namespace/deletion)."""
    if not is_going(namespace):
        return "it was not deleted"
    found: Sequence[Mapping[str, str]] = (namespace.get("status") or {}).get("conditions") or ()
    reasons = [each.get("message", "") for each in found if each.get("status") == "True"]
    return "; ".join(filter(None, reasons)) or "it has no condition that says why"
