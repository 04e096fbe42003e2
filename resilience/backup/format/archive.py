"""Writes the tarball of all objects deterministically and reads it safely, both as streams.

The same objects in the same order give the same bytes: fixed times, owners and modes, compact JSON
with sorted keys. Each object is written twice, as Velero since 1.4 does: the plain copy that a
default restore reads, and the `V-preferredversion` copy for EnableAPIGroupVersions. Modes are 0755,
because Velero's extractor gives a directory the mode of the first file in it.

The reader accepts what any Velero wrote and refuses what no tarball of objects contains: links,
absolute paths, `..`, entries over a limit. Only one object and one block are in memory at a time.
"""

from __future__ import annotations

import json
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from resilience.backup.format.errors import BadArchive
from resilience.backup.format.pipe import ahead

FORMAT_VERSION = "1.1.0"
VERSION_ENTRY = "metadata/version"
LARGEST_OBJECT = 16 << 20
"""Maximum size of one object. No API server stores a larger one: etcd's own limit is 1.5 MiB, and
the API server accepts no request body over 3 MiB. A header that claims one is damaged or
hostile."""

_LONGEST_HEADER = 1 << 20
"""Maximum size of an extended header, which holds a path and times."""

_FREE, _MOST_TIMES = 1 << 30, 200
"""Limit on what gzip may expand to: this many bytes, and this many times the bytes read. Objects
typically compress to 1/10, lists of equal objects to 1/100; deflate allows at most 1/1000."""

_LEVEL = 3
"""The highest of deflate's fast levels: a third faster than level 4, for a few percent more
size."""

_BLOCK = 512
_FLUSH = 1 << 18
"""Block size in bytes: large enough to be compressed for a while without the interpreter's lock,
small compared with a page of objects."""
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, sort_keys=True).encode


def encode(value: Any) -> bytes:
    """Canonical JSON: compact, keys sorted, UTF-8. Lone surrogates, which JSON text can contain,
    are escaped, so that every string is restored as the server sent it."""
    text = _encode(value)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


class Address(NamedTuple):
    """The location of an object in an archive. `resource` is `deployments.apps`, `pods`."""

    resource: str
    version: str
    namespace: str
    name: str

    @property
    def paths(self) -> tuple[str, str]:
        """The copy that every Velero reads, and the one below its version's directory."""
        resource, version, namespace, name = self
        tail = f"namespaces/{namespace}/{name}.json" if namespace else f"cluster/{name}.json"
        return (
            f"resources/{resource}/{tail}",
            f"resources/{resource}/{version}-preferredversion/{tail}",
        )

    @property
    def plain(self) -> str:
        """The first of `paths`."""
        return self.paths[0]

    @property
    def preferred(self) -> str:
        """The second of `paths`."""
        return self.paths[1]


def checked(address: Address) -> Address:
    """The address, if it can be part of a URL of the API (k8s.io/apimachinery, path/name.go).
    Otherwise a ValueError: a name with `/` in it would address a different object."""
    whole = "".join(address)
    if "/" in whole or not whole.isprintable() or not _DOTS.isdisjoint(address):
        wrong = next(part for part in address if part in _DOTS or _unnameable(part))
        raise ValueError(f"{wrong!r} is not a name of the API")
    if not (address.resource and address.name):
        raise ValueError("an object without a kind or a name")
    return address


_DOTS = frozenset({".", ".."})


def _unnameable(part: str) -> bool:
    return "/" in part or not part.isprintable()


