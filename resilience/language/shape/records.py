"""Mappings with known keys: every dataclass whose fields are declared with `parameter()`.

Each field becomes a key with a shape; missing, duplicate and misspelt keys are problems, with the
nearest key as a suggestion. The result is an instance of the dataclass, so nothing downstream sees
YAML.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from yaml.nodes import MappingNode, Node

from resilience.language.shape.reading import WRONG, Entry, Reading, what
from resilience.language.shape.shapes import Shape
from resilience.language.text.near import listed, meant, quoted

Elsewhere = Callable[[str, Reading], str]
"""Where a key that is unknown here belongs, as a sentence; "" when nowhere."""


def _nowhere(key: str, reading: Reading) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One key. `default` is for documentation: the dataclass itself applies it."""

    name: str
    key: str
    shape: Shape
    required: bool
    default: Any = None
    doc: str = ""
    example: str = ""
    at_least: int | None = None
    at_most: int | None = None
    one_of: str = ""


@dataclass(frozen=True, kw_only=True)
class Record:
    """A mapping with known keys, read into `cls`."""

    cls: type[Any]
    fields: Mapping[str, Field] = field(hash=False)

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The known keys, in order of declaration."""
        return tuple(self.fields)

    @cached_property
    def required(self) -> tuple[str, ...]:
        """The required keys."""
        return tuple(key for key, item in self.fields.items() if item.required)

    @cached_property
    def exclusive(self) -> bool:
        """Whether some keys exclude each other."""
        return any(item.one_of for item in self.fields.values())

    @property
    def expected(self) -> str:
        """Description, with the most important keys first."""
        keys = [*self.required, *(key for key in self.keys if key not in self.required)]
        return f"a mapping with {listed((f'`{key}`' for key in keys), 'and')}" if keys else "`{}`"

    def takes(self, node: Node) -> bool:
        return isinstance(node, MappingNode)

    def read(self, node: Node, reading: Reading, label: str) -> Any:
        if not isinstance(node, MappingNode):
            return reading.wrong(node, f"{quoted(label)} is {what(node)}", self.expected)
        values = self.read_entries(reading.entries(node), node, reading, label)
        if any(value is WRONG for value in values.values()):
            return WRONG
        return self.cls(**values)

    def read_entries(
        self,
        entries: Mapping[str, Entry],
        node: Node,
        reading: Reading,
        label: str,
        elsewhere: Elsewhere = _nowhere,
    ) -> dict[str, Any]:
        """The given fields, by field name; wrong or missing ones as WRONG."""
        values: dict[str, Any] = {}
        misspelt = self.meant(entries)
        for entry in entries.values():
            if known := self.fields.get(entry.key):
                values[known.name] = _read(known, entry, reading)
            else:
                values[entry.key] = unknown(entry, self.keys, reading, label, elsewhere)
        for key in self.required:
            if key in entries:
                continue
            item = self.fields[key]
            if key in misspelt or (entries and self.keys == (key,)):
                values[item.name] = WRONG  # already reported for the key that was used instead
            else:
                expected = f"`{key}:` with {item.shape.expected}"
                values[item.name] = reading.wrong(node, f"{quoted(label)} lacks `{key}`", expected)
        if self.exclusive:
            self._exclude(entries, values, reading, label)
        return values

    def meant(self, keys: Iterable[str]) -> frozenset[str]:
        """The known keys that the unknown ones among `keys` most likely mean."""
        strange = [key for key in keys if key not in self.fields]
        if not strange:  # a fast path: nearly always true, and evaluated for each mapping
            return frozenset()
        return frozenset(meant(key, self.keys).strip("`") for key in strange) - {""}

    def _exclude(
        self, entries: Mapping[str, Entry], values: dict[str, Any], reading: Reading, label: str
    ) -> None:
        groups: dict[str, Field] = {}
        for key in entries:
            item = self.fields.get(key)
            if item is None or not item.one_of:
                continue
            first = groups.setdefault(item.one_of, item)
            if first is not item:
                message = f"{quoted(label)} has both `{first.key}` and `{key}`"
                values[item.name] = reading.wrong(entries[key].key_node, message, "one of them")


def _read(item: Field, entry: Entry, reading: Reading) -> Any:
    value = item.shape.read(entry.node, reading, item.key)
    low, high = item.at_least, item.at_most
    if isinstance(value, int) and not isinstance(value, bool):
        if low is not None and value < low:
            return reading.wrong(entry.node, f"`{item.key}` is `{value}`", f"at least {low}")
        if high is not None and value > high:
            return reading.wrong(entry.node, f"`{item.key}` is `{value}`", f"at most {high}")
    return value


def unknown(
    entry: Entry,
    keys: tuple[str, ...],
    reading: Reading,
    label: str,
    elsewhere: Elsewhere = _nowhere,
    suggestion: str = "",
) -> Any:
    """An unknown key: where it belongs, or the nearest one."""
    message = f"unknown key {quoted(entry.key)} in {quoted(label)}"
    if entry.key == "<<":
        return reading.wrong(
            entry.key_node, "merge keys (`<<`) are not supported", "the keys written out"
        )
    if "=" in entry.key or entry.key.endswith(")"):
        return reading.wrong(
            entry.key_node,
            message + ": a comma inside { } begins a new key",
            'quotes around a selector with commas: `pods: "app=shop,tier=web"`',
        )
    if place := elsewhere(entry.key, reading):
        return reading.wrong(entry.key_node, message, place)
    expected = listed((f"`{key}`" for key in keys), "or") or "no keys: `{}`"
    return reading.wrong(entry.key_node, message, expected, suggestion or meant(entry.key, keys))


def metadata(item: dataclasses.Field[Any], name: str) -> Any:
    """The metadata that `parameter()` attached to a field; other fields have none."""
    return item.metadata.get(name)
