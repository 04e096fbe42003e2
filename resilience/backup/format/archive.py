"""Writes the tarball of all objects deterministically, as a stream; `archive_reader` reads it.

The same objects in the same order give the same bytes: fixed times, owners and modes, compact JSON
with sorted keys. Each object is written twice, as Velero since 1.4 does: the plain copy that a
default restore reads, and the `V-preferredversion` copy for EnableAPIGroupVersions. Modes are 0755,
because Velero's extractor gives a directory the mode of the first file in it.
"""

from __future__ import annotations

import json
import tarfile
import zlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from resilience.kube.path_segments import is_segment

FORMAT_VERSION = "1.1.0"
VERSION_ENTRY = "metadata/version"
_LEVEL = 3
"""The highest of deflate's fast levels: a third faster than level 4, for a few percent more
size."""

BLOCK = 512
"""Bytes of a block of tar."""

_FLUSH = 1 << 18
"""Block size in bytes: large enough to be compressed for a while without the interpreter's lock,
small compared with a page of objects."""
_encode = json.JSONEncoder(
    separators=(",", ":"), ensure_ascii=False, sort_keys=True, check_circular=False
).encode


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
        for part in address:
            if part in _DOTS or _unnameable(part, whose=address):
                raise ValueError(f"{part!r} is not a name of the API")
    if not (address.resource and address.name):
        raise ValueError("an object without a kind or a name")
    return address


_DOTS = frozenset({".", ".."})


def _unnameable(part: str, *, whose: Address) -> bool:
    """A Role may have any name that fits into a path, even one with a line feed."""
    return "/" in part or not (part.isprintable() or (part == whose.name and is_segment(part)))


class Deflate(Protocol):
    """A stream of gzip that is being made."""

    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


class Compressor:
    """Gzip without a time in its header, by the fastest library there is. Pass `add` to a `Stage`:
    it runs without the interpreter lock."""

    def __init__(self, sink: Callable[[bytes], object]) -> None:
        self._sink = sink
        self._deflate = deflate(_LEVEL)

    def add(self, raw: bytes) -> None:
        """Compress one block."""
        if block := self._deflate.compress(raw):
            self._sink(block)

    def close(self) -> None:
        """The end of the stream."""
        self._sink(self._deflate.flush())


def deflate(level: int) -> Deflate:
    """Gzip without a time in its header. ISA-L (the extra `fast`) takes a fifth of zlib's time for
    a few percent less size; `level` is zlib's if it is absent. zlib reads back what either
    writes."""
    try:
        from isal import isal_zlib
    except ImportError:
        return zlib.compressobj(level, zlib.DEFLATED, 31)
    fast: Deflate = isal_zlib.compressobj(1, isal_zlib.DEFLATED, 31)
    return fast


class Writer:
    """Turns objects into blocks of tar for `sink`."""

    def __init__(self, sink: Callable[[bytes], object]) -> None:
        self._sink = sink
        self._waiting: list[bytes] = []
        self._size = 0
        version = FORMAT_VERSION.encode() + b"\n"
        self._waiting.append(padded(header(VERSION_ENTRY, len(version)) + version))

    def add(self, address: Address, body: bytes) -> None:
        """Append one object, with both copies next to each other, so that the second compresses to
        almost nothing."""
        size = len(body)
        plain, preferred = headers(address, size)
        content = padded(body)
        self._waiting += (plain, content, preferred, content)
        self._size += 2 * (size + BLOCK)
        if self._size >= _FLUSH:
            self._flush()

    def close(self) -> None:
        """The two zero blocks that end a tar."""
        self._waiting.append(bytes(2 * BLOCK))
        self._flush()

    def _flush(self) -> None:
        self._sink(b"".join(self._waiting))
        self._waiting, self._size = [], 0


_FIELDS = b"0000755\0" + b"0000000\0" * 2
_USTAR = b"0" + bytes(100) + b"ustar\x0000" + bytes(64) + b"0000000\0" * 2 + bytes(167)
_SIZED = _FIELDS + b"%011o\x0000000000000\0"
_REST = sum(_USTAR) + 8 * ord(" ") - 1
"""The constant part of each checksum; its own field counts as spaces, and adler32 begins at 1."""


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
    resource, version, namespace, name = address
    front, preferred_front, room = _folders(resource, version, namespace)
    if len(name) > room or not name.isascii():
        plain, preferred = address.paths
        return header(plain, size), header(preferred, size)
    tail, sized = b"%b.json" % name.encode(), _SIZED % size
    return _short_header(front + tail, sized), _short_header(preferred_front + tail, sized)


@lru_cache(maxsize=64)
def _folders(resource: str, version: str, namespace: str) -> tuple[bytes, bytes, int]:
    """Where both copies of each object of a kind in a namespace are, and how long its name may be
    for headers without an extension."""
    plain, preferred = Address(resource, version, namespace, "").paths
    if not preferred.isascii():
        return b"", b"", -1
    front = preferred.encode().removesuffix(b".json")
    return plain.encode().removesuffix(b".json"), front, 100 - len(preferred)


def _short_header(name: bytes, sized: bytes) -> bytes:
    front = name.ljust(100, b"\0") + sized
    # Its low half is 1 plus the sum of so few ASCII bytes, and it is made in C.
    return b"%b%06o\0 %b" % (front, (zlib.adler32(front) & 0xFFFF) + _REST, _USTAR)


def padded(data: bytes) -> bytes:
    """With zeros up to a whole block."""
    return data + bytes(-len(data) % BLOCK)
