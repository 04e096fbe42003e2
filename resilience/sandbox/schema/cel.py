"""CEL as Kubernetes offers it to rules: one rule in, an answer out.

Evaluation is Google's own (`cel_expr_python`, over cel-cpp), which is an extra: it is imported when
the first rule is met, and where it is missing rules are not evaluated, and a warning says so.
Values are dynamically typed here: a wrong type, which the real server's compiler refuses, is an
error only when the rule runs. Cost limits are not counted.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

MISSING = (
    "x-kubernetes-validations are not evaluated here: install pytest-resilience[cel] where the"
    " sandbox runs"
)
_STRING = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'")
_OLD = re.compile(r"\boldSelf\b")
_NO_KEY = re.compile(r'Key not found in map : "?([^"]*)"?')

_WORDS = (
    (r"Index error: index=(-?\d+) size=\d+", r"index out of bounds: \1"),
    ("divide by zero", "division by zero"),
)


class CelError(Exception):
    """An expression that does not compile, or fails when it runs; the text says how."""


@lru_cache(maxsize=1)
def is_installed() -> bool:
    """Whether rules can be evaluated at all."""
    return importlib.util.find_spec("cel_expr_python") is not None


def uses_old(expression: str) -> bool:
    """Whether a rule refers to the value before the change."""
    return _OLD.search(_STRING.sub("''", expression)) is not None


RULES = ("self", "oldSelf", "_hasOld", "_old")
"""The names in rules of custom resources."""
ADMISSION = ("object", "oldObject", "request", "params", "namespaceObject", "variables",
             "authorizer")  # fmt: skip
"""The names in conditions of webhooks and in admission policies."""


@lru_cache(maxsize=2)
def _environment(names: tuple[str, ...]) -> Any:
    from cel_expr_python import cel
    from cel_expr_python.ext import (
        ext_bindings,
        ext_encoders,
        ext_math,
        ext_optional,
        ext_strings,
    )

    from resilience.sandbox.schema import cel_library

    return cel.NewEnv(
        variables=dict.fromkeys(names, cel.Type.DYN),
        extensions=[
            ext_strings.ExtStrings(),
            ext_bindings.ExtBindings(),
            ext_optional.ExtOptional(),
            ext_math.ExtMath(),
            ext_encoders.ExtEncoders(),
            cel_library.extension(cel),
        ],
    )


@lru_cache(maxsize=4096)
def compiled(expression: str, names: tuple[str, ...] = RULES) -> Any:
    """The program of an expression; CelError with the compiler's own text."""
    try:
        return _environment(names).compile(expression)
    except RuntimeError as error:
        text = str(error).removeprefix("INVALID_ARGUMENT: ").removesuffix(" [INVALID_ARGUMENT]")
        raise CelError(text) from error


def kind_of(expression: str, names: tuple[str, ...] = RULES) -> str:
    """BOOL, STRING and so on, DYN where only values tell; CelError."""
    return str(compiled(expression, names).return_type().name())


def with_optional_old(expression: str) -> str:
    """The rule with `oldSelf` as an optional, as `optionalOldSelf: true` gives it."""
    return f"cel.bind(oldSelf, _hasOld ? optional.of(_old) : optional.none(), {expression})"


def evaluate(expression: str, names: Mapping[str, Any], known: tuple[str, ...] = RULES) -> Any:
    """The value of an expression over plain values; CelError when it fails."""
    timed = {name: value for name, value in names.items() if _has_times(value)}
    if timed:
        # The library takes no times as values, so they are written into the expression.
        for name, value in timed.items():
            expression = f"cel.bind({name}, dyn({_literal(value)}), {expression})"
        program = compiled.__wrapped__(expression, known)
    else:
        program = compiled(expression, known)
    result = program.eval(data={name: value for name, value in names.items() if name not in timed})
    value = result.plain_value()
    if result.type().name() in ("*error*", "ERROR", "error", "*unknown*"):
        raise CelError(_plain(str(value)))
    return value


def _has_times(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_has_times(inner) for inner in value.values())
    if isinstance(value, list):
        return any(_has_times(inner) for inner in value)
    return isinstance(value, datetime | timedelta)


def _literal(value: Any) -> str:
    """A value as CEL writes it."""
    if isinstance(value, dict):
        inner = (f"{json.dumps(key)}: {_literal(part)}" for key, part in value.items())
        return "{" + ", ".join(inner) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_literal(part) for part in value) + "]"
    if isinstance(value, datetime):
        zoned = value if value.tzinfo else value.replace(tzinfo=UTC)
        return f"timestamp({json.dumps(zoned.isoformat())})"
    if isinstance(value, timedelta):
        return f"duration('{value.total_seconds():.9f}s')"
    if isinstance(value, bytes):
        return "b'" + "".join(f"\\x{byte:02x}" for byte in value) + "'"
    return json.dumps(value)


def _plain(text: str) -> str:
    """An error in the words of the Go implementation, which Kubernetes runs."""
    for cpp, go in _WORDS:
        if re.search(cpp, text):
            return re.sub(f".*{cpp}.*", go, text)
    found = _NO_KEY.search(text)
    if found:
        return f"no such key: {found[1]}"
    if "No matching overload" in text:
        return "no such overload"
    return text.partition(": ")[2] or text
