"""Texts for a journal, in which values of the environment are written as `${NAME}`.

What is written down survives the process and may be read by others, so it holds no value that a
file took from the environment. The values are inserted again when the text is used. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_WRITTEN = re.compile(r"\$\$|\$\{(\w+)\}")


class NotSet(KeyError):
    """An environment variable that a text needs has no value here."""

    def __str__(self) -> str:
        return f"the environment variable {self.args[0]} is not set"


def referring(text: str, values: Mapping[str, str]) -> str:
    """The text with `${NAME}` for each of the values (name to value), and `$$` for `$`."""
    names = {value: name for name, value in sorted(values.items(), reverse=True)}
    longest_first = sorted(names, key=lambda value: (-len(value), value))
    found = "|".join([*map(re.escape, longest_first), re.escape("$")])
    return re.sub(found, lambda m: f"${{{names[m[0]]}}}" if m[0] in names else "$$", text)


def resolved(text: str, environment: Mapping[str, str]) -> str:
    """The original text of `referring`. NotSet where the environment lacks a value."""

    def value(match: re.Match[str]) -> str:
        if match[1] is None:
            return "$"
        if match[1] not in environment:
            raise NotSet(match[1])
        return environment[match[1]]

    return _WRITTEN.sub(value, text)


def named_in(value: Any) -> list[str]:
    """The variables that the texts of a record refer to, sorted."""
    found: list[str] = []

    def note(text: str) -> str:
        found.extend(match[1] for match in _WRITTEN.finditer(text) if match[1])
        return text

    in_texts(value, note)
    return sorted(set(found))


def in_texts(value: Any, change: Callable[[str], str]) -> Any:
    """A record of JSON with each of its texts changed; keys stay."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {key: in_texts(each, change) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(in_texts(each, change) for each in value)
    return value
