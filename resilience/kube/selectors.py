"""Label selectors as values, in the syntax that kubectl and the API server share.

`app=shop`, `app==shop`, `tier!=db`, `zone in (a, b)`, `zone notin (a)`, `canary`, `!canary`, joined
by commas (all must hold). Semantics of k8s.io/apimachinery/pkg/labels: `!=` and `notin` also match
objects that lack the key. An empty selector, which would match everything, is refused. The `str` is
canonical: requirements sorted, ready for the API's `labelSelector` parameter. The numeric `>` and
`<` of that package are not offered.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Self

_KEY = re.compile(
    r"(?:(?=.{1,253}/)[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?/)?"
    r"(?=.{1,63}\Z)[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?"
)
_VALUE = re.compile(r"(?=.{0,63}\Z)(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
_EQUALITY = re.compile(r"(?P<key>[^\s=!,()]+)\s*(?P<op>==|=|!=)\s*(?P<value>[^\s=!,()]*)")
_SET = re.compile(r"(?P<key>[^\s=!,()]+)\s+(?P<op>in|notin)\s*\((?P<values>[^()]*)\)")
_EXISTS = re.compile(r"(?P<no>!?)\s*(?P<key>[^\s=!,()]+)")
_SPLIT = re.compile(r",(?![^()]*\))")
_EXPECTED = "a label selector such as app=shop, tier!=db, zone in (a, b) or !canary"


class Operator(Enum):
    """What a requirement demands of a label."""

    IN = "in"
    NOT_IN = "notin"
    EXISTS = "exists"
    ABSENT = "!"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one label key. `values` is sorted; empty for EXISTS and ABSENT."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels satisfy it."""
        if self.operator is Operator.EXISTS:
            return self.key in labels
        if self.operator is Operator.ABSENT:
            return self.key not in labels
        held = self.key in labels and labels[self.key] in self.values
        return held is (self.operator is Operator.IN)

    def __str__(self) -> str:
        if self.operator is Operator.EXISTS:
            return self.key
        if self.operator is Operator.ABSENT:
            return f"!{self.key}"
        if len(self.values) == 1:
            return f"{self.key}{'=' if self.operator is Operator.IN else '!='}{self.values[0]}"
        return f"{self.key} {self.operator.value} ({','.join(self.values)})"


@dataclass(frozen=True, slots=True)
class Selector:
    """Requirements that must all hold, in canonical order."""

    requirements: tuple[Requirement, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a selector; ValueError says what was expected."""
        parts = [part.strip() for part in _SPLIT.split(text)]
        found = {_requirement(part) for part in parts}
        return cls(tuple(sorted(found, key=lambda r: (r.key, r.operator.value, r.values))))

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels is selected."""
        return all(requirement.matches(labels) for requirement in self.requirements)

    def __str__(self) -> str:
        return ",".join(str(requirement) for requirement in self.requirements)


def _requirement(part: str) -> Requirement:
    if match := _EQUALITY.fullmatch(part):
        operator = Operator.NOT_IN if match["op"] == "!=" else Operator.IN
        return _checked(match["key"], operator, [match["value"]])
    if match := _SET.fullmatch(part):
        values = [value.strip() for value in match["values"].split(",")]
        return _checked(match["key"], Operator(match["op"]), values)
    if match := _EXISTS.fullmatch(part):
        return _checked(match["key"], Operator.ABSENT if match["no"] else Operator.EXISTS, [])
    raise ValueError(_EXPECTED)


def _checked(key: str, operator: Operator, values: list[str]) -> Requirement:
    if not _KEY.fullmatch(key) or not all(_VALUE.fullmatch(value) for value in values):
        raise ValueError(_EXPECTED)
    return Requirement(key, operator, tuple(sorted(set(values))))
