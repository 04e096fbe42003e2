"""What was recorded comes back: in order, linked, once, and nothing is touched before it can."""

from __future__ import annotations

import base64
import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from resilience.backup.catalog.catalog import opened
from resilience.backup.format import layout
from resilience.backup.format.errors import RestoreRefused, StoreUnreachable
from resilience.backup.objects.mapping import Targets
from resilience.backup.objects.rules import RESTORE
from resilience.backup.restore.outcome import Outcome, RestoreReport
from resilience.backup.restore.restore import RestoreRequest, restore
from resilience.backup.store.memory import MemoryStore
from resilience.backup.take.scope import Scope
from resilience.backup.take.snapshot import Request, create
from resilience.cluster.errors import Forbidden, ServerTrouble, Throttled, Unreachable
from resilience.cluster.interface import Object, Resource
from resilience.cluster.permit.door import NotCovered
from resilience.engine.guard import rbac
from tests.backup.fakes import (
    RESOURCES,
    FakeClock,
    FakeCluster,
    config_map,
    deployment,
    secret,
    shop,
)

WIDGETS = Resource("example.com", "v1", "widgets", "Widget")


def stored(cluster: FakeCluster, *namespaces: str) -> MemoryStore:
    store = MemoryStore()
    scope = Scope(namespaces=namespaces or ("shop",))
    create(Request(name="one", scope=scope), cluster, store, clock=FakeClock())
    return store


def brought_back(
    store: MemoryStore, target: FakeCluster, clock: FakeClock | None = None, **options: Any
) -> RestoreReport:
    settings: dict[str, Any] = {"name": "back", "workers": 4} | options
    request = RestoreRequest(**settings)
    return restore(request, opened(store, "one"), target, clock=clock or FakeClock())


def created(target: FakeCluster) -> list[str]:
    return [kind for verb, kind, _, _ in target.requests if verb == "create"]


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


def test_what_others_need_is_created_first() -> None:
    target = FakeCluster()
    brought_back(stored(shop()), target)
    order = created(target)
    assert order[0] == "namespaces"
    assert set(order[1:3]) == {"configmaps", "secrets"}
    assert order[3:] == ["services", "deployments.apps"]


def test_a_kind_is_created_and_established_before_its_objects() -> None:
    source = FakeCluster((*RESOURCES, WIDGETS))
    source.namespace("shop")
    source.add(
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": "widgets.example.com"},
            "spec": {"group": "example.com"},
        },
        {
            "apiVersion": "example.com/v1",
            "kind": "Widget",
            "metadata": {"name": "w", "namespace": "shop"},
            "spec": {"size": 1},
        },
    )
    store, target, clock = stored(source), FakeCluster(), FakeClock()
    crd = ("customresourcedefinitions.apiextensions.k8s.io", "", "widgets.example.com")

    def establish(verb: str, kind: str, namespace: str, name: str) -> None:
        if verb == "get" and kind == crd[0] and len(clock.waited) == 2:
            target.served["widgets.example.com"] = WIDGETS
            target.objects[crd]["status"] = {
                "conditions": [
                    {"type": "Established", "status": "True"},
                    {"type": "NamesAccepted", "status": "True"},
                ]
            }

    target.faults.append(establish)
    report = brought_back(store, target, clock)
    assert report.complete
    assert created(target) == [crd[0], "namespaces", "widgets.example.com"]
    assert len(clock.waited) == 2


def test_a_kind_that_the_target_lacks_is_found_before_anything_is_created() -> None:
    source = FakeCluster((*RESOURCES, WIDGETS))
    source.namespace("shop")
    source.add(
        {
            "apiVersion": "example.com/v1",
            "kind": "Widget",
            "metadata": {"name": "w", "namespace": "shop"},
        }
    )
    target = FakeCluster()
    with pytest.raises(RestoreRefused, match=r"does not serve widgets\.example\.com"):
        brought_back(stored(source), target)
    assert created(target) == []


def owned(obj: Object, owner: Object, *, controller: bool = False) -> Object:
    obj["metadata"]["ownerReferences"] = [
        {
            "apiVersion": owner["apiVersion"],
            "kind": owner["kind"],
            "controller": controller,
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
        }
    ]
    return obj


