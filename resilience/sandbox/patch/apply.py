"""Server-side apply: merges a configuration with the table of facts, removes what its manager gave
up.

Source: sigs.k8s.io/structured-merge-diff (merge/update.go, typed/merge.go). Pure: objects and sets
of fields in, objects and sets out; `apiserver/registry/managed_fields.py` records ownership.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from resilience.sandbox.patch import fieldset
from resilience.sandbox.patch.fieldset import Fields, Path
from resilience.sandbox.schema.facts import Facts, ListRule, Model
from resilience.sandbox.store.identity import identities, identity

Json = dict[str, Any]


def merge(facts: Facts, model: str, live: Json, config: Json) -> Json:
    """`live` with all fields of `config`; neither changes."""
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
            known = identities(live)
            return live + [item for item in config if identity(item) not in known]
        if rule.kind == "map":
            return _items(facts, fieldset.model_of(facts, kind[2:]), rule, live, config)
    return config


def _items(
    facts: Facts, model: Model | None, rule: ListRule, live: list[Any], config: list[Any]
) -> list[Any]:
    """Items of the configuration in its order if they are new; known ones stay in place."""
    out, finder = list(live), fieldset.Finder()
    added: dict[str, int] = {}
    for item in config:
        key = fieldset.item_key(rule, item)
        at = finder.at(live, key[2:])
        at = added.get(key) if at is None else at
        if at is None:
            added[key] = len(out)
            out.append(item)
        else:
            out[at] = _struct(facts, model, out[at], item)
    return out


class _Tree(dict[str, "_Tree"]):
    """Paths that share their beginnings; `ends` if one of them ends here."""

    ends = False

    def add(self, path: Path) -> None:
        """One more path."""
        node = self
        for part in path:
            node = node.setdefault(part, _Tree())
        node.ends = True


def remove(obj: Json, paths: Iterable[Path]) -> Json:
    """A copy without the values at these paths; emptied parents stay, as in the real server."""
    tree = _Tree()
    for path in paths:
        tree.add(path)
    out: Json = _without(obj, tree)
    return out


def _without(value: Any, tree: _Tree) -> Any:
    if isinstance(value, dict):
        out = dict(value)
        for part, inner in tree.items():
            name = part[2:]
            if not part.startswith("f:") or name not in out:
                continue
            if inner.ends:
                del out[name]
            else:
                out[name] = _without(out[name], inner)
        return out
    return _fewer(value, tree) if isinstance(value, list) else value


def _fewer(items: list[Any], tree: _Tree) -> list[Any]:
    dropped = {part[2:] for part in tree if part.startswith("v:")}
    finder, inside = fieldset.Finder(), {}
    for part, inner in tree.items():
        at = finder.at(items, part[2:]) if part.startswith("k:") else None
        if at is not None:
            inside[at] = inner
    return [
        _without(item, inside[at]) if at in inside else item
        for at, item in enumerate(items)
        if not (at in inside and inside[at].ends)
        and not (dropped and fieldset.value_key(item)[2:] in dropped)
    ]


def given_up(before: Fields, now: Fields, others: Iterable[Fields]) -> list[Path]:
    """Paths that this manager owned, no longer sets, and no other manager owns."""
    held = set().union(*others)
    gone = [path for path in before - now if path not in held]
    # An item is removed only if no manager owns anything inside it.
    around = {path[:at] for path in held | now for at in range(1, len(path) + 1)}
    return [
        path
        for path in gone
        if not (path[-1].startswith("k:") and path in around) and not _is_key(path)
    ]


def _is_key(path: Path) -> bool:
    """Whether a path is a key field of its own item: it is removed with the item only."""
    return len(path) > 1 and path[-2].startswith("k:") and path[-1][2:] in json.loads(path[-2][2:])


def differing(
    live: Mapping[str, Any], config: Mapping[str, Any], paths: Iterable[Path]
) -> list[Path]:
    """Paths whose value in `config` differs from `live`."""
    finder = fieldset.Finder()
    return [
        path
        for path in paths
        if not path[-1].startswith(("k:", "v:"))
        and fieldset.read(live, path, finder) != fieldset.read(config, path, finder)
    ]
