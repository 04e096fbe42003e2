"""Which conversions, selectable fields and removed versions a definition may have."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.apiserver.custom import version_rules
from resilience.sandbox.kube.refusals import Cause
from tests.sandbox.apiserver.custom.conftest import V1, V2, Places, version

Obj = dict[str, Any]
WHERE = "spec.conversion"
CLIENT = f"{WHERE}.webhookClientConfig"
URL = {"url": "https://a.example.org/x"}


def said(causes: list[Cause]) -> list[str]:
    return [f"{cause.field}: {cause.message}" for cause in causes]


def hook(config: Any = URL, versions: Any = ("v1",)) -> Obj:
    return {"conversion": {"strategy": "Webhook", "webhook": {
        "clientConfig": config, "conversionReviewVersions": list(versions)}}}  # fmt: skip


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ({"conversion": {"strategy": "None"}}, []),
        (hook(), []),
        (hook({"service": {"name": "a", "namespace": "b", "port": 443, "path": "/c"}}), []),
        (
            {"conversion": {"strategy": "Magic"}},
            [f'{WHERE}.strategy: Unsupported value: "Magic": supported values: "None", "Webhook"'],
        ),
        (
            {"conversion": {"strategy": "None", "webhook": {"clientConfig": URL}}},
            [f"{CLIENT}: Forbidden: should not be set when strategy is not set to Webhook"],
        ),
        (
            hook(config=None),
            [f"{CLIENT}: Required value: required when strategy is set to Webhook"],
        ),
        (hook({}), [f"{CLIENT}: Required value: exactly one of url or service is required"]),
        (
            hook({"url": "http://u:p@a/x?y=1#z"}),
            [
                f"{CLIENT}.url: Invalid value: \"http\": 'https' is the only allowed URL scheme;"
                " desired format: https://host[/path]",
                f'{CLIENT}.url: Invalid value: "u:p": user information is not permitted in the URL',
                f'{CLIENT}.url: Invalid value: "z": fragments are not permitted in the URL',
                f'{CLIENT}.url: Invalid value: "y=1": query parameters are not permitted in the'
                " URL",
            ],
        ),
        (
            hook({"service": {"port": 0, "path": "x"}}),
            [
                f"{CLIENT}.service.name: Required value",
                f"{CLIENT}.service.namespace: Required value",
                f"{CLIENT}.service.port: Invalid value: 0: port is not valid: must be between 1"
                " and 65535, inclusive",
                f"{CLIENT}.service.path: Invalid value: \"x\": must start with a '/'",
            ],
        ),
        (hook(versions=()), [f"{WHERE}.conversionReviewVersions: Required value"]),
        (
            hook(versions=("v9", "v9")),
            [
                f'{WHERE}.conversionReviewVersions[1]: Invalid value: "v9": duplicate version',
                f'{WHERE}.conversionReviewVersions: Invalid value: ["v9","v9"]: must include at'
                " least one of v1, v1beta1",
            ],
        ),
    ],
)
def test_an_invalid_conversion_is_refused_as_by_kubernetes(spec: Obj, wanted: list[str]) -> None:
    assert said(version_rules.conversion(spec)) == wanted


def fields(*paths: str) -> Obj:
    inner = {"type": "object", "properties": {"x": {"type": "integer"}, "o": {"type": "object"}}}
    schema = {"type": "object", "properties": {"a": {"type": "string"}, "spec": inner}}
    return {"selectableFields": [{"jsonPath": path} for path in paths],
            "schema": {"openAPIV3Schema": schema}}  # fmt: skip


@pytest.mark.parametrize(
    ("paths", "wanted"),
    [
        ((".a", ".spec.x"), []),
        (("",), ["spec.selectableFields[0].jsonPath: Required value"]),
        (
            (".metadata.name",),
            ['spec.selectableFields[0].jsonPath: Invalid value: ".metadata.name": must not point'
             " to fields in metadata"],
        ),
        (
            (".b",),
            ['spec.selectableFields[0].jsonPath: Invalid value: ".b": is an invalid path: does'
             " not refer to a valid field"],
        ),
        (
            (".spec['x']",),
            ["spec.selectableFields[0].jsonPath: Invalid value: \".spec['x']\": is an invalid"
             " path: array notation is not allowed"],
        ),
        (
            (".spec.o",),
            ['spec.selectableFields[0].jsonPath: Invalid value: ".spec.o": must point to a field'
             " of type string, boolean or integer. Enum string fields and strings with formats"
             " are allowed."],
        ),
        ((".a", ".a"), ['spec.selectableFields[1].jsonPath: Duplicate value: ".a"']),
    ],
)  # fmt: skip
def test_invalid_selectable_fields_are_refused_as_by_kubernetes(
    paths: tuple[str, ...], wanted: list[str]
) -> None:
    assert said(version_rules.selectable_fields([fields(*paths)])) == wanted


def test_nine_selectable_fields_are_too_many() -> None:
    names = [f"f{at}" for at in range(9)]
    found = version("v1", *names, selectableFields=[{"jsonPath": f".{name}"} for name in names])
    assert said(version_rules.selectable_fields([found])) == [
        "spec.selectableFields: Too many: 9: must have at most 8 items"
    ]


def test_fields_of_versions_that_differ_are_named_by_version() -> None:
    found = version_rules.selectable_fields([fields(".a"), fields(".b")])
    assert [cause.field for cause in found] == ["spec.versions[1].selectableFields[0].jsonPath"]


def test_a_version_in_which_objects_were_stored_must_stay(places: Places) -> None:
    places.define(V1, V2)
    places.change({**V1, "storage": False}, {**V2, "storage": True})
    status = places.wire("GET", places.path).json["status"]
    assert status["storedVersions"] == ["v1", "v2"]
    answer = places.wire.patch(places.path, {"spec": {"versions": [{**V2, "storage": True}]}})
    assert answer.status == 422
    assert 'status.storedVersions[0]: Invalid value: "v1": missing from spec.versions; v1 was' in (
        answer.message
    )
    freed = places.wire.patch(f"{places.path}/status", {"status": {"storedVersions": ["v2"]}})
    assert freed.status == 200
    places.change({**V2, "storage": True})


def test_what_the_server_fills_in(places: Places) -> None:
    places.define(V1)
    spec = places.wire("GET", places.path).json["spec"]
    assert spec["conversion"] == {"strategy": "None"}
    assert spec["names"]["listKind"] == "PlaceList"


@pytest.mark.parametrize("change", [{"scope": "Cluster"}, {"names": {"kind": "Other"}}])
def test_what_the_place_of_objects_hangs_on_cannot_change(places: Places, change: Obj) -> None:
    places.define(V1)
    answer = places.wire.patch(places.path, {"spec": change})
    assert answer.status == 422
    assert "field is immutable" in answer.message
