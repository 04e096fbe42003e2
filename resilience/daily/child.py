"""One run: a pytest of its own. `stop` ends it and `run` waits until its undo is done."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence

from resilience.daily.loop import Flag


class Child:
    """Runs at most one child at a time. `words` are pytest's arguments before the file."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = list(words)
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = Flag()

    def run(self, file: str) -> int:
        """Its exit code, once it has ended; of a signal 128 and its number."""
        if self._stopped.is_set():
            return 128 + signal.SIGTERM
        command = [sys.executable, "-m", "pytest", *self._words, file]
        # A group of its own: Ctrl-C reaches it through `stop` alone, and once.
        self._process = subprocess.Popen(command, start_new_session=True)
        if self._stopped.is_set():  # the signal came while it was started
            self._process.terminate()
        code = self._process.wait()
        return code if code >= 0 else 128 - code

    def stop(self) -> None:
        """End what runs, after its undo, and start nothing more. Called by a signal handler, on the
        thread that waits."""
        self._stopped.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
