"""Restores from the VolumeSnapshots that a snapshot left on the cluster itself.

This is fast, since no byte passes through this process. For the same reason the data is not
verified against a hash. It works only in the namespace of the VolumeSnapshots. Use it for a claim
that was lost or damaged while its storage survived; otherwise restore the data from the store.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from resilience.backup.catalog.catalog import Snapshot
from resilience.backup.data.snapshot_clones import LOCAL, SNAPSHOTS
from resilience.backup.format.errors import RestoreRefused
from resilience.backup.format.manifest import VolumeRecord
from resilience.backup.objects.kind_identity import identity
from resilience.backup.objects.mapping import Targets
from resilience.cluster.errors import NotFound
from resilience.cluster.interface import Cluster, Object


class LocalLayer:
    """Create claims from their VolumeSnapshots, for `RestoreRequest.adjust`."""

    def __init__(self, snapshot: Snapshot, targets: Targets, cluster: Cluster) -> None:
        records = snapshot.manifest.volumes if snapshot.manifest else ()
        self._kept = {(each.namespace, each.claim): each for each in records if each.kind == LOCAL}
        if not self._kept:
            raise RestoreRefused(
                f"snapshot {snapshot.name} left no VolumeSnapshots on its cluster; restore it "
                "without --local, from the store"
            )
        self._require(targets, cluster)

    @property
    def claims(self) -> Collection[tuple[str, str]]:
        """Claims (namespace, name) that are not filled from a stream."""
        return self._kept.keys()

    def _require(self, targets: Targets, cluster: Cluster) -> None:
        for record in self._kept.values():
            if targets.namespace(record.namespace) != record.namespace:
                raise RestoreRefused(
                    "a VolumeSnapshot can only be restored in its own namespace; restore without "
                    "--local into another one"
                )
            try:
                cluster.get(SNAPSHOTS, record.key, record.namespace)
            except NotFound as problem:
                raise RestoreRefused(
                    f"VolumeSnapshot {record.namespace}/{record.key} is gone; restore without "
                    "--local, from the store"
                ) from problem

    def __call__(self, obj: Object) -> Mapping[str, list[str]]:
        metadata = obj["metadata"]
        at = (metadata.get("namespace", ""), metadata["name"])
        record = self._kept.get(at) if identity(obj) == "PersistentVolumeClaim" else None
        if not record:
            return {}
        obj["spec"]["dataSource"] = _source(record)
        return {"local layer": ["/spec/dataSource"]}


def _source(record: VolumeRecord) -> dict[str, str]:
    return {"apiGroup": SNAPSHOTS.group, "kind": SNAPSHOTS.kind, "name": record.key}
