"""What a server can send, and how much of it is kept."""

from __future__ import annotations

import select
import struct
from typing import Any

import pytest

from resilience.cluster.connection import websocket
from resilience.cluster.connection.websocket import AHEAD, BINARY, CONTINUATION, WebSocket
from resilience.cluster.errors import Unreachable

PAYLOAD = bytes(32 * 1024)


def frame(payload: bytes, opcode: int = BINARY, *, final: bool = True) -> bytes:
    return struct.pack(">BBH", 0x80 * final | opcode, 126, len(payload)) + payload


class Endless:
    """A socket that always has more to receive."""

    def __init__(self, piece: bytes) -> None:
        self.piece, self.received = piece, 0

    def recv(self, size: int) -> bytes:
        data = (self.piece * (size // len(self.piece) + 1))[: size - size % len(self.piece)]
        self.received += len(data)
        return data


def opened(piece: bytes, monkeypatch: pytest.MonkeyPatch) -> tuple[WebSocket, Endless]:
    endless = Endless(piece)
    monkeypatch.setattr(select, "select", lambda *given: None)
    found: Any = WebSocket.__new__(WebSocket)
    found._socket, found.closed = endless, False
    found._input, found._output, found._fragments = bytearray(), bytearray(), bytearray()
    return found, endless


def test_a_server_that_is_faster_than_its_reader_fills_no_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    socket, endless = opened(frame(PAYLOAD), monkeypatch)
    messages = 0
    while endless.received <= 2 * websocket.LARGEST:
        before = endless.received
        taken = socket.step(0)
        messages += len(taken)
        assert set(map(len, taken)) == {len(PAYLOAD)}
        assert endless.received - before <= AHEAD + websocket.RECEIVE
    assert messages == endless.received // len(frame(PAYLOAD))


def received_all(socket: WebSocket, endless: Endless) -> None:
    """Four times the largest message."""
    while endless.received <= 4 * websocket.LARGEST:
        socket.step(0)


@pytest.mark.parametrize(
    "piece",
    [struct.pack(">BBQ", 0x80 | BINARY, 127, 1 << 40), frame(PAYLOAD, CONTINUATION, final=False)],
    ids=["one frame", "frames without an end"],
)
def test_a_message_without_an_end_is_given_up(
    piece: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "LARGEST", 4 << 20)
    socket, endless = opened(piece, monkeypatch)
    with pytest.raises(Unreachable, match="a message of more than 4194304 bytes was begun"):
        received_all(socket, endless)
