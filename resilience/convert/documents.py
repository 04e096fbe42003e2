"""Reads the YAML (or JSON, which is YAML) of other tools, with a limit on what aliases repeat."""

from __future__ import annotations

from typing import Any

import yaml

MOST = 100_000
"""Values of one document, those that aliases repeat counted each time: more is a bomb."""


class TooMuch(ValueError):
    """The aliases of a document make it too large, or endless."""


class _Loader(yaml.SafeLoader):
    """Counts values before anything is built, because merge keys repeat values while it is
    built."""

    def construct_document(self, node: yaml.Node) -> Any:
        if _size(node, {}) > MOST:
            raise TooMuch(f"its aliases make more than {MOST} values")
        return super().construct_document(node)


def documents(text: str) -> list[Any]:
    """Without empty ones. ValueError, RecursionError or YAMLError for what cannot be read."""
    return [each for each in yaml.load_all(text, _Loader) if each is not None]


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """Values in it. `known` holds those that were counted; 0 while one is being counted."""
    found = known.get(id(node))
    if found is not None:
        if not found:
            raise TooMuch("an alias is inside of what it repeats")
        return found
    known[id(node)] = 0
    known[id(node)] = size = 1 + sum(_size(each, known) for each in _parts(node))
    return size


def _parts(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return node.value if isinstance(node, yaml.SequenceNode) else []
