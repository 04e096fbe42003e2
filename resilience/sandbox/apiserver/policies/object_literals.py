"""`Object{...}` and `JSONPatch{...}` in expressions, written as maps.

A mutating policy builds typed objects (k8s.io/apiserver/pkg/cel/mutation). Here values are dynamic,
so `Object.spec{replicas: 3}` becomes `{"replicas": 3}`. Strings and maps in the expression are not
changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_PARTS = re.compile(
    r"""(?P<text>[rR]?(?:\"\"\".*?\"\"\"|'''.*?'''|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'))"""
    r"|(?P<type>(?<![\w.])(?:Object(?:\s*\.\s*\w+)*|JSONPatch)\s*\{)"
    r"|(?P<field>\w+)(?=\s*:)"
    r"|(?P<word>\w+)"
    r"|(?P<open>[\[({])|(?P<close>[\])}])|(?P<other>\s+|.)",
    re.DOTALL,
)


def as_maps(expression: str) -> str:
    """The expression with a map for each typed object."""
    return "".join(_written(expression))


def _written(expression: str) -> Iterator[str]:
    inside: list[str] = []
    is_key = False
    for part in _PARTS.finditer(expression):
        kind, text = str(part.lastgroup), part[0]
        if kind == "type":
            inside.append("object")
            yield "{"
        elif kind == "field" and is_key and inside[-1:] == ["object"]:
            yield f'"{text}"'
        else:
            if kind == "open":
                inside.append(text)
            elif kind == "close" and inside:
                inside.pop()
            yield text
        if text.strip():
            is_key = kind == "type" or text == "," or (is_key and text == "?")
