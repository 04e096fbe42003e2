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
        """The exit code of the child, once it has ended; 128 plus the number for a signal."""
        if self._stopped.is_set():
            return 128 + signal.SIGTERM
        command = [sys.executable, "-m", "pytest", *self._words, file]
        # A group of its own: Ctrl-C reaches it only through `stop`, and only once.
        self._process = subprocess.Popen(command, start_new_session=True)
        if self._stopped.is_set():  # the signal arrived while the child was being started
            self._process.terminate()
        code = self._process.wait()
        return code if code >= 0 else 128 - code

    def stop(self) -> None:
        """End the current run after its undo, and start no further one. Called by a signal handler,
        on the thread that waits."""
        self._stopped.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
