"""Lines of one container instance as the kubelet gives them, each once, even if the connection
breaks.

The kubelet's `sinceTime` counts whole seconds, so a stream that is opened again repeats lines; a
line is known by its stamp and text. Two equal lines within one stamp count as one. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

LONGEST = 16 << 10
"""Maximum number of bytes of a line; the kubelet itself splits lines at this length."""

_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d) ?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """`at` is seconds since the epoch by the node's clock."""

    at: float
    text: str


class Lines:
    """Finds the new lines of a stream with timestamps. `count` lines have been seen; `since` is the
    argument to continue with, "" at the beginning."""

    def __init__(self) -> None:
        self.count = 0
        self.since = ""
        self._second = b""
        self._known: set[bytes] = set()

    def repeats(self, raw: bytes) -> bool | None:
        """Whether a line is one of the last known ones; None if it is not a line. A stream that
        continues from `since` begins with a known line, unless the log file has been rotated
        away."""
        raw = raw[:LONGEST]
        found = _STAMP.match(raw)
        if found is None:
            return None
        return found[1] + found[3] < self._second or raw in self._known

    def take(self, raw: bytes) -> Line | None:
        """The next line; None if it is known, or has no stamp (a message of the API server's)."""
        raw = raw[:LONGEST]
        found = _STAMP.match(raw)
        if found is None:
            return None
        second = found[1] + found[3]
        if second != self._second and second < self._second:
            return None
        if second != self._second:
            self._second, self._known = second, set()
            self.since = second.decode()
        if raw in self._known:
            return None
        self._known.add(raw)
        self.count += 1
        return Line(at=_seconds(found), text=raw[found.end() :].decode("utf-8", "replace"))


def _seconds(found: re.Match[bytes]) -> float:
    whole = datetime.fromisoformat((found[1] + found[3]).decode()).timestamp()
    return whole + float(found[2] or b"0")
