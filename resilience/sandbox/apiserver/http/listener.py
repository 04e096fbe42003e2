"""The two listeners of the API server, and their HTTP settings.

HTTPS on loopback for clients, HTTP on a Unix socket for the sandbox's own parts. The HTTP library
answers clients' mistakes at this level: broken requests and lost connections are not logged, so
that clients cannot fill a disk with them.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from resilience.sandbox.apiserver.http import body
from resilience.sandbox.apiserver.http.server import Server
from resilience.sandbox.host.sandbox_config import SandboxConfig
from resilience.sandbox.kube.api import Clock

_BACKLOG = 1024
_SHUTDOWN_SECONDS = 1.0
_LONGEST_LINE = 1 << 16
_CLIENTS_FAULT = (HttpProcessingError, web.RequestPayloadError, ConnectionError)


async def listen(
    server: Server,
    listener: socket.socket | None,
    config: SandboxConfig,
    clock: Clock | None = None,
) -> web.ServerRunner:
    """Accept HTTPS on `listener` (if given) and HTTP on the config's unix socket. Answers are dated
    by `clock`, or by the host's."""
    low = web.Server(
        server.handle,
        request_factory=_factory(clock),
        access_log=None,
        logger=_logger(),
        keepalive_timeout=3600.0,
        max_line_size=_LONGEST_LINE,
        max_field_size=_LONGEST_LINE,
        # Kubernetes does not decompress request bodies.
        auto_decompress=False,
    )
    runner = web.ServerRunner(low, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    if listener is not None:
        context = tls(config.certificate_file, config.key_file, config.ca_file)
        await web.SockSite(runner, listener, ssl_context=context, backlog=_BACKLOG).start()
    await web.UnixSite(runner, str(config.api_socket), backlog=_BACKLOG).start()
    os.chmod(config.api_socket, 0o600)
    return runner


def tls(certificate: Path, key: Path, authority: Path) -> ssl.SSLContext:
    """TLS 1.2 and up with the sandbox's certificate; HTTP/1.1 only. Clients may have certificates
    of its authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(authority)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.set_alpn_protocols(["http/1.1"])
    return context


class _Dated(web.BaseRequest):
    """Its answer says the time that stamps of objects have, where that is not the host's."""

    clock: Clock

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        response.headers["Date"] = formatdate(self.clock.now(), usegmt=True)


def _factory(clock: Clock | None) -> Callable[..., web.BaseRequest]:
    """aiohttp's own factory with Kubernetes' limit on bodies."""
    kind = type("_DatedByClock", (_Dated,), {"clock": clock}) if clock else web.BaseRequest

    def request(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> Any:
        loop = asyncio.get_running_loop()
        return kind(message, payload, protocol, writer, task, loop, client_max_size=body.LIMIT)

    return request


def _logger() -> logging.Logger:
    """For errors inside the HTTP library, without clients' mistakes."""
    logger = logging.getLogger("resilience.sandbox.http")
    if _is_news not in logger.filters:
        logger.addFilter(_is_news)
    return logger


def _is_news(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, _CLIENTS_FAULT)
