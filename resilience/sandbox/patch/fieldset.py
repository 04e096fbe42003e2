"""Sets of fields: the paths that an object specifies, in the form of `fieldsV1`.

Source: sigs.k8s.io/structured-merge-diff (fieldpath, typed). A path is a tuple of FieldsV1 keys:
"f:name" (a field), 'k:{"name":"x"}' (an item of a map list), 'v:"x"' (an item of a set). Pure.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from resilience.sandbox.schema.facts import Facts, ListRule, Model, is_pointer
from resilience.sandbox.store.identity import identity

Path = tuple[str, ...]
Fields = frozenset[Path]
Leaves = dict[Path, Any]

_STRIPPED = frozenset(
    {
        ("f:apiVersion",),
        ("f:kind",),
        ("f:metadata",),
        ("f:metadata", "f:name"),
        ("f:metadata", "f:namespace"),
        ("f:metadata", "f:creationTimestamp"),
        ("f:metadata", "f:selfLink"),
        ("f:metadata", "f:uid"),
        ("f:metadata", "f:generation"),
        ("f:metadata", "f:managedFields"),
        ("f:metadata", "f:resourceVersion"),
        ("f:metadata", "f:deletionTimestamp"),
        ("f:metadata", "f:deletionGracePeriodSeconds"),
    }
)
_KEY_DEFAULTS = {"protocol": "TCP"}
"""Keys of map lists that the schema gives a default: an item without one has this."""


def model_of(facts: Facts, name: str) -> Model | None:
    """A model, None for scalars, free-form values and custom resources."""
    return facts.find(name)


def item_key(rule: ListRule, item: Mapping[str, Any]) -> str:
    """The FieldsV1 key of one item of a map list."""
    return key_of(item, rule.keys)


def key_of(item: Mapping[str, Any], names: Iterable[str]) -> str:
    """The same, for an item of a list whose keys have these names."""
    keys = {key: item.get(key, _KEY_DEFAULTS.get(key)) for key in sorted(names)}
    known = {key: value for key, value in keys.items() if value is not None}
    return "k:" + json.dumps(known, separators=(",", ":"))


def value_key(value: Any) -> str:
    """The FieldsV1 key of one item of a set."""
    return "v:" + json.dumps(value, separators=(",", ":"))


def of(facts: Facts, model: str, obj: Mapping[str, Any], *, containers: bool = False) -> Fields:
    """Every leaf (and map-list item) that an object specifies, without those that no manager may
    own.

    With `containers` also the maps, lists and optional structs that hold them: an update owns those
    it created, an apply only what it specifies.
    """
    return _ownable(facts, model, leaves(facts, model, obj), containers)


def leaves(facts: Facts, model: str, obj: Mapping[str, Any]) -> Leaves:
    """Every leaf (and map-list item) with its value, including those that no manager may own."""
    found: Leaves = {}
    _struct(facts, model_of(facts, model), obj, (), found)
    return found


def owned(facts: Facts, model: str, found: Leaves) -> Fields:
    """The set owned by an update that created these leaves: them and their containers."""
    return _ownable(facts, model, found, containers=True)


def _ownable(facts: Facts, model: str, found: Leaves, containers: bool) -> Fields:
    paths = set(found)
    if containers:
        for path in found:
            paths.update(_holders(facts, model, path))
    return frozenset(path for path in paths if path[:2] not in _STRIPPED and path not in _STRIPPED)


def _struct(
    facts: Facts, model: Model | None, value: Mapping[str, Any], path: Path, found: Leaves
) -> None:
    if path and (not value or (model is not None and model.atomic)):
        found[path] = value
        return
    for field, inner in value.items():
        kind = model.fields.get(field, "object") if model else "object"
        rule = model.lists.get(field) if model else None
        _value(facts, kind, rule, inner, (*path, f"f:{field}"), found)


@lru_cache(maxsize=8192)
def _holders(facts: Facts, model: str, path: Path) -> tuple[Path, ...]:
    """The maps, lists and optional structs around one path; the same few for most objects."""
    held = []
    known: Model | None = model_of(facts, model)
    kind = model
    for at, part in enumerate(path[:-1], start=1):
        if part.startswith("f:") and kind[:2] not in ("[]", "{}"):
            field, owner = part[2:], known
            kind = owner.fields.get(field, "object") if owner else "object"
            if kind[:2] in ("[]", "{}") or (owner is not None and is_pointer(owner.name, field)):
                held.append(path[:at])
        elif kind[:2] in ("[]", "{}"):
            kind = kind[2:]
        known = model_of(facts, kind)
    return tuple(held)


def _value(
    facts: Facts, kind: str, rule: ListRule | None, value: Any, path: Path, found: Leaves
) -> None:
    if isinstance(value, dict):
        if rule is not None and rule.kind == "atomic":
            found[path] = value
        elif kind.startswith("{}"):
            if not value:
                found[path] = value
            for key, inner in value.items():
                _value(facts, kind[2:], None, inner, (*path, f"f:{key}"), found)
        else:
            _struct(facts, model_of(facts, kind), value, path, found)
    elif isinstance(value, list) and rule is not None and rule.kind == "map":
        model = model_of(facts, kind[2:])
        for item in value:
            inside = (*path, item_key(rule, item))
            found[inside] = item
            _struct(facts, model, item, inside, found)
        if not value:
            found[path] = value
    elif isinstance(value, list) and rule is not None and rule.kind == "set":
        found.update({(*path, value_key(item)): item for item in value})
    else:
        found[path] = value


def encode(fields: Iterable[Path]) -> dict[str, Any]:
    """A set as `fieldsV1`."""
    root: dict[str, Any] = {}
    for path in sorted(fields):
        node = root
        for part in path:
            node = node.setdefault(part, {})
        node["."] = {}
    return _compact(root)


def _compact(node: dict[str, Any]) -> dict[str, Any]:
    """A leaf is {}; "." stays only where an item has children too."""
    out = {key: _compact(inner) for key, inner in node.items() if key != "."}
    return {".": {}, **out} if out and "." in node else out


def decode(value: Any) -> Fields:
    """A set from `fieldsV1`; malformed parts are ignored."""
    return frozenset(_paths(value, ())) if isinstance(value, Mapping) else frozenset()


def _paths(node: Mapping[str, Any], path: Path) -> Iterator[Path]:
    for key, inner in node.items():
        if key == ".":
            yield path
        elif isinstance(inner, dict) and inner:
            yield from _paths(inner, (*path, key))
        else:
            yield (*path, key)


def text(path: Path) -> str:
    """A path as conflicts print it: `.spec.containers[name="x"].image`."""
    out = ""
    for part in path:
        mark, rest = part[:2], part[2:]
        if mark == "f:":
            out += f".{rest}"
        elif mark == "k:":
            keys = json.loads(rest)
            out += "[" + ",".join(f"{key}={json.dumps(keys[key])}" for key in sorted(keys)) + "]"
        else:
            out += f"[={rest}]"
    return out


_MISSING = object()


class Finder:
    """Finds items in lists that do not change meanwhile: each list is scanned once."""

    def __init__(self) -> None:
        self._items: dict[tuple[int, tuple[str, ...]], dict[Hashable, int]] = {}
        self._values: dict[int, set[str]] = {}
        self._held: list[Any] = []

    def at(self, items: list[Any], key: str) -> int | None:
        """The position of the first item with these JSON keys in a map list."""
        wanted = json.loads(key)
        names = tuple(wanted)
        index = self._items.get((id(items), names))
        if index is None:
            index = self._items[id(items), names] = {}
            self._held.append(items)
            for at, item in enumerate(items):
                if isinstance(item, dict):
                    index.setdefault(_key(item, names), at)
        return index.get(_key(wanted, names))

    def has(self, items: list[Any], value: str) -> bool:
        """Whether a set holds a value, given as its JSON."""
        known = self._values.get(id(items))
        if known is None:
            known = self._values[id(items)] = {value_key(item)[2:] for item in items}
            self._held.append(items)
        return value in known


def _key(item: Mapping[str, Any], names: tuple[str, ...]) -> Hashable:
    return tuple(identity(item.get(name, _KEY_DEFAULTS.get(name))) for name in names)


def read(obj: Any, path: Path, finder: Finder | None = None) -> Any:
    """The value at a path; a private marker, equal to nothing, if there is none. Pass a `finder`
    when many paths of one object are read."""
    finder = finder or Finder()
    for part in path:
        obj = _step(obj, part, finder)
        if obj is _MISSING:
            return obj
    return obj


def _step(obj: Any, part: str, finder: Finder) -> Any:
    mark, rest = part[:2], part[2:]
    if mark == "f:":
        return obj.get(rest, _MISSING) if isinstance(obj, Mapping) else _MISSING
    if not isinstance(obj, list):
        return _MISSING
    if mark == "v:":
        return json.loads(rest) if finder.has(obj, rest) else _MISSING
    at = finder.at(obj, rest)
    return obj[at] if at is not None else _MISSING


def present(obj: Any, path: Path) -> bool:
    """Whether an object has something at a path."""
    return read(obj, path) is not _MISSING
