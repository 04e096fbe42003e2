"""Reverts exactly the fields that one write changed, in an object that others changed since. Pure.

A field that still has the value of the run gets its prior value. The others are listed with the
value that they have now, and are kept.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resilience.actions.undo.changed_fields import (
    ABSENT,
    WITHOUT_ITEM,
    Absent,
    Change,
    Step,
    differs,
    same,
)
from resilience.cluster.interface import Object
from resilience.model.masks import MASKS


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A field that someone else changed since; `now` is their value."""

    change: Change
    now: Any

    def __str__(self) -> str:
        change = self.change
        return (
            f"{change.name} is {shown(self.now)}, and this run set {shown(change.set)}"
            f" (before: {shown(change.was)})"
        )


def shown(value: Any) -> str:
    """A value in a message."""
    if isinstance(value, Absent):
        return "absent"
    text = MASKS.over(json.dumps(value, sort_keys=True))
    return text if len(text) <= 80 else f"{text[:77]}..."


def reverted(
    now: Object, made: Sequence[Change], *, exact: bool = True, force: bool = False
) -> tuple[Object, list[Kept]]:
    """A copy of `now` in which all changes that are still unmodified are reverted, and the list of
    the other changes.

    A field that already has its prior value is in neither. Without `exact`, the recorded value is
    what was sent, and the server may have added defaults to it. `force` reverts all of them.
    """
    found, kept = copy.deepcopy(now), list[Kept]()
    # Items are restored in order, so that each gets its former position.
    back = [each for each in made if each.at >= 0 and each.was is not ABSENT]
    for change in [*(each for each in reversed(made) if each not in back), *back]:
        value = value_at(found, change.path)
        if same(value, change.was) or _holds_more(change, value):
            continue
        ours = same(value, change.set) or (not exact and not differs(change.set, value))
        if ours or force:
            _put(found, change)
        else:
            kept.append(Kept(change=change, now=value))
    return found, kept


def _holds_more(change: Change, value: Any) -> bool:
    """Whether others have added content to a mapping or list that the run created: then it
    stays."""
    made = change.was is ABSENT and change.set in ({}, [])
    return made and isinstance(value, dict | list) and bool(value)


def value_at(obj: Any, path: tuple[Step, ...]) -> Any:
    """The value there; ABSENT without one, WITHOUT_ITEM if the item that held it is gone."""
    for place, step in enumerate(path, 1):
        if isinstance(step, str):
            obj = obj.get(step, ABSENT) if isinstance(obj, dict) else ABSENT
        else:
            obj = next(_matching(obj, step), ABSENT)
            if obj is ABSENT and place < len(path):
                return WITHOUT_ITEM
    return obj


def _matching(items: Any, step: Mapping[str, Any]) -> Iterator[Any]:
    for each in items if isinstance(items, list) else ():
        if isinstance(each, dict) and all(each.get(key) == value for key, value in step.items()):
            yield each


def _put(obj: Object, change: Change) -> None:
    """Restore the prior value."""
    parent: Any = obj
    for step, following in zip(change.path, change.path[1:], strict=False):
        parent = _child(parent, step, following)
    last = change.path[-1]
    if isinstance(last, str):
        if change.was is ABSENT:
            parent.pop(last, None)
        else:
            parent[last] = copy.deepcopy(change.was)
        return
    for each in list(_matching(parent, last)):
        parent.remove(each)
    if change.was is not ABSENT:
        parent.insert(change.at if change.at >= 0 else len(parent), copy.deepcopy(change.was))


def _child(parent: Any, step: Step, following: Step) -> Any:
    if isinstance(step, str):
        if not isinstance(parent.get(step), dict | list):
            parent[step] = {} if isinstance(following, str) else []
        return parent[step]
    found = next(_matching(parent, step), None)
    if found is None:
        found = dict(step)
        parent.append(found)
    return found
