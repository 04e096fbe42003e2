"""The HTTP server: identity, request, answer. No traceback ever leaves it.

One handler for every request: authentication, faults, authorization, routing. Unsupported requests
get a Status, as from the real server; a bug answers 500 and is logged once.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from resilience.sandbox.apiserver.access.authentication import Authenticator
from resilience.sandbox.apiserver.access.authorization import Attributes, Authorizer, impersonated
from resilience.sandbox.apiserver.access.reviews import Reviews
from resilience.sandbox.apiserver.access.token_secrets import TokenSecrets
from resilience.sandbox.apiserver.access.tokens import Tokens
from resilience.sandbox.apiserver.aggregation.api_services import ApiServices
from resilience.sandbox.apiserver.http import (
    answer,
    body,
    fault_api,
    json_body,
    requests,
    route,
    service_proxy,
)
from resilience.sandbox.apiserver.http.api_faults import Faults, Reset
from resilience.sandbox.apiserver.http.kubelet_proxy import KubeletProxy
from resilience.sandbox.apiserver.http.request_attributes import (
    attributes,
    connect_options,
    of_another_server,
)
from resilience.sandbox.apiserver.http.resources import Resources
from resilience.sandbox.apiserver.http.route import Route
from resilience.sandbox.apiserver.openapi import discovery, openapi_v2
from resilience.sandbox.apiserver.openapi.openapi import OpenAPI
from resilience.sandbox.apiserver.openapi.version import version_info
from resilience.sandbox.apiserver.registry.registry import Registry
from resilience.sandbox.apiserver.request import negotiate, query_options
from resilience.sandbox.apiserver.watch import watch_stream
from resilience.sandbox.apiserver.watch.watching import Hub
from resilience.sandbox.apiserver.webhooks.hook_matching import Attempt
from resilience.sandbox.host.sandbox_config import Identity, SandboxConfig
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.api import ApiError
from resilience.sandbox.kube.call import Call
from resilience.sandbox.schema.facts import Kind, builtin

_log = logging.getLogger(__name__)
_ENDPOINTS = '299 - "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"'
_OPEN = frozenset({"/healthz", "/livez", "/readyz", "/version"})
_CONNECT = frozenset({"log", "exec", "attach", "portforward"})
_STREAMED = _CONNECT - {"log"}
_AGGREGATED = "APIGroupDiscoveryList"

_NON_RESOURCE = {
    "GET": "get",
    "HEAD": "head",
    "POST": "post",
    "PUT": "put",
    "PATCH": "patch",
    "DELETE": "delete",
}
Handler = Callable[[web.BaseRequest, Identity], Awaitable[web.StreamResponse]]


class WatchFault(Exception):
    """A fault that a watch receives as an ERROR event."""

    def __init__(self, error: ApiError) -> None:
        super().__init__(error.message)
        self.error = error


class Server:
    """Answers HTTP for one registry."""

    def __init__(self, config: SandboxConfig, registry: Registry) -> None:
        self.registry = registry
        self.hub = Hub(registry.store)
        registry.chain.definitions.changed.append(self.hub.end)
        self.ready = True
        self._config = config
        self._tokens = Tokens(registry)
        self._token_secrets = TokenSecrets(registry, self._tokens, _text(config.ca_file))
        self._authenticator = Authenticator(config.tokens, self._tokens.check)
        self._authorizer = Authorizer(registry)
        self._reviews = Reviews(self._authenticator, self._authorizer, self._tokens)
        self._resources = Resources(registry, self.hub)
        self._kubelet = KubeletProxy(config.kubelet_socket, registry)
        self._others = ApiServices(registry, registry.chain.hooks.caller)
        self._proxy = service_proxy.ServiceProxy(registry)
        self._faults = Faults(self._expire_watches, self.hub.end_all)
        self._openapi = OpenAPI(builtin(), registry.kinds, registry.chain.definitions.version)

    async def close(self) -> None:
        """End every watch and release all resources."""
        self.hub.end_all()
        await self.registry.chain.hooks.caller.close()
        await self._kubelet.close()
        await self._proxy.close()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request."""
        try:
            return await self._answer(request)
        except WatchFault as fault:
            return await watch_stream.refuse(request, fault.error)
        except ApiError as error:
            return answer.failure(error)
        except Reset:
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionResetError("a fault of the sandbox cut this connection") from None
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception:  # noqa: BLE001  The last line of defence: a bug must not end the server.
            _log.exception("%s %s", request.method, request.path)
            return answer.failure(
                ApiError(500, "InternalError", "Internal error occurred: see the server's log")
            )

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path.rstrip("/") or "/"
        if path in _OPEN or path.startswith(("/healthz/", "/livez/", "/readyz/")):
            if "Authorization" in request.headers:  # A wrong token is refused on every path.
                self._identity(request)
            return self._open(request, path)
        user = self._identity(request)
        if path.startswith("/sandbox/"):
            return await self._sandbox(request, path, user)
        await self._strike(request, user)
        target = route.parse(path)
        if target is None:
            asked = Attributes(verb=_NON_RESOURCE.get(request.method, "get"), path=path)
            self._authorizer.require(user, asked)
            return await self._other(request, path, user)
        kind = self.registry.kinds.find(target.group, target.version, target.plural)
        if kind is None and self._others.claims(target.group, target.version):
            self._authorizer.require(user, of_another_server(request, target))
            return await self._others.connect(request, target.group, target.version, user)
        if kind is None or (target.namespace and not kind.resource.namespaced):
            raise refusals.unknown_path()
        asked = attributes(request, kind, target)
        self._authorizer.require(user, asked)
        if (
            target.subresource in _STREAMED
        ):  # also for GET: subresources.go, ensureAuthorizedForVerb
            self._authorizer.require(user, dataclasses.replace(asked, verb="create"))
        response = await self._resource(request, kind, target, user)
        if target.plural == "endpoints" and not response.prepared:
            response.headers.add("Warning", _ENDPOINTS)
        return response

    async def _strike(self, request: web.BaseRequest, user: Identity) -> None:
        """Apply the active faults. A watch receives an error as its first event."""
        try:
            await self._faults.strike(request, user)
        except ApiError as error:
            if error.code == 504 and query_options.flag(request.query, "watch"):
                raise WatchFault(error) from error
            raise

    async def _sandbox(
        self, request: web.BaseRequest, path: str, user: Identity
    ) -> web.StreamResponse:
        """The sandbox's own endpoint: faults."""
        data = await body.read(request)
        value = json_body.decode_json(data) if data.strip() else None
        fault_api.require(self._authorizer, user, request.method, path, value)
        if path == fault_api.SERVER:
            return answer.plain(self._faults.answer(request.method, value))
        if path.startswith(fault_api.FAULTS):
            return await self._kubelet.pass_on(request)
        raise refusals.unknown_path()

    def _expire_watches(self) -> None:
        """Forget the history of every kind: a watch that resumes must list first."""
        for table in self.registry.store.tables():
            table.history.forget(self.registry.store.version)
        self.hub.end_all()

    def _identity(self, request: web.BaseRequest) -> Identity:
        """The owner of certificate or token, or the user they impersonate."""
        transport = request.transport
        certificate = None if transport is None else transport.get_extra_info("peercert")
        user = self._authenticator.identify(request.headers.get("Authorization", ""), certificate)
        return impersonated(
            self._authorizer,
            user,
            request.headers.get("Impersonate-User", ""),
            request.headers.getall("Impersonate-Group", []),
        )

    def _open(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        if request.method not in ("GET", "HEAD"):
            raise refusals.unsupported_method()
        if path == "/version":
            return answer.plain(version_info())
        name = path.split("/")[1]
        sickness = self._config.sickness()
        if sickness and name != "livez":
            return web.Response(text=f"[-]sandbox failed: {sickness}\n", status=500)
        if "verbose" in request.query:
            text = f"[+]ping ok\n[+]etcd ok\n{name} check passed\n"
        else:
            text = "ok"
        return web.Response(text=text, status=200 if self.ready else 500)

    async def _other(
        self, request: web.BaseRequest, path: str, user: Identity
    ) -> web.StreamResponse:
        """Discovery, OpenAPI and the sandbox's own endpoint."""
        if request.method not in ("GET", "HEAD"):
            raise refusals.unsupported_method()
        kinds, accept = self.registry.kinds, request.headers.get("Accept", "")
        if path in ("/api", "/apis") and _AGGREGATED in accept:
            version = "v2" if ";v=v2;" in accept.replace(" ", "") else "v2beta1"
            value = discovery.aggregated(kinds, version, core=path == "/api")
            if path == "/apis":
                value["items"] += await self._other_groups()
            response = answer.plain(value)
            response.headers["Content-Type"] = (
                f"application/json;g=apidiscovery.k8s.io;v={version};as={_AGGREGATED}"
            )
            return response
        if path == "/api":
            return answer.plain(discovery.versions(request.host))
        if path == "/apis":
            return answer.plain(discovery.group_list(kinds, self._others.groups()))
        if path.startswith("/openapi"):
            return self._schema(request, path)
        keys = self._tokens.key.published(path)
        if keys is not None:
            return answer.plain(keys)
        parts = path.strip("/").split("/")
        if parts[0] == "apis" and len(parts) == 2:
            versions = {**self._others.groups(), **discovery.groups(kinds)}.get(parts[1])
            if versions:
                found = discovery.group(parts[1], versions)
                return answer.plain({"kind": "APIGroup", "apiVersion": "v1", **found})
        elif parts[0] in ("api", "apis"):
            group, version = ("", parts[1]) if parts[0] == "api" else (parts[1], parts[2])
            resources = discovery.resource_list(kinds, group, version)
            if resources:
                return answer.plain(resources)
            if self._others.claims(group, version):
                return await self._others.connect(request, group, version, user)
        elif path == "/":
            return answer.plain(
                {"paths": ["/api", "/apis", "/openapi/v2", "/openapi/v3", "/version"]}
            )
        return web.Response(status=404, text="404 page not found\n")

    async def _other_groups(self) -> list[dict[str, Any]]:
        """The groups of other servers for aggregated discovery."""
        return [
            discovery.of_another(
                group, {each: await self._others.resources(group, each) for each in versions}
            )
            for group, versions in self._others.groups().items()
        ]

    def _schema(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        if path == "/openapi/v2":
            if "proto-openapi" in request.headers.get("Accept", ""):
                return answer.typed(openapi_v2.protobuf(), openapi_v2.PROTOBUF)
            return answer.tagged(request, self._openapi.second())
        if path == "/openapi/v3":
            return answer.raw(self._openapi.index())
        data = self._openapi.document(path.removeprefix("/openapi/v3/"))
        if data is None:
            raise refusals.unknown_path()
        return answer.raw(data)

    async def _ask_hooks(
        self, request: web.BaseRequest, kind: Kind, target: Route, user: Identity
    ) -> None:
        """ApiError if a webhook denies a CONNECT."""
        if target.subresource == "log":
            return
        call = Call(user=user, validation="Ignore")
        attempt = Attempt(
            kind=kind,
            operation="CONNECT",
            namespace=target.namespace,
            name=target.name,
            obj=connect_options(request, target),
            old=None,
            call=call,
            subresource=target.subresource,
        )
        chain = self.registry.chain
        await chain.hooks.settle(lambda: chain.judge(attempt), call)

    async def _resource(
        self, request: web.BaseRequest, kind: Kind, target: Route, user: Identity
    ) -> web.StreamResponse:
        resources = self._resources
        if target.subresource and target.subresource not in kind.subresources:
            raise refusals.unknown_path()
        if target.subresource == "proxy" and target.plural in service_proxy.SERVED:
            return await self._proxy.connect(request, target)
        if target.subresource in _CONNECT:
            await self._ask_hooks(request, kind, target, user)
            return await self._kubelet.connect(request, target)
        method = request.method
        if not kind.stored and method == "POST" and kind.resource.plural != "bindings":
            if requests.form(request).view:
                raise negotiate.unacceptable()  # A review has no metadata to show.
            obj = await requests.review(request, kind)
            name = kind.resource.kind
            return answer.plain(self._reviews.answer(name, obj, user, target.namespace), 201)
        if target.subresource == "token" and method == "POST":
            obj = await requests.token(request)
            return answer.plain(self._tokens.issue(target.namespace, target.name, obj), 201)
        if target.subresource in ("binding", "eviction", "token"):
            if method != "POST":
                raise refusals.unsupported_method()
            return await resources.create_subresource(request, kind, target, user)
        if target.name:
            if method in ("GET", "HEAD"):
                return await resources.get(request, kind, target)
            handlers: dict[str, Any] = {"PUT": resources.update, "PATCH": resources.patch}
            if not target.subresource:
                handlers["DELETE"] = resources.delete
        else:
            if method in ("GET", "HEAD"):
                return await resources.list(request, kind, target)
            handlers = {"POST": resources.create, "DELETE": resources.delete_collection}
        handler = handlers.get(method)
        if handler is None or not kind.stored:
            raise refusals.unsupported_method()
        response: web.StreamResponse = await handler(request, kind, target, user)
        return response


def _text(file: Path) -> bytes:
    """The authority's certificate; a server without TLS has none."""
    return file.read_bytes() if file.exists() else b""
