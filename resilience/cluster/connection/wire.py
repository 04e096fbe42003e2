"""One HTTP exchange with an API server: a private pool, no hidden retries, the server's own errors.

urllib3's default retries repeat a DELETE by name four times on a 429 and hide outages, so they are
off. `send` reads a whole JSON answer within one deadline, however slowly it arrives; `open` leaves
the body to the caller (watches). Answers that are not JSON are `Unreachable`: they came from
something other than an API server.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from resilience import __version__
from resilience.cluster.access.access import Access
from resilience.cluster.connection.failure_words import (
    by_way_of,
    is_not_trusted,
    reason,
    was_never_sent,
)
from resilience.cluster.connection.pool import manager, ssl_context
from resilience.cluster.connection.server_refusal import excerpt, refusal, seconds
from resilience.cluster.errors import (
    ApiError,
    ClusterEnded,
    ClusterError,
    NeverSent,
    NotTrusted,
    Unreachable,
)
from resilience.cluster.requests.request import Request
from resilience.kube.clock import ServerClock
from resilience.model.masks import MASKS

if TYPE_CHECKING:
    from resilience.cluster.connection.websocket import WebSocket

CONNECT_TIMEOUT = 10.0
"""Seconds for TCP and TLS, as long as the official client's own plugins allow."""

CHUNK = 256 * 1024

Gate = Callable[[str, str, Mapping[str, str], Any], None]
"""Receives (method, path, query, body) of each request before it is sent; raises to prevent it. A
stream into a container has the method CONNECT."""


