"""The API server's process: loop, registry, controllers, two listeners, an orderly end.

`run` blocks until SIGTERM or SIGINT. One byte on `arguments.ready` reports that both listeners
accept; a pipe closed without it reports a failure.
"""

from __future__ import annotations

import asyncio
import os
import signal

from resilience.sandbox.apiserver import server_bootstrap
from resilience.sandbox.apiserver.garbage_tuning import Pauses, attend
from resilience.sandbox.apiserver.http.listener import listen
from resilience.sandbox.apiserver.http.server import Server
from resilience.sandbox.apiserver.registry.registry import Registry
from resilience.sandbox.host.certificate_authority import CertificateAuthority
from resilience.sandbox.host.health import Health
from resilience.sandbox.host.linux import use_all_descriptors
from resilience.sandbox.host.sandbox_clock import LoopClock
from resilience.sandbox.host.sandbox_config import ProcessArguments


def run(arguments: ProcessArguments) -> None:
    """Serve until a signal arrives."""
    use_all_descriptors()
    try:
        asyncio.run(_main(arguments))
    finally:
        # Closing the pipe after a write means nothing; closing it without one means failure.
        os.close(arguments.ready)


async def _main(arguments: ProcessArguments) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    config = arguments.config
    Health(config.sick_file("apiserver"), "API server").attend(loop)
    clock = LoopClock(loop, config.time_scale, config.started, ahead=config.clock_ahead)
    registry = Registry(clock, network=config.network, images=config.images)
    server = Server(config, registry)
    if arguments.listener is None:
        raise ValueError("the API server needs a listener")
    told = clock if config.time_scale != 1 or config.clock_ahead else None
    runner = await listen(server, arguments.listener, config, told)
    from resilience.sandbox import controllers

    authority = CertificateAuthority.take(config.ca_file, config.ca_key_file)
    end_controllers = controllers.start(
        registry, clock, root_ca=authority.pem, issue=authority.issue, directory=config.directory
    )
    end_sweeping = registry.recorder.keep_swept()
    server_bootstrap.roles(registry)
    server_bootstrap.service_range(registry, config.network)
    server_bootstrap.own_endpoint(registry, arguments.listener.getsockname()[1])
    attend(Pauses())
    os.write(arguments.ready, b"+")
    try:
        await stop.wait()
    finally:
        end_sweeping()
        end_controllers()
        await server.close()
        await runner.cleanup()
