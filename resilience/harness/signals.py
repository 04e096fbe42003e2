"""What Ctrl-C, SIGTERM, SIGHUP, SIGQUIT and a test's timeout do while a cluster is open.

pytest does not handle SIGTERM: an evicted Pod would die with its fault still injected. The same
applies to SIGHUP (a closed terminal, a broken ssh connection) and SIGQUIT. Here a run's engine
works on its own thread, and the main thread only waits; a signal then stops the run and never
interrupts an undo. Outside of a run these three end the session with the exit code that a shell
reports, and Ctrl-C is handled by pytest. A signal that the process ignores (`nohup`) stays ignored.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Protocol

ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""Signals that ask the process to end. Each of them triggers the undo."""


def exit_code(name: str) -> int | None:
    """Exit code after the ending signal of that name, as a shell reports it; None for others."""
    codes = {each.name: 128 + each for each in ENDING}
    return codes.get(name)


class Aborter(Protocol):
    """The part of `resilience.engine.base.abort.Aborter` that signals need."""

    def abort(self, reason: str) -> None: ...
    def press(self) -> str: ...
    @property
    def putting_back(self) -> bool: ...
    def caught(self, error: BaseException) -> None: ...


class Signals:
    """Installed for as long as a cluster is open. `tell` shows one line to the user."""

    def __init__(self, tell: Callable[[str], None], terminate: Callable[[str], None]) -> None:
        self._tell = tell
        self._terminate_now = terminate
        self._aborter: Aborter | None = None
        self._supervised = False
        self.interrupted = ""
        """Which signal asked the session to end while a run was under way, or in a worker; "" if
        none did. No run begins any more."""

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Handle the signals while the block runs, if this thread is allowed to."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        found = {number: signal.getsignal(number) for number in (signal.SIGINT, *ENDING)}
        # None: installed by code outside Python, and cannot be restored from here.
        before = {number: handler for number, handler in found.items()
                  if handler not in (signal.SIG_IGN, None)}  # fmt: skip
        self._interrupt_now = found[signal.SIGINT]
        for number in before:
            interrupts = number == signal.SIGINT
            signal.signal(number, self._on_interrupt if interrupts else self._on_ending)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def supervise(self, work: Callable[[], Any], aborter: Aborter) -> Any:
        """Run `work` on its own thread until it is done, regardless of exceptions in this
        thread."""
        results: list[Any] = []
        errors: list[BaseException] = []
        finished = threading.Event()

        def run() -> None:
            try:
                results.append(work())
            except BaseException as error:  # noqa: BLE001  raised again by the caller
                errors.append(error)
            finally:
                finished.set()

        with self.attached(aborter, supervised=True):
            threading.Thread(target=run, name="resilience-run", daemon=True).start()
            while not finished.is_set():
                _wait(finished, aborter)
        if errors:
            raise errors[0]
        return results[0]

    @contextmanager
    def attached(self, aborter: Aborter, *, supervised: bool = False) -> Iterator[None]:
        """Signals go to `aborter` for the duration of the block. Unless a run is `supervised`,
        the main thread is inside someone's test: a signal's exception must reach it as well, but
        never during an undo."""
        self._aborter, self._supervised = aborter, supervised
        try:
            if self.interrupted:  # only after the line above, so that no signal is missed
                aborter.abort(self.interrupted)
            yield
        finally:
            self._aborter, self._supervised = None, False

    def _on_interrupt(self, number: int, frame: FrameType | None) -> None:
        raises = self._must_raise()
        if self._aborter is not None:
            self.interrupted = self.interrupted or "Ctrl-C"
            self._tell(self._aborter.press())
        if raises and callable(self._interrupt_now):
            self._interrupt_now(number, frame)

    def _on_ending(self, number: int, frame: FrameType | None) -> None:
        raises, name = self._must_raise(), signal.Signals(number).name
        if self._aborter is not None:
            self.interrupted = name
            self._aborter.abort(name)
            self._tell(f"{name}: stopping; undoing what was changed")
        if raises:
            self._terminate_now(name)

    def _must_raise(self) -> bool:
        aborter = self._aborter
        return aborter is None or not (self._supervised or aborter.putting_back)


def _wait(finished: threading.Event, aborter: Aborter) -> None:
    try:
        finished.wait()
    except BaseException as error:  # noqa: BLE001  a test's timeout: told to the run, which undoes
        aborter.caught(error)
