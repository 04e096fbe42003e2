"""The helper Pod of a claim: where it runs, whom it gives way to, and what it replaces."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from resilience.backup.catalog.catalog import opened
from resilience.backup.catalog.verify import verify
from resilience.backup.data.container_stream import Ended
from resilience.backup.data.helper.helper_holder import HOLDER, holder
from resilience.backup.data.helper.helper_pod import RUN
from resilience.backup.data.volumes import TarVolumes
from resilience.backup.format.errors import (
    VolumeFailed,
)
from resilience.backup.store.memory import MemoryStore
from resilience.backup.take.snapshot import Request, create
from resilience.cluster.helper_pods import marks
from resilience.cluster.interface import Object, Resource
from tests.backup.data.local_volumes import (
    SCOPE,
    LocalExec,
    claimed,
    taken,
    user,
    volumes,
)
from tests.backup.fakes import FakeClock, FakeCluster


def test_the_helper_stands_where_the_volume_is_and_only_reads(volume: Path) -> None:
    cluster, pods = claimed(), list[Object]()
    made = cluster.on_create

    def watch(obj: Object) -> None:
        made(obj)
        if obj["metadata"]["name"].startswith("resilience-volume"):
            pods.append(obj)

    cluster.on_create = watch
    taken(cluster, LocalExec({"shop/resilience-volume-data": volume}))
    (pod,) = pods
    affinity = pod["spec"]["affinity"]["nodeAffinity"]
    (term,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert term["matchFields"][0]["values"] == ["node-3"]
    assert pod["spec"]["containers"][0]["volumeMounts"][0]["readOnly"] is True


def test_a_raw_block_device_is_refused_before_a_helper_is_made(volume: Path) -> None:
    cluster = claimed()
    cluster.objects["persistentvolumeclaims", "shop", "data"]["spec"]["volumeMode"] = "Block"
    with pytest.raises(VolumeFailed, match=r"raw block device: .* back up its content with an app"):
        taken(cluster, LocalExec({"shop/resilience-volume-data": volume}))
    assert ("create", "pods", "shop", "resilience-volume-data") not in cluster.requests


def test_a_stream_whose_helper_is_taken_away_is_begun_again(volume: Path) -> None:
    cluster, exec_ = claimed(), LocalExec({"shop/resilience-volume-data": volume})
    lost = 0

    def evicted(out: bytes, ended: Ended) -> tuple[bytes, Ended]:
        nonlocal lost
        lost += 1
        if lost > 2:
            return out, ended
        del cluster.objects["pods", "shop", "resilience-volume-data"]
        return out[:5000], Ended(None, "")

    exec_.after = evicted
    snapshot = opened(taken(cluster, exec_), "one")
    assert lost == 3
    assert verify(snapshot).intact


def test_a_helper_that_is_always_taken_away_fails_the_snapshot_and_leaves_nothing(
    volume: Path,
) -> None:
    cluster, exec_ = claimed(), LocalExec({"shop/resilience-volume-data": volume})

    def evicted(out: bytes, ended: Ended) -> tuple[bytes, Ended]:
        del cluster.objects["pods", "shop", "resilience-volume-data"]
        return b"", Ended(None, "")

    exec_.after = evicted
    store = MemoryStore()
    request = Request(name="one", scope=SCOPE, volumes=volumes(cluster, exec_).take)
    with pytest.raises(VolumeFailed, match="its helper Pod was deleted in the meantime"):
        create(request, cluster, store, clock=FakeClock())
    assert not [key for key in store.files if key.startswith("backups/")]


def test_the_helper_follows_the_volumes_user_to_another_node(volume: Path) -> None:
    cluster, nodes = claimed(), list[str]()

    def scheduled(obj: Object) -> None:
        if not obj["metadata"]["name"].startswith("resilience-volume"):
            return
        affinity = obj["spec"]["affinity"]["nodeAffinity"]
        (term,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
        nodes.append(term["matchFields"][0]["values"][0])
        obj["status"] = {"phase": "Pending" if nodes[-1] == "node-3" else "Running"}
        cluster.objects["pods", "shop", "db-0"]["spec"]["nodeName"] = "node-1"

    cluster.on_create = scheduled
    taken(cluster, LocalExec({"shop/resilience-volume-data": volume}))
    assert nodes == ["node-3", "node-1"]


class Draining(FakeClock):
    """The volume's user ends after so many waits."""

    def __init__(self, cluster: FakeCluster, waits: int) -> None:
        super().__init__()
        self._cluster, self._left = cluster, waits

    def wait(self, seconds: float) -> None:
        super().wait(seconds)
        self._left -= 1
        if self._left == 0:
            moved = user("db-0")
            moved["spec"]["nodeName"] = "node-1"
            self._cluster.objects["pods", "shop", "db-0"] = moved


