"""Cluster DNS on the wire, for programs that send their own queries: UDP and TCP, port 53.

Names below `cluster.local` are answered as `dns_records` knows them, others by the host's resolver
(addresses only), as CoreDNS forwards them. A query of a Pod that may not use DNS is dropped.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import cast

from resilience.sandbox.dataplane.dns import dns_records, dns_wire
from resilience.sandbox.dataplane.dns.cluster_dns import DOMAIN
from resilience.sandbox.dataplane.dns.dns_wire import NOERROR, NXDOMAIN, SERVFAIL, Query, Record
from resilience.sandbox.dataplane.enforcement import Enforcement
from resilience.sandbox.dataplane.service_state import State
from resilience.sandbox.host.ports import published

PORT = 53
TTL = 30
LONGEST = 65535
WAIT = 5.0
"""Seconds that a TCP client may take to send a query."""

Answer = tuple[int, Sequence[Record]]


class DnsServer:
    """`address` is where Pods' resolv.conf points to."""

    def __init__(self, state: State, enforcement: Enforcement, address: str, shift: int) -> None:
        self._state, self._enforcement = state, enforcement
        self._where = (address, published(PORT, shift))
        self._tasks: set[asyncio.Task[None]] = set()
        self._open: list[Callable[[], None]] = []

    async def start(self) -> None:
        """Listen, until the process ends or `close`."""
        loop = asyncio.get_running_loop()
        out, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self), local_addr=self._where
        )
        server = await asyncio.start_server(self._connected, *self._where)
        self._open = [out.close, server.close]

    def close(self) -> None:
        """Listen no more."""
        for close in self._open:
            close()

    def datagram(
        self, data: bytes, client: tuple[str, int], out: asyncio.DatagramTransport
    ) -> None:
        """Answer one query over UDP, in its own time."""

        async def work() -> None:
            if said := await self.answered(data, client[0], datagram=True):
                out.sendto(said, client)

        task = asyncio.get_running_loop().create_task(work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def answered(self, data: bytes, source: str, *, datagram: bool) -> bytes:
        """The reply to a message; empty if there is none."""
        try:
            query = dns_wire.parse(data)
        except dns_wire.BadQuery:
            return b""
        if not self._enforcement.allows_dns(source):
            return b""
        code, records = await self._find(query)
        return dns_wire.reply(query, code, records, TTL, query.size if datagram else LONGEST)

    async def _find(self, query: Query) -> Answer:
        kind, name = dns_wire.NAMES.get(query.kind, ""), query.name.lower()
        if name == DOMAIN or name.endswith((f".{DOMAIN}", ".in-addr.arpa")):
            found = dns_records.records(self._state, kind, name, "", search=False)
            known = found or dns_records.exists(self._state, name)
            return (NOERROR, found) if known else (NXDOMAIN, ())
        return await _outside(name, kind)

    async def _connected(self, reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(WAIT):
                data = await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
            source = out.get_extra_info("peername")[0]
            if said := await self.answered(data, source, datagram=False):
                out.write(len(said).to_bytes(2) + said)
                await out.drain()
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            pass  # the client closed the connection first
        finally:
            out.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not isinstance: asyncio's own transport for datagrams does not inherit from it.
        self._out = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._server.datagram(data, addr, self._out)


async def _outside(name: str, kind: str) -> Answer:
    family = {"A": socket.AF_INET, "AAAA": socket.AF_INET6}.get(kind)
    if family is None:
        return NXDOMAIN, ()
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(name, None, family=family, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        absent = error.errno in (socket.EAI_NONAME, socket.EAI_NODATA)
        return (NXDOMAIN if absent else SERVFAIL), ()
    except (OSError, UnicodeError):
        return SERVFAIL, ()
    return NOERROR, [(f"{name}.", kind, str(each[4][0])) for each in found]
