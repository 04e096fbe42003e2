"""A cluster that cannot be changed: the transport of a dry run.

`gate` is on the wire and sees every request before it is sent, from any caller: reads, access
reviews, and writes that are dryRun=All already pass; everything else raises `NotSent`. `ask` turns
ordinary writes into dry runs. Streams into containers and requests that are not API resources never
pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from resilience.cluster.errors import ClusterError
from resilience.cluster.interface import Object
from resilience.cluster.permit.door import READS, REVIEWS, is_read
from resilience.cluster.requests.request import Request, Send

_ALL = ["All"]


__all__ = ["READS", "REVIEWS", "NotSent", "ask", "gate", "is_harmless"]


class NotSent(ClusterError):
    """A dry run held back a change."""


def gate(method: str, path: str, query: Mapping[str, str], body: Any) -> None:
    """Raise NotSent for anything that is not harmless."""
    if not is_harmless(method, path, query, body):
        raise NotSent(f"{method} {path}: not sent, because this is a dry run")


def is_harmless(method: str, path: str, query: Mapping[str, str], body: Any) -> bool:
    """The API server reads a DELETE with a body from its body alone (apiserver
    handlers/delete.go)."""
    bare = path.partition("?")[0]
    if is_read(method, path):
        return True
    if method not in ("POST", "PUT", "PATCH", "DELETE") or not _is_resource(bare):
        return False
    if method == "DELETE" and body is not None:
        return isinstance(body, Mapping) and body.get("dryRun") == _ALL
    return query.get("dryRun") == "All"


def ask(request: Request, send: Send) -> Object:
    """Send each write as a dry run; used with `HttpCluster.through`."""
    if request.method in READS or request.path in REVIEWS:
        return send(request)
    if request.method == "DELETE" and isinstance(request.body, Mapping):
        return send(replace(request, body={**request.body, "dryRun": _ALL}))
    return send(replace(request, query={**request.query, "dryRun": "All"}))


def _is_resource(path: str) -> bool:
    return path.startswith(("/api/v1/", "/apis/")) and "/proxy" not in path
