"""Adopting orphans and releasing strangers: who may control whom.

A controller controls what its selector matches and nobody else controls; what it controls and no
longer matches is let go (pkg/controller/controller_ref_manager.go). An owner that is being deleted
adopts nothing.
"""

from __future__ import annotations

from resilience.sandbox.kube.api import Api, ApiError, Obj, Resource
from resilience.sandbox.kube.object_edits import controller_reference, key_of, uid_of

NOT_ANY_MORE = frozenset({404, 422})
"""Gone, or another object of that name by now: nothing left to adopt or release."""


def adopt(api: Api, resource: Resource, child: Obj, owner: Obj, owner_kind: Resource) -> None:
    """Make `owner` the controller of an orphan."""
    references = child["metadata"].get("ownerReferences") or []
    _write(api, resource, child, [*references, controller_reference(owner, owner_kind)])


def release(api: Api, resource: Resource, child: Obj, owner: str) -> None:
    """Take the owner of that uid off an object's references."""
    references = child["metadata"].get("ownerReferences") or []
    _write(api, resource, child, [r for r in references if r["uid"] != owner])


def _write(api: Api, resource: Resource, child: Obj, references: list[dict[str, object]]) -> None:
    namespace, name = key_of(child)
    patch = {"metadata": {"uid": uid_of(child), "ownerReferences": references or None}}
    try:
        api.patch(resource, namespace, name, patch)
    except ApiError as error:
        if error.code not in NOT_ANY_MORE:
            raise
