"""Strategic merge patch by the table of facts.

Source: k8s.io/apimachinery/pkg/util/strategicpatch/patch.go. Lists with patchStrategy `merge` merge
by their merge key (or as sets of scalars), all other lists are replaced. Directives: `$patch`
(replace, delete, merge), `$retainKeys`, `$setElementOrder/FIELD`, `$deleteFromPrimitiveList/FIELD`.
Pure; untouched parts are shared with the target.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from resilience.sandbox.schema.facts import Facts, Model
from resilience.sandbox.store.identity import identities, identity

_ORDER = "$setElementOrder/"
_DROP = "$deleteFromPrimitiveList/"
_GONE = object()


class StrategicError(ValueError):
    """The patch is malformed for this kind; the caller answers 400 or 422."""


class MissingKey(StrategicError):
    """An item of a merged list without its merge key; the real server answers 500 here."""


def _go_map(item: Any) -> str:
    """A value as Go prints it."""
    if isinstance(item, dict):
        inner = " ".join(f"{key}:{_go_map(item[key])}" for key in sorted(item))
        return f"map[{inner}]"
    if isinstance(item, list):
        return f"[{' '.join(_go_map(entry) for entry in item)}]"
    return str(item).lower() if isinstance(item, bool) else str(item)


def apply(facts: Facts, model: str, target: Any, patch: Any) -> Any:
    """The patched value of a model's object; `model` "" means a plain map."""
    if not isinstance(patch, dict):
        raise StrategicError("a strategic merge patch must be an object")
    return _map(facts, _struct(facts, model), target if isinstance(target, dict) else {}, patch)


def _struct(facts: Facts, name: str) -> Model | None:
    try:
        return facts.model(name)
    except KeyError:
        return None


def _map(facts: Facts, model: Model | None, target: dict[str, Any], patch: dict[str, Any]) -> Any:
    directive = patch.get("$patch")
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    if directive == "delete":
        return {}
    if directive not in (None, "merge"):
        raise StrategicError(f"unknown patch type: {directive}")
    out = dict(target)
    keep = patch.get("$retainKeys")
    if keep is not None:
        if not isinstance(keep, list):
            raise StrategicError("$retainKeys must be a list")
        kept = identities(keep)
        out = {key: value for key, value in out.items() if key in kept}
    for key, value in patch.items():
        if key in ("$patch", "$retainKeys") or key.startswith((_ORDER, _DROP)):
            continue
        if value is None:
            out.pop(key, None)
        else:
            merged = _value(facts, model, key, out.get(key), value, patch)
            out[key] = merged
    _directives(facts, model, out, patch)
    return out


def _directives(
    facts: Facts, model: Model | None, out: dict[str, Any], patch: dict[str, Any]
) -> None:
    """List directives for fields that the patch does not otherwise mention."""
    for directive, value in patch.items():
        if directive.startswith(_DROP):
            field = directive[len(_DROP) :]
            if isinstance(out.get(field), list) and isinstance(value, list):
                dropped = identities(value)
                out[field] = [item for item in out[field] if identity(item) not in dropped]
        elif directive.startswith(_ORDER):
            field = directive[len(_ORDER) :]
            if isinstance(out.get(field), list) and isinstance(value, list):
                out[field] = _ordered(out[field], value, _merge_key(model, field))


def _value(
    facts: Facts, model: Model | None, key: str, old: Any, new: Any, patch: dict[str, Any]
) -> Any:
    kind = model.fields.get(key, "object") if model else "object"
    if isinstance(new, dict):
        inner = None if kind[:2] in ("{}", "[]") else _struct(facts, kind)
        if kind.startswith("{}"):
            inner = None
            element = _struct(facts, kind[2:])
            if element is not None:
                base = old if isinstance(old, dict) else {}
                return _map_of(facts, element, base, new)
        return _map(facts, inner, old if isinstance(old, dict) else {}, new)
    if isinstance(new, list):
        rule = model.lists.get(key) if model else None
        if rule is None or "merge" not in rule.strategy:
            return [item for item in new if not _is_directive(item)]
        items = old if isinstance(old, list) else []
        if rule.merge_key:
            return _list(facts, _struct(facts, kind[2:]), items, new, rule.merge_key)
        live = {identity(item): at for at, item in enumerate(items)}
        fresh = [item for item in new if identity(item) not in live]
        if not fresh:
            return items
        return _interleaved(items + fresh, [identity(item) for item in new], live, "")
    return new