class _Deflate(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


class Compressor:
    """Gzip without a time in its header, by the fastest library there is. Pass `add` to a `Stage`:
    it runs without the interpreter lock."""

    def __init__(self, sink: Callable[[bytes], object]) -> None:
        self._sink = sink
        self._deflate = _deflate()

    def add(self, raw: bytes) -> None:
        """Compress one block."""
        if block := self._deflate.compress(raw):
            self._sink(block)

    def close(self) -> None:
        """The end of the stream."""
        self._sink(self._deflate.flush())


def _deflate() -> _Deflate:
    """ISA-L (the extra `fast`) takes a fifth of zlib's time for a few percent less size. What it
    writes is read back by zlib."""
    try:
        from isal import isal_zlib
    except ImportError:
        return zlib.compressobj(_LEVEL, zlib.DEFLATED, 31)
    fast: _Deflate = isal_zlib.compressobj(1, isal_zlib.DEFLATED, 31)
    return fast


class Writer:
    """Turns objects into blocks of tar for `sink`."""

    def __init__(self, sink: Callable[[bytes], object]) -> None:
        self._sink = sink
        self._waiting: list[bytes] = []
        self._size = 0
        version = FORMAT_VERSION.encode() + b"\n"
        self._waiting.append(_padded(header(VERSION_ENTRY, len(version)) + version))

    def add(self, address: Address, body: bytes) -> None:
        """Append one object, with both copies next to each other, so that the second compresses to
        almost nothing."""
        size = len(body)
        plain, preferred = headers(address, size)
        padded = body + bytes(-size % _BLOCK)
        self._waiting += (plain, padded, preferred, padded)
        self._size += 2 * (size + _BLOCK)
        if self._size >= _FLUSH:
            self._flush()

    def close(self) -> None:
        """The two zero blocks that end a tar."""
        self._waiting.append(bytes(2 * _BLOCK))
        self._flush()

    def _flush(self) -> None:
        self._sink(b"".join(self._waiting))
        self._waiting, self._size = [], 0


_FIELDS = b"0000755\0" + b"0000000\0" * 2
_USTAR = b"0" + bytes(100) + b"ustar\x0000" + bytes(64) + b"0000000\0" * 2 + bytes(167)
_SIZED = _FIELDS + b"%011o\x0000000000000\0"
_SUMMED = b"%06o\0 " + _USTAR
_REST = sum(_USTAR) + 8 * ord(" ")
"""The constant part of each checksum; its own field counts as spaces."""


def header(path: str, size: int) -> bytes:
    """One ustar header; a path over 100 bytes gets a PAX header before it.

    `tarfile` takes 30 microseconds for each, which would be half the time of a snapshot.
    """
    name = path.encode()
    if len(name) > 100 or not path.isascii():
        info = tarfile.TarInfo(path)
        info.size, info.mode = size, 0o755
        return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")
    return _short_header(name, _SIZED % size)


def headers(address: Address, size: int) -> tuple[bytes, bytes]:
    """Of both copies of an object."""
    plain, preferred = address.paths
    if len(preferred) > 100 or not preferred.isascii():
        return header(plain, size), header(preferred, size)
    sized = _SIZED % size
    return _short_header(plain.encode(), sized), _short_header(preferred.encode(), sized)


def _short_header(name: bytes, sized: bytes) -> bytes:
    front = name.ljust(100, b"\0") + sized
    # Its low half is 1 plus the sum of so few ASCII bytes, and it is made in C.
    checksum = (zlib.adler32(front) & 0xFFFF) - 1 + _REST
    return front + _SUMMED % checksum


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


class Exact:
    """Reads an archive of this program and compares it, byte by byte, with what must be in it.

    The same objects give the same bytes, so nothing has to be parsed: each step computes what one
    object must look like and compares. It is four times as fast as `entries`, and stricter.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._reader = _Reader(ahead(inflate(chunks), depth=2))

    def begins(self) -> bool:
        """The version entry."""
        body = FORMAT_VERSION.encode() + b"\n"
        wanted = _padded(header(VERSION_ENTRY, len(body)) + body)
        return self._reader.take(len(wanted)) == wanted

    def body(self, address: Address, size: int) -> bytes | None:
        """The JSON of the next object if it has that address and size and both copies are equal,
        else None."""
        if size > LARGEST_OBJECT:
            return None
        plain, preferred = headers(address, size)
        padded = size + -size % _BLOCK
        first = self._reader.take(len(plain) + padded)
        second = self._reader.take(len(preferred) + padded)
        content = first[len(plain) :]
        if not (first.startswith(plain) and second.startswith(preferred)):
            return None
        if content != second[len(preferred) :] or content.count(0, size) != padded - size:
            return None
        return content[:size]

    def ends(self) -> bool:
        """The end marker, and nothing after it."""
        return self._reader.take(2 * _BLOCK) == bytes(2 * _BLOCK) and not self._reader.take(1)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % _BLOCK)


class _Reader:
    """Cuts a stream of tar bytes into entries."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._buffer = b""
        self._at = 0

    def entries(self) -> Iterator[ArchiveEntry]:
        long_name = ""
        while (head := self.take(_BLOCK)) and head.count(0) != _BLOCK:
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
        self.take(-size % _BLOCK)
        return body

    def take(self, size: int) -> bytes:
        """The next bytes; fewer at the end."""
        end = self._at + size
        if end > len(self._buffer):
            parts, have = [self._buffer[self._at :]], len(self._buffer) - self._at
            while have < size and (block := next(self._blocks, None)) is not None:
                parts.append(block)
                have += len(block)
            self._buffer, self._at, end = b"".join(parts), 0, size
        taken = self._buffer[self._at : end]
        self._at = end
        return taken


def _parsed(head: bytes) -> tuple[str, int, bytes]:
    claimed, size = _octal(head[148:156]), _octal(head[124:136])
    if len(head) < _BLOCK or sum(head) - sum(head[148:156]) + 8 * 32 != claimed:
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
    parts = path.removesuffix("/").removeprefix("./").split("/")
    if not path.isprintable() or any(part in ("", ".", "..") for part in parts):
        raise BadArchive(f"entry {path!r}: an archive of objects has no such path")
    return "/".join(parts)
