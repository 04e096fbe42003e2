"""JSON patch (RFC 6902) with JSON pointers (RFC 6901), with the limits of the real API server.

A failing `test` and a missing path raise `PatchError`; the caller turns it into 422. At most 10,000
operations, and copies of 3 MiB in all, as in the real server.
"""

from __future__ import annotations

from typing import Any

from resilience.sandbox.store.store import encode

LIMIT = 10_000
COPIED_LIMIT = 3 * 1024 * 1024
"""Bytes of JSON that a patch's copies may add: a few copies of copies would fill any memory."""


class PatchError(ValueError):
    """The patch cannot be applied to this document; the text says why."""


class MalformedPatch(PatchError):
    """The patch is not a JSON patch at all; the caller answers 400."""


def apply(document: Any, operations: Any) -> Any:
    """The patched document. `document` is changed in place if possible: pass a copy."""
    if not isinstance(operations, list):
        raise MalformedPatch(
            "error decoding patch: json: cannot unmarshal object into Go value of type"
            " []handlers.jsonPatchOp"
        )
    if len(operations) > LIMIT:
        raise MalformedPatch(
            f"The allowed maximum operations in a JSON patch is {LIMIT}, got {len(operations)}"
        )
    copied = 0
    for operation in operations:
        if isinstance(operation, dict) and operation.get("op") == "copy":
            copied += len(encode(_get(document, _pointer(operation, "from"))))
            if copied > COPIED_LIMIT:
                raise PatchError(
                    "Unable to complete the copy, the accumulated size increase of copy is"
                    f" {copied}, exceeding the limit {COPIED_LIMIT}"
                )
        document = _step(document, operation)
    return document


def _step(document: Any, operation: Any) -> Any:
    if not isinstance(operation, dict) or not isinstance(operation.get("op"), str):
        raise MalformedPatch("each operation needs an op")
    op = operation["op"]
    path = _pointer(operation, "path")
    if op in ("add", "replace", "test") and "value" not in operation:
        raise MalformedPatch(f"{op} needs a value")
    if op == "add":
        return _add(document, path, operation["value"])
    if op == "remove":
        return _remove(document, path)[0]
    if op == "replace":
        _get(document, path)
        return (
            _add(_remove(document, path)[0], path, operation["value"])
            if path
            else (operation["value"])
        )
    if op == "move":
        document, value = _remove(document, _pointer(operation, "from"))
        return _add(document, path, value)
    if op == "copy":
        return _add(document, path, _copy(_get(document, _pointer(operation, "from"))))
    if op == "test":
        return _test(document, path, operation["value"])
    raise MalformedPatch(f"Unexpected kind: {op}")


def _test(document: Any, path: list[str], value: Any) -> Any:
    try:
        found = _get(document, path)
    except PatchError:
        found = None
    if found != value or isinstance(found, bool) != isinstance(value, bool):
        raise PatchError(f"testing value {_text(path)} failed: test failed")
    return document


def _pointer(operation: dict[str, Any], name: str) -> list[str]:
    text = operation.get(name)
    if not isinstance(text, str) or (text and not text.startswith("/")):
        raise MalformedPatch(f"{operation['op']} needs a {name} that starts with /")
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _text(path: list[str]) -> str:
    return "/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in path)


def _index(items: list[Any], part: str, *, end: int) -> int:
    if not part.isascii() or not part.isdigit() or int(part) > end:
        raise PatchError(f"doc is missing path: invalid array index {part}")
    return int(part)


def _get(document: Any, path: list[str]) -> Any:
    for part in path:
        if isinstance(document, dict):
            if part not in document:
                raise PatchError(f"doc is missing key: {_text(path)}: missing value")
            document = document[part]
        elif isinstance(document, list):
            document = document[_index(document, part, end=len(document) - 1)]
        else:
            raise PatchError(f"doc is missing path: {_text(path)}: missing value")
    return document


def _add(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent, last = _get(document, path[:-1]), path[-1]
    if isinstance(parent, dict):
        parent[last] = value
    elif isinstance(parent, list):
        at = len(parent) if last == "-" else _index(parent, last, end=len(parent))
        parent.insert(at, value)
    else:
        raise PatchError(f"add operation does not apply: doc is missing path: {_text(path)}")
    return document


def _remove(document: Any, path: list[str]) -> tuple[Any, Any]:
    if not path:
        return None, document
    value = _get(document, path)
    parent = _get(document, path[:-1])
    if isinstance(parent, dict):
        del parent[path[-1]]
    else:
        del parent[int(path[-1])]
    return document, value


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(inner) for key, inner in value.items()}
    return [_copy(inner) for inner in value] if isinstance(value, list) else value
