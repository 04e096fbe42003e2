"""What a helper reads instead of a claim that is in use: a VolumeSnapshot of it, or a clone.

Either holds the volume as it was at one moment, as after a power failure, and also works for a
ReadWriteOncePod claim. It is created, read and deleted; leftovers of a killed run are deleted by
the next, a day later. With `local`, that many VolumeSnapshots of each claim stay: fast to restore
from, and in the same storage as the volume itself, so lost together with it. They are not backups,
and are labelled accordingly.

Sources: snapshot.storage.k8s.io/v1; "Volume Snapshots" and "CSI Volume Cloning" of the Kubernetes
documentation.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from resilience.backup.format.backup_clock import Clock
from resilience.backup.format.errors import VolumeFailed
from resilience.backup.format.manifest import VolumeRecord
from resilience.cluster.errors import ApiError, ClusterError, Invalid, NotFound
from resilience.cluster.interface import CLAIMS, Cluster, Object, Resource
from resilience.kube import objects
from resilience.model.inside import Volumes

SNAPSHOTS = Resource("snapshot.storage.k8s.io", "v1", "volumesnapshots", "VolumeSnapshot")
LOCAL = "csi"
"""Kind of a record that has no data and refers to a VolumeSnapshot on the cluster."""

OFF_CLUSTER = "resilience/off-cluster"
RUN = "resilience/run"
_ROLE = "resilience/role"
_PASSING, _KEPT = "stand-in", "local"
_OURS = {"app.kubernetes.io/managed-by": "pytest-resilience"}
_LEFT_FOR = timedelta(days=1)
_READY_WITHIN = 600.0
_ERROR_STAYS = 60.0
"""The controller retries failures; if it has not succeeded after this time, the snapshot fails."""
_PAUSE = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIns:
    """Creates them. `run` is the snapshot's name."""

    cluster: Cluster
    clock: Clock
    run: str
    wanted: Volumes

    @contextmanager
    def of(self, namespace: str, claim: str) -> Iterator[str]:
        """The claim that a helper mounts while the block runs."""
        if self.wanted.from_ == "live":
            yield claim
            return
        found = self.cluster.get(CLAIMS, claim, namespace)
        if self.wanted.from_ == "clone":
            source = {"kind": "PersistentVolumeClaim", "name": claim}
            with self._claim(found, namespace, source, "") as name:
                yield name
            return
        taken = self._taken(namespace, claim, _PASSING)
        try:
            name = taken["metadata"]["name"]
            told = str(taken["status"].get("restoreSize") or "")
            size = "" if told == "0" else told  # some drivers do not report it
            source = {"apiGroup": SNAPSHOTS.group, "kind": SNAPSHOTS.kind, "name": name}
            with self._claim(found, namespace, source, size) as clone:
                yield clone
        finally:
            self._delete(SNAPSHOTS, taken)

    def keep(self, namespace: str, claim: str) -> VolumeRecord:
        """Keep one more VolumeSnapshot on the cluster."""
        taken = self._taken(namespace, claim, _KEPT)
        return VolumeRecord(
            namespace=namespace,
            claim=claim,
            key=taken["metadata"]["name"],
            bytes=0,
            sha256="",
            kind=LOCAL,
        )

    def thin(self, namespace: str, claim: str) -> None:
        """Delete the oldest VolumeSnapshots beyond `local`, but only once the new snapshot is
        complete: until then they serve fast restores."""
        kept = sorted(self._ours(SNAPSHOTS, namespace, _KEPT), key=_order)
        mine = [each for each in kept if _claim_of(each) == claim]
        for each in mine[: -self.wanted.local]:
            self._delete(SNAPSHOTS, each)

    def take_back(self, record: VolumeRecord) -> None:
        """Called when the snapshot failed: delete its VolumeSnapshots."""
        with suppress(NotFound):
            self.cluster.delete(SNAPSHOTS, record.key, record.namespace)

    def sweep(self, namespace: str) -> None:
        """Delete leftovers of killed runs; no stream takes longer than a day. Their age counts by
        the clock that dated them, the API server's."""
        if self.wanted.from_ == "live":
            return
        before = datetime.fromtimestamp(self.cluster.now(), UTC) - _LEFT_FOR
        for resource in (CLAIMS, SNAPSHOTS):
            with suppress(NotFound):  # the kind itself; its first use reports that better
                for each in self._ours(resource, namespace, _PASSING):
                    if _age(each) < before:
                        self._delete(resource, each)

    def _ours(self, resource: Resource, namespace: str, role: str) -> list[Object]:
        return list(self.cluster.list(resource, namespace, labels=f"{_ROLE}={role}"))

    def _taken(self, namespace: str, claim: str, role: str) -> Object:
        spec: dict[str, Any] = {"source": {"persistentVolumeClaimName": claim}}
        if self.wanted.class_:
            spec["volumeSnapshotClassName"] = self.wanted.class_
        body = {
            "apiVersion": SNAPSHOTS.api_version,
            "kind": SNAPSHOTS.kind,
            "metadata": self._metadata(namespace, claim, role),
            "spec": spec,
        }
        try:
            made = self._created(SNAPSHOTS, body)
        except (NotFound, Invalid) as problem:
            raise VolumeFailed(
                f"volume {namespace}/{claim}: the cluster takes no VolumeSnapshot of it "
                f"({problem}); install the snapshot controller, or read it `from: live`"
            ) from problem
        try:
            return self._ready(made, namespace, claim)
        except BaseException:
            self._delete(SNAPSHOTS, made)
            raise

    def _ready(self, made: Object, namespace: str, claim: str) -> Object:
        began = self.clock.monotonic()
        until = began + _READY_WITHIN
        while True:
            now = self.cluster.get(SNAPSHOTS, made["metadata"]["name"], namespace)
            status = now.get("status") or {}
            if status.get("readyToUse"):
                return now
            why = (status.get("error") or {}).get("message")
            if self.clock.monotonic() >= (began + _ERROR_STAYS if why else until):
                raise VolumeFailed(
                    f"volume {namespace}/{claim}: its VolumeSnapshot is not ready after "
                    f"{self.clock.monotonic() - began:.0f}s: {why or 'no reason given'}"
                )
            self.clock.wait(_PAUSE)

    @contextmanager
    def _claim(
        self, of: Object, namespace: str, source: dict[str, str], size: str
    ) -> Iterator[str]:
        spec = of["spec"]
        body = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": self._metadata(namespace, of["metadata"]["name"], _PASSING),
            "spec": {
                "accessModes": spec["accessModes"],
                "resources": {"requests": {"storage": size or _size(of)}},
                "dataSource": source,
                **{key: spec[key] for key in ("storageClassName", "volumeMode") if spec.get(key)},
            },
        }
        made = self._created(CLAIMS, body)
        try:
            yield made["metadata"]["name"]
        finally:
            self._delete(CLAIMS, made)

    def _created(self, resource: Resource, body: Object) -> Object:
        """A signal may come before the answer has been read. The name is nobody else's."""
        name, namespace = objects.name(body), objects.namespace(body)
        try:
            return self.cluster.create(resource, body, namespace)
        except ApiError:
            raise
        except BaseException:
            with suppress(ClusterError):
                self.cluster.delete(resource, name, namespace)
            raise

    def _metadata(self, namespace: str, claim: str, role: str) -> dict[str, Any]:
        stamp = f"{self.clock.now():%Y%m%d%H%M%S%f}"
        metadata: dict[str, Any] = {
            "name": f"resilience-{role}-{claim[:200].rstrip('-.')}-{stamp}",
            "namespace": namespace,
            "labels": {**_OURS, _ROLE: role, "velero.io/exclude-from-backup": "true"},
            "annotations": {RUN: self.run},
        }
        if role == _KEPT:
            metadata["labels"][OFF_CLUSTER] = "false"
        return metadata

    def _delete(self, resource: Resource, obj: Object) -> None:
        metadata = obj["metadata"]
        with suppress(NotFound):
            self.cluster.delete(
                resource, metadata["name"], metadata["namespace"], uid=metadata["uid"]
            )


def _size(claim: Object) -> str:
    capacity = (claim.get("status") or {}).get("capacity") or {}
    return str(capacity.get("storage") or claim["spec"]["resources"]["requests"]["storage"])


def _claim_of(snapshot: Object) -> str:
    return str(snapshot["spec"]["source"].get("persistentVolumeClaimName", ""))


def _order(obj: Object) -> tuple[datetime, str]:
    return _age(obj), obj["metadata"]["name"]  # which ends in the requested microsecond


def _age(obj: Object) -> datetime:
    return datetime.fromisoformat(obj["metadata"]["creationTimestamp"].replace("Z", "+00:00"))
