"""A forwarder between real sockets: bytes, half-close, resets, refusals, backpressure, sources."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from resilience.sandbox.dataplane.forwarding_table import Forward, Listen
from resilience.sandbox.dataplane.listening import PAUSE
from resilience.sandbox.dataplane.splice import RESET
from resilience.sandbox.dataplane.tcp import TcpForwarder
from resilience.sandbox.dataplane.udp import UdpForwarder
from resilience.sandbox.host import slots
from resilience.sandbox.host.health import Health

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
DEADLINE = 10


@pytest.fixture
def network() -> str:
    """Two octets that no sandbox of this machine uses: beside the slots."""
    assert 5 not in slots.SLOTS
    return "127.5"


@asynccontextmanager
async def endpoint(network: str, serve: Serve) -> AsyncIterator[tuple[str, int]]:
    served: list[asyncio.StreamWriter] = []

    async def noting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(writer)
        await serve(reader, writer)

    server = await asyncio.start_server(noting, f"{network}.32.1", 0)
    address: tuple[str, int] = server.sockets[0].getsockname()
    try:
        yield address
    finally:
        server.close()
        for writer in served:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


@asynccontextmanager
async def forwarding(
    network: str, *endpoints: tuple[str, int], health: Health | None = None
) -> AsyncIterator[tuple[TcpForwarder, tuple[str, int]]]:
    with socket.create_server((f"{network}.128.1", 0)) as free:
        where: tuple[str, int] = free.getsockname()
    forwarder = TcpForwarder(Listen(where[0], where[1], "TCP"), 0, health=health)
    forwarder.update(Forward("s", endpoints))
    try:
        yield forwarder, where
    finally:
        forwarder.stop()
        while forwarder.busy:
            reset(forwarder)
            await asyncio.sleep(0)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(await reader.read())
    await writer.drain()
    writer.close()


def run(body: Awaitable[None]) -> None:
    async def within() -> None:
        async with asyncio.timeout(DEADLINE):
            await body

    asyncio.run(within())


def test_bytes_pass_and_the_end_of_one_direction_leaves_the_other_open(network: str) -> None:
    async def body() -> None:
        async with endpoint(network, echo) as target, forwarding(network, target) as (_, where):
            reader, writer = await asyncio.open_connection(*where)
            writer.write(b"hello")
            writer.write_eof()  # the answer comes after our own end
            assert await reader.read() == b"hello"
            writer.close()

    run(body())


class Slow(asyncio.SelectorEventLoop):
    """A loop whose accepted connections become transports only after `until` and some turns."""

    until: asyncio.Event
    before: Callable[[], None] = staticmethod(lambda: None)

    async def connect_accepted_socket(self, *given: Any, **more: Any) -> Any:
        await self.until.wait()
        for _ in range(20):
            await asyncio.sleep(0)
        self.before()
        return await super().connect_accepted_socket(*given, **more)


def test_a_server_that_speaks_first_is_heard_from_its_first_byte(network: str) -> None:
    """Its greeting arrives while the client's end is still being connected."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready")
        await writer.drain()
        writer.close()  # its end comes with the greeting
        loop.until.set()

    async def body() -> None:
        loop.until = asyncio.Event()
        async with asyncio.timeout(DEADLINE), endpoint(network, greet) as target:
            async with forwarding(network, target) as (_, where):
                reader, writer = await asyncio.open_connection(*where)
                assert await reader.read() == b"220 ready"
                writer.close()

    loop = Slow()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(body())


def reset(forwarder: TcpForwarder) -> None:
    for side in list(forwarder.open_sides):
        side.reset()


def test_an_end_that_goes_while_the_other_is_connected_resets_it(network: str) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop.until.set()

    async def body() -> None:
        loop.until = asyncio.Event()
        async with asyncio.timeout(DEADLINE), endpoint(network, silent) as target:
            async with forwarding(network, target) as (it, where):
                loop.before = lambda: reset(it)
                reader, writer = await asyncio.open_connection(*where)
                with pytest.raises(ConnectionResetError):
                    await reader.read()
                writer.close()

    loop = Slow()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(body())


def test_without_endpoints_a_connection_is_refused(network: str) -> None:
    async def body() -> None:
        async with endpoint(network, echo) as target, forwarding(network, target) as (it, where):
            it.update(Forward("s", ()))
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(*where)
            it.update(Forward("s", (target,)))
            _, writer = await asyncio.open_connection(*where)
            writer.close()

    run(body())


def test_an_established_connection_survives_its_endpoint_leaving(network: str) -> None:
    async def body() -> None:
        async with endpoint(network, echo) as target, forwarding(network, target) as (it, where):
            reader, writer = await asyncio.open_connection(*where)
            writer.write(b"one")
            await asyncio.sleep(0)
            it.update(Forward("s", ()))
            writer.write_eof()
            assert await reader.read() == b"one"
            writer.close()

    run(body())


def test_a_reset_by_the_endpoint_reaches_the_client(network: str) -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(2)
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        writer.transport.abort()

    async def body() -> None:
        async with endpoint(network, reset) as target, forwarding(network, target) as (_, where):
            reader, writer = await asyncio.open_connection(*where)
            writer.write(b"go")
            with pytest.raises(ConnectionResetError):
                await reader.read()
            writer.close()

    run(body())


