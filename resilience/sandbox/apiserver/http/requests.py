"""The content of a request, read from headers, query and body; used by `resources.py`."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from resilience.sandbox.apiserver.http import body, json_body
from resilience.sandbox.apiserver.request import negotiate, query_options
from resilience.sandbox.host.sandbox_config import Identity
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.api import Obj, Resource
from resilience.sandbox.kube.call import Call
from resilience.sandbox.schema import strict
from resilience.sandbox.schema.facts import Kind

_PROPAGATION = ("Foreground", "Background", "Orphan")


def form(request: web.BaseRequest) -> negotiate.Form:
    return negotiate.form(request.headers.get("Accept", ""), request.query.get("includeObject", ""))


def call(request: web.BaseRequest, user: Identity, kind: str, *, apply: bool = False) -> Call:
    agent = request.headers.get("User-Agent", "")
    return query_options.write_call(request.query, user, agent, kind, apply=apply)


async def decoded(request: web.BaseRequest, duplicates: json_body.Duplicates | None = None) -> Any:
    return body.decode(await body.read(request), body.media_type(request), duplicates)


def mapping(value: Any) -> Obj:
    if not isinstance(value, dict):
        raise refusals.bad_request(
            "couldn't get version/kind; json parse error: json: cannot unmarshal into Go value of"
            " type struct"
        )
    return value


def check_kind(resource: Resource, obj: Obj) -> None:
    """apiVersion and kind must be those of the URL; absent ones are filled in."""
    kind = obj.setdefault("kind", resource.kind)
    version = obj.setdefault("apiVersion", resource.api_version)
    if (kind, version) != (resource.kind, resource.api_version):
        raise refusals.bad_request(conversion(resource, str(kind), str(version)))


def conversion(resource: Resource, kind: str, version: str) -> str:
    if kind == resource.kind:
        return (
            f"the API version in the data ({version}) does not match the expected API version"
            f" ({resource.api_version})"
        )
    short = version.rpartition("/")[2]
    group = resource.group.partition(".")[0] or "core"
    return (
        f'{kind} in version "{short}" cannot be handled as a {resource.kind}: converting'
        f" ({short}.{kind}) to ({group}.{resource.kind}): unknown conversion"
    )


async def delete_options(request: web.BaseRequest, user: Identity) -> tuple[dict[str, Any], Call]:
    """Options of a DELETE, from the body if there is one, else from the query."""
    data = await body.read(request)
    given: dict[str, Any] = {}
    if data.strip():
        given = mapping(body.decode(data, body.media_type(request)))
        strict.check("V1DeleteOptions", given, Call(user=user, validation="Ignore"))
    query = dict(request.query)
    if given.get("dryRun"):
        query["dryRun"] = given["dryRun"][0]
    call = query_options.write_call(
        query, user, request.headers.get("User-Agent", ""), "DeleteOptions"
    )
    grace = given.get(
        "gracePeriodSeconds", query_options.number(request.query, "gracePeriodSeconds")
    )
    propagation = given.get("propagationPolicy") or request.query.get("propagationPolicy") or None
    orphan = given.get("orphanDependents")
    if propagation is None and orphan is not None:
        propagation = "Orphan" if orphan else "Background"
    if propagation is not None and propagation not in _PROPAGATION:
        raise refusals.invalid(
            Resource("meta.k8s.io", "v1", "", "DeleteOptions", False),
            "",
            [refusals.value_unsupported("propagationPolicy", propagation, [*_PROPAGATION, "nil"])],
        )
    before = given.get("preconditions") or {}
    return {
        "grace": grace,
        "propagation": propagation,
        "uid": before.get("uid"),
        "version": before.get("resourceVersion"),
    }, call


async def review(request: web.BaseRequest, kind: Kind) -> Obj:
    """The body of a review, checked; ApiError 400."""
    obj = mapping(await decoded(request))
    check_kind(kind.resource, obj)
    strict.check(kind.model, obj, Call(user=Identity(""), validation="Ignore"))
    obj.setdefault("metadata", {})
    return obj


async def token(request: web.BaseRequest) -> Obj:
    """The body of a TokenRequest, checked; an empty one means the defaults."""
    if not (await body.read(request)).strip():
        return {}
    obj = mapping(await decoded(request))
    strict.check("AuthenticationV1TokenRequest", obj, Call(user=Identity(""), validation="Ignore"))
    return obj
