"""What was recorded comes back: in order, linked, once, and nothing is touched before it can."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Iterator

import pytest

from resilience.backup.format import layout
from resilience.backup.format.errors import StoreUnreachable
from resilience.backup.objects.mapping import Targets
from resilience.backup.objects.rules import RESTORE
from resilience.backup.restore.outcome import Outcome
from resilience.backup.store.memory import MemoryStore
from resilience.cluster.interface import Object
from resilience.engine.guard import rbac
from tests.backup.fakes import (
    FakeCluster,
    config_map,
    deployment,
    shop,
)
from tests.backup.restore.restoring import brought_back, created, owned, stored


def test_an_archive_is_read_once_for_what_comes_first_and_once_for_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Namespaces are the last entries of an archive and the first objects of a restore."""
    store, read, stream = stored(shop()), list[str](), MemoryStore.stream

    def counted(self: MemoryStore, key: str, version: str = "") -> Iterator[bytes]:
        read.append(key)
        return stream(self, key, version)

    monkeypatch.setattr(MemoryStore, "stream", counted)
    assert brought_back(store, FakeCluster(), ask_first=False).complete
    assert read.count(layout.archive("one")) == 2
    assert read.count(layout.objects("one")) == 1


def test_a_lost_namespace_comes_back_whole() -> None:
    target = FakeCluster()
    report = brought_back(stored(shop()), target)
    assert report.complete
    assert report.counts == {Outcome.CREATED: 5}
    back = target.objects["secrets", "shop", "password"]
    assert back["data"] == {"value": "c2VjcmV0"}
    assert back["metadata"]["annotations"][RESTORE] == "back"
    assert "clusterIP" not in target.objects["services", "shop", "checkout"]["spec"]


def test_what_a_namespace_permits_is_no_difference_and_is_never_restored() -> None:
    source = shop()
    source.objects["namespaces", "", "shop"]["metadata"]["labels"]["resilience/consent"] = "allow"
    bare = FakeCluster()
    brought_back(stored(source), bare)
    labels = bare.objects["namespaces", "", "shop"]["metadata"].get("labels") or {}
    assert "resilience/consent" not in labels
    labelled = FakeCluster()
    labelled.namespace("shop", labels={"team": "checkout", "resilience/consent": "allow"})
    assert brought_back(stored(shop()), labelled).complete
    kept = labelled.objects["namespaces", "", "shop"]["metadata"]["labels"]
    assert kept["resilience/consent"] == "allow"


def test_what_a_controller_makes_anew_is_left_to_it() -> None:
    source = shop()
    checkout = source.objects["deployments.apps", "shop", "checkout"]
    source.add(
        owned(
            {
                "apiVersion": "apps/v1",
                "kind": "ReplicaSet",
                "metadata": {"name": "checkout-1", "namespace": "shop"},
            },
            checkout,
            controller=True,
        )
    )
    replicas = source.objects["replicasets.apps", "shop", "checkout-1"]
    source.add(
        owned(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "spec": {},
                "metadata": {"name": "checkout-1-a", "namespace": "shop"},
            },
            replicas,
            controller=True,
        )
    )
    target = FakeCluster()
    report = brought_back(stored(source), target)
    left = {item.name: item.reason for item in report.items if item.outcome is Outcome.LEFT}
    assert left == {
        "checkout-1": "recreated by Deployment checkout",
        "checkout-1-a": "recreated by ReplicaSet checkout-1",
    }
    assert not {"pods", "replicasets.apps"} & set(created(target))


@pytest.mark.parametrize(
    ("obj", "reason"),
    [
        ({"kind": "Pod", "status": {"phase": "Succeeded"}}, "ended: Succeeded"),
        (
            {"kind": "Job", "status": {"conditions": [{"type": "Failed", "status": "True"}]}},
            "ended: Failed",
        ),
        (
            {
                "kind": "Secret",
                "type": "kubernetes.io/service-account-token",
                "metadata": {
                    "name": "robot-token-x7k2p",
                    "namespace": "shop",
                    "annotations": {"kubernetes.io/service-account.name": "robot"},
                },
            },
            "generated for ServiceAccount robot",
        ),
        (
            {
                "kind": "RoleBinding",
                "metadata": {"name": rbac.NAME, "namespace": "shop"},
                "roleRef": {"kind": "ClusterRole", "name": "view"},
            },
            "the permissions of these runs themselves: `resilience rbac` prints them",
        ),
    ],
)
def test_what_must_not_come_back_is_left_with_its_reason(obj: Object, reason: str) -> None:
    source = shop()
    groups = {"Job": "batch/v1", "RoleBinding": "rbac.authorization.k8s.io/v1"}
    named = {"metadata": {"name": "x", "namespace": "shop"}} | obj
    source.add(named | {"apiVersion": groups.get(obj["kind"], "v1")})
    report = brought_back(stored(source), FakeCluster())
    assert [item.reason for item in report.items if item.outcome is Outcome.LEFT] == [reason]


def test_into_another_namespace_everything_that_names_it_follows() -> None:
    source = shop()
    source.add(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "read", "namespace": "shop"},
            "roleRef": {"kind": "Role", "name": "r"},
            "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": "shop"}],
        }
    )
    target = shop()
    brought_back(stored(source), target, targets=Targets(namespaces={"shop": "copy"}))
    binding = target.objects["rolebindings.rbac.authorization.k8s.io", "copy", "read"]
    assert binding["subjects"][0]["namespace"] == "copy"
    assert ("namespaces", "", "copy") in target.objects
    assert target.objects["deployments.apps", "copy", "checkout"]["spec"]["replicas"] == 1


