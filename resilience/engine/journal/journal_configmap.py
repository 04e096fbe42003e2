"""The journal's copy in the cluster: ConfigMaps in the journal's own namespace.

It is for runs whose host does not come back (a CI runner, a node): the next holder of the lock
finds the recorded changes and undoes them. Each line has its own key, so that an append is one
small patch; when a ConfigMap is full, another one is created. Unlike a local file, a ConfigMap does
not show whether its writer is alive; the caller learns that from the writer's Lease.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from resilience.cluster.errors import ClusterError, Conflict, NotFound
from resilience.cluster.interface import CONFIGMAPS, Cluster, Object
from resilience.engine.journal.journal import Journal, Story, fold
from resilience.engine.journal.line_form import Line, parsed
from resilience.kube import objects
from resilience.model.words import one_line

NAMESPACE = "resilience-journal"
RUN_LABEL = "resilience/run"
REPORTED = "resilience/damage-reported"
"""Annotation on a journal whose damage a run or `resilience recover` has reported; from then on it
is only listed and does not affect exit codes."""
FULL = 1_040_000
"""Maximum size of one ConfigMap's data in bytes; the API server allows 1,048,576."""


BINDING = frozenset({"begin", "undo", "amend"})
"""Operations that must be recorded in the cluster before anything is done. An entry that only says
that an undo is done may be late or lost: repeating the undo does no harm."""


class JournalMap:
    """A sink. `lines` are the existing lines of a journal that is taken over. `patient` is the same
    cluster for lines that must be durable: there an API server that is away is waited for, while
    other lines do not delay the end of a run. While `mute` is set (the lock is lost), nothing is
    written."""

    def __init__(
        self,
        cluster: Cluster,
        run: str,
        namespace: str = NAMESPACE,
        *,
        patient: Cluster | None = None,
        lines: int = 0,
        maps: int = 0,
    ) -> None:
        self.mute = False
        self._cluster = cluster
        self._patient = patient or cluster
        self._run = run
        self._namespace = namespace
        self._count = lines
        self._maps = maps
        self._size = FULL  # the first append creates a ConfigMap
        self._late: dict[str, str] = {}

    def append(self, line: Line) -> None:
        """Append one line; if the operation requires it, the line is durable when this returns."""
        if self.mute:
            return
        self._count += 1
        text = json.dumps(line, separators=(",", ":"), sort_keys=True)
        self._late[f"{self._count:06d}.json"] = text
        binding = line["op"] in BINDING
        try:
            self._flush(self._patient if binding else self._cluster)
        except ClusterError:
            if binding:
                raise

    def close(self, *, finished: bool) -> None:
        """Delete a finished journal. If that fails it stays, and the run that finds it repeats
        undos that are already done."""
        if self.mute or not finished:
            return
        with suppress(ClusterError):
            for each in _maps(self._cluster, self._namespace, f"{RUN_LABEL}={self._run}"):
                _delete(self._cluster, each)

    def _flush(self, cluster: Cluster) -> None:
        data = dict(self._late)
        size = sum(len(key) + len(text) for key, text in data.items())
        if self._size + size > FULL:
            self._begin(cluster, data)
        else:
            cluster.patch(CONFIGMAPS, self._name, {"data": data}, self._namespace)
        self._size += size
        self._late.clear()

    @property
    def _name(self) -> str:
        return f"{self._run}-{self._maps}"

    def _begin(self, cluster: Cluster, data: Mapping[str, str]) -> None:
        self._maps += 1
        labels = {objects.MANAGED_BY: objects.OURS, RUN_LABEL: self._run}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "data": dict(data),
                "metadata": {"name": self._name, "labels": labels}}  # fmt: skip
        try:
            cluster.create(CONFIGMAPS, body, self._namespace)
        except Conflict:  # its answer was lost: the name is that of this run alone
            cluster.patch(CONFIGMAPS, self._name, {"data": dict(data)}, self._namespace)
        except ClusterError:
            self._maps -= 1
            raise
        self._size = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One run's journal in the cluster."""

    run: str
    story: Story
    lines: int
    maps: int
    namespace: str = NAMESPACE
    reported: bool = False
    """Whether the journal's damage was reported before."""

    @property
    def locks(self) -> tuple[str, ...]:
        """Names of the Leases under which the run acted."""
        return tuple(self.story.begin.get("locks", ()))

    @property
    def holder(self) -> str:
        """The holder of the Leases; "" if the journal does not say."""
        return str(self.story.begin.get("holder", ""))

    def taken_over(self, cluster: Cluster) -> Journal:
        """A journal that continues where this one ends; closing it deletes the record if nothing is
        left."""
        sink = JournalMap(cluster, self.run, self.namespace, lines=self.lines, maps=self.maps)
        return Journal([sink], self.story.undos)


def found(cluster: Cluster, namespace: str = NAMESPACE) -> list[Found]:
    """Journals of all unfinished runs, newest first; [] if there are none."""
    runs: dict[str, list[Object]] = {}
    for each in _maps(cluster, namespace, RUN_LABEL):
        runs.setdefault(objects.labels(each)[RUN_LABEL], []).append(each)
    newest = sorted(runs, key=lambda run: _created(runs[run]), reverse=True)
    return [_read(run, runs[run], namespace) for run in newest]


def remove(cluster: Cluster, journal: Found) -> None:
    """Delete a journal in which nothing is left to undo."""
    JournalMap(cluster, journal.run, journal.namespace).close(finished=True)


def mark_reported(cluster: Cluster, journal: Found) -> None:
    """Record that the journal's damage was reported; if that cannot be written, the damage is
    reported again."""
    marks = {"metadata": {"annotations": {REPORTED: "true"}}}
    with suppress(ClusterError):
        for each in _maps(cluster, journal.namespace, f"{RUN_LABEL}={journal.run}"):
            cluster.patch(CONFIGMAPS, objects.name(each), marks, journal.namespace)


def is_there(cluster: Cluster, run: str, namespace: str) -> bool:
    """Whether the run's journal is still in the cluster; if not, the run has been undone."""
    return bool(_maps(cluster, namespace, f"{RUN_LABEL}={run}"))


def _read(run: str, maps: list[Object], namespace: str) -> Found:
    texts: dict[str, str] = {}
    for each in maps:
        texts |= each.get("data") or {}
    story = fold(parsed(texts[key]) for key in sorted(texts))
    if story.begin and story.begin["run"] != run:
        named = one_line(str(story.begin["run"]))
        story = Story(
            begin={}, undos=(), ended=False, broken=f"its content names another run: {named}"
        )
    reported = any(objects.annotation(each, REPORTED) for each in maps)
    return Found(run=run, story=story, lines=len(texts), maps=len(maps),
                 namespace=namespace, reported=reported)  # fmt: skip


def _created(maps: list[Object]) -> str:
    return max(str(objects.metadata(each).get("creationTimestamp", "")) for each in maps)


def _maps(cluster: Cluster, namespace: str, labels: str) -> list[Object]:
    return list(cluster.list(CONFIGMAPS, namespace, labels=labels))


def _delete(cluster: Cluster, each: Object) -> None:
    try:
        cluster.delete(
            CONFIGMAPS, objects.name(each), objects.namespace(each), uid=objects.uid(each)
        )
    except (NotFound, Conflict):
        return
