"""Reads the tarball of all objects safely, as a stream.

It accepts what any Velero wrote and refuses what no tarball of objects contains: links, absolute
paths, `..`, entries over a limit. Only one object and one block are in memory at a time.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from resilience.backup.format.archive import (
    BLOCK,
    FORMAT_VERSION,
    VERSION_ENTRY,
    Address,
    header,
    headers,
    padded,
)
from resilience.backup.format.errors import BadArchive
from resilience.backup.format.pipe import ahead
from resilience.kube.path_segments import is_segment

LARGEST_OBJECT = 16 << 20
"""Maximum size of one object. No API server stores a larger one: etcd's own limit is 1.5 MiB, and
the API server accepts no request body over 3 MiB. A header that claims one is damaged or
hostile."""

_ZEROS = bytes(BLOCK)

_PASSED_ON = 1 << 19
"""Bytes of a block that the inflating thread hands over."""

_LONGEST_HEADER = 1 << 20
"""Maximum size of an extended header, which holds a path and times."""

_LONGEST_PATH = 1024
"""Group, version, namespace and name have at most 253 + 63 + 63 + 253 characters."""

_FREE, _MOST_TIMES = 1 << 30, 200
"""Limit on what gzip may expand to: this many bytes, and this many times the bytes read. Objects
typically compress to 1/10, lists of equal objects to 1/100; deflate allows at most 1/1000."""


@dataclass(frozen=True, slots=True)
class ArchiveEntry:
    """One file of an archive."""

    path: str
    body: bytes


def entries(chunks: Iterable[bytes]) -> Iterator[ArchiveEntry]:
    """The files of a gzipped tar, in order; concatenated gzip members are one stream."""
    return _Reader(inflate(chunks)).entries()


def inflate(chunks: Iterable[bytes], *, most: int = 0) -> Iterator[bytes]:
    """Gunzip, bounded: at most 1 MiB is produced at a time whatever a chunk expands to, and in
    all no more than `most` bytes (0: what an archive of that size can plausibly hold)."""
    member = zlib.decompressobj(31)
    consumed = produced = 0
    try:
        for chunk in _cut(chunks):
            consumed += len(chunk)
            while chunk:
                if member.eof:
                    member = zlib.decompressobj(31)
                block = member.decompress(chunk, 1 << 20)
                produced += len(block)
                if produced > (most or _FREE + _MOST_TIMES * consumed):
                    raise BadArchive(f"it expands to more than {produced - 1} bytes; refused")
                yield block
                chunk = member.unconsumed_tail or member.unused_data
        if consumed:
            yield member.flush()
    except zlib.error as problem:
        raise BadArchive(f"the archive is not intact gzip: {problem}") from problem
    if not member.eof:
        raise BadArchive("the archive ends in the middle of its gzip stream")


def begun_here(chunks: Iterable[bytes]) -> bool:
    """Whether `Writer` began an archive: no other program gives its first entry exactly these
    bytes."""
    body = FORMAT_VERSION.encode() + b"\n"
    try:
        first = next((block for block in inflate(chunks) if block), b"")
    except BadArchive:
        return False
    return first.startswith(header(VERSION_ENTRY, len(body)) + body)


def _cut(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Read in small pieces: the rest of a piece is copied for each gzip member that ends in it."""
    for chunk in chunks:
        for at in range(0, len(chunk), 1 << 14):
            yield chunk[at : at + (1 << 14)]


