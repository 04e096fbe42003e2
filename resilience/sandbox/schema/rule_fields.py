"""Fields that a rule names and its schema lacks: the real compiler refuses such a rule.

Source: k8s.io/apiserver/pkg/cel/common/schemas.go and the texts of cel-go's checker. Names are
followed from `self` and `oldSelf` on, through `properties`. Names that begin at another variable,
an index or a call are not followed: a wrong one is an error when the rule runs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from resilience.sandbox.schema.rules import escaped

Schema = Mapping[str, Any]
_NO_CODE = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|//[^\n]*")
_CHAIN = re.compile(r"(?<![\w.])(self|oldSelf)((?:\.[A-Za-z_]\w*)+)(\(?)")
_TEXT = {"type": "string"}
_META = {"type": "object", "properties": {"name": _TEXT, "generateName": _TEXT}}
_ROOT: Schema = {"apiVersion": _TEXT, "kind": _TEXT, "metadata": _META}


def undefined(expression: str, schema: Schema, *, is_root: bool, old_is_optional: bool) -> str:
    """The compiler's message about the first unknown name; "" if all names resolve."""
    code = _NO_CODE.sub(lambda found: " " * len(found[0]), expression)
    for chain in _CHAIN.finditer(code):
        if chain[1] == "oldSelf" and old_is_optional:
            continue
        names = chain[2].split(".")[1:]
        if chain[3]:
            names.pop()  # a method call, not a field of the schema
        at = _first_unknown(schema, names, is_root)
        if at is not None:
            dot = chain.start(2) + sum(len(name) + 1 for name in names[:at])
            return _said(expression, dot, f"undefined field '{names[at]}'")
    return ""


def _first_unknown(schema: Schema, names: Sequence[str], is_root: bool) -> int | None:
    here = schema
    for at, name in enumerate(names):
        fields = _fields(here, is_root and at == 0)
        if fields is None:
            return None
        if name not in fields:
            return at
        here = fields[name]
    return None


def _fields(schema: Schema, is_root: bool) -> Schema | None:
    """The parts that expressions may name, as they are written there; None: any."""
    is_open = schema.get("additionalProperties") or schema.get("x-kubernetes-int-or-string")
    if schema.get("type") != "object" or is_open:
        return None
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return None
    fields = {escaped(name): part for name, part in (schema.get("properties") or {}).items()}
    if is_root or schema.get("x-kubernetes-embedded-resource"):
        return {**fields, **_ROOT}
    return fields


def _said(expression: str, offset: int, why: str) -> str:
    """An error as cel-go prints it: the place, the line, and a mark below it."""
    before = expression[:offset]
    line, column = before.count("\n") + 1, offset - (before.rfind("\n") + 1)
    text = expression.split("\n")[line - 1]
    return f"ERROR: <input>:{line}:{column + 1}: {why}\n | {text}\n | {'.' * column}^"
