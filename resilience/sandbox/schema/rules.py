"""Rules of custom resources (`x-kubernetes-validations`), evaluated for one object.

Source: k8s.io/apiextensions-apiserver, pkg/apiserver/schema/cel/validation.go. A rule with
`oldSelf` runs only if there is a value to compare with: parts of lists have one only in lists of
type map. Unchanged values are not judged again (ratcheting), except by such rules.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.refusals import Cause
from resilience.sandbox.schema import cel

RULES = "x-kubernetes-validations"
LONGEST_MESSAGE = 5 << 10
_RESERVED = frozenset(
    ("true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function",
     "if", "import", "let", "loop", "package", "namespace", "return", "var", "void", "while")
)  # fmt: skip
_ESCAPES = (("__", "__underscores__"), (".", "__dot__"), ("-", "__dash__"), ("/", "__slash__"))
_HOURS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}

Schema = Mapping[str, Any]


def has_any(schema: Any) -> bool:
    """Whether a schema contains a rule."""
    return any(True for _ in each(schema, ""))


def each(schema: Any, path: str) -> Iterator[tuple[str, Schema]]:
    """Every part of a schema that has rules, with its path."""
    if not isinstance(schema, Mapping):
        return
    if schema.get(RULES):
        yield path, schema
    for name, inner in sorted((schema.get("properties") or {}).items()):
        yield from each(inner, f"{path}.properties[{name}]")
    yield from each(schema.get("additionalProperties"), f"{path}.additionalProperties")
    yield from each(schema.get("items"), f"{path}.items")


def check(schema: Schema, value: Any, old: Any, path: str = "") -> list[Cause]:
    """Every rule that `value` violates; `old` is its former value, None without one."""
    causes: list[Cause] = []
    if schema.get(RULES):
        names = {
            "self": typed(schema, value),
            "oldSelf": typed(schema, old),
            "_old": typed(schema, old),
            "_hasOld": old is not None,
        }
        for rule in schema[RULES]:
            if _applies(rule, value, old):
                causes += _judge(rule, schema, value, names, path)
    if isinstance(value, dict):
        causes += _members(schema, value, old if isinstance(old, dict) else {}, path)
    elif isinstance(value, list) and isinstance(schema.get("items"), Mapping):
        before = _by_keys(schema, old)
        for at, item in enumerate(value):
            past = before.get(_keys(schema, item))
            causes += check(schema["items"], item, past, f"{path}[{at}]")
    return causes


def _members(schema: Schema, value: Any, old: Any, path: str) -> list[Cause]:
    properties = schema.get("properties") or {}
    extra = schema.get("additionalProperties")
    causes: list[Cause] = []
    for key, inner in sorted(value.items()):
        if key in properties:
            where = f"{path}.{key}" if path else key
            causes += check(properties[key], inner, old.get(key), where)
        elif isinstance(extra, Mapping):
            causes += check(extra, inner, old.get(key), f"{path}[{key}]")
    return causes


def _by_keys(schema: Schema, old: Any) -> dict[Any, Any]:
    if schema.get("x-kubernetes-list-type") != "map" or not isinstance(old, list):
        return {}
    return {_keys(schema, item): item for item in old}


def _keys(schema: Schema, item: Any) -> tuple[Any, ...] | None:
    names = schema.get("x-kubernetes-list-map-keys")
    if not names or not isinstance(item, dict):
        return None
    return tuple(str(item.get(name)) for name in names)


def _applies(rule: Schema, value: Any, old: Any) -> bool:
    if cel.uses_old(rule["rule"]):
        return old is not None or bool(rule.get("optionalOldSelf"))
    return old is None or value != old


def _judge(
    rule: Schema, schema: Schema, value: Any, names: Mapping[str, Any], path: str
) -> Iterator[Cause]:
    text = rule["rule"]
    kind = str(schema.get("type", ""))
    try:
        held = cel.evaluate(cel.with_optional_old(text) if rule.get("optionalOldSelf") else text,
                            names)  # fmt: skip
    except cel.CelError as error:
        about = (rule.get("message") or text).strip()
        why = f"{error} evaluating rule: {about}"
        if str(error).startswith("no such overload"):
            why = (
                f"'{error}': call arguments did not match a supported operator, function or macro"
                f" signature for rule: {about}"
            )
        yield refusals.value_invalid(path or "<nil>", kind, why)
        return
    if held is not True:
        where = (path + (rule.get("fieldPath") or "")).lstrip(".") or "<nil>"
        yield _refusal(rule, where, kind, value, _message(rule, names))


def _message(rule: Schema, names: Mapping[str, Any]) -> str:
    expression = rule.get("messageExpression")
    if expression:
        try:
            said = cel.evaluate(expression, names)
        except cel.CelError:
            said = None  # the plain message then, as the real server falls back to it
        text = said.strip() if isinstance(said, str) else ""
        if text and "\n" not in text and len(text) <= LONGEST_MESSAGE:
            return text
    return (rule.get("message") or "").strip() or f"failed rule: {rule['rule'].strip()}"


def _refusal(rule: Schema, where: str, kind: str, value: Any, text: str) -> Cause:
    reason = rule.get("reason") or "FieldValueInvalid"
    if reason == "FieldValueForbidden":
        return refusals.value_forbidden(where, text)
    if reason == "FieldValueRequired":
        return refusals.value_required(where, text)
    if reason == "FieldValueDuplicate":
        return refusals.value_duplicate(where, value)
    if kind in ("object", "array"):
        return Cause("FieldValueInvalid", where, f"Invalid value: {text}")
    return refusals.value_invalid(where, value, text)


def escaped(name: str) -> str:
    """A property's name as expressions write it (k8s.io/apiserver, `cel.Escape`)."""
    if name in _RESERVED:
        return f"__{name}__"
    for plain, written in _ESCAPES:
        name = name.replace(plain, written)
    return name


def typed(schema: Any, value: Any) -> Any:
    """A value as expressions see it: by the schema's types and formats, names escaped."""
    if not isinstance(schema, Mapping):
        return value
    if isinstance(value, dict):
        properties, extra = schema.get("properties") or {}, schema.get("additionalProperties")
        return {
            escaped(k) if k in properties else k: typed(properties.get(k, extra), inner)
            for k, inner in value.items()
        }
    if isinstance(value, list):
        return [typed(schema.get("items"), item) for item in value]
    if schema.get("type") == "number" and isinstance(value, int):
        return float(value)
    if isinstance(value, str) and schema.get("format"):
        return _formatted(str(schema["format"]), value)
    return value


def _formatted(form: str, text: str) -> Any:
    try:
        if form in ("date", "date-time"):
            return datetime.fromisoformat(text)
        if form == "duration":
            return _duration(text)
        if form == "byte":
            return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        pass  # not in the declared format: validation of formats reports that itself
    return text


def _duration(text: str) -> timedelta:
    parts = re.findall(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)", text.lstrip("+-"))
    if not parts or "".join(a + b for a, b in parts) != text.lstrip("+-"):
        raise ValueError(f"not a duration: {text!r}")
    seconds = sum(float(number) * _HOURS[unit] for number, unit in parts)
    return timedelta(seconds=-seconds if text.startswith("-") else seconds)
