"""Answers Pods' queries: addresses of a name, and whether a connection is allowed."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from resilience.sandbox.dataplane.blackhole import Blackhole
from resilience.sandbox.dataplane.dns import cluster_dns, dns_records
from resilience.sandbox.dataplane.forwarders import Proxy


class Questions:
    """One for all Pods; `node_address` is the address of the black hole."""

    def __init__(self, proxy: Proxy, node_address: str) -> None:
        self._proxy = proxy
        self._node_address = node_address
        self._blackhole: Blackhole | None = None

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the one query of a connection."""
        try:
            words = (await reader.readline()).decode().split()
            writer.write(json.dumps(self._answer(words)).encode() + b"\n")
            await writer.drain()
        except (ConnectionError, ValueError):
            pass  # the Pod is gone, or sent an invalid query
        finally:
            writer.close()

    def _answer(self, words: list[str]) -> Any:
        kind, *rest = words or [""]
        if kind == "name" and len(rest) == 3:
            return self._name(*rest)
        if kind == "connect" and len(rest) == 4:
            return self._connect(rest[0], rest[1], int(rest[2]), rest[3])
        if kind == "records" and len(rest) == 5:
            return self._records(*rest)
        return None

    def _records(
        self, kind: str, name: str, namespace: str, source: str, search: str
    ) -> list[dns_records.Record] | bool:
        if not self._proxy.enforcement.allows_dns(source):
            return False
        state, searched = self._proxy.state, search == "search"
        return dns_records.records(state, kind, name, namespace, search=searched)

    def _name(self, name: str, namespace: str, source: str) -> list[str] | str | bool | None:
        if not self._proxy.enforcement.allows_dns(source):
            return False
        return cluster_dns.lookup(self._proxy.state, name, namespace)

    def _connect(
        self, source: str, target: str, port: int, protocol: str
    ) -> tuple[str, int] | None:
        """A Service is closed when none of its endpoints is open to `source`."""
        allows = self._proxy.enforcement.allows
        endpoints = self._proxy.endpoints(target, port, protocol) or [(target, port)]
        if any(allows(source, address, number, protocol) for address, number in endpoints):
            return None
        if self._blackhole is None:
            self._blackhole = Blackhole(self._node_address)
        return self._blackhole.address
