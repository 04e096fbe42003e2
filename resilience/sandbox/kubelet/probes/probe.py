"""One attempt of one probe: http, tcp or exec, with the kubelet's real texts.

An HTTP answer from 200 to 399 is success. Redirects to another host count as success, those to the
same host are followed (pkg/probe/http). Every attempt opens its own connection; OSError if this
process has reached a limit, which says nothing about the container.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from resilience.sandbox.host.health import exhausted
from resilience.sandbox.host.ports import published
from resilience.sandbox.kube.api import Obj

MOST_REDIRECTS = 10
USER_AGENT = "kube-probe/1.36"


@dataclass(frozen=True, slots=True)
class Result:
    """`refused` distinguishes an endpoint that nothing listens on yet from one that answers
    badly."""

    ok: bool
    message: str = ""
    refused: bool = False


def port_of(port: int | str, container: Obj) -> int:
    """A port by number, or by its name among the container's ports; LookupError if absent."""
    if isinstance(port, int) or str(port).isdigit():
        return int(port)
    for entry in container.get("ports", []):
        if entry.get("name") == port:
            return int(entry["containerPort"])
    raise LookupError(f'couldn\'t find port "{port}" in container {container["name"]}')


async def http(action: Obj, container: Obj, address: str, shift: int, timeout: float) -> Result:
    """A GET as the kubelet sends it."""
    host = action.get("host") or address
    port = port_of(action["port"], container)
    scheme = action.get("scheme", "HTTP").lower()
    path = "/" + action.get("path", "/").lstrip("/")
    url = f"{scheme}://{host}:{port}{path}"
    headers = {header["name"]: header["value"] for header in action.get("httpHeaders", [])}
    try:
        async with asyncio.timeout(timeout):
            status = await _follow(url, headers, shift)
    except TimeoutError:
        late = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        return Result(False, f'Get "{url}": {late}')
    except (OSError, EOFError, ValueError, asyncio.IncompleteReadError) as error:
        if exhausted(error):
            raise
        refused = isinstance(error, ConnectionRefusedError)
        return Result(False, f'Get "{url}": {_dial_text(error, host, port)}', refused)
    if 200 <= status < 400:
        return Result(True)
    return Result(False, f"HTTP probe failed with statuscode: {status}")


async def _follow(url: str, headers: dict[str, str], shift: int) -> int:
    for _ in range(MOST_REDIRECTS):
        status, location = await _get(url, headers, shift)
        target = urljoin(url, location) if location else ""
        if not 300 <= status < 400 or urlsplit(target).hostname != urlsplit(url).hostname:
            return status
        url = target
    raise ValueError(f"stopped after {MOST_REDIRECTS} redirects")


async def _get(url: str, headers: dict[str, str], shift: int) -> tuple[int, str]:
    split = urlsplit(url)
    secure = split.scheme == "https"
    port = published(split.port or (443 if secure else 80), shift)
    reader, writer = await asyncio.open_connection(
        split.hostname, port, ssl=_trusting() if secure else None
    )
    try:
        path = (split.path or "/") + (f"?{split.query}" if split.query else "")
        sent = {"Host": split.netloc, "User-Agent": USER_AGENT, "Accept": "*/*"} | headers
        lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        writer.write(f"GET {path} HTTP/1.1\r\n{lines}Connection: close\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    finally:
        writer.close()
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await writer.wait_closed()
    first, *lines_read = head.split("\r\n")
    found = (line.partition(":") for line in lines_read)
    location = next((value.strip() for name, _, value in found if name.lower() == "location"), "")
    return int(first.split()[1]), location


def _trusting() -> ssl.SSLContext:
    """Certificates are not verified, as the kubelet's probes do not."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def tcp(action: Obj, container: Obj, address: str, shift: int, timeout: float) -> Result:
    """Whether a connection can be opened."""
    host = action.get("host") or address
    port = port_of(action["port"], container)
    try:
        async with asyncio.timeout(timeout):
            _, writer = await asyncio.open_connection(host, published(port, shift))
    except TimeoutError:
        return Result(False, f"dial tcp {host}:{port}: i/o timeout")
    except OSError as error:
        if exhausted(error):
            raise
        refused = isinstance(error, ConnectionRefusedError)
        return Result(False, _dial_text(error, host, port), refused)
    writer.close()
    return Result(True)


def _dial_text(error: Exception, host: str, port: int) -> str:
    if isinstance(error, ConnectionRefusedError):
        return f"dial tcp {host}:{port}: connect: connection refused"
    if isinstance(error, ConnectionResetError):
        return f"read tcp {host}:{port}: read: connection reset by peer"
    if isinstance(error, EOFError):
        return "EOF"
    return str(error)


def kind_of(probe: dict[str, Any]) -> str:
    """The action of a probe or hook."""
    return next(kind for kind in ("httpGet", "tcpSocket", "exec", "grpc", "sleep") if kind in probe)
