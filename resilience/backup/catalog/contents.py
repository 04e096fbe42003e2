"""The objects of one snapshot: first their list, then each object checked against it.

For a snapshot of this program the list is the sealed one, for a snapshot of Velero's a first
reading of its archive gives it. The list is kept in a local file, so every later reading is checked
against the verified list: a store that returns other bytes the next time is refused at the first
object that differs, before that object is passed on. Each object is passed on once; the reading
ends with all objects or with an error.
"""

from __future__ import annotations

import hashlib
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack

from resilience.backup.format.archive import Address
from resilience.backup.format.archive_reader import Exact
from resilience.backup.format.errors import BadArchive, Tampered
from resilience.backup.format.manifest import ObjectLine
from resilience.backup.format.object_index import Lines
from resilience.backup.format.velero import PLAIN, Found, objects_in

MOST_OBJECTS = 1_000_000
"""Maximum number of objects. No cluster has this many, but a hostile archive of empty entries
could."""

Archive = Callable[[], Iterable[bytes]]


class Contents:
    """`archive` opens the tarball again for each reading. `exact`: this program wrote it, so its
    bytes follow from the list, and both copies of each object are compared with it. `size`: the
    number of objects and their bytes, as the manifest has it or as they were counted."""

    def __init__(
        self,
        name: str,
        lines: Lines,
        archive: Archive,
        *,
        size: tuple[int, int],
        exact: bool = False,
    ) -> None:
        self._name, self._lines, self._archive, self._exact = name, lines, archive, exact
        held = ExitStack()
        held.enter_context(lines)
        weakref.finalize(self, held.close)
        self.count, self.bytes = size

    def __iter__(self) -> Iterator[ObjectLine]:
        for number, line in enumerate(self._lines):
            _require_plausible(number)
            yield line

    @property
    def namespaces(self) -> frozenset[str]:
        """Namespaces that contain objects, and Namespace objects."""
        return frozenset(filter(None, (namespace_of(line.address) for line in self)))

    def objects(self) -> Iterator[Found]:
        """The second element of each of `pairs`."""
        return (found for _, found in self.pairs())

    def pairs(self) -> Iterator[tuple[ObjectLine, Found]]:
        """Each line of the list and its object, in order; `Tampered` before an object that
        differs is passed on, and at the end when one is missing."""
        return self._compared() if self._exact else self._found()

    def _compared(self) -> Iterator[tuple[ObjectLine, Found]]:
        archive = Exact(self._archive())
        if not archive.begins():
            raise Tampered(f"snapshot {self._name}: its archive is not the one that was verified")
        for done, line in enumerate(self):
            body = archive.body(line.address, line.size)
            if body is None or _hash(body) != line.sha256:
                raise Tampered(
                    f"snapshot {self._name}: object {line.address.plain} is missing, or not the "
                    f"one that was verified; the archive gave {done} of {self.count} objects before"
                )
            yield line, Found(line.address, body, PLAIN)
        if not archive.ends():
            raise Tampered(f"snapshot {self._name}: its archive holds more than was verified")

    def _found(self) -> Iterator[tuple[ObjectLine, Found]]:
        expected, done = iter(self), 0
        line = next(expected, None)
        for found in objects_in(self._archive()):
            if line is None or _place(found.address) != _place(line.address):
                continue  # the second copy of an object that was passed on
            if len(found.body) != line.size or _hash(found.body) != line.sha256:
                raise Tampered(
                    f"snapshot {self._name}: object {found.address.plain} is not the one that was "
                    "verified; the store returned different bytes than before"
                )
            yield line, found
            line, done = next(expected, None), done + 1
        if line is not None:
            raise Tampered(
                f"snapshot {self._name}: object {line.address.plain} is missing from the archive, "
                f"which gave {done} of {self.count} objects"
            )


def namespace_of(address: Address) -> str:
    """The namespace of an object, its own name for a Namespace; "" for cluster-scoped objects."""
    return address.name if address.resource == "namespaces" else address.namespace


def sealed(
    name: str, chunks: Iterable[bytes], archive: Archive, *, size: tuple[int, int]
) -> Contents:
    """The contents according to a verified list, whose bytes are kept. They are parsed by each
    reading, and only then."""
    kept = Lines()
    try:
        for chunk in chunks:
            kept.copied(chunk)
    except BaseException:
        kept.close()
        raise
    return Contents(name, kept, archive, size=size, exact=True)


def scanned(name: str, archive: Archive) -> Contents:
    """The contents from a first reading; `BadArchive` for two different copies of one object."""
    lines = _kept(_scan(archive()))
    return Contents(name, lines, archive, size=(lines.count, lines.bytes))


def _kept(lines: Iterable[ObjectLine]) -> Lines:
    kept = Lines()
    try:
        for line in lines:
            kept.add(line)
            _require_plausible(kept.count)
    except BaseException:
        kept.close()
        raise
    kept.finish()
    return kept


def _require_plausible(count: int) -> None:
    if count > MOST_OBJECTS:
        raise BadArchive(f"more than {MOST_OBJECTS} objects; refused")


def _scan(chunks: Iterable[bytes]) -> Iterator[ObjectLine]:
    """Only two numbers are kept in memory for each object."""
    seen: dict[int, int] = {}
    for found in objects_in(chunks):
        key, content = _short("\0".join(_place(found.address)).encode()), _short(found.body)
        if key not in seen:
            seen[key] = content
            yield _line(found)
        elif seen[key] != content:
            raise BadArchive(f"{found.address.plain}: the archive holds two different copies of it")


def _line(found: Found) -> ObjectLine:
    obj = found.parsed()
    metadata = obj["metadata"]
    return ObjectLine(
        found.address,
        obj["apiVersion"],
        obj["kind"],
        len(found.body),
        _hash(found.body),
        metadata.get("uid") or "",
        metadata.get("resourceVersion") or "",
        tuple(owner["uid"] for owner in metadata.get("ownerReferences") or ()),
    )


def _place(address: Address) -> tuple[str, str, str]:
    resource, _, where, name = address
    return resource, where, name


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _short(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")
