"""Counts of Pods by owner, updated change by change, and the list of orphans.

A ReplicaSet of five thousand Pods sees many changes of each while it starts; recounting each time
would be quadratic. Pods of one owner fall into very few classes (labels, state), so one counter per
owner answers how many are active, ready or labelled in O(classes).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from resilience.sandbox.kube.api import Change, Obj, Resource
from resilience.sandbox.kube.object_edits import (
    controller_of,
    is_deleting,
    key_of,
    labels_of,
    owner_key,
)
from resilience.sandbox.kube.pod_facts import is_ready, is_terminal
from resilience.sandbox.kube.selector_index import Key


class PodClass(NamedTuple):
    """The attributes that distinguish replicas."""

    labels: tuple[tuple[str, str], ...]
    terminal: bool
    deleting: bool
    ready: bool

    @property
    def active(self) -> bool:
        """See pods.is_active."""
        return not self.terminal and not self.deleting

    @property
    def terminating(self) -> bool:
        """See pods.is_terminating."""
        return self.deleting and not self.terminal


Tally = Mapping[PodClass, int]
EMPTY: Tally = {}


def classify(pod: Obj) -> PodClass:
    """The class a Pod counts in."""
    return PodClass(
        tuple(sorted(labels_of(pod).items())), is_terminal(pod), is_deleting(pod), is_ready(pod)
    )


def changed_owners(change: Change, resource: Resource, *, always: bool = False) -> set[Key]:
    """Owners of one kind whose counts a Pod's change affects.

    `always` also reports changes that do not affect counts, such as of phase or address.
    """
    old = change.old
    owners = [owner_key(obj, resource) for obj in (change.obj, old) if obj is not None]
    same = len(owners) == 2 and owners[0] == owners[1] and change.type == "MODIFIED"
    if same and old is not None and not always and classify(old) == classify(change.obj):
        return set()
    return {owner for owner in owners if owner is not None}


class Orphans:
    """Objects of one kind that nothing controls and that are not being deleted."""

    def __init__(self) -> None:
        self._names: dict[str, dict[str, None]] = {}

    def observe(self, change: Change) -> None:
        """A watch callback."""
        namespace, name = key_of(change.obj)
        orphaned = controller_of(change.obj) is None and not is_deleting(change.obj)
        if change.type != "DELETED" and orphaned:
            self._names.setdefault(namespace, {})[name] = None
            return
        names = self._names.get(namespace)
        if names is not None:
            names.pop(name, None)
            if not names:
                del self._names[namespace]

    def of(self, namespace: str) -> Iterator[Key]:
        """Keys in one namespace, the longest orphaned first."""
        for name in tuple(self._names.get(namespace, ())):
            yield (namespace, name)


class PodIndex:
    """Fed by `observe`; answers by the uid of the controlling owner."""

    def __init__(self) -> None:
        self._tallies: dict[str, Counter[PodClass]] = {}
        self.orphans = Orphans()

    def observe(self, change: Change) -> None:
        """A watch callback for Pods; must be subscribed before any controller's."""
        if change.old is not None:
            self._count(change.old, -1)
        if change.type == "DELETED":
            if change.old is None:
                self._count(change.obj, -1)
        else:
            self._count(change.obj, 1)
        self.orphans.observe(change)

    def tally(self, owner: str) -> Tally:
        """Pods of an owner by class; treat as read-only."""
        return self._tallies.get(owner, EMPTY)

    def _count(self, pod: Obj, by: int) -> None:
        reference = controller_of(pod)
        if reference is None:
            return
        tally = self._tallies.setdefault(reference["uid"], Counter())
        kind = classify(pod)
        tally[kind] += by
        if not tally[kind]:
            del tally[kind]
            if not tally:
                del self._tallies[reference["uid"]]
