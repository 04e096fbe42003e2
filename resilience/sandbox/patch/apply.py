"""Server-side apply: merge a configuration by the table of facts, drop what its manager gave up.

Source: sigs.k8s.io/structured-merge-diff (merge/update.go, typed/merge.go). Pure: objects and sets
of fields in, objects and sets out; who owns what is kept by `apiserver/managed.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from resilience.sandbox.patch import fieldset
from resilience.sandbox.patch.fieldset import Fields, Path
from resilience.sandbox.schema.facts import Facts, ListRule, Model

Json = dict[str, Any]


def merge(facts: Facts, model: str, live: Json, config: Json) -> Json:
    """`live` with everything that `config` says; neither changes."""
    return _struct(facts, fieldset.model_of(facts, model), live, config)


def _struct(facts: Facts, model: Model | None, live: Json, config: Json) -> Json:
    if model is not None and model.atomic:
        return config
    out = dict(live)
    for field, value in config.items():
        kind = model.fields.get(field, "object") if model else "object"
        rule = model.lists.get(field) if model else None
        out[field] = _value(facts, kind, rule, live.get(field), value)
    return out


def _value(facts: Facts, kind: str, rule: ListRule | None, live: Any, config: Any) -> Any:
    if isinstance(config, dict) and isinstance(live, dict):
        if rule is not None and rule.kind == "atomic":
            return config
        if kind.startswith("{}"):
            merged = dict(live)
            for key, value in config.items():
                merged[key] = _value(facts, kind[2:], None, live.get(key), value)
            return merged
        return _struct(facts, fieldset.model_of(facts, kind), live, config)
    if isinstance(config, list) and isinstance(live, list) and rule is not None:
        if rule.kind == "set":
            return live + [item for item in config if item not in live]
        if rule.kind == "map":
            return _items(facts, fieldset.model_of(facts, kind[2:]), rule, live, config)
    return config


def _items(
    facts: Facts, model: Model | None, rule: ListRule, live: list[Any], config: list[Any]
) -> list[Any]:
    """Items of the configuration in its order, where they are new; known ones stay in place."""
    out = list(live)
    for item in config:
        at = fieldset.find(out, fieldset.item_key(rule, item)[2:])
        if at is None:
            out.append(item)
        else:
            out[at] = _struct(facts, model, out[at], item)
    return out


def remove(obj: Json, paths: Iterable[Path]) -> Json:
    """A copy without the values at these paths; emptied parents stay, as in the real server."""
    # Items go before what is inside them: a child may be the key that an item is found by.
    for path in sorted(paths, key=len):
        obj = _without(obj, path)
    return obj


def _without(value: Any, path: Path) -> Any:
    head, rest = path[0], path[1:]
    mark, name = head[:2], head[2:]
    if mark == "f:" and isinstance(value, dict) and name in value:
        out = dict(value)
        if rest:
            out[name] = _without(value[name], rest)
        else:
            del out[name]
        return out
    if not isinstance(value, list):
        return value
    if mark == "v:":
        dropped = json.loads(name)
        return [item for item in value if item != dropped]
    if mark == "k:":
        at = fieldset.find(value, name)
        if at is None:
            return value
        inner = [_without(value[at], rest)] if rest else []
        return [*value[:at], *inner, *value[at + 1 :]]
    return value


def given_up(before: Fields, now: Fields, others: Iterable[Fields]) -> list[Path]:
    """Paths this manager owned, no longer sets, and nobody else owns."""
    held = set().union(*others)
    gone = [path for path in before - now if path not in held]
    # An item goes only if nobody owns anything inside it.
    return [
        path
        for path in gone
        if not (
            path[-1].startswith("k:") and any(other[: len(path)] == path for other in held | now)
        )
        and not _is_key(path)
    ]


def _is_key(path: Path) -> bool:
    """Whether a path is a field by which its own item is found: it goes with the item only."""
    return len(path) > 1 and path[-2].startswith("k:") and path[-1][2:] in json.loads(path[-2][2:])


def differing(
    live: Mapping[str, Any], config: Mapping[str, Any], paths: Iterable[Path]
) -> list[Path]:
    """Paths whose value in `config` is another than in `live`."""
    return [
        path
        for path in paths
        if not path[-1].startswith(("k:", "v:"))
        and fieldset.read(live, path) != fieldset.read(config, path)
    ]
