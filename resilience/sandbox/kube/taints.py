"""Taints and tolerations: the one rule that scheduler, DaemonSets and taint eviction share.

Source: component-helpers/scheduling/corev1/helpers.go and Toleration.ToleratesTaint.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Taint = Mapping[str, Any]
Toleration = Mapping[str, Any]

NO_SCHEDULE = "NoSchedule"
NO_EXECUTE = "NoExecute"
PREFER = "PreferNoSchedule"


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """Whether one toleration covers one taint."""
    if toleration.get("effect") and toleration["effect"] != taint["effect"]:
        return False
    key, operator = toleration.get("key") or "", toleration.get("operator") or "Equal"
    if key and key != taint["key"]:
        return False
    if operator == "Exists":
        return True
    # An empty key is only valid with Exists.
    return bool(key) and (toleration.get("value") or "") == (taint.get("value") or "")


def is_tolerated(tolerations: Iterable[Toleration], taint: Taint) -> bool:
    """Whether any toleration covers the taint."""
    return any(tolerates(toleration, taint) for toleration in tolerations)


def untolerated(
    taints: Iterable[Taint], tolerations: Iterable[Toleration], effects: tuple[str, ...]
) -> list[Taint]:
    """Taints with one of these effects that no toleration matches."""
    have = tuple(tolerations)
    return [t for t in taints if t["effect"] in effects and not is_tolerated(have, t)]