def test_owner_references_are_linked_to_the_new_uid() -> None:
    source = shop()
    owner = source.objects["deployments.apps", "shop", "checkout"]
    source.add(owned(config_map("generated"), owner))
    source.add(owned(secret("deeper"), source.objects["configmaps", "shop", "generated"]))
    target = FakeCluster()
    target.version = 5000
    brought_back(stored(source), target)
    uid = target.objects["deployments.apps", "shop", "checkout"]["metadata"]["uid"]
    found = target.objects["configmaps", "shop", "generated"]["metadata"]
    assert [each["uid"] for each in found["ownerReferences"]] == [uid]
    deeper = target.objects["secrets", "shop", "deeper"]["metadata"]["ownerReferences"]
    assert deeper[0]["uid"] == found["uid"]


def test_an_owner_outside_the_snapshot_is_dropped_so_that_the_object_lives() -> None:
    source = shop()
    stranger = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n", "uid": "u-9"}}
    source.add(owned(config_map("orphan"), stranger))
    target = FakeCluster()
    brought_back(stored(source), target)
    assert "ownerReferences" not in target.objects["configmaps", "shop", "orphan"]["metadata"]


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


def test_an_existing_object_that_differs_stops_the_restore_before_it_begins() -> None:
    store, target = stored(shop()), shop()
    target.objects["configmaps", "shop", "settings"]["data"] = {"greeting": "bye"}
    before = target.version
    with pytest.raises(RestoreRefused, match=r"configmaps shop/settings.*already exists"):
        brought_back(store, target)
    assert target.version == before


def test_equal_objects_are_no_conflict() -> None:
    store, target = stored(shop()), shop()
    report = brought_back(store, target)
    assert report.counts == {Outcome.EQUAL: 5}


def test_skip_leaves_what_exists_and_says_where_it_differs() -> None:
    store, target = stored(shop()), shop()
    target.objects["configmaps", "shop", "settings"]["data"] = {"greeting": "bye"}
    report = brought_back(store, target, existing="skip")
    (item,) = [item for item in report.items if item.outcome is Outcome.SKIPPED]
    assert (item.name, item.reason) == ("settings", "differs in data")
    assert target.objects["configmaps", "shop", "settings"]["data"] == {"greeting": "bye"}


def test_update_also_removes_what_was_added_since() -> None:
    store, target = stored(shop()), shop()
    target.objects["configmaps", "shop", "settings"]["data"] = {"greeting": "bye", "new": "1"}
    report = brought_back(store, target, existing="update")
    assert report.counts[Outcome.UPDATED] == 1
    assert target.objects["configmaps", "shop", "settings"]["data"] == {"greeting": "hello"}


VOLUME: Object = {
    "apiVersion": "v1",
    "kind": "PersistentVolume",
    "metadata": {"name": "disk"},
    "spec": {
        "persistentVolumeReclaimPolicy": "Retain",
        "claimRef": {
            "kind": "PersistentVolumeClaim",
            "namespace": "shop",
            "name": "data",
            "uid": "1",
        },
    },
}


def with_volume(
    phase: str, *, bound: bool = True, **annotations: str
) -> tuple[MemoryStore, FakeCluster]:
    """Its snapshot, and a cluster where only the volume is left."""
    cluster, target, volume = FakeCluster(), FakeCluster(), copy.deepcopy(VOLUME)
    volume["metadata"]["annotations"] = annotations
    cluster.namespace("shop")
    claim = {"kind": "PersistentVolumeClaim", "metadata": {"name": "data", "namespace": "shop"}}
    cluster.add({"apiVersion": "v1", **claim, "spec": {"volumeName": "disk"}})
    cluster.add(copy.deepcopy(volume))
    store = stored(cluster, "shop")
    if not bound:
        del volume["spec"]["claimRef"]
    target.add(volume | {"status": {"phase": phase}})
    return store, target


def test_a_released_volume_is_refused_before_anything_is_written() -> None:
    store, target = with_volume("Released")
    for dry_run in (True, False):
        request = RestoreRequest(name="r", dry_run=dry_run)
        if dry_run:
            (bad,) = restore(request, opened(store, "one"), target, clock=FakeClock()).bad
            assert "it is Released" in bad.reason
        else:
            with pytest.raises(RestoreRefused, match=r"it is Released.*--existing update"):
                restore(request, opened(store, "one"), target, clock=FakeClock())
    assert created(target) == []


