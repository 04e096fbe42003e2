"""A record in the application's own data, written before a snapshot and read after its restore.

Hashes prove that the stored bytes are the ones that were read. The sentinel proves the rest: that
data which the application had acknowledged was among what was read, and that the restored
application returns it. It names its snapshot, its time, and a checksum over both, so that a stale
record, one of another snapshot and a damaged one can be told apart.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from resilience.backup.data.command_pods import READY_WITHIN, ReadyPod, container, ready_in
from resilience.backup.data.container_stream import Exec, last_words
from resilience.backup.format.backup_clock import Clock
from resilience.backup.format.errors import SentinelFailed
from resilience.cluster.interface import Cluster, Object
from resilience.kube import objects
from resilience.model.inside import Sentinel
from resilience.model.masks import excerpt

_TIMEOUT = 30.0


def line(snapshot: str, moment: datetime) -> str:
    """The record as one line of JSON."""
    time = moment.isoformat()
    return json.dumps({"run": snapshot, "time": time, "sha256": _checksum(snapshot, time)})


def _checksum(snapshot: str, time: str) -> str:
    return hashlib.sha256(f"{snapshot}\n{time}".encode()).hexdigest()


def flaw(text: str, snapshot: str) -> str:
    """What is wrong with a record that was read back; "" when it belongs to `snapshot`."""
    try:
        found = json.loads(text)
        run, time, checksum = str(found["run"]), str(found["time"]), found["sha256"]
    except (ValueError, KeyError, TypeError):
        return f"what was read is not a record: {excerpt(text.strip(), 80)!r}"
    if checksum != _checksum(run, time):
        return "the record is damaged: its checksum does not match"
    if run != snapshot:
        return f"the record was written for snapshot {run}, at {time}"
    return ""


def homes(
    sentinel: Sentinel, cluster: Cluster, namespaces: Sequence[str], clock: Clock
) -> tuple[str, ...]:
    """The namespaces that have a Pod for it; `SentinelFailed` when none has, or one is not ready in
    time."""
    found, late = ready_in(cluster, namespaces, sentinel.pods, clock)
    if late:
        raise SentinelFailed(f"no Pod {sentinel.pods} is ready in {', '.join(late)} after "
                             f"{READY_WITHIN:.0f}s: the sentinel cannot be written")  # fmt: skip
    if not found:
        where = ", ".join(namespaces) or "any namespace"
        raise SentinelFailed(
            f"no Pod {sentinel.pods} exists in {where}: the sentinel cannot be written"
        )
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentinelPod:
    """Writes and reads the sentinel of one namespace with the application's own commands. Its Pod
    is waited for."""

    sentinel: Sentinel
    cluster: Cluster
    exec: Exec
    clock: Clock
    namespace: str
    within: float = READY_WITHIN

    def plant(self, record: str) -> None:
        """Write the record."""
        self._asked(self.sentinel.write, stdin=record + "\n")

    def require(self, snapshot: str) -> None:
        """`SentinelFailed` unless the application returns the record of a snapshot."""
        if problem := flaw(self.look(), snapshot):
            raise SentinelFailed(f"sentinel of namespace {self.namespace}: {problem}")

    def look(self) -> str:
        """The record that the application returns now."""
        return self._asked(self.sentinel.read)

    def _asked(self, command: Sequence[str], stdin: str = "") -> str:
        pod = ReadyPod(cluster=self.cluster, clock=self.clock, namespace=self.namespace,
                       selector=self.sentinel.pods, within=self.within)  # fmt: skip
        return pod.run(
            lambda pod: self._in(pod, command, stdin),
            lambda why: SentinelFailed(f"sentinel: {why}"),
        )

    def _in(self, pod: Object, command: Sequence[str], stdin: str) -> str:
        name, said = objects.name(pod), bytearray()
        ended = self.exec.run(
            self.namespace,
            name,
            container(pod, self.sentinel.container, "sentinel"),
            command,
            stdin=[stdin.encode()] if stdin else None,
            stdout=said.extend,
            timeout=_TIMEOUT,
        )
        if ended.status != 0:
            how = "never ended" if ended.status is None else f"ended with {ended.status}"
            raise SentinelFailed(
                f"sentinel: {' '.join(command)!r} in {self.namespace}/{name} {how}: "
                f"{last_words(ended)}"
            )
        return said.decode("utf-8", "replace")
