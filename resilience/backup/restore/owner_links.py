"""Owner references between restored objects: set to the new uids, as soon as the owners have them.

A reference to an owner that is created first is set at once, and otherwise by a patch at the end:
claims, Secrets and ConfigMaps come before their owners.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resilience.cluster.errors import ClusterError, Conflict, NotFound
from resilience.cluster.interface import Cluster, Object, Resource

Owner = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Late:
    """An object some of whose owners did not exist when it was created."""

    kind: str
    resource: Resource
    namespace: str
    name: str
    owners: Sequence[Owner]


class OwnerLinks:
    """`inside` are the uids of owners in the snapshot. Not thread-safe."""

    def __init__(self, cluster: Cluster) -> None:
        self.inside: Collection[str] = ()
        self._cluster = cluster
        self._new: dict[str, str] = {}
        self._late: list[Late] = []

    def learn(self, old: str, new: str) -> None:
        """Record that an owner has been restored, or existed already."""
        if old in self.inside and new:
            self._new[old] = new

    def knows(self, owner: Owner) -> bool:
        """Whether an owner's new uid is known."""
        return str(owner["uid"]) in self._new

    def now(self, owner: Owner, *, asking: bool) -> list[Object]:
        """The reference, if it can be set at once. A rehearsal sends the uid that the owner had."""
        if asking:
            return [dict(owner)]
        new = self._new.get(str(owner["uid"]))
        return [{**owner, "uid": new}] if new else []

    def later(self, kind: str, resource: Resource, obj: Object, owners: Sequence[Owner]) -> None:
        """Link this one at the end, if some of its owners do not exist yet."""
        inside = [each for each in owners if each["uid"] in self.inside]
        if any(each["uid"] not in self._new for each in inside):
            metadata = obj["metadata"]
            late = Late(kind, resource, metadata.get("namespace", ""), metadata["name"], inside)
            self._late.append(late)

    def link(self, written: Collection[tuple[str, str, str]]) -> list[tuple[Late, str]]:
        """Set the late references of objects that were `written` (kind, namespace, name);
        returns failures with reasons."""
        return [
            (late, problem)
            for late in self._late
            if (late.kind, late.namespace, late.name) in written and (problem := self._link(late))
        ]

    def _link(self, late: Late) -> str:
        wanted = [
            {**owner, "uid": self._new[owner["uid"]]}
            for owner in late.owners
            if owner["uid"] in self._new
        ]
        try:
            live = self._cluster.get(late.resource, late.name, late.namespace)
            there = list(live["metadata"].get("ownerReferences") or ())
            missing = [each for each in wanted if all(each["uid"] != o["uid"] for o in there)]
            if missing:
                body = {"metadata": {"ownerReferences": [*there, *missing]}}
                self._cluster.patch(late.resource, late.name, body, late.namespace)
        except (NotFound, Conflict):  # deleted meanwhile
            return ""
        except ClusterError as problem:
            return str(problem)
        return ""
