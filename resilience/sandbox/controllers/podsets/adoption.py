"""Adopting orphans and releasing Pods that no longer match.

A controller controls what its selector matches and nothing else controls; what it controls and no
longer matches is released (pkg/controller/controller_ref_manager.go). A terminating owner adopts
nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from resilience.sandbox.kube.api import Api, ApiError, Obj, Resource
from resilience.sandbox.kube.object_edits import (
    controller_reference,
    is_deleting,
    key_of,
    labels_of,
    uid_of,
)
from resilience.sandbox.kube.selector_index import from_spec
from resilience.sandbox.reconcile.controller_context import Controller

NOT_ANY_MORE = frozenset({404, 422})
"""Gone, or another object of that name now: nothing left to adopt or release."""


def claim(
    controller: Controller, pods: Resource, owner: Obj, owner_kind: Resource, finalizer: str = ""
) -> list[Obj]:
    """The Pods of an owner, after orphans were adopted and what no longer fits was released.

    An adopted Pod gets `finalizer`, a released one loses it.
    """
    api, namespace = controller.api, owner["metadata"]["namespace"]
    selector = from_spec(owner["spec"]["selector"])
    for key in controller.context.pods.orphans.of(namespace) if not is_deleting(owner) else ():
        orphan = api.find(pods, *key)
        if orphan is not None and not is_deleting(orphan) and selector.matches(labels_of(orphan)):
            adopt(api, pods, orphan, owner, owner_kind, finalizer)
    mine = []
    for pod in api.list(pods, namespace, owner=uid_of(owner)):
        if selector.matches(labels_of(pod)):
            mine.append(pod)
        else:
            release(api, pods, pod, uid_of(owner), finalizer)
    return mine


def adopt(
    api: Api, resource: Resource, child: Obj, owner: Obj, owner_kind: Resource, finalizer: str = ""
) -> None:
    """Make `owner` the controller of an orphan."""
    references = child["metadata"].get("ownerReferences") or []
    kept = [entry for entry in child["metadata"].get("finalizers") or () if entry != finalizer]
    _write(
        api, resource, child, [*references, controller_reference(owner, owner_kind)],
        {"finalizers": [*kept, finalizer]} if finalizer else {},
    )  # fmt: skip


def release(api: Api, resource: Resource, child: Obj, owner: str, finalizer: str = "") -> None:
    """Remove the owner with that uid from an object's references."""
    references = child["metadata"].get("ownerReferences") or []
    kept = [entry for entry in child["metadata"].get("finalizers") or () if entry != finalizer]
    more = {"finalizers": kept or None} if finalizer else {}
    _write(api, resource, child, [r for r in references if r["uid"] != owner], more)


def _write(
    api: Api,
    resource: Resource,
    child: Obj,
    references: list[dict[str, object]],
    more: Mapping[str, object],
) -> None:
    namespace, name = key_of(child)
    patch = {"metadata": {"uid": uid_of(child), "ownerReferences": references or None, **more}}
    try:
        api.patch(resource, namespace, name, patch)
    except ApiError as error:
        if error.code not in NOT_ANY_MORE:
            raise
