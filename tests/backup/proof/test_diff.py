"""A comparison tells what differs, ignores what cannot come back, and shows no secret."""

from __future__ import annotations

import copy

import pytest

from resilience.backup.catalog.catalog import opened
from resilience.backup.objects.mapping import Targets
from resilience.backup.objects.merge import merge_patch
from resilience.backup.proof.compare import between, with_cluster
from resilience.backup.proof.diff import differences
from resilience.backup.restore.restore import restore
from resilience.backup.restore.restore_request import RestoreRequest
from resilience.backup.store.memory import MemoryStore
from resilience.backup.take.scope import Scope
from resilience.backup.take.snapshot import Request, create
from resilience.cluster.interface import Object
from tests.backup.fakes import FakeClock, FakeCluster, config_map, deployment, secret, shop


def take(cluster: FakeCluster, store: MemoryStore, name: str) -> None:
    create(Request(name=name, scope=Scope(namespaces=("shop",))), cluster, store, clock=FakeClock())


def told(was: Object, now: Object) -> list[str]:
    return [str(each) for each in differences(was, now)]


def test_each_difference_is_a_pointer_with_both_values() -> None:
    was, now = config_map("c", a="1", b="2"), config_map("c", a="9", **{"x/y": "3"})
    assert told(was, now) == [
        '/data/a: "1" became "9"',
        '/data/b was removed (was "2")',
        '/data/x~1y was added ("3")',
    ]


def test_the_values_of_a_secret_are_never_shown() -> None:
    (line,) = told(secret("s", key="aHVudGVyMg=="), secret("s", key="b3RoZXI="))
    assert line == "/data/key: (secret) became (secret)"


def test_true_is_not_one_and_a_missing_key_is_not_null() -> None:
    base = deployment("d")
    assert told(base | {"spec": {"paused": True}}, base | {"spec": {"paused": 1}})
    assert told(base | {"spec": {"x": None}}, base | {"spec": {}})


LIVED = {
    "uid": "u",
    "resourceVersion": "7",
    "generation": 3,
    "creationTimestamp": "2026-01-01",
    "managedFields": [{}],
}


@pytest.mark.parametrize(
    ("recorded", "live"),
    [
        ({"kind": "Pod", "metadata": LIVED}, {"kind": "Pod", "metadata": {}}),
        (
            {
                "kind": "Service",
                "metadata": {},
                "spec": {
                    "clusterIP": "10.0.0.1",
                    "clusterIPs": ["10.0.0.1"],
                    "ports": [{"nodePort": 30080}],
                },
            },
            {
                "kind": "Service",
                "metadata": {},
                "spec": {
                    "clusterIP": "10.0.0.2",
                    "clusterIPs": ["10.0.0.2"],
                    "ports": [{"nodePort": 30081}],
                },
            },
        ),
        (
            {
                "kind": "PersistentVolumeClaim",
                "spec": {"volumeName": "pv-1"},
                "metadata": {"annotations": {"pv.kubernetes.io/bind-completed": "yes"}},
            },
            {"kind": "PersistentVolumeClaim", "spec": {"volumeName": "pv-2"}, "metadata": {}},
        ),
        (
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"annotations": {"deployment.kubernetes.io/revision": "3"}},
            },
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {}},
        ),
        (
            {
                "kind": "Secret",
                "metadata": {"ownerReferences": [{"kind": "W", "name": "w", "uid": "1"}]},
            },
            {
                "kind": "Secret",
                "metadata": {"ownerReferences": [{"kind": "W", "name": "w", "uid": "2"}]},
            },
        ),
        (
            {"kind": "ConfigMap", "metadata": {"labels": {"velero.io/restore-name": "r"}}},
            {"kind": "ConfigMap", "metadata": {"annotations": {"resilience/restore": "r"}}},
        ),
        (
            {
                "kind": "Pod",
                "metadata": {},
                "status": {"phase": "Running"},
                "spec": {
                    "nodeName": "a",
                    "priority": 0,
                    "volumes": [{"name": "kube-api-access-abcde", "projected": {}}],
                    "containers": [{"volumeMounts": [{"name": "kube-api-access-abcde"}]}],
                },
            },
            {
                "kind": "Pod",
                "metadata": {},
                "spec": {
                    "nodeName": "b",
                    "volumes": [{"name": "kube-api-access-fghij", "projected": {}}],
                    "containers": [{"volumeMounts": [{"name": "kube-api-access-fghij"}]}],
                },
            },
        ),
    ],
)
def test_what_the_cluster_gives_anew_is_no_difference(recorded: Object, live: Object) -> None:
    before = copy.deepcopy(recorded)
    assert told(recorded, live) == []
    assert recorded == before


@pytest.mark.parametrize(
    ("recorded", "live"),
    [
        (
            {"kind": "Service", "metadata": {}, "spec": {"clusterIP": "None"}},
            {"kind": "Service", "metadata": {}, "spec": {"clusterIP": "10.0.0.1"}},
        ),
        (
            {"kind": "Pod", "metadata": {}, "spec": {"volumes": [{"name": "data"}]}},
            {"kind": "Pod", "metadata": {}, "spec": {}},
        ),
        (
            {"kind": "ConfigMap", "metadata": {"finalizers": ["example.com/x"]}},
            {"kind": "ConfigMap", "metadata": {}},
        ),
    ],
)
def test_what_was_chosen_is_a_difference(recorded: Object, live: Object) -> None:
    assert told(recorded, live)


def test_two_snapshots_are_told_apart_in_words() -> None:
    cluster, store = shop(), MemoryStore()
    take(cluster, store, "one")
    cluster.objects["configmaps", "shop", "settings"]["data"]["greeting"] = "bye"
    cluster.add(config_map("new"))
    del cluster.objects["services", "shop", "checkout"]
    take(cluster, store, "two")
    assert [str(each) for each in between(opened(store, "one"), opened(store, "two"))] == [
        "configmaps shop/new was added",
        'configmaps shop/settings changed\n  /data/greeting: "hello" became "bye"',
        "services shop/checkout was removed",
    ]


def test_a_restored_copy_is_the_same_until_somebody_changes_it() -> None:
    store, target = MemoryStore(), FakeCluster()
    take(shop(), store, "one")
    targets = Targets(namespaces={"shop": "copy"})
    restore(
        RestoreRequest(name="r", targets=targets), opened(store, "one"), target, clock=FakeClock()
    )

    def found() -> list[str]:
        return [
            str(each)
            for each in with_cluster(
                opened(store, "one"), target, namespaces=targets.namespaces
            ).changes
        ]

    assert found() == []
    target.objects["deployments.apps", "copy", "checkout"]["spec"]["replicas"] = 2
    del target.objects["secrets", "copy", "password"]
    assert found() == [
        "secrets copy/password was removed",
        "deployments.apps copy/checkout changed\n  /spec/replicas: 1 became 2",
    ]


def test_a_merge_patch_turns_one_into_the_other() -> None:
    live = {"a": 1, "b": {"c": [1], "d": None}, "e": {"f": 1}}
    wanted = {"a": True, "b": {"c": [2]}, "g": {}}
    assert merge_patch(live, wanted) == {"a": True, "b": {"c": [2], "d": None}, "e": None, "g": {}}
    assert merge_patch(wanted, wanted) == {}
