"""One prober process: started, read, stopped. It ends with this process, because its stdin closes
then.

A thread of its own writes the samples to a `SampleLog`. If it ends early, `trouble` says why.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Thread
from typing import Any

from resilience.probes.prober.news import News, Part
from resilience.probes.prober.samples import SampleLog

AGENT = Path(__file__).parents[1] / "agent" / "start.py"

STOP_GRACE = 2.0
"""Seconds beyond a request's timeout after which a prober that does not stop is killed."""


class AgentProcess:
    """A running prober. `changed` is called, from the reading thread, after each piece of news."""

    parts: Sequence[Part] = ()

    def __init__(
        self, configuration: Mapping[str, Any], log: SampleLog, changed: Callable[[], None]
    ) -> None:
        self.trouble, self.where = "", ""
        self.waiting = ""
        self._news = News(log)
        self._grace = configuration.get("timeout", 1.0) + STOP_GRACE
        self._changed = changed
        self._stopping = bool(configuration.get("limit"))  # it stops by itself
        # -I and -S: ignore the environment and site-packages; saves 10 ms and 4 MB.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(AGENT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # Linux groups processes by session (sched_autogroup): alone in its own session, the
            # prober gets a processor at once next to any number of busy processes, without
            # privileges. It still ends with this process, because its stdin closes.
            start_new_session=True,
        )
        self._reader = Thread(target=self._read, daemon=True, name="resilience-probe")
        self._reader.start()
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(configuration).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it has already ended, which the reader reports

    @property
    def pid(self) -> int:
        """The process id of the prober."""
        return self._process.pid

    @property
    def reasons(self) -> Sequence[tuple[str, str]]:
        """Why requests failed: (answer, text), each once."""
        return self._news.reasons

    @property
    def cost(self) -> Mapping[str, Any]:
        """The prober's resource usage, once it has ended."""
        return self._news.cost

    def wait(self, seconds: float) -> bool:
        """Whether it has ended within that time."""
        self._reader.join(seconds)
        return not self._reader.is_alive()

    def stop(self) -> None:
        """Plan no further request; collect those in flight. Idempotent."""
        self._stopping = True
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass
        self._reader.join(self._grace)
        if self._reader.is_alive():
            self.trouble = self.trouble or "the prober did not stop when told to and was killed"
            self._process.kill()
        self._reader.join()

    def _read(self) -> None:
        process = self._process
        assert process.stdout is not None
        assert process.stderr is not None
        with process.stdout as lines, process.stderr as errors:
            for line in lines:
                self._take(line)
            said = errors.read().decode("utf-8", "replace").strip()
        code = process.wait()
        if not self._news.ended and not self.trouble:
            self.trouble = _death(code, said, self._stopping)
        self._changed()

    def _take(self, line: bytes) -> None:
        self._news.take(line)
        if self._news.ended and not self._stopping:
            self.trouble = f"someone else stopped the prober at {_now()}"
        self._changed()


def _death(code: int, said: str, stopping: bool) -> str:
    how = f"was killed by signal {-code}" if code < 0 else f"ended with exit status {code}"
    last = f": {said.splitlines()[-1]}" if said else ""
    return f"the prober {how}{' while stopping' if stopping else f' at {_now()}'}{last}"


def _now() -> str:
    return time.strftime("%H:%M:%S")
