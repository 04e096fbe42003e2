"""Slices for Endpoints that were written by hand (pkg/controller/endpointslicemirroring)."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.controllers.endpoints.slice_mirroring import LIMIT
from resilience.sandbox.kube.api import Obj
from tests.sandbox.controllers.world import World

SLICES = "endpointslices.discovery.k8s.io"
MANAGED = "endpointslice.kubernetes.io/managed-by"


def endpoints(*ips: str, port: int = 80, **metadata: Any) -> Obj:
    subset = {"addresses": [{"ip": ip} for ip in ips], "ports": [{"name": "web", "port": port}]}
    return {"metadata": {"name": "db", **metadata}, "subsets": [subset] if ips else []}


@pytest.fixture
def served(world: World) -> World:
    """A Service without a selector."""
    world.create("services", {"metadata": {"name": "db"}, "spec": {"ports": [{"port": 80}]}})
    return world


def slices(world: World) -> list[Obj]:
    world.run(1)
    return [each for each in world.all(SLICES)
            if each["metadata"]["labels"].get("kubernetes.io/service-name") == "db"]  # fmt: skip


def shown(world: World) -> list[tuple[str, list[str], list[int]]]:
    return sorted(
        (each["addressType"],
         sorted(ip for endpoint in each["endpoints"] for ip in endpoint["addresses"]),
         [port["port"] for port in each["ports"]])
        for each in slices(world)
    )  # fmt: skip


def test_a_subset_becomes_a_slice_for_each_family(served: World) -> None:
    served.create("endpoints", endpoints("10.1.2.3", "fd00::1", labels={"a": "b"},
                                         annotations={"c": "d"}))  # fmt: skip
    assert shown(served) == [("IPv4", ["10.1.2.3"], [80]), ("IPv6", ["fd00::1"], [80])]
    found = slices(served)[0]
    owner = found["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["name"], owner["controller"]) == ("Endpoints", "db", True)
    assert found["metadata"]["labels"] == {
        "a": "b", "kubernetes.io/service-name": "db",
        MANAGED: "endpointslicemirroring-controller.k8s.io",
    }  # fmt: skip
    assert found["metadata"]["annotations"] == {"c": "d"}
    assert found["endpoints"][0]["conditions"] == {"ready": True}
    assert found["ports"][0] == {"name": "web", "port": 80, "protocol": "TCP"}


def test_addresses_that_are_not_ready_are_mirrored_as_such(served: World) -> None:
    body = endpoints("10.1.2.3")
    body["subsets"][0]["notReadyAddresses"] = [{"ip": "10.1.2.4", "nodeName": "node-1"}]
    served.create("endpoints", body)
    found = slices(served)[0]["endpoints"]
    assert [(each["addresses"], each["conditions"], each.get("nodeName")) for each in found] == [
        (["10.1.2.3"], {"ready": True}, None),
        (["10.1.2.4"], {"ready": False}, "node-1"),
    ]


@pytest.mark.parametrize("port", [80, 81])
def test_a_change_keeps_the_slice(served: World, port: int) -> None:
    served.create("endpoints", endpoints("10.1.2.3"))
    before = slices(served)[0]["metadata"]["name"]
    kind = served.kind("endpoints")
    current = served.api.get(kind, "default", "db")
    served.api.update(kind, {**current, "subsets": endpoints("20.3.4.5", port=port)["subsets"]})
    assert shown(served) == [("IPv4", ["20.3.4.5"], [port])]
    assert slices(served)[0]["metadata"]["name"] == before


def test_what_did_not_change_is_not_written(served: World) -> None:
    served.create("endpoints", endpoints("10.1.2.3"))
    before = slices(served)
    served.api.patch(served.kind("services"), "default", "db", {"metadata": {"labels": {"x": "y"}}})
    assert slices(served) == before


@pytest.mark.parametrize("end", ["endpoints", "service", "selector", "skip", "empty"])
def test_slices_go_with_what_they_mirror(served: World, end: str) -> None:
    served.create("endpoints", endpoints("10.1.2.3"))
    assert len(slices(served)) == 1
    services, kind = served.kind("services"), served.kind("endpoints")
    if end == "endpoints":
        served.api.delete(kind, "default", "db")
    elif end == "service":
        served.api.delete(services, "default", "db")
    elif end == "selector":
        served.api.patch(services, "default", "db", {"spec": {"selector": {"app": "db"}}})
    elif end == "skip":
        label = {"endpointslice.kubernetes.io/skip-mirror": "true"}
        served.api.patch(kind, "default", "db", {"metadata": {"labels": label}})
    else:
        served.api.patch(kind, "default", "db", {"subsets": None})
    labels = [each["metadata"]["labels"][MANAGED] for each in slices(served)]
    left = [manager for manager in labels if manager.startswith("endpointslicemirroring")]
    assert left == []


def test_a_service_that_comes_later_is_mirrored(world: World) -> None:
    world.create("endpoints", endpoints("10.1.2.3"))
    assert slices(world) == []
    world.create("services", {"metadata": {"name": "db"}, "spec": {"ports": [{"port": 80}]}})
    assert shown(world) == [("IPv4", ["10.1.2.3"], [80])]


def test_a_lock_of_an_old_leader_is_not_mirrored(served: World) -> None:
    annotations = {"control-plane.alpha.kubernetes.io/leader": "{}"}
    served.create("endpoints", endpoints("10.1.2.3", annotations=annotations))
    assert slices(served) == []


def test_an_event_reports_addresses_beyond_the_limit(served: World) -> None:
    ips = [f"10.1.{at // 250}.{at % 250 + 1}" for at in range(LIMIT + 1)]
    served.create("endpoints", endpoints(*ips))
    assert len(slices(served)[0]["endpoints"]) == LIMIT
    said = [event["message"] for event in served.all("events")
            if event["reason"] == "TooManyAddressesToMirror"]  # fmt: skip
    assert said == [
        "A max of 1000 addresses can be mirrored to EndpointSlices per Endpoints subset. 1"
        " addresses were skipped"
    ]
