"""Bodies as client-go's typed clients send them: protobuf in Kubernetes' envelope."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.apiserver.http import protobuf
from tests.sandbox.apiserver.wire import Wire, config_map


def field(number: int, value: bytes | str | int) -> bytes:
    """One field: a number as a varint, anything else with its length in front."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def message(api_version: str, kind: str, body: bytes) -> bytes:
    return b"k8s\0" + field(1, field(1, api_version) + field(2, kind)) + field(2, body)


@pytest.mark.parametrize("version", ["v1", "apps/v1", "policy/v1", "example.org/v7"])
def test_delete_options_are_of_every_group(version: str) -> None:
    body = field(1, 0) + field(4, "Foreground")
    assert protobuf.decode(message(version, "DeleteOptions", body)) == {
        "apiVersion": version,
        "kind": "DeleteOptions",
        "gracePeriodSeconds": 0,
        "propagationPolicy": "Foreground",
    }


def test_delete_options_in_protobuf_delete(wire: Wire) -> None:
    path = "/api/v1/namespaces/NS/configmaps"
    wire("POST", path, config_map("gone"))
    body = message("v1", "DeleteOptions", field(1, 0))
    answer = wire("DELETE", f"{path}/gone", body, media=protobuf.MEDIA_TYPE)
    assert answer.status == 200


TEXT = field(5, "string")


def prop(name: str, schema: bytes) -> bytes:
    return field(29, field(1, name) + field(2, schema))


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [
        (field(24, field(1, TEXT)), {"items": {"type": "string"}}),
        (field(24, field(2, TEXT) + field(2, TEXT)), {"items": [{"type": "string"}] * 2}),
        (field(30, field(1, 1) + field(2, TEXT)), {"additionalProperties": {"type": "string"}}),
        (field(30, field(1, 1)), {"additionalProperties": True}),
        (field(30, field(1, 0)), {"additionalProperties": False}),
        (
            field(32, field(1, "a") + field(2, field(2, "b") + field(2, "c"))),
            {"dependencies": {"a": ["b", "c"]}},
        ),
        (field(8, field(1, b'{"x": [1]}')), {"default": {"x": [1]}}),
        (field(20, field(1, b'"a"')) + field(20, field(1, b"2")), {"enum": ["a", 2]}),
        (prop("a", TEXT + field(38, 0)), {"properties": {"a": {
            "type": "string", "x-kubernetes-preserve-unknown-fields": False}}}),
    ],
)  # fmt: skip
def test_the_schema_of_a_definition_is_decoded_from_protobuf(
    schema: bytes, wanted: dict[str, Any]
) -> None:
    version = field(1, "v1") + field(2, 1) + field(3, 0) + field(4, field(1, schema))
    body = field(2, field(1, "example.org") + field(7, version))
    decoded = protobuf.decode(message("apiextensions.k8s.io/v1", "CustomResourceDefinition", body))
    found = decoded["spec"]["versions"][0]
    assert found["schema"]["openAPIV3Schema"] == wanted
    assert (found["served"], found["storage"]) == (True, False)


def test_an_empty_protobuf_message_becomes_an_empty_object() -> None:
    version = field(1, "v1") + field(5, field(1, b""))
    body = field(2, field(7, version))
    decoded = protobuf.decode(message("apiextensions.k8s.io/v1", "CustomResourceDefinition", body))
    assert decoded["spec"]["versions"][0]["subresources"] == {"status": {}}


def test_a_micro_time_always_has_six_digits() -> None:
    lease = field(2, field(3, field(1, 2)))
    decoded = protobuf.decode(message("coordination.k8s.io/v1", "Lease", lease))
    assert decoded["spec"]["acquireTime"] == "1970-01-01T00:00:02.000000Z"
    long_ago = varint(2**64 - 62135596798)
    lease = field(2, field(3, varint(8) + long_ago))
    decoded = protobuf.decode(message("coordination.k8s.io/v1", "Lease", lease))
    assert decoded["spec"]["acquireTime"] == "0001-01-01T00:00:02.000000Z"


def test_a_node_keeps_its_empty_spec(wire: Wire) -> None:
    made = wire("POST", "/api/v1/nodes", {"metadata": {"name": "bare"}}).json
    body = {"metadata": made["metadata"], "status": made.get("status") or {}}
    assert wire("PUT", "/api/v1/nodes/bare", body).json["spec"] == {}
    wire("DELETE", "/api/v1/nodes/bare")


def test_a_runtime_classs_overhead_is_quantities() -> None:
    amount = field(1, "memory") + field(2, field(1, "64Mi"))
    body = field(2, "handler") + field(3, field(1, amount))
    decoded = protobuf.decode(message("node.k8s.io/v1", "RuntimeClass", body))
    assert decoded["overhead"] == {"podFixed": {"memory": "64Mi"}}
