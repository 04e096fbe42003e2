"""Structural schemas of custom resources: prune, default, validate.

Source: k8s.io/apiextensions-apiserver (pkg/apiserver/schema/{pruning,defaulting}, validation) and
the OpenAPI v3 subset it accepts. Rules in CEL are judged in `rules`. Pure functions over plain
JSON.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.refusals import Cause
from resilience.sandbox.schema import pattern
from resilience.sandbox.store.identity import identity
from resilience.sandbox.store.store import clone

Schema = Mapping[str, Any]
_ROOT = frozenset({"apiVersion", "kind", "metadata"})
_TYPES: dict[str, Any] = {"object": dict, "array": list, "string": str, "boolean": bool}


def prune(schema: Schema, value: Any, path: str = "") -> list[str]:
    """Drop what the schema does not specify, in place; the paths that were dropped."""
    dropped: list[str] = []
    if isinstance(value, dict):
        properties = schema.get("properties") or {}
        extra = schema.get("additionalProperties")
        free = schema.get("x-kubernetes-preserve-unknown-fields") is True
        embedded = not path or schema.get("x-kubernetes-embedded-resource") is True
        for key in list(value):
            where = f"{path}.{key}" if path else key
            if embedded and key in _ROOT:
                continue
            if key in properties:
                dropped += prune(properties[key], value[key], where)
            elif isinstance(extra, Mapping):
                dropped += prune(extra, value[key], where)
            elif not free and extra is not True:
                del value[key]
                dropped.append(where)
    elif isinstance(value, list) and isinstance(schema.get("items"), Mapping):
        for at, item in enumerate(value):
            dropped += prune(schema["items"], item, f"{path}[{at}]")
    return dropped


def default(schema: Schema, value: Any) -> None:
    """Fill defaults in place; a null where the schema is not nullable counts as absent."""
    if isinstance(value, dict):
        for key, inner in (schema.get("properties") or {}).items():
            if key in value and value[key] is None and not inner.get("nullable"):
                del value[key]
            if key not in value and "default" in inner:
                value[key] = clone(inner["default"])
            if key in value:
                default(inner, value[key])
        extra = schema.get("additionalProperties")
        if isinstance(extra, Mapping):
            for key in value:
                if key not in (schema.get("properties") or {}):
                    default(extra, value[key])
    elif isinstance(value, list) and isinstance(schema.get("items"), Mapping):
        for item in value:
            default(schema["items"], item)


def validate(schema: Schema, value: Any, path: str = "") -> list[Cause]:
    """Everything wrong with a value."""
    if value is None and schema.get("nullable"):
        return []
    wrong = _type(schema, value, path)
    if wrong:
        return [wrong]
    causes = list(_scalar(schema, value, path))
    if isinstance(value, dict):
        causes += _object(schema, value, path)
    elif isinstance(value, list):
        causes += _array(schema, value, path)
    return causes + list(_logic(schema, value, path))


def _type(schema: Schema, value: Any, path: str) -> Cause | None:
    kind = schema.get("type")
    if schema.get("x-kubernetes-int-or-string"):
        fits = isinstance(value, int | str) and not isinstance(value, bool)
        kind = "integer,string"
    elif kind in ("integer", "number"):
        number = int if kind == "integer" else int | float
        fits = isinstance(value, number) and not isinstance(value, bool)
        fits = fits or (kind == "integer" and isinstance(value, float) and value.is_integer())
    elif kind in _TYPES:
        fits = isinstance(value, _TYPES[kind])
    else:
        return None
    if fits:
        return None
    actual = next(
        (
            name
            for name, known in (("null", type(None)), *_TYPES.items())
            if isinstance(value, known)
        ),
        "integer" if isinstance(value, int) else "number",
    )
    where = path or "<nil>"
    return refusals.value_invalid(
        where, actual, f'{path} in body must be of type {kind}: "{actual}"'
    )


def _scalar(schema: Schema, value: Any, path: str) -> Iterator[Cause]:
    allowed = schema.get("enum")
    if allowed is not None and value not in allowed:
        yield refusals.value_unsupported(path, value, [str(word) for word in allowed])
    if isinstance(value, str):
        yield from _text(schema, value, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _number(schema, value, path)


def _text(schema: Schema, value: str, path: str) -> Iterator[Cause]:
    wanted = schema.get("pattern")
    if wanted and not _matches(wanted, value):
        yield refusals.value_invalid(path, value, f"{path} in body should match '{wanted}'")
    longest, shortest = schema.get("maxLength"), schema.get("minLength")
    if longest is not None and len(value) > longest:
        yield Cause("FieldValueTooLong", path, f"Too long: may not be more than {longest} bytes")
    if shortest is not None and len(value) < shortest:
        yield refusals.value_invalid(
            path, value, f"{path} in body should be at least {shortest} chars long"
        )


def _matches(text: str, value: str) -> bool:
    """A pattern that cannot be parsed matches everything."""
    try:
        return pattern.search(text, value)
    except pattern.PatternError:
        return True


def _number(schema: Schema, value: float, path: str) -> Iterator[Cause]:
    least, most, step = schema.get("minimum"), schema.get("maximum"), schema.get("multipleOf")
    if least is not None and (value < least or (schema.get("exclusiveMinimum") and value == least)):
        word = "greater than" if schema.get("exclusiveMinimum") else "greater than or equal to"
        yield refusals.value_invalid(path, value, f"{path} in body should be {word} {least:g}")
    if most is not None and (value > most or (schema.get("exclusiveMaximum") and value == most)):
        word = "less than" if schema.get("exclusiveMaximum") else "less than or equal to"
        yield refusals.value_invalid(path, value, f"{path} in body should be {word} {most:g}")
    if step and value % step:
        yield refusals.value_invalid(
            path, value, f"{path} in body should be a multiple of {step:g}"
        )


def _object(schema: Schema, value: dict[str, Any], path: str) -> list[Cause]:
    prefix = f"{path}." if path else ""
    causes = [
        refusals.value_required(prefix + key)
        for key in schema.get("required") or ()
        if key not in value
    ]
    properties, extra = schema.get("properties") or {}, schema.get("additionalProperties")
    for key, inner in value.items():
        if not path and key in _ROOT:
            continue
        if key in properties:
            causes += validate(properties[key], inner, prefix + key)
        elif isinstance(extra, Mapping):
            causes += validate(extra, inner, prefix + key)
    most = schema.get("maxProperties")
    if most is not None and len(value) > most:
        causes.append(
            Cause(
                "FieldValueTooMany", path, f"Too many: {len(value)}: must have at most {most} items"
            )
        )
    return causes


def _array(schema: Schema, value: list[Any], path: str) -> list[Cause]:
    causes: list[Cause] = []
    most, least = schema.get("maxItems"), schema.get("minItems")
    if most is not None and len(value) > most:
        causes.append(
            Cause(
                "FieldValueTooMany", path, f"Too many: {len(value)}: must have at most {most} items"
            )
        )
    if least is not None and len(value) < least:
        causes.append(
            refusals.value_invalid(
                path, len(value), f"{path} in body should have at least {least} items"
            )
        )
    items = schema.get("items")
    if isinstance(items, Mapping):
        for at, item in enumerate(value):
            causes += validate(items, item, f"{path}[{at}]")
    return causes + list(_unique(schema, value, path))


def _unique(schema: Schema, value: list[Any], path: str) -> Iterator[Cause]:
    keys = schema.get("x-kubernetes-list-map-keys")
    kind = schema.get("x-kubernetes-list-type")
    seen: set[Hashable] = set()
    for at, item in enumerate(value):
        if kind == "map" and keys and isinstance(item, dict):
            named: Any = {key: item.get(key) for key in keys}
        elif kind == "set":
            named = item
        else:
            continue
        known = identity(named)
        if known in seen:
            yield refusals.value_duplicate(f"{path}[{at}]", named)
        seen.add(known)


def _logic(schema: Schema, value: Any, path: str) -> Iterator[Cause]:
    for inner in schema.get("allOf") or ():
        yield from validate(inner, value, path)
    for word, most in (("anyOf", None), ("oneOf", 1)):
        options = schema.get(word)
        if not options:
            continue
        fitting = sum(1 for inner in options if not validate(inner, value, path))
        if fitting < 1 or (most is not None and fitting > most):
            only = "one and only one" if most else "at least one"
            yield refusals.value_invalid(
                path, value, f"{path} in body must validate {only} schema ({word})"
            )
    if schema.get("not") and not validate(schema["not"], value, path):
        yield refusals.value_invalid(
            path, value, f"{path} in body must not validate the schema (not)"
        )
