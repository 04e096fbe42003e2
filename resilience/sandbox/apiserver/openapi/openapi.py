"""OpenAPI v3, and v2 derived from it, from the table of facts: what kubectl and other clients read.

Source: k8s.io/kube-openapi (root index with hashes, one document per group and version). Schemas
carry `x-kubernetes-group-version-kind`, list and patch extensions; in v3 also descriptions, which
`explain` prints. Documents are built on first request and cached until the set of served kinds
changes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from resilience.sandbox.apiserver.kinds.served_kinds import Kinds
from resilience.sandbox.apiserver.openapi import custom_schemas, openapi_v2
from resilience.sandbox.host.sandbox_config import KUBERNETES_VERSION
from resilience.sandbox.kube.api import Resource
from resilience.sandbox.schema import descriptions
from resilience.sandbox.schema.descriptions import Described
from resilience.sandbox.schema.facts import Facts, Kind, Model

_PREFIX = "#/components/schemas/"
_SCALARS: dict[str, dict[str, Any]] = {
    "string": {"type": "string", "default": ""},
    "integer": {"type": "integer", "format": "int32", "default": 0},
    "int64": {"type": "integer", "format": "int64", "default": 0},
    "number": {"type": "number", "format": "double", "default": 0},
    "boolean": {"type": "boolean", "default": False},
    "time": {"type": "string", "format": "date-time"},
    "bytes": {"type": "string", "format": "byte"},
    "quantity": {
        "type": "string",
        "format": "quantity",
        "oneOf": [{"type": "string"}, {"type": "number"}],
    },
    "intstr": {
        "type": "string",
        "format": "int-or-string",
        "oneOf": [{"type": "integer"}, {"type": "string"}],
    },
    "object": {"type": "object"},
}


class OpenAPI:
    """Documents for the kinds served now. `custom` returns a version of a custom kind."""

    def __init__(
        self,
        facts: Facts,
        kinds: Kinds,
        custom: Callable[[Resource], Mapping[str, Any] | None],
    ) -> None:
        self._facts = facts
        self._kinds = kinds
        self._custom = custom
        self._made: dict[str, tuple[str, bytes]] = {}
        self._listed: dict[str, list[Kind]] = {}
        self._at = -1

    def index(self) -> bytes:
        """/openapi/v3: a path and a hash per group and version. A hash is computed from the inputs
        of a document, so that the document need not be built for it."""
        paths = {
            path: {"serverRelativeURL": f"/openapi/v3/{path}?hash={self._state(path)}"}
            for path in sorted(self._kinds_by_path())
        }
        return json.dumps({"paths": paths}).encode()

    def document(self, path: str) -> bytes | None:
        """One group version's document ("api/v1", "apis/apps/v1"), None for others."""
        return self._document(path) if path in self._kinds_by_path() else None

    def second(self) -> bytes:
        """/openapi/v2: the definitions of every kind in one document."""
        return self._document("")

    def _kinds_by_path(self) -> Mapping[str, list[Kind]]:
        if self._at != self._kinds.changed:
            self._listed = {}
            for kind in self._kinds.all():
                start = "apis" if kind.resource.group else "api"
                path = f"{start}/{kind.resource.api_version}"
                self._listed.setdefault(path, []).append(kind)
            self._at = self._kinds.changed
        return self._listed

    def _state(self, path: str) -> str:
        """A hash of everything that can differ in one document; "" is that of all of them."""
        kinds = self._kinds_by_path()
        chosen = kinds[path] if path else [kind for every in kinds.values() for kind in every]
        custom = [
            [asdict(kind.resource), self._custom(kind.resource)]
            for kind in chosen
            if not kind.model
        ]
        return _hash(_dumped([KUBERNETES_VERSION, path, custom]))

    def _document(self, path: str) -> bytes:
        state = self._state(path)
        known = self._made.get(path)
        if known is None or known[0] != state:
            known = self._made[path] = state, self._make(path)
        return known[1]

    def _make(self, path: str) -> bytes:
        if not path:
            schemas: dict[str, Any] = {}
            for kind in self._kinds.all():
                self._schema_of_kind(kind, schemas, second=True)
            return _dumped(openapi_v2.document(schemas))
        return self._make_third(path)

    def _make_third(self, path: str) -> bytes:
        schemas: dict[str, Any] = {}
        paths: dict[str, Any] = {}
        for kind in self._kinds_by_path()[path]:
            name = self._schema_of_kind(kind, schemas)
            paths.update(_paths_of(kind, name))
        document = {
            "openapi": "3.0.0",
            "info": {"title": "Kubernetes", "version": KUBERNETES_VERSION},
            "paths": paths,
            "components": {"schemas": schemas},
        }
        return _dumped(document)

    def _schema_of_kind(self, kind: Kind, schemas: dict[str, Any], *, second: bool = False) -> str:
        resource = kind.resource
        mark = {"group": resource.group, "version": resource.version, "kind": resource.kind}
        if not kind.model:
            name = ".".join([*reversed(resource.group.split(".")), resource.version, resource.kind])
            schemas[name] = {
                **custom_schemas.published(self._custom(resource) or {}, second=second),
                "x-kubernetes-group-version-kind": [mark],
            }
            self._add("V1ObjectMeta", schemas, told=not second)
            return name
        self._add(kind.model, schemas, told=not second)
        schemas[kind.model]["x-kubernetes-group-version-kind"] = [mark]
        return kind.model

    def _add(self, name: str, schemas: dict[str, Any], *, told: bool) -> None:
        todo = [name]
        while todo:
            current = todo.pop()
            if current in schemas:
                continue
            model = self._facts.model(current)
            schemas[current] = _schema(model, descriptions.described(current) if told else None)
            for kind in model.fields.values():
                inner = kind.replace("[]", "").replace("{}", "")
                if inner not in _SCALARS and inner not in schemas:
                    todo.append(inner)


