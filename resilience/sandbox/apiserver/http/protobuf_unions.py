"""Fields that have one of several types in JSON, and are a message with all of them in protobuf.

All belong to CustomResourceDefinitions (JSONSchemaPropsOrBool, -OrArray and -OrStringArray in
apiextensions/v1 types_jsonschema.go), as does the one message without fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Wire = tuple[int, int | bytes]
Fields = Mapping[int, Sequence[Wire]]
Decode = Callable[[str, Sequence[Wire]], Any]
"""Decodes occurrences of a field of a type, as `protobuf` does for every other field."""

_SCHEMA = "V1JSONSchemaProps"


def schema_or_array(fields: Fields, decode: Decode) -> Any:
    """A schema, or one for each item."""
    if fields.get(2):
        return decode(f"[]{_SCHEMA}", fields[2])
    return decode(_SCHEMA, fields[1]) if fields.get(1) else []


def schema_or_bool(fields: Fields, decode: Decode) -> Any:
    """A schema, or whether any value is allowed."""
    if fields.get(2):
        return decode(_SCHEMA, fields[2])
    return bool(fields.get(1)) and decode("boolean", fields[1])


def schema_or_strings(fields: Fields, decode: Decode) -> Any:
    """A schema, or names of properties."""
    if fields.get(1):
        return decode(_SCHEMA, fields[1])
    return decode("[]string", fields.get(2, ()))


def empty(fields: Fields, decode: Decode) -> Any:
    """A message whose presence is its only content."""
    return {}


UNIONS: dict[tuple[str, str], Callable[[Fields, Decode], Any]] = {
    (_SCHEMA, "items"): schema_or_array,
    (_SCHEMA, "additionalItems"): schema_or_bool,
    (_SCHEMA, "additionalProperties"): schema_or_bool,
    (_SCHEMA, "dependencies"): schema_or_strings,
    ("V1CustomResourceSubresources", "status"): empty,
}
