"""The configuration of the agent, ready to use."""

from __future__ import annotations

import math
import os
import re
import resource
import socket
from typing import Any

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"})  # RFC 9110, 9.2.2

Address = tuple[Any, ...]  # the arguments of connect(): host and port, and two more for IPv6
Target = tuple[int, Address]  # with the address family


class Plan:
    """The configuration, ready to use."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.http: bool = given.get("kind", "http") == "http"
        self.dns: Any = _dns() if given.get("kind") == "dns" else None
        self.names = self.dns.Names(given) if self.dns else None
        self.host: str = self.names.host if self.names else given["host"]
        self.port: int = self.names.port if self.names else given["port"]
        self.interval: float = 1 / given["rate"]
        self.timeout: float = given.get("timeout", 1.0)
        self.keepalive: bool = self.http and given.get("keepalive", False)
        self.repeats: bool = given.get("method", "GET") in IDEMPOTENT
        self.statuses: list[list[int]] = given.get("status") or [[200, 399]]
        self.contains: bytes = given.get("contains", "").encode()
        matches = given.get("matches", "").encode()
        self.matches = re.compile(matches) if matches else None
        self.json: list[tuple[list[Any], str]] = given.get("json") or []
        self.valid_for: float = given.get("valid_for", 0.0)
        self.by_header: bytes = given.get("by_header", "").lower().encode()
        self.by_body: bool = given.get("by_body", False)
        self.expect: bytes = given.get("expect", "").encode()
        self.head_only: bool = given.get("method") == "HEAD"
        self.request = _request(given) if self.http else given.get("send", "").encode()
        self.socket = socket.SOCK_DGRAM if self.names else socket.SOCK_STREAM
        # A certificate and SNI have no final dot (RFC 6066, section 3), which ends a search list.
        self.server_name: str = (given.get("server_name") or self.host).rstrip(".")
        self.tls = _tls(given) if given.get("tls") else None
        self.fixed = _numeric(self.host, self.port)
        room = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 32
        wanted = math.ceil(2 * self.timeout / self.interval) + 16
        self.limit: int = given.get("limit", 0)
        self.turns: int = given.get("turns", 0)
        self.inflight: int = min(given.get("inflight") or wanted, room)


def _request(given: dict[str, Any]) -> bytes:
    body: bytes = given.get("body", "").encode()
    host, port = given["host"], given["port"]
    usual = 443 if given.get("tls") else 80
    literal = f"[{host}]" if ":" in host else host
    headers = {
        "Host": literal if port == usual else f"{literal}:{port}",
        "User-Agent": "pytest-resilience-probe",
        "Accept": "*/*",
        "Connection": "keep-alive" if given.get("keepalive") else "close",
    }
    if body:
        headers["Content-Length"] = str(len(body))
    wanted = given.get("headers") or {}
    replaced = {name.lower() for name in wanted}
    headers = {name: text for name, text in headers.items() if name.lower() not in replaced}
    lines = [f"{given.get('method', 'GET')} {given.get('path', '/')} HTTP/1.1"]
    lines += [f"{name}: {text}" for name, text in {**headers, **wanted}.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _tls(given: dict[str, Any]) -> Any:
    import ssl  # imported here: it needs 4 MB, and plain probes do not need it

    context = ssl.create_default_context(
        cafile=given.get("ca") or None, cadata=given.get("authorities") or None
    )
    if client := given.get("client"):
        # OpenSSL reads files only; this one is in memory, and nobody else can open it.
        fd = os.memfd_create("client")
        os.write(fd, client.encode())
        try:
            context.load_cert_chain(f"/proc/self/fd/{fd}")
        except ssl.SSLError as error:
            raise SystemExit(f"the client certificate cannot be used: {error}") from None
        finally:
            os.close(fd)
    return context


def _numeric(host: str, port: int) -> Target | None:
    """The address itself where `host` needs no resolver."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except OSError:
        return None
    return found[0][0], found[0][4]


def _dns() -> Any:
    from resilience.probes.agent import dns_lookup  # only a probe of names needs it

    return dns_lookup
