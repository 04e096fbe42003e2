"""Lists over HTTP: selectors, versions, pages."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest

from resilience.sandbox.apiserver.registry.listing import Lister, Page
from resilience.sandbox.apiserver.registry.registry import Registry
from resilience.sandbox.apiserver.request import query_options
from resilience.sandbox.host.sandbox_clock import VirtualClock
from resilience.sandbox.kube.api import ApiError
from tests.sandbox.apiserver.wire import Wire, config_map, pod

MAPS = "/api/v1/namespaces/NS/configmaps"
PODS = "/api/v1/namespaces/NS/pods"


def names(wire: Wire, query: str, path: str = MAPS) -> list[str]:
    answer = wire("GET", f"{path}?{query}")
    assert answer.status == 200, answer.message
    return [item["metadata"]["name"] for item in answer.json["items"]]


@pytest.fixture
def five(wire: Wire) -> Wire:
    for number in range(5):
        body = config_map(f"m{number}")
        body["metadata"]["labels"] = {"n": str(number), "all": "yes"}
        wire("POST", MAPS, body)
    return wire


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("n=1", ["m1"]),
        ("n==1", ["m1"]),
        ("n%21%3D1,all", ["m0", "m2", "m3", "m4"]),
        ("n in (1,3)", ["m1", "m3"]),
        ("all,n notin (0,1,2)", ["m3", "m4"]),
        ("n,!nothing", ["m0", "m1", "m2", "m3", "m4"]),
        ("n>2", ["m3", "m4"]),
        ("n=9", []),
    ],
)
def test_a_list_returns_what_its_label_selector_selects(
    five: Wire, selector: str, expected: list[str]
) -> None:
    assert names(five, f"labelSelector={selector.replace(' ', '%20')}") == expected


@pytest.mark.parametrize("selector", ["a%20b", "a%20in%20(b", "%3Db", "a,,b", "a%3Db%20c"])
def test_a_malformed_label_selector_is_a_400(wire: Wire, selector: str) -> None:
    answer = wire("GET", f"{MAPS}?labelSelector={selector}")
    assert (answer.status, answer.json["reason"]) == (400, "BadRequest")


def test_field_selectors_know_names_everywhere(five: Wire) -> None:
    assert names(five, "fieldSelector=metadata.name=m2") == ["m2"]
    assert "m2" not in names(five, "fieldSelector=metadata.name!=m2")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (PODS, "field label not supported: spec.x"),
        (
            MAPS,
            '"spec.x" is not a known field selector: only "metadata.name", "metadata.namespace"',
        ),
    ],
)
def test_an_unknown_field_is_a_400(wire: Wire, path: str, message: str) -> None:
    answer = wire("GET", f"{path}?fieldSelector=spec.x=y")
    assert (answer.status, answer.message) == (400, message)


def test_pods_are_found_by_node_and_phase(wire: Wire) -> None:
    for name, node in (("a", "n1"), ("b", "n2")):
        wire("POST", PODS, pod(name, nodeName=node))
    wire.patch(PODS + "/b/status", {"status": {"phase": "Running"}})
    assert names(wire, "fieldSelector=spec.nodeName=n1", PODS) == ["a"]
    assert names(wire, "fieldSelector=spec.nodeName=n2,status.phase=Running", PODS) == ["b"]
    assert names(wire, "fieldSelector=spec.nodeName=n2,status.phase=Pending", PODS) == []


def test_pages_are_one_snapshot_and_count_what_remains(five: Wire) -> None:
    first = five("GET", MAPS + "?limit=2").json
    assert first["metadata"]["remainingItemCount"] == 4  # kube-root-ca.crt is one of six
    five("DELETE", MAPS + "/m4")
    seen = [item["metadata"]["name"] for item in first["items"]]
    token, version = first["metadata"]["continue"], first["metadata"]["resourceVersion"]
    while token:
        page = five("GET", f"{MAPS}?limit=2&continue={token}").json
        assert page["metadata"]["resourceVersion"] == version
        seen += [item["metadata"]["name"] for item in page["items"]]
        token = page["metadata"].get("continue")
    assert seen == ["kube-root-ca.crt", "m0", "m1", "m2", "m3", "m4"]


def test_what_was_kept_for_later_pages_is_given_back_when_nobody_comes(
    api: Registry, clock: VirtualClock
) -> None:
    """A snapshot holds objects that were deleted since: those who page often fill the memory."""
    maps, lister = api.resource("configmaps"), Lister(api.store, clock)
    for name in ("a", "b", "c"):
        body = config_map(name)
        body["metadata"]["namespace"] = "default"
        api.create(maps, body)

    def page(**query: str) -> Page:
        wanted = query_options.list_options(maps, query)
        return asyncio.run(lister.page(api.table(maps), None, wanted))

    first = page(limit="1")
    clock.advance(200)
    api.delete(maps, "default", "c")
    page(limit="1")
    assert lister.held == 2
    clock.advance(150)
    assert lister.held == 1
    with pytest.raises(ApiError, match="continue parameter is too old"):
        page(limit="1", **{"continue": first.token})
    clock.advance(151)
    assert lister.held == 0
    page(limit="1")
    clock.advance(301)
    assert lister.held == 0


def test_a_token_grows_old_however_often_it_is_used(api: Registry, clock: VirtualClock) -> None:
    maps, lister = api.resource("configmaps"), Lister(api.store, clock)
    for name in ("a", "b", "c"):
        body = config_map(name)
        body["metadata"]["namespace"] = "default"
        api.create(maps, body)

    def page(**query: str) -> Page:
        wanted = query_options.list_options(maps, query)
        return asyncio.run(lister.page(api.table(maps), None, wanted))

    token = page(limit="1").token
    for _ in range(2):
        clock.advance(140)
        assert page(limit="1", **{"continue": token}).records[0].key == ("default", "b")
    clock.advance(21)
    with pytest.raises(ApiError, match="continue parameter is too old"):
        page(limit="1", **{"continue": token})


def test_an_expired_token_is_a_410_that_offers_to_go_on(five: Wire) -> None:
    value = {"v": "meta.k8s.io/v1", "rv": 1, "start": f"{five.namespace}/m1\0"}
    token = base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
    answer = five("GET", f"{MAPS}?limit=2&continue={token}")
    assert (answer.status, answer.json["reason"]) == (410, "Expired")
    offered = answer.json["metadata"]["continue"]
    assert names(five, f"limit=2&continue={offered}") == ["m2", "m3"]


@pytest.mark.parametrize("token", ["x", "e30", "W10", "eyJ2IjoxfQ"])
def test_a_malformed_token_is_a_400(wire: Wire, token: str) -> None:
    assert wire("GET", f"{MAPS}?continue={token}").status == 400


def test_version_zero_ignores_the_limit(five: Wire) -> None:
    assert len(names(five, "limit=2&resourceVersion=0")) == 6


def test_a_version_to_come_is_a_504_with_its_cause(wire: Wire) -> None:
    answer = wire("GET", MAPS + "?resourceVersion=99999999")
    assert (answer.status, answer.json["reason"]) == (504, "Timeout")
    assert answer.json["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"
    assert answer.headers["Retry-After"] == "1"


@pytest.mark.parametrize(
    "query",
    ["resourceVersion=x", "limit=x", "resourceVersion=-1"],
)
def test_a_malformed_number_in_a_list_query_is_a_400(wire: Wire, query: str) -> None:
    assert wire("GET", f"{MAPS}?{query}").status == 400


@pytest.mark.parametrize(
    "query",
    [
        "resourceVersionMatch=Exact",
        "resourceVersionMatch=Exact&resourceVersion=0",
        "resourceVersionMatch=Foo&resourceVersion=1",
        "sendInitialEvents=true",
    ],
)
def test_version_matches_that_make_no_sense_are_422s(wire: Wire, query: str) -> None:
    assert wire("GET", f"{MAPS}?{query}").status == 422


def test_tables_hold_cells_and_partial_objects(wire: Wire) -> None:
    wire("POST", PODS, pod("x", nodeName="n1"))
    accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
    table = wire("GET", PODS, Accept=accept).json
    assert table["kind"] == "Table"
    assert [column["name"] for column in table["columnDefinitions"]] == [
        "Name",
        "Ready",
        "Status",
        "Restarts",
        "Age",
        "IP",
        "Node",
        "Nominated Node",
        "Readiness Gates",
    ]
    (row,) = table["rows"]
    assert row["cells"][:4] == ["x", "0/1", "Pending", "0"]
    assert row["object"]["kind"] == "PartialObjectMetadata"
    bare = wire("GET", PODS + "?includeObject=None", Accept=accept).json
    assert bare["rows"][0]["object"] is None
