"""Nothing a client sends stops the server, and nothing it sends is a 500."""

from __future__ import annotations

import json
import resource
import socket
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sandbox.apiserver.live import ADMIN, Live, server
from tests.sandbox.apiserver.wire import Wire, deployment, pod

MANY = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
SMALL = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=6)
JSON = st.recursive(
    SMALL,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=10,
)
BASES = (
    ("/api/v1/namespaces/NS/pods", pod("f")),
    ("/apis/apps/v1/namespaces/NS/deployments", deployment("f")),
    (
        "/api/v1/namespaces/NS/services",
        {"metadata": {"name": "f"}, "spec": {"type": "ClusterIP", "ports": [{"port": 80}]}},
    ),
    (
        "/apis/batch/v1/namespaces/NS/cronjobs",
        {
            "metadata": {"name": "f"},
            "spec": {
                "schedule": "1 * * * *",
                "jobTemplate": {
                    "spec": {
                        "template": {
                            "spec": {
                                "restartPolicy": "Never",
                                "containers": [{"name": "c", "image": "i"}],
                            }
                        }
                    }
                },
            },
        },
    ),
    (
        "/apis/policy/v1/namespaces/NS/poddisruptionbudgets",
        {"metadata": {"name": "f"}, "spec": {"minAvailable": "50%"}},
    ),
    (
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        {
            "metadata": {"name": "fs.x.y"},
            "spec": {
                "group": "x.y",
                "scope": "Cluster",
                "names": {"plural": "fs", "kind": "F"},
                "versions": [{"name": "v1", "served": True, "storage": True}],
            },
        },
    ),
    (
        "/api/v1/namespaces/NS/limitranges",
        {"metadata": {"name": "f"}, "spec": {"limits": [{"type": "Pod", "max": {"cpu": "1"}}]}},
    ),
    (
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}},
    ),
)


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(value, dict):
        found += [deeper for key in value for deeper in paths(value[key], (*path, key))]
    elif isinstance(value, list):
        found += [deeper for at, item in enumerate(value) for deeper in paths(item, (*path, at))]
    return found


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    out = json.loads(json.dumps(value))
    target = out
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = new
    return out


@MANY
@given(st.data())
def test_a_mutated_object_is_accepted_or_refused_with_a_reason(wire: Wire, data: Any) -> None:
    path, base = data.draw(st.sampled_from(BASES))
    body = replaced(base, data.draw(st.sampled_from(paths(base))), data.draw(JSON))
    answer = wire("POST", path + "?dryRun=All", json.dumps(body).encode())
    assert answer.status in (201, 400, 403, 409, 422), answer.data[:300]


@MANY
@given(st.sampled_from(["merge-patch", "json-patch", "strategic-merge-patch"]), JSON)
def test_any_patch_is_applied_or_refused(wire: Wire, kind: str, patch: Any) -> None:
    wire("POST", "/apis/apps/v1/namespaces/NS/deployments", deployment("f"))
    path = "/apis/apps/v1/namespaces/NS/deployments/f?dryRun=All"
    answer = wire("PATCH", path, json.dumps(patch).encode(), media=f"application/{kind}+json")
    assert answer.status in (200, 400, 409, 422), answer.data[:300]
    spec = wire.patch(path, {"spec": patch}, "strategic-merge-patch")
    assert spec.status in (200, 400, 409, 422), spec.data[:300]


@MANY
@given(JSON)
def test_any_configuration_is_applied_or_refused(wire: Wire, spec: Any) -> None:
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "g"}, "spec": spec}
    answer = wire(
        "PATCH",
        "/apis/apps/v1/namespaces/NS/deployments/g?fieldManager=m&dryRun=All",
        json.dumps(body).encode(),
        media="application/apply-patch+yaml",
    )
    # 500 is the real server's own answer to a field that its schema does not declare.
    assert answer.status in (200, 201, 400, 422) or "not declared in schema" in answer.message


@MANY
@given(st.binary(max_size=200))
def test_any_bytes_are_a_400_or_415(wire: Wire, data: bytes) -> None:
    for media in ("application/json", "application/yaml", "application/vnd.kubernetes.protobuf"):
        body = b"k8s\0" + data if "protobuf" in media else data
        answer = wire("POST", "/api/v1/namespaces/NS/configmaps", body, media=media)
        assert answer.status in (400, 415, 422), answer.data[:300]


@MANY
@given(
    st.sampled_from(
        [
            "labelSelector",
            "fieldSelector",
            "continue",
            "limit",
            "resourceVersion",
            "timeoutSeconds",
            "fieldValidation",
            "dryRun",
            "includeObject",
        ]
    ),
    st.text(max_size=12).map(lambda text: text.encode("utf-8", "replace").hex()),
)
def test_an_arbitrary_query_is_answered_with_a_known_status(
    wire: Wire, name: str, text: str
) -> None:
    value = "".join(f"%{text[at : at + 2]}" for at in range(0, len(text), 2))
    answer = wire("GET", f"/api/v1/namespaces/NS/pods?{name}={value}")
    assert answer.status in (200, 400, 410, 422, 504), answer.data[:300]


def connected(live: Live) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(10)
    client.connect(str(live.config.api_socket))
    return client


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET " + b"/" * 100_000,
        b"POST /api/v1/namespaces HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/v1/namespaces HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /api/v1/../../etc HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_broken_requests_do_not_stop_the_server(live: Live, wire: Wire, data: bytes) -> None:
    with connected(live) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        client.recv(1000)
    assert wire("GET", "/healthz").status == 200


def test_half_open_connections_are_not_in_the_way(live: Live, wire: Wire) -> None:
    held = [connected(live) for _ in range(200)]
    try:
        for client in held[::2]:
            client.sendall(b"POST /api/v1/namespaces HTTP/1.1\r\nContent-Length: 100\r\n")
        head = f"Authorization: Bearer {ADMIN}\r\nHost: x\r\n"
        for client in held[1::2]:
            client.sendall(f"GET /api/v1/pods?watch=1 HTTP/1.1\r\n{head}\r\n".encode())
        assert wire("GET", "/api/v1/namespaces").status == 200
    finally:
        for client in held:
            client.close()
    assert wire("GET", "/api/v1/namespaces").status == 200


def few_descriptors() -> None:
    """What a modest shell grants at first."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


def test_clients_that_hold_more_connections_than_a_shell_grants_keep_nobody_out() -> None:
    with server(inside=few_descriptors) as live:
        held = [connected(live) for _ in range(300)]
        try:
            for client in held[::3]:
                client.sendall(b"POST /api/v1/namespaces HTTP/1.1\r\nContent-Le")
            with Wire.to(live) as wire:
                assert wire("GET", "/api/v1/namespaces").status == 200
        finally:
            for client in held:
                client.close()
