"""Messages between the kubelet and the zygote: JSON with a length prefix, and descriptors.

A stream socket pair; each message is four bytes of length, then JSON. The descriptors of a message
travel with its first byte (unix(7), SCM_RIGHTS) and belong to the receiver.
"""

from __future__ import annotations

import array
import json
import socket
import struct
from typing import Any

HEADER = struct.Struct(">I")
MOST_DESCRIPTORS = 3


def send(
    channel: socket.socket, message: dict[str, Any], descriptors: tuple[int, ...] = ()
) -> None:
    """Send one message; blocks while the other side is behind."""
    data = encode(message)
    if descriptors:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
        data = data[channel.sendmsg([data], rights) :]
    channel.sendall(data)


def encode(message: dict[str, Any]) -> bytes:
    """A message as encoded on the stream."""
    body = json.dumps(message, separators=(",", ":")).encode()
    return HEADER.pack(len(body)) + body


def receive(channel: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """The next message and its descriptors; None when the other side is gone."""
    header, descriptors = _first(channel)
    if header is None:
        return None
    body = _exactly(channel, HEADER.unpack(header)[0])
    return None if body is None else (json.loads(body), descriptors)


def _first(channel: socket.socket) -> tuple[bytes | None, list[int]]:
    space = socket.CMSG_SPACE(MOST_DESCRIPTORS * array.array("i").itemsize)
    try:
        data, ancillary, _, _ = channel.recvmsg(HEADER.size, space, socket.MSG_CMSG_CLOEXEC)
    except ConnectionError:
        return None, []
    descriptors = array.array("i")
    for _, _, rights in ancillary:
        descriptors.frombytes(rights)
    if not data:
        return None, []
    rest = _exactly(channel, HEADER.size - len(data))
    return (None if rest is None else data + rest), list(descriptors)


def _exactly(channel: socket.socket, count: int) -> bytes | None:
    data = bytearray()
    while len(data) < count:
        try:
            piece = channel.recv(count - len(data))
        except ConnectionError:
            return None
        if not piece:
            return None
        data += piece
    return bytes(data)
