"""v3 schemas as the second version of OpenAPI says them."""

from __future__ import annotations

from typing import Any

import pytest

from resilience.sandbox.apiserver.openapi import openapi_v2

FREE = "x-kubernetes-preserve-unknown-fields"
TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [
        ({"allOf": [{"$ref": "#/components/schemas/X"}]}, {"$ref": "#/definitions/X"}),
        ({"type": "string", "anyOf": [TEXT], "not": TEXT}, {"type": "string"}),
        ({"type": "string", "nullable": True}, {}),
        ({"type": "object", FREE: True, "properties": {"a": TEXT}}, {FREE: True}),
        ({"type": "array", FREE: True, "items": TEXT}, {FREE: True}),
        (
            {"type": "object", "properties": {"a": {**TEXT, "nullable": True}}, "required": ["a"]},
            {"type": "object", "properties": {"a": {}}},
        ),
        (
            {"type": "object", "properties": {"a": TEXT}, "required": ["a", "b"]},
            {"type": "object", "properties": {"a": TEXT}, "required": ["a", "b"]},
        ),
        (
            {"type": "array", "items": {"type": "object", "oneOf": []}},
            {"type": "array", "items": {"type": "object"}},
        ),
    ],
)
def test_what_v2_does_not_know_is_left_out(schema: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert openapi_v2.reduced(schema) == wanted
