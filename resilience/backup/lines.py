"""The list of objects while a snapshot is made: gzipped lines, in memory while small, else spooled.

It holds names and hashes, no content: nothing secret reaches the temporary file.
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Iterator
from itertools import groupby
from types import TracebackType
from typing import Self

from resilience.backup.archive import encode
from resilience.backup.manifest import ObjectLine, object_lines

_IN_MEMORY = 4 << 20
_CHUNK = 1 << 20


class Lines:
    """Append, `finish`, then read as often as needed."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed in __exit__
        self._deflate = zlib.compressobj(4, zlib.DEFLATED, 31)
        self.count = 0
        self.bytes = 0

    def add(self, line: ObjectLine) -> None:
        """Append."""
        self._file.write(self._deflate.compress(line.encoded()))
        self.count += 1
        self.bytes += line.size

    def finish(self) -> None:
        """Nothing more is added."""
        self._file.write(self._deflate.flush())

    def chunks(self) -> Iterator[bytes]:
        """The file's bytes."""
        self._file.seek(0)
        while chunk := self._file.read(_CHUNK):
            yield chunk

    def __iter__(self) -> Iterator[ObjectLine]:
        return object_lines(self.chunks(), "being made")

    def resource_list(self) -> bytes:
        """Velero's B-resource-list.json.gz, without holding it uncompressed."""
        deflate = zlib.compressobj(6, zlib.DEFLATED, 31)
        parts, separator = [deflate.compress(b"{")], b""
        kinds = groupby(self, key=lambda line: f"{line.api_version}/{line.kind}")
        for kind, lines in kinds:
            parts.append(deflate.compress(separator + encode(kind) + b":["))
            for number, line in enumerate(lines):
                at = line.address
                name = encode(f"{at.namespace}/{at.name}" if at.namespace else at.name)
                parts.append(deflate.compress((b"," if number else b"") + name))
            parts.append(deflate.compress(b"]"))
            separator = b","
        parts += (deflate.compress(b"}"), deflate.flush())
        return b"".join(parts)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