def test_a_reset_by_the_client_reaches_the_endpoint(network: str) -> None:
    ended: list[BaseException] = []
    done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read()
        except ConnectionResetError as error:
            ended.append(error)
        done.set()
        writer.close()

    async def body() -> None:
        async with endpoint(network, serve) as target, forwarding(network, target) as (_, where):
            _, writer = await asyncio.open_connection(*where)
            writer.write(b"go")
            await asyncio.sleep(0.05)  # let the first bytes through: a reset may overtake them
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()
            await done.wait()
            assert len(ended) == 1

    run(body())


def test_a_dead_endpoint_resets_the_connection(network: str) -> None:
    async def body() -> None:
        with socket.create_server((f"{network}.32.9", 0)) as gone:
            target = gone.getsockname()
        async with forwarding(network, target) as (_, where):
            reader, writer = await asyncio.open_connection(*where)
            with pytest.raises(ConnectionResetError):
                await reader.read()
            writer.close()

    run(body())


def test_the_endpoint_sees_the_clients_own_address(network: str) -> None:
    async def who(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(writer.get_extra_info("peername")[0].encode())
        writer.close()

    async def body() -> None:
        async with endpoint(network, who) as target, forwarding(network, target) as (_, where):
            reader, writer = await asyncio.open_connection(
                *where, local_addr=(f"{network}.32.77", 0)
            )
            assert await reader.read() == f"{network}.32.77".encode()
            writer.close()

    run(body())


def test_a_client_that_does_not_read_stops_the_endpoint_from_sending(network: str) -> None:
    sent = [0]
    stuck = asyncio.Event()

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        piece = b"x" * 65536
        try:
            while sent[0] < 200 << 20:
                writer.write(piece)
                try:
                    async with asyncio.timeout(0.5):
                        await writer.drain()
                except TimeoutError:
                    stuck.set()
                    return
                sent[0] += len(piece)
        finally:
            writer.transport.abort()

    async def body() -> None:
        async with endpoint(network, flood) as target, forwarding(network, target) as (_, where):
            with socket.create_connection(where):
                await stuck.wait()
        assert sent[0] < 64 << 20

    run(body())


def test_every_endpoint_of_a_service_gets_connections(network: str) -> None:
    counts = [0, 0]

    def counting(index: int) -> Serve:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            counts[index] += 1
            writer.close()

        return serve

    async def body() -> None:
        async with (
            endpoint(network, counting(0)) as one,
            endpoint(network, counting(1)) as two,
            forwarding(network, one, two) as (_, where),
        ):
            for _ in range(60):
                reader, writer = await asyncio.open_connection(*where)
                await reader.read()
                writer.close()
        assert sum(counts) == 60
        assert min(counts) > 10  # a fair coin misses this once in ten million runs

    run(body())


def test_datagrams_go_to_an_endpoint_and_answers_come_back(network: str) -> None:
    async def body() -> None:
        loop = asyncio.get_running_loop()
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as target,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
        ):
            target.bind((f"{network}.32.1", 0))
            client.bind((f"{network}.32.5", 0))
            for each in (target, client):
                each.setblocking(False)
            where = Listen(f"{network}.128.2", 5353, "UDP")
            forwarder = UdpForwarder(where, 0)
            forwarder.update(Forward("s", (target.getsockname(),)))
            client.sendto(b"ping", (where.address, where.port))
            data, source = await loop.sock_recvfrom(target, 100)
            assert (data, source[0]) == (b"ping", f"{network}.32.5")
            target.sendto(b"pong", source)
            assert await loop.sock_recvfrom(client, 100) == (
                b"pong",
                (where.address, where.port),
            )
            forwarder.stop()
            assert not forwarder.flows

    run(body())


def test_both_ends_are_closed_once_both_have_ended(network: str) -> None:
    async def body() -> None:
        async with endpoint(network, echo) as target, forwarding(network, target) as (it, where):
            reader, writer = await asyncio.open_connection(*where)
            writer.write(b"bye")
            writer.write_eof()
            assert await reader.read() == b"bye"
            while it.busy:  # The client has not closed: nothing else ends it.
                await asyncio.sleep(0)
            writer.close()

    run(body())


def test_without_descriptors_connections_wait_and_the_sandbox_says_that_it_is_sick(
    network: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "sick"

    async def body() -> None:
        async with endpoint(network, echo) as target:
            health = Health(file)
            async with forwarding(network, target, health=health) as (_, where):
                client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
                with no_descriptors():
                    client.connect(where)
                    while not file.is_symlink():
                        await asyncio.sleep(0)
                    assert "Too many open files" in os.readlink(file)
                    await asyncio.sleep(5 * PAUSE)
                reader, writer = await asyncio.open_connection(sock=client)
                writer.write(b"late")
                writer.write_eof()
                assert await reader.read() == b"late"
                writer.close()
                while file.is_symlink():
                    await asyncio.sleep(PAUSE)

    run(body())
    assert len(caplog.records) == 1


@contextmanager
def no_descriptors() -> Iterator[None]:
    """This process can open nothing for the time of the block."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    held: list[int] = []
    try:
        with suppress(OSError):
            while True:
                held.append(os.dup(0))
        yield
    finally:
        for descriptor in held:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
