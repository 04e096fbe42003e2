"""DNS messages as a server needs them: one question in, records out. Pure.

Source: RFC 1035 section 4, RFC 2782 (SRV), RFC 6891 (how much a client takes over UDP).
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable
from dataclasses import dataclass

TYPES = {"A": 1, "CNAME": 5, "PTR": 12, "TXT": 16, "AAAA": 28, "SRV": 33}
NAMES = {number: name for name, number in TYPES.items()}
OPT = 41
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP = 0, 1, 2, 3, 4
SMALLEST = 512
"""Bytes over UDP that every client takes."""

Record = tuple[str, str, str]
"""Owner, type and data, as in `dns_records`."""


class BadQuery(Exception):
    """The message is not a query that can be answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """`question` is the question's own bytes, repeated in the answer; `size` what the client takes
    over UDP."""

    id: int
    flags: int
    name: str
    kind: int
    question: bytes
    size: int = SMALLEST


def parse(data: bytes) -> Query:
    """The one question of a message; BadQuery for anything else."""
    try:
        number, flags, questions, *_, extra = struct.unpack_from("!6H", data)
        if flags & 0x8000 or questions != 1:
            raise BadQuery
        labels, at = [], 12
        while length := data[at]:
            if length > 63 or at + 1 + length > len(data):
                raise BadQuery
            labels.append(data[at + 1 : at + 1 + length].decode("ascii"))
            at += 1 + length
        kind, _ = struct.unpack_from("!2H", data, at + 1)
    except (struct.error, IndexError, UnicodeDecodeError):
        raise BadQuery from None
    end = at + 5
    return Query(id=number, flags=flags, name=".".join(labels), kind=kind,
                 question=data[12:end], size=_size(data[end:], extra))  # fmt: skip


def _size(rest: bytes, extra: int) -> int:
    """An OPT record, root as its name, says how much the client takes."""
    if extra != 1 or len(rest) < 5 or rest[0] or struct.unpack_from("!H", rest, 1)[0] != OPT:
        return SMALLEST
    size: int = struct.unpack_from("!H", rest, 3)[0]
    return max(SMALLEST, size)


def reply(query: Query, code: int, records: Iterable[Record], ttl: int, most: int) -> bytes:
    """The answer; where it is longer than `most` bytes, one without records that says so."""
    packed = [_record(owner, kind, data, ttl) for owner, kind, data in records]
    body = b"".join(packed)
    size = 12 + len(query.question) + len(body)
    cut = 0x0200 if size > most else 0
    if cut:
        packed, body = [], b""
    flags = 0x8480 | (query.flags & 0x7900) | cut | code  # answer, authoritative, recursion
    head = struct.pack("!6H", query.id, flags, 1, len(packed), 0, 0)
    return head + query.question + body


def _record(owner: str, kind: str, data: str, ttl: int) -> bytes:
    packed = _data(kind, data)
    head = struct.pack("!HHIH", TYPES[kind], 1, ttl, len(packed))
    return _name(owner) + head + packed


def _data(kind: str, data: str) -> bytes:
    if kind in ("A", "AAAA"):
        return ipaddress.ip_address(data).packed
    if kind == "SRV":
        *numbers, host = data.split()
        return struct.pack("!3H", *map(int, numbers)) + _name(host)
    if kind == "TXT":
        text = data.encode()[:255]
        return bytes([len(text)]) + text
    return _name(data)


def _name(name: str) -> bytes:
    labels = [label.encode("ascii") for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
