"""Requests that the API server forwards: logs, exec, attach and port-forward go to the kubelet.

Over the kubelet's unix socket with the same path, query and body. `upgrade` handles connections
that change their protocol.
"""

from __future__ import annotations

from pathlib import Path

import aiohttp
from aiohttp import web

from resilience.sandbox.apiserver.http import log_socket, passthrough, upgrade
from resilience.sandbox.apiserver.http.route import Route
from resilience.sandbox.apiserver.registry.registry import Registry
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.api import ApiError


class KubeletProxy:
    """One client session to the kubelet's socket, created on first use."""

    def __init__(self, socket: Path, registry: Registry) -> None:
        self._socket = socket
        self._registry = registry
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()

    async def connect(self, request: web.BaseRequest, target: Route) -> web.StreamResponse:
        """Answer a Pod's log, exec, attach or portforward; ApiError 400, 404 or 502-like 500."""
        pods = self._registry.resource("pods")
        pod = self._registry.get(pods, target.namespace, target.name)
        if not (pod.get("spec") or {}).get("nodeName"):
            if target.subresource == "log":
                return web.Response(status=204)
            raise refusals.bad_request(f"pod {target.name} does not have a host assigned")
        node = pod["spec"]["nodeName"]
        nodes = self._registry.resource("nodes")
        if self._registry.find(nodes, "", node) is None:
            raise refusals.not_found(nodes, node)
        try:
            if upgrade.is_asked(request) and target.subresource != "log":
                return await upgrade.pass_through(request, self._socket)
            return await self._plain(request)
        except (aiohttp.ClientError, EOFError, FileNotFoundError, ConnectionError) as error:
            raise ApiError(
                500,
                "InternalError",
                f"Internal error occurred: error dialing backend: {type(error).__name__}",
            ) from error

    async def pass_on(self, request: web.BaseRequest) -> web.StreamResponse:
        """A request for the kubelet only, for faults of Pods and nodes. ApiError 503."""
        try:
            return await self._plain(request)
        except aiohttp.ClientError as error:
            raise ApiError(
                503, "ServiceUnavailable", "the sandbox's kubelet does not answer"
            ) from error

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.UnixConnector(str(self._socket), limit=0),
                timeout=aiohttp.ClientTimeout(total=None),
                auto_decompress=False,
            )
        return self._session

    async def _plain(self, request: web.BaseRequest) -> web.StreamResponse:
        url = f"http://kubelet{request.raw_path}"
        data = await request.read()
        from yarl import URL

        async with self._client().request(
            request.method,
            URL(url, encoded=True),
            data=data or None,
            headers={
                "X-Stream-Protocol-Version": request.headers.get("X-Stream-Protocol-Version", "")
            },
        ) as upstream:
            if upgrade.is_asked(request) and upstream.status == 200:
                return await log_socket.send(request, upstream)
            response = web.StreamResponse(status=upstream.status)
            response.headers["Content-Type"] = upstream.headers.get("Content-Type", "text/plain")
            await passthrough.hand_on(request, response, upstream)
            return response
