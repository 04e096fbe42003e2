"""The body of a forwarded answer, piece by piece.

Once its head has been sent nothing else can be answered: if the source breaks off, so does the
connection, which tells the client that its data is incomplete.
"""

from __future__ import annotations

import aiohttp
from aiohttp import web

_CHUNK = 1 << 16


async def hand_on(
    request: web.BaseRequest, response: web.StreamResponse, source: aiohttp.ClientResponse
) -> None:
    """Send `response` with the body of `source`; ConnectionResetError if that breaks off."""
    await response.prepare(request)
    try:
        async for piece in source.content.iter_chunked(_CHUNK):
            await response.write(piece)
    except aiohttp.ClientError as error:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError(f"the answer broke off: {error}") from error
    await response.write_eof()
