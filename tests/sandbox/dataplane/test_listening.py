"""An address that someone else has: waited for, and let be once the Service is gone."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager

import pytest

from resilience.sandbox.dataplane.forwarding_table import Forward, Listen
from resilience.sandbox.dataplane.listening import REBIND, Listening
from resilience.sandbox.dataplane.tcp import TcpForwarder
from resilience.sandbox.dataplane.udp import UdpForwarder

ADDRESS = "127.5.128.3"
"""Beside all slots, as in `test_forwarding`."""

SOMEBODY = Forward("s", (("127.5.32.1", 9),))
DEADLINE = 10.0

KINDS = pytest.mark.parametrize("kind", [TcpForwarder, UdpForwarder])


@contextmanager
def taken(kind: type[Listening]) -> Iterator[tuple[str, int]]:
    """An address that is in use for the time of the block."""
    with socket.socket(socket.AF_INET, kind.kind) as other:
        other.bind((ADDRESS, 0))
        if kind is TcpForwarder:
            other.listen()
        address: tuple[str, int] = other.getsockname()
        yield address


def is_free(kind: type[Listening], address: tuple[str, int]) -> bool:
    with socket.socket(socket.AF_INET, kind.kind) as other:
        return other.connect_ex(address) != 0 if kind is TcpForwarder else _binds(other, address)


def _binds(other: socket.socket, address: tuple[str, int]) -> bool:
    try:
        other.bind(address)
    except OSError:
        return False
    return True


def run(body: Coroutine[None, None, None]) -> None:
    asyncio.run(asyncio.wait_for(body, DEADLINE))


@KINDS
def test_an_address_that_is_taken_is_listened_on_once_it_is_free(kind: type[Listening]) -> None:
    async def body() -> None:
        with taken(kind) as address:
            forwarder = kind(Listen(*address, "any"), 0)
            forwarder.update(SOMEBODY)
        while is_free(kind, address):
            await asyncio.sleep(REBIND / 10)
        forwarder.stop()
        assert is_free(kind, address)

    run(body())


@KINDS
def test_who_is_stopped_while_waiting_takes_nothing_later(kind: type[Listening]) -> None:
    async def body() -> None:
        with taken(kind) as address:
            forwarder = kind(Listen(*address, "any"), 0)
            for _ in range(3):  # endpoints come one by one
                forwarder.update(SOMEBODY)
            forwarder.update(Forward("s", ()))
        await asyncio.sleep(3 * REBIND)  # real time: nothing may happen in it
        assert is_free(kind, address)

    run(body())
