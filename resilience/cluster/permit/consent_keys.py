"""The keys of a Namespace object that decide consent, and whether a request would change them.

The label `resilience/consent`, the labels with which targets select namespaces, and the annotation
that pauses runs are set by people: no run, restore or undo writes them. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from resilience.kube.objects import mapping

CONSENT = "resilience/consent"
"""Label on a Namespace; `allow` lets scenarios act in it."""

PAUSED = "resilience/paused"
"""Annotation on a Namespace; any value but `false` stops runs there between steps."""

PROTECTED = frozenset({"kube-system", "kube-public", "kube-node-lease"})
"""The system's own namespaces: only changed where a target names them."""


def closed_systems(named: Iterable[str]) -> frozenset[str]:
    """Those whose Pods are not evicted for a target whose `namespaces` are `named`. A pattern does
    not open one."""
    return PROTECTED - frozenset(named)


_WHOLE = (("",), ("", "metadata"), ("", "metadata", "labels"), ("", "metadata", "annotations"))


def changed(there: Any, body: Any, guarded: Iterable[str], verb: str) -> list[str]:
    """The keys whose value a create, update or patch would change; `there` is the live Namespace,
    None before its creation. A new one may have the labels of a selector: a target names it."""
    if isinstance(body, list):
        return _by_operations(body, guarded)
    labels = {CONSENT, *(() if there is None else guarded)}
    found = [
        key
        for field, keys in (("labels", labels), ("annotations", {PAUSED}))
        for key in sorted(keys)
        if _differs(there, body, field, key, whole=verb == "update")
    ]
    return found


def altered(there: Any, body: Any, verb: str) -> list[str]:
    """The labels and annotations that a write would change. Others rule a namespace by them:
    PodSecurity, NetworkPolicies of other namespaces, admission webhooks."""
    if isinstance(body, list):
        return [
            str(each.get("path", ""))
            for each in body
            if isinstance(each, Mapping) and each.get("op") != "test"
        ]
    metadata = mapping(body).get("metadata", {})
    if not isinstance(metadata, Mapping) or _directs(metadata):
        return ["metadata"]
    before = mapping(mapping(there).get("metadata"))
    return [
        key
        for field in ("labels", "annotations")
        for key in sorted({*mapping(metadata.get(field)), *mapping(before.get(field))})
        if _differs(there, body, field, key, whole=verb == "update")
    ]


def adds_owner(there: Any, body: Any) -> bool:
    """Whether a write may add an owner: once that is gone, the garbage collector deletes the
    object, a Namespace with everything in it. A JSON patch of a parent is found by `changed`."""
    if isinstance(body, list):
        return any(
            "/ownerReferences" in str(each.get("path", ""))
            for each in body
            if isinstance(each, Mapping) and each.get("op") != "test"
        )
    owners = mapping(mapping(body).get("metadata")).get("ownerReferences") or []
    before = mapping(mapping(there).get("metadata")).get("ownerReferences") or []
    return any(each not in before for each in owners)


def _differs(there: Any, body: Any, field: str, key: str, *, whole: bool) -> bool:
    metadata = body.get("metadata", {}) if isinstance(body, Mapping) else None
    prior = mapping(mapping(mapping(there).get("metadata")).get(field)).get(key)
    if metadata is None:
        return prior is not None
    if not isinstance(metadata, Mapping) or _directs(metadata):
        return True
    said = metadata.get(field, {})
    if said is None:
        return prior is not None
    if not isinstance(said, Mapping) or _directs(said):
        return True
    if key not in said:
        return whole and prior is not None
    return bool(said[key] != prior)


def _directs(part: Mapping[str, Any]) -> bool:
    """Directives of a strategic merge (`$patch: replace`) change more than they name."""
    return any(str(key).startswith("$") for key in part)


def _by_operations(operations: list[Any], guarded: Iterable[str]) -> list[str]:
    """A JSON patch: any operation on a guarded key or on a parent of one."""
    found: list[str] = []
    for each in operations:
        if not isinstance(each, Mapping) or each.get("op") == "test":
            continue
        paths = [str(each.get("path", "")), *([str(each["from"])] if "from" in each else [])]
        for path in paths:
            parts = tuple(p.replace("~1", "/").replace("~0", "~") for p in path.split("/"))
            if parts in _WHOLE:
                found.append(path or "the whole object")
            found += [key for key in (CONSENT, PAUSED, *guarded) if parts[3:4] == (key,)]
    return found
