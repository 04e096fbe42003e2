"""The wire: authentication, errors, negotiation, writes, as any client sees them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sandbox.apiserver.live import Live
from tests.sandbox.apiserver.wire import Wire, config_map, deployment, pod

MAPS = "/api/v1/namespaces/NS/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/NS/deployments"


@pytest.mark.parametrize("token", ["", "wrong", "a.b.c"])
def test_nothing_is_answered_without_a_known_token(wire: Wire, token: str) -> None:
    answer = wire("GET", "/api/v1/namespaces", token=token)
    assert (answer.status, answer.json["reason"]) == (401, "Unauthorized")


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz", "/version", "/readyz?verbose"])
def test_health_and_version_need_no_token(wire: Wire, path: str) -> None:
    assert wire("GET", path, token="").status == 200


def test_version_is_the_release_whose_rules_hold(wire: Wire) -> None:
    assert wire("GET", "/version").json["gitVersion"].startswith("v1.36.")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/apis/apps/v1/nothing", 404),
        ("GET", "/nothing", 404),
        ("POST", DEPLOYMENTS + "/x", 405),
        ("PUT", DEPLOYMENTS, 405),
        ("GET", "/api/v1/namespaces/NS/nodes", 404),
        ("GET", DEPLOYMENTS + "/x/nothing", 404),
    ],
)
def test_what_is_not_served_is_refused_as_a_status(
    wire: Wire, method: str, path: str, status: int
) -> None:
    assert wire(method, path, {}).status == status


def test_create_answers_201_get_200_and_delete_a_status(wire: Wire) -> None:
    assert wire("POST", MAPS, config_map("x", a="1")).status == 201
    got = wire("GET", MAPS + "/x")
    assert (got.status, got.json["data"]) == (200, {"a": "1"})
    done = wire("DELETE", MAPS + "/x").json
    assert (done["kind"], done["status"]) == ("Status", "Success")
    assert done["details"] == {
        "name": "x",
        "kind": "configmaps",
        "uid": got.json["metadata"]["uid"],
    }
    assert wire("GET", MAPS + "/x").json["message"] == 'configmaps "x" not found'


def test_a_body_must_agree_with_its_url(wire: Wire) -> None:
    body = config_map("x")
    body["metadata"]["namespace"] = "other"
    assert "does not match the namespace sent" in wire("POST", MAPS, body).message
    wire("POST", MAPS, config_map("x"))
    assert "does not match the name on the URL" in wire("PUT", MAPS + "/x", config_map("y")).message


def test_put_creates_leases_but_not_deployments(wire: Wire) -> None:
    lease = {"metadata": {"name": "l"}, "spec": {"holderIdentity": "me"}}
    path = "/apis/coordination.k8s.io/v1/namespaces/NS/leases/l"
    assert wire("PUT", path, lease).status == 201
    assert wire("PUT", DEPLOYMENTS + "/x", deployment("x")).status == 404


def test_unknown_fields_are_refused_warned_about_or_dropped(wire: Wire) -> None:
    body = deployment("a", replica=1)
    strict = wire("POST", DEPLOYMENTS + "?fieldValidation=Strict", body)
    assert strict.status == 400
    assert strict.message.endswith('strict decoding error: unknown field "spec.replica"')
    warned = wire("POST", DEPLOYMENTS, body)
    assert warned.status == 201
    assert warned.headers["Warning"] == '299 - "unknown field \\"spec.replica\\""'
    assert "replica" not in warned.json["spec"]
    ignored = wire("POST", DEPLOYMENTS + "?fieldValidation=Ignore", deployment("b", replica=1))
    assert "Warning" not in ignored.headers


def test_duplicate_keys_are_a_strict_error(wire: Wire) -> None:
    body = b'{"metadata":{"name":"x"},"data":{"a":"1","a":"2"}}'
    answer = wire("POST", MAPS + "?fieldValidation=Strict", body)
    assert 'duplicate field "data.a"' in answer.message


def test_yaml_bodies_are_understood_and_dates_stay_text(wire: Wire) -> None:
    body = b"metadata: {name: x}\ndata: {day: 2026-01-02}\n"
    answer = wire("POST", MAPS, body, media="application/yaml")
    assert answer.json["data"] == {"day": "2026-01-02"}


def test_a_yaml_bomb_is_refused(wire: Wire) -> None:
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40)]
    answer = wire("POST", MAPS, "\n".join(lines).encode(), media="application/yaml")
    assert answer.status == 400


def test_a_body_over_three_mebibytes_is_413(wire: Wire) -> None:
    answer = wire("POST", MAPS, config_map("x", a="x" * (3 * 1024 * 1024)))
    assert answer.status == 413


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"1",
        b'"x"',
        b"\xff\xfe",
        b"[" * 5000,
        b'{"a":NaN}',
        b'{"metadata":[]}',
        b'{"metadata":{"name":1}}',
        b'{"metadata":{"labels":{"a":1}}}',
    ],
)
def test_a_body_that_is_no_object_is_a_400(wire: Wire, body: bytes) -> None:
    assert wire("POST", MAPS, body).status == 400
    assert wire("GET", "/healthz").status == 200


def test_dry_run_answers_as_if_and_keeps_nothing(wire: Wire) -> None:
    assert wire("POST", MAPS + "?dryRun=All", config_map("x")).status == 201
    assert wire("GET", MAPS + "/x").status == 404
    assert "dryRun: Unsupported value" in wire("POST", MAPS + "?dryRun=x", config_map("x")).message


def test_delete_collection_deletes_what_its_selector_lists(wire: Wire) -> None:
    for name, label in (("a", "x"), ("b", "y")):
        body = config_map(name)
        body["metadata"]["labels"] = {"l": label}
        wire("POST", MAPS, body)
    gone = wire("DELETE", MAPS + "?labelSelector=l%3Dx").json
    assert [item["metadata"]["name"] for item in gone["items"]] == ["a"]
    left = {item["metadata"]["name"] for item in wire("GET", MAPS).json["items"]}
    assert "b" in left
    assert "a" not in left


def test_partial_metadata_holds_no_data(wire: Wire) -> None:
    wire("POST", MAPS, config_map("x", a="1"))
    accept = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
    got = wire("GET", MAPS + "/x", Accept=accept).json
    assert got["kind"] == "PartialObjectMetadata"
    assert set(got) == {"kind", "apiVersion", "metadata"}


def test_a_client_that_takes_no_json_is_not_acceptable(wire: Wire) -> None:
    assert wire("GET", MAPS, Accept="application/vnd.kubernetes.protobuf").status == 406


def test_events_are_one_storage_under_two_names(wire: Wire) -> None:
    event = {
        "metadata": {"name": "e"},
        "regarding": {"kind": "Pod", "name": "p", "namespace": "NS"},
        "note": "text",
        "reason": "R",
        "type": "Normal",
        "action": "a",
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "c",
        "reportingInstance": "i",
    }
    event["regarding"] = {"kind": "Pod", "name": "p", "namespace": wire.namespace}
    made = wire("POST", "/apis/events.k8s.io/v1/namespaces/NS/events", event)
    assert made.status == 201, made.message
    core = wire("GET", "/api/v1/namespaces/NS/events/e").json
    assert (core["apiVersion"], core["message"]) == ("v1", "text")
    assert core["involvedObject"]["name"] == "p"
    new = wire("GET", "/apis/events.k8s.io/v1/namespaces/NS/events/e").json
    assert (new["apiVersion"], new["note"]) == ("events.k8s.io/v1", "text")
    for group, fields in (
        ("/apis/events.k8s.io/v1", "reportingController=c,regarding.name=p"),
        ("/api/v1", "reportingComponent=c,involvedObject.name=p,source=c"),
    ):
        found = wire("GET", f"{group}/namespaces/NS/events?fieldSelector={fields}").json["items"]
        assert [each["metadata"]["name"] for each in found] == ["e"], fields
        fields = fields.replace("=c", "=other")
        assert not wire("GET", f"{group}/namespaces/NS/events?fieldSelector={fields}").json["items"]


def test_a_pod_without_a_node_has_no_logs_yet_and_nothing_to_run_in(wire: Wire) -> None:
    wire("POST", "/api/v1/namespaces/NS/pods", pod("x", schedulerName="nobody"))
    logs = wire("GET", "/api/v1/namespaces/NS/pods/x/log")
    assert (logs.status, logs.data) == (204, b"")
    answer = wire("POST", "/api/v1/namespaces/NS/pods/x/exec?command=ls&stdout=true")
    assert "does not have a host assigned" in answer.message


@pytest.mark.parametrize("core", [True, False])
def test_aggregated_discovery_lists_subresources(wire: Wire, core: bool) -> None:
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    answer = wire("GET", "/api" if core else "/apis", Accept=accept)
    assert "as=APIGroupDiscoveryList" in answer.headers["Content-Type"]
    resources: dict[str, Any] = {
        entry["resource"]: entry
        for group in answer.json["items"]
        for version in group["versions"]
        for entry in version["resources"]
    }
    names = {
        sub["subresource"] for sub in resources["pods" if core else "deployments"]["subresources"]
    }
    assert names >= ({"eviction", "binding", "status", "log"} if core else {"scale", "status"})


def test_discovery_says_which_eviction_pods_take(wire: Wire) -> None:
    entries = {entry["name"]: entry for entry in wire("GET", "/api/v1").json["resources"]}
    eviction = entries["pods/eviction"]
    assert (eviction["group"], eviction["version"], eviction["kind"]) == (
        "policy",
        "v1",
        "Eviction",
    )


def test_openapi_offers_every_group_version(wire: Wire) -> None:
    index = wire("GET", "/openapi/v3").json["paths"]
    assert {"api/v1", "apis/apps/v1", "apis/policy/v1"} <= set(index)
    document = wire("GET", "/openapi/v3/apis/apps/v1").json
    schema = document["components"]["schemas"]["V1Deployment"]
    assert schema["x-kubernetes-group-version-kind"] == [
        {"group": "apps", "version": "v1", "kind": "Deployment"}
    ]


def test_every_schema_reference_resolves(wire: Wire) -> None:
    for path in wire("GET", "/openapi/v3").json["paths"]:
        answer = wire("GET", f"/openapi/v3/{path}")
        schemas = answer.json["components"]["schemas"]
        text = answer.data.decode()
        used = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
        assert used <= set(schemas), path


def test_the_listener_is_on_loopback_only(live: Live) -> None:
    assert live.url.startswith("https://127.0.0.1:")


@pytest.mark.parametrize(
    "path", ["/version", "/healthz", "/readyz/ping", "/api", "/openapi/v2", "/nowhere"]
)
def test_a_wrong_token_is_refused_on_every_path(wire: Wire, path: str) -> None:
    answer = wire("GET", path, token="nobody-has-this")
    assert (answer.status, answer.json["reason"]) == (401, "Unauthorized")


def test_openapi_v2_is_sent_once(wire: Wire) -> None:
    first = wire("GET", "/openapi/v2")
    again = wire("GET", "/openapi/v2", If_None_Match=first.headers["ETag"])
    assert (first.status, again.status, again.data) == (200, 304, b"")


def test_kubectl_applies_a_list(live: Live) -> None:
    items = [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "listed"}}]
    body = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    assert "configmap/listed created" in live.kubectl("apply", "-f", "-", stdin=body)


def test_kubectl_says_that_a_definition_is_missing(live: Live) -> None:
    body = {"apiVersion": "nowhere.example.org/v1", "kind": "Lost", "metadata": {"name": "x"}}
    said = live.kubectl("apply", "-f", "-", stdin=json.dumps(body), check=False)
    assert 'no matches for kind "Lost" in version "nowhere.example.org/v1"' in said
    assert "ensure CRDs are installed first" in said
