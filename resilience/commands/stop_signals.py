"""SIGTERM and SIGHUP end a command as Ctrl-C does: what it began is taken back first.

An evicted Pod gets SIGTERM, and a closed terminal sends SIGHUP. By default both end the process
where it stands: files without a marker stay in the store, a helper Pod in the cluster, and an
application that a hook froze stays frozen. A second signal ends the process at once. `run` and
`watch` answer signals by themselves (`harness.signals`).
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOPS = (signal.SIGTERM, signal.SIGHUP)


class Stopped(KeyboardInterrupt):
    """Code that cleans up after Ctrl-C does the same for these."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.code = 128 + number


@contextmanager
def stops() -> Iterator[None]:
    """While the block runs, the first of these signals raises `Stopped` in the main thread. One
    that is ignored (`nohup`) or answered already stays so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    taken = [each for each in STOPS if signal.getsignal(each) == signal.SIG_DFL]
    for each in taken:
        signal.signal(each, _stop)
    try:
        yield
    finally:
        for each in taken:
            signal.signal(each, signal.SIG_DFL)


def _stop(number: int, frame: FrameType | None) -> None:
    for each in STOPS:
        if signal.getsignal(each) == _stop:
            signal.signal(each, signal.SIG_DFL)
    raise Stopped(number)
