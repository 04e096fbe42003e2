"""Parses compressed HTTP/2 headers (RFC 7541), as far as one answer's literal fields.

Literal fields are returned; those that only refer to a table entry are skipped, which is enough for
a field that a server sends once (`grpc-status`), on a connection with one call.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

_LENGTHS = (
    "isxxxxxxxtzxxzxxxxxxxxzxxxxxxxxxbffhibdgffdgdbbbaaabbbbbbbcdkbhfibccccccccccccccccccccccdcdioijk"
    "babababbbaccbbbabcbaabccccckgjixprpprrrsrssssststtrstssssqrsrsstrqprrssqsrrtqrssqqrqsrssprrrsrrs"
    "vvporsruvvvwwvtuoqvwwvwtqqvvxwwwptpqrqqsrruuttvsvwvvwwwwwxwwwwwv"
)
"""Bits of each byte's code, a for 5: the code is canonical, so the lengths say all (appendix B)."""
_INDEXED, _ADDED, _RESIZED = 0x80, 0x40, 0x20


def fields(block: bytes) -> Iterator[tuple[str, str]]:
    """Name and value of the literal fields; a name from a table is "". ValueError."""
    at = 0
    while at < len(block):
        first = block[at]
        if first & _INDEXED:
            _, at = _number(block, at, 7)
        elif first & _ADDED or not first & _RESIZED:
            index, at = _number(block, at, 6 if first & _ADDED else 4)
            name = ""
            if index == 0:
                name, at = _text(block, at)
            value, at = _text(block, at)
            yield name, value
        else:
            _, at = _number(block, at, 5)


def number(value: int, bits: int, first: int = 0) -> bytes:
    """A number in the low `bits` of a byte and as many more as it takes (5.1)."""
    most = (1 << bits) - 1
    if value < most:
        return bytes((first | value,))
    found, value = [first | most], value - most
    while value >= 128:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes((*found, value))


def _number(block: bytes, at: int, bits: int) -> tuple[int, int]:
    most = (1 << bits) - 1
    value, at, shift = _byte(block, at) & most, at + 1, 0
    if value < most:
        return value, at
    while True:
        piece, at = _byte(block, at), at + 1
        value += (piece & 127) << shift
        shift += 7
        if not piece & 128:
            return value, at


def _byte(block: bytes, at: int) -> int:
    if at >= len(block):
        raise ValueError("a header block that ends in the middle")
    return block[at]


def _text(block: bytes, at: int) -> tuple[str, int]:
    packed = _byte(block, at) & 128
    length, at = _number(block, at, 7)
    data = block[at : at + length]
    if len(data) < length:
        raise ValueError("a header block that ends in the middle")
    return (_unpacked(data) if packed else data).decode("latin-1"), at + length


@lru_cache(maxsize=1)
def _codes() -> dict[tuple[int, int], int]:
    found: dict[tuple[int, int], int] = {}
    lengths = [ord(letter) - ord("a") + 5 for letter in _LENGTHS]
    code = before = 0
    for length, byte in sorted((length, byte) for byte, length in enumerate(lengths)):
        code <<= length - before
        before = length
        found[length, code] = byte
        code += 1
    return found


def _unpacked(data: bytes) -> bytes:
    codes, found, code, length = _codes(), bytearray(), 0, 0
    for byte in data:
        for place in range(7, -1, -1):
            code, length = code << 1 | byte >> place & 1, length + 1
            if (length, code) in codes:
                found.append(codes[length, code])
                code = length = 0
    return bytes(found)  # what is left over is padding
