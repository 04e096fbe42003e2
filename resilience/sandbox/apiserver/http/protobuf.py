"""Kubernetes' protobuf bodies, decoded to JSON with the table of facts and a table of field
numbers.

Typed Go clients send protobuf (kubectl's `create deployment`, `auth can-i` ...) and do not fall
back, so requests of every built-in kind are decoded; answers are always JSON, which the same
clients accept. Source: the `k8s\\0` envelope of
k8s.io/apimachinery/pkg/runtime/serializer/protobuf, and proto3's wire format. Zero values of fields
that are neither optional nor required are left out, as Go's `omitempty` leaves them out of JSON.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator, Sequence
from typing import Any

from resilience.sandbox.apiserver.http.json_body import decode_json
from resilience.sandbox.apiserver.http.protobuf_unions import UNIONS
from resilience.sandbox.host.sandbox_clock import parse_stamp, stamp, stamp_micro
from resilience.sandbox.kube import refusals
from resilience.sandbox.kube.api import ApiError
from resilience.sandbox.schema import facts

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\0"
_DEEPEST = 100
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_OTHER_KINDS = {
    ("policy/v1", "Eviction"): "V1Eviction",
    ("autoscaling/v1", "Scale"): "V1Scale",
    ("authentication.k8s.io/v1", "TokenRequest"): "AuthenticationV1TokenRequest",
}

Wire = tuple[int, int | bytes]
"""Wire type and raw value of one field occurrence."""


class _Malformed(ValueError):
    """These bytes are not a message."""


def decode(data: bytes) -> dict[str, Any]:
    """An object from an enveloped message; ApiError 400 (malformed) or 415 (unknown kind)."""
    if not data.startswith(_MAGIC):
        raise refusals.bad_request("provided data does not appear to be a protobuf message")
    try:
        envelope = _fields(data[len(_MAGIC) :])
        about = _fields(_bytes(envelope, 1))
        api_version, kind = _bytes(about, 1).decode(), _bytes(about, 2).decode()
        model = _model(api_version, kind)
        out = {"apiVersion": api_version, "kind": kind}
        out.update(_message(model, _bytes(envelope, 2), 0))
        return out
    except (_Malformed, UnicodeDecodeError, struct.error, OverflowError) as error:
        raise refusals.bad_request(f"unable to decode the protobuf body: {error}") from error


def _model(api_version: str, kind: str) -> str:
    for known in facts.builtin().kinds:
        if (known.resource.api_version, known.resource.kind) == (api_version, kind):
            return known.model
    if kind == "DeleteOptions":  # Kinds that are registered with every group and version.
        return "V1DeleteOptions"
    other = _OTHER_KINDS.get((api_version, kind))
    if other is None:
        raise ApiError(
            415, "UnsupportedMediaType", f"protobuf is not accepted for {kind} of {api_version}"
        )
    return other


def _fields(data: bytes) -> dict[int, list[Wire]]:
    """Every field occurrence of one message by number."""
    found: dict[int, list[Wire]] = {}
    for number, wire in _walk(data):
        found.setdefault(number, []).append(wire)
    return found


def _walk(data: bytes) -> Iterator[tuple[int, Wire]]:
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield number, (kind, value)
            continue
        if kind == _BYTES:
            length, at = _varint(data, at)
        elif kind in (_FIXED64, _FIXED32):
            length = 8 if kind == _FIXED64 else 4
        else:
            raise _Malformed(f"wire type {kind}")
        if at + length > len(data):
            raise _Malformed("unexpected end")
        yield number, (kind, data[at : at + length])
        at += length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise _Malformed("unexpected end")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & (2**64 - 1), at
        shift += 7


def _bytes(fields: dict[int, list[Wire]], number: int) -> bytes:
    wires = fields.get(number)
    return _raw(wires[-1]) if wires else b""


def _raw(wire: Wire) -> bytes:
    if not isinstance(wire[1], bytes):
        raise _Malformed("a message was expected")
    return wire[1]


def _signed(wire: Wire) -> int:
    value = wire[1]
    if isinstance(value, bytes):
        raise _Malformed("a number was expected")
    return value - 2**64 if value >= 2**63 else value


def _message(model: str, data: bytes, depth: int) -> dict[str, Any]:
    if depth > _DEEPEST:
        raise _Malformed("nested too deep")
    outer, embedded = _fields(data), {}
    about, out = facts.builtin().model(model), {}
    for name, (path, optional) in facts.numbers().get(model, {}).items():
        fields = outer
        for number in path[:-1]:
            key = (id(fields), number)
            if key not in embedded:
                embedded[key] = _fields(_bytes(fields, number))
            fields = embedded[key]
        wires = fields.get(path[-1])
        if not wires:
            continue
        value = _of_field(model, name, wires, depth)
        kept = optional or name in about.required
        if value is not None and (kept or value not in ("", 0, False, {}, [])):
            out[name] = value
    return out


def _of_field(model: str, name: str, wires: list[Wire], depth: int) -> Any:
    kind = facts.builtin().model(model).fields[name]
    union = UNIONS.get((model, name))
    if union is None:
        found = _value(kind, wires, depth)
        if kind == "time" and found is not None and (model, name) in facts.MICRO_TIMES:
            return stamp_micro(parse_stamp(found))
        return found

    def decode(kind: str, inner: Sequence[Wire]) -> Any:
        return _value(kind, list(inner), depth + 1)

    if not kind.startswith("{}"):
        return union(_fields(_raw(wires[-1])), decode)
    entries = [_fields(_raw(wire)) for wire in wires]
    return {
        _bytes(entry, 1).decode(): union(_fields(_bytes(entry, 2)), decode) for entry in entries
    }


def _value(kind: str, wires: list[Wire], depth: int) -> Any:
    if kind.startswith("[]"):
        return [_value(kind[2:], [wire], depth) for wire in wires]
    if kind.startswith("{}"):
        return dict(_entry(kind[2:], _raw(wire), depth) for wire in wires)
    return (
        _scalar(kind, wires[-1]) if kind in _SCALARS else _message(kind, _raw(wires[-1]), depth + 1)
    )


def _entry(kind: str, data: bytes, depth: int) -> tuple[str, Any]:
    """One entry of a map: key 1, value 2. Lists as values are wrapped in a message of their own."""
    fields = _fields(data)
    key = _bytes(fields, 1).decode()
    if kind.startswith("[]"):
        inner = _fields(_bytes(fields, 2)).get(1, [])
        return key, [_value(kind[2:], [wire], depth) for wire in inner]
    wires = fields.get(2)
    return key, _value(kind, wires, depth) if wires else _ABSENT.get(kind, {})


def _scalar(kind: str, wire: Wire) -> Any:
    return _SCALARS[kind](wire)


def _quantity(wire: Wire) -> str:
    return _bytes(_fields(_raw(wire)), 1).decode()


def _int_or_string(wire: Wire) -> int | str:
    fields = _fields(_raw(wire))
    if fields.get(1) and _signed(fields[1][-1]):
        return _bytes(fields, 3).decode()
    return _signed(fields[2][-1]) if fields.get(2) else 0


def _time(wire: Wire) -> str | None:
    fields = _fields(_raw(wire))
    seconds = _signed(fields[1][-1]) if fields.get(1) else 0
    nanos = _signed(fields[2][-1]) if fields.get(2) else 0
    if not fields or not -62135596800 < seconds < 253402300800:
        return None
    return stamp_micro(seconds + nanos / 1e9) if nanos else stamp(seconds)


def _raw_json(wire: Wire) -> Any:
    """RawExtension and JSON: the bytes of a JSON value in field 1."""
    data = _bytes(_fields(_raw(wire)), 1)
    return decode_json(data) if data else None


_ABSENT: dict[str, Any] = {
    "string": "",
    "bytes": "",
    "quantity": "0",
    "boolean": False,
    "integer": 0,
    "int64": 0,
}
_SCALARS: dict[str, Any] = {
    "string": lambda wire: _raw(wire).decode(),
    "bytes": lambda wire: base64.b64encode(_raw(wire)).decode(),
    "integer": _signed,
    "int64": _signed,
    "boolean": lambda wire: bool(_signed(wire)),
    "number": lambda wire: struct.unpack("<d", _raw(wire))[0],
    "quantity": _quantity,
    "intstr": _int_or_string,
    "time": _time,
    "object": _raw_json,
}
