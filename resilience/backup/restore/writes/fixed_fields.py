"""Fields that the API server does not change in an object that exists, such as a selector. Pure.

It validates a whole object before it says that one of that name exists. So when it refuses a change
although it accepts the values, the object can only be replaced. No list of kinds is kept here: the
server's own causes name the fields, also those of custom resources (`self == oldSelf`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from resilience.backup.objects.kind_identity import identity
from resilience.cluster.errors import ApiError, Invalid
from resilience.cluster.interface import Object, Resource
from resilience.model.words import many

_DENIED = re.compile(r"denied (the )?request")
"""A webhook's or policy's answer (apiserver, admission/plugin/webhook and policy)."""

_NAMED = re.compile(r"[a-z]\w*(?:\[\*\])?(?:\.\w+(?:\[\*\])?)*")
"""A field in a message, such as `containers[*].image`."""

_OF_SECRETS = frozenset({"type", "immutable"})
"""The fields of a Secret that may be shown."""

_LONGEST = 60
_MOST = 3

_LOST = {
    "PersistentVolumeClaim": "its data",
    "PersistentVolume": "its data",
    "CustomResourceDefinition.apiextensions.k8s.io": "all custom resources of that kind",
}

Leaf = tuple[str, Any, Any]
"""A field's path, its value on the cluster and its value in the snapshot; None: it has none."""


def refuses_change(of_patch: ApiError, of_create: ApiError) -> bool:
    """Whether it is the change that is refused. What a create is refused for as well is wrong with
    the values, and an admission rule has reasons of its own."""
    if not isinstance(of_patch, Invalid) or of_patch.code != 422:
        return False
    if _DENIED.search(of_patch.message):
        return False
    found = _causes(of_patch)
    return bool(found) and not found & _causes(of_create)


def fixed(resource: Resource, live: Object, patch: Object, problem: ApiError) -> str:
    """Which fields these are, both values of each, and how to get the recorded ones. `patch`: the
    merge patch that was refused. Values of Secrets are not shown."""
    secret = identity(live) == "Secret"
    found = {
        leaf[0]: _leaf(*leaf, secret=secret)
        for field, message in sorted(_causes(problem))
        for leaf in _inside(field, message, list(_leaves(patch, live, "")))
    }
    shown = list(found.values())[:_MOST] or [problem.message]
    more = [many(len(found) - _MOST, "more field")] if len(found) > _MOST else []
    return f"{'; '.join(shown + more)}. {_advice(resource, live)}"


def _causes(problem: ApiError) -> frozenset[tuple[str, str]]:
    return frozenset(
        (str(cause["field"]), str(cause.get("message", "")))
        for cause in problem.causes
        if cause.get("field")
    )


def _leaves(patch: Any, live: Any, path: str) -> Iterator[Leaf]:
    """What a merge patch changes, the items of lists one by one."""
    if isinstance(patch, Mapping) and isinstance(live, Mapping):
        for key, value in patch.items():
            yield from _leaves(value, live.get(key), f"{path}.{key}" if path else key)
    elif isinstance(patch, list) and isinstance(live, list) and len(patch) == len(live):
        for at, (mine, theirs) in enumerate(zip(patch, live, strict=True)):
            yield from _items(mine, theirs, f"{path}[{at}]")
    elif patch != live:
        yield path, live, patch


def _items(mine: Any, theirs: Any, path: str) -> Iterator[Leaf]:
    """An item is replaced as a whole, so what it lacks is removed."""
    if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
        for key in sorted(mine.keys() | theirs.keys()):
            yield from _items(mine.get(key), theirs.get(key), f"{path}.{key}")
    else:
        yield from _leaves(mine, theirs, path)


def _inside(field: str, message: str, leaves: list[Leaf]) -> list[Leaf]:
    """The leaves that a cause is about. One for a whole spec names the fields that may change."""
    within = [leaf for leaf in leaves if _leads(field, leaf[0]) or _leads(leaf[0], field)]
    _, _, excepted = re.sub("other than|except", "|", message).partition("|")
    free = {each.removeprefix(f"{field}.") for each in _NAMED.findall(excepted)}
    held = [leaf for leaf in within if not _is_free(leaf[0].removeprefix(f"{field}."), free)]
    return held or within


def _is_free(path: str, free: set[str]) -> bool:
    plain = re.sub(r"\[\d+\]", "[*]", path)
    return any(_leads(each, plain) for each in free)


def _leads(outer: str, inner: str) -> bool:
    """Whether `inner` is `outer` or a field in it."""
    return inner == outer or inner.startswith((f"{outer}.", f"{outer}["))


def _leaf(path: str, live: Any, wanted: Any, *, secret: bool) -> str:
    if secret and path not in _OF_SECRETS:
        return f"{path} differs"
    return f"{path} is {_shown(live)} here and {_shown(wanted)} in the snapshot"


def _shown(value: Any) -> str:
    if value is None:
        return "not set"
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _advice(resource: Resource, live: Object) -> str:
    name = f"{resource.full_name}/{live['metadata']['name']}"
    leave = f"--exclude {name} leaves it as it is"
    if lost := _LOST.get(identity(live)):
        return f"{leave}; deleting it loses {lost}"
    orphan = identity(live) == "StatefulSet.apps"
    kept = " (`kubectl delete --cascade=orphan` keeps its Pods)" if orphan else ""
    return f"Delete it{kept} and restore it with --include {name}, or {leave}"
