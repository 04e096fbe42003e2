"""The API server's process: loop, registry, controllers, two listeners, an orderly end.

`run` blocks until SIGTERM or SIGINT. One byte on `arguments.ready` says that both listeners accept;
the pipe closed without one says that it failed.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import ssl
from pathlib import Path
from typing import Any

from aiohttp import web

from resilience.sandbox.apiserver import body, bootstrap
from resilience.sandbox.apiserver.registry import Registry
from resilience.sandbox.apiserver.server import Server
from resilience.sandbox.clock import LoopClock
from resilience.sandbox.config import ProcessArguments, SandboxConfig

_BACKLOG = 1024
_SHUTDOWN_SECONDS = 1.0


def run(arguments: ProcessArguments) -> None:
    """Serve until told to stop."""
    try:
        asyncio.run(_main(arguments))
    finally:
        # Closing an already written pipe is silent; closing an unwritten one says "I failed".
        os.close(arguments.ready)


async def _main(arguments: ProcessArguments) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    config = arguments.config
    clock = LoopClock(loop, config.time_scale, config.started)
    registry = Registry(clock, network=config.network)
    server = Server(config, registry)
    if arguments.listener is None:
        raise ValueError("the API server needs a listener")
    runner = await listen(server, arguments.listener, config)
    from resilience.sandbox import controllers

    end_controllers = controllers.start(
        registry, clock, root_ca=config.ca_file.read_text(), directory=config.directory
    )
    end_sweeping = registry.recorder.keep_swept()
    bootstrap.roles(registry)
    bootstrap.own_endpoint(registry, arguments.listener.getsockname()[1])
    # What lives now lives until the end: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    os.write(arguments.ready, b"+")
    try:
        await stop.wait()
    finally:
        end_sweeping()
        end_controllers()
        await server.close()
        await runner.cleanup()


async def listen(
    server: Server, listener: socket.socket | None, config: SandboxConfig
) -> web.ServerRunner:
    """Accept HTTPS on `listener` (where given) and HTTP on the config's unix socket."""
    low = web.Server(
        server.handle,
        request_factory=_request,
        access_log=None,
        keepalive_timeout=3600.0,
        max_line_size=1 << 16,
        max_field_size=1 << 16,
    )
    runner = web.ServerRunner(low, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    if listener is not None:
        context = tls(config.certificate_file, config.key_file)
        await web.SockSite(runner, listener, ssl_context=context, backlog=_BACKLOG).start()
    await web.UnixSite(runner, str(config.api_socket), backlog=_BACKLOG).start()
    os.chmod(config.api_socket, 0o600)
    return runner


def tls(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 and up with the sandbox's certificate; HTTP/1.1 only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _request(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
    """aiohttp's own factory with Kubernetes' limit on bodies."""
    return web.BaseRequest(
        message,
        payload,
        protocol,
        writer,
        task,
        asyncio.get_running_loop(),
        client_max_size=body.LIMIT,
    )
