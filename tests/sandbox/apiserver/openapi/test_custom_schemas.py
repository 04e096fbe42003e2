"""Schemas of custom kinds as they are published, and what kubectl explains."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from resilience.sandbox.apiserver.openapi.custom_schemas import published
from tests.sandbox.apiserver.live import Live
from tests.sandbox.apiserver.wire import Wire

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
BAR = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string", "description": "Name of Bar."}},
}
FOO = {
    "type": "object",
    "description": "Foo for the tests.",
    "properties": {
        "spec": {
            "type": "object",
            "description": "Specification of Foo",
            "properties": {"bars": {"type": "array", "description": "List of Bars.", "items": BAR}},
        }
    },
}


def test_every_object_has_version_kind_and_metadata() -> None:
    found = published({"schema": {"openAPIV3Schema": FOO}}, second=False)
    assert set(found["properties"]) == {"apiVersion", "kind", "metadata", "spec"}
    assert found["properties"]["kind"]["description"].startswith("Kind is a string value")
    assert found["properties"]["spec"] == FOO["properties"]["spec"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("second", "free", "added"),
    [(False, False, True), (True, False, True), (False, True, True), (True, True, False)],
)
def test_an_embedded_object_has_kind_and_metadata_in_its_schema(
    second: bool, free: bool, added: bool
) -> None:
    inner: dict[str, Any] = {"type": "object", "x-kubernetes-embedded-resource": True}
    if free:
        inner["x-kubernetes-preserve-unknown-fields"] = True
    schema = {"type": "object", "properties": {"template": inner}}
    found = published({"schema": {"openAPIV3Schema": schema}}, second=second)
    template = found["properties"]["template"]
    assert ("metadata" in template.get("properties", {})) is added
    assert (template.get("required") == ["kind", "apiVersion"]) is added
    assert "properties" not in inner


def test_selectable_fields_are_published() -> None:
    version = {"schema": {"openAPIV3Schema": FOO}, "selectableFields": [{"jsonPath": ".spec.x"}]}
    found = published(version, second=False)
    assert found["x-kubernetes-selectable-fields"] == [{"fieldPath": "spec.x"}]


@pytest.fixture
def foos(wire: Wire) -> Iterator[Wire]:
    spec = {"group": "explain.example.org", "scope": "Namespaced",
            "names": {"plural": "foos", "kind": "Foo"},
            "versions": [{"name": "v1", "served": True, "storage": True,
                          "schema": {"openAPIV3Schema": FOO}}]}  # fmt: skip
    made = wire("POST", CRDS, {"metadata": {"name": "foos.explain.example.org"}, "spec": spec})
    assert made.status == 201, made.message
    yield wire
    wire("DELETE", f"{CRDS}/foos.explain.example.org")


@pytest.mark.parametrize(
    ("path", "texts"),
    [
        ("foos", ["Foo for the tests.", "APIVersion defines", "Specification of Foo"]),
        ("foos.spec", ["Specification of Foo", "bars", "<[]Object>", "List of Bars."]),
        ("foos.spec.bars", ["List of Bars.", "-required-", "Name of Bar."]),
        ("foos.metadata", ["Standard object's metadata", "CreationTimestamp is a timestamp"]),
        ("pods.spec.containers", ["List of containers", "Arguments to the entrypoint"]),
        ("configmaps", ["ConfigMap holds configuration data", "BinaryData contains the binary"]),
    ],
)
def test_kubectl_explain_describes_custom_fields(
    foos: Wire, live: Live, path: str, texts: list[str]
) -> None:
    said = live.kubectl("explain", path)
    assert [text for text in texts if text not in said] == []


def test_kubectl_explains_no_field_that_is_not_there(foos: Wire, live: Live) -> None:
    said = live.kubectl("explain", "foos.spec.bars2", check=False)
    assert 'field "bars2" does not exist' in said


def test_a_hash_changes_with_the_definition_and_no_other_does(foos: Wire) -> None:
    def hashes() -> dict[str, str]:
        paths = foos("GET", "/openapi/v3").json["paths"]
        return {path: entry["serverRelativeURL"] for path, entry in paths.items()}

    def description() -> str:
        found = foos("GET", "/openapi/v3/apis/explain.example.org/v1").json
        return str(found["components"]["schemas"]["org.example.explain.v1.Foo"]["description"])

    before = hashes()
    assert (hashes(), description()) == (before, "Foo for the tests.")
    schema = {"openAPIV3Schema": {**FOO, "description": "Other."}}
    versions = [{"name": "v1", "served": True, "storage": True, "schema": schema}]
    changed = foos.patch(f"{CRDS}/foos.explain.example.org", {"spec": {"versions": versions}})
    assert changed.status == 200, changed.message
    after = hashes()
    assert {path for path in after if after[path] != before.get(path)} == {
        "apis/explain.example.org/v1"
    }
    assert description() == "Other."
