"""Substitution in scalars, once, after the YAML has been parsed.

`${NAME}` and `${NAME:-default}` come from the environment (as in a shell, an empty variable takes
the default; without one it is an error, since `into: ${COPY}` must not mean the original),
`${matrix.x}` from the scenario's matrix, `${fixture.x}` is what the pytest fixture x
returns, `${namespace}` is the scenario's namespace, and `$${` is a literal `${`. Substituted values
are text, never YAML: they cannot add a key. What came from the environment or from a fixture is
masked wherever text is shown (`resilience.model.masks`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from resilience.language.text.near import listed, nearest, quoted
from resilience.model.masks import MASKS

_MARK = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)
_FIXTURE = re.compile(r"fixture\.([A-Za-z_][A-Za-z0-9_]*)")
_MATRIX = re.compile(r"matrix\.([A-Za-z_][A-Za-z0-9_-]*)")


class Unknown(Exception):
    """A reference without a value."""

    def __init__(self, message: str, expected: str, suggestion: str = "") -> None:
        super().__init__(message)
        self.message, self.expected, self.suggestion = message, expected, suggestion


@dataclass(frozen=True, slots=True, kw_only=True)
class Variables:
    """The values of references. `namespace` None: undefined. `used` collects the matrix keys
    that were referenced."""

    environment: Mapping[str, str]
    matrix: Mapping[str, str] = field(default_factory=dict)
    namespace: str | None = None
    used: set[str] = field(default_factory=set)
    fixtures: Mapping[str, str] = field(default_factory=dict)

    def fill(self, text: str) -> str:
        """The text with every reference replaced; raises Unknown for the first that has no
        value."""
        return _MARK.sub(self._value, text) if "${" in text else text

    def _value(self, match: re.Match[str]) -> str:
        if match[0] == "$${":
            return "${"
        inner = match[1]
        if inner == "namespace":
            return self._namespace()
        if inner and (found := _MATRIX.fullmatch(inner)):
            return self._matrix(found[1])
        if inner and (found := _FIXTURE.fullmatch(inner)):
            return self._fixture(found[1])
        if inner and (found := _NAME.fullmatch(inner)):
            return self._environment(found[1], found[2])
        raise Unknown(
            f"{quoted(match[0])} is not a reference",
            "`${NAME}`, `${NAME:-default}`, `${matrix.x}`, `${fixture.x}`, `${namespace}`, "
            "or `$${` for the characters themselves",
        )

    def _namespace(self) -> str:
        if self.namespace is None:
            raise Unknown(
                "`${namespace}` is undefined: the plan names none or several namespaces",
                "`namespace:` in a scenario, one namespace in a plan",
            )
        return self.namespace

    def _matrix(self, key: str) -> str:
        self.used.add(key)
        if key not in self.matrix:
            known = listed(f"`{name}`" for name in self.matrix) or "a `matrix:` with that key"
            raise Unknown(f"the matrix has no {quoted(key)}", known, nearest(key, self.matrix))
        return self.matrix[key]

    def _fixture(self, name: str) -> str:
        if name not in self.fixtures:
            known = listed(f"`{each}`" for each in self.fixtures) or f"`fixtures: [{name}]`"
            message = f"{quoted(name)} is not among the scenario's `fixtures`"
            raise Unknown(message, known, nearest(name, self.fixtures))
        return self.fixtures[name]

    def _environment(self, name: str, default: str | None) -> str:
        if value := self.environment.get(name, ""):
            MASKS.take(name, value)
            return value
        if default is None and name in self.environment:
            raise Unknown(
                f"the environment variable {quoted(name)} is empty",
                f"a value, or `${{{name}:-}}` where none is meant",
            )
        if default is None:
            raise Unknown(
                f"the environment variable {quoted(name)} is not set",
                f"the variable, or a default: `${{{name}:-value}}`",
                f"`${{matrix.{name}}}`" if name in self.matrix else nearest(name, self.environment),
            )
        return default
