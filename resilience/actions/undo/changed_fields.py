"""Which fields one write changed in an object. Pure.

`changes` compares an object before and after a write of the run; each change keeps the old and the
new value, and `reverted_fields` reverts it. Items of a list are fields of their own if they have an
identity (a container's name, a taint's key and effect); other lists are one value.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resilience.cluster.interface import Object

IDENTITIES = (
    ("name",),
    ("key", "effect"),
    ("mountPath",),
    ("containerPort", "protocol"),
    ("port", "protocol"),
    ("devicePath",),
    ("ip",),
    ("uid",),
    ("topologyKey", "whenUnsatisfiable"),
)
"""Fields that identify items of a list, as list-map keys do in the API's own schema."""

Step = str | Mapping[str, Any]
"""A key of a mapping, or the identity of an item of a list."""


class Absent:
    """Distinguishes a missing field from null."""


ABSENT = Absent()
WITHOUT_ITEM = Absent()
"""Absent together with its list item: the run's value is gone, and nothing is restored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One field. `at` is an item's position in its list; -1 for anything else."""

    path: tuple[Step, ...]
    was: Any
    set: Any
    at: int = -1

    def data(self) -> dict[str, Any]:
        """The record for the journal; absent values are left out."""
        found: dict[str, Any] = {"path": list(self.path)}
        found |= {} if self.was is ABSENT else {"was": self.was}
        found |= {} if self.set is ABSENT else {"set": self.set}
        return found | ({"at": self.at} if self.at >= 0 else {})

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Change:
        """From the journal."""
        return cls(
            path=tuple(data["path"]),
            was=data.get("was", ABSENT),
            set=data.get("set", ABSENT),
            at=int(data.get("at", -1)),
        )

    @property
    def name(self) -> str:
        """`spec.template.spec.containers[web].image`."""
        text = ""
        for step in self.path:
            if isinstance(step, str):
                text += f".{step}" if "." not in step else f"[{step}]"
            else:
                text += f"[{','.join(str(value) for value in step.values())}]"
        return text.removeprefix(".")


def changes(before: Object, after: Object) -> list[Change]:
    """The differences between two objects, in an order in which they can be applied."""
    return list(_walk((), before, after))


def _walk(path: tuple[Step, ...], was: Any, now: Any, at: int = -1) -> Iterator[Change]:
    if same(was, now):
        return
    item = bool(path) and not isinstance(path[-1], str)
    whole = item and (was is ABSENT or now is ABSENT)
    if not whole and _are(dict, was, now):
        if was is ABSENT or (now is ABSENT and not was):
            yield Change(path=path, was=_empty(was), set=_empty(now))
        yield from _keys(path, was, now)
    elif _are(list, was, now) and (keys := _identity(_items(was), _items(now))):
        if was is ABSENT or (now is ABSENT and not was):
            yield Change(path=path, was=_empty(was), set=_empty(now))
        yield from _list(path, keys, _items(was), _items(now))
    else:
        yield Change(path=path, was=was, set=now, at=at)


def _keys(path: tuple[Step, ...], was: Any, now: Any) -> Iterator[Change]:
    old, new = ({} if each is ABSENT else each for each in (was, now))
    for key in sorted(old.keys() | new.keys()):
        yield from _walk((*path, key), old.get(key, ABSENT), new.get(key, ABSENT))


def _list(
    path: tuple[Step, ...], keys: tuple[str, ...], was: Sequence[Any], now: Sequence[Any]
) -> Iterator[Change]:
    old, new = ({_key(keys, each): each for each in items} for items in (was, now))
    for place, key in enumerate([*old, *(key for key in new if key not in old)]):
        step = dict(zip(keys, key, strict=True))
        yield from _walk((*path, step), old.get(key, ABSENT), new.get(key, ABSENT), place)


def _are(kind: type, *values: Any) -> bool:
    return all(each is ABSENT or isinstance(each, kind) for each in values)


def _items(value: Any) -> Sequence[Any]:
    return () if value is ABSENT else list(value)


def _empty(value: Any) -> Any:
    """Only the mapping or list itself; the changes of its content are separate."""
    return value if value is ABSENT else type(value)()


def _key(keys: tuple[str, ...], item: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(item[key] for key in keys)


def _identity(was: Sequence[Any], now: Sequence[Any]) -> tuple[str, ...]:
    """The fields that identify all items of both lists; () if there are none, or if items
    changed places, which only the whole list can express."""
    for keys in IDENTITIES:
        if all(_told_apart(keys, items) for items in (was, now)):
            old, new = ([_key(keys, each) for each in items] for items in (was, now))
            kept = [key for key in old if key in new]
            return keys if kept == [key for key in new if key in old] else ()
    return ()


def _told_apart(keys: tuple[str, ...], items: Sequence[Any]) -> bool:
    if not all(
        isinstance(each, dict) and all(isinstance(each.get(key), str | int) for key in keys)
        for each in items
    ):
        return False
    return len({_key(keys, each) for each in items}) == len(items)


def same(one: Any, other: Any) -> bool:
    """Equal as JSON: true is not 1."""
    if isinstance(one, Absent) or isinstance(other, Absent):
        return one is other
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


SERVERS_OWN = (
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "managedFields",
    "selfLink",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)
"""Metadata that the API server writes."""


COUNTED = frozenset(
    {"deployment.kubernetes.io/revision", "deprecated.daemonset.template.generation"}
)
"""Annotations that count changes of a template: the Deployment controller's, and the API server's
own (pkg/registry/apps/daemonset/strategy.go). Each change by the run increases them."""


def content(obj: Object) -> Object:
    """An object without status and without the server's own metadata."""
    metadata = {
        key: value for key, value in (obj.get("metadata") or {}).items() if key not in SERVERS_OWN
    }
    if counted := COUNTED & {*(metadata.get("annotations") or ())}:
        kept = {k: v for k, v in metadata.pop("annotations").items() if k not in counted}
        metadata |= {"annotations": kept} if kept else {}
    return {key: value for key, value in obj.items() if key != "status"} | {"metadata": metadata}


def differs(wanted: Any, there: Any) -> bool:
    """Whether something in `wanted` is missing from `there`; fields that the server added do not
    count."""
    if isinstance(wanted, Mapping):
        return not isinstance(there, Mapping) or any(
            differs(value, there.get(key)) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            not isinstance(there, list)
            or len(there) != len(wanted)
            or any(differs(a, b) for a, b in zip(wanted, there, strict=True))
        )
    return bool(wanted != there)


def laid_over(obj: Any, manifest: Any) -> Any:
    """The result of a strategic merge patch on `obj`, as far as it can be known without the
    server."""
    if isinstance(obj, Mapping) and isinstance(manifest, Mapping):
        found = {**obj, **{key: laid_over(obj.get(key), value) for key, value in manifest.items()}}
        return {key: value for key, value in found.items() if value is not None}
    if isinstance(obj, list) and isinstance(manifest, list) and (keys := _identity(obj, manifest)):
        new = {_key(keys, each): each for each in manifest}
        kept = [laid_over(each, new.pop(_key(keys, each), {})) for each in obj]
        return [*kept, *new.values()]
    return copy.deepcopy(manifest)
