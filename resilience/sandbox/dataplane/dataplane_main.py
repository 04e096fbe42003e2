"""Entry of the data plane's process."""

from __future__ import annotations

import asyncio
import os
import signal

from resilience.sandbox.dataplane.dns.dns_server import DnsServer
from resilience.sandbox.dataplane.enforcement import POLICIES, Enforcement
from resilience.sandbox.dataplane.forwarders import Proxy
from resilience.sandbox.dataplane.questions import Questions
from resilience.sandbox.host.health import Health
from resilience.sandbox.host.ports import needed_shift
from resilience.sandbox.host.sandbox_config import ProcessArguments
from resilience.sandbox.wire.api_client import Client
from resilience.sandbox.wire.reflector import Reflector

SLICES = "/apis/discovery.k8s.io/v1/endpointslices"


def run(arguments: ProcessArguments) -> None:
    """Serve until SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    asyncio.run(_serve(arguments))


async def _serve(arguments: ProcessArguments) -> None:
    config = arguments.config
    client = Client(config.api_socket, arguments.token)
    enforcement = Enforcement(client, config.policy_flag, config.dns_address)
    shift = needed_shift()
    health = Health(config.sick_file("dataplane"), "data plane")
    health.attend(asyncio.get_running_loop())
    proxy = Proxy(client, shift, enforcement, health)
    await DnsServer(proxy.state, enforcement, config.dns_address, shift).start()
    reflectors = (
        Reflector(client, "/api/v1/services", proxy.state.service_changed),
        Reflector(client, SLICES, proxy.state.slice_changed),
        Reflector(client, "/api/v1/nodes", proxy.state.node_changed),
        Reflector(client, POLICIES, enforcement.policy_changed),
    )
    questions = Questions(proxy, config.node_address(0))
    await asyncio.start_unix_server(questions.connected, config.dns_socket)
    async with asyncio.TaskGroup() as group:
        for reflector in reflectors:
            group.create_task(reflector.run())
        for reflector in reflectors:
            await reflector.synced.wait()
        os.write(arguments.ready, b"\n")
        os.close(arguments.ready)
