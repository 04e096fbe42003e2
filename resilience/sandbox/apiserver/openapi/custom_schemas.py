"""The schema of a custom kind as OpenAPI publishes it: with apiVersion, kind and metadata.

Source: apiextensions-apiserver/pkg/controller/openapi/builder/builder.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from resilience.sandbox.schema.descriptions import API_VERSION, KIND, METADATA

OBJECT_META = "#/components/schemas/V1ObjectMeta"
_FREE = "x-kubernetes-preserve-unknown-fields"
_LOWER = {
    "apiVersion": "apiVersion defines the versioned schema of this representation of an object."
    + API_VERSION[API_VERSION.index(" More info:") :],
    "kind": "kind is a string value representing the type of this object. In CamelCase."
    + KIND[KIND.index(" More info:") :],
}


def published(version: Mapping[str, Any], *, second: bool) -> dict[str, Any]:
    """The schema of one version; v2 has no schema for a root that accepts any field."""
    own = (version.get("schema") or {}).get("openAPIV3Schema")
    if not isinstance(own, Mapping) or (second and own.get(_FREE) is True):
        return {"type": "object"}
    found = {**_whole(own, second=second)}
    found["properties"] = {
        **(found.get("properties") or {}),
        "apiVersion": {"type": "string", "description": API_VERSION},
        "kind": {"type": "string", "description": KIND},
        "metadata": _metadata(),
    }
    fields = version.get("selectableFields")
    if fields:
        found["x-kubernetes-selectable-fields"] = [
            {"fieldPath": field["jsonPath"].removeprefix(".")} for field in fields
        ]
    return found


def _metadata() -> dict[str, Any]:
    return {"allOf": [{"$ref": OBJECT_META}], "description": METADATA}


def _whole(schema: Mapping[str, Any], *, second: bool) -> Mapping[str, Any]:
    """The same schema, each embedded object with the fields that every object has."""
    out = dict(schema)
    if isinstance(out.get("properties"), Mapping):
        out["properties"] = {
            name: _whole(inner, second=second) for name, inner in out["properties"].items()
        }
    for key in ("items", "additionalProperties"):
        if isinstance(out.get(key), Mapping):
            out[key] = _whole(out[key], second=second)
    if out.get("x-kubernetes-embedded-resource") is True and not (second and out.get(_FREE)):
        out["properties"] = {
            **(out.get("properties") or {}),
            "apiVersion": {"type": "string", "description": _LOWER["apiVersion"]},
            "kind": {"type": "string", "description": _LOWER["kind"]},
            "metadata": _metadata(),
        }
        required = list(out.get("required") or ())
        out["required"] = [*required, *(name for name in ("kind", "apiVersion")
                                        if name not in required)]  # fmt: skip
    return out
