"""Values of the language in JSON: defaults and examples for schema and reference."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import Enum
from typing import Any

import yaml


def parsed(example: str) -> Any:
    """An example as an editor offers it. Verbs declare examples in YAML."""
    return yaml.safe_load(example)


def plain(value: Any) -> Any:
    """A default as a user would write it: numbers and booleans as such, everything else as text."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if dataclasses.is_dataclass(value) and type(value).__str__ is object.__str__:
        return None
    return str(value)
