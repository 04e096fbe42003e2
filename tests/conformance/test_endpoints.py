"""EndpointSlices, Endpoints, and how Pods end.

Sources: k8s.io/endpointslice, pkg/controller/endpoint, k8s.io/apiserver registry/rest/delete.go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.objects import all_ready, is_ready, pod, service, workload
from tests.conformance.wire import Cluster, Obj

pytestmark = pytest.mark.usefixtures("runs_pods")
HOLD = "conformance.example.com/hold"


def serving(cluster: Cluster, replicas: int = 2, **spec: Any) -> dict[str, Obj]:
    cluster.create("services", service(**spec))
    cluster.create("deployments", workload("web", replicas, serves=True))
    pods = cluster.until("pods", all_ready(replicas))
    slices(cluster, lambda found: ready_count(found) == replicas)
    return pods


def slices(
    cluster: Cluster, holds: Callable[[dict[str, Obj]], bool], within: float = 30
) -> list[Obj]:
    """Endpoints of the Service once a fact about them, by Pod name, holds."""

    def flat(found: dict[str, Obj]) -> dict[str, Obj]:
        return {e["targetRef"]["name"]: e for s in found.values() for e in s["endpoints"] or ()}

    selector = "kubernetes.io/service-name=web"
    state = cluster.until(
        "endpointslices", lambda found: holds(flat(found)), within, labelSelector=selector
    )
    return list(flat(state).values())


def ready_count(found: dict[str, Obj]) -> int:
    return sum(bool(e["conditions"]["ready"]) for e in found.values())


def flags(endpoint: Obj) -> tuple[bool, bool, bool]:
    found = endpoint["conditions"]
    return found["ready"], found["serving"], found["terminating"]


def held(cluster: Cluster, name: str) -> None:
    cluster.patch("pods", name, {"metadata": {"finalizers": [HOLD]}})


def let_go(cluster: Cluster, name: str) -> None:
    cluster.patch("pods", name, {"metadata": {"finalizers": None}})


def test_ready_pods_are_endpoints_with_address_node_and_target(cluster: Cluster) -> None:
    pods = serving(cluster)
    for endpoint in slices(cluster, lambda found: ready_count(found) == 2):
        target = pods[endpoint["targetRef"]["name"]]
        assert endpoint["addresses"] == [target["status"]["podIP"]]
        assert endpoint["nodeName"] == target["spec"]["nodeName"]
        assert endpoint["targetRef"]["uid"] == target["metadata"]["uid"]


def test_a_slice_names_its_service_and_resolves_named_ports(cluster: Cluster) -> None:
    serving(cluster, 1)
    found = cluster.list("endpointslices")[0]
    assert found["metadata"]["labels"]["kubernetes.io/service-name"] == "web"
    assert [(p["name"], p["port"], p["protocol"]) for p in found["ports"]] == [
        ("http", 8080, "TCP")
    ]


def test_a_deleted_pod_stops_being_ready_at_once(cluster: Cluster) -> None:
    name = min(serving(cluster))
    held(cluster, name)
    cluster.delete("pods", name)
    try:
        slices(cluster, lambda found: name not in found or not found[name]["conditions"]["ready"])
    finally:
        let_go(cluster, name)


def test_a_terminating_pod_is_marked_so_while_it_lasts(cluster: Cluster) -> None:
    cluster.create("services", service())
    body = pod("slow", serves=True, grace=90)
    body["spec"]["containers"][0]["args"].append("--delay-shutdown=80")
    cluster.create("pods", body)
    cluster.until_one("pods", "slow", is_ready)
    slices(cluster, lambda found: ready_count(found) == 1)
    cluster.delete("pods", "slow")
    found = slices(cluster, lambda found: flags(found["slow"])[2] if "slow" in found else False)
    assert flags(found[0])[0] is False
    cluster.delete("pods", "slow", gracePeriodSeconds=1)


def test_a_pod_that_is_not_ready_is_listed_as_such(cluster: Cluster) -> None:
    cluster.create("services", service())
    body = pod("one", serves=True)
    body["spec"]["containers"][0]["readinessProbe"]["httpGet"]["port"] = 9
    cluster.create("pods", body)
    found = slices(cluster, lambda found: "one" in found)
    assert flags(found[0]) == (False, False, False)


def test_publish_not_ready_addresses_makes_it_ready(cluster: Cluster) -> None:
    cluster.create("services", service(publishNotReadyAddresses=True))
    body = pod("one", serves=True)
    body["spec"]["containers"][0]["readinessProbe"]["httpGet"]["port"] = 9
    cluster.create("pods", body)
    found = slices(cluster, lambda found: "one" in found)
    assert flags(found[0])[:2] == (True, False)


def test_a_pod_deleted_without_grace_leaves_its_slice(cluster: Cluster) -> None:
    name = min(serving(cluster))
    cluster.delete("pods", name, gracePeriodSeconds=0)
    slices(cluster, lambda found: name not in found)


def test_slices_go_with_their_service(cluster: Cluster) -> None:
    serving(cluster, 1)
    cluster.delete("services", "web")
    cluster.until("endpointslices", lambda found: not found)


def test_a_headless_service_marks_its_slices(cluster: Cluster) -> None:
    cluster.create("services", service(clusterIP="None"))
    key = "service.kubernetes.io/headless"
    cluster.until(
        "endpointslices",
        lambda found: any(key in s["metadata"]["labels"] for s in found.values()),
    )


def test_endpoints_hold_ready_addresses_only_of_living_pods(cluster: Cluster) -> None:
    pods = serving(cluster)

    def complete(found: dict[str, Obj]) -> bool:
        subsets = found.get("web", {}).get("subsets") or [{}]
        return len(subsets[0].get("addresses") or ()) == 2

    found = cluster.until("endpoints", complete)["web"]
    names = {a["targetRef"]["name"] for a in found["subsets"][0]["addresses"]}
    assert names == set(pods)


# -- how Pods end --------------------------------------------------------------------------------


def test_a_delete_sets_the_end_of_the_grace_period(cluster: Cluster) -> None:
    body = pod("one", grace=20)
    body["metadata"]["finalizers"] = [HOLD]
    cluster.create("pods", body)
    cluster.until_one("pods", "one", is_ready)
    answer = cluster.delete("pods", "one")
    let_go(cluster, "one")
    assert answer["metadata"]["deletionGracePeriodSeconds"] == 20
    assert answer["metadata"]["deletionTimestamp"]


def test_a_later_delete_can_only_shorten_the_grace_period(cluster: Cluster) -> None:
    body = pod("one", serves=True, grace=20)
    # It must not have ended by the second request: the period is 0 from then on.
    body["spec"]["containers"][0]["args"].append("--delay-shutdown=20")
    body["metadata"]["finalizers"] = [HOLD]
    cluster.create("pods", body)
    cluster.until_one("pods", "one", is_ready)
    cluster.delete("pods", "one", gracePeriodSeconds=10)
    longer = cluster.delete("pods", "one", gracePeriodSeconds=15)
    let_go(cluster, "one")
    assert longer["metadata"]["deletionGracePeriodSeconds"] == 10


def test_grace_zero_removes_the_object_at_once(cluster: Cluster) -> None:
    cluster.create("pods", pod("one", grace=20))
    cluster.until_one("pods", "one", is_ready)
    cluster.delete("pods", "one", gracePeriodSeconds=0)
    assert cluster.find("pods", "one") is None


def test_a_pod_without_node_is_removed_at_once(cluster: Cluster) -> None:
    cluster.create("pods", pod("one", grace=20, nodeSelector={"no": "such-node"}))
    cluster.delete("pods", "one")
    assert cluster.find("pods", "one") is None


def test_a_delete_with_the_wrong_uid_is_409(cluster: Cluster) -> None:
    cluster.create("pods", pod("one"))
    body = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": "other"}}
    answer = cluster.request("DELETE", cluster.path("pods", "one"), body)
    assert (answer.status, answer.body["reason"]) == (409, "Conflict")
