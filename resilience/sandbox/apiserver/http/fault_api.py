"""Who may use the sandbox's own endpoint, `/sandbox/v1/faults/...`.

Faults of the API server itself are for the administrator. Faults of a Pod or a node need the
permissions that the verb needs on a real cluster: to kill a Pod's process, permission to delete
that Pod; to stop a node, permission to patch it. So the output of `resilience rbac` suffices on the
sandbox as well, and a refusal names the missing permission.
"""

from __future__ import annotations

from typing import Any

from resilience.sandbox.apiserver.access.authorization import Attributes, Authorizer, refused
from resilience.sandbox.host.sandbox_config import Identity

FAULTS = "/sandbox/v1/faults/"
SERVER = FAULTS + "apiserver"
_MASTERS = "system:masters"
_OF_PODS = frozenset({FAULTS + name for name in ("crash", "freeze", "thaw")})
_OF_NODES = FAULTS + "node"


def require(authorizer: Authorizer, user: Identity, method: str, path: str, body: Any) -> None:
    """ApiError 403 unless the user may request that."""
    if _MASTERS in user.groups:
        return
    asked = _asked(method, path, body if isinstance(body, dict) else {})
    if asked is None:
        raise refused(user, Attributes(verb=method.lower(), path=path))
    authorizer.require(user, asked)


def _asked(method: str, path: str, body: dict[str, Any]) -> Attributes | None:
    """The permission required for a fault; None if only the administrator may cause it."""
    if path == _OF_NODES and method == "GET":
        return Attributes(verb="list", resource="nodes")
    if method != "POST":
        return None
    if path == _OF_NODES:
        return Attributes(verb="patch", resource="nodes", name=str(body.get("name") or ""))
    if path in _OF_PODS:
        return Attributes(verb="delete", resource="pods", name=str(body.get("pod") or ""),
                          namespace=str(body.get("namespace") or ""))  # fmt: skip
    return None
