"""A Pod's log as messages of a WebSocket, for clients that cannot read a long answer.

Source: k8s.io/apiserver/pkg/util/wsstream (stream.go): one direction, closed at the end of the log.
"""

from __future__ import annotations

import base64

import aiohttp
from aiohttp import web

_BASE64 = "base64.binary.k8s.io"
_PROTOCOLS = ("", "binary.k8s.io", _BASE64)
_CHUNK = 1 << 16


async def send(request: web.BaseRequest, source: aiohttp.ClientResponse) -> web.StreamResponse:
    """Send the body of `source` in the protocol that the client offers."""
    socket = web.WebSocketResponse(protocols=_PROTOCOLS)
    await socket.prepare(request)
    async for piece in source.content.iter_chunked(_CHUNK):
        if socket.ws_protocol == _BASE64:
            await socket.send_str(base64.b64encode(piece).decode())
        else:
            await socket.send_bytes(piece)
    await socket.close()
    return socket
