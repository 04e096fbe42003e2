"""`matrix:`: named lists whose product gives one test each, without what `exclude` lists.

Values are text with the usual `${NAME}` rules; a combination is a mapping of key to text, in the
order written. A key that no step uses would run the same test several times: a problem.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

from yaml.nodes import MappingNode, Node

from resilience.language.shape.reading import WRONG, Entry, Reading, Wrong, what
from resilience.language.shape.scalars import SCALARS
from resilience.language.shape.shapes import ListOf, MapOf
from resilience.language.text.near import nearest, quoted

LIMIT = 256
EXCLUDE = "exclude"

_VALUES = ListOf(item=SCALARS[str], least=1)
_EXCLUDED = ListOf(item=MapOf(value=SCALARS[str]))
_EXPECTED = "named lists, such as `{replicas: [1, 3], grace: [0s, 30s]}`"

Combination = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class MatrixShape:
    """The form of `matrix:`; its combinations are made before forms are read."""

    expected: str = _EXPECTED

    def takes(self, node: Node) -> bool:
        return isinstance(node, MappingNode)

    def read(self, node: Node, reading: Reading, label: str) -> Any:
        return None


def combinations(node: Node, reading: Reading) -> Sequence[Combination] | Wrong:
    """All combinations of a matrix, in the order in which a person would write them."""
    if not isinstance(node, MappingNode):
        return reading.wrong(node, f"`matrix` is {what(node)}", _EXPECTED)
    entries = dict(reading.entries(node))
    excluded = entries.pop(EXCLUDE, None)
    lists = {key: _values(entry, reading) for key, entry in entries.items()}
    if any(values is WRONG for values in lists.values()):
        return WRONG
    if not lists or prod(map(len, lists.values())) > LIMIT:
        number = prod(map(len, lists.values())) if lists else "no"
        return reading.wrong(node, f"a matrix of {number} combinations", f"1 to {LIMIT}")
    found: list[Combination] = [
        dict(zip(lists, values, strict=True)) for values in product(*lists.values())
    ]
    return _without(found, lists, excluded, node, reading) if excluded else found


def _values(entry: Entry, reading: Reading) -> Any:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", entry.key):
        return reading.wrong(
            entry.key_node,
            f"{quoted(entry.key)} as a key of the matrix",
            "letters, digits, `_` and `-`",
        )
    values = _VALUES.read(entry.node, reading, entry.key)
    if values is WRONG:
        return WRONG
    for index, value in enumerate(values):
        if value in values[:index]:
            return reading.wrong(
                _item(entry.node, index), f"{quoted(value)} is there twice", "each value once"
            )
    return values


def _item(node: Node, index: int) -> Node:
    item: Node = node.value[index]
    return item


def _without(
    found: Sequence[Combination],
    lists: Mapping[str, Any],
    entry: Entry,
    node: Node,
    reading: Reading,
) -> Sequence[Combination] | Wrong:
    rules = _EXCLUDED.read(entry.node, reading, EXCLUDE)
    if rules is WRONG:
        return Wrong.WRONG
    bad = [
        _bad_rule(rule, lists, _item(entry.node, index), reading)
        for index, rule in enumerate(rules)
    ]
    kept = [one for one in found if not any(rule.items() <= one.items() for rule in rules)]
    if any(bad):
        return WRONG
    return kept or reading.wrong(node, "`exclude` leaves no combination", "at least one")


def _bad_rule(
    rule: Mapping[str, str], lists: Mapping[str, Any], node: Node, reading: Reading
) -> bool:
    for key, value in rule.items():
        if key not in lists:
            reading.wrong(
                node,
                f"the matrix has no {quoted(key)} to exclude",
                ", ".join(f"`{name}`" for name in lists),
                nearest(key, lists),
            )
            return True
        if value not in lists[key]:
            reading.wrong(
                node,
                f"{quoted(key)} is never {quoted(value)}",
                ", ".join(quoted(v) for v in lists[key]),
                nearest(value, lists[key]),
            )
            return True
    if not rule:
        reading.wrong(node, "an empty `exclude` would leave nothing", "keys of the matrix")
    return not rule
