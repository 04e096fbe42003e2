"""The journal's copy in the cluster: ConfigMaps in a namespace of its own.

For runs whose machine does not come back (a CI runner, a node): whoever takes the lock next finds
what was changed, and undoes it. One key per line, so that an append is one small patch; when a
ConfigMap is full the next one is begun. Whether the writer lives cannot be seen here, as it can of
a local file: whoever replays says so, by the Lease that the writer held.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from resilience.cluster import objects
from resilience.cluster.errors import Conflict, NotFound
from resilience.cluster.interface import CONFIGMAPS, NAMESPACES, Cluster, Object
from resilience.engine.journal import Journal, Line, Story, fold

NAMESPACE = "resilience-journal"
RUN_LABEL = "resilience/run"
FULL = 1_040_000
"""Bytes of one ConfigMap's data; the API server allows 1,048,576."""


class JournalMap:
    """A sink. `lines` are those that are there already, when a journal is taken over."""

    def __init__(self, cluster: Cluster, run: str, *, lines: int = 0, maps: int = 0) -> None:
        self._cluster = cluster
        self._run = run
        self._count = lines
        self._maps = maps
        self._size = FULL  # the first append begins a ConfigMap
        if not maps:
            _ensure_namespace(cluster)

    def append(self, line: Line) -> None:
        """Durable once the API server has answered."""
        text = json.dumps(line, separators=(",", ":"), sort_keys=True)
        self._count += 1
        key = f"{self._count:06d}.json"
        if self._size + len(text) + len(key) > FULL:
            self._begin({key: text})
        else:
            self._cluster.patch(CONFIGMAPS, self._name, {"data": {key: text}}, NAMESPACE)
        self._size += len(text) + len(key)

    def close(self, *, finished: bool) -> None:
        """A finished journal is taken away."""
        if finished:
            for each in _maps(self._cluster, f"{RUN_LABEL}={self._run}"):
                _delete(self._cluster, each)

    @property
    def _name(self) -> str:
        return f"{self._run}-{self._maps}"

    def _begin(self, data: Mapping[str, str]) -> None:
        self._maps += 1
        self._size = 0
        labels = {objects.MANAGED_BY: objects.OURS, RUN_LABEL: self._run}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "data": dict(data),
                "metadata": {"name": self._name, "labels": labels}}  # fmt: skip
        self._cluster.create(CONFIGMAPS, body, NAMESPACE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One run's journal in the cluster."""

    run: str
    story: Story
    lines: int
    maps: int

    def taken_over(self, cluster: Cluster) -> Journal:
        """A journal that goes on where this one ends; closing it removes what is done."""
        sink = JournalMap(cluster, self.run, lines=self.lines, maps=self.maps)
        return Journal([sink], self.story.undos)


def found(cluster: Cluster) -> list[Found]:
    """Journals of all runs that were not finished, newest first; [] where there never was one."""
    runs: dict[str, list[Object]] = {}
    for each in _maps(cluster, RUN_LABEL):
        runs.setdefault(objects.labels(each)[RUN_LABEL], []).append(each)
    newest = sorted(runs, key=lambda run: _created(runs[run]), reverse=True)
    return [_read(run, runs[run]) for run in newest]


def remove(cluster: Cluster, journal: Found) -> None:
    """Take away a journal in which nothing is left to undo."""
    JournalMap(cluster, journal.run, maps=journal.maps).close(finished=True)


def _read(run: str, maps: list[Object]) -> Found:
    texts: dict[str, str] = {}
    for each in maps:
        texts |= each.get("data") or {}
    lines = list(_lines(texts))
    return Found(run=run, story=fold(lines), lines=len(texts), maps=len(maps))


def _lines(texts: Mapping[str, str]) -> Iterator[Line]:
    for key in sorted(texts):
        try:
            yield json.loads(texts[key])
        except ValueError:  # somebody has edited it: what comes after cannot be trusted
            return


def _created(maps: list[Object]) -> str:
    return max(str(objects.metadata(each).get("creationTimestamp", "")) for each in maps)


def _maps(cluster: Cluster, labels: str) -> list[Object]:
    return list(cluster.list(CONFIGMAPS, NAMESPACE, labels=labels))


def _delete(cluster: Cluster, each: Object) -> None:
    try:
        cluster.delete(CONFIGMAPS, objects.name(each), NAMESPACE, uid=objects.uid(each))
    except (NotFound, Conflict):
        return


def _ensure_namespace(cluster: Cluster) -> None:
    labels = {objects.MANAGED_BY: objects.OURS}
    body = {"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": NAMESPACE, "labels": labels}}  # fmt: skip
    try:
        cluster.create(NAMESPACES, body)
    except Conflict:
        return