def test_an_update_makes_a_released_volume_available_to_its_claim() -> None:
    store, target = with_volume("Released")
    request = RestoreRequest(name="r", existing="update")
    assert restore(request, opened(store, "one"), target, clock=FakeClock()).complete
    found = target.objects["persistentvolumes", "", "disk"]["spec"]["claimRef"]
    assert (found["namespace"], found["name"]) == ("shop", "data")
    assert not found.get("uid")


@pytest.mark.parametrize(
    ("phase", "bound", "annotations"),
    [
        ("Released", True, {"pv.kubernetes.io/provisioned-by": "csi.example.com"}),
        ("Available", False, {}),
        ("Bound", True, {}),
    ],
)
def test_a_volume_that_does_not_stand_in_the_way_is_equal(
    phase: str, bound: bool, annotations: dict[str, str]
) -> None:
    store, target = with_volume(phase, bound=bound, **annotations)
    request = RestoreRequest(name="r", dry_run=True)
    report = restore(request, opened(store, "one"), target, clock=FakeClock())
    outcomes = {item.kind: item.outcome for item in report.items}
    assert outcomes["persistentvolumes"] is Outcome.EQUAL


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


@pytest.mark.parametrize("mapping", [{"shop": "bank"}, {"shop": "copy", "bank": "copy"}])
def test_two_namespaces_into_one_are_refused_before_anything_is_written(
    mapping: dict[str, str],
) -> None:
    source = shop()
    source.namespace("bank")
    source.add(config_map("settings", "bank", colour="other"))
    target = FakeCluster()
    with pytest.raises(RestoreRefused, match=r"bank, shop of snapshot one would both go to"):
        brought_back(stored(source, "shop", "bank"), target, targets=Targets(namespaces=mapping))
    assert created(target) == []


def test_two_namespaces_may_change_places() -> None:
    source = shop()
    source.namespace("bank")
    source.add(config_map("only-here", "bank"))
    target = FakeCluster()
    swapped = Targets(namespaces={"shop": "bank", "bank": "shop"})
    assert brought_back(stored(source, "shop", "bank"), target, targets=swapped).complete
    assert ("configmaps", "shop", "only-here") in target.objects
    assert ("secrets", "bank", "password") in target.objects


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


@pytest.mark.parametrize(
    "trouble",
    [
        Throttled(429, "too many requests", retry_after=7.0),
        ServerTrouble(500, 'failed calling webhook "check.example.com": connection refused'),
        Unreachable("connection reset"),
        Forbidden(
            403,
            "being terminated",
            status={"details": {"causes": [{"reason": "NamespaceTerminating"}]}},
        ),
    ],
)
def test_what_passes_is_waited_for(trouble: Exception) -> None:
    store, target, clock = stored(shop()), FakeCluster(), FakeClock()
    troubles = [trouble, trouble]

    def fault(verb: str, kind: str, namespace: str, name: str) -> None:
        if (verb, kind) == ("create", "services") and troubles:
            raise troubles.pop()

    target.faults.append(fault)
    assert brought_back(store, target, clock).complete
    assert len(clock.waited) == 2
    if isinstance(trouble, Throttled):
        assert clock.waited == [7.0, 7.0]


def test_what_does_not_pass_ends_with_the_servers_words() -> None:
    store, target = stored(shop()), FakeCluster()

    def quota(verb: str, kind: str, namespace: str, name: str) -> None:
        if (verb, kind) == ("create", "secrets"):
            raise Forbidden(403, "exceeded quota: compute, requested: secrets=1, used: secrets=9")

    target.faults.append(quota)
    report = brought_back(store, target)
    (item,) = report.bad
    assert (item.kind, item.name) == ("secrets", "password")
    assert "exceeded quota: compute" in item.reason


class Guarded(FakeCluster):
    """Secrets may not be written: the door is asked before the API server is."""

    shut = False

    def create(
        self, resource: Resource, body: Object, namespace: str = "", *, dry_run: bool = False
    ) -> Object:
        if self.shut and resource.plural == "secrets":
            raise NotCovered("POST secrets was not sent: no target lists it")
        return super().create(resource, body, namespace, dry_run=dry_run)


