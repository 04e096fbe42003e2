"""A namespace that is being deleted: whether it is, and what keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Namespace = Mapping[str, Any]

FINALIZERS = "NamespaceFinalizersRemaining"
"""Condition: something in it waits for a controller."""

REFUSED = "NamespaceDeletionContentFailure"
"""Condition: the API server refused to delete something in it."""


def is_going(namespace: Namespace) -> bool:
    """Whether its deletion has begun: the API server creates nothing in it any more."""
    return bool(namespace["metadata"].get("deletionTimestamp"))


def why_it_stays(namespace: Namespace) -> str:
    """What the namespace controller found in it (pkg/controller/namespace/deletion)."""
    if not is_going(namespace):
        return "it was not deleted"
    return "; ".join(_reasons(namespace)) or "it has no condition that says why"


def what_remains(namespace: Namespace) -> list[str]:
    """What is left in it and what holds that; [] for other kinds too, which have no such
    conditions."""
    return _reasons(namespace, FINALIZERS, "NamespaceContentRemaining", REFUSED)


def refused(namespace: Namespace) -> str:
    """Why its content cannot be deleted now; "" if nothing is refused."""
    return "".join(_reasons(namespace, REFUSED))


def finalizers_remain(namespace: Namespace) -> str:
    """Which finalizers of its content nobody has removed; "" if there are none."""
    return "".join(_reasons(namespace, FINALIZERS))


def _reasons(namespace: Namespace, *kinds: str) -> list[str]:
    """The messages of the conditions that hold, in the order of `kinds` if there are any."""
    conditions = (namespace.get("status") or {}).get("conditions") or ()
    holding = {each.get("type"): each.get("message", "") for each in conditions
               if each.get("status") == "True"}  # fmt: skip
    return [holding[kind] for kind in kinds or holding if holding.get(kind)]
