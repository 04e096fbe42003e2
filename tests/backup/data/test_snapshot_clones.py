"""A volume is read out of a VolumeSnapshot or a clone, and nothing of it stays but what was asked.

The twin has no driver: what makes VolumeSnapshots ready is written here. The real controllers of
the sandbox are in test_commands.py.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from resilience.backup.catalog.catalog import Snapshot, opened
from resilience.backup.catalog.verify import verify
from resilience.backup.data.local_layer import LocalLayer
from resilience.backup.data.snapshot_clones import LOCAL, SNAPSHOTS
from resilience.backup.format.errors import RestoreRefused, StoreError, VolumeFailed
from resilience.backup.objects.mapping import Targets
from resilience.backup.store.memory import MemoryStore
from resilience.backup.take.data_request import Inside, with_data
from resilience.backup.take.snapshot import Request, create
from resilience.cluster.errors import Conflict, Invalid
from resilience.cluster.interface import CLAIMS, Object, Resource
from resilience.model.inside import Volumes
from tests.backup.data.local_volumes import SCOPE, LocalExec, claimed
from tests.backup.fakes import FakeClock, FakeCluster

READY = {"readyToUse": True, "restoreSize": "2Gi"}


def driven(status: dict[str, Any] | None = None, modes: tuple[str, ...] = ()) -> FakeCluster:
    """A shop whose claim has a driver that takes snapshots."""
    cluster = claimed()
    cluster.served |= {"volumesnapshots.snapshot.storage.k8s.io": SNAPSHOTS}
    made = cluster.on_create

    def act(obj: Object) -> None:
        if obj["kind"] == "VolumeSnapshot":
            obj["status"] = dict(status or READY)
        else:
            made(obj)

    cluster.on_create = act
    claim = cluster.objects["persistentvolumeclaims", "shop", "data"]
    claim["spec"] |= {
        "storageClassName": "fast",
        "resources": {"requests": {"storage": "1Gi"}},
        "accessModes": list(modes or ("ReadWriteOnce",)),
    }
    return cluster


class Helpers(LocalExec):
    """Every helper sees the same directory; `mounted` is what each was given."""

    def __init__(self, root: Path) -> None:
        super().__init__({})
        self.root = root

    def run(self, namespace: str, pod: str, container: str, *rest: Any, **more: Any) -> Any:
        self.directories[f"{namespace}/{pod}"] = self.root
        return super().run(namespace, pod, container, *rest, **more)


def taken(
    cluster: FakeCluster,
    root: Path,
    volumes: Volumes,
    *,
    name: str = "one",
    clock: FakeClock | None = None,
    last: Callable[[], None] = lambda: None,
) -> Snapshot:
    store, clock = MemoryStore(), clock or FakeClock()
    request = with_data(
        Request(name=name, scope=SCOPE, before_commit=last),
        cluster,
        Helpers(root),
        clock=clock,
        inside=Inside(volumes=volumes),
        tell=lambda text: None,
    )
    create(request, cluster, store, clock=clock)
    return opened(store, name)


def made(cluster: FakeCluster, kind: str) -> list[str]:
    return [name for verb, what, _, name in cluster.requests if (verb, what) == ("create", kind)]


def there(cluster: FakeCluster, kind: str) -> list[str]:
    return [name for what, _, name in cluster.objects if what == kind]


def spec_of(cluster: FakeCluster, kind: str) -> list[Object]:
    """What was created, from the moment of its creation."""
    seen: list[Object] = []
    before = cluster.on_create

    def watch(obj: Object) -> None:
        if obj["kind"] == kind:
            seen.append(obj)
        before(obj)

    cluster.on_create = watch
    return seen


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "file").write_text("content")
    return tmp_path


def test_a_snapshot_of_the_volume_is_read_and_nothing_of_it_stays(root: Path) -> None:
    cluster = driven()
    claims, pods = spec_of(cluster, "PersistentVolumeClaim"), spec_of(cluster, "Pod")
    found = taken(cluster, root, Volumes(from_="snapshot"))
    assert verify(found).intact
    (claim,), (pod,) = claims, pods
    assert claim["spec"]["dataSource"]["kind"] == "VolumeSnapshot"
    assert claim["spec"]["resources"]["requests"]["storage"] == "2Gi"
    assert claim["spec"]["storageClassName"] == "fast"
    (mounted,) = pod["spec"]["volumes"]
    assert mounted["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert "affinity" not in pod["spec"]  # nobody else uses it, so it may run anywhere
    assert there(cluster, "persistentvolumeclaims") == ["data"]
    assert there(cluster, "volumesnapshots.snapshot.storage.k8s.io") == []
    assert [each.claim for each in (found.manifest or pytest.fail("none")).volumes] == ["data"]


def test_a_driver_that_tells_no_size_gets_the_size_of_the_claim(root: Path) -> None:
    cluster = driven({"readyToUse": True, "restoreSize": "0"})
    claims = spec_of(cluster, "PersistentVolumeClaim")
    taken(cluster, root, Volumes(from_="snapshot"))
    assert claims[0]["spec"]["resources"]["requests"]["storage"] == "1Gi"


def test_a_clone_needs_no_snapshot(root: Path) -> None:
    cluster = driven()
    claims = spec_of(cluster, "PersistentVolumeClaim")
    assert verify(taken(cluster, root, Volumes(from_="clone"))).intact
    assert claims[0]["spec"]["dataSource"] == {"kind": "PersistentVolumeClaim", "name": "data"}
    assert made(cluster, "volumesnapshots.snapshot.storage.k8s.io") == []
    assert there(cluster, "persistentvolumeclaims") == ["data"]


def test_a_claim_for_one_pod_alone_can_be_taken_while_that_pod_runs(root: Path) -> None:
    with pytest.raises(VolumeFailed, match="ReadWriteOncePod and used by Pod db-0"):
        taken(driven(modes=("ReadWriteOncePod",)), root, Volumes())
    cluster = driven(modes=("ReadWriteOncePod",))
    assert verify(taken(cluster, root, Volumes(from_="snapshot"))).intact


def test_a_snapshot_that_does_not_become_ready_fails_with_the_drivers_words(root: Path) -> None:
    cluster = driven({"readyToUse": False, "error": {"message": "no such class"}})
    clock = FakeClock()
    began = clock.now()
    with pytest.raises(VolumeFailed, match=r"is not ready after 60s: no such class"):
        taken(cluster, root, Volumes(from_="snapshot"), clock=clock)
    assert (clock.now() - began).total_seconds() < 120
    assert there(cluster, "volumesnapshots.snapshot.storage.k8s.io") == []


def test_a_cluster_without_the_kind_is_told_what_to_do(root: Path) -> None:
    cluster = driven()

    def unserved(verb: str, kind: str, namespace: str, name: str) -> None:
        if verb == "create" and kind.startswith("volumesnapshots"):
            raise Invalid(400, "VolumeSnapshot is not served", reason="BadRequest")

    cluster.faults.append(unserved)
    with pytest.raises(VolumeFailed, match="or read it `from: live`"):
        taken(cluster, root, Volumes(from_="snapshot"))


def test_the_newest_stay_on_the_cluster_and_are_labelled_as_no_backup(root: Path) -> None:
    cluster, clock = driven(), FakeClock()
    for number in range(4):
        clock.wait(3600)
        found = taken(cluster, root, Volumes(local=2), name=f"n{number}", clock=clock)
        newest = (found.manifest or pytest.fail("none")).volumes[0]
    kept = there(cluster, "volumesnapshots.snapshot.storage.k8s.io")
    assert len(kept) == 2
    assert newest.key in kept
    assert (newest.kind, newest.claim) == (LOCAL, "data")
    labels = cluster.objects["volumesnapshots.snapshot.storage.k8s.io", "shop", newest.key]
    assert labels["metadata"]["labels"]["resilience/off-cluster"] == "false"
    checked = verify(found)
    assert (checked.intact, checked.volumes) == (True, 1)  # the other one is on the cluster


def test_without_a_snapshot_in_the_store_none_stays_on_the_cluster(root: Path) -> None:
    cluster = driven()

    def full() -> None:
        raise StoreError("no more")

    with pytest.raises(StoreError):
        taken(cluster, root, Volumes(local=2, from_="snapshot"), last=full)
    assert there(cluster, "volumesnapshots.snapshot.storage.k8s.io") == []


def test_a_snapshot_that_fails_takes_no_earlier_one_from_the_cluster(root: Path) -> None:
    cluster, clock = driven(), FakeClock()
    taken(cluster, root, Volumes(local=1), name="first", clock=clock)
    before = there(cluster, "volumesnapshots.snapshot.storage.k8s.io")
    clock.wait(3600)

    def full() -> None:
        raise StoreError("no more")

    with pytest.raises(StoreError):
        taken(cluster, root, Volumes(local=1), name="second", clock=clock, last=full)
    assert there(cluster, "volumesnapshots.snapshot.storage.k8s.io") == before


@pytest.mark.parametrize("skew", [0, 3 * 86400])
def test_what_a_killed_run_left_goes_a_day_later(root: Path, skew: float) -> None:
    """By the clock that dated it: another run's is not taken for old because this machine's is
    ahead."""
    cluster, clock = driven(), FakeClock()
    clock.wait(skew)
    labels = {"resilience/role": "stand-in"}
    for name, made_at in (("old", "2026-02-27T00:00:00Z"), ("young", "2026-03-01T01:00:00Z")):
        body = claim()
        body["metadata"] |= {"name": name, "labels": labels}
        cluster.create(CLAIMS, body, "shop")
        stored = cluster.objects["persistentvolumeclaims", "shop", name]
        stored["metadata"]["creationTimestamp"] = made_at
    taken(cluster, root, Volumes(from_="clone"), clock=clock)
    assert there(cluster, "persistentvolumeclaims") == ["data", "young"]


def claim() -> Object:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": "shop"},
        "spec": {},
    }


def test_a_lost_claim_is_made_from_what_stayed(root: Path) -> None:
    cluster = driven()
    found = taken(cluster, root, Volumes(local=1))
    kept, _ = (found.manifest or pytest.fail("none")).volumes
    body, local = claim(), LocalLayer(found, Targets(), cluster)
    assert local(body)
    assert body["spec"]["dataSource"]["name"] == kept.key
    assert set(local.claims) == {(kept.namespace, kept.claim)}


def test_what_is_gone_or_elsewhere_is_said_before_anything_is_created(root: Path) -> None:
    cluster = driven()
    found = taken(cluster, root, Volumes(local=1))
    with pytest.raises(RestoreRefused, match="only be restored in its own namespace"):
        LocalLayer(found, Targets(namespaces={"shop": "other"}), cluster)
    with pytest.raises(RestoreRefused, match="left no VolumeSnapshots"):
        LocalLayer(taken(driven(), root, Volumes()), Targets(), cluster)
    with pytest.raises(RestoreRefused, match="is gone; restore without --local"):
        LocalLayer(found, Targets(), driven())


class Interrupted(FakeCluster):
    """A signal arrives before the answer to a creation has been read."""

    kind = ""

    def create(self, resource: Resource, body: Object, *more: Any, **options: Any) -> Object:
        made = super().create(resource, body, *more, **options)
        if resource.kind == self.kind:
            raise KeyboardInterrupt
        return made


@pytest.mark.parametrize("kind", ["PersistentVolumeClaim", "VolumeSnapshot"])
def test_a_signal_before_an_answer_leaves_no_clone(volume: Path, kind: str) -> None:
    cluster: Any = driven()
    cluster.__class__, cluster.kind = Interrupted, kind
    before = set(cluster.objects)
    with pytest.raises(KeyboardInterrupt):
        taken(cluster, volume, Volumes(from_="snapshot"))
    assert set(cluster.objects) == before


def test_a_name_that_is_taken_is_somebody_elses(volume: Path) -> None:
    cluster = driven()
    refused = Conflict(409, "already exists", reason="AlreadyExists")

    def taken_name(verb: str, kind: str, namespace: str, name: str) -> None:
        if verb == "create" and kind.startswith("volumesnapshots"):
            raise refused

    cluster.faults.append(taken_name)
    with pytest.raises(Conflict):
        taken(cluster, volume, Volumes(from_="snapshot"))
    assert not [each for each in cluster.requests if each[0] == "delete"]
