"""What clients build on: versions, selectors, pages, patches, watches, dry runs.

Sources: k8s.io/apiserver/pkg/endpoints/handlers, pkg/registry/generic/registry, pkg/storage.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.objects import OLDER, pod, workload
from tests.conformance.wire import STRATEGIC, Cluster, Obj

JSON_PATCH = "application/json-patch+json"


def some_maps(cluster: Cluster, count: int) -> None:
    for number in range(count):
        labels = {"n": str(number), "parity": "even" if number % 2 == 0 else "odd"}
        cluster.create("configmaps", {"metadata": {"name": f"m{number}", "labels": labels}})


def names(items: list[Obj]) -> list[str]:
    return [item["metadata"]["name"] for item in items]


def a_map(name: str = "one", **data: str) -> Obj:
    return {"metadata": {"name": name}, "data": data}


def test_a_stale_version_is_a_conflict(cluster: Cluster) -> None:
    old = cluster.create("configmaps", a_map(a="1"))
    cluster.patch("configmaps", "one", {"data": {"a": "2"}})
    answer = cluster.request("PUT", cluster.path("configmaps", "one"), old)
    assert (answer.status, answer.body["reason"]) == (409, "Conflict")


def test_a_name_is_taken_once(cluster: Cluster) -> None:
    cluster.create("configmaps", a_map())
    body = cluster.whole("configmaps", a_map())
    answer = cluster.request("POST", cluster.path("configmaps"), body)
    assert (answer.status, answer.body["reason"]) == (409, "AlreadyExists")
    assert answer.body["message"] == 'configmaps "one" already exists'


def test_what_is_not_there_is_named(cluster: Cluster) -> None:
    answer = cluster.request("GET", cluster.path("configmaps", "none"))
    assert (answer.status, answer.body["reason"]) == (404, "NotFound")
    assert answer.body["message"] == 'configmaps "none" not found'


def test_a_write_that_changes_nothing_keeps_the_version(cluster: Cluster) -> None:
    before = cluster.create("configmaps", a_map(a="1"))
    after = cluster.patch("configmaps", "one", {"data": {"a": "1"}})
    assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


@pytest.mark.parametrize(
    ("selector", "wanted"),
    [("n=1", ["m1"]), ("n!=1,n", ["m0", "m2", "m3"]), ("n in (1,3)", ["m1", "m3"]),
     ("n notin (1,3),n", ["m0", "m2"]), ("parity=even,n!=0", ["m2"]),
     ("n", ["m0", "m1", "m2", "m3"])],
)  # fmt: skip
def test_label_selectors_select_as_kubectl_writes_them(
    cluster: Cluster, selector: str, wanted: list[str]
) -> None:
    some_maps(cluster, 4)
    assert names(cluster.list("configmaps", labelSelector=selector)) == wanted


def test_a_field_selector_by_name(cluster: Cluster) -> None:
    some_maps(cluster, 3)
    assert names(cluster.list("configmaps", fieldSelector="metadata.name=m1")) == ["m1"]


def test_an_unknown_field_selector_is_400(cluster: Cluster) -> None:
    answer = cluster.request("GET", cluster.path("pods"), fieldSelector="spec.colour=red")
    assert (answer.status, answer.body["reason"]) == (400, "BadRequest")


def test_pages_follow_each_other_and_say_what_remains(cluster: Cluster) -> None:
    some_maps(cluster, 5)
    query: dict[str, Any] = {"limit": 2, "labelSelector": "n"}
    found: list[str] = []
    while True:
        answer = cluster.request("GET", cluster.path("configmaps"), **query)
        found += names(answer.body["items"])
        token = answer.body["metadata"].get("continue")
        if not token:
            break
        query["continue"] = token
    assert found == ["m0", "m1", "m2", "m3", "m4"]


def test_a_full_list_counts_what_a_page_leaves_out(cluster: Cluster) -> None:
    """Besides these five there are ConfigMaps that controllers publish in every namespace."""
    some_maps(cluster, 5)
    page = cluster.request("GET", cluster.path("configmaps"), limit=2).body
    token = page["metadata"]["continue"]
    rest = cluster.request("GET", cluster.path("configmaps"), **{"continue": token}).body
    assert page["metadata"]["remainingItemCount"] == len(rest["items"]) >= 3


def test_a_merge_patch_removes_with_null(cluster: Cluster) -> None:
    cluster.create("configmaps", a_map(a="1", b="2"))
    assert cluster.patch("configmaps", "one", {"data": {"a": None}})["data"] == {"b": "2"}


def test_a_json_patch_tests_before_it_writes(cluster: Cluster) -> None:
    cluster.create("configmaps", a_map(a="1"))
    patch = [{"op": "test", "path": "/data/a", "value": "9"}, {"op": "remove", "path": "/data/a"}]
    path = cluster.path("configmaps", "one")
    answer = cluster.request("PATCH", path, patch, content=JSON_PATCH)
    assert answer.status in (409, 422)
    assert cluster.get("configmaps", "one")["data"] == {"a": "1"}


def test_a_strategic_patch_merges_containers_by_name(cluster: Cluster) -> None:
    cluster.create("deployments", workload("web", 0))
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": OLDER}]}}}}
    found = cluster.patch("deployments", "web", patch, STRATEGIC)
    container = found["spec"]["template"]["spec"]["containers"][0]
    assert (container["image"], container["args"]) == (OLDER, ["pause"])


def test_a_dry_run_answers_and_writes_nothing(cluster: Cluster) -> None:
    body = cluster.whole("configmaps", a_map())
    answer = cluster.request("POST", cluster.path("configmaps"), body, dryRun="All")
    assert answer.status == 201
    assert cluster.find("configmaps", "one") is None


def test_an_unknown_field_is_refused_when_strict(cluster: Cluster) -> None:
    body = cluster.whole("configmaps", {**a_map(), "colour": "red"})
    answer = cluster.request("POST", cluster.path("configmaps"), body, fieldValidation="Strict")
    assert (answer.status, answer.body["reason"]) == (400, "BadRequest")
    assert 'unknown field "colour"' in answer.body["message"]


def test_a_watch_from_a_version_tells_what_happened_since_in_order(cluster: Cluster) -> None:
    answer = cluster.request("GET", cluster.path("configmaps"))
    cluster.create("configmaps", a_map())
    cluster.patch("configmaps", "one", {"data": {"a": "1"}})
    cluster.delete("configmaps", "one")
    seen: list[str] = []
    version = answer.body["metadata"]["resourceVersion"]
    for event in cluster.follow("configmaps", version, 20, fieldSelector="metadata.name=one"):
        seen.append(event["type"])
        if event["type"] == "DELETED":
            break
    assert seen == ["ADDED", "MODIFIED", "DELETED"]


def test_a_watch_of_a_selector_ends_objects_that_leave_it(cluster: Cluster) -> None:
    some_maps(cluster, 1)
    answer = cluster.request("GET", cluster.path("configmaps"), labelSelector="parity=even")
    cluster.patch("configmaps", "m0", {"metadata": {"labels": {"parity": "odd"}}})
    version = answer.body["metadata"]["resourceVersion"]
    events = cluster.follow("configmaps", version, 20, labelSelector="parity=even")
    assert next(iter(events))["type"] == "DELETED"


def test_status_is_not_written_through_the_object(cluster: Cluster) -> None:
    cluster.create("pods", pod("one", schedulerName="nobody"))
    found = cluster.patch("pods", "one", {"status": {"phase": "Failed"}})
    assert found["status"]["phase"] == "Pending"


def test_generation_moves_with_the_spec_only(cluster: Cluster) -> None:
    cluster.create("deployments", workload("web", 0))
    labelled = cluster.patch("deployments", "web", {"metadata": {"labels": {"a": "b"}}})
    assert labelled["metadata"]["generation"] == 1
    paused = cluster.patch("deployments", "web", {"spec": {"paused": True}})
    assert paused["metadata"]["generation"] == 2


def test_a_selector_of_a_deployment_cannot_change(cluster: Cluster) -> None:
    cluster.create("deployments", workload("web", 0))
    patch = {"spec": {"selector": {"matchLabels": {"app": "other"}}}}
    answer = cluster.request(
        "PATCH", cluster.path("deployments", "web"), patch, content="application/merge-patch+json"
    )
    assert (answer.status, answer.body["reason"]) == (422, "Invalid")


def test_a_table_has_the_columns_kubectl_prints(cluster: Cluster) -> None:
    cluster.create("pods", pod("one", schedulerName="nobody"))
    accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
    answer = cluster.request("GET", cluster.path("pods"), accept=accept)
    columns = [c["name"] for c in answer.body["columnDefinitions"] if not c["priority"]]
    assert columns == ["Name", "Ready", "Status", "Restarts", "Age"]
    assert answer.body["rows"][0]["cells"][:4] == ["one", "0/1", "Pending", "0"]


# -- quotas --------------------------------------------------------------------------------------


def test_a_quota_counts_what_there_is(cluster: Cluster) -> None:
    spec = {"hard": {"pods": "2", "count/deployments.apps": "5"}}
    cluster.create("resourcequotas", {"metadata": {"name": "limits"}, "spec": spec})
    cluster.until_one("resourcequotas", "limits", lambda q: "used" in (q.get("status") or {}))
    cluster.create("pods", pod("one", schedulerName="nobody"))
    found = cluster.until_one(
        "resourcequotas", "limits", lambda q: q["status"]["used"]["pods"] == "1"
    )
    assert found["status"]["used"]["count/deployments.apps"] == "0"


def test_what_exceeds_a_quota_is_forbidden_with_the_numbers(cluster: Cluster) -> None:
    spec = {"hard": {"pods": "1"}}
    cluster.create("resourcequotas", {"metadata": {"name": "limits"}, "spec": spec})
    cluster.until_one("resourcequotas", "limits", lambda q: "used" in (q.get("status") or {}))
    cluster.create("pods", pod("one", schedulerName="nobody"))
    cluster.until_one("resourcequotas", "limits", lambda q: q["status"]["used"]["pods"] == "1")
    body = cluster.whole("pods", pod("two", schedulerName="nobody"))
    answer = cluster.request("POST", cluster.path("pods"), body)
    assert (answer.status, answer.body["reason"]) == (403, "Forbidden")
    text = "exceeded quota: limits, requested: pods=1, used: pods=1, limited: pods=1"
    assert text in answer.body["message"]


def owned_by_clients(obj: Obj) -> str:
    return str([entry.get("fieldsV1") for entry in obj["metadata"].get("managedFields") or ()])


@pytest.mark.parametrize(
    ("chosen", "owned"),
    [({}, False), ({"nodePort": 31999}, True)],
)
def test_a_node_port_belongs_to_the_client_that_chose_it_and_else_to_nobody(
    cluster: Cluster, chosen: dict[str, int], owned: bool
) -> None:
    """Source: the port is allocated in BeginCreate, after the fields' owners were recorded."""
    port = {"port": 80, "name": "http", **chosen}
    spec = {
        "type": "NodePort",
        "selector": {"app": "a"},
        "ports": [port, {"port": 81, "name": "b"}],
    }
    made = cluster.create("services", {"metadata": {"name": "ports"}, "spec": spec})
    assert all(each["nodePort"] for each in made["spec"]["ports"])
    assert ("f:nodePort" in owned_by_clients(made)) is owned
    changed = cluster.patch("services", "ports", {"metadata": {"labels": {"a": "b"}}})
    assert ("f:nodePort" in owned_by_clients(changed)) is owned
    assert "f:clusterIP" not in owned_by_clients(changed)