def test_a_storage_class_is_mapped_in_claims_and_templates() -> None:
    source = shop()
    source.add(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {
                "name": "data",
                "namespace": "shop",
                "annotations": {"pv.kubernetes.io/bind-completed": "yes"},
            },
            "spec": {"storageClassName": "fast", "volumeName": "pv-1"},
        }
    )
    target = FakeCluster()
    brought_back(stored(source), target, targets=Targets(storage_classes={"fast": "slow"}))
    claim = target.objects["persistentvolumeclaims", "shop", "data"]
    assert claim["spec"] == {"storageClassName": "slow"}
    assert "pv.kubernetes.io/bind-completed" not in claim["metadata"]["annotations"]


def test_a_dry_run_changes_nothing_and_tells_everything() -> None:
    target = shop()
    del target.objects["secrets", "shop", "password"]
    before = target.version
    report = brought_back(stored(shop()), target, dry_run=True)
    assert target.version == before
    assert report.counts == {Outcome.EQUAL: 4, Outcome.WOULD_CREATE: 1}


class Killed(BaseException):
    """As if by kill -9."""


def killed_after(count: int) -> Callable[[str, str, str, str], None]:
    left = iter(range(count))

    def fault(verb: str, kind: str, namespace: str, name: str) -> None:
        if verb == "create" and next(left, None) is None:
            raise Killed

    return fault


@pytest.mark.parametrize("count", range(1, 9))
def test_a_killed_restore_goes_on_where_it_stopped(count: int) -> None:
    source = shop()
    owner = source.objects["deployments.apps", "shop", "checkout"]
    source.add(owned(config_map("generated"), owner), config_map("a"), config_map("b"))
    store, target = stored(source), FakeCluster()
    target.version = 5000
    fault = killed_after(count)
    target.faults.append(fault)
    try:
        brought_back(store, target, workers=1)
    except Killed:
        pass
    target.faults.clear()
    report = brought_back(store, target)
    assert report.complete
    assert len(report.items) == 8
    uid = target.objects["deployments.apps", "shop", "checkout"]["metadata"]["uid"]
    found = target.objects["configmaps", "shop", "generated"]["metadata"]["ownerReferences"]
    assert [each["uid"] for each in found] == [uid]


class GoingDown(MemoryStore):
    """Reads of the archive break off once so many bytes were read."""

    def __init__(self, of: MemoryStore, after: int) -> None:
        super().__init__()
        self.files, self._modified, self.left = of.files, of._modified, after

    def stream(self, key: str, version: str = "") -> Iterator[bytes]:
        for piece in super().stream(key, version):
            if key.endswith(".tar.gz"):
                half = piece[: max(self.left, 0)]
                self.left -= len(piece)
                if self.left < 0:
                    yield half
                    raise StoreUnreachable("the store went away")
            yield piece


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_store_that_goes_away_in_the_middle_loses_nothing(share: float) -> None:
    source = shop()
    source.add(*(sized(number) for number in range(60)))
    store, target = stored(source), FakeCluster()
    size = len(store.files[layout.archive("one")])
    going = GoingDown(store, int(size * share))
    with pytest.raises(StoreUnreachable, match="went away"):
        brought_back(going, target, ask_first=False)
    begun = len(target.objects)
    report = brought_back(store, target, ask_first=False)
    assert report.complete
    assert report.counts[Outcome.RESUMED] == begun - 1  # kube-system was there before
    assert sum(kind == "configmaps" for kind, _, _ in target.objects) >= 60


def sized(number: int) -> Object:
    """Nothing that could be compressed."""
    text = base64.b64encode(random.Random(number).randbytes(20_000)).decode()
    return config_map(f"big-{number:03}") | {"data": {"text": text}}


def test_a_thousand_objects_are_created_once_each_by_many_workers() -> None:
    source = shop()
    source.add(*(config_map(f"cm-{n:04}") for n in range(1000)))
    source.add(*(deployment(f"d-{n}") for n in range(50)))
    target = FakeCluster()
    report = brought_back(stored(source), target, workers=16, ask_first=False)
    assert report.counts == {Outcome.CREATED: 1055}
    assert len(set(target.requests)) == len(target.requests)


def test_the_claim_of_a_generic_ephemeral_volume_is_left_to_its_pod() -> None:
    source = shop()
    pod = {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "a"}]},
           "metadata": {"name": "w-0", "namespace": "shop", "uid": "u-w"}}  # fmt: skip
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "spec": {},
             "metadata": {"name": "w-0-scratch", "namespace": "shop"}}  # fmt: skip
    source.add(pod, owned(claim, pod, controller=True))
    report = brought_back(stored(source), FakeCluster())
    left = {item.name: item.reason for item in report.items if item.outcome is Outcome.LEFT}
    assert left == {"w-0-scratch": "recreated by Pod w-0"}


def test_a_pod_that_was_debugged_comes_back_without_the_debug_container() -> None:
    source, target = shop(), FakeCluster()
    source.add({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "shop"},
                "spec": {"containers": [{"name": "a"}],
                         "ephemeralContainers": [{"name": "debugger"}]}})  # fmt: skip
    assert brought_back(stored(source), target).complete
    assert "ephemeralContainers" not in target.objects["pods", "shop", "p"]["spec"]
