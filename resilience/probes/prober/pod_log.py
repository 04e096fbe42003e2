"""The log of a prober's Pod, read line by line until it has ended, whatever happens to it.

A log that breaks is read again from its beginning, because lines that were read before change
nothing. If the Pod cannot start or ends by itself, `trouble` says why.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event, Thread

from resilience.cluster import helper_pods
from resilience.cluster.errors import ApiError, ClusterError, NotFound
from resilience.cluster.interface import PODS, Cluster
from resilience.probes.prober.news import News

AGAIN = 0.2
"""Seconds between two tries to read the log of a Pod that has not started."""


class PodLog:
    """Reads on a thread of its own. `ends`: the prober is expected to end by itself."""

    def __init__(
        self, name: str, namespace: str, cluster: Cluster, news: News, changed: Callable[[], None],
        *, ends: bool = False,
    ) -> None:  # fmt: skip
        self.name, self.news = name, news
        self.trouble = self.waiting = ""
        self.where = f"the node of Pod {namespace}/{name}"
        self._located = False
        self._namespace, self._cluster, self._changed = namespace, cluster, changed
        self._ends = ends
        self._stopping = False
        self._over = Event()
        self._said = b""
        self._reader = Thread(target=self._read, daemon=True, name="resilience-probe")
        self._reader.start()

    def wait(self, seconds: float) -> bool:
        """Whether it has ended within that time."""
        self._reader.join(seconds)
        return not self._reader.is_alive()

    def stopping(self) -> None:
        """From here on it is expected to end."""
        self._stopping = True

    def finish(self, seconds: float) -> None:
        """Read the remaining lines, for at most that long. Idempotent."""
        self._stopping = True
        self._reader.join(seconds)
        self._over.set()
        self._reader.join()
        if not self.news.ended and not self.trouble:
            self.trouble = "the prober's last lines never arrived"

    def _read(self) -> None:
        while not self._over.is_set() and not self.news.ended:
            try:
                self._follow()
            except NotFound as error:
                # A kubelet that does not know the Pod yet gives the same answer.
                if self._gone():
                    self._missed()
                    break
                self._not_yet(error)
            except ClusterError as error:
                self._not_yet(error)
            else:
                self._ended_early()
            if self.trouble or (self._stopping and self._gone()):
                break
            self._over.wait(AGAIN)
        if self.news.ended and not (self._stopping or self._ends):
            self.trouble = "someone else stopped the prober"
        self._changed()

    def _follow(self) -> None:
        """Read the log from its beginning: lines that were read before change nothing."""
        with self._cluster.logs(self.name, self._namespace) as lines:
            for line in lines:
                self.news.take(line, time.monotonic())
                self._said = line if line.strip() and not line.startswith(b"{") else self._said
                self.waiting = ""
                self._locate()
                self._changed()
                if self._over.is_set():
                    return

    def _locate(self) -> None:
        """The node it runs on, read once it has written a line."""
        if self._located:
            return
        self._located = True
        try:
            pod = self._cluster.get(PODS, self.name, self._namespace)
        except ClusterError:
            return
        if node := (pod.get("spec") or {}).get("nodeName"):
            self.where = f"node {node}"

    def _ended_early(self) -> None:
        """The log has ended without the last line: the prober died; report its own reason, if there
        is one."""
        if self.news.ended or self._stopping:
            return
        try:
            pod = self._cluster.get(PODS, self.name, self._namespace)
        except ClusterError:
            return
        if (pod.get("status") or {}).get("phase") in ("Failed", "Succeeded"):
            said = self._said.decode("utf-8", "replace").strip()
            self.trouble = f"the prober's Pod {self.name} has ended by itself"
            self.trouble += f": {said}" if said else ""

    def _missed(self) -> None:
        if not self._stopping:
            self.trouble = f"the prober's Pod {self.name} was removed by someone"

    def _gone(self) -> bool:
        try:
            self._cluster.get(PODS, self.name, self._namespace)
        except NotFound:
            return True
        except ClusterError:
            return False
        return False

    def _not_yet(self, error: ClusterError) -> None:
        """The log cannot be read now: is the Pod still starting, or will it never run?"""
        self.waiting = f"the log of the prober's Pod {self.name} cannot be read: {error}"
        if not isinstance(error, ApiError):
            return  # the API server is away: the log is read again from its beginning
        try:
            pod = self._cluster.get(PODS, self.name, self._namespace)
        except ClusterError:
            return
        if why := helper_pods.hopeless(pod):
            self.trouble = f"the prober's Pod {self.name} does not start: {why}"
