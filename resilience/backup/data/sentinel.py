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
from datetime import datetime

from resilience.backup.data.command_pods import READY_WITHIN, container, ready_in, serving
from resilience.backup.data.container_stream import Exec, last_words
from resilience.backup.format.backup_clock import Clock
from resilience.backup.format.errors import SentinelFailed
from resilience.cluster.interface import Cluster
from resilience.model.inside import Sentinel
from resilience.model.masks import excerpt

_TIMEOUT = 30.0
_PAUSE = 0.2


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


def plant(sentinel: Sentinel, cluster: Cluster, exec_: Exec, namespace: str, record: str) -> None:
    """Write the record with the application's own command."""
    _asked(sentinel, cluster, exec_, namespace, sentinel.write, stdin=record + "\n")


def require(
    sentinel: Sentinel,
    cluster: Cluster,
    exec_: Exec,
    namespace: str,
    snapshot: str,
    *,
    clock: Clock,
    within: float,
) -> None:
    """`SentinelFailed` unless the application, once it is ready, returns the record of a
    snapshot."""
    until = clock.monotonic() + within
    while not serving(cluster, namespace, sentinel.pods) and clock.monotonic() < until:
        clock.wait(_PAUSE)
    if problem := flaw(look(sentinel, cluster, exec_, namespace), snapshot):
        raise SentinelFailed(f"sentinel of namespace {namespace}: {problem}")


def look(sentinel: Sentinel, cluster: Cluster, exec_: Exec, namespace: str) -> str:
    """The record that the application returns now."""
    return _asked(sentinel, cluster, exec_, namespace, sentinel.read)


def _asked(
    sentinel: Sentinel,
    cluster: Cluster,
    exec_: Exec,
    namespace: str,
    command: Sequence[str],
    stdin: str = "",
) -> str:
    pod = serving(cluster, namespace, sentinel.pods)
    if pod is None:
        raise SentinelFailed(f"no Pod {sentinel.pods} is ready in namespace {namespace}")
    name, said = str(pod["metadata"]["name"]), bytearray()
    ended = exec_.run(
        namespace,
        name,
        container(pod, sentinel.container, "sentinel"),
        command,
        stdin=[stdin.encode()] if stdin else None,
        stdout=said.extend,
        timeout=_TIMEOUT,
    )
    if ended.status != 0:
        how = "never ended" if ended.status is None else f"ended with {ended.status}"
        raise SentinelFailed(
            f"sentinel: {' '.join(command)!r} in {namespace}/{name} {how}: {last_words(ended)}"
        )
    return said.decode("utf-8", "replace")
