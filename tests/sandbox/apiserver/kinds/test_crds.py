"""CustomResourceDefinitions over HTTP: served kinds, schema, subresources, cleanup."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.apiserver.wire import Answer, Wire

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
THINGS = "/apis/test.example.org/v1/namespaces/NS/things"


def definition(**version: Any) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "required": ["size"],
                "properties": {
                    "size": {"type": "integer", "minimum": 1},
                    "mode": {"type": "string", "enum": ["a", "b"], "default": "a"},
                    "title": {"type": "string", "pattern": "^x"},
                    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                    "port": {"x-kubernetes-int-or-string": True},
                    "list": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
                    "replicas": {"type": "integer"},
                },
            },
            "status": {"type": "object", "properties": {"replicas": {"type": "integer"}}},
        },
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.test.example.org"},
        "spec": {
            "group": "test.example.org",
            "scope": "Namespaced",
            "names": {"plural": "things", "kind": "Thing", "shortNames": ["th"]},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                    "subresources": {
                        "status": {},
                        "scale": {
                            "specReplicasPath": ".spec.replicas",
                            "statusReplicasPath": ".status.replicas",
                        },
                    },
                    "additionalPrinterColumns": [
                        {"name": "Size", "type": "integer", "jsonPath": ".spec.size"}
                    ],
                    **version,
                }
            ],
        },
    }


@pytest.fixture
def things(wire: Wire) -> Iterator[Wire]:
    answer = wire("POST", CRDS, definition())
    assert answer.status == 201, answer.message
    yield wire
    wire("DELETE", f"{CRDS}/things.test.example.org")


def thing(name: str = "t", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "test.example.org/v1",
        "kind": "Thing",
        "metadata": {"name": name},
        "spec": {"size": 3, **spec},
    }


def refused(wire: Wire, **spec: Any) -> Answer:
    answer = wire("POST", THINGS, thing(**spec))
    assert answer.status == 422
    return answer


def test_a_definition_is_established_and_served_at_once(things: Wire) -> None:
    crd = things("GET", f"{CRDS}/things.test.example.org").json
    assert {entry["type"]: entry["status"] for entry in crd["status"]["conditions"]} == {
        "NamesAccepted": "True",
        "Established": "True",
    }
    names = {
        entry["name"] for entry in things("GET", "/apis/test.example.org/v1").json["resources"]
    }
    assert names == {"things", "things/status", "things/scale"}
    assert things("GET", "/openapi/v3/apis/test.example.org/v1").status == 200


def test_objects_get_defaults_and_count_generations(things: Wire) -> None:
    made = things("POST", THINGS, thing()).json
    assert made["spec"] == {"size": 3, "mode": "a"}
    assert made["metadata"]["generation"] == 1
    changed = things.patch(THINGS + "/t", {"spec": {"size": 4}}).json
    assert changed["metadata"]["generation"] == 2


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"size": 0},
            "spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1",
        ),
        (
            {"size": "x"},
            'spec.size: Invalid value: "string": spec.size in body must be of type'
            ' integer: "string"',
        ),
        ({"mode": "c"}, 'spec.mode: Unsupported value: "c": supported values: "a", "b"'),
        ({"title": "y"}, "spec.title: Invalid value: \"y\": spec.title in body should match '^x'"),
        ({"list": ["a", "b", "c"]}, "spec.list: Too many: 3: must have at most 2 items"),
        ({"port": True}, "spec.port in body must be of type integer,string"),
    ],
)
def test_what_the_schema_forbids_is_a_422(things: Wire, spec: Any, message: str) -> None:
    assert message in refused(things, **spec).message


def test_a_missing_required_field_is_named(things: Wire) -> None:
    body = thing()
    del body["spec"]["size"]
    assert things("POST", THINGS, body).message == (
        'Thing.test.example.org "t" is invalid: spec.size: Required value'
    )


def test_unknown_fields_are_pruned_or_refused_and_free_ones_kept(things: Wire) -> None:
    body = thing(junk=1, free={"any": [1]})
    strict = things("POST", THINGS + "?fieldValidation=Strict", body)
    assert (strict.status, 'unknown field "spec.junk"' in strict.message) == (400, True)
    kept = things("POST", THINGS, body).json["spec"]
    assert "junk" not in kept
    assert kept["free"] == {"any": [1]}


@pytest.mark.parametrize("wrong", [{"name": -1}, {"labels": {"a": 1}}, {"finalizers": "x"}])
def test_metadata_of_the_wrong_type_is_a_400(things: Wire, wrong: Any) -> None:
    body = thing(size=1)
    body["metadata"] |= wrong
    answer = things("POST", THINGS, body)
    assert answer.status == 400, answer.message
    assert f"Go struct field ObjectMeta.metadata.{next(iter(wrong))}" in answer.message


def test_unknown_metadata_of_a_custom_resource_is_dropped_or_refused(things: Wire) -> None:
    body = thing(size=1)
    body["metadata"]["strange"] = "x"
    strict = things("POST", THINGS + "?fieldValidation=Strict", body)
    assert strict.status == 400
    assert 'unknown field "metadata.strange"' in strict.message
    assert "strange" not in things("POST", THINGS, body).json["metadata"]


def test_status_and_scale_are_doors_of_their_own(things: Wire) -> None:
    things("POST", THINGS, thing(replicas=1))
    assert "status" not in things.patch(THINGS + "/t", {"status": {"replicas": 1}}).json
    status = things.patch(THINGS + "/t/status", {"status": {"replicas": 1}, "spec": {"size": 9}})
    assert (status.json["status"], status.json["spec"]["size"]) == ({"replicas": 1}, 3)
    scale = things.patch(THINGS + "/t/scale", {"spec": {"replicas": 5}}).json
    assert (scale["spec"]["replicas"], scale["status"]["replicas"]) == (5, 1)
    assert things("GET", THINGS + "/t").json["spec"]["replicas"] == 5


def test_tables_have_the_definitions_columns(things: Wire) -> None:
    things("POST", THINGS, thing())
    table = things("GET", THINGS, Accept="application/json;as=Table;v=v1;g=meta.k8s.io").json
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Size"]
    assert table["rows"][0]["cells"] == ["t", 3]


def test_strategic_patches_are_not_for_custom_resources(things: Wire) -> None:
    things("POST", THINGS, thing())
    assert things.patch(THINGS + "/t", {"spec": {}}, "strategic-merge-patch").status == 415


def test_a_deleted_definition_takes_its_objects_along(things: Wire) -> None:
    things("POST", THINGS, thing())
    assert things("DELETE", f"{CRDS}/things.test.example.org").status == 200
    assert things("GET", f"{CRDS}/things.test.example.org").status == 404
    assert things("GET", THINGS).status == 404
    things("POST", CRDS, definition())
    assert things("GET", THINGS).json["items"] == []


def test_a_definition_waits_for_objects_with_finalizers(things: Wire) -> None:
    body = thing()
    body["metadata"]["finalizers"] = ["a.b/c"]
    things("POST", THINGS, body)
    things("DELETE", f"{CRDS}/things.test.example.org")
    assert things("GET", f"{CRDS}/things.test.example.org").status == 200
    things.patch(THINGS + "/t", {"metadata": {"finalizers": None}})
    assert things("GET", f"{CRDS}/things.test.example.org").status == 404


@pytest.mark.parametrize(
    "version",
    [{"schema": {}}, {"storage": False}, {"schema": {"openAPIV3Schema": {"type": "array"}}}],
)
def test_a_malformed_definition_is_refused(wire: Wire, version: Any) -> None:
    assert wire("POST", CRDS, definition(**version)).status == 422


def test_a_definition_is_named_after_its_plural_and_group(wire: Wire) -> None:
    body = definition()
    body["metadata"]["name"] = "other.test.example.org"
    assert 'must be spec.names.plural+"."+spec.group' in wire("POST", CRDS, body).message


def test_a_definition_keeps_conditions_of_others(things: Wire) -> None:
    path = f"{CRDS}/things.test.example.org"
    odd = {"status": {"conditions": [{"message": "patched", "reason": "Test"}]}}
    assert things.patch(f"{path}/status", odd).status == 200
    conditions = things("GET", path).json["status"]["conditions"]
    assert [entry.get("type") for entry in conditions] == [None, "NamesAccepted", "Established"]


def applied(wire: Wire, text: str, validation: str = "Strict") -> Answer:
    query = f"?fieldManager=m&fieldValidation={validation}"
    head = "apiVersion: test.example.org/v1\nkind: Thing\nmetadata:\n  name: t\n"
    return wire("PATCH", f"{THINGS}/t{query}", (head + text).encode(),
                media="application/apply-patch+yaml")  # fmt: skip


@pytest.mark.parametrize(
    ("text", "field"),
    [("junk: 1\nspec: {size: 1}\n", ".junk"), ("spec: {size: 1, junk: 2}\n", ".spec.junk")],
)
def test_an_apply_refuses_fields_that_the_schema_lacks(things: Wire, text: str, field: str) -> None:
    answer = applied(things, text)
    assert answer.status == 500
    assert answer.message.endswith(f"{field}: field not declared in schema")
    assert "test.example.org/v1, Kind=Thing" in answer.message


def test_an_apply_keeps_free_fields(things: Wire) -> None:
    assert applied(things, "spec: {size: 1, free: {any: 1}}\n").status == 201


@pytest.mark.parametrize("validation", ["Strict", "Warn", "Ignore"])
def test_a_key_given_twice_in_yaml_is_refused_or_warned_about(
    things: Wire, validation: str
) -> None:
    answer = applied(things, "spec:\n  size: 1\n  free:\n    a: 1\n    a: 2\n", validation)
    said = 'yaml: unmarshal errors:\n  line 9: key "a" already set in map'
    if validation == "Strict":
        assert answer.status == 400
        assert answer.message == (
            f"error strict decoding YAML: error converting YAML to JSON: {said}"
        )
    else:
        assert answer.status == 201
        assert ('key \\"a\\" already' in answer.headers.get("Warning", "")) is (
            validation == "Warn"
        )


def test_a_key_given_twice_in_json(things: Wire) -> None:
    text = '{"apiVersion":"test.example.org/v1","kind":"Thing","metadata":{"name":"t"},\n"spec":'
    text += '{"size":1,\n"free":{"a":"\\ud83d\\ude00","a":2}}}'
    answer = things("PATCH", f"{THINGS}/t?fieldManager=m&fieldValidation=Strict", text.encode(),
                    media="application/apply-patch+yaml")  # fmt: skip
    assert answer.status == 400
    assert answer.message.endswith('  line 3: key "a" already set in map')
