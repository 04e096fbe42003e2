"""The generic rules of writes, in process."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.apiserver.registry.registry import Registry
from resilience.sandbox.host.sandbox_clock import VirtualClock
from resilience.sandbox.host.sandbox_config import Identity
from resilience.sandbox.kube.api import ApiError
from resilience.sandbox.kube.call import Call
from tests.sandbox.apiserver.wire import config_map, deployment, pod


def make(api: Registry, plural: str, body: dict[str, Any], group: str = "") -> dict[str, Any]:
    body["metadata"].setdefault("namespace", "default")
    return api.create(api.resource(plural, group), body)


def refusal(code: int, reason: str) -> Any:
    return pytest.raises(ApiError, check=lambda error: (error.code, error.reason) == (code, reason))


def test_create_stamps_uid_version_time_and_generation(api: Registry) -> None:
    made = make(api, "deployments", deployment("web"), "apps")["metadata"]
    assert made["uid"]
    assert made["resourceVersion"] == str(api.store.version)
    assert made["creationTimestamp"] == "2027-01-15T08:00:00Z"
    assert made["generation"] == 1


def test_generate_name_adds_five_safe_characters(api: Registry) -> None:
    body = config_map("")
    body["metadata"] = {"generateName": "x" * 80}
    name = make(api, "configmaps", body)["metadata"]["name"]
    assert name[:58] == "x" * 58
    assert len(name) == 63
    assert not set(name[58:]) & set("aeiou013l")


def test_a_second_object_of_that_name_already_exists(api: Registry) -> None:
    make(api, "configmaps", config_map("x"))
    with refusal(409, "AlreadyExists"):
        make(api, "configmaps", config_map("x"))


def test_a_missing_namespace_is_not_found(api: Registry) -> None:
    body = config_map("x")
    body["metadata"]["namespace"] = "nowhere"
    with refusal(404, "NotFound"):
        make(api, "configmaps", body)


def test_a_terminating_namespace_admits_nothing_and_names_the_cause(api: Registry) -> None:
    spaces = api.resource("namespaces")
    api.create(spaces, {"metadata": {"name": "old"}})
    api.delete(spaces, "", "old")
    body = config_map("x")
    body["metadata"]["namespace"] = "old"
    with refusal(403, "Forbidden") as caught:
        make(api, "configmaps", body)
    assert caught.value.details["causes"][0]["reason"] == "NamespaceTerminating"


def test_default_namespace_cannot_be_deleted(api: Registry) -> None:
    with refusal(403, "Forbidden"):
        api.delete(api.resource("namespaces"), "", "default")


def test_a_stale_version_conflicts_and_no_version_wins(api: Registry) -> None:
    maps = api.resource("configmaps")
    old = make(api, "configmaps", config_map("x", a="1"))
    api.update(maps, {**old, "data": {"a": "2"}})
    with refusal(409, "Conflict"):
        api.update(maps, {**old, "data": {"a": "3"}})
    blind = {**old, "metadata": {"name": "x", "namespace": "default"}, "data": {"a": "3"}}
    assert api.update(maps, blind)["data"] == {"a": "3"}


def test_a_write_that_changes_nothing_makes_no_version(api: Registry) -> None:
    made = make(api, "configmaps", config_map("x", a="1"))
    before = api.store.version
    assert api.update(api.resource("configmaps"), made) is made
    assert api.store.version == before


def test_clients_cannot_change_uid_creation_or_generation(api: Registry) -> None:
    deployments = api.resource("deployments", "apps")
    made = make(api, "deployments", deployment("web"), "apps")
    changed = {**made, "metadata": {**made["metadata"], "generation": 9, "creationTimestamp": "x"}}
    again = api.update(deployments, changed)
    assert again["metadata"]["generation"] == 1
    assert again["metadata"]["creationTimestamp"] == made["metadata"]["creationTimestamp"]
    with refusal(409, "Conflict"):
        api.update(deployments, {**made, "metadata": {**made["metadata"], "uid": "other"}})


def test_only_spec_changes_count_as_generations(api: Registry) -> None:
    deployments = api.resource("deployments", "apps")
    make(api, "deployments", deployment("web"), "apps")
    labelled = api.patch(deployments, "default", "web", {"metadata": {"labels": {"a": "b"}}})
    assert labelled["metadata"]["generation"] == 1
    scaled = api.patch(deployments, "default", "web", {"spec": {"replicas": 3}})
    assert scaled["metadata"]["generation"] == 2


def test_status_and_spec_have_doors_of_their_own(api: Registry) -> None:
    deployments = api.resource("deployments", "apps")
    make(api, "deployments", deployment("web"), "apps")
    both: Any = {"spec": {"replicas": 5}, "status": {"replicas": 4}}
    main = api.patch(deployments, "default", "web", both)
    assert (main["spec"]["replicas"], main["status"]) == (5, {})
    both["spec"]["replicas"] = 6
    status = api.patch(deployments, "default", "web", both, subresource="status")
    assert (status["spec"]["replicas"], status["status"]) == (5, {"replicas": 4})
    assert status["metadata"]["generation"] == 2


def test_stored_objects_are_never_changed_in_place(api: Registry) -> None:
    deployments = api.resource("deployments", "apps")
    made = make(api, "deployments", deployment("web"), "apps")
    before = str(made)
    api.patch(deployments, "default", "web", {"spec": {"template": {"metadata": {"labels": None}}}})
    api.patch(
        deployments,
        "default",
        "web",
        [{"op": "add", "path": "/spec/paused", "value": True}],
        type="json",
    )
    assert str(made) == before


def test_a_dry_run_creates_an_answer_and_stores_nothing(api: Registry) -> None:
    call = Call(user=Identity("u"), dry_run=True)
    before = api.store.version
    body = config_map("x")
    body["metadata"]["namespace"] = "default"
    made = api.create(api.resource("configmaps"), body, call=call)
    assert made["metadata"]["uid"]
    assert api.store.version == before


def test_scale_changes_only_replicas(api: Registry) -> None:
    deployments = api.resource("deployments", "apps")
    make(api, "deployments", deployment("web"), "apps")
    scale = api.patch(deployments, "default", "web", {"spec": {"replicas": 4}}, subresource="scale")
    assert scale["kind"] == "Scale"
    assert scale["status"]["selector"] == "app=web"
    stored = api.get(deployments, "default", "web")
    assert (stored["spec"]["replicas"], stored["metadata"]["generation"]) == (4, 2)


def test_a_pod_is_bound_once(api: Registry) -> None:
    pods = api.resource("pods")
    made = make(api, "pods", pod("x"))
    binding = {"metadata": {"name": "x", "namespace": "default"}, "target": {"name": "node-1"}}
    api.update(pods, binding, "binding")
    bound = api.get(pods, "default", "x")
    assert bound["spec"]["nodeName"] == "node-1"
    assert bound["status"]["conditions"][-1]["type"] == "PodScheduled"
    assert bound["metadata"]["generation"] == made["metadata"]["generation"]
    with refusal(409, "Conflict"):
        api.update(pods, binding, "binding")


def test_a_pod_carries_the_zone_of_its_node_whether_it_is_bound_or_made_there(
    api: Registry,
) -> None:
    zone, region = "topology.kubernetes.io/zone", "topology.kubernetes.io/region"
    labels = {zone: "a", region: "eu", "pool": "spot"}
    make(api, "nodes", {"metadata": {"name": "node-1", "labels": labels}})
    bound, there = pod("bound"), pod("there")
    bound["metadata"]["labels"] = {"app": "web", zone: "mine"}
    there["spec"]["nodeName"] = "node-1"
    make(api, "pods", bound)
    make(api, "pods", there)
    pods = api.resource("pods")
    target = {"metadata": {"name": "bound", "namespace": "default"}, "target": {"name": "node-1"}}
    api.update(pods, target, "binding")
    told = api.get(pods, "default", "bound")["metadata"]["labels"]
    assert told == {"app": "web", zone: "a", region: "eu"}
    assert api.get(pods, "default", "there")["metadata"]["labels"][zone] == "a"
    lost = pod("lost")
    lost["spec"]["nodeName"] = "no-such-node"
    assert make(api, "pods", lost)["metadata"]["labels"] == {"app": "lost"}


def test_controlled_objects_are_found_by_owner_and_dependents_by_any(api: Registry) -> None:
    for name, controller in (("mine", True), ("theirs", False)):
        body = pod(name)
        body["metadata"]["ownerReferences"] = [
            {"apiVersion": "v1", "kind": "X", "name": "o", "uid": "u", "controller": controller}
        ]
        make(api, "pods", body)
    pods = api.resource("pods")
    assert [entry["metadata"]["name"] for entry in api.list(pods, owner="u")] == ["mine"]
    assert len(list(api.dependents("u"))) == 2


def test_repeated_events_are_counted(api: Registry, clock: VirtualClock) -> None:
    about = make(api, "pods", pod("x"))
    for _ in range(3):
        api.event(about, type="Warning", reason="Failed", message="m", component="c")
        clock.advance(5)
    (event,) = api.list(api.resource("events"), "default")
    assert event["count"] == 3
    assert event["lastTimestamp"] == "2027-01-15T08:00:10Z"
    assert event["firstTimestamp"] == "2027-01-15T08:00:00Z"


def test_events_are_dropped_an_hour_after_their_last_repeat(
    api: Registry, clock: VirtualClock
) -> None:
    about = make(api, "pods", pod("x"))
    stop = api.recorder.keep_swept()
    for message in ("old", "kept"):
        api.event(about, type="Normal", reason="R", message=message, component="c")
    clock.advance(3000)
    api.event(about, type="Normal", reason="R", message="kept", component="c")
    clock.advance(1200)
    (event,) = api.list(api.resource("events"), "default")
    assert (event["message"], event["count"]) == ("kept", 2)
    stop()
    clock.advance(7200)
    assert len(api.list(api.resource("events"), "default")) == 1


def test_of_too_many_events_the_oldest_are_dropped(
    api: Registry, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resilience.sandbox.apiserver.registry.server_events._KEPT", 300)
    about = make(api, "pods", pod("x"))
    for number in range(450):
        api.event(about, type="Normal", reason="R", message=f"{number}", component="c")
        clock.advance(1)
    stop = api.recorder.keep_swept()
    resource = api.resource("events")
    assert len(api.list(resource, "default")) == 350  # a portion at a time
    clock.advance(1)
    kept = {int(event["message"]) for event in api.list(resource, "default")}
    assert kept == set(range(150, 450))
    stop()


def test_service_addresses_are_unique_kept_and_given_back(api: Registry) -> None:
    services = api.resource("services")
    body: Any = {"metadata": {"name": "a"}, "spec": {"ports": [{"port": 80}]}}
    address = make(api, "services", body)["spec"]["clusterIP"]
    assert address.startswith("127.20.")
    assert int(address.split(".")[2]) >= 128
    taken: Any = {"metadata": {"name": "b"}, "spec": {"clusterIP": address, "ports": [{"port": 1}]}}
    with refusal(422, "Invalid"):
        make(api, "services", taken)
    kept = api.update(
        services,
        {"metadata": {"name": "a", "namespace": "default"}, "spec": {"ports": [{"port": 81}]}},
    )
    assert kept["spec"]["clusterIP"] == address
    api.delete(services, "default", "a")
    assert make(api, "services", taken)["spec"]["clusterIP"] == address


@pytest.mark.parametrize("version", ["", "0"])
def test_a_new_object_may_have_the_version_of_none(api: Registry, version: str) -> None:
    body: Any = {"metadata": {"name": "a", "resourceVersion": version}}
    assert make(api, "configmaps", body)["metadata"]["resourceVersion"] not in ("", "0")


@pytest.mark.parametrize("exists", [False, True])
def test_a_new_object_has_no_version_yet(api: Registry, exists: bool) -> None:
    if exists:
        make(api, "configmaps", {"metadata": {"name": "a"}})
    with refusal(500, ""):
        make(api, "configmaps", {"metadata": {"name": "a", "resourceVersion": "5"}})


def test_the_kubernetes_service_gets_the_first_address(api: Registry) -> None:
    body: Any = {"metadata": {"name": "kubernetes"}, "spec": {"ports": [{"port": 443}]}}
    assert make(api, "services", body)["spec"]["clusterIP"] == "127.20.128.1"


def test_pods_tolerate_dead_nodes_for_300_seconds_unless_they_say_otherwise(api: Registry) -> None:
    own = {
        "key": "node.kubernetes.io/not-ready",
        "operator": "Exists",
        "effect": "NoExecute",
        "tolerationSeconds": 3,
    }
    made = make(api, "pods", pod("x", tolerations=[own]))["spec"]["tolerations"]
    assert [(entry["key"], entry["tolerationSeconds"]) for entry in made] == [
        ("node.kubernetes.io/not-ready", 3),
        ("node.kubernetes.io/unreachable", 300),
    ]


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({}, "BestEffort"),
        ({"requests": {"cpu": "1"}}, "Burstable"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}}, "Guaranteed"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}}, "Burstable"),
        ({"limits": {"cpu": "1"}}, "Burstable"),
    ],
)
def test_qos_class_follows_requests_and_limits(
    api: Registry, resources: dict[str, Any], expected: str
) -> None:
    body = pod("x", containers=[{"name": "c", "image": "i", "resources": resources}])
    assert make(api, "pods", body)["status"]["qosClass"] == expected


def test_a_statefulsets_max_unavailable_is_dropped_while_its_gate_is_off(api: Registry) -> None:
    """1.36 has the feature off (kubernetes#137904): one Pod after another is replaced."""
    template = {"metadata": {"labels": {"app": "db"}},
                "spec": {"containers": [{"name": "c", "image": "i"}]}}  # fmt: skip
    body = {
        "metadata": {"name": "db", "namespace": "default"},
        "spec": {"serviceName": "db", "selector": {"matchLabels": {"app": "db"}},
                 "template": template,
                 "updateStrategy": {"rollingUpdate": {"maxUnavailable": 2, "partition": 1}}},
    }  # fmt: skip
    made = api.create(api.resource("statefulsets", "apps"), body)
    assert made["spec"]["updateStrategy"]["rollingUpdate"] == {"partition": 1}