def _map_of(facts: Facts, element: Model, old: dict[str, Any], new: dict[str, Any]) -> Any:
    out = dict(old)
    for key, value in new.items():
        if value is None:
            out.pop(key, None)
        elif isinstance(value, dict):
            out[key] = _map(facts, element, out.get(key) or {}, value)
        else:
            out[key] = value
    return out


def _is_directive(item: Any) -> bool:
    return isinstance(item, dict) and set(item) == {"$patch"}


def _list(
    facts: Facts, model: Model | None, old: list[Any], patch: list[Any], merge_key: str
) -> list[Any]:
    if any(_is_directive(item) and item["$patch"] == "replace" for item in patch):
        return [item for item in patch if not _is_directive(item)]
    out = list(old)
    places: dict[Hashable, list[int]] = {}
    for at, known in enumerate(out):
        if isinstance(known, dict):
            places.setdefault(identity(known.get(merge_key)), []).append(at)
    said = []
    for item in patch:
        if not isinstance(item, dict) or merge_key not in item:
            raise MissingKey(
                f"map: {_go_map(item)} does not contain declared merge key: {merge_key}"
            )
        key = identity(item[merge_key])
        said.append(key)
        found = places.get(key)
        if item.get("$patch") == "delete":
            for at in places.pop(key, ()):
                out[at] = _GONE
        elif found and item.get("$patch") != "replace":
            out[found[0]] = _map(facts, model, out[found[0]], item)
        elif found:
            out[found[0]] = _map(facts, model, {}, item)
        else:
            places[key] = [len(out)]
            out.append(_map(facts, model, {}, item))
    if len(said) == 1 and places.get(said[0], [len(old)])[0] < len(old):
        return [item for item in out if item is not _GONE]  # no new items, so the order stays
    live = {identity(item.get(merge_key)): at for at, item in enumerate(old)
            if isinstance(item, dict)}  # fmt: skip
    return _interleaved([item for item in out if item is not _GONE], said, live, merge_key)


def _interleaved(
    items: list[Any], said: list[Hashable], live: dict[Hashable, int], merge_key: str
) -> list[Any]:
    """Items of the patch in its order, the others in the live one; new ones come first.

    Source: normalizeElementOrder and mergeSortedSlice. An item that the patch does not name comes
    before the first of the patch's items that followed it.
    """

    def name(item: Any) -> Hashable:
        named = merge_key and isinstance(item, dict)
        return identity(item.get(merge_key) if named else item)

    order = {key: at for at, key in reversed(list(enumerate(said)))}
    named = sorted((i for i in items if name(i) in order), key=lambda i: order[name(i)])
    others = [item for item in items if name(item) not in order]
    merged: list[Any] = []
    while others and named:
        one, two = live.get(name(others[0])), live.get(name(named[0]))
        before = one is not None and two is not None and one < two
        merged.append((others if before else named).pop(0))
    return merged + others + named


def _merge_key(model: Model | None, field: str) -> str:
    rule = model.lists.get(field) if model else None
    return rule.merge_key if rule else ""


def _ordered(items: list[Any], order: list[Any], merge_key: str) -> list[Any]:
    """Items in the patch's order; those the patch does not name keep their place before the item
    that followed them."""

    def name(item: Any) -> Hashable:
        named = merge_key and isinstance(item, dict)
        return identity(item.get(merge_key) if named else item)

    wanted: dict[Hashable, int] = {}
    for at, item in enumerate(order):
        wanted.setdefault(name(item), at)
    known = sorted((item for item in items if name(item) in wanted), key=lambda i: wanted[name(i)])
    queue = iter(known)
    return [next(queue) if name(item) in wanted else item for item in items]
