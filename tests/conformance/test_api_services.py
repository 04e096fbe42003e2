"""An APIService that leads nowhere stays in discovery and is told as not available.

Source: k8s.io/kube-aggregator/pkg/controllers/status.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator

import pytest

from tests.conformance.wire import Cluster, Obj

SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"


@pytest.fixture
def group(cluster: Cluster) -> Iterator[str]:
    """The group of an APIService whose Service is not there."""
    name = f"g{uuid.uuid4().hex[:8]}.example.org"
    service = {"namespace": cluster.namespace, "name": "none", "port": 443}
    body: Obj = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": f"v1.{name}"},
        "spec": {"group": name, "version": "v1", "service": service, "groupPriorityMinimum": 100,
                 "versionPriority": 10, "insecureSkipTLSVerify": True},
    }  # fmt: skip
    assert cluster.request("POST", SERVICES, body).status == 201
    yield name
    cluster.request("DELETE", f"{SERVICES}/v1.{name}")


def eventually(fact: object) -> None:
    """Until a fact holds; discovery of a real cluster is some seconds late."""
    assert callable(fact)
    end = time.monotonic() + 60
    while not fact():
        assert time.monotonic() < end
        time.sleep(0.2)


def test_a_dead_group_is_in_discovery(cluster: Cluster, group: str) -> None:
    def listed() -> bool:
        found = cluster.request("GET", "/apis").body["groups"]
        return group in {entry["name"] for entry in found}

    eventually(listed)


def test_a_dead_group_is_stale_in_aggregated_discovery(cluster: Cluster, group: str) -> None:
    def stale() -> bool:
        items = cluster.request("GET", "/apis", accept=AGGREGATED).body["items"]
        versions = [v for item in items if item["metadata"].get("name") == group
                    for v in item["versions"]]  # fmt: skip
        return [version.get("freshness") for version in versions] == ["Stale"]

    eventually(stale)


def test_what_is_asked_of_a_dead_group_is_a_503(cluster: Cluster, group: str) -> None:
    eventually(lambda: cluster.request("GET", f"/apis/{group}/v1").status == 503)
    assert cluster.request("GET", f"/apis/{group}/v1/things").status == 503


def test_a_dead_group_is_not_available(cluster: Cluster, group: str) -> None:
    def told() -> bool:
        status = cluster.request("GET", f"{SERVICES}/v1.{group}").body.get("status") or {}
        return [
            (entry["type"], entry["status"], entry["reason"])
            for entry in status.get("conditions") or ()
        ] == [("Available", "False", "ServiceNotFound")]

    eventually(told)
