"""One HTTP exchange with an API server: a private pool, no hidden retries, the server's own errors.

urllib3's default retries repeat a DELETE by name four times on a 429 and hide outages, so they are
off. `send` reads a whole JSON answer within one deadline, however slowly it arrives; `open` leaves
the body to the caller (watches). Answers that are not JSON are `Unreachable`: they came from
something other than an API server.
"""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ProxyError

from resilience import __version__
from resilience.cluster.access.access import Access
from resilience.cluster.errors import (
    ApiError,
    ClusterEnded,
    ClusterError,
    NeverSent,
    Unreachable,
    error_for,
)
from resilience.cluster.requests.request import Request
from resilience.kube.clock import ServerClock
from resilience.model.masks import MASKS

if TYPE_CHECKING:
    from resilience.cluster.connection.websocket import WebSocket

CONNECT_TIMEOUT = 10.0
"""Seconds for TCP and TLS, as long as the official client's own plugins allow."""

CONNECTIONS = 32
"""Connections kept open; more may be in use at once. Each view uses one."""

CHUNK = 256 * 1024

_KEEPALIVE = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    # A host that stopped answering is detected after 20 s, not after the read timeout.
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
]


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
        self._tls = _ssl_context(access) if parts.scheme == "https" else None
        self._manager = _manager(access, self._tls)

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
        where = f"{self.access.server} (context {self.access.context!r}{_by_way_of(self.access)})"
        kind = NeverSent if was_never_sent(error) else Unreachable
        return kind(f"{request}: {where} gave no answer: {reason(error)}")

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
            retry_after=_seconds(response.headers.get("Retry-After")),
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


def refusal(
    code: int,
    status: Mapping[str, Any],
    request: str,
    *,
    retry_after: float | None = None,
    otherwise: str = "",
) -> ApiError:
    """The error for a Status, from an answer or from inside a watch."""
    details = status.get("details")
    if retry_after is None and isinstance(details, dict):
        retry_after = _seconds(details.get("retryAfterSeconds"))
    message = str(status.get("message") or otherwise or "no reason given")
    return error_for(code)(
        code,
        f"{message} (HTTP {code})" if not status.get("message") else message,
        reason=str(status.get("reason") or ""),
        status=status,
        retry_after=retry_after,
        request=request,
    )


def _by_way_of(access: Access) -> str:
    """The proxy, without the password that its URL may hold."""
    if not access.proxy:
        return ""
    parsed = urlsplit(access.proxy)
    port = f":{parsed.port}" if parsed.port else ""
    return f", through the proxy {parsed.scheme}://{parsed.hostname or ''}{port}"


def was_never_sent(error: BaseException) -> bool:
    """Whether no connection was made. A kept-alive connection that broke may have carried the
    request."""
    if isinstance(error, ProxyError):
        return was_never_sent(error.original_error)
    return isinstance(error, NewConnectionError | ConnectTimeoutError | ConnectionRefusedError)


def reason(error: BaseException) -> str:
    """The innermost cause in plain words: urllib3 wraps the socket's error several times."""
    if isinstance(error, urllib3.exceptions.ReadTimeoutError):
        return "timed out"
    inner = getattr(error, "reason", None)
    if isinstance(inner, BaseException):
        return reason(inner)
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    cause = next((arg for arg in error.args if isinstance(arg, BaseException)), error.__cause__)
    text = str(error)
    return reason(cause) if cause is not None else text.rpartition(": ")[2] or type(error).__name__


def excerpt(content: bytes, length: int = 120) -> str:
    """The beginning of a body, on one line, for an error message."""
    return " ".join(content[: 4 * length].decode("utf-8", "replace").split())[:length]


def _seconds(text: Any) -> float | None:
    """Retry-After in seconds; its date form is not used by API servers and is ignored."""
    try:
        seconds = float(text)
    except (TypeError, ValueError):
        return None
    return seconds if 0 <= seconds < 86400 else None


def _manager(access: Access, tls: ssl.SSLContext | None) -> urllib3.PoolManager:
    options: dict[str, Any] = {"maxsize": CONNECTIONS, "socket_options": _KEEPALIVE}
    if tls is not None:
        options["ssl_context"] = tls
        if access.server_name:
            options["server_hostname"] = access.server_name
            options["assert_hostname"] = access.server_name if access.verify else False
        elif not access.verify:
            options["assert_hostname"] = False
    manager = (
        urllib3.ProxyManager(access.proxy, **options)
        if access.proxy
        else urllib3.PoolManager(**options)
    )
    if not access.verify:
        manager.pool_classes_by_scheme = {**manager.pool_classes_by_scheme, "https": _Unverified}
    return manager


class _Unverified(urllib3.HTTPSConnectionPool):
    """`insecure-skip-tls-verify` is the user's own choice: like kubectl, we do not warn with each
    connection."""

    def _validate_conn(self, conn: Any) -> None:
        if conn.is_closed:
            conn.connect()


def _ssl_context(access: Access) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(
            cafile=access.ca_file or None if not access.ca_data else None,
            cadata=access.ca_data or None,
        )
        if access.certificate:
            context.load_cert_chain(*access.certificate)
    except (OSError, ValueError) as error:
        raise Unreachable(
            f"context {access.context!r}: its certificates cannot be used: {error}"
        ) from error
    # Clusters have private authorities, often without key identifiers; Go's client accepts them as
    # well.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not access.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
