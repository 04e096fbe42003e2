"""Application dumps: a command's output, streamed out of its container with all four proofs.

The command runs below a few lines that count and hash what it prints and say so in an end marker,
with the command's own exit status: if the producer dies, the status is not zero; if the connection
is cut, there is no marker. Those lines are POSIX shell where the container has `tee`, `wc`,
`mkfifo`, `mktemp` and `sha256sum`, as every image with busybox or coreutils has, else Python.
Loading works in the same way in the other direction, once the stored bytes are verified. The
command is the one in the snapshot, and must be safe to run again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from resilience.backup.catalog.catalog import Snapshot
from resilience.backup.catalog.staged_stream import free, staged
from resilience.backup.data.command_pods import READY_WITHIN, ReadyPod, container, ready_in
from resilience.backup.data.container_stream import Counted, Exec, last_words, packed, proven
from resilience.backup.format import layout
from resilience.backup.format.backup_clock import Clock
from resilience.backup.format.errors import VolumeFailed
from resilience.backup.format.manifest import DUMP, VolumeRecord
from resilience.backup.objects.mapping import Targets
from resilience.backup.store.snapshot_files import Files
from resilience.cluster.interface import Cluster, Object
from resilience.kube.selectors import Selector
from resilience.model.inside import Dump

_TIMEOUT = 6 * 3600.0
_LOADED_WITHIN = 600.0
"""Seconds that a restored Pod may take until it is ready."""

_NEEDED = "tee, wc, mkfifo, mktemp and sha256sum"
_TOOLS = (
    "command -v tee && command -v wc && command -v mkfifo && command -v mktemp && "
    "command -v sha256sum"
)

_COUNTED = r"""
d=$(mktemp -d) && mkfifo "$d/h" "$d/c" || exit 125
trap 'rm -rf "$d"' EXIT
sha256sum <"$d/h" >"$d/sum" & h=$!
wc -c <"$d/c" >"$d/count" & c=$!
%s
t=$?
wait "$h" && wait "$c" && [ "$t" = 0 ] || { [ "$(cat "$d/status")" = 0 ] && exit 124; }
read -r sum rest <"$d/sum"
printf '\nresilience-end {"bytes": %%d, "sha256": "%%s"}\n' "$(cat "$d/count")" "$sum" >&2
exit "$(cat "$d/status")"
"""

_TAKE = _COUNTED % """{ "$@" </dev/null; echo $? >"$d/status"; } | tee "$d/h" "$d/c" """
_LOAD = _COUNTED % """tee "$d/h" "$d/c" | { "$@" >&2; echo $? >"$d/status"; }"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dumps:
    """Takes a plan's dumps, and loads those of a snapshot."""

    cluster: Cluster
    exec: Exec
    clock: Clock
    name: str = ""
    wanted: Sequence[Dump] = ()
    room: Callable[[], int] = free
    """Bytes of local disk space that a dump may use before it is loaded."""

    def take(self, files: Files, namespaces: Sequence[str]) -> list[VolumeRecord]:
        """Take each dump once in each namespace that has a Pod for it; `VolumeFailed` when no
        namespace has one, or one is not ready in time."""
        return [record for dump in self.wanted for record in self._take(files, namespaces, dump)]

    def _take(self, files: Files, namespaces: Sequence[str], dump: Dump) -> list[VolumeRecord]:
        pods, late = ready_in(self.cluster, namespaces, dump.pods, self.clock)
        if late:
            raise VolumeFailed(f"dump {dump.name}: no Pod {dump.pods} is ready in "
                               f"{', '.join(late)} after {READY_WITHIN:.0f}s")  # fmt: skip
        if not pods:
            raise VolumeFailed(
                f"dump {dump.name}: no Pod {dump.pods} exists in {', '.join(namespaces)}"
            )
        return [self._once(files, namespace, dump) for namespace in pods]

    def _once(self, files: Files, namespace: str, dump: Dump) -> VolumeRecord:
        return self._ready(namespace, dump.pods).run(
            lambda pod: self._one(files, namespace, pod, dump),
            lambda why: VolumeFailed(f"dump {dump.name}: {why}"),
        )

    def _ready(self, namespace: str, pods: Selector, within: float = READY_WITHIN) -> ReadyPod:
        return ReadyPod(cluster=self.cluster, clock=self.clock, namespace=namespace,
                        selector=pods, within=within)  # fmt: skip

    def _one(self, files: Files, namespace: str, pod: Object, dump: Dump) -> VolumeRecord:
        name = str(pod["metadata"]["name"])
        key = layout.dump(self.name, namespace, name, dump.name)
        where = container(pod, dump.container, f"dump {dump.name}")
        with files.data(key, lambda: counted.sha256) as write:
            counted = Counted(write)
            command = [*self._counting(namespace, name, where, "take"), *dump.take]
            ended = self.exec.run(
                namespace, name, where, command, stdout=counted.write, timeout=_TIMEOUT
            )
            footer = proven(f"dump {dump.name} of {namespace}/{name}", ended, counted)
        return VolumeRecord(
            namespace=namespace,
            claim=dump.name,
            key=key,
            bytes=footer.bytes,
            sha256=footer.sha256,
            kind=DUMP,
            pods=str(dump.pods),
            container=dump.container,
            load=dump.load,
            engine=files.engine,
            warnings=() if footer.bytes else ("the dump is empty",),
        )

    def load(self, snapshot: Snapshot, targets: Targets) -> list[str]:
        """Load every dump of a snapshot into the Pod that corresponds to its own, once that Pod is
        ready."""
        return [
            self._load(snapshot, record, targets.namespace(record.namespace))
            for record in of(snapshot)
        ]

    def _load(self, snapshot: Snapshot, record: VolumeRecord, namespace: str) -> str:
        what = f"dump {record.claim} into {namespace}"
        ready = self._ready(namespace, Selector.parse(record.pods), _LOADED_WITHIN)
        return ready.run(
            lambda pod: self._loaded(snapshot, record, namespace, pod, what),
            lambda why: VolumeFailed(f"{what}: {why}"),
        )

    def _loaded(
        self, snapshot: Snapshot, record: VolumeRecord, namespace: str, pod: Object, what: str
    ) -> str:
        name, where = str(pod["metadata"]["name"]), container(pod, record.container, what)
        command = [*self._counting(namespace, name, where, "load"), *record.load]
        sent = Counted(lambda data: None)
        with staged(snapshot, record, what, self.room) as (stream, warning):

            def stdin() -> Iterator[bytes]:
                for chunk in stream:
                    sent.write(chunk)
                    yield chunk

            ended = self.exec.run(namespace, name, where, command, stdin=stdin(), timeout=_TIMEOUT)
        proven(what, ended, sent)
        if (sent.bytes, sent.sha256) != (record.bytes, record.sha256):
            raise VolumeFailed(
                f"{what}: the stored dump is not the one that was recorded, and {record.load[0]}"
                f" has already read it: do not use the result. {warning}"
            )
        told = f"; warning: {warning}" if warning else ""
        return f"{what}: {record.bytes} bytes loaded by {record.load[0]}{told}"

    def _counting(self, namespace: str, pod: str, where: str, way: str) -> list[str]:
        """The wrapper around the command, chosen by the tools in the container."""
        shell = {"take": _TAKE, "load": _LOAD}[way]
        if self._ends_well(namespace, pod, where, ["sh", "-c", _TOOLS]):
            return ["sh", "-c", shell, "sh"]
        for python in ("python3", "python"):
            if self._ends_well(namespace, pod, where, [python, "-c", ""]):
                return [python, "-c", packed("dump_agent"), way]
        raise VolumeFailed(
            f"container {where} of {namespace}/{pod} has neither a shell with {_NEEDED} nor "
            "Python: a dump cannot be counted and hashed there"
        )

    def _ends_well(self, namespace: str, pod: str, where: str, command: list[str]) -> bool:
        ended = self.exec.run(namespace, pod, where, command, timeout=60)
        if ended.status is None:
            raise VolumeFailed(
                f"container {where} of {namespace}/{pod}: the connection ended without an exit "
                f"status {last_words(ended)}"
            )
        return ended.status == 0


Load = Callable[[Snapshot, Targets], list[str]]
"""Loads a snapshot's dumps; returns what it did."""


def of(snapshot: Snapshot) -> list[VolumeRecord]:
    """The dumps that a snapshot holds."""
    records = snapshot.manifest.volumes if snapshot.manifest else ()
    return [each for each in records if each.kind == DUMP]
