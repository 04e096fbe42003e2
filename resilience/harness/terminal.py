"""Printing past pytest's capture, from any thread and from signal handlers.

Capture is off for as long as anything prints: the moving line of a run keeps it off for the whole
run, and a line that is printed meanwhile must not switch it on again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from resilience.model.masks import shown


class Terminal:
    """One per session. Prints nothing where pytest has no terminal reporter (xdist's workers)."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._lock = threading.RLock()  # a signal may interrupt the very thread that prints
        self._users = 0
        self._capture: Any = None

    @property
    def reporter(self) -> Any:
        """pytest's, or None."""
        return self._config.pluginmanager.getplugin("terminalreporter")

    @contextmanager
    def uncaptured(self) -> Iterator[None]:
        """Output of the block reaches the terminal."""
        self._enter()
        try:
            yield
        finally:
            self._leave()

    def write(self, lines: Sequence[str]) -> None:
        """Print complete lines, beginning on a new line."""
        reporter = self.reporter
        if reporter is None:
            return
        # A closed terminal must not end the run that is undoing its changes.
        with suppress(OSError), self.uncaptured(), self._lock:
            reporter.ensure_newline()
            for line in lines:
                reporter.write_line(shown(line))

    def _enter(self) -> None:
        with self._lock:
            self._users += 1
            manager: Any = self._config.pluginmanager.getplugin("capturemanager")
            if self._users == 1 and manager is not None:
                self._capture = manager.global_and_fixture_disabled()
                self._capture.__enter__()

    def _leave(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0 and self._capture is not None:
                capture, self._capture = self._capture, None
                capture.__exit__(None, None, None)
