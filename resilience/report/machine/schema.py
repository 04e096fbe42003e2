"""The JSON Schema (draft-07) of `report.json`, generated from its types."""

from __future__ import annotations

import types
from typing import (
    Annotated,
    Any,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from resilience.report.shape import VERSION, ReportJson

_SCALARS: dict[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}


def schema() -> dict[str, Any]:
    """The schema of the whole file."""
    definitions: dict[str, Any] = {}
    root = _of(ReportJson, definitions)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": f"report.json of pytest-resilience, version {VERSION}",
        **root,
        "definitions": dict(sorted(definitions.items())),
    }


def _of(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return {**_of(arguments[0], definitions), "description": arguments[1]}
    if origin in (Union, types.UnionType):
        return {"anyOf": [_of(argument, definitions) for argument in arguments]}
    if origin is list:
        return {"type": "array", "items": _of(arguments[0], definitions)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _of(arguments[1], definitions)}
    if is_typeddict(hint):
        return _record(hint, definitions)
    if hint is type(None):
        return {"type": "null"}
    return {} if hint is Any else {"type": _SCALARS[hint]}


def _record(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    name = hint.__name__.removesuffix("Json")
    if name not in definitions:
        definitions[name] = {}
        hints = get_type_hints(hint, include_extras=True)
        definitions[name] = {
            "type": "object",
            "description": hint.__doc__,
            "properties": {key: _of(each, definitions) for key, each in hints.items()},
            "required": list(hints),
        }
    return {"$ref": f"#/definitions/{name}"}
