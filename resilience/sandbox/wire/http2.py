"""The frames of HTTP/2 that one small gRPC call takes (RFC 9113), and gRPC's own framing.

For both sides of a health check: the kubelet asks, an image answers.
"""

from __future__ import annotations

import struct

from resilience.sandbox.wire import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM, END_HEADERS, ACK, PADDED, PRIORITY = 1, 4, 1, 8, 32


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """One frame."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def headers(*fields: tuple[str, str]) -> bytes:
    """A header block, not indexed and not compressed (RFC 7541, 6.2.2)."""
    return b"".join(_literal(name, value) for name, value in fields)


def _literal(name: str, value: str) -> bytes:
    one, two = name.encode(), value.encode()
    return b"".join((b"\0", hpack.number(len(one), 7), one, hpack.number(len(two), 7), two))


def bare(flags: int, payload: bytes) -> bytes:
    """A payload without its padding and priority (6.1 and 6.2)."""
    if flags & PADDED:
        payload = payload[1 : len(payload) - payload[0]]
    return payload[5:] if flags & PRIORITY else payload


def message(data: bytes) -> bytes:
    """A message of gRPC: not compressed, after its length."""
    return struct.pack(">BI", 0, len(data)) + data


def content(data: bytes) -> bytes:
    """The first message in a body."""
    return data[5 : 5 + int.from_bytes(data[1:5], "big")]


def varint(value: int) -> bytes:
    """As protobuf writes a length: seven bits a byte, the lowest first."""
    found = []
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes((*found, value))
