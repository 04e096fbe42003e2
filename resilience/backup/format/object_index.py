"""The list of objects while a snapshot is taken: gzipped lines, in memory while small, else
spooled.

It holds names and hashes, no content: nothing secret reaches the temporary file. Velero's resource
list is written in the same pass, because kinds come one after another.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from json.encoder import encode_basestring
from typing import Self

from resilience.backup.format.archive import deflate
from resilience.backup.format.manifest import ObjectLine, object_lines

_IN_MEMORY = 4 << 20
_CHUNK = 1 << 20
_BATCH = 256
"""Lines per call of the compressor: one for each line would cost more than all else together."""

_LEVEL = 1
"""The lines are mostly hashes, which do not compress."""


class Lines:
    """Append, `finish`, then read as often as needed. A copy of a finished file takes neither."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed in __exit__
        self._deflate = deflate(_LEVEL)
        self._waiting: list[bytes] = []
        self._names = _ResourceList()
        self.count = 0
        self.bytes = 0

    def add(self, line: ObjectLine) -> None:
        """Append."""
        self._waiting.append(line.encoded())
        self._names.add(line)
        self.count += 1
        self.bytes += line.size
        if len(self._waiting) == _BATCH:
            self._flush()

    def copied(self, chunk: bytes) -> None:
        """Append bytes of a file that was written by this class, as they are and uncounted."""
        self._file.write(chunk)

    def _flush(self) -> None:
        self._file.write(self._deflate.compress(b"".join(self._waiting)))
        self._waiting.clear()

    def finish(self) -> None:
        """Nothing more is added."""
        self._flush()
        self._file.write(self._deflate.flush())

    def chunks(self) -> Iterator[bytes]:
        """The file's bytes."""
        self._file.seek(0)
        while chunk := self._file.read(_CHUNK):
            yield chunk

    def __iter__(self) -> Iterator[ObjectLine]:
        return object_lines(self.chunks(), "being made")

    def resource_list(self) -> bytes:
        """Velero's B-resource-list.json.gz: names by kind."""
        return self._names.finish()

    def close(self) -> None:
        """Release the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _ResourceList:
    """`{"v1/Pod":["shop/web-0"],...}`, compressed while it grows. Kinds arrive in runs."""

    def __init__(self) -> None:
        self._deflate = deflate(_LEVEL)
        self._parts: list[bytes] = []
        self._waiting: list[str] = []
        self._kind = ""

    def add(self, line: ObjectLine) -> None:
        kind = f"{line.api_version}/{line.kind}"
        if kind != self._kind:
            self._waiting.append(f"{'],' if self._kind else '{'}{encode_basestring(kind)}:[")
            self._kind = kind
        else:
            self._waiting.append(",")
        at = line.address
        name = f"{at.namespace}/{at.name}" if at.namespace else at.name
        self._waiting.append(encode_basestring(name))
        if len(self._waiting) >= 2 * _BATCH:
            self._flush()

    def _flush(self) -> None:
        self._parts.append(self._deflate.compress("".join(self._waiting).encode()))
        self._waiting.clear()

    def finish(self) -> bytes:
        self._waiting.append("]}" if self._kind else "{}")
        self._flush()
        return b"".join((*self._parts, self._deflate.flush()))
