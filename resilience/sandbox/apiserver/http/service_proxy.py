"""`pods/NAME/proxy/...` and `services/NAME/proxy/...`: requests forwarded to a Pod.

Names are NAME, NAME:PORT or SCHEME:NAME:PORT (pkg/registry/core/{pod,service}). A Service's request
goes to one of its ready endpoints, bypassing the Service itself, as on a real cluster. Links in
HTML and redirects lead through the proxy again. WebSockets are not forwarded.
"""

from __future__ import annotations

import gzip
import random
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web

from resilience.sandbox.apiserver.http import html_links, passthrough
from resilience.sandbox.apiserver.registry.registry import Registry
from resilience.sandbox.host.ports import needed_shift, published
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.api import ApiError, Obj

if TYPE_CHECKING:
    from resilience.sandbox.apiserver.http.route import Route

SERVED = frozenset({"pods", "services"})
_ONE_HOP = frozenset(
    ("authorization", "connection", "content-length", "host", "keep-alive", "proxy-authenticate",
     "te", "trailer", "transfer-encoding", "upgrade")
)  # fmt: skip
_CODINGS: dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
    "": (bytes, bytes),
    "gzip": (gzip.decompress, gzip.compress),
}


class ServiceProxy:
    """One client session, created on first use."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._session: aiohttp.ClientSession | None = None
        self._shift = needed_shift()

    async def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()

    async def connect(self, request: web.BaseRequest, target: Route) -> web.StreamResponse:
        """Forward one request; ApiError 400, 404, or 503 without an endpoint."""
        scheme, name, port = _parts(target.plural, target.name)
        find = self._pod if target.plural == "pods" else self._endpoint
        address, number = find(target.namespace, name, port)
        # Undecoded, because decoding would change what a Pod receives.
        path = request.raw_path.partition("?")[0].split("/", 8)[8:]
        query = request.raw_path.partition("?")[2]
        if not path and request.method in ("GET", "HEAD"):
            where = request.raw_path.partition("?")[0] + "/" + (f"?{query}" if query else "")
            return web.Response(status=301, headers={"Location": where})
        url = f"{scheme}://{address}:{published(number, self._shift)}/{''.join(path)}"
        below = "/".join(request.raw_path.partition("?")[0].split("/", 8)[:8])
        return await self._hand_on(request, f"{url}?{query}" if query else url, below)

    def _pod(self, namespace: str, name: str, port: str) -> tuple[str, int]:
        pod = self._registry.get(self._registry.resource("pods"), namespace, name)
        address = (pod.get("status") or {}).get("podIP")
        if not address:
            raise refusals.bad_request("address not allowed")
        declared = [p for c in pod["spec"]["containers"] for p in c.get("ports") or []]
        if port.isdigit():
            return address, int(port)
        fitting = [p for p in declared if not port or p.get("name") == port]
        return address, int(fitting[0]["containerPort"]) if fitting else 80

    def _endpoint(self, namespace: str, name: str, port: str) -> tuple[str, int]:
        services = self._registry.resource("services")
        service = self._registry.get(services, namespace, name)
        if port.isdigit():
            declared = service["spec"].get("ports") or []
            found: Obj | None = next((p for p in declared if p["port"] == int(port)), None)
            if found is None:
                raise _unavailable(f'no service port {port} found for service "{name}"')
            port = found.get("name") or ""
        endpoints = self._registry.find(self._registry.resource("endpoints"), namespace, name)
        ready = [
            (entry["ip"], int(offered["port"]))
            for subset in (endpoints or {}).get("subsets") or []
            for offered in subset.get("ports") or []
            for entry in subset.get("addresses") or []
            if (offered.get("name") or "") == port
        ]
        if not ready:
            raise _unavailable(f'no endpoints available for service "{name}"')
        return random.choice(ready)

    async def _hand_on(self, request: web.BaseRequest, url: str, below: str) -> web.StreamResponse:
        from yarl import URL

        headers = {k: v for k, v in request.headers.items() if k.lower() not in _ONE_HOP}
        try:
            async with self._client().request(
                request.method,
                URL(url, encoded=True),
                data=await request.read() or None,
                headers=headers,
                allow_redirects=False,
                ssl=False,  # certificates of Pods are not verified, as the real proxy does not
            ) as upstream:
                return await _copy(request, upstream, below)
        except aiohttp.ClientConnectorError as error:
            why = f"error trying to reach service: dial tcp {error.host}:{error.port}: connect:"
            raise _unavailable(f"{why} {(error.strerror or 'refused').lower()}") from error
        except aiohttp.ClientError as error:
            raise _unavailable(f"error trying to reach service: {error}") from error

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, force_close=True),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=30),
                auto_decompress=False,
            )
        return self._session


async def _copy(
    request: web.BaseRequest, upstream: aiohttp.ClientResponse, below: str
) -> web.StreamResponse:
    """Pass on an answer, with links that lead `below` this path."""
    response = web.StreamResponse(status=upstream.status, reason=upstream.reason)
    for name, value in upstream.headers.items():
        if name.lower() not in _ONE_HOP:
            response.headers.add(name, value)
    hosts = (upstream.url.authority, request.host)
    if "Location" in response.headers:
        target = response.headers["Location"]
        response.headers["Location"] = html_links.link(target, below, hosts)
    elif upstream.content_type == "text/html" and request.method != "HEAD":
        return await _page(request, response, upstream, below, hosts)
    await passthrough.hand_on(request, response, upstream)
    return response


async def _page(
    request: web.BaseRequest,
    response: web.StreamResponse,
    upstream: aiohttp.ClientResponse,
    below: str,
    hosts: tuple[str, str],
) -> web.StreamResponse:
    """Pass on a page, if its encoding can be read."""
    coding = upstream.headers.get("Content-Encoding", "")
    if coding not in _CODINGS:
        await passthrough.hand_on(request, response, upstream)
        return response
    unpack, pack = _CODINGS[coding]
    try:
        text = unpack(await upstream.read()).decode(errors="surrogateescape")
    except (OSError, EOFError, zlib.error) as error:
        raise _unavailable(f"error trying to reach service: {error}") from error
    page = html_links.rewritten(text, below, hosts)
    data = pack(page.encode(errors="surrogateescape"))
    response.content_length = len(data)
    await response.prepare(request)
    await response.write(data)
    await response.write_eof()
    return response


def _parts(plural: str, name: str) -> tuple[str, str, str]:
    """Scheme, name and port from the URL; ApiError 400."""
    words = name.split(":")
    if len(words) == 1:
        return "http", name, ""
    if len(words) == 2:
        return "http", words[0], words[1]
    if len(words) == 3 and words[0] in ("", "http", "https"):
        return words[0] or "http", words[1], words[2]
    raise refusals.bad_request(f'invalid {plural.removesuffix("s")} request "{name}"')


def _unavailable(text: str) -> ApiError:
    return ApiError(503, "ServiceUnavailable", text)
