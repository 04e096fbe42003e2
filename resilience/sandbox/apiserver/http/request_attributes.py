"""What authorization and admission learn of a request: verb, resource, name, options of CONNECT."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from resilience.sandbox.apiserver.access.authorization import Attributes
from resilience.sandbox.apiserver.http.route import Route
from resilience.sandbox.apiserver.request import query_options
from resilience.sandbox.schema.facts import Kind

_VERBS = {
    "GET": "get",
    "HEAD": "get",
    "POST": "create",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}


def of_another_server(request: web.BaseRequest, target: Route) -> Attributes:
    """The authorization attributes of a request to another server's group."""
    verb = _VERBS.get(request.method, request.method.lower())
    return Attributes(
        verb="list" if verb == "get" and not target.name else verb,
        group=target.group,
        resource=target.plural,
        subresource=target.subresource,
        namespace=target.namespace,
        name=target.name,
    )


def connect_options(request: web.BaseRequest, target: Route) -> dict[str, Any]:
    """The object of a CONNECT, built from the query."""
    kind = {"exec": "PodExecOptions", "attach": "PodAttachOptions"}.get(
        target.subresource, "PodPortForwardOptions"
    )
    flags = {name: True for name in ("stdin", "stdout", "stderr", "tty")
             if query_options.flag(request.query, name)}  # fmt: skip
    out: dict[str, Any] = {"kind": kind, "apiVersion": "v1", **flags}
    if request.query.get("container"):
        out["container"] = request.query["container"]
    if target.subresource == "exec":
        out["command"] = request.query.getall("command", [])
    return out


def attributes(request: web.BaseRequest, kind: Kind, target: Route) -> Attributes:
    """The authorization attributes of a request."""
    verb = _VERBS.get(request.method, request.method.lower())
    name = target.name
    if not name and verb == "get":
        verb = "watch" if query_options.flag(request.query, "watch") else "list"
        selector = request.query.get("fieldSelector", "")
        if selector.startswith("metadata.name=") and "," not in selector:
            name = selector.removeprefix("metadata.name=").lstrip("=")
    elif not name and verb == "delete":
        verb = "deletecollection"
    namespace = target.namespace
    if (kind.resource.group, kind.resource.plural) == ("", "namespaces"):
        namespace = name
    return Attributes(
        verb=verb,
        group=kind.resource.group,
        resource=kind.resource.plural,
        subresource=target.subresource,
        namespace=namespace,
        name=name,
    )
