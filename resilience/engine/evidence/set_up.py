"""What `given` set up, and whether it still is as it was, for scenarios that share it.

Compared are the objects that `given` created or changed, by uid and content, and the Pods of their
namespaces by owner, labels and restarts. Status and what the API server counts (versions, managed
fields) are left out. Another Pod of the same owner may have replaced one, on another node.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from resilience.cluster.errors import NotFound
from resilience.cluster.interface import PODS, Cluster, Object, Resource
from resilience.engine.base.real_clock import EngineClock
from resilience.kube import objects
from resilience.model.words import told

PATIENCE = 5.0
"""Seconds to wait for Pods that still come and go after an undo."""

PAUSE = 0.1

_STAYS = "stays"

_COUNTED = frozenset({"generation", "managedFields", "resourceVersion"})

Records = Iterable[Mapping[str, Any]]
"""Data of undos: those of objects name them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUp:
    """`content` is the digest of each object by title, "" for one that is not there."""

    content: Mapping[str, str]
    pods: Mapping[tuple[str, ...], int]

    @classmethod
    def seen(cls, cluster: Cluster, records: Records) -> SetUp:
        """As it is now; ClusterError if it cannot be read."""
        content: dict[str, str] = {}
        namespaces: set[str] = set()
        for data in records:
            if "resource" not in data:
                continue
            resource = Resource(**data["resource"])
            name, namespace = str(data["name"]), str(data["namespace"])
            title = f"{resource.kind} {'/'.join(filter(None, (namespace, name)))}"
            content[title] = _digest(cluster, resource, name, namespace)
            namespaces |= {namespace} - {""}
        pods = [pod for each in sorted(namespaces) for pod in cluster.list(PODS, each)]
        return cls(content=content, pods=Counter(map(_pod, pods)))

    def differs(self, now: SetUp) -> str:
        """What is different now; "" if nothing is."""
        other = [title for title, was in self.content.items() if now.content.get(title) != was]
        if other:
            return f"{told(other)} changed"
        return "" if self.pods == now.pods else "its Pods restarted, or others came and went"

    def cannot_return(self, now: SetUp) -> bool:
        """Whether waiting is useless: an object was changed, or a Pod that stays has restarted,
        which it never takes back."""
        return now.content != self.content or bool(_restarts(now.pods) - _restarts(self.pods))


def differs(before: SetUp, cluster: Cluster, records: Records, clock: EngineClock) -> str:
    """The same, after Pods had a few seconds to come and go."""
    records = list(records)
    deadline = clock.monotonic() + PATIENCE
    while True:
        now = SetUp.seen(cluster, records)
        why = before.differs(now)
        if not why or before.cannot_return(now) or clock.monotonic() >= deadline:
            return why
        clock.wait(PAUSE)


def _digest(cluster: Cluster, resource: Resource, name: str, namespace: str) -> str:
    try:
        there = cluster.get(resource, name, namespace)
    except NotFound:
        return ""
    kept = {key: value for key, value in there.items() if key not in ("metadata", "status")}
    metadata = {key: value for key, value in objects.metadata(there).items() if key not in _COUNTED}
    text = json.dumps([kept, metadata], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _restarts(pods: Iterable[tuple[str, ...]]) -> set[tuple[str, str]]:
    """Owner and count of Pods that stay and have restarted."""
    found = ((owner, count) for _, owner, state, count, *_ in pods if state == _STAYS)
    return {(owner, count) for owner, count in found if int(count)}


def _pod(pod: Object) -> tuple[str, ...]:
    """A Pod without what its successor may have otherwise."""
    labels = [f"{key}={value}" for key, value in sorted(objects.labels(pod).items())]
    state = "terminating" if objects.is_terminating(pod) else _STAYS
    owner = objects.controller_uid(pod) or objects.uid(pod)
    return (objects.namespace(pod), owner, state, str(objects.restarts(pod)), *labels)