def beyond_consent(*there: Object) -> FakeCluster:
    """A target where Secrets may not be written, with those that exist."""
    target = Guarded()
    target.namespace("shop", labels={"team": "checkout"})
    target.add(*there)
    target.shut = True
    return target


def test_an_object_beyond_consent_that_is_there_already_is_equal() -> None:
    report = brought_back(stored(shop()), beyond_consent(secret("password", value="c2VjcmV0")))
    assert report.complete
    assert [item.outcome for item in report.items if item.kind == "secrets"] == [Outcome.EQUAL]


@pytest.mark.parametrize("there", [[], [secret("password", value="b3RoZXI=")]])
def test_an_object_beyond_consent_that_would_have_to_be_written_is_refused(
    there: list[Object],
) -> None:
    with pytest.raises(RestoreRefused, match="no target lists it"):
        brought_back(stored(shop()), beyond_consent(*there))


def test_patience_has_an_end() -> None:
    store, target, clock = stored(shop()), FakeCluster(), FakeClock()

    def down(verb: str, kind: str, namespace: str, name: str) -> None:
        if (verb, kind) == ("create", "services"):
            raise ServerTrouble(503, "etcd is down")

    target.faults.append(down)
    (item,) = brought_back(store, target, clock, patience=30.0).bad
    assert item.reason == "etcd is down (still so after waiting)"
    assert sum(clock.waited) <= 30


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


def test_an_answer_that_was_lost_is_no_conflict() -> None:
    store, target = stored(shop()), FakeCluster()
    lost = [True]

    def lose(obj: Object) -> None:
        if obj["kind"] == "Secret" and lost and target.requests[-1][0] == "create":
            lost.pop()
            obj["metadata"] |= {"uid": "uid-x", "resourceVersion": "1"}
            target.objects["secrets", "shop", "password"] = obj
            raise Unreachable("the connection broke before the answer")

    target.on_create = lose
    report = brought_back(store, target, ask_first=False)
    assert report.complete
    assert report.counts[Outcome.RESUMED] == 1


def test_a_thousand_objects_are_created_once_each_by_many_workers() -> None:
    source = shop()
    source.add(*(config_map(f"cm-{n:04}") for n in range(1000)))
    source.add(*(deployment(f"d-{n}") for n in range(50)))
    target = FakeCluster()
    report = brought_back(stored(source), target, workers=16, ask_first=False)
    assert report.counts == {Outcome.CREATED: 1055}
    assert len(set(target.requests)) == len(target.requests)


def test_a_claim_keeps_its_wave_and_is_linked_to_an_owner_that_comes_later() -> None:
    source = shop()
    owner = source.objects["deployments.apps", "shop", "checkout"]
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": "shop"},
        "spec": {"volumeName": "pv-1"},
    }
    source.add(owned(claim, owner), owned(secret("generated", value="eA=="), owner))
    target = FakeCluster()
    target.version = 5000
    assert brought_back(stored(source), target, workers=1).complete
    order = created(target)
    assert order.index("persistentvolumeclaims") < order.index("services")
    assert order[-1] == "deployments.apps"
    uid = target.objects["deployments.apps", "shop", "checkout"]["metadata"]["uid"]
    for kind, name in (("persistentvolumeclaims", "data"), ("secrets", "generated")):
        owners = target.objects[kind, "shop", name]["metadata"]["ownerReferences"]
        assert [each["uid"] for each in owners] == [uid]


def test_an_owner_outside_the_snapshot_that_lives_is_kept() -> None:
    source, target = shop(), shop()
    for cluster in (source, target):
        cluster.put(RESOURCES[0], {"metadata": {"name": "tenant", "uid": "u-t"}})
    tenant = source.objects["namespaces", "", "tenant"]
    source.add(owned(config_map("mine"), tenant))
    report = brought_back(stored(source), target)
    assert report.complete
    owners = target.objects["configmaps", "shop", "mine"]["metadata"]["ownerReferences"]
    assert [each["uid"] for each in owners] == ["u-t"]
    assert brought_back(stored(source), target, name="again").counts[Outcome.EQUAL] == 6


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