def _joined(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in fewer blocks, after the first: passing one on between threads costs as
    much as comparing twenty objects."""
    yield from islice(blocks, 1)
    waiting, size = list[bytes](), 0
    for block in blocks:
        waiting.append(block)
        size += len(block)
        if size >= _PASSED_ON:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)


class Exact:
    """Reads an archive of this program and compares it, byte by byte, with what must be in it.

    The same objects give the same bytes, so nothing has to be parsed: each step computes what one
    object must look like and compares. It is four times as fast as `entries`, and stricter.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._reader = _Reader(ahead(_joined(inflate(chunks)), depth=2))

    def begins(self) -> bool:
        """The version entry."""
        body = FORMAT_VERSION.encode() + b"\n"
        wanted = padded(header(VERSION_ENTRY, len(body)) + body)
        return self._reader.take(len(wanted)) == wanted

    def body(self, address: Address, size: int) -> bytes | None:
        """The JSON of the next object if it has that address and size and both copies are equal,
        else None."""
        if size > LARGEST_OBJECT:
            return None
        plain, preferred = headers(address, size)
        padding = _ZEROS[: -size % BLOCK]
        first = len(plain)
        between = padding + preferred
        second = first + size + len(between)
        both, at = self._reader.ahead(second + size + len(padding))
        body = both[at + first : at + first + size]
        same = (
            both.startswith(plain, at)
            and both.startswith(between, at + first + size)
            and both.startswith(body + padding, at + second)
        )
        return body if same else None

    def ends(self) -> bool:
        """The end marker, and nothing after it."""
        return self._reader.take(2 * BLOCK) == bytes(2 * BLOCK) and not self._reader.take(1)


class _Reader:
    """Cuts a stream of tar bytes into entries."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._buffer = b""
        self._at = 0

    def entries(self) -> Iterator[ArchiveEntry]:
        long_name = ""
        while (head := self.take(BLOCK)) and head.count(0) != BLOCK:
            path, size, kind = _parsed(head)
            if kind in b"xgLK":
                body = self._body(size, "extended header", _LONGEST_HEADER)
                long_name = _long_name(kind, body) or long_name
                continue
            path, long_name = _safe(long_name or path), ""
            if kind == b"5":
                continue
            if kind not in (b"0", b"\0"):
                raise BadArchive(f"entry {path!r} has type {kind!r}; only plain files are objects")
            yield ArchiveEntry(path, self._body(size, path))
        if not head:
            raise BadArchive("the archive ends without its end marker")
        rest = len(self._buffer) - self._at
        for block in self._blocks:  # so that the gzip checksum at the end is read and checked
            rest += len(block)
            if rest > _LONGEST_HEADER:  # tar pads to records of 10 KiB
                raise BadArchive("the archive continues after its end marker")

    def _body(self, size: int, what: str, most: int = LARGEST_OBJECT) -> bytes:
        if size > most:
            raise BadArchive(f"{what}: {size} bytes; expected at most {most}")
        body = self.take(size)
        if len(body) < size:
            raise BadArchive(f"the archive ends in the middle of {what}")
        self.take(-size % BLOCK)
        return body

    def take(self, size: int) -> bytes:
        """The next bytes; fewer at the end."""
        whole, at = self.ahead(size)
        return whole[at : at + size]

    def ahead(self, size: int) -> tuple[bytes, int]:
        """Bytes that hold the next ones, and where these begin: without a copy of them. They are
        fewer at the end."""
        end = self._at + size
        if end > len(self._buffer):
            parts, have = [self._buffer[self._at :]], len(self._buffer) - self._at
            while have < size and (block := next(self._blocks, None)) is not None:
                parts.append(block)
                have += len(block)
            self._buffer, self._at, end = b"".join(parts), 0, size
        at, self._at = self._at, end
        return self._buffer, at


def _parsed(head: bytes) -> tuple[str, int, bytes]:
    claimed, size = _octal(head[148:156]), _octal(head[124:136])
    if len(head) < BLOCK or sum(head) - sum(head[148:156]) + 8 * 32 != claimed:
        raise BadArchive("a tar header is damaged")
    name = head[:100].split(b"\0", 1)[0]
    if head[257:263] == b"ustar\0" and head[345]:
        name = head[345:500].split(b"\0", 1)[0] + b"/" + name
    return name.decode("utf-8", "surrogateescape"), size, head[156:157]


def _octal(field: bytes) -> int:
    """A number of a header. `int` would accept signs and underscores: with a negative size the
    reader would go back, and never end."""
    digits = field.strip(b" \0") or b"0"
    if digits.translate(None, b"01234567"):
        raise BadArchive("a tar header is damaged")
    return int(digits, 8)


def _long_name(kind: bytes, body: bytes) -> str:
    if kind == b"L":
        return body.rstrip(b"\0").decode("utf-8", "surrogateescape")
    if kind != b"x":
        return ""
    at = 0
    while at < len(body):
        length, space, _ = body[at : at + 9].partition(b" ")
        if not (space and length.isdigit() and int(length)):
            raise BadArchive("an extended tar header is damaged")
        record = body[at : at + int(length)].rstrip(b"\n").partition(b" ")[2]
        if record.startswith(b"path="):
            return record[5:].decode("utf-8", "surrogateescape")
        at += int(length)
    return ""


def _safe(path: str) -> str:
    if len(path) > _LONGEST_PATH:
        raise BadArchive(
            f"entry {path[:60]!r}...: a path of {len(path)} characters; expected at most "
            f"{_LONGEST_PATH}, more than the names of an object can have"
        )
    parts = path.removesuffix("/").removeprefix("./").split("/")
    named = path.isprintable() or ("".join(parts[:-1]).isprintable() and is_segment(parts[-1]))
    if not named or any(part in ("", ".", "..") for part in parts):
        raise BadArchive(f"entry {path!r}: an archive of objects has no such path")
    return "/".join(parts)
