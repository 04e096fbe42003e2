"""What the API server only passes on: logs, exec, attach and port-forward go to the kubelet.

Over the kubelet's unix socket with the same path, query and body; WebSockets are passed message by
message with their subprotocol, so the kubelet decides the protocol.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
from aiohttp import web

from resilience.sandbox.api import ApiError
from resilience.sandbox.apiserver import errors
from resilience.sandbox.apiserver.registry import Registry
from resilience.sandbox.apiserver.route import Route

_CHUNK = 1 << 16


class KubeletProxy:
    """One client session to the kubelet's socket, made when first needed."""

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
            raise errors.bad_request(f"pod {target.name} does not have a host assigned")
        node = pod["spec"]["nodeName"]
        nodes = self._registry.resource("nodes")
        if self._registry.find(nodes, "", node) is None:
            raise errors.not_found(nodes, node)
        try:
            if request.headers.get("Upgrade", "").lower() == "websocket":
                return await self._websocket(request)
            return await self._plain(request)
        except aiohttp.ClientError as error:
            raise ApiError(
                500,
                "InternalError",
                f"Internal error occurred: error dialing backend: {type(error).__name__}",
            ) from error

    async def pass_on(self, request: web.BaseRequest) -> web.StreamResponse:
        """A request that is the kubelet's alone: faults of Pods and nodes. ApiError 503."""
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
            response = web.StreamResponse(status=upstream.status)
            response.headers["Content-Type"] = upstream.headers.get("Content-Type", "text/plain")
            response.enable_chunked_encoding()
            await response.prepare(request)
            async for piece in upstream.content.iter_chunked(_CHUNK):
                await response.write(piece)
            await response.write_eof()
            return response

    async def _websocket(self, request: web.BaseRequest) -> web.StreamResponse:
        offered = [
            word.strip()
            for word in request.headers.get("Sec-WebSocket-Protocol", "").split(",")
            if word.strip()
        ]
        url = f"http://kubelet{request.raw_path}"
        from yarl import URL

        async with self._client().ws_connect(
            URL(url, encoded=True),
            protocols=offered,
            max_msg_size=0,
            autoping=False,
        ) as upstream:
            chosen = [upstream.protocol] if upstream.protocol else []
            here = web.WebSocketResponse(protocols=chosen, max_msg_size=0, autoping=False)
            await here.prepare(request)
            await _join(here, upstream)
            return here


async def _join(here: web.WebSocketResponse, there: aiohttp.ClientWebSocketResponse) -> None:
    """Pass messages both ways until either side ends, then end the other."""
    tasks = [asyncio.create_task(_pass(here, there)), asyncio.create_task(_pass(there, here))]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await here.close()
        await there.close()


_Socket = web.WebSocketResponse | aiohttp.ClientWebSocketResponse


async def _pass(source: _Socket, target: _Socket) -> None:
    async for message in source:
        if message.type == aiohttp.WSMsgType.BINARY:
            await target.send_bytes(message.data)
        elif message.type == aiohttp.WSMsgType.TEXT:
            await target.send_str(message.data)
        elif message.type == aiohttp.WSMsgType.PING:
            await target.ping(message.data)
        elif message.type == aiohttp.WSMsgType.PONG:
            await target.pong(message.data)
