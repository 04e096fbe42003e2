"""The ledger's own memory: each write in a file before it is sent, and its result.

One process writes it, so there is one clock. The file is evidence for people (JSON lines) and
outlives a kill -9 of this process; it needs no fsync, since it does not have to outlive the
machine. A write that cannot be recorded is not sent.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from resilience.ledger.records import Fate, Read, Write


class NotWritten(Exception):
    """The file cannot take another line (for instance because the disk is full); the text says
    which file, and why."""


class History:
    """Writes and reads in order; safe to use from several threads."""

    def __init__(self, path: Path, facts: dict[str, Any]) -> None:
        self.path = path
        self._lock = Lock()
        self._writes: list[Write] = []
        self._reads: list[Read] = []
        self.acknowledged = 0
        self.streak = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        self._line(facts)

    @property
    def writes(self) -> Sequence[Write]:
        """A copy of all entries so far."""
        with self._lock:
            return list(self._writes)

    @property
    def reads(self) -> Sequence[Read]:
        """A copy of all entries so far."""
        with self._lock:
            return list(self._reads)

    def plan(self, write: Write) -> None:
        """Record a write that is due. Raises NotWritten if the record could not be written; the
        write is then not sent."""
        with self._lock:
            self._line({"write": write.key, "at": write.intended})
            self._writes.append(write)

    def sending(self, write: Write, at: float) -> None:
        """It leaves now."""
        with self._lock:
            write.invoked = at
            self._line({"sending": write.key, "at": at})

    def ended(self, write: Write, at: float, fate: Fate, by: str = "", why: str = "") -> None:
        """Record the result of a write. The answer is kept even if the line does not fit into the
        file."""
        with self._lock:
            write.ended, write.fate, write.by, write.why = at, fate, by, why
            good = fate is Fate.ACKNOWLEDGED
            self.acknowledged += good
            self.streak = self.streak + 1 if good else 0
            self._line({"write": write.key, "at": at, "became": fate.value, "by": by, "why": why})

    def read(self, read: Read) -> None:
        """Record a read that was answered."""
        with self._lock:
            self._reads.append(read)
            count = len(read.found.values)
            self._line({"read": "all" if read.asked is None else sorted(read.asked),
                        "at": read.begun, "found": count, "final": read.final})  # fmt: skip

    def note(self, facts: dict[str, Any]) -> None:
        """Add a line for people."""
        with self._lock:
            self._line(facts)

    def close(self, *, keep: bool) -> None:
        """Close the file; `keep` it as evidence or delete it."""
        with self._lock:
            if self._file < 0:
                return
            os.close(self._file)
            self._file = -1
            if not keep:
                self.path.unlink(missing_ok=True)

    def _line(self, facts: dict[str, Any]) -> None:
        text = json.dumps(facts, separators=(",", ":")).encode() + b"\n"
        try:
            written = os.write(self._file, text)
        except OSError as error:
            raise NotWritten(f"the ledger's file {self.path} cannot be written: "
                             f"{error.strerror}") from error  # fmt: skip
        if written != len(text):
            raise NotWritten(f"the ledger's file {self.path} cannot be written: it is full")
