"""The lines of the agent."""

from __future__ import annotations

import json
import os
import time
from typing import Any

BACKLOG_LIMIT = 16 << 20  # maximum unread bytes of results before the prober gives up
SEEN = 4096  # characters of a wrong body to send; the receiver masks secrets, then shortens
NOTES = 20  # different reasons that are worth telling


class Writer:
    """Writes lines of JSON to a descriptor, without ever waiting for the reader."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._left = bytearray()
        self.rows: list[Any] = []
        self._noted: set[tuple[int, str]] = set()
        self.masked: list[str] = []
        os.set_blocking(fd, False)
        self.start = 0.0

    def line(self, value: Any) -> None:
        """Queue one line and write as much as the pipe accepts."""
        self._left += json.dumps(value, separators=(",", ":")).encode() + b"\n"
        if len(self._left) > BACKLOG_LIMIT:
            raise SystemExit("nobody reads the results")
        try:
            del self._left[: os.write(self._fd, self._left)]
        except BlockingIOError:
            pass

    def note(self, answer: int, text: str) -> None:
        """Report once why an answer was not good: at most SEEN characters, and no secret."""
        if (answer, text) not in self._noted and len(self._noted) < NOTES:
            self._noted.add((answer, text))
            self.line({"note": [answer, self._shown(text)]})

    def _shown(self, text: str) -> str:
        longest = max(map(len, self.masked), default=0)
        near = text[: SEEN + longest]
        for each in self.masked:
            near = near.replace(each, "***")
        # A secret cut at the end of `near` does not match; it begins in the last characters.
        cut = len(text) > SEEN + longest
        return near[: len(near) - longest if cut else None][:SEEN]

    def flush(self) -> None:
        """Queue what has been measured since the last time."""
        if self.rows:
            rows, self.rows = self.rows, []
            at = round((time.monotonic() - self.start) * 1e6)
            self.line({"samples": rows, "at": at})

    def close(self, last: Any) -> None:
        """Write everything, waiting for the reader."""
        self.flush()
        self.line(last)
        os.set_blocking(self._fd, True)
        while self._left:
            del self._left[: os.write(self._fd, self._left)]
