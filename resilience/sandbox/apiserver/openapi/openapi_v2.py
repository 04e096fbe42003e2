"""OpenAPI v2: the one document of definitions that older clients read.

kubectl requests it for a kind that is not in OpenAPI v3 (a `List`, a custom resource that is not
installed) and skips validation for what it does not find; operators and tests read custom resources
from it. The protobuf form of the document has no definitions, since no client needs them. Source of
the reduction to v2: apiextensions-apiserver/pkg/controller/openapi/v2/conversion.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from resilience.sandbox.host.sandbox_config import KUBERNETES_VERSION

PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
_V3, _V2 = "#/components/schemas/", "#/definitions/"
_JUNCTORS = ("allOf", "anyOf", "oneOf", "not")
_FREE = "x-kubernetes-preserve-unknown-fields"


def document(schemas: Mapping[str, Any]) -> dict[str, Any]:
    """The whole document from v3 schemas by name."""
    definitions = {name: reduced(schema) for name, schema in sorted(schemas.items())}
    return {"swagger": "2.0", "info": _info(), "paths": {}, "definitions": definitions}


def protobuf() -> bytes:
    """The same without definitions, as openapi.v2.Document (gnostic/openapiv2)."""
    info = _info()
    about = _field(1, info["title"].encode()) + _field(2, info["version"].encode())
    return _field(1, b"2.0") + _field(2, about) + _field(8, b"") + _field(9, b"")


def reduced(schema: Mapping[str, Any]) -> dict[str, Any]:
    """One schema without keywords that v2 lacks; references stay."""
    reference = _reference(schema)
    if reference is not None:
        return {"$ref": reference}
    out = {key: value for key, value in schema.items() if key not in _JUNCTORS}
    free = out.get(_FREE) is True
    nullable = out.pop("nullable", False)
    if nullable or free:
        for key in ("items", "properties"):
            out.pop(key, None)
    if nullable or (free and out.get("type") == "object"):
        out.pop("type", None)
    properties = out.get("properties")
    if isinstance(properties, Mapping):
        out["properties"] = {name: reduced(inner) for name, inner in properties.items()}
        _require(out, {n for n, inner in properties.items() if not inner.get("nullable")})
    for key in ("items", "additionalProperties"):
        if isinstance(out.get(key), Mapping):
            out[key] = reduced(out[key])
    if out.get("type") == "array" and "items" not in out:
        del out["type"]
    return out


def _require(out: dict[str, Any], kept: set[str]) -> None:
    required = [name for name in out.get("required") or () if name in kept
                or name not in out["properties"]]  # fmt: skip
    out.pop("required", None)
    if required:
        out["required"] = required


def _reference(schema: Mapping[str, Any]) -> str | None:
    """v3 wraps a reference in `allOf` if it has siblings."""
    inner = schema.get("allOf")
    found = inner[0] if isinstance(inner, list) and len(inner) == 1 else schema
    name = found.get("$ref") if isinstance(found, Mapping) else None
    return _V2 + name.removeprefix(_V3) if isinstance(name, str) else None


def _info() -> dict[str, str]:
    return {"title": "Kubernetes", "version": KUBERNETES_VERSION}


def _field(number: int, data: bytes) -> bytes:
    """A length-delimited field; everything here is shorter than 128 bytes."""
    return bytes((number << 3 | 2, len(data))) + data