class Wire:
    """Connections to one server. Safe to use from several threads."""

    def __init__(self, access: Access, gate: Gate | None = None) -> None:
        self.access = access
        self._gate = gate
        self.clock = ServerClock()
        parts = urlsplit(access.server)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Unreachable(
                f"context {access.context!r}: server {access.server!r} is not an http(s) URL"
            )
        loopback = parts.hostname.startswith("127.") or parts.hostname in ("localhost", "::1")
        # Over a real network gzip makes lists 15 times smaller; on loopback it only costs time.
        self._encoding = "identity" if loopback else "gzip"
        self._tls = ssl_context(access) if parts.scheme == "https" else None
        self._manager = manager(access, self._tls)

    def close(self) -> None:
        """Close idle connections; those in use end with their request."""
        self._manager.clear()

    def send(self, request: Request, agent: str = "") -> dict[str, Any]:
        """The JSON mapping of the answer; {} for an empty body."""
        end = time.monotonic() + request.timeout
        response = self.open(request, agent)
        content = self._read(response, end, request)
        if not content.strip():
            return {}
        try:
            answer = json.loads(content)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise Unreachable(
                f"{request}: answered {response.status} without a JSON object:"
                f" {excerpt(content)!r}; is {self.access.server} a Kubernetes API server?"
            )
        return answer

    def open(self, request: Request, agent: str = "") -> urllib3.BaseHTTPResponse:
        """The response with its body unread; ApiError for a status of 300 and above.

        The request's timeout is the longest silence between two pieces. The caller closes the
        response.
        """
        method, timeout = request.method, request.timeout
        if self._gate is not None:
            self._gate(method, request.path, request.query, request.body)
        headers = self._headers(request.accept, agent)
        if request.body is not None:
            headers["Content-Type"] = request.content_type
        data, query = _encoded(request.body), urlencode(request.query)
        url = self.access.server + request.path + (f"?{query}" if query else "")

        def ask() -> urllib3.BaseHTTPResponse:
            return self._manager.request(
                method,
                url,
                body=data,
                headers=headers,
                preload_content=False,
                redirect=False,
                retries=False,
                timeout=urllib3.Timeout(connect=min(CONNECT_TIMEOUT, timeout), read=timeout),
            )

        try:
            response = ask()
            # A request that failed authentication changed nothing: it can be sent again.
            if response.status == 401 and self.access.renewed(headers.get("Authorization", "")):
                response.drain_conn()
                response.release_conn()
                headers["Authorization"] = self.access.authorization()
                response = ask()
        except (HTTPError, OSError, ValueError) as error:
            if isinstance(error, ValueError):  # it quotes a header that cannot be sent
                MASKS.take("kubeconfig", headers.get("Authorization", "").partition(" ")[2])
            raise self.unreachable(str(request), error) from error
        self.clock.heard(str(response.headers.get("Date") or ""), time.monotonic())
        if response.status >= 300:
            raise self._refusal(response, request)
        return response

    def unreachable(self, request: str, error: Exception) -> ClusterError:
        """The failure in a sentence that names the server and the context; ClusterEnded if it is
        final."""
        if why := self.access.ended():
            return ClusterEnded(f"{request}: {why}")
        where = f"{self.access.server} (context {self.access.context!r}{by_way_of(self.access)})"
        kind = NeverSent if was_never_sent(error) else Unreachable
        kind = NotTrusted if is_not_trusted(error) else kind
        return kind(f"{request}: {where} did not answer: {reason(error)}")

    def websocket(self, path: str, protocols: Sequence[str], agent: str) -> WebSocket:
        """A stream into a container; HandshakeRefused with the server's answer."""
        from resilience.cluster.connection.websocket import WebSocket

        access = self.access
        if self._gate is not None:
            self._gate("CONNECT", path, {}, None)
        headers = self._headers("*/*", agent)
        del headers["Accept-Encoding"]
        return WebSocket(
            access.server + path,
            headers,
            protocols,
            self._tls,
            server_name=access.server_name,
            proxy=access.proxy,
            timeout=CONNECT_TIMEOUT,
        )

    def _headers(self, accept: str, agent: str) -> dict[str, str]:
        headers = {
            "Accept": accept,
            "Accept-Encoding": self._encoding,
            "User-Agent": f"pytest-resilience/{__version__}" + (f" ({agent})" if agent else ""),
        }
        authorization = self.access.authorization()
        if authorization:
            headers["Authorization"] = authorization
        return headers

    def _read(self, response: urllib3.BaseHTTPResponse, end: float, request: Request) -> bytes:
        parts: list[bytes] = []
        try:
            while part := response.read1(CHUNK):
                parts.append(part)
                if time.monotonic() > end:
                    response.close()
                    late = f"the answer was not complete after {request.timeout:g} s"
                    raise Unreachable(f"{request}: {late}")
        except (HTTPError, OSError) as error:
            response.close()
            raise self.unreachable(str(request), error) from error
        response.release_conn()
        return b"".join(parts)

    def _refusal(self, response: urllib3.BaseHTTPResponse, request: Request) -> ApiError:
        # A refusal has a small body; a body that arrives very slowly is not waited for.
        soon = replace(request, timeout=CONNECT_TIMEOUT)
        content = self._read(response, time.monotonic() + soon.timeout, soon)
        try:
            status = json.loads(content)
        except ValueError:
            status = None
        found = status if isinstance(status, dict) else {}
        if response.status == 401:
            found = {**found, "message": self._stranger(found)}
        return refusal(
            response.status,
            found,
            str(request),
            retry_after=seconds(response.headers.get("Retry-After")),
            otherwise=excerpt(content) or response.reason or "",
        )

    def _stranger(self, status: Mapping[str, Any]) -> str:
        """The error message; a bare "Unauthorized" does not say what to do next."""
        name = self.access.context
        return (
            f"{status.get('message') or 'Unauthorized'}: {self.access.server} does not take the"
            f" credentials of context {name!r}, which may have expired; log in again and see what"
            f" `kubectl --context {name} auth whoami` says"
        )


def _encoded(body: Any) -> bytes | None:
    if body is None or isinstance(body, bytes):
        return body
    return json.dumps(body).encode()
