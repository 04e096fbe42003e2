"""Whether an object matches its kind: unknown and duplicate fields, types. Not the meaning of
values.

Sources: k8s.io/apimachinery/pkg/runtime/serializer/json (strict decoding), sigs.k8s.io/json, the
handlers' rules for `fieldValidation`: Strict refuses, Warn answers with warnings, Ignore drops
silently. Wrong types are refused in every mode. What comes out has only known fields of the right
types, no nulls, and quantities in canonical form: everything behind this door relies on that.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any

from resilience.sandbox.host.sandbox_clock import parse_stamp
from resilience.sandbox.kube import quantity
from resilience.sandbox.kube.api import ApiError, Obj
from resilience.sandbox.kube.call import Call
from resilience.sandbox.schema import go_base64
from resilience.sandbox.schema.facts import Facts, Model, builtin

_GO = {
    "string": "string",
    "integer": "int32",
    "int64": "int64",
    "number": "float64",
    "boolean": "bool",
    "bytes": "[]uint8",
    "intstr": "intstr.IntOrString",
    "quantity": "resource.Quantity",
    "time": "v1.Time",
}
_EMPTY = ("[]", "{}")
_KEPT_EMPTY = frozenset({"endpoints", "rules", "drivers", "items"})
_RANGES = {"integer": 2**31, "int64": 2**63}


class _Mismatch(Exception):
    """A value of the wrong type; the text is Go's."""


def check(model: str, obj: Obj, call: Call, duplicates: Sequence[str] = ()) -> None:
    """Prune and normalize `obj` in place; ApiError 400 for wrong types and, when strict, for
    unknown or duplicate fields. For model "" (custom resources) only metadata is checked."""
    walk = _Walk(builtin())
    try:
        if model:
            walk.struct(builtin().model(model), obj, "")
        elif isinstance(obj.get("metadata"), dict):
            walk.struct(builtin().model("V1ObjectMeta"), obj["metadata"], "metadata")
    except _Mismatch as error:
        raise ApiError(400, "BadRequest", f"{_subject(obj)}{error}") from None
    report(obj, call, [f'unknown field "{path}"' for path in walk.unknown], duplicates)


def report(obj: Obj, call: Call, complaints: Sequence[str], duplicates: Sequence[str] = ()) -> None:
    """Refuse or warn about unknown and duplicate fields, as the call demands."""
    found = [*complaints, *(f'duplicate field "{key}"' for key in duplicates)]
    if not found:
        return
    if call.validation == "Strict":
        raise ApiError(
            400, "BadRequest", f"{_subject(obj)}strict decoding error: {', '.join(found)}"
        )
    if call.validation == "Warn":
        call.warnings.extend(found)


def _subject(obj: Obj) -> str:
    kind, version = obj.get("kind", ""), str(obj.get("apiVersion", "")).rpartition("/")[2]
    return f'{kind} in version "{version}" cannot be handled as a {kind}: '


