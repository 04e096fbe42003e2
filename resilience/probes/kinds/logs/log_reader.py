"""Reads one container instance to its end, on a thread of its own.

A broken stream is reopened where it stopped. `whole` is true once nothing can be missing: the
stream of an instance that has ended came to its end, or `finish` read the rest of a running
instance. The kubelet shows its newest file only, and streams have been seen to fall silent when it
rotates files (kubernetes/kubernetes#115701, #59902). So a reopened stream must begin with a known
line; if it does not, the lines in between are lost.

The offset of the node's clock is only known from a line that is read as it is written. So earlier
lines of an instance are read first, with a request that ends. Those lines are never dated later
than its end, and `attached` is true only after it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Event, Lock, Thread

from resilience.cluster.errors import ClusterError, Forbidden, NotFound
from resilience.cluster.interface import Cluster
from resilience.probes.kinds.logs.log_lines import Lines

AGAIN = 0.1
"""Seconds between two tries."""

ROTATED = "its log was rotated before all of it was read"

Heard = Callable[[str, str, float], None]
"""(Pod, text, monotonic seconds) of each new line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One run of one container of one Pod, counted from 0 by its restarts."""

    uid: str
    pod: str
    namespace: str
    container: str
    number: int

    def __str__(self) -> str:
        run = f", restart {self.number}" if self.number else ""
        return f"{self.pod}/{self.container}{run}"


class Reader:
    """`present` says which run of the container the API server would show now, and whether it runs
    and may stay; None where the Pod is gone. `begun` says that it may already have written
    lines."""

    def __init__(
        self,
        instance: Instance,
        cluster: Cluster,
        heard: Heard,
        present: Callable[[], tuple[int, bool] | None],
        *,
        begun: bool = False,
    ) -> None:
        self.instance = instance
        self.whole = False
        self.trouble = ""
        self.attached = False
        self._clean = False
        self._gap = False
        self._behind = begun
        self._cluster, self._heard, self._present = cluster, heard, present
        self._lines = Lines()
        self._apart: float | None = None
        self._over, self._lock = Event(), Lock()
        self._thread = Thread(target=self._read, daemon=True, name="resilience-log")
        self._thread.start()

    @property
    def count(self) -> int:
        """Lines read."""
        return self._lines.count

    def finish(self, seconds: float) -> None:
        """Read the existing lines, then end. An open stream ends by itself, with its next line or
        after its silence."""
        self._over.set()
        self._thread.join(0 if self.attached and not self.whole else seconds)
        shown = self._present()
        if self.whole or self._has_ended(shown):
            return
        if shown is not None and shown[0] == self.instance.number:
            self.whole = self._pass({}) and not self._gap

    def _read(self) -> None:
        while not self._over.is_set() and not self.whole:
            shown = self._present()
            number = self.instance.number
            if self._has_ended(shown):
                return
            if shown is None or shown[0] > number + 1:
                self.trouble = self.trouble or "it was gone before its log could be read"
                return
            previous = shown[0] == number + 1
            if self._behind and not previous:
                self._catch_up()
                continue
            complete = self._pass({"previous": "true"} if previous else {"follow": "true"})
            if self.trouble or (complete and not self._has_ended(self._present())):
                self._over.wait(AGAIN)

    def _catch_up(self) -> None:
        """Read the lines that already exist. The end of this request is not the end of the
        instance."""
        self._behind = not self._pass({})
        self._clean = False
        if self._behind:
            self._over.wait(AGAIN)

    def _has_ended(self, shown: tuple[int, bool] | None) -> bool:
        """The stream ended: either the instance ended, or the kubelet rotated the log of a running
        one. A terminating Pod writes nothing more."""
        number, running = shown or (-1, False)
        if self._clean and not self._gap and (number != self.instance.number or not running):
            self.whole = True
        return self.whole

    def _pass(self, how: Mapping[str, str]) -> bool:
        """Send one request; return whether the stream came to its end."""
        joined = not self._lines.since
        query = {"container": self.instance.container, "timestamps": "true", **how}
        if self._lines.since:
            query["sinceTime"] = self._lines.since
        try:
            with self._cluster.logs(self.instance.pod, self.instance.namespace, query) as lines:
                self.attached = self.attached or "follow" in how
                for line in lines:
                    joined = joined or self._joins(line)
                    self._line(line)
                    if self._over.is_set() and "follow" in how:
                        return False
        except ClusterError as error:
            self.attached = False
            if self._clean and isinstance(error, NotFound):
                self.whole = not self._gap
                return True
            self.trouble, self._clean = str(error), False
            if isinstance(error, Forbidden):
                self._over.set()
            return False
        self._gap = self._gap or not joined
        self.trouble, self._clean = ROTATED if self._gap else "", True
        # An open stream that ends after `finish` has read the rest takes nothing back.
        self.whole = self.whole or (not self._gap and "previous" in how)
        return True

    def _joins(self, raw: bytes) -> bool:
        """Whether the first line of a reopened stream is a known one."""
        known = self._lines.repeats(raw)
        self._gap = self._gap or known is False
        return known is not None

    def _line(self, raw: bytes) -> None:
        """The time of a line: the node's timestamp, corrected by the largest possible offset of its
        clock."""
        with self._lock:
            line = self._lines.take(raw)
            if line is None:
                return
            apart = time.monotonic() - line.at
            self._apart = apart if self._apart is None else min(apart, self._apart)
            at = line.at + self._apart
        self._heard(self.instance.pod, line.text, at)
