"""Keeps one forwarder per Service port, in step with the API server."""

from __future__ import annotations

import asyncio
from typing import Protocol

from resilience.sandbox.dataplane import forwarding_table
from resilience.sandbox.dataplane.enforcement import Enforcement
from resilience.sandbox.dataplane.forwarding_table import Endpoint, Forward, Listen
from resilience.sandbox.dataplane.service_state import State
from resilience.sandbox.dataplane.tcp import TcpForwarder
from resilience.sandbox.dataplane.udp import UdpForwarder
from resilience.sandbox.host.health import Health
from resilience.sandbox.host.ports import PRIVILEGED, PUBLISHED, published
from resilience.sandbox.kube.api import ApiError, Obj
from resilience.sandbox.wire.api_client import MERGE, Client


class Forwarder(Protocol):
    """Common to both protocols."""

    forward: Forward

    def update(self, forward: Forward) -> None:
        """New endpoints."""

    def stop(self) -> None:
        """The port is gone."""


class Proxy:
    """All forwarders of one sandbox."""

    def __init__(
        self,
        client: Client,
        shift: int,
        enforcement: Enforcement,
        health: Health | None = None,
    ) -> None:
        self.enforcement = enforcement
        self._health = health or Health()
        self._client = client
        self._shift = shift
        self.state = State(self.refresh)
        self._forwarders: dict[Listen, Forwarder] = {}
        self._of_service: dict[str, set[Listen]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def refresh(self, key: str) -> None:
        """Update the forwarders of one Service, at once."""
        service = self.state.services.get(key)
        wanted: dict[Listen, Forward] = {}
        if service is not None:
            addresses = list(self.state.node_addresses.values())
            wanted = forwarding_table.forwards(service, self.state.slices_of(service), addresses)
            self._publish(service)
        for where in self._of_service.get(key, set()) - wanted.keys():
            self._forwarders.pop(where).stop()
        for where, forward in wanted.items():
            self._forwarder(where).update(forward)
        self._of_service[key] = set(wanted)
        if not wanted:
            del self._of_service[key]

    def _forwarder(self, where: Listen) -> Forwarder:
        found = self._forwarders.get(where)
        if found is None:
            kind = UdpForwarder if where.protocol == "UDP" else TcpForwarder
            found = self._forwarders[where] = kind(
                where, self._shift, self.enforcement.allows, self._health
            )
        return found

    def endpoints(self, address: str, port: int, protocol: str) -> tuple[Endpoint, ...]:
        """The endpoints behind a Service's address and port; empty for other addresses."""
        forwarder = self._forwarders.get(Listen(address, port, protocol))
        return () if forwarder is None else forwarder.forward.endpoints

    def _publish(self, service: Obj) -> None:
        """Annotate the Service with the actual numbers of its privileged ports."""
        if not self._shift or forwarding_table.is_headless(service):
            return
        ports = [port["port"] for port in service["spec"].get("ports") or []]
        shifted = [port for port in ports if port < PRIVILEGED]
        text = ",".join(f"{port}={published(port, self._shift)}" for port in shifted)
        there = (service["metadata"].get("annotations") or {}).get(PUBLISHED, "")
        if text != there:
            task = asyncio.get_running_loop().create_task(self._annotate(service, text))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _annotate(self, service: Obj, text: str) -> None:
        meta = service["metadata"]
        path = f"/api/v1/namespaces/{meta['namespace']}/services/{meta['name']}"
        patch = {"metadata": {"annotations": {PUBLISHED: text or None}}}
        try:
            await self._client.patch(path, patch, MERGE)
        except (ApiError, ConnectionError, FileNotFoundError):
            pass  # the Service is gone, or its next change retries
