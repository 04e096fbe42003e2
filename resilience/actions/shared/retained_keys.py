"""Unions in a strategic merge patch, as `kubectl apply` sends them: `$retainKeys`. Pure.

A Deployment's strategy and a Pod's volume are unions in which a strategic merge would keep the
other member: `type: Recreate` next to the old `rollingUpdate`, an `emptyDir` next to the old
`configMap`. The API server drops it if the patch lists the keys to retain (the patch strategy
`retainKeys` in k8s.io/api apps/v1 and core/v1). If the union's member does not change, it is sent
as written, and fields that others set in it are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from resilience.kube.objects import Object

RETAIN = "$retainKeys"
_TEMPLATES = (("spec",), ("spec", "template", "spec"),
              ("spec", "jobTemplate", "spec", "template", "spec"))  # fmt: skip


def patch(body: Object, there: Object) -> Object:
    """The patch for `body` on the object that is there."""
    found = _changed(body, there, ("spec", "strategy"), _strategy)
    for path in _TEMPLATES:
        found = _changed(found, there, (*path, "volumes"), _volumes)
    return dict(found)


def _strategy(new: Any, old: Any) -> Any:
    if not isinstance(new, Mapping) or not isinstance(old, Mapping) or "type" not in new:
        return new
    return new if new["type"] == old.get("type") else {**new, RETAIN: sorted(new)}


def _volumes(new: Any, old: Any) -> Any:
    if not isinstance(new, list) or not isinstance(old, list):
        return new
    before = {each.get("name"): each for each in old}
    return [_volume(each, before.get(each.get("name"))) if isinstance(each, Mapping) else each
            for each in new]  # fmt: skip


def _volume(new: Mapping[str, Any], old: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if old is None or not old.keys() - new.keys():
        return new
    return {**new, RETAIN: sorted(new)}


def _changed(new: Any, old: Any, path: tuple[str, ...], change: Callable[[Any, Any], Any]) -> Any:
    """A copy of `new` in which `change` was applied to the values that both objects have at the
    path."""
    if not path:
        return change(new, old)
    if not isinstance(new, Mapping) or not isinstance(old, Mapping) or path[0] not in new:
        return new
    return {**new, path[0]: _changed(new[path[0]], old.get(path[0]), path[1:], change)}