def leaving(cluster: FakeCluster) -> list[str]:
    """The volume's user terminates; returns the nodes that helpers are sent to, in order."""
    there = cluster.objects["pods", "shop", "db-0"]
    there["metadata"]["deletionTimestamp"] = "2026-03-01T02:00:00Z"
    nodes: list[str] = []

    def scheduled(obj: Object) -> None:
        affinity = obj["spec"]["affinity"]["nodeAffinity"]
        (term,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
        nodes.append(term["matchFields"][0]["values"][0])
        obj["status"] = {"phase": "Running"}

    cluster.on_create = scheduled
    return nodes


@pytest.mark.parametrize(
    ("waits", "node"),
    [(1, "node-1"), (400, "node-1"), (10_000, "node-3")],
    ids=["at once", "after a long grace period", "never"],
)
def test_no_helper_is_sent_to_the_node_that_the_volumes_user_leaves(
    volume: Path, waits: int, node: str
) -> None:
    cluster = claimed()
    nodes = leaving(cluster)
    exec_ = LocalExec({"shop/resilience-volume-data": volume})
    clock = Draining(cluster, waits)
    tar = TarVolumes(cluster=cluster, exec=exec_, clock=clock, name="one")
    create(Request(name="one", scope=SCOPE, volumes=tar.take), cluster, MemoryStore(), clock=clock)
    assert nodes == [node]


def test_a_successor_with_a_node_is_preferred_to_the_user_that_leaves(volume: Path) -> None:
    cluster = claimed()
    nodes = leaving(cluster)
    successor = user("db-1")
    successor["spec"]["nodeName"] = "node-2"
    cluster.objects["pods", "shop", "db-1"] = successor
    taken(cluster, LocalExec({"shop/resilience-volume-data": volume}))
    assert nodes == ["node-2"]


def test_a_volume_that_only_one_pod_may_mount_is_named_with_the_way_out() -> None:
    cluster = claimed()
    claim = cluster.objects["persistentvolumeclaims", "shop", "data"]
    claim["spec"]["accessModes"] = ["ReadWriteOncePod"]
    with pytest.raises(VolumeFailed, match=r"used by Pod db-0.*application dump"):
        taken(cluster, LocalExec({}))


def left(cluster: FakeCluster, **annotations: str) -> None:
    """A helper Pod of the volume."""
    metadata = {"name": "resilience-volume-data", "namespace": "shop", "labels": marks("volume"),
                "annotations": annotations}  # fmt: skip
    cluster.add({"apiVersion": "v1", "kind": "Pod", "metadata": metadata,
                 "spec": {"containers": [{"name": "volume"}]}})  # fmt: skip


def test_the_helper_of_a_run_that_was_killed_is_replaced(volume: Path) -> None:
    cluster, exec_ = claimed(), LocalExec({"shop/resilience-volume-data": volume})
    gone = holder().rpartition("/")[0] + "/1"
    left(cluster, **{RUN: "other", HOLDER: gone})
    assert verify(opened(taken(cluster, exec_), "one")).intact
    left(cluster, **{RUN: "other", HOLDER: "of another machine/4026531836/77/8000"})
    assert verify(opened(taken(cluster, exec_), "one")).intact


def test_the_helper_of_a_run_that_lives_is_not_touched(volume: Path) -> None:
    cluster, exec_ = claimed(), LocalExec({"shop/resilience-volume-data": volume})
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as living:
        stat = Path(f"/proc/{living.pid}/stat").read_text().rpartition(")")[2].split()
        machine = holder().rpartition("/")[0].rpartition("/")[0]
        left(cluster, **{RUN: "other", HOLDER: f"{machine}/{living.pid}/{stat[19]}"})
        with pytest.raises(VolumeFailed, match="other works on this volume now"):
            taken(cluster, exec_)
        living.kill()
    assert verify(opened(taken(cluster, exec_), "one")).intact


class Interrupted(FakeCluster):
    """A signal arrives before the answer to the helper's creation has been read."""

    def create(self, resource: Resource, body: Object, *more: Any, **options: Any) -> Object:
        made = super().create(resource, body, *more, **options)
        if body["metadata"]["name"].startswith("resilience-volume"):
            raise KeyboardInterrupt
        return made


@pytest.mark.parametrize(
    ("made", "stays"), [({}, False), ({HOLDER: "x"}, True), ({RUN: "x"}, True)]
)
def test_a_signal_before_the_answer_leaves_no_helper_of_this_run(
    volume: Path, made: dict[str, str], stays: bool
) -> None:
    cluster = claimed()
    cluster.__class__ = Interrupted
    on_create = cluster.on_create

    def marked(obj: Object) -> None:
        on_create(obj)
        if obj["metadata"]["name"].startswith("resilience-volume"):
            obj["metadata"]["annotations"] |= made

    cluster.on_create = marked
    with pytest.raises(KeyboardInterrupt):
        taken(cluster, LocalExec({"shop/resilience-volume-data": volume}))
    assert (("pods", "shop", "resilience-volume-data") in cluster.objects) is stays


def test_a_pod_that_no_run_made_is_not_touched(volume: Path) -> None:
    cluster, exec_ = claimed(), LocalExec({"shop/resilience-volume-data": volume})
    left(cluster)
    with pytest.raises(VolumeFailed, match="no run claims to have created it"):
        taken(cluster, exec_)


def test_a_helper_that_never_runs_is_told_with_its_reason() -> None:
    cluster = claimed()
    cluster.on_create = lambda obj: obj.setdefault(
        "status", {"phase": "Pending", "conditions": [{"message": "0/3 nodes are available"}]}
    )
    with pytest.raises(VolumeFailed, match=r"Pending after at most 120s: 0/3 nodes are available"):
        taken(cluster, LocalExec({}))
