"""JSON Patch (RFC 6902), on a copy: all operations of one patch, or none. Pure."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

OPERATIONS = frozenset({"add", "remove", "replace", "move", "copy", "test"})


class PatchFailed(ValueError):
    """An operation cannot be applied to the document. The message names it and its path."""


class TestFailed(PatchFailed):
    """An operation `test` found another value, or none: the patch is not meant for the document."""


def patched(document: Any, patch: Sequence[Mapping[str, Any]]) -> Any:
    """A changed copy. Each operation has `op`, `path` and, as RFC 6902 says, `value` or `from`."""
    root = {"": copy.deepcopy(document)}
    for each in patch:
        try:
            _apply(root, each)
        except (KeyError, IndexError, TypeError) as problem:
            raise PatchFailed(f"{each['op']} {each['path']}: there is nothing there") from problem
    return root[""]


def _apply(root: dict[str, Any], each: Mapping[str, Any]) -> None:
    op, path = each["op"], _parts(each["path"])
    if op == "test":
        try:
            same = _equal(_at(root, path), each["value"])
        except (KeyError, IndexError, TypeError):
            raise TestFailed(f"test {each['path']}: there is nothing there") from None
        if not same:
            raise TestFailed(f"test {each['path']}: it has another value")
    elif op in ("add", "replace"):
        _put(root, path, copy.deepcopy(each["value"]), new=op == "add")
    elif op == "remove":
        _take(root, path)
    else:
        source = _parts(each["from"])
        if op == "move" and path[: len(source)] == source and path != source:
            raise PatchFailed(f"move {each['from']}: it would be moved into itself")
        value = copy.deepcopy(_at(root, source)) if op == "copy" else _take(root, source)
        _put(root, path, value, new=True)


def _equal(one: Any, other: Any) -> bool:
    """Equality as in JSON, where true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    return bool(one == other)


def _parts(pointer: str) -> list[str]:
    """The root is treated as a member with an empty name."""
    if pointer and not pointer.startswith("/"):
        raise PatchFailed(f"{pointer!r} is not a JSON pointer; expected one such as /spec/replicas")
    return [each.replace("~1", "/").replace("~0", "~") for each in pointer.split("/")]


def _at(root: Any, path: Sequence[str]) -> Any:
    found = root
    for part in path:
        found = found[_key(found, part)]
    return found


def _key(holder: Any, part: str) -> Any:
    if isinstance(holder, dict):
        return part
    if not isinstance(holder, list) or not (part.isascii() and part.isdigit()):
        raise KeyError(part)
    if part != "0" and part.startswith("0"):
        raise KeyError(part)
    return int(part)


def _put(root: Any, path: Sequence[str], value: Any, *, new: bool) -> None:
    holder, last = _at(root, path[:-1]), path[-1]
    if isinstance(holder, list) and new:
        at = len(holder) if last == "-" else _key(holder, last)
        if at > len(holder):
            raise IndexError(last)
        holder.insert(at, value)
        return
    key = _key(holder, last)
    if not new:
        holder[key]  # the replaced value has to exist
    holder[key] = value


def _take(root: Any, path: Sequence[str]) -> Any:
    if len(path) == 1:
        raise PatchFailed("the whole document cannot be removed")
    holder = _at(root, path[:-1])
    return holder.pop(_key(holder, path[-1]))
