"""Strategic merge patches of built-in kinds: lists whose items have a key are merged by it. Pure.

Source: k8s.io/apimachinery/pkg/util/strategicpatch/patch.go, and the tags patchStrategy and
patchMergeKey of k8s.io/api. As there, items of the patch come in its order, and new ones first. A
custom resource has no such tags, so its patch is refused, as Velero refuses it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from resilience.backup.objects.json_pointer import escaped

DIRECTIVE, RETAIN = "$patch", "$retainKeys"
DELETE_FROM, ORDER = "$deleteFromPrimitiveList/", "$setElementOrder/"

_KEYS = {
    "conditions": "type",
    "containers": "name",
    "env": "name",
    "ephemeralContainers": "name",
    "hostAliases": "ip",
    "imagePullSecrets": "name",
    "initContainers": "name",
    "matchConditions": "name",
    "ownerReferences": "uid",
    "resourceClaims": "name",
    "schedulingGates": "name",
    "secrets": "name",
    "topologySpreadConstraints": "topologyKey",
    "volumeDevices": "devicePath",
    "volumeMounts": "mountPath",
    "volumes": "name",
    "webhooks": "name",
}
"""Merge keys by the field that holds the list."""

_SCALARS = frozenset({"finalizers"})
"""Lists of texts that are united."""

_PORTS = {"containers": "containerPort", "initContainers": "containerPort",
          "ephemeralContainers": "containerPort", "spec": "port"}  # fmt: skip
"""Of `ports`, by the field that holds its parent: containers, a Service."""


class PatchRefused(ValueError):
    """The patch does not fit; the text says where."""


def strategic(old: Any, patch: Any, at: str = "", parent: str = "") -> Any:
    """The patched value; neither is changed. `at` is its JSON pointer, `parent` the field that
    holds it."""
    if not isinstance(patch, Mapping):
        return patch
    how = patch.get(DIRECTIVE)
    if how == "replace":
        return {key: value for key, value in patch.items() if key != DIRECTIVE}
    if how == "delete":
        return {}
    if how not in (None, "merge"):
        raise PatchRefused(f"{at or '/'}: {DIRECTIVE} {how!r}; expected replace, delete or merge")
    result = _retained(old if isinstance(old, Mapping) else {}, patch, at)
    for key, value in sorted(patch.items(), key=lambda item: item[0].startswith(DELETE_FROM)):
        if key in (DIRECTIVE, RETAIN) or key.startswith(ORDER):
            continue
        if key.startswith(DELETE_FROM):
            field = key.removeprefix(DELETE_FROM)
            result[field] = [each for each in result.get(field) or () if each not in value]
        elif value is None:
            result.pop(key, None)
        else:
            result[key] = _field(result.get(key), value, key, f"{at}/{escaped(key)}", parent)
    return result


def _retained(old: Mapping[str, Any], patch: Mapping[str, Any], at: str) -> dict[str, Any]:
    kept = patch.get(RETAIN)
    if kept is None:
        return dict(old)
    if not isinstance(kept, list):
        raise PatchRefused(f"{at or '/'}: {RETAIN} {kept!r}; expected a list of fields")
    return {key: value for key, value in old.items() if key in kept}


def _field(old: Any, patch: Any, name: str, at: str, parent: str) -> Any:
    if not isinstance(patch, list):
        return strategic(old, patch, at, name)
    if name in _SCALARS:
        held = list(old or ())
        united = held + [each for each in patch if each not in held]
        return _in_order(united, list(patch), held)
    key = _PORTS.get(parent, "") if name == "ports" else _KEYS.get(name, "")
    if not key or not all(isinstance(each, Mapping) for each in (*(old or ()), *patch)):
        return patch
    return _items(list(old or ()), patch, key, at, name)


def _items(
    old: list[Any], patch: Sequence[Mapping[str, Any]], key: str, at: str, name: str
) -> list[Any]:
    live = [item.get(key) for item in old]
    if any(each.get(DIRECTIVE) == "replace" for each in patch):
        return [each for each in patch if each.get(DIRECTIVE) != "replace"]
    for each in patch:
        if key not in each:
            raise PatchRefused(f"{at}: an item without `{key}`, by which this list is merged")
        place = next((n for n, item in enumerate(old) if item.get(key) == each[key]), None)
        if each.get(DIRECTIVE) == "delete":
            old = [item for item in old if item.get(key) != each[key]]
        elif place is None:
            old.append(strategic({}, each, at, name))
        else:
            old[place] = strategic(old[place], each, at, name)
    by_key = {item.get(key): item for item in old}
    order = _in_order(list(by_key), [each[key] for each in patch], live)
    return [by_key[each] for each in order]


def _in_order(items: list[Any], said: list[Any], live: list[Any]) -> list[Any]:
    """Names in the patch (`said`) keep its order, all others the order of the live list. Where the
    two meet, the live one comes first only if it did before (normalizeElementOrder,
    mergeSortedSlice)."""
    named = [each for each in said if each in items]
    others = [each for each in items if each not in said]
    merged: list[Any] = []
    while others and named:
        one, two = others[0], named[0]
        before = one in live and two in live and live.index(one) < live.index(two)
        merged.append((others if before else named).pop(0))
    return merged + others + named