def _dumped(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _schema(model: Model, told: Described | None) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for field in sorted(model.fields):
        properties[field] = {**_field(model.fields[field]), **_extensions(model, field)}
        if told is not None and field in told.fields:
            properties[field]["description"] = told.fields[field]
        if field in model.enums:
            properties[field]["enum"] = sorted(model.enums[field])
    out: dict[str, Any] = {"type": "object"}
    if told is not None and told.text:
        out["description"] = told.text
    if properties:
        out["properties"] = properties
    if model.required:
        out["required"] = sorted(model.required)
    if model.atomic:
        out["x-kubernetes-map-type"] = "atomic"
    return out


def _field(kind: str) -> dict[str, Any]:
    if kind.startswith("[]"):
        return {"type": "array", "items": _field(kind[2:])}
    if kind.startswith("{}"):
        return {"type": "object", "additionalProperties": _field(kind[2:])}
    if kind in _SCALARS:
        known = dict(_SCALARS[kind])
        known.pop("default", None)
        return known
    return {"allOf": [{"$ref": _PREFIX + kind}]}


def _extensions(model: Model, field: str) -> dict[str, Any]:
    rule = model.lists.get(field)
    out: dict[str, Any] = {}
    if rule is None:
        if model.fields[field].startswith("[]"):
            out["x-kubernetes-list-type"] = "atomic"
        return out
    if model.fields[field].startswith("[]"):
        out["x-kubernetes-list-type"] = rule.kind
    elif rule.kind == "atomic":
        out["x-kubernetes-map-type"] = "atomic"
    if rule.keys:
        out["x-kubernetes-list-map-keys"] = list(rule.keys)
    if rule.strategy:
        out["x-kubernetes-patch-strategy"] = ",".join(rule.strategy)
    if rule.merge_key:
        out["x-kubernetes-patch-merge-key"] = rule.merge_key
    return out


def _paths_of(kind: Kind, schema: str) -> dict[str, Any]:
    """The two paths of a kind, each with what kubectl looks for: the kind and `fieldValidation`."""
    resource = kind.resource
    mark = {"group": resource.group, "version": resource.version, "kind": resource.kind}
    base = f"/apis/{resource.group}" if resource.group else "/api"
    inside = "/namespaces/{namespace}" if resource.namespaced else ""
    collection = f"{base}/{resource.version}{inside}/{resource.plural}"
    parameters = [
        {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
        for name in ("dryRun", "fieldManager", "fieldValidation")
    ]
    body = {"content": {"application/json": {"schema": {"$ref": _PREFIX + schema}}}}
    answer = {"200": {"description": "OK", **body}}

    def operation(action: str) -> dict[str, Any]:
        return {
            "parameters": parameters,
            "responses": answer,
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": mark,
        }

    paths = {collection: {"post": {**operation("post"), "requestBody": body}}}
    if kind.stored:
        paths[collection + "/{name}"] = {
            "get": operation("get"),
            "put": {**operation("put"), "requestBody": body},
            "patch": operation("patch"),
            "delete": operation("delete"),
        }
    return paths


def _hash(document: bytes) -> str:
    return hashlib.sha512(document).hexdigest().upper()