class _Walk:
    """One pass over one object."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self.unknown: list[str] = []

    def struct(self, model: Model, value: dict[str, Any], path: str) -> None:
        """Check every field of a struct, dropping the unknown ones and nulls."""
        fields = model.fields
        for key in list(value):
            where = f"{path}.{key}" if path else key
            kind = fields.get(key)
            if kind is None:
                self.unknown.append(where)
                del value[key]
            elif value[key] is None:
                del value[key]
            else:
                value[key] = self.value(kind, value[key], where, model)
                # Go leaves empty lists and maps out of JSON (`omitempty`), except for a few fields.
                if kind[:2] in _EMPTY and not value[key] and key not in _KEPT_EMPTY:
                    del value[key]

    def value(self, kind: str, value: Any, path: str, owner: Model) -> Any:
        """The checked, normalised value."""
        scalar = _SCALARS.get(kind)
        if scalar is not None:
            return scalar(value, _Place(owner, path, _GO.get(kind, kind)))
        if kind.startswith("[]"):
            if not isinstance(value, list):
                raise _wrong(value, _Place(owner, path, _go(kind)))
            inner = kind[2:]
            return [
                self._empty(inner)
                if item is None
                else self.value(inner, item, f"{path}[{at}]", owner)
                for at, item in enumerate(value)
            ]
        if not isinstance(value, dict):
            raise _wrong(value, _Place(owner, path, _go(kind)))
        if kind.startswith("{}"):
            inner = kind[2:]
            return {
                key: self._empty(inner)
                if item is None
                else self.value(inner, item, f"{path}.{key}", owner)
                for key, item in value.items()
            }
        self.struct(self._facts.model(kind), value, path)
        return value

    @staticmethod
    def _empty(kind: str) -> Any:
        """What a null element decodes to."""
        if kind in ("string", "bytes", "quantity", "time"):
            return "0" if kind == "quantity" else ""
        if kind in ("integer", "int64", "number", "intstr"):
            return 0
        if kind == "boolean":
            return False
        return [] if kind.startswith("[]") else {}


class _Place:
    """Where a value stands, for the message."""

    __slots__ = ("go", "owner", "path")

    def __init__(self, owner: Model, path: str, go: str) -> None:
        self.owner, self.path, self.go = owner, path, go


def _go(kind: str) -> str:
    if kind.startswith("[]"):
        return "[]" + _go(kind[2:])
    if kind.startswith("{}"):
        return "map[string]" + _go(kind[2:])
    return _GO.get(kind) or f"v1.{_short(kind)}"


def _short(model: str) -> str:
    """ "V1PodSpec" to "PodSpec"."""
    head, _, tail = model.partition("V")
    return tail.lstrip("0123456789") if tail[:1].isdigit() else head or model


def _wrong(value: Any, place: _Place) -> _Mismatch:
    name = {
        str: "string",
        bool: "bool",
        int: "number",
        float: "number",
        list: "array",
        dict: "object",
    }[type(value)]
    if name == "number":
        name = f"number {value}" if place.go.startswith(("int", "[]int")) else "number"
    path = "".join(part.partition("[")[0] + "." for part in place.path.split(".")).rstrip(".")
    return _Mismatch(
        f"json: cannot unmarshal {name} into Go struct field"
        f" {_short(place.owner.name)}.{path} of type {place.go}"
    )


def _string(value: Any, place: _Place) -> str:
    if not isinstance(value, str):
        raise _wrong(value, place)
    return value


def _whole(limit: int) -> Callable[[Any, _Place], int]:
    def whole(value: Any, place: _Place) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not -limit <= value < limit:
            raise _wrong(value, place)
        return value

    return whole


def _number(value: Any, place: _Place) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _wrong(value, place)
    return value


def _boolean(value: Any, place: _Place) -> bool:
    if not isinstance(value, bool):
        raise _wrong(value, place)
    return value


def _time(value: Any, place: _Place) -> str:
    text = _string(value, place)
    try:
        if "T" not in text:
            raise ValueError("no time")
        parse_stamp(text)
    except (ValueError, OverflowError):
        raise _Mismatch(
            f'parsing time "{text[:64]}" as "2006-01-02T15:04:05Z07:00": cannot parse'
            f' "{text[:64]}" as "2006"'
        ) from None
    return text


def _bytes(value: Any, place: _Place) -> str:
    """Standard base64, in which line ends are ignored; the stored form has none."""
    text = _string(value, place)
    if (wrong := go_base64.illegal_at(text)) is not None:
        raise _Mismatch(f"illegal base64 data at input byte {wrong}")
    return base64.b64encode(base64.b64decode(text)).decode()


def _int_or_string(value: Any, place: _Place) -> int | str:
    if isinstance(value, str):
        return value
    return _whole(_RANGES["integer"])(value, place)


def _quantity(value: Any, place: _Place) -> str:
    try:
        return quantity.canonical(value)
    except ValueError as error:
        raise _Mismatch(str(error)) from None


_SCALARS: dict[str, Callable[[Any, _Place], Any]] = {
    "string": _string,
    "integer": _whole(_RANGES["integer"]),
    "int64": _whole(_RANGES["int64"]),
    "number": _number,
    "boolean": _boolean,
    "time": _time,
    "bytes": _bytes,
    "intstr": _int_or_string,
    "quantity": _quantity,
    "object": lambda value, place: value,
}
