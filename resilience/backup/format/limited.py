"""Reads documents of a store safely, since anyone who can write there may be the author.

Limits on bytes, nesting and values are checked before a document is used, types are checked field
by field, and a violation is a ValueError in plain words; the caller names the document. Memory
stays within a small multiple of the limit, time within one pass over the bytes. Pure, except for
`read`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from resilience.backup.format.errors import Tampered
from resilience.kube.path_segments import is_segment

if TYPE_CHECKING:
    from resilience.backup.store import Store

T = TypeVar("T")

SMALL = 64 << 10
"""A signature, a record of a verification or of a lock."""

MARKER = 4 << 20
"""velero-backup.json is an object of the API, so etcd's limit holds for it."""

LARGE = 64 << 20
"""A manifest, which grows with kinds and namespaces, or a side file of Velero's, which grows with
its items."""

MOST_VALUES = 2_000_000
DEEPEST = 200
"""Schemas of CRDs nest to about 60; code that walks an object needs stack frames for each level."""

_LONGEST_NAME = 1024
_YEARS = range(1970, 9999)


def read(store: Store, key: str, most: int, version: str = "") -> bytes:
    """All of one document; `Tampered` as soon as it is longer than `most` bytes."""
    parts, size = [], 0
    for chunk in store.stream(key, version):
        parts.append(chunk)
        size += len(chunk)
        if size > most:
            raise Tampered(f"{key} is larger than {most >> 10} KiB, the limit for such a document")
    return b"".join(parts)


def parsed(data: bytes, *, values: int = MOST_VALUES) -> Any:
    """JSON within limits. Invalid UTF-8 is a ValueError, like everything else."""
    containers = data.count(b"{") + data.count(b"[")
    if data.count(b",") + containers > values:
        raise ValueError(f"more than {values} values")
    try:
        found = _decode(data.decode())
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if containers > DEEPEST and _deeper(found, DEEPEST):
        raise ValueError(f"nested deeper than {DEEPEST} levels")
    return found


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_decode = json.JSONDecoder(parse_constant=_constant).decode


def _deeper(value: Any, levels: int) -> bool:
    """Level by level, so that the depth of nesting is not the depth of the stack."""
    level = [value] if type(value) in (dict, list) else []
    while level and levels:
        levels -= 1
        level = [
            child
            for each in level
            for child in (each.values() if type(each) is dict else each)
            if type(child) in (dict, list)
        ]
    return bool(level)


def mapping(value: Any, what: str) -> dict[str, Any]:
    """`value`, if it is a JSON object; {} for null."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"{what} is not a JSON object")
    return value


def sequence(value: Any, what: str, of: type | tuple[type, ...] = object) -> list[Any]:
    """`value`, if it is a list with items of that type; [] for null."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, of) for each in value):
        raise ValueError(f"{what} is not a list of the expected items")
    return value


def strings(value: Any, what: str) -> dict[str, str]:
    """`value`, if it is a JSON object of strings; {} for null."""
    found = mapping(value, what)
    if not all(isinstance(each, str) for each in found.values()):
        raise ValueError(f"{what} holds a value that is not a string")
    return found


def text(value: Any, what: str) -> str:
    """`value`, if it is a string; "" for null."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"{what} is not a string")
    return value


def name(value: Any, what: str) -> str:
    """`value`, if it is short and printable, as a name must be; "" for null."""
    found = text(value, what)
    if len(found) > _LONGEST_NAME or not found.isprintable():
        raise ValueError(f"{what} is not a name")
    return found


def object_name(value: Any, what: str) -> str:
    """`value`, if an API server can have stored an object of that name; "" for null."""
    found = text(value, what)
    if found and (len(found) > _LONGEST_NAME or not is_segment(found)):
        raise ValueError(f"{what} is not a name")
    return found


def count(value: Any, what: str) -> int:
    """`value`, if it is a whole number of at least 0; 0 for null."""
    if value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{what} is not a count")
    return value


def moment(value: Any, what: str) -> datetime:
    """RFC 3339 or ISO 8601; UTC where it names no zone."""
    try:
        found = datetime.fromisoformat(text(value, what))
    except ValueError:
        raise ValueError(f"{what} is not a date and time") from None
    if found.year not in _YEARS:
        raise ValueError(f"{what} is in the year {found.year}")
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _strings(value: Any, what: str) -> tuple[str, ...]:
    return tuple(sequence(value, what, str))


def _boolean(value: Any, what: str) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{what} is neither true nor false")
    return value


_FIELDS: Mapping[str, Callable[[Any, str], Any]] = {
    "str": text,
    "int": count,
    "bool": _boolean,
    "datetime": moment,
    "tuple[str, ...]": _strings,
    "Sequence[str]": _strings,
    "Mapping[str, Any]": mapping,
}


def record(kind: type[T], value: Any, **others: Callable[[Any, str], Any]) -> T:
    """A dataclass from a JSON object: each field by its annotation, or as `others` says. Missing
    fields keep their default; unknown fields are refused."""
    given = mapping(value, kind.__name__)
    known = {each.name: each for each in dataclasses.fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(given.keys() - known.keys()):
        raise ValueError(f"unknown field {unknown[0]!r}")
    made = {
        name: (others.get(name) or _FIELDS[str(known[name].type)])(found, name)
        for name, found in given.items()
    }
    try:
        return kind(**made)
    except TypeError as problem:
        raise ValueError(str(problem)) from problem


def records(kind: type[T]) -> Callable[[Any, str], tuple[T, ...]]:
    """Read a list of such objects, for `others`."""

    def read_all(value: Any, what: str) -> tuple[T, ...]:
        return tuple(record(kind, each) for each in sequence(value, what, dict))

    return read_all
